"""What was measured at several sizes, as lines for ``semsearch plan``.

    python -m benchmarks.scaling [--check]

Reads ``benchmarks/results`` and writes ``semsearch/planning/_scaling.json``: for each cost the line of least squares
through what was measured, how far that is from the largest size (``error``), and how far it would be if that had not
been measured (``held_out``), which says what extrapolating it is worth. A cost of which only one size was measured has
no line but what one unit of it took. With ``--check`` nothing is written: it fails if the table is not what the results
say.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.costs import table
from benchmarks.engines.figures import hybrid_cpu, search_cpu
from benchmarks.measuring import RESULTS, fit_line, percentile
from semsearch.planning import Estimate, Plan, fits, plan_for

__all__ = ["TABLE", "fits_table", "main", "plans_table", "scaling_table"]

TABLE = Path(__file__).resolve().parents[1] / "semsearch" / "planning" / "_scaling.json"
_DIGITS = 6  # significant ones: more is noise
_DIMENSION = 384  # of the default model, which all of it was measured with
_BITS = 2  # of a token's component
_SMALL = 20_000  # passages up to which there are no codes to scan
_OF_GRAPHS = ("flush", "search")
_SETTING = 0.995  # the recall that a search aims at

Shape = Callable[[float], float]
Results = Mapping[str, Mapping[str, Any]]
_SHAPES: dict[str, Shape] = {"linear": float, "logarithmic": math.log2, "n log n": lambda x: x * math.log2(x)}


class Points(NamedTuple):
    """What was measured of a cost.

    Attributes:
        name: What the cost is called.
        unit: What it is counted in.
        of: What it grows with.
        source: The file in ``benchmarks/results``.
        sizes: At which it was measured.
        costs: What was measured.
        shape: How it grows.
    """

    name: str
    unit: str
    of: str
    source: str
    sizes: Sequence[float]
    costs: Sequence[float]
    shape: str = "linear"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="fail if the table is not what the results say")
    check = parser.parse_args(argv).check
    text = scaling_table(RESULTS)
    if check:
        if TABLE.read_text(encoding="utf-8") != text:
            sys.exit(f"{TABLE.name}: not what benchmarks/results say: run 'python -m benchmarks.scaling'")
        return
    TABLE.write_text(text, encoding="utf-8")
    for name, fit in json.loads(text)["fits"].items():
        held = "" if fit["held_out"] is None else f", {fit['held_out']:+.0%} if that is left out"
        line = f"{fit['base']:.4g} + {fit['slope']:.4g} {fit['unit']} of {fit['of']}, {fit['shape']}"
        print(f"{name}: {line}; {fit['error']:+.1%} at the largest{held}")


def scaling_table(folder: Path) -> str:
    """Return the table that the results in ``folder`` give, as JSON."""
    results: Results = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    }
    found = {points.name: _fit(points) for points in _measured(results)}
    sources = {fit["source"] for fit in found.values()}
    machines = {name: _machine(results[name]) for name in sorted(sources)}
    content = {"made_by": "python -m benchmarks.scaling", "machines": machines, "fits": found}
    return json.dumps(content, indent=1) + "\n"


def _machine(result: Mapping[str, Any]) -> dict[str, Any]:
    machine = result["machine"]
    return {name: machine[name] for name in ("processor", "cores", "memory_bytes", "date", "load_average")}


def _fit(points: Points) -> dict[str, Any]:
    shape = _SHAPES[points.shape]
    if len(points.sizes) == 1:
        base, slope, error, held = 0.0, points.costs[0] / shape(points.sizes[0]), 0.0, None
    else:
        base, slope = _line(points.sizes, points.costs, shape)
        error = _off(base, slope, shape, points.sizes[-1], points.costs[-1])
        held = None
        if len(points.sizes) > 2:
            held = _off(*_line(points.sizes[:-1], points.costs[:-1], shape), shape, points.sizes[-1], points.costs[-1])
    return {
        "unit": points.unit,
        "of": points.of,
        "source": points.source,
        "shape": points.shape,
        "base": _rounded(base),
        "slope": _rounded(slope),
        "error": _rounded(error),
        "held_out": None if held is None else _rounded(held),
        "sizes": list(points.sizes),
        "costs": [_rounded(cost) for cost in points.costs],
    }


def _pairs(points: Points) -> Iterator[tuple[float, float]]:
    return zip(points.sizes, points.costs, strict=True)


def _line(sizes: Sequence[float], costs: Sequence[float], shape: Shape) -> tuple[float, float]:
    """Return base and slope; what falls as archives grow is noise around a constant."""
    base, slope, _ = fit_line([shape(size) for size in sizes], costs)
    return (base, slope) if slope >= 0 else (statistics.fmean(costs), 0.0)


def _off(base: float, slope: float, shape: Shape, size: float, cost: float) -> float:
    """Return how far a line is from what was measured: 0.1 if it says a tenth too much."""
    return (base + slope * shape(size)) / cost - 1


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


# --- what was measured ------------------------------------------------------------------------------------------


def _measured(results: Results) -> Iterator[Points]:
    yield from _embedding(results)
    yield from _builds(results["growth"])
    yield from _queries(results["latency"], results["ann"])
    yield from _words(results["words"]["sizes"])
    if "engines" in results:
        for name, measured in results["engines"]["engines"].items():
            yield from _engine(name, measured["sizes"])


def _embedding(results: Results) -> Iterator[Points]:
    """CPU seconds of a core for each token, by the default model, in each form, and of another machine."""
    build = results["build-corpus"]["embedding"]
    for form in ("default", "int8"):
        seconds = statistics.median(build["by"][form]["cpu_seconds"])
        yield Points(f"embedding.{form}", "core-seconds", "tokens", "build-corpus", [build["tokens"]], [seconds])
    other = results["reading"]["embedding"]
    yield Points("embedding.other", "core-seconds", "tokens", "reading", [other["tokens"]], [other["cpu_seconds"]])
    whole = results["build-corpus"]["builds"]["whole"]
    for kind, name in (("articles", "texts"), ("lexical", "words")):
        size = whole["bytes_by_kind"][kind]
        yield Points(f"embedded.{name}", "bytes", "tokens", "build-corpus", [whole["tokens"]], [size])


def _builds(growth: Mapping[str, Any]) -> Iterator[Points]:
    every = growth["sizes"]
    having = [one for one in every if one["token_vectors"]]
    tokens = [one["tokens"] for one in having]
    yield Points("embedded.build", "core-seconds", "tokens", "growth", tokens, [one["cpu_seconds"] for one in having])
    without = [one for one in every if not one["token_vectors"]]
    yield Points(
        "embedded.build_without_tokens",
        "core-seconds",
        "tokens",
        "growth",
        [one["tokens"] for one in without],
        [one["cpu_seconds"] for one in without],
    )
    sizes = [one["passages"] for one in every]
    yield Points(
        "embedded.build_memory", "bytes", "passages", "growth", sizes, [one["peak_rss_bytes"] for one in every]
    )
    yield Points(
        "embedded.unchanged",
        "core-seconds",
        "passages",
        "growth",
        sizes,
        [one["rebuilds"]["unchanged_cpu_seconds"] for one in every],
    )
    # What is left when vectors, codes and the codes of tokens are taken off: texts, words, offsets, checksums.
    rest = [one["index_bytes"] - _arithmetic(one) for one in every]
    yield Points("embedded.rest", "bytes", "tokens", "growth", [one["tokens"] for one in every], rest)


def _arithmetic(one: Mapping[str, Any]) -> float:
    """Return the bytes that follow from the numbers of passages and tokens."""
    vectors = one["passages"] * 2 * _DIMENSION
    codes = one["passages"] * _DIMENSION / 8 if one["passages"] > _SMALL else 0
    return float(vectors + codes + one["token_vectors"] * one["tokens"] * _DIMENSION * _BITS / 8)


def _queries(latency: Mapping[str, Any], ann: Mapping[str, Any]) -> Iterator[Points]:
    archives = latency["sizes"]
    sizes = [one["passages"] for one in archives]
    hybrid = [one["cases"]["hybrid"] for one in archives]
    for percent in (50, 99):
        costs = [1000 * percentile(one["cpu_seconds"], percent) for one in hybrid]
        yield Points(f"embedded.query_p{percent}", "ms", "passages", "latency", sizes, costs, "logarithmic")
    largest = hybrid[-1]["stages"]
    constant = 1000 * sum(cost for stage, cost in largest.items() if stage not in ("dense", "lexical"))
    yield Points("embedded.candidates", "ms", "queries", "latency", [1], [constant])
    yield Points(
        "embedded.query_memory", "bytes", "passages", "latency", sizes, [one["peak_rss_bytes"] for one in hybrid]
    )
    opening = [1000 * statistics.median(one["open_cpu_seconds"]) for one in archives]
    yield Points("embedded.open", "ms", "passages", "latency", sizes, opening)
    searches = {int(size): one["libraries"]["semsearch"]["search"] for size, one in ann["sizes"].items()}
    at = {size: next(each for each in one["settings"] if each["setting"] == _SETTING) for size, one in searches.items()}
    for percent in (50, 99):
        costs = [one["cpu_ms"][f"p{percent}"] for one in at.values()]
        yield Points(f"embedded.dense_p{percent}", "ms", "passages", "ann", list(at), costs)


def _words(sizes: Sequence[Mapping[str, Any]]) -> Iterator[Points]:
    """Yield what finding words costs, in proportion to the archive and by its logarithm: it is not certain which."""
    passages = [one["passages"] for one in sizes]
    costs = [1000 * percentile(one["query_cpu_seconds"], 50) for one in sizes]
    yield Points("embedded.lexical", "ms", "passages", "words", passages, costs)
    yield Points("embedded.lexical_log", "ms", "passages", "words", passages, costs, "logarithmic")


def _engine(name: str, sizes: Sequence[Mapping[str, Any]]) -> Iterator[Points]:
    """Yield what an engine costs, of :mod:`benchmarks.engines`; what was not measured of it has no line.

    Small archives have no graph and are scanned: building and searching a graph is told by the others alone.
    """

    def points(name_of: str, unit: str, of: str, shape: str, cost: Callable[[Mapping[str, Any]], Any]) -> Points:
        having = [one for one in sizes if one["disk_parts"].get("graph") and one["passages"] > _SMALL]
        chosen = having if name_of in _OF_GRAPHS and len(having) > 1 else sizes
        found = [(one[of], cost(one)) for one in chosen if cost(one)]
        return Points(
            f"{name}.{name_of}", unit, of, "engines", [size for size, _ in found], [value for _, value in found], shape
        )

    every = [
        points("upsert", "seconds", "passages", "linear", lambda one: one["upsert"]["wall_seconds"]),
        points("flush", "seconds", "passages", "n log n", lambda one: one["flush"]["wall_seconds"]),
        points("disk", "bytes", "passages", "linear", lambda one: one["disk_bytes"]),
        points("graph", "bytes", "passages", "linear", _graph),
        points("rest", "bytes", "tokens", "linear", _rest),
        points("memory", "bytes", "passages", "linear", lambda one: one["server_rss_bytes"]),
        points("hybrid", "ms", "passages", "linear", hybrid_cpu),
        points("hybrid_log", "ms", "passages", "logarithmic", hybrid_cpu),
        points("search", "ms", "passages", "logarithmic", lambda one: search_cpu(one["search"]["ours"])),
    ]
    yield from (one for one in every if one.sizes and name != "embedded")


def _graph(one: Mapping[str, Any]) -> float | None:
    return one["disk_parts"].get("graph") if one["passages"] > _SMALL else None


def _rest(one: Mapping[str, Any]) -> float | None:
    """Return what is left of an engine's disk when vectors, graph and the codes of tokens are taken off."""
    graph = one["disk_parts"].get("graph")
    known = one["passages"] * 2 * _DIMENSION + one["tokens"] * _DIMENSION * _BITS / 8
    return None if graph is None else float(one["disk_bytes"] - graph - known)


# --- tables of the documentation ----------------------------------------------------------------------------------

_SHOWN = (1e6, 1e7, 1e8, 1e9)
_FIGURES = (
    *("disk", "disk: token codes", "memory", "machines", "words"),
    *("embedding", "load", "load: upload", "load: index", "network: upload", "query", "query: words"),
)


def plans_table(_: Any = None) -> str:
    """Return what plans say of archives of several sizes, each figure with what it is from."""
    plans = [plan_for(size) for size in _SHOWN]
    rows = [
        [name, *(_cell(plan, name) for plan in plans)]
        for name in _FIGURES
        if any(one.name == name for plan in plans for one in plan.estimates)
    ]
    names = {"embedded": "a folder", "postgres": "PostgreSQL", "milvus": "Milvus"}
    return table(
        ["passages", *(f"{size:.0e}".replace("+0", "") for size in _SHOWN)],
        [["in", *(names[p.engine] for p in plans)], *rows],
    )


def _cell(plan: Plan, name: str) -> str:
    found = [one for one in plan.estimates if one.name == name]
    return f"{_shown(found[0])}, {found[0].basis}" if found else ""


_UNITS = {"bytes": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")), "ms": ((1e3, "s"),)}


def _shown(one: Estimate) -> str:
    divisor, unit = next(
        ((least, unit) for least, unit in _UNITS.get(one.unit, ()) if one.value >= least), (1.0, one.unit)
    )
    value, low, high = (_number(number / divisor) for number in (one.value, one.low, one.high))
    return f"{value} {unit}" + (f" ({low} to {high})" if low != high else "")


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def fits_table(_: Any = None) -> str:
    """Return the lines, where they were measured, and what they are worth."""
    rows = []
    for name, fit in fits().items():
        largest = max(fit.sizes)
        said = "" if len(fit.sizes) == 1 else f"{fit.base:.3g} + "
        by = {"linear": fit.of, "logarithmic": f"log2 {fit.of}", "n log n": f"{fit.of} log2 {fit.of}"}[fit.shape]
        rows.append(
            [
                name,
                f"{said}{fit.slope:.3g} {by}",
                fit.unit,
                f"{len(fit.sizes)}, to {largest:,.0f}" if len(fit.sizes) > 1 else f"{largest:,.0f}",
                "" if len(fit.sizes) == 1 else f"{100 * fit.error:+.1f} %",
                "" if fit.held_out is None else f"{100 * fit.held_out:+.0f} %",
                fit.source,
            ]
        )
    return table(["cost", "line", "in", "sizes", "off at the largest", "left out", "from"], rows)


if __name__ == "__main__":
    main()
