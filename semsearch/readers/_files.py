"""The formats, and an open file to the articles in it."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from semsearch.readers._log import Located, Origin, ReadFormat, ReadingLog
from semsearch.readers._text import marked_encoding
from semsearch.readers.jsonlines import read_jsonlines
from semsearch.readers.markdown import read_markdown
from semsearch.readers.plain import read_plain

__all__ = ["FORMATS", "STANDARD_INPUT", "CorpusFile"]

STANDARD_INPUT = Origin("standard input", "stdin")
_BUFFER = 1 << 18
_CHUNK = 1 << 16  # small, as most files are

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
        digest = _new_digest()
        try:
            with self._path.open("rb", buffering=0) as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
        except OSError:
            return None
        return digest.digest()

    def read(self, log: ReadingLog) -> Iterator[Located]:
        """Yield the articles by the format that the suffix names."""
        if self._path is None:
            yield from _read_stdin(log)
            return
        read = FORMATS[self._path.suffix.lower()]
        try:
            with self._path.open("rb", buffering=0) as raw:
                noted = _NotedStream(raw)
                yield from read(io.BufferedReader(noted, _BUFFER), self.origin, log)
                self.digest = noted.digest.digest() if not raw.read(1) else None
        except OSError as error:
            log.problem(self.origin.place, f"cannot be read ({error.strerror})")


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


def _read_stdin(log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of standard input: JSON lines if it begins with ``{``, front matter if with ``---``."""
    stream = io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))
    peeked = stream.peek(64)
    beginning = peeked.decode(marked_encoding(peeked) or "utf-8", errors="ignore").lstrip()
    read = read_jsonlines if beginning.startswith("{") else read_plain
    if beginning.startswith("---"):
        read = read_markdown
    try:
        yield from read(stream, STANDARD_INPUT, log)
    finally:
        stream.detach()  # standard input is not ours to close
