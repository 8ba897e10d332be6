"""What a build has embedded so far, kept beside the generations: the next build goes on where one was killed."""

from __future__ import annotations

import hashlib
import shutil
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semsearch.storage._files import make_folder, replace_durably

if TYPE_CHECKING:
    from semsearch.embedders import EmbedderSpec

__all__ = ["NO_CODES", "Embedded", "PartialRows", "remove_partial"]

_FOLDER = "partial"
_SUFFIX = ".rows"
_HEAD = struct.Struct("<4sIIIQ")  # magic, CRC-32 of what follows it, passages, dimension, bytes of codes
_MAGIC = b"ssp1"
_AFTER_CHECKSUM = 8
NO_CODES = np.empty((0, 0), dtype=np.uint8)
"""Of a passage whose tokens are not kept."""
_KEY_BYTES = 16


class Embedded(NamedTuple):
    """Passages and what the embedder made of them.

    Attributes:
        keys: ``(n, 16)`` uint8, what identifies each.
        vectors: ``(n, dimension)`` float16.
        codes: The codes of each one's tokens, ``(t, bytes)`` uint8; of no token where they are not kept.
    """

    keys: NDArray[np.uint8]
    vectors: NDArray[np.float16]
    codes: Sequence[NDArray[np.uint8]]

    def only(self, numbers: Sequence[int]) -> Embedded:
        """Return these passages of them."""
        return Embedded(
            self.keys[list(numbers)], self.vectors[list(numbers)], [self.codes[number] for number in numbers]
        )


class PartialRows:
    """The finished parts of a build that did not finish, and those of this one.

    Attributes:
        taken: How many passages were taken from them.
    """

    def __init__(
        self, index: Path, spec: EmbedderSpec, precision: str | None, rotation: NDArray[np.float32] | None
    ) -> None:
        """Look for what was embedded with the same model in the same precision, and coded with the same ``rotation``.

        Without a rotation no tokens are kept.
        """
        identity = hashlib.blake2b(f"{spec.fingerprint} {precision}".encode(), digest_size=8)
        if rotation is not None:
            identity.update(rotation.tobytes())
        self.taken = 0
        self._folder = index / _FOLDER / identity.hexdigest()
        self._bytes_per_token = 0 if rotation is None else len(rotation) // 4
        self._dimension = spec.dimension
        self._found: dict[bytes, tuple[Path, int]] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            part = self._read(path)
            if part is not None:
                self._found.update((key.tobytes(), (path, row)) for row, key in enumerate(part.keys))
        # After the last that is there, not after as many as there are: no part may take the place of another one.
        numbers = [int(path.stem) for path in self._folder.glob("*") if path.stem.isdecimal()]
        self._next = max(numbers, default=-1) + 1

    def take(self, keys: NDArray[np.uint8]) -> dict[int, tuple[NDArray[np.float16], NDArray[np.uint8]]]:
        """Return vector and codes of those of the passages, ``(n, 16)`` uint8, that were embedded; by their number."""
        wanted: dict[Path, list[tuple[int, int]]] = {}
        for number, key in enumerate(keys if self._found else ()):
            path, row = self._found.get(key.tobytes(), (None, 0))
            if path is not None:
                wanted.setdefault(path, []).append((number, row))
        taken: dict[int, tuple[NDArray[np.float16], NDArray[np.uint8]]] = {}
        for path, rows in wanted.items():
            part = self._read(path)
            if part is not None:
                taken.update(
                    (number, (part.vectors[row], part.codes[row]))
                    for number, row in rows
                    if row < len(part.keys) and part.keys[row].tobytes() == keys[number].tobytes()
                )
        self.taken += len(taken)
        return taken

    def keep(self, part: Embedded) -> None:
        """Write a part that is finished; it is on the disk when this returns."""
        make_folder(self._folder)
        counts = np.array([len(codes) for codes in part.codes if self._bytes_per_token], dtype="<u4")
        arrays = [part.keys, part.vectors.astype("<f2"), counts, *part.codes]
        body = b"".join(array.tobytes() for array in arrays)
        size = sum(codes.nbytes for codes in part.codes)
        head = _HEAD.pack(_MAGIC, 0, len(part.keys), self._dimension, size)
        checksum = zlib.crc32(body, zlib.crc32(head[_AFTER_CHECKSUM:]))
        head = _HEAD.pack(_MAGIC, checksum, len(part.keys), self._dimension, size)
        replace_durably(self._folder / f"{self._next:06}{_SUFFIX}", head + body)
        self._next += 1

    def _read(self, path: Path) -> Embedded | None:
        """Read a part; None if it is not as it was written: then it is embedded again."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if len(data) < _HEAD.size:
            return None
        magic, checksum, passages, dimension, size = _HEAD.unpack_from(data)
        counted = 4 * passages if self._bytes_per_token else 0
        expected = _HEAD.size + passages * (_KEY_BYTES + 2 * dimension) + counted + size
        is_intact = magic == _MAGIC and zlib.crc32(memoryview(data)[_AFTER_CHECKSUM:]) == checksum
        if not is_intact or dimension != self._dimension or len(data) != expected:
            return None
        keys = np.frombuffer(data, np.uint8, passages * _KEY_BYTES, _HEAD.size).reshape(-1, _KEY_BYTES)
        at = _HEAD.size + keys.nbytes
        vectors = np.frombuffer(data, "<f2", passages * dimension, at).reshape(-1, dimension)
        if not counted:
            return Embedded(keys, vectors, [NO_CODES] * passages) if not size else None
        counts = np.frombuffer(data, "<u4", passages, at + vectors.nbytes).astype(np.int64)
        codes = np.frombuffer(data, np.uint8, size, len(data) - size)
        if counts.sum() * self._bytes_per_token != size:
            return None
        ends = np.cumsum(counts)[:-1]
        return Embedded(keys, vectors, np.split(codes.reshape(-1, self._bytes_per_token), ends))


def remove_partial(index: Path) -> None:
    """Remove what was kept of builds: it is in a generation now."""
    shutil.rmtree(index / _FOLDER, ignore_errors=True)
