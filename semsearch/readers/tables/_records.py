"""Records of a file to articles, and what is to be said of all of them: that there is no such column, for one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from semsearch.readers._fields import KNOWN_NAMES, article_from_fields, has_field
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.records import FieldNames

__all__ = ["OPTIONS", "FewWords", "Record", "articles_of", "columns_fit", "has_text", "listed"]

Record = tuple[Origin, Mapping[str, Any]]
"""The fields of an article, and where they stand."""

OPTIONS = {field: f"--{field}" for field in KNOWN_NAMES} | {"published": "--date"}
"""What the options are called that name columns."""

_MOST_WORDS = 1000
"""Problems, and notes, of the records of a file that are kept: a table may have as many as rows, of 300 bytes each."""
_MOST_COLUMNS = 200
"""Names that are remembered of records that are all different."""
_SHOWN_COLUMNS = 20
_SHOWN_LENGTH = 60
_EMPTY = "is empty: there is no text to index"


class FewWords(ReadingLog):
    """Passes on what is said of the records of a file, and counts it when it becomes too much."""

    __slots__ = ("_log", "_said", "_said_notes")

    def __init__(self, log: ReadingLog) -> None:
        super().__init__(raises=log.raises)
        self._log = log
        self._said = self._said_notes = 0

    @property
    def has_problems(self) -> bool:
        """Whether there has been a problem."""
        return self._said > 0

    def problem(self, place: str, reason: str) -> None:
        """Pass it on, if it is not one too many."""
        self._said += 1
        if self._said <= _MOST_WORDS:
            self._log.problem(place, reason)

    def note(self, place: str, what: str) -> None:
        """Pass it on, if it is not one too many."""
        self._said_notes += 1
        if self._said_notes <= _MOST_WORDS:
            self._log.note(place, what)

    def drop(self, place: str, text: str, reason: str) -> None:
        """Pass it on."""
        self._log.drop(place, text, reason)

    def finish(self, place: str) -> None:
        """Say how many there were that were not passed on."""
        if self._said > _MOST_WORDS:
            self._log.problem(place, f"{self._said - _MOST_WORDS:,} more records could not be read")
        if self._said_notes > _MOST_WORDS:
            self._log.note(place, f"{self._said_notes - _MOST_WORDS:,} more notes of this kind")


def articles_of(
    records: Iterable[Record], origin: Origin, log: ReadingLog, *, known: bool = False
) -> Iterator[Located]:
    """Yield the article of each record; a record without text or title is a problem.

    Args:
        records: The records of a file.
        origin: The file.
        log: Takes problems: also that no record has a text, or a column that was named, with the columns that there
            are.
        known: Whether :func:`columns_fit` has said this before.
    """
    watch = _Columns(origin.fields)
    for here, record in records:
        if not known:
            watch.see(record)
        located = article_from_fields(record, here, log)
        if located is None:
            continue
        if located.article.text.strip():
            yield located
        elif known or watch.texts:
            watch.say_empty(log)
            log.problem(here.place, _EMPTY)
        else:
            watch.add_empty(here.place)
    if not known:
        watch.finish(origin, log)


class _Columns:
    """Which columns the records of a file have.

    Attributes:
        texts: Whether any has had a text.
    """

    def __init__(self, fields: FieldNames) -> None:
        self._fields = fields
        self._missing = {(field, name) for field, names in fields.by_field().items() for name in names if name != "-"}
        self._names: dict[str, None] = {}
        self.texts = False
        self._empty: list[str] = []  # where those are that had neither text nor title, before there was any text
        self._records = 0

    def see(self, record: Mapping[str, Any]) -> None:
        """Take note of the names of a record."""
        self._records += 1
        if self._missing:
            self._missing = {(field, name) for field, name in self._missing if not has_field(record, name)}
        if not self.texts:
            self.texts = has_text(record, self._fields)
        if (self._missing or not self.texts) and len(self._names) < _MOST_COLUMNS:
            self._names.update(dict.fromkeys(str(name) for name in islice(record, _MOST_COLUMNS)))

    def add_empty(self, place: str) -> None:
        """Let a record without a text wait: perhaps none has any, and that is to be said once."""
        if len(self._empty) <= _MOST_WORDS:
            self._empty.append(place)

    def say_empty(self, log: ReadingLog) -> None:
        """Say of the records that waited that they have no text."""
        for place in self._empty:
            log.problem(place, _EMPTY)
        self._empty.clear()

    def finish(self, origin: Origin, log: ReadingLog) -> None:
        """Say which columns are missing."""
        if self._records == 0:
            return
        for field, name in sorted(self._missing):
            log.problem(origin.place, _no_column(field, name, self._names))
        if not self.texts and not any(field == "text" for field, _ in self._missing):
            others = [name for name in self._names if name not in _NEVER_TEXT]
            if self._empty:
                log.problem(origin.place, _no_text(self._names))
            elif others:
                log.note(origin.place, f"only titles are indexed: {_no_text(others)}")


_TEXT = (str, type(None))
_NEVER_TEXT = {name for field, names in KNOWN_NAMES.items() if field != "text" for name in names} | {"metadata"}


def columns_fit(columns: Collection[str], origin: Origin, log: ReadingLog) -> bool:
    """Whether a table has a column of texts; log a problem if not, and for each column that was named and is not there.

    Args:
        columns: The names of all its columns.
        origin: The table, and the names that were given.
        log: Takes the problems.
    """
    record = dict.fromkeys(columns, "")
    named = origin.fields.by_field()
    for field, names in named.items():
        for name in names:
            # A column may hold records of its own, whose names nobody knows yet.
            if name != "-" and name not in record and name.split(".")[0] not in record:
                log.problem(origin.place, _no_column(field, name, columns))
    if has_text(record, origin.fields):
        return True
    if not named["text"]:
        log.problem(origin.place, _no_text(columns))
    return False


def has_text(record: Mapping[str, Any], fields: FieldNames) -> bool:
    """Whether a record has a column of texts, be it empty in this one."""
    if fields.text:
        return any(has_field(record, name) or name.split(".")[0] in record for name in fields.text)
    first, second, *others = KNOWN_NAMES["text"]
    return first in record or second in record or any(isinstance(record.get(name, 0), _TEXT) for name in others)


def listed(names: Iterable[str]) -> str:
    """Return names as they are shown to people, the first of many."""
    names = list(names)
    more = len(names) - _SHOWN_COLUMNS
    return ", ".join(name[:_SHOWN_LENGTH] for name in names[:_SHOWN_COLUMNS]) + (
        f" and {more} more" if more > 0 else ""
    )


def _no_column(field: str, name: str, columns: Iterable[str]) -> str:
    return f"there is no column {name!r} for {OPTIONS[field]}: the columns are {listed(columns)}"


def _no_text(columns: Iterable[str]) -> str:
    return f"there is no text that is known by its name: say which of {listed(columns)} it is with --text COLUMN"
