"""What is to be put into an index in a folder, and what is said of one of its versions: a file of SQLite."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from semsearch.engines._protocol import Batch
from semsearch.errors import IndexCorruptError, IndexWriteError
from semsearch.records import Article, Passage
from semsearch.storage._files import make_folder, sync_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Staged", "StagedArticle"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS articles (
    row INTEGER PRIMARY KEY, article TEXT, place TEXT, tokens INTEGER, truncated INTEGER,
    places BLOB, keys BLOB, vectors BLOB, counts BLOB, codes BLOB
);
CREATE TABLE IF NOT EXISTS flushed (generation TEXT NOT NULL, rows BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS changed (since INTEGER PRIMARY KEY);
"""
_FIELDS = ("id", "text", "title", "source", "url")
_KEY_BYTES = 16


class StagedArticle(NamedTuple):
    """An article that is to be put in, with its passages.

    Attributes:
        article: The article.
        place: Where it was read.
        tokens: As :class:`~semsearch.engines.EngineArticle` has it, like ``truncated``.
        truncated: Likewise.
        passages: Its passages.
        keys: ``(n, 16)`` uint8, as :class:`~semsearch.engines.Batch` has it, like the others.
        vectors: ``(n, dimension)`` float16.
        codes: The codes of each one's tokens.
    """

    article: Article
    place: str
    tokens: int
    truncated: int
    passages: list[Passage]
    keys: list[bytes]
    vectors: NDArray[np.float16]
    codes: list[NDArray[np.uint8]]


class Staged:
    """A file of articles that wait, and of texts by names. What a method wrote is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Take the path of the file, which is made when something is written."""
        self.path = path

    def read_texts(self) -> dict[str, str]:
        """Return all texts by their names."""
        return {str(name): str(text) for name, text in self._read("SELECT name, text FROM texts")}

    def write_texts(self, texts: Iterable[tuple[str, str]]) -> None:
        """Put texts in the place of what their names had."""
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", texts)

    # --- articles ---

    def put(self, batch: Batch) -> None:
        """Keep articles in the place of those with the same rows."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO changed VALUES (1)")
            connection.executemany(
                "INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _rows_of(batch)
            )

    def take_out(self, rows: Iterable[int]) -> None:
        """Keep that these articles are to be taken out."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO changed VALUES (1)")
            connection.executemany("INSERT OR REPLACE INTO articles (row) VALUES (?)", [(row,) for row in rows])

    def changes(self) -> dict[int, bool]:
        """Return the rows of all articles that wait, ascending, and whether each is to be there."""
        return {
            int(row): bool(there)
            for row, there in self._read("SELECT row, article IS NOT NULL FROM articles ORDER BY row")
        }

    def articles(self, rows: Iterable[int]) -> Iterator[StagedArticle]:
        """Yield articles that are to be there."""
        for row in rows:
            ((_, *columns),) = self._read("SELECT * FROM articles WHERE row = ?", (row,))
            try:
                yield _article_of(*columns)
            except (TypeError, ValueError, KeyError) as error:
                raise IndexCorruptError(self.path, f"is damaged ({error})") from None

    # --- what was made of them ---

    def flushed(self) -> tuple[str, NDArray[np.int64]] | None:
        """Return the generation that was made last, and the rows of its articles; None if none was."""
        for generation, rows in self._read("SELECT generation, rows FROM flushed"):
            return str(generation), np.frombuffer(rows, dtype="<i8").astype(np.int64)
        return None

    @property
    def is_changed(self) -> bool:
        """Whether something was put in or taken out since."""
        return bool(self._read("SELECT since FROM changed"))

    def set_flushed(self, generation: str, rows: NDArray[np.int64]) -> None:
        """Say that a generation has all of it."""
        with self._writing() as connection:
            connection.execute("DELETE FROM changed")
            connection.execute("DELETE FROM flushed")
            connection.execute("INSERT INTO flushed VALUES (?, ?)", (generation, rows.astype("<i8").tobytes()))

    def clear(self) -> None:
        """Let no article wait any more."""
        with self._writing() as connection:
            connection.execute("DELETE FROM changed")
            connection.execute("DELETE FROM articles")

    # --- the file ---

    def _read(self, query: str, parameters: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                return connection.execute(query, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise IndexCorruptError(self.path, f"cannot be read ({error})") from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of which all is written, or nothing."""
        is_new = not self.path.exists()
        make_folder(self.path.parent)
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.executescript(f"PRAGMA synchronous = FULL; BEGIN IMMEDIATE; {_SCHEMA}")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise IndexWriteError(
                self.path, f"cannot be written ({error}): see whether that disk is full or broken"
            ) from error
        if is_new:
            sync_folder(self.path.parent)


def _rows_of(batch: Batch) -> Iterator[tuple[Any, ...]]:
    at = 0
    for entry in batch.articles:
        own = slice(at, at + entry.passages)
        at += entry.passages
        article, codes = entry.article, batch.codes[own]
        fields = {name: getattr(article, name) for name in _FIELDS}
        published = None if article.published is None else article.published.isoformat()
        yield (
            entry.row,
            json.dumps({**fields, "published": published, "metadata": dict(article.metadata)}),
            entry.place,
            entry.tokens,
            entry.truncated,
            np.stack([batch.paragraphs[own], batch.starts[own], batch.ends[own]], axis=1).astype("<i8").tobytes(),
            batch.keys[own].tobytes(),
            batch.vectors[own].astype("<f2").tobytes(),
            np.array([len(one) for one in codes], dtype="<i8").tobytes(),
            b"".join(one.tobytes() for one in codes),
        )


def _article_of(
    article: str, place: str, tokens: int, truncated: int, places: bytes, keys: bytes, vectors: bytes, counts: bytes,
    codes: bytes,
) -> StagedArticle:  # fmt: skip
    fields = json.loads(article)
    published = fields.pop("published")
    known = Article(**fields, published=None if published is None else dt.date.fromisoformat(published))
    spans = np.frombuffer(places, dtype="<i8").reshape(-1, 3).tolist()
    sizes = np.frombuffer(counts, dtype="<i8")
    bytes_per_token = len(codes) // int(sizes.sum()) if sizes.any() else 0
    of_tokens = np.frombuffer(codes, dtype=np.uint8).reshape(-1, bytes_per_token or 1)
    return StagedArticle(
        article=known,
        place=place,
        tokens=tokens,
        truncated=truncated,
        passages=[Passage(known.text[start:end], paragraph, start, end) for paragraph, start, end in spans],
        keys=[keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)],
        vectors=np.frombuffer(vectors, dtype="<f2").reshape(len(spans), -1),
        codes=np.split(of_tokens, np.cumsum(sizes)[:-1]),
    )
