"""A text as it is stored: in parts that are compressed each for itself, so that a passage of a book is read alone."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

__all__ = ["PART", "pack_text", "unpack_text"]

PART = 2048
"""Characters of a part. Smaller ones cost more bytes (a news article: 2,048 4 % more than whole, 1,024 12 %), larger
ones more time."""

_NUMBER = 4  # bytes of a number before the parts: the characters of the text, then where each part ends
_LONGEST = 4 * PART  # bytes of a part: no character has more than four
_LONGEST_TEXT = 1 << 30  # characters


def pack_text(text: str) -> bytes:
    """Return ``text`` as it is stored.

    Raises:
        ValueError: If it has more than 2**30 characters.
    """
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a text of {len(text):,} characters is longer than {_LONGEST_TEXT:,}: part it")
    parts = [zlib.compress(text[at : at + PART].encode()) for at in range(0, len(text), PART)]
    numbers = [len(text)]
    end = _NUMBER * (1 + len(parts))
    for part in parts:
        end += len(part)
        numbers.append(end)
    return struct.pack(f"<{len(numbers)}I", *numbers) + b"".join(parts)


def unpack_text(stored: object, start: int = 0, end: int | None = None) -> str:
    """Return the characters of a stored text from ``start`` to ``end``, or to its end: what a slice of it would be.

    Raises:
        ValueError: If it is no stored text, or a part that is read is damaged.
    """
    if not isinstance(stored, bytes) or len(stored) < _NUMBER:
        raise ValueError("no bytes of a text")
    (length,) = struct.unpack_from("<I", stored)
    if length > _LONGEST_TEXT:
        raise ValueError(f"{length} characters")
    count = -(-length // PART)
    head = _NUMBER * (1 + count)
    if head > len(stored):
        raise ValueError(f"{len(stored)} bytes cannot be {length} characters")
    end = length if end is None else min(end, length)
    if start >= end:
        return ""
    first, last = start // PART, (end - 1) // PART
    # Where the part before ends is where one begins; before the first one, that is the number of characters.
    ends = list(struct.unpack_from(f"<{last - first + 2}I", stored, _NUMBER * first))
    if first == 0:
        ends[0] = head
    parts = [_unpack(stored[a:b], min(PART, length - PART * at)) for at, (a, b) in enumerate(pairwise(ends), first)]
    text = parts[0] if len(parts) == 1 else "".join(parts)
    return text[start - PART * first : end - PART * first]


def _unpack(stored: bytes, length: int) -> str:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(stored, _LONGEST + 1).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof or unpacker.unused_data or len(text) != length:
        raise ValueError("a part of it is not as long as it was")
    return text
