"""The formats, and an open file to the articles in it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import cast

from semsearch.readers._log import Located, Origin, ReadFormat, ReadingLog
from semsearch.readers._sources import SourceFile
from semsearch.readers._text import marked_encoding
from semsearch.readers.jsonlines import read_jsonlines
from semsearch.readers.markdown import read_markdown
from semsearch.readers.plain import read_plain

__all__ = ["FORMATS", "read_file", "read_stdin"]

FORMATS: Mapping[str, ReadFormat] = MappingProxyType(
    {
        ".txt": read_plain,
        ".text": read_plain,
        ".md": read_markdown,
        ".markdown": read_markdown,
        ".jsonl": read_jsonlines,
        ".ndjson": read_jsonlines,
    }
)


def read_file(file: SourceFile, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of one file by the format that its suffix names."""
    read = FORMATS[file.path.suffix.lower()]
    try:
        with file.path.open("rb") as stream:
            yield from read(stream, file.origin, log)
    except OSError as error:
        log.problem(file.origin.place, f"cannot be read ({error.strerror})")


def read_stdin(log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of standard input: JSON lines if it begins with ``{``, front matter if with ``---``."""
    stream = io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))
    peeked = stream.peek(64)
    beginning = peeked.decode(marked_encoding(peeked) or "utf-8", errors="ignore").lstrip()
    read = read_jsonlines if beginning.startswith("{") else read_plain
    if beginning.startswith("---"):
        read = read_markdown
    try:
        yield from read(stream, Origin("standard input", "stdin"), log)
    finally:
        stream.detach()  # standard input is not ours to close
