"""Articles to an archive: split into passages, or taken over from the archive before where they are the same."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from semsearch.building._corpus import Portion, portions
from semsearch.embedders import Embedder
from semsearch.errors import CorpusError
from semsearch.passages import article_context, readable, split_article
from semsearch.readers import Located, ReadingLog
from semsearch.records import Article, FieldNames, FileGlobs, Passage, Progress, ReportProgress
from semsearch.storage import Archive, ArchiveWriter, ReadFile, content_digest

__all__ = ["ArticlesWriter", "Split", "context_of", "key_of", "split_for", "twice", "update_articles"]


class Split(NamedTuple):
    """What an embedder is to make of an article.

    Attributes:
        passages: Its passages.
        texts: What is embedded for each.
        keys: What identifies that, 16 bytes each; with the embedder's fingerprint it identifies the vector.
        tokens: The tokens of all texts.
        truncated: Those beyond the embedder's limit.
    """

    passages: list[Passage]
    texts: list[str]
    keys: list[bytes]
    tokens: int
    truncated: int


def split_for(article: Article, embedder: Embedder) -> Split:
    """Split an article for an embedder.

    Raises:
        ValueError: If there is nothing to index.
    """
    limit = embedder.spec.max_tokens
    context = context_of(article, embedder)
    context_tokens = embedder.count_tokens([context])[0]
    passages = split_article(article, embedder.count_tokens, limit=limit - context_tokens)
    if not passages:
        raise ValueError("is empty: there is no text to index")
    texts = [context + passage.text for passage in passages]
    read = [readable(text) for text in texts]
    counts = embedder.count_tokens(read)
    truncated = sum(max(0, tokens - limit) for tokens in counts)
    return Split(passages, read, [key_of(text) for text in texts], sum(counts), truncated)


class ArticlesWriter:
    """Fills an archive, article by article, and refuses a second one of the same id.

    Attributes:
        embedder: What the articles are split for.
    """

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
        self.embedder = embedder
        self._log = log
        self._report = report
        self._ids: set[str] = set()

    @property
    def count(self) -> int:
        """How many articles were added."""
        return self._archive.articles

    @property
    def can_take_over(self) -> bool:
        """Whether there is an archive before to take articles from."""
        return self._known is not None

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

    def is_as_before(self, article: Article) -> bool:
        """Whether the archive before has this article as it is, wherever it was read.

        Raises:
            ValueError: If the article's metadata is not JSON.
        """
        row = self._rows.get(article.id)
        return row is not None and self._known is not None and self._known.digests[row] == content_digest(article)

    def keep_files(self, files: Iterable[ReadFile]) -> None:
        """Remember those of the files of the archive before whose articles were all taken over."""
        rows = {row: at for at, row in enumerate(self._archive.articles_before.tolist()) if row >= 0}
        for file in files if self.can_take_over else ():
            if all(row in rows for row in range(file.first, file.first + file.articles)):
                self._archive.add_file(file._replace(first=rows.get(file.first, 0)))

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

    def replace(self, row: int, located: Located) -> None:
        """Add an article in the place of one of the archive before, which stays if it is the same."""
        with contextlib.suppress(ValueError):
            if self.is_as_before(located.article):
                self.take_over([row])
                return
        self.add(located)

    def _require_new(self, article_id: str, place: str) -> None:
        if article_id in self._ids:
            raise twice(place, article_id, self._archive.place_of(article_id))
        self._ids.add(article_id)

    def _take_over_if_known(self, place: str, article: Article) -> bool:
        row = self._rows.get(article.id)
        if row is None or self._known is None or not self.is_as_before(article):
            return False
        self._archive.take_over(row, None if place == self._known.places[row] else place)
        return True

    def _split(self, place: str, article: Article) -> None:
        """Split an article and add it. Raises a ValueError if there is nothing to index, or nothing can be stored."""
        split = split_for(article, self.embedder)
        self._archive.add(article, place, split.passages, split.keys, tokens=split.tokens, truncated=split.truncated)


def update_articles(
    articles: ArticlesWriter,
    before: Archive,
    add: object,
    remove: Sequence[str],
    log: ReadingLog,
    *,
    fields: FieldNames,
    globs: FileGlobs,
) -> None:
    """Add the articles of ``before``, with those of a corpus in the place of the ones with their ids, or after all.

    ``fields`` is what the columns of the corpus are called, ``globs`` which files of it are wanted.

    Raises:
        CorpusError: If two articles of the corpus have one id.
    """
    files = before.files()
    new: dict[str, Located] = {}
    for portion in portions(add, log, files, fields=fields, globs=globs, folders=_folders(files.values())):
        for located in portion.articles:
            earlier = new.setdefault(located.article.id, located)
            if earlier is not located:
                raise twice(located.place, located.article.id, earlier.place)
    there = set(before.known.ids)
    for article_id in remove:
        if article_id not in there:
            log.problem(article_id, "is not in the index: there is nothing to remove")
    unwanted = set(remove)
    stored: Iterator[tuple[str, Article]] = iter(()) if articles.can_take_over else before.articles()
    for row, article_id in enumerate(before.known.ids):
        old = None if articles.can_take_over else Located(*next(stored))
        if article_id in new:
            articles.replace(row, new.pop(article_id))
        elif article_id not in unwanted:
            articles.take_over([row]) if old is None else articles.add(old)
    for located in new.values():
        articles.add(located)
    articles.keep_files(files.values())


def _folders(files: Iterable[ReadFile]) -> set[str]:
    """Return what the ids of these files are relative to."""
    return {file.place.removesuffix(file.id) for file in files if file.place.endswith(file.id)}


def twice(place: str, article_id: str, earlier: str | None) -> CorpusError:
    """Return the error that says that two articles have one id."""
    remedy = "give one of them another id, or remove one; records are numbered in the place of their ids with --id -"
    return CorpusError(place, f"has the id {article_id!r} of {earlier}: {remedy}")


def context_of(article: Article, embedder: Embedder) -> str:
    """Return what is put before each passage of an article when it is embedded."""
    return article_context(article, embedder.count_tokens, limit=embedder.spec.max_tokens)


def key_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
