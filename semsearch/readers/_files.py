"""A file of a corpus to the articles in it, and to the digest that says whether it has changed."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from semsearch.readers._formats import FORMATS, Format, suffix_of
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import marked_encoding

__all__ = ["STANDARD_INPUT", "CorpusFile"]

STANDARD_INPUT = Origin("standard input", "stdin")
_BEGINNINGS = {"{": ".jsonl", "---": ".md", "<!doctype html": ".html", "<html": ".html"}
_BUFFER = 1 << 18
_CHUNK = 1 << 16  # small, as most files are


class CorpusFile:
    """A file of a corpus, or standard input.

    Attributes:
        origin: Where its articles come from.
        digest: BLAKE2b-128 of the bytes that were read; None until all of them were.
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
                return _digest_of(stream)
        except OSError:
            return None

    def read(self, log: ReadingLog) -> Iterator[Located]:
        """Yield the articles by the format that the suffix names."""
        if self._path is None:
            yield from _read_stdin(log)
            return
        form = FORMATS[suffix_of(self._path.name)]
        try:
            yield from (self._seek if form.seeks else self._stream)(self._path, form, log)
        except OSError as error:
            log.problem(self.origin.place, f"cannot be read ({error.strerror})")

    def _stream(self, path: Path, form: Format, log: ReadingLog) -> Iterator[Located]:
        with path.open("rb", buffering=0) as raw:
            noted = _NotedStream(raw)
            yield from form(io.BufferedReader(noted, _BUFFER), self.origin, log)
            self.digest = noted.digest.digest() if not raw.read(1) else None

    def _seek(self, path: Path, form: Format, log: ReadingLog) -> Iterator[Located]:
        """Read a file in whatever order: its digest is made before, and holds if the file stayed as it was."""
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            digest = _digest_of(stream)
            stream.seek(0)
            yield from form(stream, self.origin, log)
            after = os.fstat(stream.fileno())
        self.digest = digest if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) else None


class _NotedStream(io.RawIOBase):
    """Reads a file, and keeps a digest of what was read: the file may change between two readings."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.digest = _new_digest()

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


def _new_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _digest_of(stream: BinaryIO | io.FileIO) -> bytes:
    digest = _new_digest()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.digest()


def _read_stdin(log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of standard input: what it begins with says of which format it is."""
    stream = io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))
    peeked = stream.peek(64)
    beginning = peeked.decode(marked_encoding(peeked) or "utf-8", errors="ignore").lstrip().casefold()
    suffix = next((suffix for start, suffix in _BEGINNINGS.items() if beginning.startswith(start)), ".txt")
    try:
        yield from FORMATS[suffix](stream, STANDARD_INPUT, log)
    finally:
        stream.detach()  # standard input is not ours to close
