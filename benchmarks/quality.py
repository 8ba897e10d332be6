"""How well each mode ranks, on judged collections.

    python -m benchmarks.quality DATASET...

DATASET is a folder in BEIR's layout with its ``corpus.jsonl``, or ``corpus`` for the sample archive and its own
queries. Indexes each one, asks its queries in every mode, and writes runs, every query's values and a table to
``benchmarks/results/quality/``. Differences are those of ``hybrid`` to the other modes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import semsearch
from benchmarks.machine import describe
from semsearch.evaluation import compare, interval, load_dataset, measure, run_queries, write_run
from semsearch.searching import MODES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "quality"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="folders in BEIR's layout, or 'corpus'")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().datasets:
        _measure(name)


def _measure(name: str) -> None:
    dataset = load_dataset(ROOT / "benchmarks" / "corpus-queries" if name == "corpus" else Path(name))
    label = "corpus" if name == "corpus" else dataset.name
    values = {}
    with tempfile.TemporaryDirectory() as folder:
        semsearch.build_index(dataset.corpus or ROOT / "corpus", folder)
        with semsearch.open_index(folder) as searcher:
            for mode in MODES:
                run = run_queries(searcher, dataset, mode=mode)
                write_run(run, RESULTS / f"{label}.{mode}.run", tag=mode)
                values[mode] = measure(run, dataset.qrels)
    means = {mode: {key: interval(queries) for key, queries in found.items()} for mode, found in values.items()}
    against = {mode: compare(values["hybrid"]["nDCG@10"], values[mode]["nDCG@10"]) for mode in MODES[1:]}
    result = {
        "command": f"python -m benchmarks.quality {label}",
        "machine": describe(),
        "queries": len(dataset.queries),
        "means": {mode: {key: mean.mean for key, mean in found.items()} for mode, found in means.items()},
        "hybrid_against": {mode: {"difference": c.difference.mean, "p": c.p} for mode, c in against.items()},
        "per_query": values,
    }
    (RESULTS / f"{label}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for mode in MODES:
        figures = "  ".join(f"{key} {mean.mean:.4f}" for key, mean in means[mode].items())
        print(f"{label:<10} {mode:<8} {figures}", flush=True)
    for mode, comparison in against.items():
        print(
            f"{label:<10} hybrid - {mode}: nDCG@10 {comparison.difference.mean:+.4f}, p {comparison.p:.4f}", flush=True
        )


if __name__ == "__main__":
    main()
