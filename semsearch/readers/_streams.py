"""A file of any size to its text, in pieces."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from semsearch.readers._encodings import detect_encoding
from semsearch.readers._log import Origin, ReadingLog
from semsearch.readers._text import MOST_BYTES, decode, marked_encoding

__all__ = ["text_pieces"]

_CHUNK = 1 << 20


def text_pieces(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[str]:
    """Yield the text of a file with Unix line ends, at once if it is no larger than an article may be, else in pieces.

    What is not text, or in no encoding that is certain, is logged as a problem and ends it. Of a large file the first
    16 MiB say which encoding it is in.
    """
    head = stream.read(MOST_BYTES + 1)
    if len(head) <= MOST_BYTES:
        text = decode(head, origin, log)
        if text:
            yield text
        return
    encoding = _encoding_of(head, origin, log)
    if encoding is None:
        return
    # The decoder of line ends keeps a carriage return at the end of a piece for the next one.
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    chunk, line = head, 1
    while True:
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            name = encoding.removesuffix("-sig").upper()
            reason = f"is not valid {name}, not read from here on: convert the file to UTF-8"
            log.problem(f"{origin.place}:{line}", reason)
            return
        if "\x00" in text:
            log.problem(origin.place, "contains NUL bytes: is this a binary file, or UTF-16 without its mark?")
            return
        yield text
        line += text.count("\n")
        if not chunk:
            return
        chunk = stream.read(_CHUNK)


def _encoding_of(head: bytes, origin: Origin, log: ReadingLog) -> str | None:
    """Return the encoding of a file that begins so, or None, with a problem, if it is not certain."""
    marked = marked_encoding(head)
    if marked is not None:
        return marked
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may not be whole
    except UnicodeDecodeError as error:
        found = detect_encoding(head)
        if found is None:
            line = head.count(10, 0, error.start) + 1
            reason = f"is not valid UTF-8 (byte {error.start}, line {line}), and its encoding is not certain"
            log.problem(origin.place, f"{reason}: convert it to UTF-8")
            return None
        log.note(origin.place, f"read as {found[1]}")
        return found[1]
    return "utf-8"
