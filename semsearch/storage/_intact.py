"""Whether a generation's files are as the manifest has them."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from semsearch.errors import IndexCorruptError
from semsearch.storage._files import crc32_of, record_of
from semsearch.storage._layout import ARTICLES, CHECKS, DENSE, EMBEDDINGS, KEYS, PASSAGES
from semsearch.storage.manifest import FileRecord, Manifest

__all__ = ["has_codes", "names_of_files", "read_small", "reading", "require_intact", "size_of"]

_FILES = (ARTICLES, PASSAGES, KEYS, EMBEDDINGS, CHECKS)  # what every generation has


def names_of_files(manifest: Manifest) -> list[str]:
    """Return the files that must be there: those of the manifest, and those that no such generation can be without."""
    needed = (*_FILES, DENSE) if has_codes(manifest) else _FILES
    return [*needed, *sorted(manifest.files.keys() - set(needed))]


def has_codes(manifest: Manifest) -> bool:
    """Whether the dense index is more than the embeddings."""
    from semsearch.dense import FLAT

    return manifest.dense_spec != FLAT


def require_intact(path: Path, record: FileRecord | None, *, content: bool = True, sha256: bool = False) -> None:
    """Compare a file's size with its record, and its content: by its CRC-32, or by all of the record.

    Raises:
        IndexCorruptError: If it is another.
    """
    if record is None:
        raise IndexCorruptError(path, "is not in the manifest")
    try:
        with reading(path) as status:
            if status.st_size != record.bytes:
                raise IndexCorruptError(path, f"is damaged ({status.st_size} bytes, {record.bytes} were written)")
            if content and (record_of(path) != record if sha256 else crc32_of(path) != record.crc32):
                raise IndexCorruptError(path, "is damaged (its checksum is not the one in the manifest)")
    except FileNotFoundError:
        raise IndexCorruptError(path, "is missing") from None


def read_small(path: Path, longest: int) -> bytes:
    """Read a file that nothing vouches for yet: not endlessly, whatever it is.

    Raises:
        FileNotFoundError: If there is none.
        IndexCorruptError: If it is no file, or has more than ``longest`` bytes.
    """
    with reading(path), path.open("rb") as stream:
        data = stream.read(longest + 1)
    if len(data) > longest:
        raise IndexCorruptError(path, f"is damaged (it has more than {longest} bytes)")
    return data


@contextlib.contextmanager
def reading(path: Path) -> Iterator[os.stat_result]:
    """Give a file's status, and name the file in what goes wrong. What is no file is not opened: a pipe would wait.

    Raises:
        FileNotFoundError: If there is none.
        IndexCorruptError: If it is no file, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise IndexCorruptError(path, "is not a file")
        yield status
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        raise IndexCorruptError(path, f"cannot be read ({error.strerror})") from None


def size_of(path: Path) -> int:
    """Return a file's size; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
