"""Signals to scores: late interaction, and what an article's other passages and its neighbours say. Pure numpy.

The ranking of the mode ``hybrid``; ``docs/ranking.md`` has the measurements behind every part and constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from semsearch.products import inner_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Floats = NDArray[np.float32] | NDArray[np.float64]

__all__ = ["Signals", "hybrid_parts", "inverse_document_frequency", "late_interaction", "settled", "token_weights"]


# Weights of the signals, all on scales of their own that mean the same for every query; they sum to 1, which is then
# the score of what matches perfectly. They were chosen on the flat top of a grid over six collections; choosing them
# without the collection that is reported changes little.
_LATE = 8 / 12
_DENSE = 1 / 12
_ARTICLE = 1 / 12
_LEXICAL = 2 / 12
_NEIGHBOURS = 3
_HEAD = 10
_ROUNDING = 1e-6  # by which scores of the same passage may be apart: a product of matrices adds up by where a row is


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of the candidates, ``n`` passages of ``m`` articles.

    Attributes:
        articles: ``(n,)`` int64: which of the m articles a passage is of.
        dense: ``(n,)``: cosine of query and passage.
        article_vectors: ``(m, dimension)``, unit rows: the mean of an article's passage vectors.
        article_dense: ``(m,)``: cosine of query and article vector.
        lexical: ``(m,)``: the article's BM25 as a share of the most that any text could have, 0 to 1.
        late: ``(n,)``: late interaction of query and passage, see :func:`late_interaction`; None without token vectors.
        article_late: ``(m,)``: the same with all of an article's candidates taken as one text.
    """

    articles: NDArray[np.int64]
    dense: _Floats
    article_vectors: NDArray[np.float32]
    article_dense: _Floats
    lexical: _Floats
    late: _Floats | None = None
    article_late: _Floats | None = None

    def with_late_interaction(self, late: _Floats, article_late: _Floats) -> Signals:
        """Return these signals with late interaction."""
        return replace(self, late=late, article_late=article_late)


def inverse_document_frequency(frequency: int, count: int) -> float:
    """Return how much a word says that is in ``frequency`` of ``count`` texts, as BM25 has it; above 0."""
    frequency = min(frequency, count)
    return float(np.log(1 + (count - frequency + 0.5) / (frequency + 0.5)))


def token_weights(
    words: Sequence[int | None], document_frequencies: Sequence[int], passages: int
) -> NDArray[np.float64]:
    """Weight the tokens of a query: half of it equally, half by how rare their words are.

    Args:
        words: For each token the word that it is of; None for special tokens.
        document_frequencies: For each word, in how many passages it occurs.
        passages: The number of passages.

    Returns:
        ``(len(words),)`` float64 that sum to 1. Inverse document frequency is shared by a word's pieces
        so that a word of n pieces weighs as much as the square root of n words.
    """
    equal = np.full(len(words), 1 / max(len(words), 1))
    pieces = {word: sum(other == word for other in words) for word in set(words)}
    rare = np.zeros(len(words))
    for token, word in enumerate(words):
        if word is not None:
            rare[token] = inverse_document_frequency(document_frequencies[word], passages) / np.sqrt(pieces[word])
    return (equal + rare / rare.sum()) / 2 if rare.sum() > 0 else equal


def late_interaction(
    similarities: _Floats, weights: _Floats, articles: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the late interaction of a query with passages, and with their articles: the weighted mean of MaxSim.

    Args:
        similarities: ``(t, n)``: for each token of the query the highest cosine with a token of the passage.
        weights: ``(t,)``: how much each token of the query counts; sums to 1.
        articles: ``(n,)`` int64: which article a passage is of, 0 to ``count - 1``.
        count: How many articles.

    Returns:
        ``(n,)`` and ``(count,)`` float64, -1 to 1.
    """
    highest = np.full((len(similarities), count), -1.0)
    for token, row in enumerate(similarities):
        np.maximum.at(highest[token], articles, row)
    return np.asarray(weights @ similarities, dtype=np.float64), np.asarray(weights @ highest, dtype=np.float64)


def hybrid_parts(signals: Signals) -> dict[str, NDArray[np.float64]]:
    """Return what each signal adds to the score of each candidate, ``(n,)`` float64 each; their sum is the score.

    A passage is scored by late interaction with itself and, in equal part, with all its article's candidates together,
    so that one which continues what another began is not lost; by the cosines of its own and its article's vector; and
    by its article's words. What makes an article stand out from the ten best is then passed on to the articles that are
    most like it, in proportion to how like they are.
    """
    members = signals.articles
    dense, article = np.asarray(signals.dense, np.float64), np.asarray(signals.article_dense, np.float64)[members]
    if signals.late is None or signals.article_late is None:
        parts = {"dense": (1 - _LEXICAL) / 2 * dense, "article dense": (1 - _LEXICAL) / 2 * article}
    else:
        parts = {
            "late interaction": _LATE / 2 * np.asarray(signals.late, np.float64),
            "article late interaction": _LATE / 2 * np.asarray(signals.article_late, np.float64)[members],
            "dense": _DENSE * dense,
            "article dense": _ARTICLE * article,
        }
    parts["article lexical"] = _LEXICAL * np.asarray(signals.lexical, dtype=np.float64)[members]
    scores = np.sum(list(parts.values()), axis=0)
    parts["neighbours"] = _from_neighbours(scores, signals)[members]
    return parts


def _from_neighbours(scores: NDArray[np.float64], signals: Signals) -> NDArray[np.float64]:
    """Return ``(m,)``: what an article gets from those of its nearest neighbours that stand out.

    What is alike tends to be relevant to the same queries (van Rijsbergen's cluster hypothesis).
    """
    count = len(signals.article_vectors)
    nearest = min(_NEIGHBOURS, count - 1)
    if nearest < 1:
        return np.zeros(count)
    best = np.full(count, -np.inf)
    np.maximum.at(best, signals.articles, scores)
    excess = np.maximum(best - np.sort(best)[-min(_HEAD, count)], 0)
    alike = inner_products(signals.article_vectors, signals.article_vectors)
    np.fill_diagonal(alike, -np.inf)
    threshold = np.partition(alike, -nearest, axis=1)[:, -nearest][:, None]
    alike = np.where(alike >= threshold, np.maximum(alike, 0), 0)
    return np.asarray(alike @ excess / _NEIGHBOURS, dtype=np.float64)


def settled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores, ``(n,)``, of which those that are apart by no more than rounding are the same.

    So the same text has the same score on every processor, and equal ones can come in the order of their rows.
    """
    if len(scores) == 0:
        return scores
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    first = np.maximum.accumulate(np.where(np.diff(descending, prepend=np.inf) < -_ROUNDING, np.arange(len(scores)), 0))
    found = np.empty_like(scores)
    found[order] = descending[first]
    return found
