"""What is put into each engine: articles of made texts, with vectors that lie as real ones do.

Texts are those of :mod:`benchmarks.synthetic`, one passage a paragraph. Vectors are real ones of other texts
(:mod:`benchmarks.ann.vectors`). Codes of tokens are random bytes, as many as the text has pieces. An archive of fewer
passages is the beginning of one of more.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import semsearch
from benchmarks.synthetic import PASSAGES_OF_AN_ARTICLE, articles, words_of_sample
from semsearch.engines import Batch, EngineArticle, first_passage
from semsearch.storage import content_digest

__all__ = ["SHARES", "Archive", "make_archive"]

SHARES = {"half": 2, "tenth": 10, "hundredth": 100, "thousandth": 1000}
"""Fields of metadata, and how many values each has: a filter for one of them leaves so large a share."""

_BATCH = 1_000  # passages
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")
_SEED = 7


class Archive(NamedTuple):
    """Passages in the order of their rows, in batches.

    Attributes:
        batches: Whole articles.
        vectors: ``(n, dimension)`` float16: those of all passages.
        rows: ``(n,)`` int64: their rows in an engine.
        tokens: How many codes there are.
    """

    batches: list[Batch]
    vectors: NDArray[np.float16]
    rows: NDArray[np.int64]
    tokens: int

    @property
    def articles(self) -> Iterator[semsearch.Article]:
        """All of them."""
        return (one.article for batch in self.batches for one in batch.articles)

    def allowed(self, field: str) -> NDArray[np.bool_]:
        """Return which passages a filter ``field = 1`` leaves."""
        numbers = np.arange(len(self.rows)) // PASSAGES_OF_AN_ARTICLE
        return np.asarray(numbers % SHARES[field] == 1 % SHARES[field], dtype=np.bool_)

    def first(self, passages: int) -> Archive:
        """Return the archive of its first passages."""
        batches = self.batches[: passages // _BATCH]
        tokens = sum(len(codes) for batch in batches for codes in batch.codes)
        return Archive(batches, self.vectors[:passages], self.rows[:passages], tokens)


def make_archive(vectors: NDArray[np.float16], questions: Sequence[str]) -> Archive:
    """Make an archive with these vectors, of which there must be a multiple of a thousand."""
    draw = np.random.default_rng(_SEED)
    batches: list[Batch] = []
    pending: list[semsearch.Article] = []
    for number, article in enumerate(articles(len(vectors), words_of_sample(), questions, seed=_SEED)):
        metadata = {name: number % values for name, values in SHARES.items()}
        pending.append(dataclasses.replace(article, metadata=metadata))
        if len(pending) * PASSAGES_OF_AN_ARTICLE == _BATCH:
            start = len(batches) * _BATCH
            batches.append(_batch(pending, vectors[start : start + _BATCH], len(batches), draw))
            pending = []
    rows = np.concatenate([batch.rows for batch in batches])
    return Archive(batches, vectors, rows, sum(len(codes) for batch in batches for codes in batch.codes))


def _batch(
    made: Sequence[semsearch.Article], vectors: NDArray[np.float16], number: int, draw: np.random.Generator
) -> Batch:
    first = number * len(made)
    spans = [_spans(article.text) for article in made]
    codes = [
        draw.integers(0, 256, (len(_PIECE.findall(article.text[start:end])), vectors.shape[1] // 4), dtype=np.uint8)
        for article, own in zip(made, spans, strict=True)
        for start, end in own
    ]
    each = PASSAGES_OF_AN_ARTICLE
    kept = [
        EngineArticle(
            row=first + at,
            article=article,
            place=f"made:{first + at}",
            digest=content_digest(article),
            passages=each,
            tokens=sum(len(own) for own in codes[at * each : (at + 1) * each]),
            truncated=0,
            vector=_mean(vectors[at * each : (at + 1) * each]),
        )
        for at, article in enumerate(made)
    ]
    rows = np.concatenate([first_passage(np.int64(one.row)) + np.arange(each) for one in kept])
    flat = np.array([span for own in spans for span in own], dtype=np.int64)
    return Batch(
        articles=kept,
        rows=np.asarray(rows, dtype=np.int64),
        paragraphs=np.tile(np.arange(1, each + 1), len(made)),
        starts=flat[:, 0],
        ends=flat[:, 1],
        keys=draw.integers(0, 256, (len(rows), 16), dtype=np.uint8),
        vectors=vectors,
        codes=codes,
    )


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where the paragraphs are, which blank lines part."""
    return [match.span() for match in re.finditer(r"[^\n]+", text)]


def _mean(vectors: NDArray[np.float16]) -> NDArray[np.float16]:
    mean = vectors.astype(np.float32).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float16)
