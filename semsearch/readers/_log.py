"""What a reader says besides the articles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from semsearch.errors import CorpusError
from semsearch.readers._budget import Budget
from semsearch.records import Article, FieldNames

__all__ = ["EXCLUDED", "HIDDEN", "INDEX", "Dropped", "Located", "Origin", "ReadFormat", "ReadingLog"]

HIDDEN = "hidden"
EXCLUDED = "excluded"
INDEX = "of an index"
"""What files are counted as that are hidden, that the user's patterns leave out, or that are an index's own, whatever
their suffix; a folder is counted as one."""


class Located(NamedTuple):
    """An article and the place that it was read from, as shown to people: ``news.jsonl:17``."""

    place: str
    article: Article


class Origin(NamedTuple):
    """Where a file's articles come from.

    Attributes:
        place: What people are shown: ``news.zip/a/b.html``, ``news.jsonl:17``.
        id: What identifies the article, or begins the ids of the articles.
        fields: What records call the fields of an article.
        budget: What may be unpacked, of a file that is in another one.
    """

    place: str
    id: str
    fields: FieldNames = FieldNames()
    budget: Budget | None = None

    def part(self, number: int) -> Origin:
        """Return the origin of one of several records: of the line or row of this number."""
        return Origin(f"{self.place}:{number}", f"{self.id}:{number}", self.fields)


class Dropped(NamedTuple):
    """Text of a file that is no part of its article, and why: a button, a running head."""

    place: str
    text: str
    reason: str


@dataclass(slots=True)
class ReadingLog:
    """Collects what could not be read, and what was passed over or mended.

    Attributes:
        raises: Raise a problem instead of collecting it.
        problems: Everything that should have become an article and did not.
        notes: What was read, but not as it stands: ``"old.txt: read as Windows-1252"``.
        ignored: Files that were passed over on purpose, counted by suffix, or as ``"hidden"``,
            ``"excluded"`` or ``"of an index"``.
        dropped: Texts that were left out of articles; None where nobody asks.
    """

    raises: bool = False
    problems: list[CorpusError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    dropped: list[Dropped] | None = None

    @property
    def words(self) -> int:
        """How many problems and notes there are until now."""
        return len(self.problems) + len(self.notes)

    def problem(self, place: str, reason: str) -> None:
        """Record that ``place`` could not be read, or raise it as a :class:`~semsearch.CorpusError`."""
        error = CorpusError(place, reason)
        if self.raises:
            raise error
        self.problems.append(error)

    def note(self, place: str, what: str) -> None:
        """Record what was done to read ``place``."""
        self.notes.append(f"{place}: {what}".encode("utf-8", "backslashreplace").decode())

    def drop(self, place: str, text: str, reason: str) -> None:
        """Record what was left out of the article of ``place``, if anybody asks."""
        if self.dropped is not None:
            self.dropped.append(Dropped(place, text, reason))


ReadFormat = Callable[[BinaryIO, Origin, ReadingLog], Iterator[Located]]
"""A format: yields the articles of an open file, and logs what is not one, with file and line."""
