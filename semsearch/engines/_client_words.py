"""An index of words on this machine, for an engine that has none: articles and passages by their words.

It is derived from what the engine keeps, and may be removed at any time. It belongs to one version of an index and to
one content of it, which a stamp identifies; one of another stamp is as good as none.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from semsearch.engines._protocol import EngineArticle, Found, Unit, Where, first_passage
from semsearch.errors import IndexCorruptError, IndexWriteError
from semsearch.lexical import LexicalIndex
from semsearch.records import Passage
from semsearch.storage import Archive, ArchiveWriter
from semsearch.storage._files import sync_file, sync_folder, write_durably

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["ClientWords", "build_words", "open_words", "remove"]

_STAMP = "stamp.json"  # written last
_ROWS = "rows.npy"  # of the articles, as the engine has them
_UNITS: tuple[Unit, ...] = ("articles", "passages")
_FORMAT = 1
_BLOCK = 64  # articles that are read at a time
_NO_KEY = bytes(16)
_NEW = ".new-"
_LEFT = 86_400.0  # seconds after which what is new was left by a process that was killed
_DAMAGED = (IndexCorruptError, IndexWriteError, ValueError, IndexError)
_building = threading.Lock()


class Readable(Protocol):
    """What an index of words is made of."""

    def read_state(self, name: str) -> str | None:
        """Return a state."""

    def entries(self, first: int = 0) -> Iterator[tuple[str, Found]]:
        """Yield every article's id with its row and digest."""

    def articles(self, rows: Sequence[int]) -> dict[int, EngineArticle]:
        """Return articles by their rows."""

    def spans(self, articles: Sequence[int]) -> dict[int, list[tuple[int, int, int]]]:
        """Return the paragraph, start and end of each passage of articles."""


class ClientWords:
    """An index of words that was found. Threads may share it; its files are closed with the last one who uses it."""

    def __init__(self, folder: Path, stamp: str) -> None:
        """Open what :func:`build_words` made.

        Raises:
            ValueError: If it is not that.
            IndexCorruptError: Likewise.
        """
        self.stamp = stamp
        self.rows: NDArray[np.int64] = np.load(folder / _ROWS, allow_pickle=False)
        self.archive = Archive(folder)
        try:
            self._lexical = {unit: LexicalIndex.open(folder / unit) for unit in _UNITS}
            counts = np.diff(self.archive.article_starts, append=len(self.archive.passage_table))
            if len(counts) != len(self.rows):
                raise ValueError("it has other articles")
        except BaseException:
            self.archive.close()
            raise
        self._closing = weakref.finalize(self, self.archive.close)
        begins = np.repeat(self.archive.article_starts, counts)
        self.passages: NDArray[np.int64] = (
            np.repeat(first_passage(self.rows), counts) + np.arange(len(begins), dtype=np.int64) - begins
        )
        self._articles_of = np.repeat(np.arange(len(self.rows)), counts)
        self._matching: dict[object, NDArray[np.int64]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close its files, though others may use them."""
        self._closing()

    def of(self, unit: Unit) -> _UnitWords:
        """Return what finds articles or passages."""
        return _UnitWords(self, self._lexical[unit], unit)

    def with_phrase(self, phrase: str) -> NDArray[np.int64]:
        """Return the rows of the passages that contain a phrase, ascending."""
        return np.asarray(self.passages[self._lexical["passages"].with_phrase(phrase)])

    def allowed(self, where: Where | None, unit: Unit) -> NDArray[np.bool_] | None:
        """Return which articles or passages may be found; None for all. An article may if one of its passages may."""
        if where is None or where == Where():
            return None
        articles = np.ones(len(self.rows), dtype=bool)
        if where.filter is not None:
            matching = np.zeros(len(self.rows), dtype=bool)
            matching[self._rows_matching(where)] = True
            articles &= matching
        if where.articles is not None:
            articles &= np.isin(self.rows, np.array(where.articles, dtype=np.int64))
        if where.without:
            articles &= ~np.isin(self.rows, np.array(where.without, dtype=np.int64))
        passages = articles[self._articles_of]
        for phrase in where.phrases:
            having = np.zeros(len(passages), dtype=bool)
            having[self._lexical["passages"].with_phrase(phrase)] = True
            passages &= having
        if unit == "passages":
            return passages
        return np.bincount(self._articles_of, weights=passages, minlength=len(self.rows)) > 0

    def _rows_matching(self, where: Where) -> NDArray[np.int64]:
        assert where.filter is not None  # noqa: S101 - for the type checker
        with self._lock:
            found = self._matching.get(where.filter)
        if found is None:
            found = np.array(self.archive.matching_articles(where.filter, any_field=True), dtype=np.int64)
            with self._lock:
                if len(self._matching) > 16:
                    self._matching.clear()
                self._matching[where.filter] = found
        return found


class _UnitWords:
    """Articles or passages by their words: see :class:`~semsearch.engines.Words`."""

    def __init__(self, words: ClientWords, lexical: LexicalIndex, unit: Unit) -> None:
        self._words = words
        self._lexical = lexical
        self._rows = words.rows if unit == "articles" else words.passages
        self._unit = unit

    def __len__(self) -> int:
        return len(self._lexical)

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text as they are indexed."""
        return self._lexical.terms(text)

    def search(
        self, query: str, k: int, *, where: Where | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the texts that share a term with ``query``: rows and BM25 scores, highest first."""
        rows, scores = self._lexical.search(query, k, allowed=self._words.allowed(where, self._unit))
        return self._rows[rows], scores

    def document_frequency(self, word: str) -> int:
        """Return how many texts have ``word``, by its rarest term."""
        return self._lexical.document_frequency(word)

    def term_frequency(self, term: str) -> int:
        """Return how many texts have the term."""
        return self._lexical.term_frequency(term)

    def highest_score(self, query: str) -> float:
        """Return the score that no text can exceed for ``query``."""
        return self._lexical.highest_score(query)


# --- on the disk ------------------------------------------------------------------------------------------------


def open_words(folder: Path, stamp: str) -> ClientWords | None:
    """Return the index of words in a folder; None if there is none, or one with another stamp, or a damaged one."""
    if _stamp_of(folder) != stamp:
        return None
    try:
        found = ClientWords(folder, stamp)
    except (OSError, ValueError, EOFError, IndexCorruptError):
        return None
    if _stamp_of(folder) != stamp:  # another process has put another one there meanwhile
        found.close()
        return None
    return found


def _stamp_of(folder: Path) -> str | None:
    try:
        about = json.loads((folder / _STAMP).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        return None
    return str(about.get("stamp"))


def remove(folder: Path) -> None:
    """Remove an index of words, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)


def build_words(collection: Readable, folder: Path, stamp: str) -> None:
    """Make the index of words of a collection, in the place of what is in ``folder``.

    What is there and has not changed is taken over. Other processes are kept from writing by whoever calls this.

    Raises:
        IndexWriteError: If it cannot be written.
    """
    languages = json.loads(collection.read_state("languages") or '["en"]')
    if str(folder).startswith(os.devnull):
        return
    with _building:
        _remove_left(folder.parent)
        before = _before(folder)
        if before is not None:
            # If it is damaged nothing is taken over; if the disk is full it is so again.
            with contextlib.closing(before), contextlib.suppress(*_DAMAGED):
                _build(collection, folder, stamp, before, languages)
                return
        _build(collection, folder, stamp, None, languages)


def _build(
    collection: Readable, folder: Path, stamp: str, before: ClientWords | None, languages: Sequence[str]
) -> None:
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder.parent))
        _write(collection, temporary / _NEW, before, folder, languages)
        for path in (temporary / _NEW).rglob("*"):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(temporary / _NEW)
        write_durably(temporary / _NEW / _STAMP, json.dumps({"format": _FORMAT, "stamp": stamp}).encode())
        if before is not None:
            before.close()
        if folder.exists():  # it goes in one step: who opens it finds all of it, or nothing
            folder.rename(temporary / "before")
        (temporary / _NEW).rename(folder)
    except OSError as error:
        raise IndexWriteError(
            folder,
            f"the index of words cannot be written ({error}): free space, allow writing there, or name another folder "
            "in SEMSEARCH_CACHE",
        ) from error
    finally:
        if temporary is not None:
            remove(temporary)


def _before(folder: Path) -> ClientWords | None:
    stamp = _stamp_of(folder)
    return None if stamp is None else open_words(folder, stamp)


def _remove_left(parent: Path) -> None:
    """Remove what processes that were killed have left."""
    with contextlib.suppress(OSError):
        for path in parent.glob(f"{_NEW}*"):
            if time.time() - path.stat().st_mtime > _LEFT:
                remove(path)


def _write(
    collection: Readable, folder: Path, before: ClientWords | None, folder_before: Path, languages: Sequence[str]
) -> None:
    known: dict[int, tuple[int, bytes]] = {}
    if before is not None:
        digests = before.archive.known.digests
        known = {row: (at, digests[at]) for at, row in enumerate(before.rows.tolist())}
    folder.mkdir(mode=0o700)
    writer = ArchiveWriter(folder, None if before is None else before.archive)
    try:
        rows = _add_articles(collection, writer, known)
        articles, passages = writer.articles_before, writer.rows_before
        writer.close()
    except BaseException:
        writer.discard()
        raise
    np.save(folder / _ROWS, np.array(rows, dtype=np.int64))
    archive = Archive(folder)
    try:
        for unit, rows_before in (("articles", articles), ("passages", passages)):
            _write_unit(archive, folder, before, folder_before, unit, rows_before, articles, languages)
    finally:
        archive.close()


def _add_articles(collection: Readable, writer: ArchiveWriter, known: dict[int, tuple[int, bytes]]) -> list[int]:
    """Add all articles in the order of their rows, those that were known from before. Returns their rows."""
    rows: list[int] = []
    waiting: list[int] = []

    def read() -> None:
        if waiting:
            articles, spans = collection.articles(waiting), collection.spans(waiting)
            for row in waiting:
                if row not in articles:  # taken out meanwhile: then the stamp is another one soon
                    continue
                one = articles[row]
                text = one.article.text
                passages = [Passage(text[start:end], paragraph, start, end) for paragraph, start, end in spans[row]]
                writer.add(one.article, one.place, passages, [_NO_KEY] * len(passages))
                rows.append(row)
            waiting.clear()

    for _, found in collection.entries():
        at, digest = known.get(found.row, (-1, b""))
        if digest == found.digest:
            read()
            writer.take_over(at)
            rows.append(found.row)
        else:
            waiting.append(found.row)
            if len(waiting) >= _BLOCK:
                read()
    read()
    return rows


def _write_unit(
    archive: Archive,
    folder: Path,
    before: ClientWords | None,
    folder_before: Path,
    unit: str,
    rows_before: NDArray[np.int64],
    articles_before: NDArray[np.int64],
    languages: Sequence[str],
) -> None:
    phrases = unit == "passages"
    if before is not None and (articles_before >= 0).any():
        gone = before.archive.rows_besides(articles_before)
        if LexicalIndex.update(
            folder / unit,
            folder_before / unit,
            rows_before,
            texts=partial(archive.titled_rows, unit),
            removed=before.archive.titled(unit, gone),
            link=_link,
            phrases=phrases,
            languages=languages,
        ):
            return
        remove(folder / unit)
    texts: Iterable[tuple[str, str]] = archive.titled(unit)
    LexicalIndex.build(folder / unit, texts, phrases=phrases, languages=languages)


def _link(path: Path, new: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    with contextlib.suppress(OSError):
        os.link(path, new)
        return
    shutil.copyfile(path, new)
