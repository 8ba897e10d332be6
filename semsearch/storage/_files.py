"""Files that are on the disk when a function returns, and their checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

from semsearch.storage.manifest import FileRecord

__all__ = [
    "FileWriter",
    "crc32_of",
    "link_file",
    "record_of",
    "replace_durably",
    "sync_file",
    "sync_folder",
    "write_durably",
]

_CHUNK = 1 << 18  # stays in the processor's cache


class FileWriter:
    """Writes a new file from its beginning to its end, and keeps its checksums meanwhile."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            FileExistsError: If there is one already.
        """
        self._stream = path.open("xb", buffering=_CHUNK)
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``, which is contiguous."""
        self._stream.write(data)
        self._sha256.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._bytes += memoryview(data).nbytes

    def close(self) -> FileRecord:
        """Wait until the file is on the disk, and say what must be in it."""
        with self._stream as stream:
            stream.flush()
            os.fsync(stream.fileno())
        return FileRecord(self._bytes, self._sha256.hexdigest(), self._crc32)

    def discard(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._stream.close()


def write_durably(path: Path, data: bytes | memoryview) -> None:
    """Write a new file and wait until it is on the disk.

    Raises:
        FileExistsError: If there is one already.
    """
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path`` at once: whoever reads sees all of the old file or all of the new."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    write_durably(temporary, data)
    temporary.replace(path)
    sync_folder(path.parent)


def link_file(path: Path, new: Path) -> None:
    """Give a file that never changes a second name; where the file system cannot, copy it."""
    try:
        os.link(path, new)
    except OSError:
        shutil.copyfile(path, new)
        sync_file(new)


def sync_file(path: Path) -> None:
    """Wait until a file that something else wrote is on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on the disk. Windows has no such call, and orders them itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def record_of(path: Path) -> FileRecord:
    """Return a file's size and checksums."""
    sha256, crc32, size = hashlib.sha256(), 0, 0
    for chunk in _chunks(path):
        sha256.update(chunk)
        crc32 = zlib.crc32(chunk, crc32)
        size += len(chunk)
    return FileRecord(size, sha256.hexdigest(), crc32)


def crc32_of(path: Path) -> int:
    """Return a file's CRC-32: it tells damage as well as a SHA-256, in half the time."""
    crc32 = 0
    for chunk in _chunks(path):
        crc32 = zlib.crc32(chunk, crc32)
    return crc32


def _chunks(path: Path) -> Iterator[memoryview]:
    """Yield a file piece by piece; a piece is gone with the next."""
    buffer = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            yield buffer[:count]
