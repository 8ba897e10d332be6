"""The tables of the documentation that say what was measured of engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.costs import table
from benchmarks.measuring import percentile

__all__ = ["engines_table", "filters_table"]

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
                *(["", ""] if hand is None else _latencies(hand)),
                "" if hand is None else _overhead(ours, hand),
            ]
        )
    head = ["passages", "in", "passages a second", "flush, s", "bytes a passage", "server, MB", "recall@10"]
    head += ["ms a search, p50", "p99", "by hand, p50", "p99", "our layer, p50"]
    return table(head, rows)


def _by_size(measured: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    every = [(name, one) for name, engine in measured["engines"].items() for one in engine["sizes"]]
    return sorted(every, key=lambda pair: int(pair[1]["passages"]))


def _latencies(case: Mapping[str, Any]) -> list[str]:
    return [f"{1000 * percentile(case['wall_seconds'], percent):.2f}" for percent in (50, 99)]


def _overhead(ours: Mapping[str, Sequence[float]], hand: Mapping[str, Sequence[float]]) -> str:
    """Return by how much the median is more than by hand: of the ratios of queries that were asked in turn."""
    ratios = [mine / theirs for mine, theirs in zip(ours["wall_seconds"], hand["wall_seconds"], strict=True)]
    return f"{100 * (percentile(ratios, 50) - 1):+.0f} %"


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
