"""The records of a web archive, one after the other; after damage the next one is looked for.

They are read here and not by a library: those end at the first record that is damaged, and hold a line of any length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from semsearch.readers._budget import UnpackError
from semsearch.readers.warc._http import Headers, parse_headers

__all__ = ["Record", "Records", "head_of"]

_CHUNK = 1 << 16
_MOST_HEAD = 1 << 16
"""Bytes before a record or a page; crawlers write some hundreds."""
_MOST_DAMAGE = 100
"""Places; what is damaged in more is no web archive any more."""
_MOST_BLANK = 10_000
"""Lines between two records, of which there are two; of more nothing is read, as that takes longer than it is worth."""


class Record(NamedTuple):
    """A record: its number from 1, where it begins in the archive when that is unpacked, and what it says of itself."""

    number: int
    offset: int
    headers: Headers


def head_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines before a blank one.

    Raises:
        UnpackError: If there are too many.
    """
    size = 0
    for line in lines:
        size += len(line)
        if size > _MOST_HEAD:
            raise UnpackError("is damaged: its head has no end")
        if not line.strip():
            return
        yield line


class Records:
    """Reads the records of a stream.

    Args:
        stream: The archive, unpacked.
        report: Takes what is damaged.
    """

    def __init__(self, stream: BinaryIO, report: Callable[[str], None]) -> None:
        self._stream = stream
        self._report = report
        self._offset = 0
        self._left = 0  # of the record that is being read
        self._number = 0

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; of it is read what :meth:`read` is asked for."""
        damage, begun = 0, 0
        while damage < _MOST_DAMAGE:
            begun = self._offset
            try:
                self._skip()
                begun = self._offset
                line = self._begin()
                if not line:
                    break
                begun = self._offset - len(line)
                self._number += 1
                yield self._record(begun, line)
            except OSError as error:
                damage += 1
                self._left = 0
                self._report(f"the record at byte {begun:,} {error.strerror or error}")
        else:
            self._report(f"is damaged in {_MOST_DAMAGE} places: not read from here on")
        if not self._number and not damage:
            self._report("is no web archive: there is no record in it")

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the present record, none at its end.

        Raises:
            OSError: If the file ends before, or is damaged.
        """
        try:
            data = self._stream.read(min(size, self._left))
        except OSError:
            self._left = 0
            raise
        self._offset += len(data)
        self._left -= len(data)
        if len(data) < size and self._left:
            self._left = 0
            raise UnpackError("is damaged: the file ends before its end")
        return data

    def _skip(self) -> None:
        """Pass over what was not read of a record."""
        while self._left:
            self.read(min(_CHUNK, self._left))

    def _line(self) -> bytes:
        line = self._stream.readline(_MOST_HEAD)
        self._offset += len(line)
        return line

    def _begin(self) -> bytes:
        """Return the line that the next record begins with, none at the end of the file."""
        skipped, blank, start = 0, 0, self._offset
        line = self._line()
        while line and not line.startswith(b"WARC/"):
            text = line.strip()
            skipped += len(text)
            blank += not text
            line = b"" if blank > _MOST_BLANK else self._line()
        if (skipped and (self._number or line)) or blank > _MOST_BLANK:
            self._report(f"is damaged at byte {start:,}: what is there is no record")
        return line

    def _record(self, offset: int, line: bytes) -> Record:
        headers = parse_headers([line, *head_of(iter(self._line, b""))])
        length = headers.get("content-length")
        if not (length.isascii() and length.isdecimal() and len(length) <= 18):
            raise UnpackError("is damaged: it does not say how long it is")
        self._left = int(length)
        return Record(self._number, offset, headers)
