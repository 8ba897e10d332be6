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
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from semsearch._version import __version__
from semsearch.errors import IndexCorruptError, IndexNotFoundError
from semsearch.storage._files import (
    crc32_of,
    link_file,
    record_of,
    replace_durably,
    sync_file,
    sync_folder,
    write_durably,
)
from semsearch.storage._layout import (
    ARTICLES,
    CHECKS,
    DENSE,
    EMBEDDINGS,
    KEYS,
    LEXICAL,
    MANIFEST,
    PASSAGES,
    SEGMENTS,
    TOKEN_ROTATION,
    TOKEN_SPANS,
)
from semsearch.storage._tables import RowsFile, load_table
from semsearch.storage.archive import Archive, ArchiveWriter
from semsearch.storage.lock import writer_lock
from semsearch.storage.manifest import Counts, FileRecord, Manifest, parse_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from semsearch.dense import DenseIndex
    from semsearch.embedders import EmbedderSpec
    from semsearch.lexical import LexicalIndex
    from semsearch.storage._rows import CheckedRows, RowsWriter
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
_FILES = (ARTICLES, PASSAGES, KEYS, EMBEDDINGS, CHECKS)  # what every generation has
_LARGE = 4 << 20  # bytes; larger files of rows are not read when an index is opened, but checked row by row
_LARGE_VECTORS = 128 << 20  # likewise of vectors, of which each query reads a thousand: up to here all cost 50 ms
_GENERATION_ID = re.compile(r"\d{8}T\d{6}-\d{6}")  # when it was begun, to the microsecond, in UTC
_ID_FORMAT = "%Y%m%dT%H%M%S-%f"
_CURRENT_LINE = re.compile(rf"(?P<id>{_GENERATION_ID.pattern}) (?P<sha256>[0-9a-f]{{64}})\n?")


_Check = Literal["all", "rows when read", "nothing"]


class FileCheck(NamedTuple):
    """The verdict on one file of an index: ``problem`` is None if it is as it was written."""

    path: Path
    bytes: int
    problem: str | None


# --- writing ----------------------------------------------------------------------------------------------------


class GenerationWriter:
    """A generation in the making. Row *i* of everything that is put into it is passage *i*.

    Attributes:
        id: Its id.
        folder: Its folder.
        archive: Its articles, after :meth:`begin`.
    """

    archive: ArchiveWriter

    def __init__(self, index: Path) -> None:
        self._index = index
        self._before: Generation | None = None
        self._files: dict[str, FileRecord] = {}  # those whose checksums are known
        self.id = _next_id(index)
        self.folder = index / _GENERATIONS / self.id
        self.folder.mkdir()

    def begin(self, before: Generation | None = None, *, articles: bool = False) -> ArchiveWriter:
        """Begin the archive.

        Args:
            before: A generation to take over from, which was verified as a whole.
            articles: Whether articles may be taken over with their passages; without it only vectors and tokens.
        """
        self._before = before
        self.archive = ArchiveWriter(self.folder, before.archive if before is not None and articles else None)
        return self.archive

    def read_archive(self) -> Archive:
        """Finish the archive and return it for reading."""
        self.archive.close()
        return Archive(self.folder)

    @contextlib.contextmanager
    def write_rows(
        self, rows_before: NDArray[np.int64], dimension: int, rotation: NDArray[np.float32] | None
    ) -> Iterator[RowsWriter]:
        """Give the writer for the vectors and the tokens of all passages; when the block is left they are complete.

        Args:
            rows_before: ``(passages,)`` int64: where each passage was in the generation before; -1 for the others.
            dimension: Components of a vector.
            rotation: What the tokens are coded with; None if there are none.
        """
        import numpy as np

        from semsearch.storage._rows import RowsWriter

        if rotation is not None:
            np.save(self.folder / TOKEN_ROTATION, rotation, allow_pickle=False)
        before = self._before if (rows_before >= 0).any() else None
        writer = RowsWriter(self.folder, before, rows_before, dimension, tokens=rotation is not None)
        try:
            yield writer
            writer.close()
        finally:
            writer.discard()
        self._files |= writer.files

    def write_lexical(self, archive: Archive) -> None:
        """Index the words of articles and of passages, each with its title; what has not changed is linked.

        Args:
            archive: The finished archive of this generation.
        """
        from semsearch.lexical import LexicalIndex

        articles = self.archive.articles_before
        for unit, rows in (("articles", articles), ("passages", self.archive.rows_before)):
            folder, phrases = self.folder / LEXICAL / unit, unit == "passages"
            if self._before is not None and (articles >= 0).any():
                done = LexicalIndex.update(
                    folder,
                    self._before.folder / LEXICAL / unit,
                    rows,
                    texts=partial(archive.titled_rows, unit),
                    removed=self._before.archive.titled(unit, self._before.archive.rows_besides(articles)),
                    link=link_file,
                    phrases=phrases,
                )
                if done:
                    continue
            LexicalIndex.build(folder, archive.titled(unit), phrases=phrases)

    def write_dense(self, serialized: NDArray[np.uint8]) -> None:
        """Write the serialised dense index."""
        write_durably(self.folder / DENSE, serialized.data)

    def read_embeddings(self) -> NDArray[np.float16]:
        """Return the vectors that were written: ``(passages, dimension)`` float16, memory-mapped."""
        return load_table(self.folder / EMBEDDINGS, "<f2")

    def _linked(self, files: Mapping[str, Path]) -> dict[str, FileRecord]:
        """Return the records of those files that are files of the generation before, which was verified."""
        if self._before is None:
            return {}
        return {
            name: record
            for name, record in self._before.manifest.files.items()
            if name in files and files[name].samefile(self._before.folder / name)
        }

    def discard(self) -> None:
        """Let go of the archive, whatever state it is in."""
        if hasattr(self, "archive"):
            self.archive.discard()

    def commit(
        self,
        *,
        embedder: EmbedderSpec,
        precision: str | None,
        target_tokens: int,
        token_vectors: bool,
        dense_spec: str,
        tokens: int,
        truncated_tokens: int,
    ) -> Manifest:
        """Bring every file to the disk, then the manifest, then make this the live generation."""
        self.archive.close()
        files = {
            path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*")) if path.is_file()
        }
        known = self._files | self._linked(files)
        for name in files.keys() - known.keys():
            sync_file(files[name])
        for folder in {path.parent for path in files.values()}:
            sync_folder(folder)
        records = {name: known.get(name) or record_of(path) for name, path in files.items()}
        manifest = Manifest(
            created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            written_by=__version__,
            embedder=embedder,
            precision=precision,
            target_tokens=target_tokens,
            token_vectors=token_vectors,
            dense_spec=dense_spec,
            counts=Counts(self.archive.articles, self.archive.passages, tokens, truncated_tokens),
            files=records,
        )
        data = manifest.to_bytes()
        write_durably(self.folder / MANIFEST, data)
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
            writer.discard()
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
    complete = sorted(f.name for f in folders if (f / MANIFEST).exists() and (live is None or f.name < live))
    kept = {live, *(complete if live is None else complete[-1:])}
    for folder in folders:
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------------------------


class Generation:
    """An open generation, every file of it checked against the manifest, and of the large ones every row that is read.

    Attributes:
        manifest: What it is.
        archive: Its articles and passages.
        article_starts: ``(articles,)`` int64: the first passage of each article.
        tokens: Its token vectors, or None if it has none.
        segments: The files that these are in, by their names in the generation, sorted.
        embeddings: ``(passages, dimension)`` float16, memory-mapped, unchecked: see :meth:`embeddings_of`.
        checks: ``(passages, 2)`` uint32: the CRC-32 of each row of the embeddings and of its tokens' codes.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, check: _Check = "rows when read") -> None:
        self.folder = folder
        self.manifest = manifest
        self.segments = [name for name in sorted(manifest.files) if name.startswith(f"{SEGMENTS}/")]
        if check != "nothing":
            for name in _names(manifest):
                _require_intact(
                    folder / name, manifest.files.get(name), content=check == "all" or not self._is_read_later(name)
                )
        self._check = check
        self.embeddings: NDArray[np.float16] = load_table(folder / EMBEDDINGS, "<f2")
        self.checks: NDArray[np.uint32] = load_table(folder / CHECKS, "<u4", 2)
        expected = (manifest.counts.passages, manifest.embedder.dimension)
        if self.embeddings.shape != expected:
            found = f"{self.embeddings.shape}, the manifest says {expected}"
            raise IndexCorruptError(folder / EMBEDDINGS, f"holds vectors of shape {found}")
        if len(self.checks) != manifest.counts.passages:
            raise IndexCorruptError(folder / CHECKS, f"holds the checksums of {len(self.checks)} passages, not of all")
        self._rows = self._checked_embeddings()
        with contextlib.ExitStack() as stack:
            # Held open, so that the generation stays whole when writers remove its folder.
            self.tokens = self._open_tokens(stack)
            self._vectors = self._open_vectors(stack)
            self._dense = stack.enter_context((folder / DENSE).open("rb")) if _has_codes(manifest) else None
            self.archive = stack.enter_context(contextlib.closing(Archive(folder)))
            self.article_starts = self.archive.article_starts
            counts = (*self.archive.counts(), len(self.article_starts))
            if counts != (manifest.counts.articles, manifest.counts.passages, manifest.counts.articles):
                raise IndexCorruptError(
                    folder / (ARTICLES if counts[0] != manifest.counts.articles else PASSAGES),
                    f"holds {counts[0]} articles, and {counts[1]} passages of {counts[2]}, "
                    f"the manifest says {manifest.counts.articles} and {manifest.counts.passages}",
                )
            self._files = stack.pop_all()

    def _is_read_later(self, name: str) -> bool:
        """Whether a file is large, and its rows are checked when they are read; the keys are read by builds alone."""
        record = self.manifest.files.get(name)
        if name == EMBEDDINGS:  # without codes every query reads all of them
            return record is not None and record.bytes > _LARGE_VECTORS and _has_codes(self.manifest)
        if record is None or record.bytes <= _LARGE:
            return False
        return name == KEYS or name.startswith(f"{SEGMENTS}/")

    def _checked_embeddings(self) -> CheckedRows:
        import numpy as np

        from semsearch.storage._rows import CheckedRows

        intact = self._check != "rows when read" or not self._is_read_later(EMBEDDINGS)
        return CheckedRows(
            self.checks[:, 0],
            np.full(len(self.checks), intact),
            lambda row: self.embeddings[row],
            lambda _: self.folder / EMBEDDINGS,
        )

    def embeddings_of(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float16]:
        """Return the vectors of these passages: ``(n, dimension)`` float16.

        Raises:
            IndexCorruptError: If one of them is not as it was written.
        """
        self._rows.require(rows)
        if isinstance(rows, slice) and self._vectors is not None:
            return self._vectors[rows].view("<f2")
        return self.embeddings[rows]

    def _open_vectors(self, stack: contextlib.ExitStack) -> RowsFile | None:
        """Open the vectors for reading many that follow each other: a map would keep all of them in memory."""
        if not self.embeddings.size:
            return None
        path = self.folder / EMBEDDINGS
        file = RowsFile(path, self.embeddings[0].nbytes, start=path.stat().st_size - self.embeddings.nbytes)
        return stack.enter_context(contextlib.closing(file))

    def _open_tokens(self, stack: contextlib.ExitStack) -> TokenStore | None:
        if TOKEN_SPANS not in self.manifest.files:
            return None
        import numpy as np

        from semsearch.storage._rows import CheckedRows
        from semsearch.tokens import TokenCodec, TokenStore

        path = self.folder / TOKEN_ROTATION
        try:
            codec = TokenCodec(load_table(path, "<f4", self.manifest.embedder.dimension))
            segments = []
            for name in self.segments:
                path = self.folder / name
                segments.append(stack.enter_context(contextlib.closing(RowsFile(path, codec.bytes_per_token))))
            path = self.folder / TOKEN_SPANS
            spans = load_table(path, "<i8", 3)
            store = TokenStore(segments, spans, codec, check=lambda rows: checked.require(rows))  # noqa: PLW0108 - below
        except (OSError, ValueError) as error:
            raise IndexCorruptError(path, f"does not fit the other files of tokens ({error})") from None
        if len(store) != self.manifest.counts.passages:
            raise IndexCorruptError(path, f"holds the tokens of {len(store)} passages, not of all")
        intact = [self._check != "rows when read" or not self._is_read_later(name) for name in self.segments]
        checked = CheckedRows(
            self.checks[:, 1],
            np.array(intact)[store.spans[:, 0]],
            store.unchecked_codes_of,
            lambda row: self.folder / self.segments[store.spans[row, 0]],
        )
        return store

    def dense_index(self) -> DenseIndex:
        """Read the dense index.

        Raises:
            IndexCorruptError: If it is none of the embeddings.
        """
        import numpy as np

        from semsearch.dense import DenseIndex

        serialized = None
        if self._dense is not None:
            self._dense.seek(0)
            serialized = np.fromfile(self._dense, dtype=np.uint8)
        try:
            return DenseIndex.open(self.embeddings, serialized, rows=self.embeddings_of)
        except ValueError as error:
            raise IndexCorruptError(self.folder / DENSE, str(error)) from None

    def lexical_index(self, unit: str) -> LexicalIndex:
        """Open the lexical index over ``"articles"`` or ``"passages"``.

        Raises:
            IndexCorruptError: If it is none, or does not have a row for each of them.
        """
        from semsearch.lexical import LexicalIndex

        path = self.folder / LEXICAL / unit
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
        self._files.close()


def open_generation(index: Path, *, whole: bool = False) -> Generation:
    """Open the live generation of ``index`` and check every file of it.

    Of the large files the rows are checked when they are read; with ``whole`` everything is checked now.

    Raises:
        IndexNotFoundError: If there is no index.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If a file is missing or damaged. It names the file.
    """
    while True:
        folder, manifest = _live(index)
        try:
            return Generation(folder, manifest, check="all" if whole else "rows when read")
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
    for path in sorted((index / _GENERATIONS).glob(f"*/{MANIFEST}"), reverse=True):
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
    manifest_path = folder / MANIFEST
    checks = [FileCheck(manifest_path, manifest_path.stat().st_size if manifest_path.exists() else 0, None)]
    for name in _names(manifest):
        path = folder / name
        problem: str | None = None
        try:
            _require_intact(path, manifest.files.get(name), sha256=True)
        except IndexCorruptError as error:
            problem = error.reason
        checks.append(FileCheck(path, path.stat().st_size if path.exists() else 0, problem))
    if all(check.problem is None for check in checks):
        try:
            with contextlib.closing(Generation(folder, manifest, check="nothing")) as generation:
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
        path = index / _GENERATIONS / generation_id / MANIFEST
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
    """Return the files that must be there: those of the manifest, and those that no such generation can be without."""
    needed = (*_FILES, DENSE) if _has_codes(manifest) else _FILES
    return [*needed, *sorted(manifest.files.keys() - set(needed))]


def _has_codes(manifest: Manifest) -> bool:
    """Whether the dense index is more than the embeddings."""
    from semsearch.dense import FLAT

    return manifest.dense_spec != FLAT


def _require_intact(path: Path, record: FileRecord | None, *, content: bool = True, sha256: bool = False) -> None:
    """Compare a file's size with its record, and its content: by its CRC-32, or by all of the record."""
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
