"""Signals to scores: late interaction, and what an article's other passages and its neighbours say. Pure numpy.

The ranking of the mode ``hybrid``; ``docs/ranking.md`` has the measurements behind every part and constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Signals", "hybrid_scores", "token_weights"]

_Floats = NDArray[np.float32] | NDArray[np.float64]

# Weights of the signals, all on scales of their own that mean the same for every query. They were chosen on the flat
# top of a grid over six collections; choosing them without the collection that is reported changes little.
_LATE = 0.8
_DENSE = 0.1
_ARTICLE = 0.1
_LEXICAL = 0.2
_NEIGHBOURS = 3
_HEAD = 10


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of the candidates, ``n`` passages of ``m`` articles.

    Attributes:
        articles: ``(n,)`` int64: which of the m articles a passage is of.
        dense: ``(n,)``: cosine of query and passage.
        article_vectors: ``(m, dimension)``, unit rows: the mean of an article's passage vectors.
        article_dense: ``(m,)``: cosine of query and article vector.
        lexical: ``(m,)``: the article's BM25 as a share of the most that any text could have, 0 to 1.
        late: ``(t, n)``: for each token of the query the highest cosine with a token of the passage; None without
            token vectors.
        token_weights: ``(t,)``: how much each token of the query counts; sums to 1.
    """

    articles: NDArray[np.int64]
    dense: _Floats
    article_vectors: NDArray[np.float32]
    article_dense: _Floats
    lexical: _Floats
    late: _Floats | None = None
    token_weights: _Floats | None = None


def token_weights(
    words: Sequence[int | None], document_frequencies: Sequence[int], passages: int
) -> NDArray[np.float64]:
    """Weight the tokens of a query: half of it equally, half by how rare their words are.

    Args:
        words: For each token the word that it is of; None for special tokens.
        document_frequencies: For each word, in how many passages it occurs.
        passages: The number of passages.

    Returns:
        ``(len(words),)`` float64 that sum to 1. Inverse document frequency is that of BM25, shared by a word's pieces
        so that a word of n pieces weighs as much as the square root of n words.
    """
    equal = np.full(len(words), 1 / max(len(words), 1))
    pieces = {word: sum(other == word for other in words) for word in set(words)}
    rare = np.zeros(len(words))
    for token, word in enumerate(words):
        if word is not None:
            frequency = min(document_frequencies[word], passages)
            rare[token] = np.log(1 + (passages - frequency + 0.5) / (frequency + 0.5)) / np.sqrt(pieces[word])
    return (equal + rare / rare.sum()) / 2 if rare.sum() > 0 else equal


def hybrid_scores(signals: Signals) -> NDArray[np.float64]:
    """Return the score of each candidate, ``(n,)`` float64; higher is better.

    A passage is scored by late interaction with itself and, in equal part, with all its article's candidates together,
    so that one which continues what another began is not lost; by the cosines of its own and its article's vector; and
    by its article's words. What makes an article stand out from the ten best is then passed on to the articles that are
    most like it, in proportion to how like they are.
    """
    members = signals.articles
    cosines = np.asarray(signals.dense, dtype=np.float64), np.asarray(signals.article_dense, dtype=np.float64)[members]
    if signals.late is None or signals.token_weights is None:
        scores = (cosines[0] + cosines[1]) / 2
    else:
        own = signals.token_weights @ signals.late
        scores = _LATE * (own + _article_late(signals)[members]) / 2 + _DENSE * cosines[0] + _ARTICLE * cosines[1]
    scores = scores + _LEXICAL * np.asarray(signals.lexical, dtype=np.float64)[members]
    return scores + _from_neighbours(scores, signals)[members]


def _article_late(signals: Signals) -> NDArray[np.float64]:
    """Return ``(m,)``: late interaction with each article's candidates taken as one text."""
    assert signals.late is not None and signals.token_weights is not None  # noqa: PT018, S101 - for the type checker
    highest = np.full((len(signals.late), len(signals.article_vectors)), -1.0)
    for token, similarities in enumerate(signals.late):
        np.maximum.at(highest[token], signals.articles, similarities)
    return np.asarray(signals.token_weights @ highest, dtype=np.float64)


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
    alike = signals.article_vectors @ signals.article_vectors.T
    np.fill_diagonal(alike, -np.inf)
    threshold = np.partition(alike, -nearest, axis=1)[:, -nearest][:, None]
    alike = np.where(alike >= threshold, np.maximum(alike, 0), 0)
    return np.asarray(alike @ excess / _NEIGHBOURS, dtype=np.float64)
