"""JSON lines: one article an object a line, BEIR's ``corpus.jsonl`` among them."""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import MOST_BYTES, marked_encoding, too_large
from semsearch.readers.tables._records import FewWords, Record, articles_of

__all__ = ["read_jsonlines"]

_CHUNK = 1 << 16


def read_jsonlines(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a line; a line that is none is logged with its number, and the next is read.

    The names of the fields are those that ``origin`` gives, or those that are known; others become metadata. Without an
    id it is the file's and the line's number. Of lines that are not UTF-8 the first is logged as a problem, the number
    of the others as a note.
    """
    few = FewWords(log)
    yield from articles_of(_records(stream, origin, few), origin, few)
    few.finish(origin.place)


def _records(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Record]:
    for number, line in _decoded_lines(stream, origin, log):
        here = origin.part(number)
        record = _read_object(line, here, log)
        if record is not None:
            yield here, record


def _read_object(line: str, here: Origin, log: ReadingLog) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # a ValueError also for a number of too many digits
        reason = "too deep" if isinstance(error, RecursionError) else str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg}, column {error.colno}"
        log.problem(here.place, f"is not a JSON object on one line ({reason})")
        return None
    if isinstance(record, dict):
        return record
    log.problem(here.place, f"is JSON, but {type(record).__name__} instead of an object with a text")
    return None


def _decoded_lines(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each with its number."""
    first = stream.readline(MOST_BYTES + 1)
    marked = marked_encoding(first)
    if marked in {None, "utf-8-sig"}:
        lines = _utf8_lines(first, stream, origin, log)
    else:
        # In UTF-16 what ends a line of bytes may be half of a character, or be missing.
        chunks = itertools.chain([first], iter(lambda: stream.readline(_CHUNK), b""))
        lines = _marked_lines(chunks, str(marked), origin, log)
    return ((number, line.rstrip()) for number, line in lines if line.strip())


def _utf8_lines(first: bytes, stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[tuple[int, str]]:
    invalid = 0
    chunks = itertools.chain([first], iter(lambda: stream.readline(MOST_BYTES + 1), b""))
    for number, raw in enumerate(chunks, start=1):
        if len(raw) > MOST_BYTES:
            too_large(f"{origin.place}:{number}", log)
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(_CHUNK)  # noqa: PLW2901 - the rest of the line
            continue
        line = _as_utf8(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw)
        if isinstance(line, str):
            yield number, line
            continue
        invalid += 1
        if invalid == 1:  # where the whole file is in another encoding, one remedy is enough
            reason = f"is not valid UTF-8 (byte {line.start} of the line): convert the file to UTF-8"
            log.problem(f"{origin.place}:{number}", reason)
    if invalid > 1:
        more = f"{invalid - 1} more lines are" if invalid > 2 else "1 more line is"
        log.note(origin.place, f"{more} not valid UTF-8 and not read")


def _as_utf8(raw: bytes) -> str | UnicodeDecodeError:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        return error


def _marked_lines(chunks: Iterable[bytes], encoding: str, origin: Origin, log: ReadingLog) -> Iterator[tuple[int, str]]:
    """Decode a file with the byte order mark of UTF-16 or UTF-32, in which a line end is several bytes."""
    number = 1
    parts: list[str] = []  # of the line that is being read, and how long they are
    length = 0
    try:
        for text in codecs.iterdecode(chunks, encoding):
            *ends, rest = text.split("\n")
            for end in ends:
                if length <= MOST_BYTES:
                    yield number, "".join([*parts, end])
                parts.clear()
                length = 0
                number += 1
            if length <= MOST_BYTES:
                parts.append(rest)
                length += len(rest)
                if length > MOST_BYTES:
                    too_large(f"{origin.place}:{number}", log)
                    parts.clear()
    except UnicodeDecodeError:
        # What follows cannot be trusted: it may be off by a byte.
        name = encoding.upper()
        log.problem(
            f"{origin.place}:{number}", f"is not valid {name}, not read from here on: convert the file to UTF-8"
        )
        return
    yield number, "".join(parts)
