"""The index on disk: generations, manifest, checksums, the writer's lock, publishing and verifying."""

from __future__ import annotations

from semsearch.storage.archive import Archive, ArchiveWriter, ReadFile, StoredPassage, content_digest
from semsearch.storage.generations import (
    FileCheck,
    Generation,
    GenerationWriter,
    last_manifest,
    open_generation,
    read_manifest,
    verify_index,
    write_generation,
)
from semsearch.storage.manifest import FORMAT_VERSION, Counts, FileRecord, Manifest

__all__ = [
    "FORMAT_VERSION",
    "Archive",
    "ArchiveWriter",
    "Counts",
    "FileCheck",
    "FileRecord",
    "Generation",
    "GenerationWriter",
    "Manifest",
    "ReadFile",
    "StoredPassage",
    "content_digest",
    "last_manifest",
    "open_generation",
    "read_manifest",
    "verify_index",
    "write_generation",
]
