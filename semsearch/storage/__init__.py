"""The index on disk: generations, manifest, checksums, the writer's lock, publishing and verifying."""

from __future__ import annotations

from semsearch.storage._current import (
    KEPT,
    KeptGeneration,
    last_manifest,
    list_generations,
    live_generation,
    live_name,
    read_manifest,
)
from semsearch.storage._names import unknown_field
from semsearch.storage.archive import Archive, ArchiveWriter, ReadFile, StoredPassage, content_digest
from semsearch.storage.generations import Generation, GenerationWriter, open_generation, write_generation
from semsearch.storage.manifest import FORMAT_VERSION, Counts, FileRecord, Manifest
from semsearch.storage.verifying import FileCheck, check_files, is_derived, rollback_index, verify_index

__all__ = [
    "FORMAT_VERSION",
    "KEPT",
    "Archive",
    "ArchiveWriter",
    "Counts",
    "FileCheck",
    "FileRecord",
    "Generation",
    "GenerationWriter",
    "KeptGeneration",
    "Manifest",
    "ReadFile",
    "StoredPassage",
    "check_files",
    "content_digest",
    "is_derived",
    "last_manifest",
    "list_generations",
    "live_generation",
    "live_name",
    "open_generation",
    "read_manifest",
    "rollback_index",
    "unknown_field",
    "verify_index",
    "write_generation",
]
