"""Articles to an archive: split into passages, or taken over from the archive before where they are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from semsearch.building._corpus import Portion
from semsearch.embedders import Embedder
from semsearch.errors import CorpusError
from semsearch.passages import article_context, readable, split_article
from semsearch.readers import Located, ReadingLog
from semsearch.records import Article, Progress, ReportProgress
from semsearch.storage import Archive, ArchiveWriter, ReadFile, content_digest

__all__ = ["ArticlesWriter", "context_of"]


class ArticlesWriter:
    """Fills an archive, article by article, and refuses a second one of the same id."""

    def __init__(
        self,
        archive: ArchiveWriter,
        before: Archive | None,
        embedder: Embedder,
        log: ReadingLog,
        report: ReportProgress,
    ) -> None:
        """Fill ``archive``; what ``before`` has was made with the same embedder, and split alike."""
        self._archive = archive
        self._known = None if before is None else before.known
        self._rows = {} if self._known is None else {id: row for row, id in enumerate(self._known.ids)}  # noqa: A001
        self._embedder = embedder
        self._log = log
        self._report = report
        self._ids: set[str] = set()

    def add_all(self, portions: Iterable[Portion]) -> None:
        """Add what a corpus holds.

        Raises:
            CorpusError: If two articles have one id.
        """
        self._report(Progress("reading articles"))
        for portion in portions:
            first, words = self._archive.articles, self._log.words
            if portion.known is not None:
                self.take_over(range(portion.known.first, portion.known.first + portion.known.articles))
                self._archive.add_file(portion.known._replace(first=first))
                continue
            for located in portion.articles:
                self.add(located)
            file = portion.file
            if file is not None and file.digest is not None and self._log.words == words:
                count = self._archive.articles - first
                self._archive.add_file(ReadFile(file.origin.place, file.origin.id, file.digest, first, count))

    def take_over(self, rows: Iterable[int]) -> None:
        """Add these articles of the archive before, as they are."""
        assert self._known is not None  # noqa: S101 - for the type checker
        for row in rows:
            self._require_new(self._known.ids[row], self._known.places[row])
            self._archive.take_over(row)
        self._report(Progress("reading articles", self._archive.articles))

    def add(self, located: Located) -> None:
        """Add an article, or log why it cannot be."""
        place, article = located
        self._require_new(article.id, place)
        try:
            if not self._take_over_if_known(place, article):
                self._split(place, article)
        except ValueError as error:
            self._ids.remove(article.id)
            self._log.problem(place, str(error))
            return
        self._report(Progress("reading articles", self._archive.articles))

    def _require_new(self, article_id: str, place: str) -> None:
        if article_id in self._ids:
            earlier = self._archive.place_of(article_id)
            raise CorpusError(
                place, f"has the id {article_id!r} of {earlier}: give one of them another id, or remove one"
            )
        self._ids.add(article_id)

    def _take_over_if_known(self, place: str, article: Article) -> bool:
        row = self._rows.get(article.id)
        if row is None or self._known is None or self._known.digests[row] != content_digest(article):
            return False
        self._archive.take_over(row, None if place == self._known.places[row] else place)
        return True

    def _split(self, place: str, article: Article) -> None:
        """Split an article and add it. Raises a ValueError if there is nothing to index, or nothing can be stored."""
        embedder, limit = self._embedder, self._embedder.spec.max_tokens
        context = context_of(article, embedder)
        context_tokens = embedder.count_tokens([context])[0]
        passages = split_article(article, embedder.count_tokens, limit=limit - context_tokens)
        if not passages:
            raise ValueError("is empty: there is no text to index")
        texts = [context + passage.text for passage in passages]
        counts = embedder.count_tokens([readable(text) for text in texts])
        self._archive.add(
            article,
            place,
            passages,
            [_key(text) for text in texts],
            tokens=sum(counts),
            truncated=sum(max(0, tokens - limit) for tokens in counts),
        )


def context_of(article: Article, embedder: Embedder) -> str:
    """Return what is put before each passage of an article when it is embedded."""
    return article_context(article, embedder.count_tokens, limit=embedder.spec.max_tokens)


def _key(text: str) -> bytes:
    """Identify what is embedded; with the embedder's fingerprint it identifies the vector."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
