"""What the tools do: arguments to answers, with a searcher."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from semsearch.agents._answers import (
    ArticleFacts,
    Found,
    Paragraph,
    Passages,
    ReadText,
    SourceFacts,
    Sources,
    citation,
    page_of,
)
from semsearch.agents._arguments import ReadArticle, Search, Similar
from semsearch.agents._quoting import clean, line
from semsearch.agents._reading import Place, around, numbered, onwards
from semsearch.errors import ArticleNotFoundError
from semsearch.filters import AskedFilterError, Filter, asked_filter
from semsearch.passages import find_paragraphs
from semsearch.records import Article

if TYPE_CHECKING:
    from semsearch.hits import Hits
    from semsearch.searching import Searcher

__all__ = ["RefusedError", "list_sources", "read_article", "search", "similar"]

_MOST_SOURCES = 200
_NEAR = 3


class RefusedError(Exception):
    """Something that was asked makes no sense.

    Attributes:
        remedy: What to do about it, in our words.
        quoted: What goes with it and may be text of the archive.
    """

    def __init__(self, remedy: str, quoted: str = "") -> None:
        super().__init__(remedy)
        self.remedy = remedy
        self.quoted = quoted


def search(searcher: Searcher, arguments: Search) -> Passages:
    """Find passages."""
    if not arguments.query.strip():
        raise RefusedError("query is blank: say in plain words what to look for")
    where = _filter(arguments)
    hits = _told(
        lambda: searcher.search(
            arguments.query, arguments.k, where=where, max_per_article=arguments.max_per_article, mode=arguments.mode
        ),
        "query, where, since, until or sources cannot be used as they stand",
    )
    narrowed = where is not None or '"' in arguments.query
    return Passages(hits=[Found.of(hit) for hit in hits], how_to_go_on=_after_search(hits, narrowed=narrowed))


def similar(searcher: Searcher, arguments: Similar) -> Passages:
    """Find passages of other articles that are like an article, or like a paragraph of it."""
    where = _filter(arguments)
    _article(searcher, arguments.article_id)
    hits = _told(
        lambda: searcher.similar(arguments.article_id, arguments.k, paragraph=arguments.paragraph, where=where),
        "paragraph, where, since, until or sources cannot be used as they stand",
    )
    return Passages(hits=[Found.of(hit) for hit in hits], how_to_go_on=_after_search(hits, narrowed=where is not None))


def read_article(searcher: Searcher, arguments: ReadArticle) -> ReadText:
    """Read a part of an article."""
    article = _article(searcher, arguments.article_id)
    places = numbered(find_paragraphs(article.text), len(article.text))
    start, end = _part(article, places, arguments)
    shown = [one for one in places if one.start < end and start < one.end]
    return ReadText(
        article=ArticleFacts.of(article),
        text=clean(article.text[start:end]),
        start=start,
        end=end,
        length=len(article.text),
        paragraphs=[
            Paragraph(number=one.number, start=one.start, end=one.end, page=page_of(article, one.start))
            for one in shown
        ],
        left_out_before=start,
        left_out_after=len(article.text) - end,
        continue_at=end if end < len(article.text) else None,
        citation=citation(article, _named(shown), page_of(article, start)),
        how_to_go_on=_after_reading(article, start, end),
    )


def list_sources(searcher: Searcher, _: object = None) -> Sources:
    """Say what the archive has."""
    found, manifest = searcher.sources(), searcher.manifest
    firsts = [one.first for one in found if one.first is not None]
    lasts = [one.last for one in found if one.last is not None]
    return Sources(
        articles=sum(one.articles for one in found),
        passages=len(searcher),
        first=min(firsts).isoformat() if firsts else None,
        last=max(lasts).isoformat() if lasts else None,
        built=manifest.created,
        model=manifest.embedder.name.replace("\\", "/").rpartition("/")[
            2
        ],  # may be a folder: that is nobody's business
        languages=dict(manifest.languages),
        sources=[
            SourceFacts(
                source=None if one.source is None else line(one.source, 500),
                articles=one.articles,
                first=None if one.first is None else one.first.isoformat(),
                last=None if one.last is None else one.last.isoformat(),
            )
            for one in found[:_MOST_SOURCES]
        ],
        more_sources=max(0, len(found) - _MOST_SOURCES),
    )


def _told(ask: Callable[[], Hits], what: str) -> Hits:
    """Ask, and say what of the question makes no sense. What the library says may name fields of the archive."""
    try:
        return ask()
    except ValueError as error:
        raise RefusedError(f"{what}: mend what is said here, or leave it out", str(error)) from None


def _filter(arguments: Search | Similar) -> Filter | None:
    """Put the filters together, each with its own name where it makes no sense."""
    where = arguments.where if arguments.where is not None and arguments.where.strip() else None
    sources = [name or None for name in arguments.sources or ()]
    try:
        return asked_filter(where, arguments.since or None, arguments.until or None, sources)
    except AskedFilterError as error:
        name = error.name or "where with since, until and sources"
        raise RefusedError(f"{name} cannot be read: mend it, or leave it out", str(error)) from None


def _article(searcher: Searcher, name: str) -> Article:
    try:
        return searcher.article(name)
    except ArticleNotFoundError:
        near = _near(searcher, name)
        raise RefusedError(
            "the archive has no article with this article_id: take it as it stands from a hit of search"
            + (", perhaps one of these" if near else ""),
            "\n".join(near),
        ) from None


def _near(searcher: Searcher, name: str) -> list[str]:
    """Return the ids of articles that a wrong id may mean: those whose texts are about the words in it."""
    words = " ".join(re.findall(r"[^\W_]+", clean(name)))[:200]
    if not words:
        return []
    return [line(one.article.id, 500) for one in searcher.search_articles(words, _NEAR, passages=1, evidence=False)]


def _part(article: Article, places: list[Place], arguments: ReadArticle) -> tuple[int, int]:
    """Return the span to read."""
    asked = [name for name in ("paragraph", "start", "read_from") if getattr(arguments, name) is not None]
    if len(asked) > 1:
        raise RefusedError(f"{' and '.join(asked)} name two places: give one of them")
    if arguments.end is not None and (arguments.start is None or arguments.end <= arguments.start):
        raise RefusedError("end needs a start that is smaller: take both from a hit")
    length, longest = len(article.text), arguments.max_characters
    if arguments.paragraph is not None:
        span = _paragraph(places, arguments.paragraph)
    elif arguments.start is not None:
        _within(arguments.start, "start", length)
        span = arguments.start, min(arguments.end or arguments.start + 1, length)
    else:
        start = arguments.read_from or 0
        _within(start, "read_from", length)
        return onwards(article.text, places, start, longest=longest)
    return around(places, span, before=arguments.before, after=arguments.after, longest=longest)


def _paragraph(places: list[Place], number: int) -> tuple[int, int]:
    for one in places:
        if one.number == number:
            return one.start, one.end
    last = max((one.number for one in places if one.number is not None), default=0)
    raise RefusedError(f"the article has no paragraph {number}: they are numbered from 1 to {last}")


def _named(places: list[Place]) -> str:
    """Return what paragraphs are called."""
    numbers = [one.number for one in places if one.number is not None]
    if len(numbers) < 2:
        return f"paragraph {numbers[0]}" if numbers else ""
    return f"paragraphs {numbers[0]}–{numbers[-1]}"


def _within(offset: int, name: str, length: int) -> None:
    if offset >= max(length, 1):
        raise RefusedError(f"{name} is beyond the article's end: it has {length} characters, counted from 0")


def _after_search(hits: Hits, *, narrowed: bool) -> str:
    if hits:
        return "read_article with a hit's article id, start and end reads around it."
    if narrowed:
        return "Nothing was found. Widen or leave out where, since, until, sources and quotation marks in the query."
    return "Nothing was found. Ask in other words."


def _after_reading(article: Article, start: int, end: int) -> str:
    left = []
    if start > 0:
        left.append(f"{start:,} characters before this are left out: read_from={max(0, start - 8000)} reads them.")
    if end < len(article.text):
        left.append(f"{len(article.text) - end:,} characters after this are left out: read_from={end} reads on.")
    return " ".join(left) or "This is the whole article."
