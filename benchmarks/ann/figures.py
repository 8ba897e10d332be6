"""The table and the plots of what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ann.measure import GOOD_OVERLAP

__all__ = ["ann_table", "draw_ann", "synthetic_table"]

_NAMES = {"exact": "faiss Flat", "scann": "ScaNN", "lancedb": "LanceDB"}
_KINDS = {"real": "found among real vectors", "synthetic": "found where most are synthetic"}
_COLOURS = {
    "semsearch": "#0b6e4f",
    "exact": "#6b7280",
    "faiss HNSW": "#c8a951",
    "hnswlib": "#7f95b8",
    "usearch": "#b07aa1",
    "scann": "#d1495b",
    "lancedb": "#8d6e63",
}


def ann_table(measured: Mapping[str, Any]) -> str:
    """Return what each library costs with its cheapest setting that finds 0.99 of the nearest, or with its best."""
    heads = ["vectors", "library", "knn overlap", "CPU-ms a query, p50", "p99", "filters, p99 at most"]
    heads += ["filters, knn overlap at least", "bytes a vector on disk", "MB in memory", "build, CPU-s"]
    lines = [heads, ["---"] * len(heads)]
    for size, found in measured["sizes"].items():
        for name, one in found["libraries"].items():
            lines.append([f"{int(size):,}", _NAMES.get(name, name), *_cells(one, int(size))])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def synthetic_table(measured: Mapping[str, Any]) -> str:
    """Return what semsearch finds among real vectors, and among as many of which most are synthetic."""
    columns = [measured["synthetic"][kind]["libraries"]["semsearch"]["search"]["settings"] for kind in _KINDS]
    lines = [["recall that is aimed at", *_KINDS.values()], ["---"] * (1 + len(_KINDS))]
    lines += [
        [f"{one[0]['setting']:g}", *(f"{each['knn_overlap']:.4f}" for each in one)]
        for one in zip(*columns, strict=True)
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(one: Mapping[str, Any], size: int) -> list[str]:
    build, search = one["build"], one["search"]
    chosen = good_setting(search["settings"])
    filters = search["filters"]
    return [
        f"{chosen['knn_overlap']:.3f}",
        f"{chosen['cpu_ms']['p50']:.2f}",
        f"{chosen['cpu_ms']['p99']:.2f}",
        f"{max(each['cpu_ms']['p99'] for each in filters):.1f}" if filters else "",
        f"{min(each['knn_overlap'] for each in filters):.3f}" if filters else "",
        f"{build['bytes'] / size:,.0f}",
        f"{search['private_rss_bytes'] / 1e6:,.0f}",
        f"{build['cpu_seconds']:,.1f}",
    ]


def good_setting(settings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the cheapest setting that is good enough, else the one that finds most."""
    good = [one for one in settings if one["knn_overlap"] >= GOOD_OVERLAP]
    return good[0] if good else max(settings, key=lambda one: float(one["knn_overlap"]))


def draw_ann(measured: Mapping[str, Any], folder: Path) -> None:
    """Draw time against what is found, a panel a size, and time against the size."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "semsearch"  # the same picture is the same file
    from matplotlib import pyplot as plt

    sizes = measured["sizes"]
    figure, panels = plt.subplots(1, len(sizes) + 1, figsize=(3.6 * (len(sizes) + 1), 3.8), layout="constrained")
    for axes, (size, found) in zip(panels, sizes.items(), strict=False):
        for name, one in found["libraries"].items():
            settings = one["search"]["settings"]
            style = {"color": _COLOURS[name], "marker": "o", "markersize": 4, "label": _NAMES.get(name, name)}
            width = 2.2 if name == "semsearch" else 1.2
            misses = [max(1 - setting["knn_overlap"], 1e-4) for setting in settings]
            axes.plot(misses, [setting["cpu_ms"]["p50"] for setting in settings], linewidth=width, **style)
        axes.set_title(f"{int(size):,} vectors", fontsize=10)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.7, 0.7e-4)
        axes.set_xticks([0.5, 0.1, 0.01, 0.001, 0.0001], ["0.5", "0.9", "0.99", "0.999", "0.9999"])
        axes.set_xlabel("knn overlap")
    panels[0].set_ylabel("CPU-ms a query, median, one thread")
    _draw_by_size(panels[-1], sizes)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, ncols=len(labels), loc="outside upper center", frameon=False, fontsize=9)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "ann.png", dpi=150, metadata={"Software": None})
    figure.savefig(folder / "ann.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _draw_by_size(axes: Any, sizes: Mapping[str, Any]) -> None:
    names = dict.fromkeys(name for found in sizes.values() for name in found["libraries"])
    for name in names:
        points = [
            (int(size), good_setting(found["libraries"][name]["search"]["settings"]))
            for size, found in sizes.items()
            if name in found["libraries"]
        ]
        good = [(size, one["cpu_ms"]["p50"]) for size, one in points if one["knn_overlap"] >= GOOD_OVERLAP]
        width = 2.2 if name == "semsearch" else 1.2
        axes.plot(
            *zip(*good, strict=True) if good else ((), ()),
            marker="o",
            markersize=4,
            color=_COLOURS[name],
            linewidth=width,
        )
    axes.set_title(f"at a knn overlap of {GOOD_OVERLAP} or more", fontsize=10)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("vectors")
