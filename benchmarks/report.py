"""Tables and plots of what was measured, into the documentation.

    python -m benchmarks.report [--check]

Reads what is in ``benchmarks/results``, writes the tables between the marks ``<!-- figures: NAME -->`` and
``<!-- figures: end -->`` of README.md and the pages in docs, and draws ``docs/images/*.png`` and ``.svg``, those whose
results are there. With ``--check`` nothing is written: it fails if a table is not what the results say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from benchmarks import costs
from benchmarks.ann.figures import ann_table, draw_ann, synthetic_table
from benchmarks.costs import table
from benchmarks.engines.figures import engines_table, filters_table, quality_table
from benchmarks.html import html_table
from benchmarks.plots import COLOURS, plot
from benchmarks.reading import reading_table
from benchmarks.reliability import reliability_table
from benchmarks.scaling import fits_table, plans_table
from benchmarks.serving import serving_table
from semsearch.evaluation import compare

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "quality"
IMAGES = ROOT / "docs" / "images"
DOCUMENTS = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in (
            "ranking",
            "performance",
            "vector-search",
            "reliability",
            "scale",
            "engines",
            "comparison",
            "serve",
            "reading/html",
        )
    ),
)
PEERS = ("plain", "txtai", "lancedb", "llamaindex", "chroma")
_MARK = re.compile(
    r"(<!-- figures: (?P<name>[a-z-]+) -->\n)(?P<body>(?:(?!<!-- figures: ).)*)(<!-- figures: end -->)", re.DOTALL
)
_MEASURES = {
    "nDCG@10": "nDCG@10",
    "RR@10": "MRR@10",
    "R@10": "Recall@10",
    "R@100": "Recall@100",
    "Success@1": "Success@1",
}
_PLAIN = "plain.articles.dense"  # a vector an article: what the first page of every tutorial does
_SHIPPED = 0.6667  # the threshold of semsearch.selection

Results = dict[str, dict[str, Any]]
"""For each collection what ``benchmarks.quality`` wrote, with what ``benchmarks.peers`` wrote under ``"peers"``."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail if the documents do not say what the results say")
    check = parser.parse_args().check
    results = read_results(RESULTS)
    drifted = [path for path in DOCUMENTS if _update(path, results, write=not check)]
    if check:
        if drifted:
            names = ", ".join(path.relative_to(ROOT).as_posix() for path in drifted)
            sys.exit(f"{names}: the figures are not those of benchmarks/results: run 'python -m benchmarks.report'")
        return
    draw(results, IMAGES)
    draw_ann(_result("ann"), IMAGES)


def read_results(folder: Path) -> Results:
    """Read what was measured, by collection; in the order of their names, the sample archive first."""
    results: Results = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: (path.stem != "corpus", path.stem)):
        if not path.stem.startswith("peers-"):
            results[path.stem] = json.loads(path.read_text(encoding="utf-8"))
            peers = folder / f"peers-{path.stem}.json"
            results[path.stem]["peers"] = json.loads(peers.read_text(encoding="utf-8")) if peers.exists() else None
    return results


def _update(path: Path, results: Results, *, write: bool) -> bool:
    """Put the tables into a document. Returns whether it said anything else before."""
    before = path.read_text(encoding="utf-8")
    names = [match["name"] for match in _MARK.finditer(before)]
    if before.count("<!-- figures: ") != 2 * len(names) or not TABLES.keys() >= set(names):
        tables = ", ".join(TABLES)
        sys.exit(f"{path.name}: expected pairs of marks, an end after each of the tables {tables}; got {names}")
    after = _MARK.sub(lambda match: f"{match[1]}{TABLES[match['name']](results)}{match[4]}", before)
    if write and after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def modes_table(results: Results) -> str:
    """Every measure of every mode."""
    rows = [
        [name, mode, *(f"{means[key]:.3f}" for key in _MEASURES)]
        for name, result in results.items()
        for mode, means in result["means"].items()
    ]
    return table(["collection", "mode", *_MEASURES.values()], rows)


def peers_table(results: Results) -> str:
    """nDCG@10 of the hybrid ranking and of each peer's best mode, with the significance of the difference."""
    rows = []
    for name, result in results.items():
        if result["peers"] is None:
            continue
        own = result["per_query"]["hybrid"]["nDCG@10"]
        cells = [name, f"**{result['means']['hybrid']['nDCG@10']:.3f}**", f"{result['means']['dense']['nDCG@10']:.3f}"]
        for peer in PEERS:
            best = best_of(result["peers"], peer)
            if best is None:
                cells.append("")
                continue
            p = compare(own, result["peers"]["per_query"][best]["nDCG@10"]).p
            sign = "" if p < 0.05 else f" (p {p:.2f})"
            cells.append(f"{result['peers']['means'][best]['nDCG@10']:.3f}{sign}")
        plain = result["peers"]["means"].get(_PLAIN)
        cells.append("" if plain is None else f"{plain['nDCG@10']:.3f}")
        rows.append(cells)
    heads = ["LlamaIndex" if peer == "llamaindex" else "LanceDB" if peer == "lancedb" else peer for peer in PEERS]
    return table(["collection", "semsearch", "its vectors alone", *heads, "a vector an article"], rows)


def peers_settings_table(results: Results) -> str:
    """Say what was run of each peer, when, and which of its settings was the best how often."""
    measured = {name: result["peers"] for name, result in results.items() if result["peers"] is not None}
    rows = []
    for peer in PEERS:
        own = {name: peers for name, peers in measured.items() if peer in peers["peers"]}
        about = next(iter(own.values()))["peers"][peer]
        versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items() if name != "python")
        best = Counter(best.partition(".")[2] for peers in own.values() if (best := best_of(peers, peer)) is not None)
        settings = ", ".join(f"{name.replace('.', ' ')} ({count})" for name, count in best.most_common())
        days = sorted({str(peers["machine"]["date"])[:10] for peers in own.values()})
        rows.append(
            [peer, versions, " to ".join(dict.fromkeys([days[0], days[-1]])), str(about["reads_tokens"]), settings]
        )
    return table(["tool", "versions", "run on", "reads", "best with (on so many collections)"], rows)


def ablations_table(results: Results) -> str:
    """nDCG@10 of the hybrid ranking with a part taken away."""
    names = next(iter(results.values()))["ablations"]
    rows = [[name, *(f"{result['ablations'][name]:.3f}" for result in results.values())] for name in names]
    return table(["hybrid with", *results], rows)


def duplicates_table(measured: Mapping[str, Any]) -> str:
    """How many copies are folded, and what else is: with other thresholds, and of each kind with the shipped one."""
    rows = []
    for row in measured["thresholds"]:
        figures = [
            *(f"{row[key]:.3f}" for key in ("recall", "recall_by_words", "precision")),
            f"{row['folded']['goes on']} of {measured['pairs']['goes on']}",
        ]
        is_shipped = row["threshold"] == _SHIPPED
        rows.append(["2/3" if is_shipped else f"{row['threshold']:g}", *figures])
        rows[-1] = [f"**{cell}**" for cell in rows[-1]] if is_shipped else rows[-1]
    kinds = measured["kinds"]
    groups = {"repeats": "yes", "updates": "no", "goes on": "no"}
    each = [
        [kind, groups[group], _folded(kinds[kind]), _folded(kinds.get(f"{kind}: the original"))]
        for group in groups
        for kind in kinds
        if kinds[kind]["group"] == group and not kind.endswith(": the original")
    ]
    heads = ["share of the runs", "recall", "recall by the words alone", "precision", "folded though it goes on"]
    return f"{table(heads, rows)}\n{table(['the lower one', 'should fold', 'folds', 'the other way round'], each)}"


def _folded(found: Mapping[str, int] | None) -> str:
    return "" if found is None else f"{found['folded']} of {found['pairs']}"


def diversity_table(measured: Mapping[str, Any]) -> str:
    """How many of the ten best diversity keeps, of how many articles the ten are, and how well they rank."""
    modes = list(dict.fromkeys(row["mode"] for row in measured["diversity"]))
    cells: dict[float, list[str]] = {}
    for row in sorted(measured["diversity"], key=lambda row: modes.index(row["mode"])):
        figures = [f"{row['kept']:.0%}".replace("%", " %"), f"{row['articles']:.1f}", f"{row['nDCG@10']:.3f}"]
        cells.setdefault(row["diversity"], []).extend(figures)
    heads = [f"{mode}: {figure}" for mode in modes for figure in ("kept", "articles", "nDCG@10")]
    return table(["diversity", *heads], [[f"{value:g}", *figures] for value, figures in cells.items()])


def forms_table(measured: Mapping[str, Any]) -> str:
    """Say what each precision costs in ranking, and how far its vectors are from those of float32."""
    rows = []
    for name, forms in measured["datasets"].items():
        for precision, form in forms.items():
            against = form["against_float32"]["hybrid"]
            change = "" if precision == "float32" else f"{against['difference']:+.4f} (p {against['p']:.2f})"
            dense = "" if precision == "float32" else f"{form['against_float32']['dense']['difference']:+.4f}"
            cosine = form["cosine_with_float32"]["least"]
            rows.append([name, precision, f"{form['nDCG@10']['hybrid']:.4f}", change, dense, f"{cosine:.5f}"])
    head = ["collection", "passages in", "nDCG@10, hybrid", "against float32", "vectors alone, against float32"]
    return table([*head, "least cosine"], rows)


def _of(name: str, table: Callable[[Mapping[str, Any]], str]) -> Callable[[Results], str]:
    """Return the table of a result that has a file of its own beside the folder of the others."""
    return lambda _: table(_result(name))


def _result(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((RESULTS.parent / f"{name}.json").read_text(encoding="utf-8")))


def _of_costs(of: Callable[[costs.Costs], str], _: Results) -> str:
    """Return a table of results that are beside each other."""
    return of(read_costs(RESULTS.parent))


def read_costs(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what was measured of costs, by the names of the files."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def best_of(peers: dict[str, Any], peer: str) -> str | None:
    """Return which setting and mode of a peer has the highest nDCG@10."""
    own = [name for name in peers["means"] if name.split(".")[0] == peer]
    return max(own, key=lambda name: peers["means"][name]["nDCG@10"], default=None)


TABLES: dict[str, Callable[[Results], str]] = {
    "modes": modes_table,
    "peers": peers_table,
    "peers-settings": peers_settings_table,
    "ablations": ablations_table,
    "duplicates": _of("duplicates", duplicates_table),
    "diversity": _of("duplicates", diversity_table),
    **{name: partial(_of_costs, table) for name, table in costs.TABLES.items()},
    "forms": _of("forms", forms_table),
    "ann": _of("ann", ann_table),
    "ann-synthetic": _of("ann", synthetic_table),
    "reading": _of("reading", reading_table),
    "reliability": _of("reliability", reliability_table),
    "html": _of("html", html_table),
    "engines": _of("engines", engines_table),
    "engines-quality": _of("engines-quality", quality_table),
    "engines-filters": _of("engines", filters_table),
    "serving": _of("serving", serving_table),
    "scale-plans": plans_table,
    "scale-fits": fits_table,
}


def draw(results: Results, folder: Path) -> None:
    """Draw every plot whose results are there."""
    draw_quality(results, folder / "quality")
    measured = read_costs(RESULTS.parent)
    for name, (needed, draw_costs) in costs.PLOTS.items():
        if measured.keys() >= set(needed):
            draw_costs(measured, folder / name)


def draw_quality(results: Results, path: Path) -> None:
    """Draw nDCG@10 of this project's ranking, its vectors alone, and the peers' best, a group a collection."""
    shown = {name: result for name, result in results.items() if result["peers"] is not None}
    series: dict[str, list[float]] = {"semsearch": []}
    for result in shown.values():
        series["semsearch"].append(result["means"]["hybrid"]["nDCG@10"])
        for peer in PEERS:
            best = best_of(result["peers"], peer)
            value = float("nan") if best is None else result["peers"]["means"][best]["nDCG@10"]
            series.setdefault(peer, []).append(value)
    width = 0.8 / len(series)
    with plot(path) as (_, axes):
        for number, ((name, values), colour) in enumerate(zip(series.items(), COLOURS, strict=False)):
            places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(shown))]
            bars = axes.bar(places, values, width * 0.92, label=name, color=colour)
            if name == "semsearch":
                axes.bar_label(bars, fmt="%.2f", fontsize=8)
        axes.set_xticks(range(len(shown)), [f"{name}\n{result['queries']} queries" for name, result in shown.items()])
        axes.set_ylabel("nDCG@10")
        axes.set_ylim(0, 1.05)
        axes.legend(ncols=len(series), loc="upper center", bbox_to_anchor=(0.5, 1.14), frameon=False, fontsize=9)


if __name__ == "__main__":
    main()
