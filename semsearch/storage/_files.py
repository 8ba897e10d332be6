"""Files that are on the disk when a function returns, and their checksums."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["replace_durably", "sha256_of", "sync_file", "sync_folder", "write_durably"]

_CHUNK = 1 << 20


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


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
