"""The nouns: an article, a passage of it, a hit, and the progress of a task. Frozen, no input or output."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Article",
    "ArticleHit",
    "Evidence",
    "Explanation",
    "Hit",
    "Passage",
    "Progress",
    "ReportProgress",
    "WordMatch",
    "is_unicode",
    "page_at",
]


@dataclass(frozen=True, slots=True)
class Article:
    """One article of an archive.

    Args:
        id: Identifies the article in its corpus; not blank. For a file it is the path in the corpus.
        text: The body, without the headline. Paragraphs are separated by blank lines, or are one line each. May be
            empty, but then there is nothing to index and a build lists the article as skipped.
        title: The headline, ``""`` where there is none.
        published: The day of publication. A :class:`datetime.datetime` is reduced to its date.
        source: The publisher or agency.
        url: Where the article can be read.
        metadata: Anything else, as JSON values.

    Raises:
        ValueError: If a field has the wrong type, the id is blank, or a text contains a NUL character or half of a
            surrogate pair, neither of which can be stored and cited faithfully.
    """

    id: str
    text: str
    title: str = ""
    published: dt.date | None = None
    source: str | None = None
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("id", "text", "title", "source", "url"):
            _check_text(name, getattr(self, name), optional=name in {"source", "url"})
        if not self.id.strip():
            raise ValueError("an article's id must not be blank")
        if isinstance(self.published, dt.datetime):
            object.__setattr__(self, "published", self.published.date())
        elif self.published is not None and not isinstance(self.published, dt.date):
            raise ValueError(f"published must be a datetime.date or None, not {self.published!r}")
        if not isinstance(self.metadata, Mapping):
            raise ValueError(f"metadata must be a mapping, not {type(self.metadata).__name__}")


@dataclass(frozen=True, slots=True)
class Passage:
    """A citable part of an article: ``article.text[passage.start:passage.end] == passage.text``, always.

    ``paragraph`` counts the article's paragraphs from 1, headings not counted; for a passage that joins several
    short paragraphs it is the first of them. ``start`` and ``end`` are character offsets.
    """

    text: str
    paragraph: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentence of a passage that answers best: ``article.text[evidence.start:evidence.end] == evidence.text``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What a word of the query met in a passage.

    Attributes:
        word: The word of the query.
        found: The word of the passage, or of the title before it, that is most like it in its place; ``""`` if none is
            known.
        similarity: Their cosine by late interaction; without it 1.0 where they are the same word but for inflection,
            and 0.0 where none is found.
        weight: The word's share in the query, 0 to 1.
    """

    word: str
    found: str
    similarity: float
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a hit has its score.

    Attributes:
        parts: What each signal adds to the score; they sum to it. ``docs/ranking.md`` says what they are.
        words: What the words of the query met, in the query's order.
    """

    parts: Mapping[str, float]
    words: tuple[WordMatch, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer to a query: the ``rank`` counts from 1; a higher ``score`` is better.

    Attributes:
        rank: From 1.
        score: See ``docs/ranking.md``; scores compare within a mode only.
        passage: The answer.
        article: The article that it is of.
        evidence: The sentence of the passage that answers best; None if none can be told from the others.
        duplicates: Passages that say the same and were folded under this one, best first; their rank is this one's.
        explanation: Why it has its score, if that was asked for.
    """

    rank: int
    score: float
    passage: Passage
    article: Article
    evidence: Evidence | None = None
    duplicates: tuple[Hit, ...] = ()
    explanation: Explanation | None = None

    @property
    def page(self) -> str | None:
        """The page that the passage begins on, as it is called in print; None where the article has no pages."""
        return page_at(self.article, self.passage.start)


@dataclass(frozen=True, slots=True)
class ArticleHit:
    """An article that answers a query: ``score`` is that of the best of ``hits``, its best passages, ranked from 1."""

    rank: int
    score: float
    article: Article
    hits: tuple[Hit, ...]


class Progress(NamedTuple):
    """How far a long task is: ``done`` of ``total`` (None while that is unknown) in ``stage``."""

    stage: str
    done: int = 0
    total: int | None = None


ReportProgress = Callable[[Progress], None]
"""Is called now and then by what takes long."""


def is_unicode(text: str) -> bool:
    """Return whether ``text`` can be encoded: JSON and file names can smuggle halves of surrogate pairs into it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def page_at(article: Article, offset: int) -> str | None:
    """Return what the page is called that holds this character of an article; None where its pages are not known.

    A reader of a format with pages puts them into the metadata ``pages``: a list of ``[offset, label]``, in order.
    """
    pages = article.metadata.get("pages")
    if not isinstance(pages, list) or not all(map(_is_page, pages)):
        return None
    at = bisect_right(pages, offset, key=lambda page: page[0])
    return pages[at - 1][1] if at else None


def _is_page(page: object) -> bool:
    return isinstance(page, list | tuple) and len(page) == 2 and type(page[0]) is int and isinstance(page[1], str)


def _check_text(name: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, str):
        raise ValueError(f"an article's {name} must be text, not {type(value).__name__}")
    if "\x00" in value:
        raise ValueError(f"{name} contains a NUL character at offset {value.index(chr(0))}: is this a binary file?")
    if not is_unicode(value):
        raise ValueError(f"{name} contains half of a surrogate pair, which is not text")
