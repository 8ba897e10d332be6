"""How well a passage matches anything: what late interaction gives it whatever is asked. Pure numpy.

A passage with many different tokens has one that is like any token of a query: such hubs come up for every question
(Radovanović and others, "Hubs in space", JMLR 2010). A sample of short spans of the corpus stands for all questions
that nobody has asked; a passage's mean late interaction with those of other articles is what it owes to no question.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from semsearch.tokens import TokenStore

__all__ = ["Background", "choose_spans", "measure_background"]

_SPANS = 32
_LENGTH = 12  # tokens: about those of a question
_LEAST = _LENGTH + 4  # tokens that a passage has from which one is taken, special ones among them
_BLOCK = 64  # passages that are compared at a time


class Background:
    """What passages and articles owe to no question, less what all of them do on average.

    Attributes:
        passages: ``(passages,)`` float32.
        articles: ``(articles,)`` float32: for all of an article's passages taken as one text.
    """

    def __init__(self, passages: NDArray[np.float32], articles: NDArray[np.float32]) -> None:
        self.passages = passages
        self.articles = articles


def choose_spans(store: TokenStore, keys: Iterable[bytes]) -> list[int]:
    """Return the rows of the passages from whose middle a span is taken.

    They are those with the lowest keys: as good as drawn at random, and the same ones after a rebuild unless one of
    them was changed. A passage that the corpus has more than once is not taken: its copies would be called hubs.

    Args:
        store: The token vectors.
        keys: For each passage the hash of its text.
    """
    lengths = store.lengths
    rows: dict[bytes, int] = {}
    copied: set[bytes] = set()
    for row, key in enumerate(keys):
        if key in rows:
            copied.add(key)
        elif lengths[row] >= _LEAST:
            rows[key] = row
    return [rows[key] for key in sorted(rows.keys() - copied)[:_SPANS]]


def measure_background(store: TokenStore, article_starts: NDArray[np.int64], spans: list[int]) -> Background:
    """Compare every passage, and every article, with spans of other articles.

    Args:
        store: The token vectors.
        article_starts: ``(articles,)`` int64: the first passage of each article.
        spans: What :func:`choose_spans` chose.
    """
    count, articles = len(store), len(article_starts)
    article_of = np.repeat(np.arange(articles), np.diff(article_starts, append=count))
    origins = article_of[spans]
    queries = [store.vectors_of(row) for row in spans]
    middles = [(len(vectors) - _LENGTH) // 2 for vectors in queries]
    tokens = [vectors[at : at + _LENGTH] for vectors, at in zip(queries, middles, strict=True)]
    own = np.zeros((count, len(spans)), dtype=np.float32)
    highest = np.full((articles, len(spans) * _LENGTH), -1, dtype=np.float32)
    if spans:
        together = np.concatenate(tokens)
        for start in range(0, count, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, count))
            similarities = store.max_similarities(together, rows).T
            own[rows] = similarities.reshape(len(rows), len(spans), _LENGTH).mean(axis=2)
            np.maximum.at(highest, article_of[rows], similarities)
    whole = highest.reshape(articles, len(spans), _LENGTH).mean(axis=2)
    return Background(
        _centred(own, origins[None, :] != article_of[:, None]),
        _centred(whole, origins[None] != np.arange(articles)[:, None]),
    )


def _centred(similarities: NDArray[np.float32], others: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return each row's mean over what is of other articles, less the mean of those means; 0 where nothing is."""
    counts = others.sum(axis=1)
    known = counts > 0
    means = np.where(others, similarities, 0).sum(axis=1) / np.maximum(counts, 1)
    middle = means[known].mean() if known.any() else 0.0
    return np.where(known, means - middle, 0.0).astype(np.float32)
