"""The index on disk: immutable generations, and one file that names the live one.

``index/README.md`` in the repository describes the format. A generation is written into a folder of its own; its
manifest comes last, with the checksum of every file; then ``CURRENT`` is replaced in one step, and that is the commit.
Whoever opened the generation before keeps reading it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from semsearch._version import __version__
from semsearch.errors import IndexCorruptError, SemsearchError
from semsearch.storage._current import (
    CURRENT,
    GENERATIONS,
    live_generation,
    next_id,
    publish,
    read_current,
    remove_generations,
)
from semsearch.storage._files import (
    link_file,
    record_of,
    sync_file,
    sync_folder,
    sync_names,
    write_array,
    write_durably,
    writing,
)
from semsearch.storage._intact import has_codes, names_of_files, require_intact
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
    from semsearch.records import FieldNames, FileGlobs
    from semsearch.storage._rows import CheckedRows, RowsWriter
    from semsearch.tokens import TokenStore

__all__ = [
    "Generation",
    "GenerationWriter",
    "generation_folder",
    "hold_index",
    "new_generation",
    "open_generation",
    "publish_generation",
    "take_generation",
    "write_generation",
]

_BLOCK = 8192  # rows that are looked at at a time
_LARGE = 4 << 20  # bytes; larger files of rows are not read when an index is opened, but checked row by row
_LARGE_VECTORS = 128 << 20  # likewise of vectors, of which each query reads a thousand: up to here all cost 50 ms
_ROUNDING = 1e-3  # by which what is of length 1 may be longer

_Check = Literal["all", "rows when read", "nothing"]


def generation_folder(index: Path, generation: str) -> Path:
    """Return the folder of the generation with this id."""
    return index / GENERATIONS / generation


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
        self.id = next_id(index)
        self.folder = generation_folder(index, self.id)
        with writing(self.folder):
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
        from semsearch.storage._rows import RowsWriter

        if rotation is not None:
            write_array(self.folder / TOKEN_ROTATION, rotation)
        before = self._before if (rows_before >= 0).any() else None
        writer = RowsWriter(self.folder, before, rows_before, dimension, tokens=rotation is not None)
        try:
            yield writer
            writer.close()
        finally:
            writer.discard()
        self._files |= writer.files

    def write_lexical(self, archive: Archive, languages: Sequence[str], *, anew: Collection[str] = ()) -> None:
        """Index the words of articles and of passages, each with its title; what has not changed is linked.

        Args:
            archive: The finished archive of this generation.
            languages: Those of which the forms of words are known.
            anew: Which of ``"articles"`` and ``"passages"`` to index anew, whatever the generation before has.
        """
        with writing(self.folder / LEXICAL):
            try:
                self._write_lexical(archive, languages, anew)
            except ValueError as error:  # that is what tantivy raises, whatever went wrong
                raise OSError(str(error)) from error

    def _write_lexical(self, archive: Archive, languages: Sequence[str], anew: Collection[str]) -> None:
        from semsearch.lexical import LexicalIndex

        articles = self.archive.articles_before
        for unit, rows in (("articles", articles), ("passages", self.archive.rows_before)):
            folder, phrases = self.folder / LEXICAL / unit, unit == "passages"
            if unit not in anew and self._before is not None and (articles >= 0).any():
                done = LexicalIndex.update(
                    folder,
                    self._before.folder / LEXICAL / unit,
                    rows,
                    texts=partial(archive.titled_rows, unit),
                    removed=self._before.archive.titled(unit, self._before.archive.rows_besides(articles)),
                    link=link_file,
                    phrases=phrases,
                    languages=languages,
                )
                if done:
                    continue
            LexicalIndex.build(folder, archive.titled(unit), phrases=phrases, languages=languages)

    def write_dense(self) -> str:
        """Index the vectors that were written. Returns the layout, see :attr:`~semsearch.dense.DenseIndex.spec`.

        Raises:
            SemsearchError: If there is not one for each passage.
        """
        from semsearch.dense import DenseIndex

        dense = DenseIndex.build(load_table(self.folder / EMBEDDINGS, "<f2"))
        if len(dense) != self.archive.passages:
            raise SemsearchError(
                f"the build is not consistent: {len(dense)} vectors of {self.archive.passages} passages; nothing was "
                "committed"
            )
        serialized = dense.to_bytes()
        if serialized is not None:
            with writing(self.folder / DENSE):
                (self.folder / DENSE).write_bytes(serialized.data)
        return dense.spec

    def _linked(self, files: Mapping[str, Path]) -> dict[str, FileRecord]:
        """Return the records of those files that are files of the generation before, which was verified."""
        if self._before is None:
            return {}
        return {
            name: record
            for name, record in self._before.manifest.files.items()
            if name in files and _is_same_file(files[name], self._before.folder / name)
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
        keep: int,
        fields: FieldNames,
        globs: FileGlobs,
        dense_spec: str,
        languages: Mapping[str, float],
        tokens: int,
        truncated_tokens: int,
    ) -> Manifest:
        """Bring every file to the disk, then the manifest, then make this the live generation."""
        self.archive.close()
        paths = sorted(self.folder.rglob("*"))
        files = {path.relative_to(self.folder).as_posix(): path for path in paths if path.is_file()}
        known = self._files | self._linked(files)
        for name in files.keys() - known.keys():
            sync_file(files[name])
        for folder in (self.folder, *(path for path in paths if path.is_dir())):
            sync_folder(folder)
        records = {name: known.get(name) or record_of(path) for name, path in files.items()}
        manifest = Manifest(
            created=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            written_by=__version__,
            embedder=embedder,
            precision=precision,
            target_tokens=target_tokens,
            token_vectors=token_vectors,
            keep=keep,
            fields=fields,
            globs=globs,
            dense_spec=dense_spec,
            languages=languages,
            counts=Counts(self.archive.articles, self.archive.passages, tokens, truncated_tokens),
            files=records,
        )
        data = manifest.to_bytes()
        parse_manifest(data, self.folder / MANIFEST)  # what was taken over may be nonsense: nobody could read it then
        write_durably(self.folder / MANIFEST, data)
        sync_folder(self.folder)
        sync_folder(self.folder.parent)
        publish(self._index, self.id, data)
        return manifest


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:  # it is missing from the generation before, and was made anew
        return False


@contextlib.contextmanager
def hold_index(index: Path) -> Iterator[None]:
    """Be the one writer of an index, which is made if it is not there. What one that was killed left is removed.

    Raises:
        IndexLockedError: If another writer holds the index.
        IndexWriteError: If the disk is full or broken.
    """
    with writing(index / GENERATIONS):
        (index / GENERATIONS).mkdir(parents=True, exist_ok=True)
    with writer_lock(index):
        # A writer that was killed may have published, and not lived to see that on the disk: until it is, the
        # generation before must not go.
        sync_folder(index)
        if not (index / CURRENT).exists():
            sync_names(index)  # this writer made the folder, or one that was killed
        remove_generations(index)
        yield


@contextlib.contextmanager
def new_generation(index: Path) -> Iterator[GenerationWriter]:
    """Give who holds the index a new generation to fill and :meth:`~GenerationWriter.commit`.

    Whatever is not committed when the block is left is removed.
    """
    writer = GenerationWriter(index)
    try:
        yield writer
    finally:
        writer.discard()
        with contextlib.suppress(OSError):  # the next writer does it
            remove_generations(index)


@contextlib.contextmanager
def write_generation(index: Path) -> Iterator[GenerationWriter]:
    """Hold the index for writing and give a new generation to fill, as :func:`new_generation`.

    Raises:
        IndexLockedError: If another writer holds the index.
        IndexWriteError: If the disk is full or broken.
    """
    with hold_index(index), new_generation(index) as writer:
        yield writer


def take_generation(index: Path, folder: Path, generation: str) -> None:
    """Move a complete generation from elsewhere on the same disk into the index that is held.

    It is not live before :func:`publish_generation`.

    Args:
        index: The index.
        folder: Where the generation is.
        generation: The id that it is to have, of :func:`~semsearch.storage._current.next_id`.
    """
    target = generation_folder(index, generation)
    with writing(target):
        folder.rename(target)
    sync_folder(folder.parent)
    sync_folder(target.parent)


def publish_generation(index: Path, generation: str) -> None:
    """Make a complete generation of the index that is held the live one; of those before it some are kept."""
    publish(index, generation, (generation_folder(index, generation) / MANIFEST).read_bytes())
    with contextlib.suppress(OSError):
        remove_generations(index)


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

    def __init__(
        self, folder: Path, manifest: Manifest, *, check: _Check = "rows when read", besides: Collection[str] = ()
    ) -> None:
        """Open it; ``besides`` are files that are known to be damaged, and are not asked for anything."""
        self.folder = folder
        self.manifest = manifest
        self.segments = [name for name in sorted(manifest.files) if name.startswith(f"{SEGMENTS}/")]
        if check != "nothing":
            for name in names_of_files(manifest):
                if name not in besides:
                    content = check == "all" or not self._is_read_later(name)
                    require_intact(folder / name, manifest.files.get(name), content=content)
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
            is_searched = has_codes(manifest) and DENSE not in besides
            self._dense = stack.enter_context((folder / DENSE).open("rb")) if is_searched else None
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
            return record is not None and record.bytes > _LARGE_VECTORS and has_codes(self.manifest)
        if record is None or record.bytes <= _LARGE:
            return False
        return name == KEYS or name.startswith(f"{SEGMENTS}/")

    def _checked_embeddings(self) -> CheckedRows:
        import numpy as np

        from semsearch.storage._rows import CheckedRows

        intact = self._check != "rows when read" or not self._is_read_later(EMBEDDINGS)
        embeddings, path = self.embeddings, self.folder / EMBEDDINGS  # no reference to self: see close
        return CheckedRows(
            self.checks[:, 0], np.full(len(self.checks), intact), lambda row: embeddings[row], lambda _: path
        )

    def embeddings_of(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float16]:
        """Return the vectors of these passages: ``(n, dimension)`` float16.

        Raises:
            IndexCorruptError: If one of them is not as it was written, or has no length of 1 as all have.
        """
        from semsearch.storage._rows import are_components

        self._rows.require(rows)
        if isinstance(rows, slice) and self._vectors is not None:
            vectors = self._vectors[rows].view("<f2")
        else:
            vectors = self.embeddings[rows]
        if not are_components(vectors):
            raise IndexCorruptError(self.folder / EMBEDDINGS, "holds vectors that are not of length 1")
        return vectors

    def require_vectors(self) -> None:
        """Look at every vector.

        Raises:
            IndexCorruptError: As :meth:`embeddings_of` does.
        """
        for start in range(0, self.manifest.counts.passages, _BLOCK):
            self.embeddings_of(slice(start, start + _BLOCK))

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
            rotation = load_table(path, "<f4", self.manifest.embedder.dimension)
            if not (np.abs(rotation) <= 1 + _ROUNDING).all():  # nor if it is no number
                raise ValueError("it is no rotation")
            codec = TokenCodec(rotation)
            segments = []
            for name in self.segments:
                path = self.folder / name
                segments.append(stack.enter_context(contextlib.closing(RowsFile(path, codec.bytes_per_token))))
            path = self.folder / TOKEN_SPANS
            spans = load_table(path, "<i8", 3)
            store = TokenStore(segments, spans, codec)
        except (OSError, ValueError) as error:
            raise IndexCorruptError(path, f"does not fit the other files of tokens ({error})") from None
        if len(store) != self.manifest.counts.passages:
            raise IndexCorruptError(path, f"holds the tokens of {len(store)} passages, not of all")
        intact = [self._check != "rows when read" or not self._is_read_later(name) for name in self.segments]
        paths = [self.folder / name for name in self.segments]
        checked = CheckedRows(
            self.checks[:, 1],
            np.array(intact)[spans[:, 0]],
            store.unchecked_codes_of,
            lambda row: paths[spans[row, 0]],
        )
        return TokenStore(segments, spans, codec, check=checked.require)

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
        for name in LexicalIndex.OPTIONAL:
            if (path / name).exists() and f"{LEXICAL}/{unit}/{name}" not in self.manifest.files:
                raise IndexCorruptError(path / name, "is not in the manifest")
        try:
            index = LexicalIndex.open(path)
        except ValueError as error:
            raise IndexCorruptError(path, f"cannot be opened ({error})") from None
        expected = getattr(self.manifest.counts, unit)
        if len(index) != expected:
            raise IndexCorruptError(path, f"holds {len(index)} {unit}, the manifest says {expected}")
        return index

    def close(self) -> None:
        """Close the files; the memory maps go with the last array that uses them.

        That is at once when nobody holds the generation any more: nothing in it refers to it, so that no map and no
        removed file waits for the garbage collector.
        """
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
        folder, manifest = live_generation(index)
        try:
            with contextlib.ExitStack() as stack:
                generation = Generation(folder, manifest, check="all" if whole else "rows when read")
                stack.callback(generation.close)
                if whole:
                    generation.require_vectors()
                stack.pop_all()
                return generation
        except (IndexCorruptError, FileNotFoundError):
            # A writer may have published two generations since, and removed this one: then there is a newer one.
            if read_current(index)[0] == folder.name:
                raise
