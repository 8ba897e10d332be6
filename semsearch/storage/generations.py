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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

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
    from semsearch.lexical import LexicalIndex
    from semsearch.tokens import TokenStore

__all__ = [
    "FileCheck",
    "Generation",
    "GenerationWriter",
    "last_manifest",
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
_FILES = (_ARCHIVE, _EMBEDDINGS, _DENSE)  # what every generation has; the others are derived
_LEXICAL = "lexical"
_TOKENS = "tokens.u8"
_TOKEN_STARTS = "token_starts.npy"  # noqa: S105
_TOKEN_ROTATION = "token_rotation.npy"  # noqa: S105
_GENERATION_ID = re.compile(r"\d{8}T\d{6}-\d{6}")  # when it was begun, to the microsecond, in UTC
_ID_FORMAT = "%Y%m%dT%H%M%S-%f"
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
        self.id = _next_id(index)
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
        if hasattr(os, "posix_fallocate"):
            # A full disk is then an error here, and not the death of the process when the map is written.
            with (self.folder / _EMBEDDINGS).open("rb+") as stream:
                os.posix_fallocate(stream.fileno(), 0, (self.folder / _EMBEDDINGS).stat().st_size)
        return self._embeddings

    def read_archive(self) -> Archive:
        """Finish the archive and return it for reading."""
        self.archive.close()
        return Archive(self.folder / _ARCHIVE)

    @property
    def lexical_folder(self) -> Path:
        """Where the lexical indexes go, a folder each."""
        return self.folder / _LEXICAL

    def create_tokens(self) -> BinaryIO:
        """Create the file for the codes of tokens, to be written passage by passage and closed."""
        return (self.folder / _TOKENS).open("xb")

    def write_token_starts(self, lengths: Sequence[int], rotation: NDArray[np.float32]) -> None:
        """Write where each passage's tokens begin, and the rotation that they are coded with."""
        import numpy as np

        np.save(self.folder / _TOKEN_STARTS, np.cumsum([0, *lengths], dtype=np.int64), allow_pickle=False)
        np.save(self.folder / _TOKEN_ROTATION, rotation, allow_pickle=False)

    def write_dense(self, serialized: NDArray[np.uint8]) -> None:
        """Write the serialised dense index."""
        write_durably(self.folder / _DENSE, serialized.data)

    def commit(
        self,
        *,
        embedder: EmbedderSpec,
        target_tokens: int,
        token_vectors: bool,
        dense_spec: str,
        tokens: int,
        truncated_tokens: int,
    ) -> Manifest:
        """Bring every file to the disk, then the manifest, then make this the live generation."""
        self.archive.close()
        if self._embeddings is not None:
            self._embeddings.flush()
        files = {
            path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*")) if path.is_file()
        }
        for path in files.values():
            sync_file(path)
            sync_folder(path.parent)
        manifest = Manifest(
            created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            written_by=__version__,
            embedder=embedder,
            target_tokens=target_tokens,
            token_vectors=token_vectors,
            dense_spec=dense_spec,
            counts=Counts(self.archive.articles, self.archive.passages, tokens, truncated_tokens),
            files={name: FileRecord(path.stat().st_size, sha256_of(path)) for name, path in files.items()},
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
            writer.archive.discard()
            _remove_generations(index)


def _next_id(index: Path) -> str:
    """Return an id that sorts after the live generation's, also where the clock was set back."""
    now = dt.datetime.now(dt.timezone.utc)
    with contextlib.suppress(FileNotFoundError, IndexCorruptError, ValueError):
        live = dt.datetime.strptime(_read_current(index)[0], _ID_FORMAT).replace(tzinfo=dt.timezone.utc)
        now = max(now, live + dt.timedelta(microseconds=1))
    return now.strftime(_ID_FORMAT)


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
        article_starts: ``(articles,)`` int64: the first passage of each article.
        tokens: Its token vectors, or None if it has none.
        embeddings: ``(passages, dimension)`` float16, memory-mapped.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, intact: bool = False) -> None:
        import numpy as np

        self.folder = folder
        self.manifest = manifest
        for name in () if intact else _names(manifest):
            _require_intact(folder / name, manifest.files.get(name))
        try:
            self.embeddings: NDArray[np.float16] = np.load(folder / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise IndexCorruptError(folder / _EMBEDDINGS, f"is not a numpy file ({error})") from None
        expected = (manifest.counts.passages, manifest.embedder.dimension)
        if self.embeddings.shape != expected or self.embeddings.dtype != np.float16:
            found = f"{self.embeddings.shape} {self.embeddings.dtype}"
            raise IndexCorruptError(folder / _EMBEDDINGS, f"holds {found}, the manifest says {expected} float16")
        self.tokens = self._open_tokens()
        with contextlib.ExitStack() as stack:
            # Held open, so that the generation stays whole when writers remove its folder.
            self._dense = stack.enter_context((folder / _DENSE).open("rb"))
            self.archive = stack.enter_context(contextlib.closing(Archive(folder / _ARCHIVE)))
            counts = self.archive.counts()
            if counts != (manifest.counts.articles, manifest.counts.passages):
                raise IndexCorruptError(
                    folder / _ARCHIVE,
                    f"holds {counts[0]} articles and {counts[1]} passages, "
                    f"the manifest says {manifest.counts.articles} and {manifest.counts.passages}",
                )
            self.article_starts = np.array(self.archive.article_starts(), dtype=np.int64)
            stack.pop_all()

    def _open_tokens(self) -> TokenStore | None:
        if _TOKENS not in self.manifest.files:
            return None
        import numpy as np

        from semsearch.tokens import TokenCodec, TokenStore

        path = self.folder / _TOKENS
        try:
            codec = TokenCodec(np.load(self.folder / _TOKEN_ROTATION, allow_pickle=False))
            starts = np.load(self.folder / _TOKEN_STARTS, allow_pickle=False)
            codes = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, codec.bytes_per_token)
            store = TokenStore(codes, starts, codec)
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise IndexCorruptError(path, f"does not hold the tokens that its starts divide ({error})") from None
        if len(store) != self.manifest.counts.passages:
            raise IndexCorruptError(path, f"holds the tokens of {len(store)} passages, not of all")
        return store

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

    def lexical_index(self, unit: str) -> LexicalIndex:
        """Open the lexical index over ``"articles"`` or ``"passages"``.

        Raises:
            IndexCorruptError: If it is none, or does not have a row for each of them.
        """
        from semsearch.lexical import LexicalIndex

        path = self.folder / _LEXICAL / unit
        try:
            index = LexicalIndex.open(path)
        except ValueError as error:
            raise IndexCorruptError(path, f"cannot be opened ({error})") from None
        expected = getattr(self.manifest.counts, unit)
        if len(index) != expected:
            raise IndexCorruptError(path, f"holds {len(index)} {unit}, the manifest says {expected}")
        return index

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


def last_manifest(index: Path) -> Manifest | None:
    """Return what the index was last built as, also if it is damaged; None if nothing is known.

    Raises:
        IndexFormatError: If a newer semsearch wrote it.
    """
    with contextlib.suppress(IndexNotFoundError, IndexCorruptError):
        return _live(index)[1]
    for path in sorted((index / _GENERATIONS).glob(f"*/{_MANIFEST}"), reverse=True):
        with contextlib.suppress(OSError, IndexCorruptError):
            return parse_manifest(path.read_bytes(), path)
    return None


def verify_index(index: str | os.PathLike[str]) -> list[FileCheck]:
    """Check every file of the live generation, byte for byte, and that what is in them fits together.

    Returns:
        A verdict on each file, whether it is damaged or not.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If ``CURRENT`` or the manifest is damaged, so that nothing can be checked against it.
    """
    while True:
        folder, manifest = _live(Path(index))
        checks = _check_files(folder, manifest)
        # Two rebuilds may have passed, and removed what is being checked: then there is a newer one to check.
        if all(check.problem is None for check in checks) or _read_current(Path(index))[0] == folder.name:
            return checks


def _check_files(folder: Path, manifest: Manifest) -> list[FileCheck]:
    manifest_path = folder / _MANIFEST
    checks = [FileCheck(manifest_path, manifest_path.stat().st_size if manifest_path.exists() else 0, None)]
    for name in _names(manifest):
        path = folder / name
        problem: str | None = None
        try:
            _require_intact(path, manifest.files.get(name))
        except IndexCorruptError as error:
            problem = error.reason
        checks.append(FileCheck(path, path.stat().st_size if path.exists() else 0, problem))
    if all(check.problem is None for check in checks):
        try:
            with contextlib.closing(Generation(folder, manifest, intact=True)) as generation:
                generation.archive.check()
                generation.dense_index()
                generation.lexical_index("articles")
                generation.lexical_index("passages")
        except IndexCorruptError as error:
            checks = [
                check._replace(problem=error.reason) if error.path in (check.path, *check.path.parents) else check
                for check in checks
            ]
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


def _names(manifest: Manifest) -> list[str]:
    """Return the files that must be there: those of the manifest, and those that no generation can be without."""
    return [*_FILES, *sorted(manifest.files.keys() - set(_FILES))]


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
