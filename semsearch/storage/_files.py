"""Files that are on the disk when a function returns, and their checksums."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.errors import IndexWriteError
from semsearch.storage.manifest import FileRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FileWriter",
    "crc32_of",
    "link_file",
    "make_folder",
    "record_of",
    "replace_durably",
    "sync_file",
    "sync_folder",
    "sync_names",
    "write_array",
    "write_durably",
    "writing",
]

_CHUNK = 1 << 18  # stays in the processor's cache
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_PLACE = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file or folder it is that cannot be written, and what to do about it.

    Raises:
        IndexWriteError: In the place of an error of the operating system.
    """
    try:
        yield
    except OSError as error:
        # A second name is the one that is new; what has none is the file of a number, and that is ``path``.
        name = error.filename2 or error.filename
        at = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else path
        if error.errno in _FULL:
            remedy = "free space there"
        elif error.errno in _FORBIDDEN:
            remedy = "allow writing there"
        elif error.errno in _NO_PLACE:
            remedy = "name another folder"
        else:
            remedy = "see whether that disk is full or broken"
        reason = f"cannot be written ({error.strerror or error}): {remedy} and build again"
        raise IndexWriteError(at, reason) from error


class FileWriter:
    """Writes a new file from its beginning to its end, and keeps its checksums meanwhile."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            IndexWriteError: If that cannot be, also because there is one already.
        """
        self._path = path
        with writing(path):
            self._stream = path.open("xb", buffering=_CHUNK)
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``, which is contiguous."""
        with writing(self._path):
            self._stream.write(data)
        self._sha256.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._bytes += memoryview(data).nbytes

    def close(self) -> FileRecord:
        """Wait until the file is on the disk, and say what must be in it."""
        with writing(self._path), self._stream as stream:
            stream.flush()
            os.fsync(stream.fileno())
        return FileRecord(self._bytes, self._sha256.hexdigest(), self._crc32)

    def discard(self) -> None:
        """Let go of the file, whatever state it is in."""
        with contextlib.suppress(OSError):  # closing writes what was not yet, for which there may be no space
            self._stream.close()


def write_durably(path: Path, data: bytes | memoryview) -> None:
    """Write a new file and wait until it is on the disk.

    Raises:
        IndexWriteError: If that cannot be, also because there is one already.
    """
    with writing(path), path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path`` at once: whoever reads sees all of the old file or all of the new."""
    temporary = path.with_name(f"{path.name}.new")
    with writing(temporary):
        temporary.unlink(missing_ok=True)
    try:
        write_durably(temporary, data)
        with writing(path):
            temporary.replace(path)
    except IndexWriteError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a new file of numpy's, which is to be synced. numpy itself does not notice that a disk is full."""
    import numpy as np

    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    with writing(path):
        path.write_bytes(data.getbuffer())


def make_folder(path: Path) -> None:
    """Make a folder if it is not there, with those above it, and wait until their names are on the disk."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def sync_names(path: Path) -> None:
    """Wait until the names of a folder, and of those above it, are on the disk: whoever made them may have been killed.

    A folder that may not be opened for that is passed over, and those above the next one whatever happens.
    """
    parent, *above = path.absolute().parents
    for folder in reversed(above):
        with contextlib.suppress(IndexWriteError):
            sync_folder(folder)
    try:
        sync_folder(parent)
    except IndexWriteError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise


def link_file(path: Path, new: Path) -> None:
    """Give a file that never changes a second name; where the file system cannot, copy it."""
    try:
        os.link(path, new)
    except OSError:
        with writing(new):
            shutil.copyfile(path, new)
        sync_file(new)


def sync_file(path: Path) -> None:
    """Wait until a file that something else wrote is on the disk."""
    with writing(path), path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on the disk. Windows has no such call, and orders them itself."""
    if os.name == "nt":
        return
    with writing(path):
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
