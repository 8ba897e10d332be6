"""How well an index answers: judged queries, runs, measures, and whether a difference is one.

The measures are those of ir-measures, the extra ``semsearch[evaluate]``.
"""

from __future__ import annotations

from semsearch.evaluation.datasets import Dataset, load_dataset
from semsearch.evaluation.measures import MEASURES, Comparison, compare, measure
from semsearch.evaluation.runs import Run, read_run, write_run

__all__ = [
    "MEASURES",
    "Comparison",
    "Dataset",
    "Run",
    "compare",
    "load_dataset",
    "measure",
    "read_run",
    "write_run",
]
