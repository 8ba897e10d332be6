"""Passages as a model reads them: after their article's title."""

from __future__ import annotations

from collections.abc import Sequence

from semsearch.embedders import Embedder
from semsearch.passages import article_context
from semsearch.searching._source import Source
from semsearch.storage import StoredPassage

__all__ = ["PassageTexts"]


class PassageTexts:
    """The texts of a source's passages."""

    def __init__(self, source: Source, embedder: Embedder) -> None:
        self._source = source
        self._embedder = embedder

    def plain(self, rows: Sequence[int]) -> list[str]:
        """Return the passages alone."""
        return self._source.texts(rows)

    def embedded(self, rows: Sequence[int]) -> list[str]:
        """Return what was embedded for each passage, but for long words: the line of its title, and the passage."""
        stored = self._source.passages(rows)
        return [self.context_of(stored[row]) + stored[row].passage.text for row in rows]

    def context_of(self, stored: StoredPassage) -> str:
        """Return what is put before a passage when it is embedded."""
        return article_context(stored.article, self._embedder.count_tokens, limit=self._embedder.spec.max_tokens)
