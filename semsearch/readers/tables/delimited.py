"""Tables as text: CSV and TSV, a row an article; the first row names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._streams import text_pieces
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.tables._records import FewWords, Record, articles_of, columns_fit

__all__ = ["read_delimited"]

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 50
_SAMPLE_LINES = 1000
_MOST_COLUMNS = 10_000
"""Beyond, the first row is no row of names."""


def read_delimited(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a row; a row that is none is logged with its line, and the next is read.

    The columns may be separated by commas, semicolons, tabs or bars, whichever parts the first rows alike; quotation
    marks in a quoted field are doubled. Without a column for the id it is the file's and the line's number. Empty
    fields are left out.
    """
    few = FewWords(log)
    lines = _lines(text_pieces(stream, origin, few), origin, few)
    sample = list(islice(lines, _SAMPLE_LINES))
    delimiter = _delimiter_of(sample)
    rows = _rows(_Lines(sample, lines), delimiter, origin, few)
    names = next(rows, None)
    if names is None and not few.has_problems:
        few.problem(origin.place, "is empty: there is no row in it")
    if names is None or few.has_problems:
        pass  # without the names of its columns no row says anything
    elif len(names[1]) > _MOST_COLUMNS:
        few.problem(f"{origin.place}:1", f"has more than {_MOST_COLUMNS:,} columns")
    elif columns_fit(columns := _columns(names[1]), origin, few):
        yield from articles_of(_records(rows, columns, origin, few), origin, few, known=True)
    few.finish(origin.place)


def _records(
    rows: Iterable[tuple[int, list[str]]], columns: Sequence[str], origin: Origin, log: ReadingLog
) -> Iterator[Record]:
    for line, row in rows:
        if len(row) != len(columns) and any(row[len(columns) :] or [True]):
            reason = f"has {len(row)} fields, the first row names {len(columns)}"
            log.problem(f"{origin.place}:{line}", f"{reason}: is a field with separators or line ends not quoted?")
            continue
        record: dict[str, Any] = {name: field for name, field in zip(columns, row, strict=False) if field.strip()}
        yield origin.part(line), record


def _columns(names: Sequence[str]) -> list[str]:
    """Return the names of the columns; one without a name is numbered, and so is one of the same name as another."""
    columns: dict[str, None] = {}
    for number, given in enumerate(names, start=1):
        name = given.strip() or f"column {number}"
        columns[name if name not in columns else f"{name} ({number})"] = None
    return list(columns)


class _RunawayError(csv.Error):
    """A row is larger than any can be."""


class _Lines:
    """Lines one by one, those of a sample first; counted, so that a row can be said to begin in one."""

    def __init__(self, sample: Sequence[str], rest: Iterator[str]) -> None:
        self._sample = iter(sample)
        self._rest = rest
        self.count = 0
        self._characters = 0

    def begin_row(self) -> None:
        """Count what the row has that begins here."""
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._sample, None)
        line = next(self._rest) if line is None else line
        self.count += 1
        self._characters += len(line)
        if self._characters > MOST_BYTES:
            raise _RunawayError
        return line


def _rows(lines: _Lines, delimiter: str, origin: Origin, log: ReadingLog) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line that it begins in."""
    if csv.field_size_limit() < MOST_BYTES:
        csv.field_size_limit(MOST_BYTES)  # one for the whole process; as it comes, long articles are errors
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.count + 1
        lines.begin_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            log.problem(f"{origin.place}:{line}", _reason(error))
            if _is_runaway(error):
                return
            continue
        if any(row):
            yield line, row


def _is_runaway(error: csv.Error) -> bool:
    return isinstance(error, _RunawayError) or "field larger" in str(error) or "unexpected end" in str(error)


def _reason(error: csv.Error) -> str:
    if _is_runaway(error):
        return "has a quotation mark that is never closed, not read from here on: close it, or double it if it is text"
    return f"is not a row ({error}): a quotation mark within a quoted field must be doubled"


def _lines(pieces: Iterable[str], origin: Origin, log: ReadingLog) -> Iterator[str]:
    """Yield the lines of a text, with their ends; one that is longer than any row can be ends it."""
    rest = ""
    number = 0
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            number += 1
            yield line + "\n"
        if len(rest) > MOST_BYTES:
            too_large(f"{origin.place}:{number + 1}", log)
            return
    if rest:
        yield rest


def _delimiter_of(sample: Sequence[str]) -> str:
    """Return what parts the first rows into the most columns, as many in each as in the first."""
    return max(_DELIMITERS, key=lambda delimiter: _likeness(sample, delimiter))


def _likeness(sample: Sequence[str], delimiter: str) -> tuple[bool, float, int]:
    """Return how much the rows of a sample look like a table: one of several columns, all rows alike, many columns."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(sample, delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    if not rows:
        return False, 0.0, 0
    alike = sum(len(row) == len(rows[0]) for row in rows[1:])
    return len(rows[0]) > 1, alike / max(1, len(rows) - 1), len(rows[0])
