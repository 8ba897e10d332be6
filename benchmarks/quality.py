"""How well each mode ranks, on judged collections.

    python -m benchmarks.quality DATASET... [--indexes FOLDER]

DATASET is a folder in BEIR's layout with its ``corpus.jsonl``, or ``corpus`` for the sample archive and its own
queries. Indexes each one (its passages in float32, which is the same on every machine), asks its queries in every mode,
and writes the runs and every query's values to ``benchmarks/results/quality/``: what ``python -m benchmarks.report``
makes tables and plots of. ``hybrid`` is also measured with one part taken away at a time, over the same candidates.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import semsearch
from benchmarks.ablations import ablated_runs
from benchmarks.machine import describe
from semsearch.evaluation import Dataset, compare, interval, load_dataset, measure, run_queries, write_run
from semsearch.searching import MODES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "quality"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="folders in BEIR's layout, or 'corpus'")
    parser.add_argument("--indexes", type=Path, help="keep the indexes in this folder, and use those that are there")
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in arguments.datasets:
        _measure(name, arguments.indexes)


def _measure(name: str, indexes: Path | None) -> None:
    dataset = load_dataset(ROOT / "benchmarks" / "corpus-queries" if name == "corpus" else Path(name))
    label = "corpus" if name == "corpus" else dataset.name
    values = {}
    with _index(dataset, label, indexes) as folder, semsearch.open_index(folder) as searcher:
        passages = len(searcher)
        for mode in MODES:
            run = run_queries(searcher, dataset, mode=mode)
            write_run(run, RESULTS / f"{label}.{mode}.run", tag=mode)
            values[mode] = measure(run, dataset.qrels)
        ablations = {}
        for ablation, run in ablated_runs(searcher, dataset).items():
            ablations[ablation] = measure(run, dataset.qrels)["nDCG@10"]
    means = {mode: {key: interval(queries) for key, queries in found.items()} for mode, found in values.items()}
    against = {mode: compare(values["hybrid"]["nDCG@10"], values[mode]["nDCG@10"]) for mode in MODES[1:]}
    result = {
        "command": f"python -m benchmarks.quality {label}",
        "machine": describe(),
        "queries": len(dataset.queries),
        "passages": passages,
        "means": {mode: {key: mean.mean for key, mean in found.items()} for mode, found in means.items()},
        "hybrid_against": {mode: {"difference": c.difference.mean, "p": c.p} for mode, c in against.items()},
        "ablations": {name: interval(queries).mean for name, queries in ablations.items()},
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
    for ablation, queries in ablations.items():
        print(f"{label:<10} {ablation}: nDCG@10 {interval(queries).mean:.4f}", flush=True)


@contextlib.contextmanager
def _index(dataset: Dataset, label: str, indexes: Path | None) -> Iterator[Path]:
    """Give the index of a dataset's articles: one that is kept, or one for the time being."""
    corpus = dataset.corpus or ROOT / "corpus"
    if indexes is not None:
        if not (indexes / label / "CURRENT").exists():
            semsearch.build_index(corpus, indexes / label, precision="float32")
        yield indexes / label
        return
    with tempfile.TemporaryDirectory() as folder:
        semsearch.build_index(corpus, folder, precision="float32")
        yield Path(folder)


if __name__ == "__main__":
    main()
