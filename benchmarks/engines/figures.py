"""The tables of the documentation that say what was measured of engines."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.costs import table
from benchmarks.measuring import percentile

__all__ = ["engines_table", "filters_table", "hybrid_cpu", "quality_table", "search_cpu"]

_NAMES = {"embedded": "a folder", "postgres": "PostgreSQL", "milvus": "Milvus"}


def engines_table(measured: Mapping[str, Any]) -> str:
    """Say what it costs to fill each side and to ask it, and what our layer adds to its own client."""
    rows = []
    for name, one in _by_size(measured):
        ours, hand = one["search"]["ours"], one["search"].get("by hand")
        resident = one["server_rss_bytes"]
        rows.append(
            [
                f"{one['passages']:,}",
                _NAMES[name],
                f"{one['passages'] / one['upsert']['wall_seconds']:,.0f}",
                f"{one['flush']['wall_seconds']:,.1f}",
                f"{one['disk_bytes'] / one['passages']:,.0f}",
                "" if resident is None else f"{resident / 1e6:,.0f}",
                f"{one['search']['recall']:.3f}",
                *_latencies(ours),
                f"{search_cpu(ours):.2f}",
                *(
                    ["", "", "", ""]
                    if hand is None
                    else [*_latencies(hand), f"{search_cpu(hand):.2f}", _overhead(ours, hand)]
                ),
                f"{1000 * percentile(one['hybrid']['wall_seconds'], 50):.0f}",
                f"{hybrid_cpu(one):.0f}",
            ]
        )
    head = ["passages", "in", "passages a second", "flush, s", "bytes a passage", "server, MB", "recall@10"]
    head += [
        "search, ms p50",
        "p99",
        "CPU-ms",
        "by hand, ms p50",
        "p99",
        "CPU-ms",
        "our layer, p50 and CPU",
        "hybrid, ms p50",
        "CPU-ms",
    ]
    return table(head, rows)


def _by_size(measured: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    every = [(name, one) for name, engine in measured["engines"].items() for one in engine["sizes"]]
    return sorted(every, key=lambda pair: int(pair[1]["passages"]))


def _latencies(case: Mapping[str, Any]) -> list[str]:
    return [f"{1000 * percentile(case['wall_seconds'], percent):.2f}" for percent in (50, 99)]


def hybrid_cpu(one: Mapping[str, Any]) -> float:
    """Return the CPU milliseconds of a whole search, of the client and of the server."""
    return 1000 * sum(statistics.fmean(one["hybrid"][clock]) for clock in ("cpu_seconds", "server_cpu_seconds"))


def search_cpu(case: Mapping[str, Any]) -> float:
    """Return those of a search for vectors."""
    return 1000 * (percentile(case["cpu_seconds"], 50) + float(case["server_cpu_seconds"]))


def _overhead(ours: Mapping[str, Any], hand: Mapping[str, Any]) -> str:
    """Return what our layer adds to the time of half the searches, and to what they compute."""
    wall = percentile(ours["wall_seconds"], 50) / percentile(hand["wall_seconds"], 50)
    return f"{100 * (wall - 1):+.0f} %, {100 * (search_cpu(ours) / search_cpu(hand) - 1):+.0f} %"


def filters_table(measured: Mapping[str, Any]) -> str:
    """Say what is found of the ten exact nearest, by what a filter leaves, and how long that takes."""
    rows = [
        [
            f"{one['passages']:,}",
            _NAMES[name],
            f"{100 * each['passages'] / one['passages']:g} %",
            f"{each['recall']:.3f}",
            *_latencies(each),
        ]
        for name, one in _by_size(measured)
        for each in one["filters"]
    ]
    return table(["passages", "in", "a filter leaves", "recall@10", "ms, p50", "p99"], rows)


def quality_table(measured: Mapping[str, Any]) -> str:
    """Say how well each side ranks the same articles: nDCG@10 by mode."""
    rows = []
    for collection, sides in sorted(measured["measures"].items()):
        modes = sides["folder"]
        for mode in modes:
            found = [f"{sides[side][mode]['nDCG@10']:.4f}" for side in ("folder", "postgres", "milvus")]
            rows.append([collection, mode, *found])
    return table(["collection", "mode", "a folder", "PostgreSQL", "Milvus"], rows)
