"""The index on disk: immutable generations, and one file that names the live one.

``index/README.md`` in the repository describes the format. A generation is written into a folder of its own; its
manifest comes last, with the checksum of every file; then ``CURRENT`` is replaced in one step, and that is the commit.
Whoever opened the generation before keeps reading it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from semsearch._version import __version__
from semsearch.errors import IndexCorruptError, IndexNotFoundError
from semsearch.storage._files import replace_durably, sha256_of, sync_file, sync_folder, write_durably
from semsearch.storage.archive import Archive, ArchiveWriter
from semsearch.storage.lock import writer_lock
from semsearch.storage.manifest import Counts, FileRecord, Manifest, parse_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from semsearch.dense import DenseIndex
    from semsearch.embedders import EmbedderSpec

__all__ = [
    "FileCheck",
    "Generation",
    "GenerationWriter",
    "open_generation",
    "read_manifest",
    "verify_index",
    "write_generation",
]

_CURRENT = "CURRENT"
_GENERATIONS = "generations"
_MANIFEST = "manifest.json"
_ARCHIVE = "articles.sqlite"
_EMBEDDINGS = "embeddings.npy"
_DENSE = "dense.faiss"
_FILES = (_ARCHIVE, _EMBEDDINGS, _DENSE)
_GENERATION_ID = re.compile(r"\d{8}T\d{6}-\d{6}")  # when it was begun, to the microsecond, in UTC
_CURRENT_LINE = re.compile(rf"(?P<id>{_GENERATION_ID.pattern}) (?P<sha256>[0-9a-f]{{64}})\n?")


class FileCheck(NamedTuple):
    """The verdict on one file of an index: ``problem`` is None if it is as it was written."""

    path: Path
    bytes: int
    problem: str | None


# --- writing ----------------------------------------------------------------------------------------------------


class GenerationWriter:
    """A generation in the making. Row *i* of everything that is put into it is passage *i*."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self.id = f"{dt.datetime.now(dt.timezone.utc):%Y%m%dT%H%M%S-%f}"
        self.folder = index / _GENERATIONS / self.id
        self.folder.mkdir()
        self.archive = ArchiveWriter(self.folder / _ARCHIVE)
        self._embeddings: np.memmap[Any, np.dtype[np.float16]] | None = None

    def create_embeddings(self, dimension: int) -> NDArray[np.float16]:
        """Create the file for the vectors: ``(passages, dimension)`` float16, to be filled in place."""
        import numpy as np

        self._embeddings = np.lib.format.open_memmap(
            self.folder / _EMBEDDINGS, mode="w+", dtype=np.float16, shape=(self.archive.passages, int(dimension))
        )
        return self._embeddings

    def read_archive(self) -> Archive:
        """Finish the archive and return it for reading."""
        self.archive.close()
        return Archive(self.folder / _ARCHIVE)

    def write_dense(self, serialized: NDArray[np.uint8]) -> None:
        """Write the serialised dense index."""
        write_durably(self.folder / _DENSE, serialized.data)

    def commit(
        self,
        *,
        embedder: EmbedderSpec,
        target_tokens: int,
        dense_spec: str,
        tokens: int,
        truncated_tokens: int,
    ) -> Manifest:
        """Bring every file to the disk, then the manifest, then make this the live generation."""
        self.archive.close()
        if self._embeddings is not None:
            self._embeddings.flush()
        for name in _FILES:
            sync_file(self.folder / name)
        manifest = Manifest(
            created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            written_by=__version__,
            embedder=embedder,
            target_tokens=target_tokens,
            dense_spec=dense_spec,
            counts=Counts(self.archive.articles, self.archive.passages, tokens, truncated_tokens),
            files={
                name: FileRecord((self.folder / name).stat().st_size, sha256_of(self.folder / name)) for name in _FILES
            },
        )
        data = manifest.to_bytes()
        write_durably(self.folder / _MANIFEST, data)
        sync_folder(self.folder)
        sync_folder(self.folder.parent)
        replace_durably(self._index / _CURRENT, f"{self.id} {hashlib.sha256(data).hexdigest()}\n".encode())
        return manifest


@contextlib.contextmanager
def write_generation(index: Path) -> Iterator[GenerationWriter]:
    """Hold the index for writing and give a new generation to fill and :meth:`~GenerationWriter.commit`.

    Whatever is not committed when the block is left is removed; so is what an earlier writer that was killed left.

    Raises:
        IndexLockedError: If another writer holds the index.
    """
    (index / _GENERATIONS).mkdir(parents=True, exist_ok=True)
    with writer_lock(index):
        _remove_generations(index)
        writer = GenerationWriter(index)
        try:
            yield writer
        finally:
            writer.archive.close()
            _remove_generations(index)


def _remove_generations(index: Path) -> None:
    """Remove what was never committed, and all generations but the live one and the one before it.

    Without a live one (none yet, or a damaged CURRENT) complete generations stay: one of them may be the last good.
    A file that cannot be removed (Windows keeps what a reader has open) is tried again at the next build.
    """
    try:
        live = _read_current(index)[0]
    except (FileNotFoundError, IndexCorruptError):
        live = None
    folders = [f for f in (index / _GENERATIONS).iterdir() if _GENERATION_ID.fullmatch(f.name) and not f.is_symlink()]
    complete = sorted(f.name for f in folders if (f / _MANIFEST).exists() and (live is None or f.name < live))
    kept = {live, *(complete if live is None else complete[-1:])}
    for folder in folders:
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------------------------


class Generation:
    """An open generation, every file of it checked against the manifest.

    Attributes:
        manifest: What it is.
        archive: Its articles and passages.
        embeddings: ``(passages, dimension)`` float16, memory-mapped.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        import numpy as np

        self.folder = folder
        self.manifest = manifest
        for name in _FILES:
            _require_intact(folder / name, manifest.files.get(name))
        try:
            self.embeddings: NDArray[np.float16] = np.load(folder / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise IndexCorruptError(folder / _EMBEDDINGS, f"is not a numpy file ({error})") from None
        expected = (manifest.counts.passages, manifest.embedder.dimension)
        if self.embeddings.shape != expected or self.embeddings.dtype != np.float16:
            found = f"{self.embeddings.shape} {self.embeddings.dtype}"
            raise IndexCorruptError(folder / _EMBEDDINGS, f"holds {found}, the manifest says {expected} float16")
        # Held open, so that the generation stays whole when writers remove its folder.
        self._dense = (folder / _DENSE).open("rb")
        self.archive = Archive(folder / _ARCHIVE)
        try:
            counts = self.archive.counts()
            if counts != (manifest.counts.articles, manifest.counts.passages):
                raise IndexCorruptError(
                    folder / _ARCHIVE,
                    f"holds {counts[0]} articles and {counts[1]} passages, "
                    f"the manifest says {manifest.counts.articles} and {manifest.counts.passages}",
                )
        except BaseException:
            self.close()
            raise

    def dense_index(self) -> DenseIndex:
        """Read the dense index.

        Raises:
            IndexCorruptError: If it is none, or does not have a row for each passage.
        """
        import numpy as np

        from semsearch.dense import DenseIndex

        path = self.folder / _DENSE
        self._dense.seek(0)
        try:
            dense = DenseIndex.from_bytes(np.fromfile(self._dense, dtype=np.uint8))
        except ValueError as error:
            raise IndexCorruptError(path, str(error)) from None
        found = (len(dense), dense.dimension)
        if found != self.embeddings.shape:
            raise IndexCorruptError(path, f"holds {found} vectors, the embeddings are {self.embeddings.shape}")
        return dense

    def close(self) -> None:
        """Close the files; the memory map goes with the last array that uses it."""
        self._dense.close()
        self.archive.close()


def open_generation(index: Path) -> Generation:
    """Open the live generation of ``index`` and check every file of it.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If a file is missing or damaged. It names the file.
    """
    while True:
        folder, manifest = _live(index)
        try:
            return Generation(folder, manifest)
        except (IndexCorruptError, FileNotFoundError):
            # A writer may have published two generations since, and removed this one: then there is a newer one.
            if _read_current(index)[0] == folder.name:
                raise


def read_manifest(index: Path) -> tuple[str, Manifest]:
    """Return the id and the manifest of the live generation, without opening it.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is missing or damaged.
    """
    folder, manifest = _live(index)
    return folder.name, manifest


def verify_index(index: str | os.PathLike[str]) -> list[FileCheck]:
    """Check every file of the live generation, byte for byte, and that what is in them fits together.

    Returns:
        A verdict on each file, whether it is damaged or not.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is damaged, so that nothing can be checked against it.
    """
    folder, manifest = _live(Path(index))
    checks = [FileCheck(folder / _MANIFEST, (folder / _MANIFEST).stat().st_size, None)]
    for name in _FILES:
        path = folder / name
        problem: str | None = None
        try:
            _require_intact(path, manifest.files.get(name))
        except IndexCorruptError as error:
            problem = error.reason
        checks.append(FileCheck(path, path.stat().st_size if path.exists() else 0, problem))
    if all(check.problem is None for check in checks):
        try:
            with contextlib.closing(Generation(folder, manifest)) as generation:
                generation.archive.check()
                generation.dense_index()
        except IndexCorruptError as error:
            checks = [check._replace(problem=error.reason) if check.path == error.path else check for check in checks]
    return checks


def _live(index: Path) -> tuple[Path, Manifest]:
    if not (index / _CURRENT).exists():
        raise IndexNotFoundError(
            f"there is no index in {index} (no file {_CURRENT}): build one with 'semsearch rebuild-index'"
        )
    while True:
        generation_id, checksum = _read_current(index)
        path = index / _GENERATIONS / generation_id / _MANIFEST
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            if _read_current(index)[0] != generation_id:
                continue  # replaced and removed between the two reads
            raise IndexCorruptError(path, "is missing") from None
        if hashlib.sha256(data).hexdigest() != checksum:
            raise IndexCorruptError(path, "is damaged (its checksum is not the one in CURRENT)")
        return path.parent, parse_manifest(data, path)


def _read_current(index: Path) -> tuple[str, str]:
    try:
        line = (index / _CURRENT).read_text(encoding="ascii")
    except UnicodeDecodeError:
        line = ""
    match = _CURRENT_LINE.fullmatch(line)
    if match is None:
        raise IndexCorruptError(index / _CURRENT, "does not name a generation and its checksum")
    return match["id"], match["sha256"]


def _require_intact(path: Path, record: FileRecord | None) -> None:
    if record is None:
        raise IndexCorruptError(path, "is not in the manifest")
    try:
        size = path.stat().st_size
        if size != record.bytes:
            raise IndexCorruptError(path, f"is damaged ({size} bytes, {record.bytes} were written)")
        if sha256_of(path) != record.sha256:
            raise IndexCorruptError(path, "is damaged (its checksum is not the one in the manifest)")
    except FileNotFoundError:
        raise IndexCorruptError(path, "is missing") from None
