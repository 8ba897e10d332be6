"""JSON: an array of objects, an object that holds one, a single object, or objects one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._streams import text_pieces
from semsearch.readers._text import too_large
from semsearch.readers.tables._json import JsonText, TooLarge
from semsearch.readers.tables._records import FewWords, Record, articles_of, has_text, listed

__all__ = ["read_json"]

_MOST_LEVELS = 6
"""Of objects around an array. What an interface answers has two or three: {"response": {"results": [...]}}."""


def read_json(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article an object, numbered from 1: those of an array, or of the one array of objects in an object.

    An object with a text of its own is an article, whatever arrays it holds. Objects that follow each other, as in JSON
    lines, are articles too. What comes after a mistake is not read, but for objects on lines of their own.
    """
    few = FewWords(log)
    text = JsonText(text_pieces(stream, origin, few))
    yield from articles_of(_guarded(text, origin, few), origin, few)
    few.finish(origin.place)


def _guarded(text: JsonText, origin: Origin, log: FewWords) -> Iterator[Record]:
    """Yield what the file holds up to a mistake in it."""
    try:
        for number, value in enumerate(_values(text, origin, log), start=1):
            here = origin.part(number)
            if isinstance(value, dict):
                yield here, value
            else:
                log.problem(here.place, f"is JSON, but {type(value).__name__} instead of an object with a text")
    except TooLarge:
        too_large(f"{origin.place}, line {text.line}", log)
    except RecursionError:
        log.problem(
            f"{origin.place}, line {text.line}", "is not JSON that can be read (too deep), not read from here on"
        )
    except ValueError as error:  # also a number of too many digits
        log.problem(f"{origin.place}, line {text.line}", f"is not JSON ({error}), not read from here on")


def _values(text: JsonText, origin: Origin, log: FewWords) -> Iterator[Any]:
    begin = text.peek()
    if begin == "[":
        yield from text.array()
        text.end()
    elif begin == "{":
        yield from _object(text, origin, log)
    elif begin:
        yield text.value()  # a problem: it is no object
        text.end()
    elif not log.has_problems:
        log.problem(origin.place, "is empty: there is no JSON in it")


def _object(text: JsonText, origin: Origin, log: ReadingLog) -> Iterator[Any]:
    """Yield the articles of a file that begins with an object."""
    begin = text.line
    try:
        first = text.value()
    except TooLarge:
        yield from _Members(text, origin, log).values()
        text.end()
        return
    on_lines = text.line == begin
    if not text.peek():
        yield from _records_in(first, origin, log)
        return
    yield first
    while text.peek():
        yield from _on_line(text, origin, log) if on_lines else [text.value()]


def _on_line(text: JsonText, origin: Origin, log: ReadingLog) -> list[Any]:
    """Read a value; what is none is logged, its line skipped, and nothing returned."""
    try:
        return [text.value()]
    except ValueError as error:
        log.problem(f"{origin.place}, line {text.line}", f"is not a JSON object on one line ({error})")
        text.skip_line()
        return []


def _records_in(value: dict[str, Any], origin: Origin, log: ReadingLog) -> list[Any]:
    """Return the records in an object: itself, or those of the one array of objects in it."""
    fields = origin.fields
    arrays = dict(_arrays(value, "", _MOST_LEVELS))
    if fields.table is not None:
        if fields.table in arrays:
            return arrays[fields.table]
        log.problem(origin.place, _no_array(fields.table, arrays))
        return []
    if not arrays or has_text(value, fields):
        return [value]
    with_text = [name for name, records in arrays.items() if has_text(records[0], fields)]
    if len(with_text) == 1 or len(arrays) == 1:
        return arrays[with_text[0] if with_text else next(iter(arrays))]
    reason = f"holds several arrays of objects: say which of {listed(with_text or arrays)} it is with --table NAME"
    log.problem(origin.place, reason)
    return []


def _arrays(value: Mapping[str, Any], prefix: str, levels: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield the arrays of objects in an object, and in objects in it, by their paths."""
    for name, entry in value.items():
        if isinstance(entry, dict) and levels > 1:
            yield from _arrays(entry, f"{prefix}{name}.", levels - 1)
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            yield f"{prefix}{name}", entry


def _no_array(table: str, arrays: Mapping[str, Any]) -> str:
    there = f"those that there are: {listed(arrays)}" if arrays else "there is none"
    return f"there is no array of objects {table!r} for --table: {there}"


class _Members:
    """The array of objects in an object that is too large to be read whole: the first that may be meant is streamed."""

    def __init__(self, text: JsonText, origin: Origin, log: ReadingLog) -> None:
        self._text = text
        self._origin = origin
        self._log = log
        self._read: str | None = None
        self._others: list[str] = []

    def values(self) -> Iterator[Any]:
        """Yield the objects of the array."""
        yield from self._members("", _MOST_LEVELS)
        table = self._origin.fields.table
        if self._read is None:
            if table is not None:
                self._log.problem(self._origin.place, _no_array(table, dict.fromkeys(self._others)))
            else:
                self._log.problem(
                    self._origin.place, "is larger than an article can be, and holds no array of articles"
                )
        elif self._others and table is None:
            more = (
                f"holds more arrays of objects, {listed(self._others)}: only {self._read} was read, --table names one"
            )
            self._log.problem(self._origin.place, more)

    def _members(self, prefix: str, levels: int) -> Iterator[Any]:
        for name in self._text.members():
            path = f"{prefix}{name}"
            begin = self._text.peek()
            if begin == "[":
                yield from self._array(path)
            elif begin == "{" and levels > 1:
                yield from self._members(f"{path}.", levels - 1)
            else:
                self._text.value()

    def _array(self, path: str) -> Iterator[Any]:
        entries = self._text.array()
        first = next(entries, None)
        if isinstance(first, dict):
            if self._read is None and self._is_meant(path, first):
                self._read = path
                yield first
                yield from entries
            elif self._origin.fields.table is not None or has_text(first, self._origin.fields):
                self._others.append(path)
        for _ in entries:
            pass

    def _is_meant(self, path: str, first: dict[str, Any]) -> bool:
        table = self._origin.fields.table
        return path == table if table is not None else has_text(first, self._origin.fields)
