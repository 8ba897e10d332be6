"""What a build would index of files: each article with its paragraphs, and what was left out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from semsearch.passages import find_paragraphs
from semsearch.readers import Dropped, ReadingLog, read_located, require_sources
from semsearch.records import Article, FieldNames, FileGlobs, page_at

__all__ = ["InspectedArticle", "InspectedParagraph", "inspect_corpus"]


@dataclass(frozen=True, slots=True)
class InspectedParagraph:
    """A paragraph of an article: ``article.text[start:end]``.

    Attributes:
        number: What it is cited by, from 1; None of a heading, which is not counted.
        start: Offset of its first character.
        end: Offset after its last.
        page: What the page is called that it begins on, where an article has pages.
    """

    number: int | None
    start: int
    end: int
    page: str | None


@dataclass(frozen=True, slots=True)
class InspectedArticle:
    """What would be indexed of an article.

    Attributes:
        place: Where it was read: ``news.jsonl:17``.
        article: The article. Of a date that is not simply stated its metadata says where it is from
            (``published_from``) and how sure that is (``published_confidence``).
        paragraphs: Its paragraphs, headings among them.
        dropped: What stands in the file and is no part of the article, and why.
    """

    place: str
    article: Article
    paragraphs: tuple[InspectedParagraph, ...]
    dropped: tuple[Dropped, ...]


def inspect_corpus(
    corpus: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    log: ReadingLog,
    fields: FieldNames | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> Iterator[InspectedArticle]:
    """Read a corpus as a build does, and index nothing.

    Args:
        corpus: A folder, file or glob, or several.
        log: Takes what could not be read or was passed over.
        fields: What the columns of records are called, as for :func:`~semsearch.build_index`.
        include: Which files are wanted, likewise.
        exclude: Which are not.

    Raises:
        CorpusError: If the corpus does not exist.
    """
    sources = [corpus] if isinstance(corpus, str | os.PathLike) else list(corpus)
    require_sources(*sources)
    log.dropped = []
    globs = FileGlobs(tuple(include), tuple(exclude))
    for located in read_located(*sources, log=log, fields=fields, globs=globs):
        dropped = tuple(log.dropped)
        log.dropped.clear()
        yield InspectedArticle(located.place, located.article, tuple(_paragraphs(located.article)), dropped)


def _paragraphs(article: Article) -> Iterator[InspectedParagraph]:
    number = 0
    for paragraph in find_paragraphs(article.text):
        number += not paragraph.is_heading
        yield InspectedParagraph(
            None if paragraph.is_heading else number, paragraph.start, paragraph.end, page_at(article, paragraph.start)
        )
