"""How well an index answers: judged queries, runs, measures, and whether a difference is one.

The measures are those of ir-measures, the extra ``semsearch[evaluate]``.
"""

from __future__ import annotations

from semsearch.evaluation.datasets import Dataset, load_dataset
from semsearch.evaluation.measures import MEASURES, Comparison, Interval, compare, interval, measure
from semsearch.evaluation.runs import Run, read_run, write_run
from semsearch.evaluation.searches import Evaluation, evaluate_index, run_queries, write_per_query
from semsearch.evaluation.thresholds import Threshold, suggest_threshold

__all__ = [
    "MEASURES",
    "Comparison",
    "Dataset",
    "Evaluation",
    "Interval",
    "Run",
    "Threshold",
    "compare",
    "evaluate_index",
    "interval",
    "load_dataset",
    "measure",
    "read_run",
    "run_queries",
    "suggest_threshold",
    "write_per_query",
    "write_run",
]
