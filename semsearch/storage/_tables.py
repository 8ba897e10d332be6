"""Arrays in NumPy's files, mapped: of the kinds that an index has, and nothing that needs to be evaluated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.errors import IndexCorruptError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load_table"]

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
    if 0 in shape:  # nothing can be mapped
        return np.empty(shape, dtype=dtype)
    return np.asarray(np.memmap(path, dtype, "r", start, shape))
