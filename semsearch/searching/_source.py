"""Where passages are found, and what is known of them: to a ranking, a folder and an engine are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from semsearch.filters import Filter
from semsearch.records import Article, SourceSummary
from semsearch.storage import Manifest, StoredPassage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from semsearch.engines import Unit

__all__ = ["ARTICLE_PASSAGES", "Allowed", "Source", "Terms"]

ARTICLE_PASSAGES = 64
"""Passages of an article that are looked at for its best one and its vector."""

Allowed = Any
"""Which passages may be found: what a source makes of a filter, and nobody else looks into. None for all there are."""


class Terms(Protocol):
    """What is known of words: how texts were analysed, and how many have one."""

    def __len__(self) -> int:
        """Return the number of texts."""

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as they are indexed."""

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``; a stop word counts as being in all of them."""

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term."""

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``."""


class Source(Protocol):
    """The passages of an index, by rows that are of this source alone. It may be used by threads."""

    @property
    def manifest(self) -> Manifest:
        """What the index is."""

    @property
    def keeps_tokens(self) -> bool:
        """Whether there are token vectors of its passages."""

    def __len__(self) -> int:
        """Return the number of passages."""

    def terms(self, unit: Unit) -> Terms:
        """Return what is known of the words of articles or passages."""

    def find_words(
        self, unit: Unit, text: str, k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the articles or passages that share a word with a text: rows and BM25 scores, highest first."""

    def require_words(self) -> None:
        """Raise an EngineError if nobody finds words here."""

    def allowed(self, filter_: Filter | None, phrases: tuple[str, ...], *, without: int | None = None) -> Allowed:
        """Return which passages a filter and phrases leave, without those of one article.

        Raises:
            ValueError: If the filter names a field that no article has.
        """

    def nearest(
        self, embedding: NDArray[np.float32], k: int, allowed: Allowed, recall: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the passages with the highest cosine, ``k`` or as many as there are: rows and cosines, highest first."""

    def best_passages(
        self, articles: NDArray[np.int64], embedding: NDArray[np.float32], allowed: Allowed
    ) -> NDArray[np.int64]:
        """Return each article's nearest passage, of a long one's first; none where none may be found."""

    def read_ahead(self, rows: NDArray[np.int64]) -> None:
        """Be told that the vectors and tokens of these passages will be asked for."""

    def article_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of the article of each passage."""

    def passages_of(self, article: int) -> NDArray[np.int64]:
        """Return the rows of an article's passages."""

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of passages: ``(n, dimension)`` float32, unit rows but for rounding."""

    def article_vectors(self, articles: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean direction of each article's passages: ``(n, dimension)`` float32, unit rows."""

    def max_similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return for each token of the query its highest cosine with any token of each passage: ``(t, n)``."""

    def similarities(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        """Yield the cosines of the query's tokens with those of each passage: ``(t, tokens)`` float32 each."""

    def passages(self, rows: Sequence[int]) -> Mapping[int, StoredPassage]:
        """Return passages with their articles, by their rows."""

    def texts(self, rows: Sequence[int]) -> list[str]:
        """Return the texts of passages alone."""

    def article_row(self, article: str) -> int | None:
        """Return the row of the article with this id; None if there is none."""

    def article(self, row: int) -> Article:
        """Return the article of a row."""

    def sources(self) -> list[SourceSummary]:
        """Return what there is of each source, in no order."""

    def close(self) -> None:
        """Let go of files and connections."""
