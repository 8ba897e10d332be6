"""How well each precision ranks: what is lost where passages are embedded in fewer bits.

    python -m benchmarks.forms DATASET... [--indexes FOLDER]

DATASET is as for ``benchmarks.quality``. Indexes each one once in each precision, asks its queries, which are
embedded in float32 whatever the passages were embedded in, and compares nDCG@10 and the vectors with those of float32.
Figures go to ``benchmarks/results/forms.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.machine import describe
from semsearch.embedders import PRECISIONS
from semsearch.evaluation import Dataset, compare, interval, load_dataset, measure, run_queries
from semsearch.storage import open_generation

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "forms.json"
_MODES = ("hybrid", "dense")
_MEASURE = "nDCG@10"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="folders in BEIR's layout, or 'corpus'")
    parser.add_argument("--indexes", type=Path, help="keep the indexes in this folder, and use those that are there")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.datasets:
            dataset = load_dataset(ROOT / "benchmarks" / "corpus-queries" if name == "corpus" else Path(name))
            label = "corpus" if name == "corpus" else dataset.name
            found[label] = _measure(dataset, label, arguments.indexes or Path(folder))
    command = f"python -m benchmarks.forms {' '.join(found)}"
    result = {"command": command, "machine": describe(), "datasets": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _measure(dataset: Dataset, label: str, indexes: Path) -> dict[str, Any]:
    values: dict[str, dict[str, dict[str, float]]] = {}
    forms: dict[str, Any] = {}
    for precision in PRECISIONS:
        index = indexes / f"{label}-{precision}"
        embedder = semsearch.load_embedder(precision=precision)
        if not (index / "CURRENT").exists():
            semsearch.build_index(dataset.corpus or ROOT / "corpus", index, embedder=embedder)
        with semsearch.open_index(index, embedder=embedder) as searcher:
            runs = {mode: run_queries(searcher, dataset, mode=mode) for mode in _MODES}
        values[precision] = {mode: measure(run, dataset.qrels)[_MEASURE] for mode, run in runs.items()}
        cosines = _cosines(index, indexes / f"{label}-{PRECISIONS[0]}")
        forms[precision] = {
            "cosine_with_float32": {"least": float(cosines.min()), "mean": float(cosines.mean())},
            "nDCG@10": {mode: interval(queries).mean for mode, queries in values[precision].items()},
            "against_float32": {
                mode: {"difference": one.difference.mean, "p": one.p}
                for mode, queries in values[precision].items()
                for one in (compare(queries, values[PRECISIONS[0]][mode]),)
            },
        }
        print(f"{label:<10} {precision:<9}", json.dumps(forms[precision]), flush=True)
    return forms


def _cosines(index: Path, other: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the cosines of the passages' vectors in two indexes of the same articles."""
    vectors = []
    for folder in (index, other):
        generation = open_generation(folder)
        vectors.append(np.array(generation.embeddings, dtype=np.float64))
        generation.close()
    lengths = np.linalg.norm(vectors[0], axis=1) * np.linalg.norm(vectors[1], axis=1)
    return np.asarray(np.einsum("ij,ij->i", *vectors) / lengths)


if __name__ == "__main__":
    main()
