"""The tables and plots of what queries and builds cost, for :mod:`benchmarks.report`.

Each takes the results that are beside each other in ``benchmarks/results``, by the names of their files: those of
``benchmarks.latency``, ``benchmarks.build``, ``benchmarks.growth`` and ``benchmarks.limits``.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Line, median_of, percentile
from benchmarks.plots import COLOURS, OWN, PLAIN, plot

__all__ = ["PLOTS", "TABLES", "Costs", "table"]

Costs = Mapping[str, Mapping[str, Any]]
"""Results by the names of their files, without the suffix."""

_MIB = 2**20
_PEER = "sentence-transformers"
_STAGES = ("model", "reading", "dense", "lexical", "late interaction", "scores", "folding", "hits", "rest")
_STAGE_NAMES = {
    "model": "embedding the query",
    "reading": "parsing, token weights",
    "dense": "dense search",
    "lexical": "lexical search",
    "hits": "hits, evidence",
}
_MODES = ("hybrid", "dense", "lexical")
_LAYERS, _WIDTH, _INNER = 6, 384, 1536  # of the default model: what its products are made of


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# --- queries ------------------------------------------------------------------------------------------------------


def _largest(costs: Costs) -> Mapping[str, Any]:
    """Return what was measured of the largest archive that is made."""
    return max(costs["latency"]["sizes"], key=lambda one: int(one["passages"]))


def _milliseconds(case: Mapping[str, Any], clock: str = "cpu") -> list[float]:
    return [1000 * seconds for seconds in case[f"{clock}_seconds"]]


def latency_table(costs: Costs) -> str:
    """CPU milliseconds of ranking beyond embedding the query, by mode."""
    measured, rows = _largest(costs), []
    for name, case in measured["cases"].items():
        if name == "plain":
            continue
        embedding = 1000 * case["stages"].get("model", 0.0)
        milliseconds = _milliseconds(case)
        rows.append([name, *(f"{percentile(milliseconds, percent) - embedding:.1f}" for percent in (50, 99))])
    head = [f"{measured['passages']:,} passages", "CPU-ms a query, median", "99th percentile"]
    return table(head, rows)


def warm_table(costs: Costs) -> str:
    """Say what a query in an open index costs, embedding included, beside the plain script's."""
    measured = _largest(costs)
    plain = statistics.median(_milliseconds(measured["cases"]["plain"]))
    rows = []
    for name, case in measured["cases"].items():
        cpu, wall = _milliseconds(case), _milliseconds(case, "wall")
        figures = [f"{percentile(values, percent):.1f}" for values in (cpu, wall) for percent in (50, 99)]
        rows.append(
            [
                "**plain script**" if name == "plain" else name,
                *figures,
                f"{statistics.median(cpu) / plain:.2f}",
                f"{case['peak_rss_bytes'] / _MIB:.0f}",
            ]
        )
    heads = ["CPU-ms, median", "99 %", "wall-ms, median", "99 %", "CPU to the plain script's", "MiB at most"]
    return table([f"{measured['passages']:,} passages", *heads], rows)


def _cold(costs: Costs) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what was asked cold, of archives that are made and of others, with what to call it."""
    for name, result in costs.items():
        if name.partition("-")[0] == "latency":
            for one in result["sizes"]:
                if "cold" in one:
                    yield f"{result['archive']}, {one['passages']:,} passages", one


def cold_table(costs: Costs) -> str:
    """Say what a query from a cold shell costs, beside the plain script."""
    rows = []
    for label, one in _cold(costs):
        figures = {name: _cold_figures(runs) for name, runs in one["cold"].items()}
        ratio = figures["semsearch"][0] / figures["plain"][0]
        shown = [f"{cpu:.2f} CPU-s, {wall:.2f} s, {memory:.0f} MiB" for cpu, wall, memory in figures.values()]
        rows.append([label, *shown, f"{ratio:.2f}"])
    return table(["archive", "semsearch", "plain script", "CPU to the plain script's"], rows)


def _cold_figures(runs: Sequence[Mapping[str, float]]) -> tuple[float, float, float]:
    """Return the medians of CPU seconds, wall seconds and MiB."""
    cpu, wall, memory = (median_of(runs, name) for name in ("cpu_seconds", "wall_seconds", "peak_rss_bytes"))
    return cpu, wall, memory / _MIB


def parts_table(costs: Costs) -> str:
    """Say what a cold query is made of: its steps, and the packages that are imported."""
    steps, packages = [], []
    for label, one in _cold(costs):
        stages = one["parts"]["stages"]
        steps.append((label, {name: median_of(stages, name) for name in stages[0]}))
        packages.append((label, one["parts"]["imports"]))
    names = list(dict.fromkeys(name for _, found in steps for name in found))
    rows = [[label, *(f"{found.get(name, 0.0):.2f}" for name in names)] for label, found in steps]
    label, imported = packages[-1]
    shown = [[name, f"{seconds:.2f}"] for name, seconds in imported.items()]
    first = table(["CPU-s of a cold query", *names], rows)
    return f"{first}\n{table([f'imported by it ({label})', 's, while traced'], shown)}"


def stages_table(costs: Costs) -> str:
    """CPU milliseconds of each stage of a hybrid query, by the archive's size."""
    rows = []
    for one in costs["latency"]["sizes"]:
        stages = one["cases"]["hybrid"]["stages"]
        rows.append([f"{one['passages']:,}", *(f"{1000 * stages.get(stage, 0.0):.1f}" for stage in _STAGES)])
    return table(["passages", *(_STAGE_NAMES.get(stage, stage) for stage in _STAGES)], rows)


def threads_table(costs: Costs) -> str:
    """Give the queries a second on one and more threads of one process."""
    sizes = costs["latency"]["sizes"]
    rows = []
    for one in sizes:
        rates = [run["queries"] / statistics.median(run["wall_seconds"]) for run in one["threads"]]
        costs_each = [statistics.median(run["cpu_seconds"]) / run["queries"] for run in one["threads"]]
        cells = [
            f"{rate:.0f} ({1000 * seconds:.1f} CPU-ms each)" for rate, seconds in zip(rates, costs_each, strict=True)
        ]
        rows.append([f"{one['passages']:,}", *cells])
    heads = [f"{run['threads']} thread{'s' * (run['threads'] > 1)}" for run in sizes[0]["threads"]]
    return table(["passages", *(f"queries a second, {head}" for head in heads)], rows)


def growth_table(costs: Costs) -> str:
    """Give the line through each cost: what it is for an empty archive, and for each 100,000 passages."""
    rows = []
    growth = costs["latency"]["growth"]
    names = sorted(growth, key=lambda name: (name != "hybrid", not name.startswith("stage: ")))  # its stages after it
    for name in names:
        line = Line(**growth[name])
        shown = name.removeprefix("stage: ")
        if name.startswith("hybrid,"):
            continue
        label = (
            f"of it: {_STAGE_NAMES.get(shown, shown)}" if name.startswith("stage: ") else _COST_NAMES.get(name, name)
        )
        rows.append([label, f"{1000 * line.base:.1f} ms", f"{1e8 * line.slope:+.1f} ms", f"{line.r2:.3f}"])
    units = {"cpu_seconds": ("s", 1.0), "peak_rss_bytes": ("MiB", _MIB), "index_bytes": ("MiB", _MIB)}
    for name, found in costs["growth"]["growth"].items():
        line = Line(**found)
        unit, scale = units[name]
        cells = [f"{line.base / scale:.1f} {unit}", f"{1e5 * line.slope / scale:+.1f} {unit}", f"{line.r2:.3f}"]
        rows.append([_COST_NAMES[name], *cells])
    return table(["cost", "base", "each 100,000 passages", "R²"], rows)


_COST_NAMES = {
    "hybrid": "hybrid query, CPU",
    "dense": "dense query, CPU",
    "lexical": "lexical query, CPU",
    "plain": "plain script's query, CPU",
    "opening": "opening the index, CPU",
    "cold: semsearch": "cold query, CPU",
    "cold: plain": "plain script's cold query, CPU",
    "cpu_seconds": "build without the model, CPU",
    "peak_rss_bytes": "build without the model, memory at most",
    "index_bytes": "disk",
}


# --- builds -------------------------------------------------------------------------------------------------------


def _builds(costs: Costs) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, result in costs.items():
        if name.startswith("build-"):
            yield name.removeprefix("build-"), result


def builds_table(costs: Costs) -> str:
    """Say what each build costs."""
    rows = []
    for corpus, result in _builds(costs):
        for name, build in result["builds"].items():
            figures = [
                f"{build['embedded']:,} of {build['passages']:,}",
                f"{build['cpu_seconds']:.1f}",
                f"{build['wall_seconds']:.1f}",
                f"{build['peak_rss_bytes'] / _MIB:.0f}",
                f"{sum(build['bytes_by_kind'].values()) / build['passages']:,.0f}",
            ]
            rows.append([corpus, name, *figures])
    return table(["corpus", "build", "embedded", "CPU-s", "wall-s", "MiB at most", "bytes a passage"], rows)


def disk_table(costs: Costs) -> str:
    """Bytes a passage on disk, by what they are for."""
    found = [(corpus, result["builds"]["whole"]) for corpus, result in _builds(costs)]
    kinds = list(dict.fromkeys(kind for _, build in found for kind in build["bytes_by_kind"]))
    rows = [
        [corpus, *(f"{build['bytes_by_kind'].get(kind, 0) / build['passages']:,.0f}" for kind in kinds)]
        for corpus, build in found
    ]
    return table(["bytes a passage", *kinds], rows)


def embedding_table(costs: Costs) -> str:
    """Passages a CPU second by each form of the model, and how near its vectors are to sentence-transformers'."""
    rows = []
    for corpus, result in _builds(costs):
        embedding = result["embedding"]
        base = statistics.median(embedding["by"][_PEER]["cpu_seconds"])
        for name, one in embedding["by"].items():
            cpu = statistics.median(one["cpu_seconds"])
            cosines = one.get("cosine")
            near = ["", ""] if cosines is None else [f"{cosines[kind]:.5f}" for kind in ("least", "mean")]
            rows.append([corpus, name, f"{embedding['texts'] / cpu:.1f}", f"{base / cpu:.2f}", *near])
    heads = ["passages a CPU-second", f"times {_PEER}", "cosine with its vectors, least", "mean"]
    return table(["corpus", "model", *heads], rows)


# --- the machine --------------------------------------------------------------------------------------------------


def limits_table(costs: Costs) -> str:
    """How near scan and embedding come to what the machine can do."""
    limits, largest = costs["limits"], _largest(costs)
    read = max(limits["memory_gigabytes_a_second"]["sum"])
    size = largest["passages"] * _WIDTH * 2
    scan, bound = 1000 * largest["cases"]["dense"]["stages"]["dense"], size / read / 1e6
    rows = [
        [
            f"dense search, {largest['passages']:,} float16 vectors",
            f"{bound:.1f} ms: {size / 1e6:.0f} MB at {read:.0f} GB/s",
            f"{scan:.1f} CPU-ms",
            f"{bound / scan:.0%}".replace("%", " %"),
        ]
    ]
    for corpus, result in _builds(costs):
        embedding = result["embedding"]
        operations = _operations(embedding["tokens"] / embedding["texts"])
        for name, one in embedding["by"].items():
            precision = _PRECISION_OF.get(name, name)
            rates = [max(rates) for kind, rates in limits["gigaflops"].items() if kind.endswith(precision)]
            if not rates:
                continue
            rate = max(rates)
            bound = rate * 1e9 / operations
            found = embedding["texts"] / statistics.median(one["cpu_seconds"])
            rows.append(
                [
                    f"embedding passages of {corpus}, {name}",
                    f"{bound:.0f} a second: {operations / 1e9:.2f} GFLOP each at {rate:.0f} GFLOP/s ({precision})",
                    f"{found:.1f} a CPU-second",
                    f"{found / bound:.0%}".replace("%", " %"),
                ]
            )
    return table(["what", "limit of one core", "measured", "of the limit"], rows)


_PRECISION_OF = {"sentence-transformers": "float32", "default": "bfloat16"}


def sizes_table(costs: Costs) -> str:
    """Give what builds without a model cost at each size, and rebuilds of the same archive."""
    rows = []
    for one in costs["growth"]["sizes"]:
        again = one.get("rebuilds")
        changed = [] if again is None else again["one_percent_cpu_seconds"]
        rows.append(
            [
                f"{one['passages']:,}" + ("" if one["token_vectors"] else ", no token vectors"),
                f"{one['cpu_seconds']:.1f}",
                f"{one['peak_rss_bytes'] / _MIB:.0f}",
                f"{one['index_bytes'] / one['passages']:,.0f}",
                "" if again is None else f"{again['unchanged_cpu_seconds']:.2f}",
                f"{statistics.median(changed):.2f}" if changed else "",
                f"{max(changed):.2f}" if changed else "",
            ]
        )
    return table(
        [
            "passages",
            "build, CPU-s",
            "MiB at most",
            "bytes a passage",
            "nothing changed, CPU-s",
            "1 % changed, CPU-s, median",
            "dearest of them",
        ],
        rows,
    )


def _operations(tokens: float) -> float:
    """Return the operations of embedding a passage of so many tokens with the default model, special tokens added."""
    tokens += 2
    products = 2 * (4 * _WIDTH**2 + 2 * _WIDTH * _INNER) * tokens
    attention = 4 * _WIDTH * tokens**2
    return _LAYERS * (products + attention)


def summary_table(costs: Costs) -> str:
    """Give the few figures that stand in the README."""
    builds = costs["build-corpus"]["builds"]
    whole, again, edited = (builds[name] for name in ("whole", "nothing changed", "1 % edited"))
    largest = _largest(costs)
    hybrid, plain = (statistics.median(_milliseconds(largest["cases"][name])) for name in ("hybrid", "plain"))
    beside = "the plain script:"
    label, cold = list(_cold(costs))[-1]
    ours, theirs = (_cold_figures(cold["cold"][name]) for name in ("semsearch", "plain"))
    size = sum(whole["bytes_by_kind"].values()) / whole["passages"]
    rows = [
        [
            f"building the index of the sample archive ({whole['passages']:,} passages)",
            f"{whole['cpu_seconds']:.0f} CPU-s, {whole['peak_rss_bytes'] / _MIB:.0f} MiB at most",
        ],
        ["building it again, nothing changed", f"{again['cpu_seconds']:.1f} CPU-s"],
        ["building it again, an article edited", f"{edited['cpu_seconds']:.1f} CPU-s"],
        [
            f"a query from a cold shell ({label})",
            f"{ours[0]:.1f} CPU-s ({ours[1]:.1f} s), {ours[2]:.0f} MiB at most; {beside} {theirs[0]:.1f} CPU-s",
        ],
        [
            f"a query in an open `Searcher`, `hybrid` ({largest['passages']:,} passages)",
            f"{hybrid:.0f} CPU-ms; {beside} {plain:.0f} CPU-ms",
        ],
        ["disk", f"{size / 1000:.1f} KB a passage"],
    ]
    return table(["what", "cost"], rows)


TABLES = {
    "latency": latency_table,
    "warm": warm_table,
    "cold": cold_table,
    "cold-parts": parts_table,
    "stages": stages_table,
    "threads": threads_table,
    "growth": growth_table,
    "builds": builds_table,
    "disk": disk_table,
    "embedding": embedding_table,
    "limits": limits_table,
    "sizes": sizes_table,
    "costs": summary_table,
}


# --- plots --------------------------------------------------------------------------------------------------------


def draw_stages(costs: Costs, path: Path) -> None:
    """Draw what a hybrid query is made of, a bar for each size, with the plain script's query under each."""
    sizes = costs["latency"]["sizes"]
    colours = dict(zip(_STAGES, COLOURS, strict=True))
    with plot(path, height=0.75 + 0.62 * len(sizes)) as (_, axes):
        for place, one in enumerate(sizes):
            left = 0.0
            for stage in _STAGES:
                width = 1000 * one["cases"]["hybrid"]["stages"].get(stage, 0.0)
                label = _STAGE_NAMES.get(stage, stage) if place == 0 else None
                axes.barh(place - 0.17, width, 0.36, left=left, color=colours[stage], label=label, edgecolor="white")
                left += width
            axes.annotate(f"{left:.0f}", (left, place - 0.17), (4, 0), textcoords="offset points", va="center", size=8)
            plain = statistics.median(_milliseconds(one["cases"]["plain"]))
            label = "plain script, all of it" if place == 0 else None
            axes.barh(place + 0.2, plain, 0.24, color="white", edgecolor=PLAIN, hatch="////", label=label)
            axes.annotate(f"{plain:.0f}", (plain, place + 0.2), (4, 0), textcoords="offset points", va="center", size=8)
        axes.set_yticks(range(len(sizes)), [f"{one['passages']:,}\npassages" for one in sizes])
        axes.invert_yaxis()
        axes.set_xlabel("CPU-ms of a query")
        axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.45, 1.0), frameon=False, fontsize=9)


def draw_growth(costs: Costs, path: Path) -> None:
    """Draw what queries, opening and builds cost against the archive's size, with the lines through them."""
    latency, growth = costs["latency"], costs["growth"]
    sizes = latency["sizes"]
    with plot(path, width=12, height=4.2, columns=3) as (_, (warm, opening, building)):
        for name, colour in zip((*_MODES, "plain"), (OWN, "#7f95b8", "#c8a951", PLAIN), strict=True):
            points = [(one["passages"], statistics.median(_milliseconds(one["cases"][name]))) for one in sizes]
            label = "plain script" if name == "plain" else name
            _points(warm, points, latency["growth"].get(name), 1000, label, colour)
        warm.set_ylabel("CPU-ms of a query, embedding included")
        points = [(one["passages"], statistics.median(one["open_cpu_seconds"])) for one in sizes]
        _points(opening, points, latency["growth"].get("opening"), 1, "opening the index", "#7f95b8")
        for name, colour in (("semsearch", OWN), ("plain", PLAIN)):
            points = [(one["passages"], median_of(one["cold"][name], "cpu_seconds")) for one in sizes if "cold" in one]
            label = "cold query, plain script" if name == "plain" else "cold query"
            _points(opening, points, latency["growth"].get(f"cold: {name}"), 1, label, colour)
        opening.set_ylabel("CPU-s")
        for tokens, label, colour in ((True, "memory at most", OWN), (False, "without token vectors", "#c8a951")):
            points = [
                (one["passages"], one["peak_rss_bytes"] / _MIB)
                for one in growth["sizes"]
                if one["token_vectors"] == tokens
            ]
            line = growth["growth"].get("peak_rss_bytes") if tokens else None
            _points(building, points, line, 1 / _MIB, label, colour)
        building.set_ylabel("MiB of a build, the model not counted")
        for axes in (warm, opening, building):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
            axes.set_xlabel("passages")
            axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower left", bbox_to_anchor=(-0.12, 1.0))


def _points(
    axes: Any,
    points: Sequence[tuple[float, float]],
    line: Mapping[str, float] | None,
    scale: float,
    label: str,
    colour: str,
) -> None:
    """Draw points, and the line through them if there is one: ``scale`` times its costs are the points' unit."""
    if not points:
        return
    places, values = zip(*points, strict=True)
    axes.plot(places, values, "o", color=colour, label=label, markersize=5)
    if line is not None:
        least, most = min(places), max(places)
        steps = [least * (most / least) ** (step / 50) for step in range(51)]
        axes.plot(steps, [scale * (line["base"] + line["slope"] * at) for at in steps], color=colour, linewidth=1.2)


PLOTS = {"stages": (("latency",), draw_stages), "growth": (("latency", "growth"), draw_growth)}
"""What draws each plot, and the results that it needs."""
