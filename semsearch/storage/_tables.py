"""Arrays in NumPy's files, mapped: of the kinds that an index has, and nothing that needs to be evaluated."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.errors import IndexCorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RowsFile", "load_table"]

_BEGINNING = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': False, 'shape': \((\d{1,18}), (\d{1,9})\), \} *\n")


def load_table(path: Path, dtype: str, columns: int | None = None) -> NDArray[Any]:
    """Map an array of rows. A manifest vouches for the bytes of a file, not for what they are.

    NumPy's own reader parses the header as Python; threads that do so at one time make Python 3.11 fail.

    Args:
        path: The file, as ``numpy.save`` writes it.
        dtype: What it must hold, as NumPy writes it: ``"<f2"``.
        columns: How many columns it must have; None for any number.

    Raises:
        IndexCorruptError: If it is not such an array.
    """
    import numpy as np

    try:
        with path.open("rb") as stream:
            beginning = stream.read(len(_BEGINNING))
            header = stream.read(int.from_bytes(stream.read(2), "little"))
            start, size = stream.tell(), path.stat().st_size
    except FileNotFoundError:
        raise IndexCorruptError(path, "is missing") from None
    match = _HEADER.fullmatch(header)
    if beginning != _BEGINNING or match is None:
        raise IndexCorruptError(path, "is not a numpy file of rows")
    found, shape = match[1].decode(), (int(match[2]), int(match[3]))
    if found != dtype or shape[1] != (columns or shape[1]):
        raise IndexCorruptError(path, f"holds {shape} {found}, not (n, {columns or 'd'}) {dtype}")
    if size != start + shape[0] * shape[1] * np.dtype(dtype).itemsize:
        raise IndexCorruptError(path, f"is {size} bytes long, which is not what {shape} {dtype} take")
    if shape[1] == 0:
        raise IndexCorruptError(path, "holds rows of nothing")
    if shape[0] == 0:  # nothing can be mapped
        return np.empty(shape, dtype=dtype)
    return np.asarray(np.memmap(path, dtype, "r", start, shape))


class RowsFile:
    """Rows of a file that are read when they are asked for: unlike a map's they take no memory afterwards.

    Where the system cannot read at a place (Windows) the file is mapped instead.

    Attributes:
        shape: The number of rows, and of bytes in each.
    """

    ndim = 2

    def __init__(self, path: Path, row_bytes: int, *, start: int = 0) -> None:
        """Open a file of nothing but rows of uint8, after the first ``start`` bytes.

        Raises:
            ValueError: If it does not hold rows, and nothing else.
        """
        import numpy as np

        size = path.stat().st_size - start
        if size <= 0 or size % row_bytes:
            raise ValueError(f"{size} bytes are no rows of {row_bytes}")
        self.shape = (size // row_bytes, row_bytes)
        self._path = path
        self._start = start
        self._mapped: NDArray[np.uint8] | None = None
        if hasattr(os, "pread"):
            self._stream = path.open("rb", buffering=0)
        else:
            self._mapped = np.asarray(np.memmap(path, np.uint8, "r", start, self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Return consecutive rows: ``(n, row_bytes)`` uint8.

        Raises:
            IndexCorruptError: If the file has become shorter since it was opened.
        """
        import numpy as np

        if self._mapped is not None:
            return self._mapped[rows]
        start, stop, _ = rows.indices(self.shape[0])
        width = self.shape[1]
        content = os.pread(self._stream.fileno(), max(0, stop - start) * width, self._start + start * width)
        if len(content) != max(0, stop - start) * width:
            raise IndexCorruptError(self._path, "has become shorter")
        return np.frombuffer(content, dtype=np.uint8).reshape(-1, width)

    def close(self) -> None:
        """Close the file."""
        if self._mapped is None:
            self._stream.close()
