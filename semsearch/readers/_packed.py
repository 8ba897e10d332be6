"""Packed bytes to the bytes that they stand for, as a stream that is bounded and has one kind of error."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from semsearch.readers._budget import Budget, UnpackError

__all__ = ["TOO_DENSE", "Ending", "Metered", "Readable", "Unpacking", "buffered", "is_bomb", "unpacked"]

_CHUNK = 1 << 16
_LEAST_SUSPECT = 1 << 20
"""Bytes of a member that may be unpacked whatever it was packed to."""
_MOST_TIMES = 200
"""A larger member that stands for so many times its packed size is no text: it is there to fill a disk."""
TOO_DENSE = f"stands for more than {_MOST_TIMES} times its packed size: it is no text"
_MOST_ENDS = 1000
_XZ_MEMORY = 128 << 20
"""Bytes of the dictionary of an .xz file; ``xz -9`` needs 65 MiB, and a header may ask for 4 GiB."""


class Readable(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


class Metered(io.RawIOBase):
    """Reads a file of the corpus itself, and says how much of it was read."""

    def __init__(self, source: Readable, budget: Budget) -> None:
        self._source = source
        self._budget = budget

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read up to as many bytes as ``buffer`` takes."""
        data = self._source.read(len(buffer))
        self._budget.earned += len(data)
        buffer[: len(data)] = data
        return len(data)


class Ending:
    """Reads a stream, and ends a library's loop that goes on and on where there is nothing any more.

    tarfile reads up to where a member should end, be it an exabyte away.
    """

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._ends = 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes.

        Raises:
            UnpackError: If the end was met over and over.
        """
        data = self._source.read(size)
        self._ends += not data
        if self._ends > _MOST_ENDS:
            raise UnpackError("is damaged: it ends before its end")
        return data


class Unpacking(io.RawIOBase):
    """Reads what a decompressor gives; whatever it raises becomes an :class:`UnpackError`.

    Args:
        source: The decompressor.
        budget: Pays for what is unpacked.
        packed: Returns how many packed bytes that took.
    """

    def __init__(self, source: Readable, budget: Budget, packed: Callable[[], int]) -> None:
        self._source = source
        self._budget = budget
        self._packed = packed
        self._count = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read up to as many bytes as ``buffer`` takes.

        Raises:
            UnpackError: If what is packed is damaged, or stands for too much.
        """
        try:
            data = self._source.read(min(len(buffer), _CHUNK))
        except UnpackError:
            raise
        except Exception as error:  # what zipfile, tarfile and the decompressors raise is not stated
            if isinstance(error, OSError) and error.strerror:
                raise
            raise UnpackError(f"is damaged: {str(error) or type(error).__name__}") from None
        self._count += len(data)
        self._budget.spend(len(data))
        if is_bomb(self._count, self._packed()):
            raise UnpackError(TOO_DENSE)
        buffer[: len(data)] = data
        return len(data)


def is_bomb(size: int, packed: int) -> bool:
    """Whether so many bytes are too many for what they were packed to."""
    return size > _LEAST_SUSPECT and size > _MOST_TIMES * packed


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """Return ``raw`` as the formats read it: line by line, or as much as there is."""
    return io.BufferedReader(raw, _CHUNK)


def unpacked(stream: BinaryIO, budget: Budget) -> BinaryIO:
    """Return what a stream stands for if it begins as .gz, .bz2 or .xz files do, else the stream.

    Args:
        stream: A :class:`io.BufferedReader`, so that its beginning can be looked at.
        budget: Pays for what is unpacked.
    """
    beginning = _beginning(stream)
    make = next((make for magic, make in _MAGIC.items() if beginning.startswith(magic)), None)
    if make is None:
        return stream
    source = _Streams(stream, make)
    return buffered(Unpacking(source, budget, lambda: source.packed))


def _beginning(stream: BinaryIO) -> bytes:
    peek: Callable[[int], bytes] | None = getattr(stream, "peek", None)
    if peek is not None:
        return peek(8)
    beginning = stream.read(8)  # of a file that can be sought in
    stream.seek(0)
    return beginning


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's decompressor of gzip, as those of bz2 and lzma are.

    Attributes:
        given: The last bytes that it was given.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self._is_full = False
        self.given = b""

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._is_full and not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self.given = self._zlib.unconsumed_tail + data
        unpacked = self._zlib.decompress(self.given, max_length)
        self._is_full = len(unpacked) == max_length  # there may be more of it
        return unpacked


_GZIP = b"\x1f\x8b"
_MAGIC: dict[bytes, Callable[[], _Decompressor]] = {
    _GZIP: _Gunzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
}


class _Streams:
    """Reads packed streams that follow each other, as ``cat a.gz b.gz`` and web archives have them.

    After damage in one of gzip the next is gone on with; of the others nothing more is read.

    Attributes:
        packed: How many packed bytes were read.
    """

    def __init__(self, source: Readable, make: Callable[[], _Decompressor]) -> None:
        self._source = source
        self._make = make
        self._decompressor = make()
        self._held = b""  # of the source, to be unpacked next
        self._is_over = False
        self.packed = 0

    def read(self, size: int) -> bytes:
        data = b""
        while not data and not self._is_over:
            if self._decompressor.eof:
                self._held = self._next_stream()
                self._is_over = not self._held
                self._decompressor = self._make()
            elif not self._held and self._decompressor.needs_input:
                self._held = self._more()
                if not self._held:
                    self._is_over = True
                    raise EOFError("it ends before its end")
            if not self._is_over:
                data = self._unpack(size)
        return data

    def _unpack(self, size: int) -> bytes:
        held, self._held = self._held, b""
        try:
            return self._decompressor.decompress(held, size)
        except Exception:
            self._skip()
            raise

    def _skip(self) -> None:
        """Go to where the next stream may begin."""
        self._is_over = True
        if isinstance(self._decompressor, _Gunzip):
            rest = self._decompressor.given[1:]
            while (at := rest.find(_GZIP + b"\x08")) < 0:
                more = self._more()
                if not more:
                    return
                rest = rest[-2:] + more
            self._held, self._decompressor, self._is_over = rest[at:], self._make(), False

    def _more(self) -> bytes:
        data = self._source.read(_CHUNK)
        self.packed += len(data)
        return data

    def _next_stream(self) -> bytes:
        """Return the beginning of the next stream, nothing if there is none; zeros between them fill up a block."""
        rest = self._decompressor.unused_data.lstrip(b"\x00")
        while not rest:
            more = self._more()
            if not more:
                return b""
            rest = more.lstrip(b"\x00")
        return rest
