"""The tables and plots of what queries and builds cost: that they say what was measured."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import costs
from benchmarks.measuring import fit_line
from benchmarks.report import read_costs

STAGES = ("model", "reading", "dense", "lexical", "late interaction", "scores", "folding", "hits", "rest")


def case(milliseconds: float, *, stages: dict[str, float] | None = None) -> dict[str, Any]:
    """A way of asking whose median is this, whose slowest query takes twice as long, and longer by the clock."""
    cpu = [milliseconds / 1000] * 99 + [2 * milliseconds / 1000]
    wall = [seconds + 0.001 for seconds in cpu]
    return {"cpu_seconds": cpu, "wall_seconds": wall, "stages": stages or {}, "peak_rss_bytes": 600 * 2**20}


def size(passages: int) -> dict[str, Any]:
    """An archive, where the dense search takes 1 ms for 10,000 passages and the other stages 1 ms each."""
    stages = {**dict.fromkeys(STAGES, 0.001), "dense": passages / 1e7}
    return {
        "passages": passages,
        "open_cpu_seconds": [9.0, passages / 1e5, 0.001],
        "cases": {
            "hybrid": case(8 + passages / 1e4, stages=stages),
            "dense": case(3, stages={"model": 0.001, "dense": passages / 1e7}),
            "lexical": case(2, stages={"lexical": 0.002}),
            "hybrid, explained": case(30, stages=stages),
            "plain": case(4),
        },
        "threads": [
            {"threads": count, "queries": 60, "wall_seconds": [2.0, 60 / rate, 0.1], "cpu_seconds": [3.0, 0.6, 0.5]}
            for count, rate in ((1, 100), (2, 150))
        ],
    }


def runs(cpu: float, mebibytes: float) -> list[dict[str, float]]:
    return [
        {"cpu_seconds": cpu + more, "wall_seconds": cpu + 1 + more, "peak_rss_bytes": mebibytes * 2**20}
        for more in (5.0, 0.0, -0.5)
    ]


@pytest.fixture
def measured() -> dict[str, Any]:
    small, large = size(1000), size(10_000)
    parts = {"stages": [{"Python": 0.02, "the query": 0.5}] * 3, "imports": {"torch": 1.5, "others": 0.25}}
    small |= {"cold": {"semsearch": runs(1.0, 100), "plain": runs(4.0, 500)}, "parts": parts}
    line = fit_line([1000, 10_000], [0.0081, 0.009])._asdict()
    build = {
        "passages": 100,
        "embedded": 100,
        "cpu_seconds": 40.0,
        "wall_seconds": 30.0,
        "peak_rss_bytes": 800 * 2**20,
        "bytes_by_kind": {"articles": 50_000, "tokens": 900_000},
    }
    again = {**build, "embedded": 0, "cpu_seconds": 5.0}
    embedding = {
        "texts": 100,
        "tokens": 8100,
        "by": {
            "sentence-transformers": {"cpu_seconds": [4.0, 3.0, 9.0], "wall_seconds": [1.0] * 3},
            "bfloat16": {
                "cpu_seconds": [2.0, 2.0, 2.0],
                "wall_seconds": [1.0] * 3,
                "cosine": {"least": 0.9990049, "mean": 0.99951},
            },
        },
    }
    growth = {
        "cpu_seconds": {"base": 1.0, "slope": 0.0015, "r2": 0.999},
        "peak_rss_bytes": {"base": 150 * 2**20, "slope": 1000.0, "r2": 0.5},
        "index_bytes": {"base": 0.0, "slope": 12_000.0, "r2": 1.0},
    }
    return {
        "latency": {
            "archive": "made",
            "sizes": [small, large],
            "growth": {"hybrid": line, "stage: dense": line, "hybrid, explained": line, "opening": line},
        },
        "latency-news": {"archive": "news", "sizes": [{**small, "passages": 500}]},
        "build-corpus": {
            "builds": {"whole": build, "nothing changed": again, "1 % edited": {**again, "embedded": 1}},
            "embedding": embedding,
        },
        "growth": {
            "sizes": [
                {"passages": 1000, "peak_rss_bytes": 2e8, "token_vectors": True},
                {"passages": 10_000, "peak_rss_bytes": 3e8, "token_vectors": True},
                {"passages": 100_000, "peak_rss_bytes": 4e8, "token_vectors": False},
            ],
            "growth": growth,
        },
        "limits": {
            "memory_gigabytes_a_second": {"copy": [30.0], "sum": [10.0, 20.0]},
            "gigaflops": {"numpy float32": [90.0, 100.0], "torch float32": [80.0], "torch bfloat16": [300.0]},
        },
    }


def rows(table: str) -> list[list[str]]:
    """The cells of each row, without the line below the head."""
    lines = [line for line in table.splitlines() if line and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# --- tables -----------------------------------------------------------------------------------------------------------


def test_what_is_beyond_embedding_is_of_the_largest_archive(measured: dict[str, Any]) -> None:
    assert rows(costs.latency_table(measured))[1:] == [
        ["hybrid", "8.0", "8.0"],
        ["dense", "2.0", "2.0"],
        ["lexical", "2.0", "2.0"],
        ["hybrid, explained", "29.0", "29.0"],
    ]


def test_a_warm_query_is_shown_beside_the_plain_scripts(measured: dict[str, Any]) -> None:
    head, *found = rows(costs.warm_table(measured))
    assert head[0] == "10,000 passages"
    assert found[0] == ["hybrid", "9.0", "9.0", "10.0", "10.0", "2.25", "600"]
    assert found[-1] == ["**plain script**", "4.0", "4.0", "5.0", "5.0", "1.00", "600"]
    measured["latency"]["sizes"][1]["cases"]["hybrid"]["cpu_seconds"][:2] = [0.02, 0.03]
    assert rows(costs.warm_table(measured))[1][1:3] == ["9.0", "20.0"]  # the third slowest of a hundred is not the 99th


def test_cold_queries_are_of_every_archive_that_was_asked_cold(measured: dict[str, Any]) -> None:
    assert rows(costs.cold_table(measured))[1:] == [
        ["made, 1,000 passages", "1.00 CPU-s, 2.00 s, 100 MiB", "4.00 CPU-s, 5.00 s, 500 MiB", "0.25"],
        ["news, 500 passages", "1.00 CPU-s, 2.00 s, 100 MiB", "4.00 CPU-s, 5.00 s, 500 MiB", "0.25"],
    ]
    parts = rows(costs.parts_table(measured))
    assert parts[:2] == [["CPU-s of a cold query", "Python", "the query"], ["made, 1,000 passages", "0.02", "0.50"]]
    assert ["torch", "1.50"] in parts


def test_stages_and_threads_have_a_row_for_each_size(measured: dict[str, Any]) -> None:
    assert [row[:4] for row in rows(costs.stages_table(measured))[1:]] == [
        ["1,000", "1.0", "1.0", "0.1"],
        ["10,000", "1.0", "1.0", "1.0"],
    ]
    assert rows(costs.threads_table(measured)) == [
        ["passages", "queries a second, 1 thread", "queries a second, 2 threads"],
        ["1,000", "100 (10.0 CPU-ms each)", "150 (10.0 CPU-ms each)"],
        ["10,000", "100 (10.0 CPU-ms each)", "150 (10.0 CPU-ms each)"],
    ]


def test_growth_is_for_each_hundred_thousand_passages(measured: dict[str, Any]) -> None:
    assert rows(costs.growth_table(measured))[1:] == [
        ["hybrid query, CPU", "8.0 ms", "+10.0 ms", "1.000"],
        ["of it: dense search", "8.0 ms", "+10.0 ms", "1.000"],
        ["opening the index, CPU", "8.0 ms", "+10.0 ms", "1.000"],
        ["build without the model, CPU", "1.0 s", "+150.0 s", "0.999"],
        ["build without the model, memory at most", "150.0 MiB", "+95.4 MiB", "0.500"],
        ["disk", "0.0 MiB", "+1144.4 MiB", "1.000"],
    ]


def test_builds_have_what_they_embedded_and_what_a_passage_takes(measured: dict[str, Any]) -> None:
    assert rows(costs.builds_table(measured))[1:] == [
        ["corpus", "whole", "100 of 100", "40.0", "30.0", "800", "9,500"],
        ["corpus", "nothing changed", "0 of 100", "5.0", "30.0", "800", "9,500"],
        ["corpus", "1 % edited", "1 of 100", "5.0", "30.0", "800", "9,500"],
    ]
    assert rows(costs.disk_table(measured)) == [["bytes a passage", "articles", "tokens"], ["corpus", "500", "9,000"]]
    assert rows(costs.embedding_table(measured))[1:] == [
        ["corpus", "sentence-transformers", "25.0", "1.00", "", ""],
        ["corpus", "bfloat16", "50.0", "2.00", "0.99900", "0.99951"],
    ]


def test_limits_are_the_best_that_the_machine_did(measured: dict[str, Any]) -> None:
    scan, embedding, reduced = rows(costs.limits_table(measured))[1:]
    # 10,000 * 768 bytes at 20 GB/s are 0.384 ms, and the scan takes 1 ms.
    assert scan == ["dense search, 10,000 float16 vectors", "0.4 ms: 8 MB at 20 GB/s", "1.0 CPU-ms", "38 %"]
    # 83 tokens: 6 * (2 * 1,769,472 * 83 + 4 * 384 * 83 ** 2) operations
    assert embedding[1] == "55 a second: 1.83 GFLOP each at 100 GFLOP/s (float32)"
    assert embedding[2:] == ["25.0 a CPU-second", "46 %"]
    assert reduced[1:] == ["164 a second: 1.83 GFLOP each at 300 GFLOP/s (bfloat16)", "50.0 a CPU-second", "30 %"]


def test_builds_and_rebuilds_of_each_size(measured: dict[str, Any]) -> None:
    measured["growth"]["sizes"] = [
        {
            "passages": 1000,
            "token_vectors": True,
            "cpu_seconds": 1.26,
            "peak_rss_bytes": 130 * 2**20,
            "index_bytes": 15_000_000,
            "rebuilds": {"unchanged_cpu_seconds": 0.02, "one_percent_cpu_seconds": [0.2, 0.4, 0.1]},
        },
        {
            "passages": 2000,
            "token_vectors": False,
            "cpu_seconds": 2.0,
            "peak_rss_bytes": 2**30,
            "index_bytes": 3_000_000,
        },
    ]
    assert rows(costs.sizes_table(measured))[1:] == [
        ["1,000", "1.3", "130", "15,000", "0.02", "0.20", "0.40"],
        ["2,000, no token vectors", "2.0", "1024", "1,500", "", "", ""],
    ]


def test_the_readme_has_the_last_cold_query_and_the_largest_archive(measured: dict[str, Any]) -> None:
    found = dict(row for row in rows(costs.summary_table(measured)))
    assert found["building it again, nothing changed"] == "5.0 CPU-s"
    assert found["a query from a cold shell (news, 500 passages)"].startswith("1.0 CPU-s (2.0 s), 100 MiB at most;")
    assert found["a query in an open `Searcher`, `hybrid` (10,000 passages)"] == (
        "9 CPU-ms; the plain script: 4 CPU-ms"
    )


# --- plots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", costs.PLOTS)
def test_a_plot_is_drawn_of_what_it_needs_and_is_the_same_each_time(
    name: str, measured: dict[str, Any], tmp_path: Path
) -> None:
    from matplotlib.image import imread

    needed, draw = costs.PLOTS[name]
    given = {key: copy.deepcopy(measured[key]) for key in needed}
    draw(given, tmp_path / "first")
    draw(given, tmp_path / "again")
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"again{suffix}").read_bytes()
    assert imread(tmp_path / "first.png")[..., :3].std() > 0.05


def test_the_plots_name_what_they_show(measured: dict[str, Any], tmp_path: Path) -> None:
    written = {}
    for name, (_, draw) in costs.PLOTS.items():
        draw(measured, tmp_path / name)
        written[name] = set(re.findall(r"<!-- (.*?) -->", (tmp_path / f"{name}.svg").read_text(encoding="utf-8")))
    assert {"late interaction", "folding", "dense search", "plain script, all of it"} <= written["stages"]
    assert {"9", "4"} <= written["stages"]  # milliseconds: the sum of the stages, the plain script's
    assert {"hybrid", "lexical", "cold query", "opening the index", "without token vectors"} <= written["growth"]


def test_results_are_known_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "latency-news.json").write_text('{"sizes": []}', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("none of it", encoding="utf-8")
    assert read_costs(tmp_path) == {"latency-news": {"sizes": []}}
