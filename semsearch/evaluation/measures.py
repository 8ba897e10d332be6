"""Measures of a run, and whether two runs differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semsearch.errors import SemsearchError
from semsearch.evaluation.runs import Run

__all__ = ["MEASURES", "Comparison", "Interval", "compare", "interval", "measure"]

MEASURES = ("nDCG@10", "RR@10", "R@10", "R@100", "Success@1")
"""Names of ir-measures; ``RR@10`` averaged over queries is MRR@10."""

_RESAMPLES = 10_000


class Interval(NamedTuple):
    """A mean over queries and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


class Comparison(NamedTuple):
    """The mean difference of two runs with its 95 % confidence interval, and the two-sided p of a paired test."""

    difference: Interval
    p: float


def measure(run: Run, qrels: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """Return each measure's value for every query of ``qrels``, also those that the run has nothing for.

    Args:
        run: Ranked ids by query; the order counts, not the scores.
        qrels: Grades by query and id.

    Returns:
        ``{measure: {query: value}}``.

    Raises:
        SemsearchError: If ir-measures is not installed.
    """
    ir = _ir_measures()
    judged = [ir.Qrel(query, article, grade) for query, grades in qrels.items() for article, grade in grades.items()]
    # Scores may be equal; trec_eval would then order by id. The rank decides.
    ranked = [
        ir.ScoredDoc(query, article, float(-rank))
        for query, entries in run.items()
        for rank, (article, _) in enumerate(entries)
    ]
    values = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    for value in ir.iter_calc([ir.parse_measure(name) for name in MEASURES], judged, ranked):
        if value.query_id in qrels:
            values[str(value.measure)][value.query_id] = float(value.value)
    return values


def interval(values: Mapping[str, float]) -> Interval:
    """Return the mean over queries with its bootstrap confidence interval (percentiles, 10,000 resamples)."""
    return _bootstrap(np.array(list(values.values())))


def compare(values: Mapping[str, float], against: Mapping[str, float]) -> Comparison:
    """Compare two runs over the same queries: mean difference, and Fisher's paired randomisation test.

    The test asks how often a difference as large comes up when each query's two values are swapped at random
    (Smucker, Allan and Carterette, CIKM 2007, recommend it for such measures).

    Raises:
        ValueError: If the queries are not the same.
    """
    if values.keys() != against.keys():
        raise ValueError("the two runs must be measured on the same queries")
    differences = np.array([values[query] - against[query] for query in values])
    if not differences.any():
        return Comparison(Interval(0.0, 0.0, 0.0), 1.0)
    from scipy import stats

    test = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=_RESAMPLES, rng=np.random.default_rng(0)
    )
    return Comparison(_bootstrap(differences), float(test.pvalue))


def _bootstrap(values: NDArray[np.float64]) -> Interval:
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values) == 0:
        return Interval(mean, mean, mean)
    from scipy import stats

    found = stats.bootstrap(
        (values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(0), batch=1000
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high))


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ImportError:
        raise SemsearchError("evaluating needs the extra: 'pip install semsearch[evaluate]'") from None
    return ir_measures
