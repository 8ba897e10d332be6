"""The benchmark of engines: that all sides get the same passages, and that what it says of them is what they do."""

from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import measuring
from benchmarks.engines import __main__ as engines
from benchmarks.engines.figures import engines_table, filters_table
from benchmarks.engines.passages import SHARES, Archive, make_archive
from benchmarks.engines.sides import SIDES, Side, why_not
from semsearch.engines import article_of, first_passage
from semsearch.storage import content_digest

DIMENSION = 384  # of what gives a folder its tokens
QUESTIONS = ("who pays for the mission", "when does the mandate end")


def unit(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def archive() -> Archive:
    return make_archive(unit((2000, DIMENSION), 0).astype(np.float16), QUESTIONS)


# --- what is put in ---------------------------------------------------------------------------------------------


def test_batches_are_whole_articles_with_the_texts_that_their_passages_are_of(archive: Archive) -> None:
    assert [len(batch.rows) for batch in archive.batches] == [1000, 1000]
    assert np.array_equal(np.concatenate([batch.vectors for batch in archive.batches]), archive.vectors)
    assert (np.diff(archive.rows) > 0).all()
    for batch in archive.batches:
        owners = iter(range(len(batch.rows)))
        for one in batch.articles:
            mine = list(itertools.islice(owners, one.passages))
            assert (article_of(batch.rows[mine]) == one.row).all()
            assert batch.rows[mine[0]] == first_passage(one.row)
            assert one.digest == content_digest(one.article)
            texts = [one.article.text[batch.starts[at] : batch.ends[at]] for at in mine]
            assert "\n\n".join(texts) == one.article.text
            assert one.tokens == sum(len(batch.codes[at]) for at in mine)
    assert archive.tokens == sum(len(codes) for batch in archive.batches for codes in batch.codes)
    assert batch.codes[0].shape[1] == DIMENSION / 4


def test_a_smaller_archive_is_the_beginning_of_a_larger_one(archive: Archive) -> None:
    small = make_archive(archive.vectors[:1000], QUESTIONS)
    first = archive.first(1000)
    assert len(first.rows) == 1000
    assert first.tokens < archive.tokens
    assert [one.digest for one in small.batches[0].articles] == [one.digest for one in first.batches[0].articles]


def test_a_filter_leaves_the_share_that_it_is_called_by(archive: Archive) -> None:
    shares = {field: archive.allowed(field).mean() for field in SHARES}
    assert shares == {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 5 / 2000}
    made = [one.article for batch in archive.batches for one in batch.articles]
    for field in SHARES:
        matching = np.repeat([article.metadata[field] == 1 for article in made], 5)
        assert np.array_equal(matching, archive.allowed(field))


# --- what is measured -------------------------------------------------------------------------------------------


def test_recall_is_the_share_of_the_exact_nearest_that_was_found() -> None:
    exact = [np.array([1, 2]), np.array([3, 4, 5])]
    assert engines._recall([np.array([2, 1]), np.array([5, 4, 3])], exact) == 1
    assert engines._recall([np.array([2, 9]), np.array([5])], exact) == 0.4


@pytest.mark.parametrize("name", ["embedded", "postgres"])
def test_a_side_finds_what_exact_search_finds(name: str, archive: Archive, tmp_path: Path) -> None:
    missing = why_not(name)
    if missing is not None:
        pytest.skip(missing)
    queries = unit((5, DIMENSION), 1)
    with SIDES[name](tmp_path) as side:
        found = engines._measure_size([side], archive, queries)[name]
        assert found["search"]["recall"] == 1  # so few are all scored
        assert {each["field"]: each["recall"] for each in found["filters"]} == dict.fromkeys(SHARES, 1.0)
        assert found["disk_bytes"] == sum(found["disk_parts"].values()) > archive.tokens * DIMENSION / 4
        assert len(found["search"]["ours"]["wall_seconds"]) == len(queries)
        assert found["search"]["ours"]["server_cpu_seconds"] >= 0
        assert ("by hand" in found["search"]) == (found["server_rss_bytes"] is not None) == (name != "embedded")
        check_clearing(side, archive.first(1000), queries)


def check_clearing(side: Side, archive: Archive, queries: NDArray[np.float32]) -> None:
    """What was there is gone, and the next archive is found."""
    side.clear()
    found = engines._measure_size([side], archive, queries)[side.name]
    assert found["search"]["recall"] == 1
    assert found["filters"][0]["passages"] == 500


def test_the_command_writes_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(passages: int, queries: int, cache: Path, *, short: bool) -> tuple[str, Archive, NDArray[np.float32]]:
        assert (passages, cache, short) == (1000, engines.CACHE, False)
        vectors = unit((passages, DIMENSION), 0).astype(np.float16)
        return "made", make_archive(vectors, QUESTIONS), unit((queries, DIMENSION), 1)

    monkeypatch.setattr(engines, "_make", make)  # the vectors are those of a model
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    engines.main(["--sizes", "1000", "--side", "embedded", "--queries", "4"])
    result = json.loads((tmp_path / "engines.json").read_text(encoding="utf-8"))
    (one,) = result["engines"]["embedded"]["sizes"]
    assert result["command"] == "python -m benchmarks.engines --sizes 1000 --queries 4"
    assert (one["passages"], one["search"]["recall"]) == (1000, 1)
    assert engines_table(result).splitlines()[2].startswith("| 1,000 | a folder | ")


# --- tables -----------------------------------------------------------------------------------------------------


def measured() -> dict[str, Any]:
    ours = {"wall_seconds": [0.002] * 99 + [0.02] * 2, "cpu_seconds": [0.001] * 101, "server_cpu_seconds": 0.002}
    hand = {"wall_seconds": [0.001] * 99 + [0.01] * 2, "cpu_seconds": [0.0005] * 101, "server_cpu_seconds": 0.002}
    one: dict[str, Any] = {
        "passages": 1000,
        "upsert": {"wall_seconds": 0.5},
        "flush": {"wall_seconds": 1.25},
        "disk_bytes": 14_000_000,
        "server_rss_bytes": 250e6,
        "search": {"ours": ours, "by hand": hand, "recall": 0.995},
        "filters": [{"field": "tenth", "passages": 100, "recall": 0.99, "wall_seconds": [0.003, 0.004]}],
        "hybrid": {"wall_seconds": [0.05], "cpu_seconds": [0.03], "server_cpu_seconds": [0.01, 0.03]},
    }
    folder = copy.deepcopy(one)
    folder["server_rss_bytes"] = None
    folder["search"]["ours"]["server_cpu_seconds"] = 0.0
    del folder["search"]["by hand"]
    larger = {**copy.deepcopy(one), "passages": 2000}
    return {"engines": {"postgres": {"sizes": [one, larger]}, "embedded": {"sizes": [folder]}}}


def test_engines_are_listed_by_size_with_what_our_layer_adds() -> None:
    lines = engines_table(measured()).splitlines()[2:]
    postgres = "| 250 | 0.995 | 2.00 | 20.00 | 3.00 | 1.00 | 10.00 | 2.50 | +100 %, +20 % | 50 | 50 |"
    assert lines == [
        f"| 1,000 | PostgreSQL | 2,000 | 1.2 | 14,000 {postgres}",
        "| 1,000 | a folder | 2,000 | 1.2 | 14,000 |  | 0.995 | 2.00 | 20.00 | 1.00 |  |  |  |  | 50 | 50 |",
        f"| 2,000 | PostgreSQL | 4,000 | 1.2 | 7,000 {postgres}",
    ]


def test_filters_are_listed_by_what_they_leave() -> None:
    assert filters_table(measured()).splitlines()[2] == "| 1,000 | PostgreSQL | 10 % | 0.990 | 3.00 | 4.00 |"
