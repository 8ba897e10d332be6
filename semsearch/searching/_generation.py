"""The passages of an index in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from semsearch.dense import unit_rows
from semsearch.filters import Filter
from semsearch.lexical import LexicalIndex
from semsearch.records import Article, SourceSummary
from semsearch.searching._source import ARTICLE_PASSAGES
from semsearch.storage import Archive, Generation, Manifest, StoredPassage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semsearch.engines import Unit

    _Mask = NDArray[np.bool_]

__all__ = ["GenerationSource"]

_FILTERS = 64  # filters whose articles are remembered
_BELOW = -2  # any cosine


class GenerationSource:
    """One generation as the source of a search; what is allowed is a mask over its rows, ``(passages,)`` bool."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._words = {unit: generation.lexical_index(unit) for unit in ("passages", "articles")}
        self._dense = generation.dense_index()
        self._starts = generation.article_starts
        # Of the archive and not of self: what refers to itself would keep its files until it is collected.
        self._matching = lru_cache(_FILTERS)(partial(_find_matching, generation.archive))

    @property
    def manifest(self) -> Manifest:
        return self._generation.manifest

    @property
    def keeps_tokens(self) -> bool:
        return self._generation.tokens is not None

    def __len__(self) -> int:
        return self.manifest.counts.passages

    def terms(self, unit: Unit) -> LexicalIndex:
        return self._words[unit]

    def find_words(
        self, unit: Unit, text: str, k: int, allowed: _Mask | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if allowed is not None and unit == "articles":
            allowed = np.logical_or.reduceat(allowed, self._starts)
        return self._words[unit].search(text, k, allowed=allowed)

    def require_words(self) -> None:
        """Do nothing: an index in a folder has them."""

    def allowed(self, filter_: Filter | None, phrases: tuple[str, ...], *, without: int | None = None) -> _Mask | None:
        if filter_ is None and not phrases and without is None:
            return None
        mask = np.ones(len(self), dtype=bool)
        if filter_ is not None:
            chosen = np.zeros(len(self._starts), dtype=bool)
            chosen[self._matching(filter_)] = True
            mask &= np.repeat(chosen, np.diff(self._starts, append=len(mask)))
        for phrase in phrases:
            having = np.zeros(len(mask), dtype=bool)
            having[self._words["passages"].with_phrase(phrase)] = True
            mask &= having
        if without is not None:
            mask[self._span(without)] = False
        return mask

    def nearest(
        self, embedding: NDArray[np.float32], k: int, allowed: _Mask | None, recall: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._dense.search(embedding[None], k, allowed=allowed, recall=recall)[0]

    def best_passages(
        self, articles: NDArray[np.int64], embedding: NDArray[np.float32], allowed: _Mask | None
    ) -> NDArray[np.int64]:
        passages, begins = self._first_passages(articles)
        cosines = self.vectors(passages) @ embedding
        if allowed is not None:
            cosines[~allowed[passages]] = _BELOW
        ends = np.append(begins[1:], len(passages))
        best = [begin + int(np.argmax(cosines[begin:end])) for begin, end in zip(begins, ends, strict=True)]
        return passages[[at for at in best if cosines[at] > _BELOW]]

    def read_ahead(self, rows: NDArray[np.int64]) -> None:
        """Do nothing: files are read where they are."""

    def article_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self._starts, rows, side="right") - 1

    def passages_of(self, article: int) -> NDArray[np.int64]:
        span = self._span(article)
        return np.arange(span.start, span.stop)

    def _span(self, article: int) -> slice:
        end = int(self._starts[article + 1]) if article + 1 < len(self._starts) else len(self)
        return slice(int(self._starts[article]), end)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(self._generation.embeddings_of(rows), dtype=np.float32)

    def article_vectors(self, articles: NDArray[np.int64]) -> NDArray[np.float32]:
        rows, begins = self._first_passages(articles)
        return unit_rows(np.add.reduceat(self.vectors(rows), begins, axis=0))

    def _first_passages(self, articles: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of articles' passages, of a long one the first, and where each article's begin in them."""
        ends = np.append(self._starts, len(self))[articles + 1]
        counts = np.minimum(ends - self._starts[articles], ARTICLE_PASSAGES)
        begins = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(self._starts[articles] - begins, counts), begins

    def max_similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        assert self._generation.tokens is not None  # noqa: S101 - for the type checker
        return self._generation.tokens.max_similarities(query, rows)

    def similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        assert self._generation.tokens is not None  # noqa: S101 - for the type checker
        return self._generation.tokens.similarities(query, rows)

    def passages(self, rows: Sequence[int]) -> Mapping[int, StoredPassage]:
        return self._generation.archive.passages(rows)

    def texts(self, rows: Sequence[int]) -> list[str]:
        return self._generation.archive.passage_texts(rows)

    def article_row(self, article: str) -> int | None:
        return self._generation.archive.article_row(article)

    def article(self, row: int) -> Article:
        return self._generation.archive.article(row)

    def sources(self) -> list[SourceSummary]:
        return self._generation.archive.sources()

    def close(self) -> None:
        self._generation.close()


def _find_matching(archive: Archive, wanted: Filter) -> NDArray[np.int64]:
    return np.array(archive.matching_articles(wanted), dtype=np.int64)
