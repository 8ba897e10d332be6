"""The least score that a hit should have, from judged queries of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.errors import CorpusError
from semsearch.evaluation.datasets import Dataset
from semsearch.evaluation.searches import judged_name, ranking_alone
from semsearch.records import Progress, ReportProgress

if TYPE_CHECKING:
    from semsearch.searching import Searcher

__all__ = ["Threshold", "suggest_threshold"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A least score, and what it does to the judged queries.

    Attributes:
        score: The score.
        mode: The mode whose scores it is for.
        precision: The share of the hits with at least this score that were judged relevant.
        recall: The share of the queries, of those that something answers, that keep a relevant hit.
        recall_without: The same without any threshold.
        silenced: The share of the queries that nothing answers that get no hit; None if the dataset has none.
        queries: How many queries were asked.
    """

    score: float
    mode: str
    precision: float
    recall: float
    recall_without: float
    silenced: float | None
    queries: int


def suggest_threshold(
    searcher: Searcher, dataset: Dataset, k: int = 10, *, mode: str = "hybrid", progress: ReportProgress | None = None
) -> Threshold:
    """Suggest the score from which on hits are worth showing: that with the best F1 of precision and recall.

    What was not judged counts as not relevant, so the precision is a lower bound. A threshold holds for the mode, the
    model and roughly the archive that it was found with.

    Args:
        searcher: The index.
        dataset: Judged queries, best with some that nothing answers.
        k: How many hits of each query are looked at.
        mode: How they are ranked.
        progress: Called now and then.

    Raises:
        CorpusError: If no query finds anything that was judged relevant.
    """
    best_relevant: list[float] = []  # of each query that something answers, -inf if it found nothing relevant
    best_of_others: list[float] = []  # of each query that nothing answers
    scores: list[float] = []
    relevant: list[bool] = []
    asked = {**dataset.queries, **dataset.unanswerable}
    for done, (query, text) in enumerate(asked.items()):
        if progress is not None:
            progress(Progress("asking", done, len(asked)))
        grades = dataset.qrels.get(query, {})
        hits = searcher.search(text, k, **ranking_alone(mode))
        good = [grades.get(judged_name(hit, dataset, query), 0) > 0 for hit in hits]
        scores += [hit.score for hit in hits]
        relevant += good
        if query in dataset.unanswerable:
            best_of_others.append(max((hit.score for hit in hits), default=-np.inf))
        else:
            own = (hit.score for hit, is_good in zip(hits, good, strict=True) if is_good)
            best_relevant.append(max(own, default=-np.inf))
    if not any(relevant):
        raise CorpusError(
            dataset.name,
            f"none of its {len(dataset.queries)} queries finds anything that was judged relevant among its first {k} "
            "hits, so there is nothing to weigh: is it the right index?",
        )
    order = np.argsort(scores, kind="stable")[::-1]
    levels = np.array(scores)[order]
    precision = np.cumsum(np.array(relevant)[order]) / np.arange(1, len(levels) + 1)
    found = np.sort(np.array(best_relevant))
    recall = (len(found) - np.searchsorted(found, levels, side="left")) / len(found)
    # Hits of one score are shown together or not at all.
    last = np.append(levels[1:] < levels[:-1], True)
    f1 = np.where(last, 2 * precision * recall / np.maximum(precision + recall, 1e-12), -1)
    at = int(np.argmax(f1))
    score = float(levels[at])
    return Threshold(
        score=score,
        mode=mode,
        precision=float(precision[at]),
        recall=float(recall[at]),
        recall_without=float(np.mean(found > -np.inf)),
        silenced=float(np.mean(np.array(best_of_others) < score)) if best_of_others else None,
        queries=len(asked),
    )
