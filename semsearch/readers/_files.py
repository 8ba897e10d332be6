"""A file of a corpus to the articles in it, and to the digest that says whether it has changed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from semsearch.readers._formats import FORMATS, Format, format_of
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import marked_encoding
from semsearch.records import FieldNames

__all__ = ["STANDARD_INPUT", "CorpusFile"]

STANDARD_INPUT = Origin("standard input", "stdin")
_BUFFER = 1 << 18
_BEGINNINGS = {
    ".json": re.compile(r"\[\s*\{|\{\s*[\r\n]"),  # an array of objects, or an object on several lines
    ".jsonl": re.compile(r"\{"),
    ".md": re.compile("---"),
    ".html": re.compile("<!doctype html|<html", re.IGNORECASE),
}
"""What standard input begins with, by the suffix that a file of this kind has; else it is plain text."""
_DIGEST = 16  # bytes; BLAKE2b takes so many for what makes one digest another
_CHUNK = 1 << 16  # small, as most files are


class CorpusFile:
    """A file of a corpus, or standard input.

    Attributes:
        origin: Where its articles come from.
        digest: BLAKE2b-128 of the bytes that were read, and of the names that were given for columns; None until all
            bytes were read.
    """

    def __init__(self, path: Path | None, origin: Origin) -> None:
        self._path = path
        self.origin = origin
        self.digest: bytes | None = None

    def digest_now(self) -> bytes | None:
        """Return what :attr:`digest` would be if the file were read now; None if it cannot be."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb", buffering=0) as stream:
                return _digest_of(stream, self.origin.fields)
        except OSError:
            return None

    def read(self, log: ReadingLog) -> Iterator[Located]:
        """Yield the articles by the format that the suffix names."""
        if self._path is None:
            yield from _read_stdin(self.origin, log)
            return
        form = format_of(self._path.name)
        assert form is not None  # noqa: S101 - for the type checker; no other file is found
        try:
            yield from (self._seek if form.seeks else self._stream)(self._path, form, log)
        except OSError as error:
            log.problem(self.origin.place, f"cannot be read ({error.strerror})")

    def _stream(self, path: Path, form: Format, log: ReadingLog) -> Iterator[Located]:
        with path.open("rb", buffering=0) as raw:
            noted = _NotedStream(raw, self.origin.fields)
            yield from form(io.BufferedReader(noted, _BUFFER), self.origin, log)
            self.digest = noted.digest.digest() if not raw.read(1) else None

    def _seek(self, path: Path, form: Format, log: ReadingLog) -> Iterator[Located]:
        """Read a file in whatever order: its digest is made before, and holds if the file stayed as it was."""
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            digest = _digest_of(stream, self.origin.fields)
            stream.seek(0)
            yield from form(stream, self.origin, log)
            after = os.fstat(stream.fileno())
        self.digest = digest if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) else None


class _NotedStream(io.RawIOBase):
    """Reads a file, and keeps a digest of what was read: the file may change between two readings."""

    def __init__(self, raw: io.FileIO, fields: FieldNames) -> None:
        self._raw = raw
        self.digest = _new_digest(fields)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count

    def readall(self) -> bytes:
        data = self._raw.readall()
        self.digest.update(data)
        return data


def _new_digest(fields: FieldNames) -> hashlib.blake2b:
    """Begin a digest of a file's bytes; of other columns the same bytes are other articles."""
    if not fields:
        return hashlib.blake2b(digest_size=_DIGEST)
    names = json.dumps(asdict(fields), sort_keys=True).encode()
    return hashlib.blake2b(digest_size=_DIGEST, person=hashlib.blake2b(names, digest_size=_DIGEST).digest())


def _digest_of(stream: BinaryIO | io.FileIO, fields: FieldNames) -> bytes:
    digest = _new_digest(fields)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.digest()


def _read_stdin(origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of standard input, whose beginning says which format it is: see :data:`_BEGINNINGS`."""
    stream = io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))
    peeked = stream.peek(64)
    beginning = peeked.decode(marked_encoding(peeked) or "utf-8", errors="ignore").lstrip()
    suffix = next((suffix for suffix, begin in _BEGINNINGS.items() if begin.match(beginning)), ".txt")
    try:
        yield from FORMATS[suffix](stream, origin, log)
    finally:
        stream.detach()  # standard input is not ours to close
