"""Rows of the large files, a row or a run of codes for each passage: written in order, and checked when first read.

Opening an index need not read these files: each row has a CRC-32 of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.errors import IndexCorruptError, IndexWriteError
from semsearch.storage._files import FileWriter, link_file, write_array, writing
from semsearch.storage._layout import CHECKS, EMBEDDINGS, SEGMENTS, TOKEN_SPANS
from semsearch.storage.manifest import FileRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semsearch.storage.generations import Generation

__all__ = ["CheckedRows", "RowsWriter", "are_components"]

_BLOCK = 8192  # rows that are written at a time
_MOST_SEGMENTS = 8
_LEFT_SEGMENTS = 4  # of too many; the small ones are written together
_MOST_BITS = int(np.float16(1.002).view(np.uint16))
_SIGN = 0x8000
_MOST_GARBAGE = 0.3  # of a segment; what is above it is written again, without the garbage


def are_components(vectors: NDArray[np.float16]) -> bool:
    """Whether these may be components of unit vectors: numbers of at most 1, but for rounding.

    The bits of positive ones are in the order of what they stand for, as are those of negative ones: two passes that
    copy nothing.
    """
    if vectors.size == 0:
        return True
    return int(vectors.view(np.int16).max()) <= _MOST_BITS and int(vectors.view(np.uint16).max()) <= _SIGN | _MOST_BITS


class CheckedRows:
    """Remembers which rows were found as they were written. Threads may share it: at worst a row is checked twice."""

    def __init__(
        self,
        checks: NDArray[np.uint32],
        intact: NDArray[np.bool_],
        read: Callable[[int], NDArray[Any]],
        path_of: Callable[[int], Path],
    ) -> None:
        """Take each row's CRC-32, whether it was checked before, its bytes, and the file that it is in."""
        self._checks = checks
        self._intact = intact
        self._read = read
        self._path_of = path_of

    def require(self, rows: NDArray[np.int64] | slice) -> None:
        """Check those of ``rows`` that were not yet.

        Raises:
            IndexCorruptError: If one is not as it was written. It names the file.
        """
        if self._intact[rows].all():
            return
        wanted = np.arange(len(self._intact))[rows]
        for row in wanted[~self._intact[wanted]].tolist():
            if zlib.crc32(self._read(row).data) != self._checks[row]:
                raise IndexCorruptError(self._path_of(row), f"is damaged (the checksum of passage {row} is another)")
            self._intact[row] = True


class RowsWriter:
    """Writes the vectors and the tokens of all passages in the order of the rows, what has not changed from before.

    Attributes:
        files: The files that are complete, by their names in the generation.
    """

    def __init__(
        self, folder: Path, before: Generation | None, rows_before: NDArray[np.int64], dimension: int, *, tokens: bool
    ) -> None:
        """Begin the files.

        Args:
            folder: The folder of the new generation, whose name is its id.
            before: The generation to take over from; its files were verified.
            rows_before: ``(passages,)`` int64: where each passage was in it; -1 for those that are to be added.
            dimension: Components of a vector.
            tokens: Whether there are tokens.
        """
        self.files: dict[str, FileRecord] = {}
        self._folder = folder
        self._before = before
        self._rows_before = rows_before
        self._at = 0  # the next row
        self._checks = np.zeros((len(rows_before), 2), dtype=np.uint32)
        self._stream = FileWriter(folder / EMBEDDINGS)
        self._shape = (len(rows_before), dimension)
        header = {"descr": "<f2", "fortran_order": False, "shape": self._shape}
        self._tokens: _SegmentsWriter | None = None
        try:
            np.lib.format.write_array_header_1_0(self._stream, header)
            self._tokens = _SegmentsWriter(folder, before, rows_before) if tokens else None
        except IndexWriteError:
            self.discard()
            raise

    def add(self, vectors: NDArray[np.float16], codes: Sequence[NDArray[np.uint8]] | None) -> None:
        """Write the next passages that are new, and before each what is taken over.

        Args:
            vectors: ``(n, dimension)`` float16.
            codes: The codes of each passage's tokens, ``(t, bytes)`` uint8, if there are tokens.
        """
        new = np.flatnonzero(self._rows_before[self._at :] < 0)
        self._write(self._at + int(new[len(vectors) - 1]) + 1 if len(vectors) else self._at, vectors, codes or ())

    def close(self) -> None:
        """Write what is taken over after the last new passage, and finish the files."""
        self._write(len(self._rows_before), np.empty((0, self._shape[1]), dtype=np.float16), ())
        self.files[EMBEDDINGS] = self._stream.close()
        write_array(self._folder / CHECKS, self._checks)
        if self._tokens is not None:
            self.files.update(self._tokens.close())

    def discard(self) -> None:
        """Let go of the files, whatever state they are in."""
        self._stream.discard()
        if self._tokens is not None:
            self._tokens.discard()

    def _write(self, end: int, vectors: NDArray[np.float16], codes: Sequence[NDArray[np.uint8]]) -> None:
        used = 0
        for start in range(self._at, end, _BLOCK):
            stop = min(start + _BLOCK, end)
            before = self._rows_before[start:stop]
            new = before < 0
            block = np.empty((stop - start, self._shape[1]), dtype="<f2")
            count = int(new.sum())
            block[new] = vectors[used : used + count]
            if self._before is not None:
                block[~new] = self._before.embeddings[before[~new]]
                self._checks[start:stop][~new] = self._before.checks[before[~new]]
            self._stream.write(block.data)
            rows = np.flatnonzero(new) + start
            self._checks[rows, 0] = [zlib.crc32(vector.data) for vector in block[new]]
            if self._tokens is not None:
                own = codes[used : used + count]
                self._checks[rows, 1] = [zlib.crc32(part.data) for part in own]
                self._tokens.write(start, before, own)
            used += count
        self._at = max(self._at, end)


class _SegmentsWriter:
    """Writes the tokens' codes of what is new into a segment of its own, and links the segments before.

    A segment of which much is garbage is written again, as are the small ones when there are many.
    """

    def __init__(self, folder: Path, before: Generation | None, rows_before: NDArray[np.int64]) -> None:
        self._folder = folder
        self._before = before
        self._spans = np.zeros((len(rows_before), 3), dtype=np.int64)
        with writing(folder / SEGMENTS):
            (folder / SEGMENTS).mkdir()
        self._name = f"{SEGMENTS}/{folder.name.lower()}.u8"
        self._stream = FileWriter(folder / self._name)
        self._written = 0  # tokens
        self._kept: list[str] = []
        if before is not None and before.tokens is not None:
            self._kept = self._names_kept(
                before, np.unique(rows_before[rows_before >= 0]), bool((rows_before < 0).any())
            )
            numbers = {name: number for number, name in enumerate(self._kept)}
            self._numbers = np.array([numbers.get(name, -1) for name in before.segments], dtype=np.int64)

    @staticmethod
    def _names_kept(before: Generation, rows: NDArray[np.int64], grows: bool) -> list[str]:  # noqa: FBT001
        assert before.tokens is not None  # noqa: S101 - for the type checker
        segment, _, count = before.tokens.spans[rows].T
        live = np.bincount(segment, weights=count, minlength=len(before.segments))
        sizes = [len(codes) for codes in before.tokens.segments]
        kept = [number for number, size in enumerate(sizes) if live[number] >= (1 - _MOST_GARBAGE) * size]
        if len(kept) + grows > _MOST_SEGMENTS:
            kept = sorted(sorted(kept, key=lambda number: -sizes[number])[:_LEFT_SEGMENTS])
        return [before.segments[number] for number in kept]

    def write(self, start: int, before: NDArray[np.int64], codes: Sequence[NDArray[np.uint8]]) -> None:
        """Write the tokens of the rows from ``start`` on: ``codes`` of those that are new, the others from before."""
        spans = self._spans[start : start + len(before)]
        copied = np.zeros(len(before), dtype=bool)
        if self._before is not None and self._before.tokens is not None:
            old = before >= 0
            spans[old] = self._before.tokens.spans[before[old]]
            spans[old, 0] = self._numbers[spans[old, 0]]
            copied = spans[:, 0] < 0
        new = iter(codes)
        for at in np.flatnonzero(copied | (before < 0)).tolist():
            part = self._before.tokens.codes_of(int(before[at])) if copied[at] else next(new)  # type: ignore[union-attr]
            spans[at] = (len(self._kept), self._written, len(part))
            self._written += len(part)
            self._stream.write(np.ascontiguousarray(part).data)

    def close(self) -> dict[str, FileRecord]:
        """Link the segments that are kept and finish the one that is new. Returns the records of all."""
        files = {}
        own = self._stream.close()
        if self._written:
            files[self._name] = own
        else:
            with writing(self._folder / self._name):
                (self._folder / self._name).unlink()
        for name in self._kept:
            assert self._before is not None  # noqa: S101 - for the type checker
            link_file(self._before.folder / name, self._folder / name)
            files[name] = self._before.manifest.files[name]
        write_array(self._folder / TOKEN_SPANS, self._spans)
        return files

    def discard(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._stream.discard()
