"""An index in a folder behind the interface of engines: FAISS for vectors, SQLite for articles, tantivy for words.

A generation never changes, so what is put in or taken out waits in a file beside the index until :meth:`flush` makes a
generation of it: of a version that is live this is the new live one, of one that is to be published it is an index of
its own until then. Beside an index::

    engine/<generation>.sqlite     which rows its articles have, what is said of it, and what waits to change it
    engine/load-<digest>/          a version that is not published yet
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from semsearch.dense import RECALL
from semsearch.engines import state
from semsearch.engines._protocol import (
    Batch,
    Capabilities,
    Collection,
    EngineArticle,
    Found,
    PassageRows,
    Unit,
    Where,
    Words,
)
from semsearch.engines._staged import Staged
from semsearch.engines._view import View
from semsearch.errors import EngineError, IndexCorruptError, IndexNotFoundError, SemsearchError
from semsearch.languages import analysed_languages
from semsearch.records import SourceSummary
from semsearch.storage import Generation, GenerationWriter, open_generation, read_manifest, write_generation
from semsearch.storage._current import CURRENT, GENERATIONS, next_id
from semsearch.storage._files import make_folder, sync_folder
from semsearch.storage.generations import (
    generation_folder,
    hold_index,
    new_generation,
    publish_generation,
    take_generation,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EmbeddedCollection", "EmbeddedEngine"]

_FOLDER = "engine"
_LOAD = "load-"
_STAGED = "staged.sqlite"
_SUFFIX = ".sqlite"


class EmbeddedEngine:
    """The index in a folder. What reads or writes it in other ways may go on doing so."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._held: contextlib.ExitStack | None = None
        self._open: list[weakref.finalize[Any, View]] = []

    @property
    def address(self) -> str:
        """The folder."""
        return str(self._folder)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(words="client", atomic_updates=True, locks=True)

    def live(self) -> EmbeddedCollection:
        """Return the version that is live.

        Raises:
            IndexNotFoundError: If there is none; other errors as of :func:`~semsearch.storage.open_generation`.
        """
        view = self.view(self._folder)
        return EmbeddedCollection(self, self._folder, self.staged_of(view.generation.folder.name), view)

    def begin(self, load: str) -> EmbeddedCollection:
        """Return the version that was begun with this load, or a new one; others that were not published go."""
        digest = hashlib.blake2b(load.encode(), digest_size=16).hexdigest()
        folder = self._folder / _FOLDER / f"{_LOAD}{digest}"
        staged = Staged(folder / _STAGED)
        was_published = staged.path.exists() and (staged.flushed() or ("",))[0] == self._live_id()
        for other in (self._folder / _FOLDER).glob(f"{_LOAD}*"):
            if other != folder or was_published:
                shutil.rmtree(other)
        make_folder(folder)
        view = None
        with contextlib.suppress(IndexNotFoundError, IndexCorruptError):  # it was not flushed, or must be again
            view = self.view(folder, staged)
        return EmbeddedCollection(self, folder, staged, view)

    def publish(self, version: Collection) -> None:
        """Make a version that was begun here the live one."""
        if not isinstance(version, EmbeddedCollection):
            raise ValueError(f"expected a version of this engine, not {version!r}")
        version.publish()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one writer of the index.

        Raises:
            IndexLockedError: If another one is.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(hold_index(self._folder))
            self._held = stack
            try:
                yield
            finally:
                self._held = None

    def repair(self) -> tuple[str, ...]:
        """Return nothing: what is missing is an error when it is opened, and :func:`semsearch.repair_index` mends it.

        Raises:
            IndexCorruptError: If a file is missing or damaged.
        """
        self.live()
        return ()

    def remove(self) -> None:
        """Remove every version."""
        if not self._folder.exists():
            return
        with self.holding():
            (self._folder / CURRENT).unlink(missing_ok=True)
            sync_folder(self._folder)
            for name in (GENERATIONS, _FOLDER):
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def close(self) -> None:
        """Close the files of all versions that were opened, and let go of the lock."""
        if self._held is not None:
            self._held.close()
        for close in self._open:
            close()

    # --- for its versions ---

    @contextlib.contextmanager
    def holding(self) -> Iterator[Path]:
        """Hold the index, unless it is held already, and give its folder."""
        if self._held is not None:
            yield self._folder
            return
        with hold_index(self._folder):
            yield self._folder

    def staged_of(self, generation: str) -> Staged:
        """Return what is beside a generation."""
        return Staged(self._folder / _FOLDER / f"{generation}{_SUFFIX}")

    def _live_id(self) -> str | None:
        with contextlib.suppress(SemsearchError):
            return read_manifest(self._folder)[0]
        return None

    def view(self, index: Path, staged: Staged | None = None) -> View:
        """Open the live generation of an index; its files are closed with the last one who reads it.

        Args:
            index: This one, or that of a version that is not published.
            staged: What is beside it, if it is not this one.
        """
        generation = open_generation(index)
        with contextlib.ExitStack() as stack:
            stack.callback(generation.close)
            name, count = generation.folder.name, generation.manifest.counts.articles
            flushed = (staged or self.staged_of(name)).flushed()
            if flushed is None and staged is None:  # nothing is beside what was built without this interface
                flushed = name, np.arange(count)
            if flushed is None or flushed[0] != name or not _are_rows(flushed[1], count):
                raise IndexCorruptError(index, "has articles of which it is not known in which rows they are")
            view = View(generation, flushed[1], self.address)
            stack.pop_all()
        self._open = [close for close in self._open if close.alive]
        self._open.append(weakref.finalize(view, generation.close))
        return view

    def clean(self) -> None:
        """Remove what is beside generations that are not there any more."""
        for path in (self._folder / _FOLDER).glob(f"*{_SUFFIX}*"):
            if not generation_folder(self._folder, path.name.partition(".")[0]).exists():
                path.unlink(missing_ok=True)


class EmbeddedCollection:
    """A version of an index in a folder. What is read is what was there when it was opened, or flushed here last."""

    def __init__(self, engine: EmbeddedEngine, index: Path, staged: Staged, view: View | None) -> None:
        """Take a version.

        Args:
            engine: The engine.
            index: The folder of the index that its generations are in.
            staged: What is beside it.
            view: Its generation; None if none was made yet.
        """
        self._engine = engine
        self._index = index
        self._staged = staged
        self._view = view
        self._is_published = staged.path.name != _STAGED

    @property
    def name(self) -> str:
        """The id of its generation, or the name of its folder while it is not published."""
        return self._staged.path.stem if self._is_published else self._index.name

    # --- state ---

    def read_state(self, name: str) -> str | None:
        """Return what was written last; of what was built without this interface, what can be said of it."""
        text = self._staged.read_texts().get(name)
        if text is None and self._is_published and self._staged.flushed() is None:
            text = _said_of(self._reading.generation).get(name)
        return text

    def write_state(self, name: str, text: str) -> None:
        """Keep a text."""
        self._staged.write_texts([(name, text)])

    # --- writing ---

    def upsert(self, batch: Batch) -> None:
        """Keep articles until they are flushed."""
        self._staged.put(batch)

    def delete(self, articles: Sequence[int]) -> None:
        """Keep that articles are to go."""
        self._staged.take_out(articles)

    def flush(self) -> None:
        """Make a generation of what is there and what waits.

        Raises:
            EngineError: If another version has become live since this one was opened.
        """
        if self._view is not None and not self._staged.is_changed:
            return
        if not self._is_published:
            with write_generation(self._index) as writer:
                self._staged.set_flushed(writer.id, self._write(writer, None))
                self._commit(writer)
            self._view = self._engine.view(self._index, self._staged)
            return
        with self._engine.holding() as index:
            if read_manifest(index)[0] != self.name:
                raise EngineError(self._engine.address, "has changed since it was opened: open it again")
            with contextlib.closing(open_generation(index, whole=True)) as before, new_generation(index) as writer:
                rows = self._write(writer, before)
                staged = self._engine.staged_of(writer.id)
                said = _said_of(before) if self._staged.flushed() is None else {}
                staged.write_texts({**said, **self._staged.read_texts()}.items())
                staged.set_flushed(writer.id, rows)
                self._commit(writer)
            self._staged.clear()
            self._engine.clean()
        self._staged = staged
        self._view = self._engine.view(index)

    def publish(self) -> None:
        """Make it the live one, if it is not published yet."""
        if self._is_published:
            raise EngineError(self._engine.address, f"{self.name} is published already")
        self.flush()
        rows, folder = self._reading.rows, self._reading.generation.folder
        self._reading.generation.close()  # Windows moves no folder of which a file is open
        self._view = None
        with self._engine.holding() as index:
            generation = next_id(index)
            staged = self._engine.staged_of(generation)
            staged.write_texts(self._staged.read_texts().items())
            staged.set_flushed(generation, rows)
            take_generation(index, folder, generation)
            self._staged.set_flushed(generation, rows)  # so that it is known, should this process end now
            publish_generation(index, generation)
            shutil.rmtree(self._index, ignore_errors=True)
            self._engine.clean()
        self._index, self._staged, self._is_published = index, staged, True
        self._view = self._engine.view(index)

    def _write(self, writer: GenerationWriter, before: Generation | None) -> NDArray[np.int64]:
        """Write what is there, in a generation that was verified as a whole, and what waits. Returns all rows."""
        changes = self._staged.changes()
        new = [row for row, there in changes.items() if there]
        known = {} if before is None else {row: at for at, row in enumerate(self._reading.rows.tolist())}
        rows = sorted({*known.keys() - changes.keys(), *new})
        archive = writer.begin(before, articles=before is not None)
        waiting = self._staged.articles(new)
        for row in rows:
            if row not in changes:
                archive.take_over(known[row])
                continue
            one = next(waiting)
            archive.add(one.article, one.place, one.passages, one.keys, tokens=one.tokens, truncated=one.truncated)
        dimension, rotation = state.read_manifest(self).embedder.dimension, self._rotation(before)
        rows_before = archive.rows_before
        with contextlib.closing(writer.read_archive()) as finished:
            with writer.write_rows(rows_before, dimension, rotation) as of_passages:
                for one in self._staged.articles(new):
                    of_passages.add(one.vectors, None if rotation is None else one.codes)
            writer.write_lexical(finished, state.read_languages(self))
        return np.array(rows, dtype=np.int64)

    def _rotation(self, before: Generation | None) -> NDArray[np.float32] | None:
        if before is not None:
            return None if before.tokens is None else before.tokens.codec.rotation
        codec = state.read_codec(self)
        return None if codec is None else codec.rotation

    def _commit(self, writer: GenerationWriter) -> None:
        manifest = state.read_manifest(self)
        writer.commit(
            embedder=manifest.embedder,
            precision=manifest.precision,
            target_tokens=manifest.target_tokens,
            token_vectors=manifest.token_vectors,
            keep=manifest.keep,
            fields=manifest.fields,
            globs=manifest.globs,
            dense_spec=writer.write_dense(),
            languages=manifest.languages,
            tokens=writer.archive.tokens,
            truncated_tokens=writer.archive.truncated,
        )

    # --- reading ---

    @property
    def _reading(self) -> View:
        if self._view is None:
            raise EngineError(
                self._engine.address, f"{self.name} was never flushed, and nothing in it can be found yet"
            )
        return self._view

    def count(self, where: Where | None = None) -> int:
        """Count the passages that may be found."""
        return self._reading.count(where)

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: Where | None = None, recall: float = RECALL
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the nearest passages."""
        return self._reading.search(vector, k, where, recall)

    def best_passages(
        self, articles: Sequence[int], vector: NDArray[np.float32], *, where: Where | None = None
    ) -> NDArray[np.int64]:
        """Return the nearest passage of each article."""
        return self._reading.best_passages(articles, vector, where)

    def passages(self, rows: NDArray[np.int64], *, codes: bool) -> PassageRows:
        """Return passages by their rows."""
        return self._reading.passages(rows, codes=codes)

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of passages."""
        return self._reading.texts(rows)

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return those articles that are there."""
        return self._reading.articles(rows)

    def article_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors of articles."""
        return self._reading.article_vectors(rows)

    def find(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return where articles are by their ids."""
        return self._reading.find(ids)

    def entries(self, first: int = 0) -> Iterator[tuple[str, Found]]:
        """Yield the ids of all articles."""
        return self._reading.entries(first)

    def sources(self) -> list[SourceSummary]:
        """Return what there is of each source."""
        return self._reading.generation.archive.sources()

    def words(self, unit: Unit) -> Words:
        """Return what finds articles or passages by their words."""
        return self._reading.words(unit)

    def export(self, first: int = 0) -> Iterator[Batch]:
        """Yield everything."""
        return self._reading.export(first)


def _are_rows(rows: NDArray[np.int64], count: int) -> bool:
    return len(rows) == count and bool((np.diff(rows, prepend=-1) > 0).all())


class _Texts(dict[str, str]):
    """What would be written as states."""

    def write_state(self, name: str, text: str) -> None:
        self[name] = text


def _said_of(generation: Generation) -> dict[str, str]:
    """Return the states of an index that was built without this interface."""
    texts, manifest = _Texts(), generation.manifest
    collection = cast("Collection", texts)
    state.write_manifest(collection, dataclasses.replace(manifest, files={}))
    state.write_languages(collection, analysed_languages(manifest.languages))
    state.write_field_names(collection, generation.archive.field_names)
    state.write_codec(collection, None if generation.tokens is None else generation.tokens.codec)
    state.write_next_article(collection, manifest.counts.articles)
    return texts
