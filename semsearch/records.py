"""The nouns: an article, a passage of it, a hit, and the progress of a task. Frozen, no input or output."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Article",
    "ArticleHit",
    "Evidence",
    "Explanation",
    "FieldNames",
    "FileGlobs",
    "Hit",
    "Passage",
    "Progress",
    "ReportProgress",
    "SourceSummary",
    "WordMatch",
    "is_unicode",
    "page_at",
    "summarize",
]

_LONGEST_GLOB = 1000
_MOST_NAMES = 20
"""Of a field. More is a mistake, and every record is asked for each."""


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
    text: str = field(repr=False)  # of a hit in a notebook it would be all that one sees
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


@dataclass(frozen=True, slots=True, init=False)
class FieldNames:
    """What records call the fields of an article, where that is not among the names that are known.

    Each field is a name or several; with none, the names that are known serve. Of the names of ``text`` all are read,
    one after the other, as paragraphs; of those of another field the first counts that has a value. ``meta.headline``
    is ``headline`` in ``meta``. ``-`` is no column: the field is then left empty, and an id made of the names of file
    and row.

    Args:
        id: Identifies the article.
        title: The headline.
        text: The body.
        published: The day of publication.
        source: The publisher or agency.
        url: Where the article can be read.
        table: The table of a database, or the array of a JSON file, that the records are in.

    Raises:
        ValueError: If one of them is no text, or there are too many.
    """

    id: tuple[str, ...]
    title: tuple[str, ...]
    text: tuple[str, ...]
    published: tuple[str, ...]
    source: tuple[str, ...]
    url: tuple[str, ...]
    table: str | None

    def __init__(
        self,
        *,
        id: str | Iterable[str] = (),  # noqa: A002
        title: str | Iterable[str] = (),
        text: str | Iterable[str] = (),
        published: str | Iterable[str] = (),
        source: str | Iterable[str] = (),
        url: str | Iterable[str] = (),
        table: str | None = None,
    ) -> None:
        given = {"id": id, "title": title, "text": text, "published": published, "source": source, "url": url}
        for name, names in given.items():
            object.__setattr__(self, name, _names_of(name, names))
        tables = () if table is None else _names_of("table", table)
        object.__setattr__(self, "table", tables[0] if tables else None)

    def __bool__(self) -> bool:
        """Whether anything is named."""
        return self.table is not None or any(self.by_field().values())

    def by_field(self) -> dict[str, tuple[str, ...]]:
        """Return the names that were given, by field, in the order that they are looked for."""
        fields = ("id", "title", "text", "published", "source", "url")
        return {field: getattr(self, field) for field in fields}


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


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What an index has of one publisher.

    Attributes:
        source: The publisher or agency; None for the articles that name none.
        articles: How many there are.
        first: The day of the earliest; None if none of them has a day.
        last: The day of the latest.
    """

    source: str | None
    articles: int
    first: dt.date | None
    last: dt.date | None


@dataclass(frozen=True, slots=True)
class FileGlobs:
    """Patterns of the files of a corpus that are wanted, as a ``.gitignore`` has them; true if there are any.

    Attributes:
        include: Only files that match one of them, if there is any.
        exclude: None of the files that match one of them.

    Raises:
        ValueError: If one is not a pattern.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("include", "exclude"):
            given = getattr(self, name)
            globs = (given,) if isinstance(given, str) else tuple(given)
            for pattern in globs:
                _check_glob(pattern)
            object.__setattr__(self, name, globs)

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)


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


def summarize(articles: Iterable[tuple[str | None, dt.date | None]]) -> list[SourceSummary]:
    """Return what there is of each source, of the source and the day of every article."""
    found: dict[str | None, SourceSummary] = {}
    for source, day in articles:
        known = found.get(source, SourceSummary(source, 0, None, None))
        days = [one for one in (known.first, known.last, day) if one is not None]
        found[source] = SourceSummary(source, known.articles + 1, min(days, default=None), max(days, default=None))
    return list(found.values())


def _names_of(field: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names that were given for a field, without empty ones."""
    names = tuple(name for name in ([given] if isinstance(given, str) else given) if name != "")
    if len(names) > _MOST_NAMES:
        raise ValueError(f"{field} has {len(names)} names: {_MOST_NAMES} are the most")
    for name in names:
        if not is_unicode(name):
            raise ValueError(f"the name of a column for {field} is not Unicode: {name!r}")
    return names


def _check_glob(pattern: object) -> None:
    if not isinstance(pattern, str) or not pattern.strip() or len(pattern) > _LONGEST_GLOB or not is_unicode(pattern):
        raise ValueError(f"a pattern of files is text such as '*.html' or 'drafts/', not {str(pattern)[:100]!r}")


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
