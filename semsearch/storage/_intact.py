"""Whether a generation's files are as the manifest has them."""

from __future__ import annotations

from pathlib import Path

from semsearch.errors import IndexCorruptError
from semsearch.storage._files import crc32_of, record_of
from semsearch.storage._layout import ARTICLES, CHECKS, DENSE, EMBEDDINGS, KEYS, PASSAGES
from semsearch.storage.manifest import FileRecord, Manifest

__all__ = ["has_codes", "names_of_files", "require_intact"]

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
        size = path.stat().st_size
        if size != record.bytes:
            raise IndexCorruptError(path, f"is damaged ({size} bytes, {record.bytes} were written)")
        if content and (record_of(path) != record if sha256 else crc32_of(path) != record.crc32):
            raise IndexCorruptError(path, "is damaged (its checksum is not the one in the manifest)")
    except FileNotFoundError:
        raise IndexCorruptError(path, "is missing") from None
