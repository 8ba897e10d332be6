"""The benchmark of vector search: its vectors, what it measures, and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.ann.figures import ann_table, draw_ann, synthetic_table
from benchmarks.ann.libraries import FaissFlat, FaissGraph, Library, Semsearch, allowed_rows
from benchmarks.ann.measure import build, search
from benchmarks.ann.vectors import exact_neighbours, synthesise
from semsearch.dense import unit_rows


def setting(name: object, overlap: float, milliseconds: float) -> dict[str, Any]:
    return {"setting": name, "knn_overlap": overlap, "cpu_ms": {"p50": milliseconds, "p99": 2 * milliseconds}}


def one_library(settings: list[dict[str, Any]], *filters: dict[str, Any]) -> dict[str, Any]:
    return {
        "build": {"cpu_seconds": 12.34, "bytes": 8_000_000},
        "search": {"private_rss_bytes": 56_000_000, "settings": settings, "filters": list(filters)},
    }


GOOD = one_library(
    [setting(0.9, 0.95, 0.25), setting(0.99, 0.992, 0.5), setting(1, 1.0, 9)],
    setting(0.99, 0.991, 1.5),
    setting(0.99, 1.0, 0.1),
)
POOR = one_library([setting(1, 0.9, 1), setting(2, 0.97, 2)])
ANN = {
    "sizes": {
        "10000": {"libraries": {"semsearch": GOOD, "hnswlib": POOR}},
        "1000000": {"libraries": {"semsearch": GOOD}},
    },
    "synthetic": {
        "real": {"libraries": {"semsearch": GOOD}},
        "synthetic": {"libraries": {"semsearch": one_library([setting(n, 0.5, 1) for n in (0.9, 0.99, 1)])}},
    },
}


def test_each_library_is_shown_with_its_cheapest_good_setting_or_its_best() -> None:
    assert ann_table(ANN).splitlines()[2:] == [
        "| 10,000 | semsearch | 0.992 | 0.50 | 1.00 | 3.0 | 0.991 | 800 | 56 | 12.3 |",
        "| 10,000 | hnswlib | 0.970 | 2.00 | 4.00 |  |  | 800 | 56 | 12.3 |",
        "| 1,000,000 | semsearch | 0.992 | 0.50 | 1.00 | 3.0 | 0.991 | 8 | 56 | 12.3 |",
    ]


def test_real_and_synthetic_vectors_are_side_by_side() -> None:
    assert synthetic_table(ANN).splitlines()[2:] == [
        "| 0.9 | 0.9500 | 0.5000 |",
        "| 0.99 | 0.9920 | 0.5000 |",
        "| 1 | 1.0000 | 0.5000 |",
    ]


def test_the_plots_are_the_same_each_time(tmp_path: Path) -> None:
    draw_ann(ANN, tmp_path / "first")
    draw_ann(ANN, tmp_path / "again")
    for name in ("ann.png", "ann.svg"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_exact_neighbours_are_those_of_numpy_with_and_without_a_filter() -> None:
    draw = np.random.default_rng(1)
    vectors = unit_rows(draw.standard_normal((500, 16)).astype(np.float32)).astype(np.float16)
    queries = unit_rows(draw.standard_normal((5, 16)).astype(np.float32))
    scores = queries @ vectors.astype(np.float32).T
    np.testing.assert_array_equal(exact_neighbours(queries, vectors, 7), np.argsort(-scores, axis=1)[:, :7])
    allowed = np.arange(500) % 100 == 3
    expected = np.flatnonzero(allowed)[np.argsort(-scores[:, allowed], axis=1)]
    np.testing.assert_array_equal(exact_neighbours(queries, vectors, 7, allowed)[:, :5], expected)
    assert (exact_neighbours(queries, vectors, 7, allowed)[:, 5:] == -1).all()


def test_synthetic_vectors_are_of_length_one_and_the_same_each_time() -> None:
    real = unit_rows(np.random.default_rng(2).standard_normal((300, 16)).astype(np.float32)).astype(np.float16)
    vectors = synthesise(real, 1000)
    np.testing.assert_array_equal(vectors[:300], real)
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)
    assert len(np.unique(vectors, axis=0)) == 1000
    np.testing.assert_array_equal(synthesise(real, 1000), vectors)


@pytest.mark.parametrize("library", [Semsearch(), FaissFlat(), FaissGraph()])
def test_a_library_is_measured(library: Library, tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    vectors = unit_rows(draw.standard_normal((2000, 16)).astype(np.float32)).astype(np.float16)
    queries = unit_rows(draw.standard_normal((30, 16)).astype(np.float32))
    task: dict[str, Any] = {"count": 2000, "filtered_truth": {}}
    arrays: dict[str, NDArray[Any]] = {"vectors": vectors, "queries": queries, "few": queries}
    arrays["truth"] = exact_neighbours(queries, vectors, 10)
    for share, mask in allowed_rows(2000):
        arrays[f"truth-{share}"] = exact_neighbours(queries, vectors, 10, mask)
        task["filtered_truth"][str(share)] = str(tmp_path / f"truth-{share}.npy")
    for name, array in arrays.items():
        task[name] = str(tmp_path / f"{name}.npy")
        np.save(task[name], array)
    folder = tmp_path / "index"
    folder.mkdir()
    built = build(library, tmp_path / "vectors.npy", folder, task)
    found = search(library, tmp_path / "vectors.npy", folder, task)
    assert built["bytes"] >= 2000 * 16 * 2
    assert [one["setting"] for one in found["settings"]] == list(library.settings)
    assert found["settings"][-1]["knn_overlap"] >= 0.99
    assert [one["share"] for one in found["filters"]] == [0.5, 0.1, 0.01, 0.001]
    assert all(0 < one["cpu_ms"]["p50"] <= one["cpu_ms"]["p99"] for one in [*found["settings"], *found["filters"]])
    if not isinstance(library, FaissGraph):
        assert [one["knn_overlap"] for one in found["filters"]] == [1, 1, 1, 1]
