"""The hybrid ranking with one part taken away at a time: what each is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semsearch.evaluation import Dataset, Run
from semsearch.ranking import Signals, hybrid_parts
from semsearch.searching import Searcher
from semsearch.searching._questions import ask
from semsearch.searching._request import Request
from semsearch.searching._retrieval import CANDIDATES

__all__ = ["ABLATIONS", "ablated_runs"]

Scoring = Callable[[Signals], NDArray[np.float64]]


def _scores(signals: Signals) -> NDArray[np.float64]:
    return np.asarray(np.sum(list(hybrid_parts(signals).values()), axis=0))


def _without_neighbours(signals: Signals) -> NDArray[np.float64]:
    parts = hybrid_parts(signals)
    return _scores(signals) - parts["neighbours"]


def _without_articles(signals: Signals) -> NDArray[np.float64]:
    """Every passage is taken for an article of its own; its article's words, which it has not, are left."""
    members = signals.articles
    alone = replace(
        signals,
        articles=np.arange(len(members)),
        article_vectors=signals.article_vectors[members],
        article_dense=signals.dense,
        lexical=np.asarray(signals.lexical, dtype=np.float64)[members],
        article_late=signals.late,
    )
    return _without_neighbours(alone)


ABLATIONS: Mapping[str, Scoring] = {
    "everything": _scores,
    "no late interaction": lambda s: _scores(replace(s, late=None, article_late=None)),
    "no words": lambda s: _scores(replace(s, lexical=np.zeros(len(s.lexical)))),
    "no vectors": lambda s: _scores(
        replace(s, dense=np.zeros(len(s.dense)), article_dense=np.zeros(len(s.article_dense)))
    ),
    "no neighbours": _without_neighbours,
    "no article, no neighbours": _without_articles,
}


def ablated_runs(searcher: Searcher, dataset: Dataset) -> dict[str, Run]:
    """Rank the same candidates of every query in each of :data:`ABLATIONS`; articles by their best passage."""
    retrieval = searcher._retrieval  # noqa: SLF001 - what is taken apart here is not public
    runs: dict[str, Run] = {name: {} for name in ABLATIONS}
    for query, text in dataset.queries.items():
        request = Request(phrases=False)
        (question,) = ask([text], request, searcher._embedder, searcher._source.terms("passages"))  # noqa: SLF001
        found = retrieval.candidates(question, CANDIDATES, None)
        rows, signals = found.rows, retrieval.signals(question, found)
        ids = {row: stored.article.id for row, stored in searcher._source.passages(rows.tolist()).items()}  # noqa: SLF001
        for name, scoring in ABLATIONS.items():
            ranked: dict[str, float] = {}
            scores = scoring(signals)
            for place in np.lexsort((rows, -scores)):
                ranked.setdefault(ids[int(rows[place])], float(scores[place]))
            runs[name][query] = list(ranked.items())
    return runs
