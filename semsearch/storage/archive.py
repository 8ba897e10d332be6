"""The texts of a generation: articles and the offsets of their passages, in one SQLite file."""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from semsearch.errors import IndexCorruptError, SemsearchError
from semsearch.filters import Filter, field_name
from semsearch.records import Article, Passage
from semsearch.storage import _where

__all__ = ["Archive", "ArchiveWriter", "StoredPassage"]

# Row numbers count from 0; a passage's is its row in every file of the generation. The text of a passage is not
# stored twice: it is the article's text from start to end.
_SCHEMA = """
CREATE TABLE articles (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, published TEXT, source TEXT, url TEXT,
    metadata TEXT NOT NULL, place TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, article INTEGER NOT NULL, paragraph INTEGER NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, key BLOB NOT NULL
);
"""
# Everything that filters are for, without the texts between: a filter then reads a twentieth of the file's pages.
_INDEX = "CREATE INDEX articles_filtered ON articles (published, source, metadata)"
_ARTICLE_COLUMNS = "id, title, published, source, url, metadata, text"
_BLOCK = 1000  # rows that are read at a time
_SQL_VARIABLES = 500  # fewer than any build of SQLite takes
_FIELDS = ("id", "published", "source", "title", "url")  # that every article has, whatever its metadata
_SHOWN_NAMES = 20


class StoredPassage(NamedTuple):
    """A passage and the article that it is of."""

    passage: Passage
    article: Article


class ArchiveWriter:
    """Writes a new archive; what is added is in it after :meth:`close`."""

    def __init__(self, path: Path) -> None:
        # Nobody reads the file before it is closed, synced and published: no journal is needed until then.
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + _SCHEMA)
        self._closed = False
        self.articles = 0
        self.passages = 0

    def place_of(self, article_id: str) -> str | None:
        """Return the place that the article with this id came from, or None if there is none yet."""
        found = self._connection.execute("SELECT place FROM articles WHERE id = ?", (article_id,)).fetchone()
        return None if found is None else str(found[0])

    def add(self, article: Article, place: str, passages: Sequence[Passage], keys: Sequence[bytes]) -> None:
        """Append an article and its passages; ``keys[i]`` identifies what is embedded for ``passages[i]``.

        Raises:
            ValueError: If the article's metadata is not JSON.
        """
        try:
            metadata = json.dumps(dict(article.metadata), ensure_ascii=False, allow_nan=False)
            metadata.encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"the metadata of article {article.id!r} is not JSON ({error})") from None
        if not self._connection.execute("SELECT json_valid(?)", (metadata,)).fetchone()[0]:
            # SQLite would refuse to look into it, and with it every filter of the archive.
            raise ValueError(f"the metadata of article {article.id!r} is not JSON (nested too deeply)")
        published = None if article.published is None else article.published.isoformat()
        with self._errors():
            self._connection.execute(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self.articles, article.id, article.title, published, article.source, article.url, metadata, place,
                    article.text,
                ),
            )  # fmt: skip
            self._connection.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self.passages + i, self.articles, passage.paragraph, passage.start, passage.end, key)
                    for i, (passage, key) in enumerate(zip(passages, keys, strict=True))
                ],
            )
        self.articles += 1
        self.passages += len(passages)

    def close(self) -> None:
        """Finish the file; once is enough."""
        if not self._closed:
            self._closed = True
            with closing(self._connection), self._errors():
                self._connection.execute(_INDEX)  # at the end, where it is written in order
                self._connection.execute("COMMIT")

    def discard(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._closed = True
        self._connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Say which file it is that SQLite could not write, on a full disk for one."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise SemsearchError(f"{self._path}: cannot be written ({error}): is the disk full?") from None


class Archive:
    """Reads an archive. One connection serves all threads, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # immutable: SQLite takes no locks and looks for no journal, as a generation never changes.
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
        except sqlite3.OperationalError as error:
            raise IndexCorruptError(path, f"cannot be opened ({error})") from None
        _where.add_functions(self._connection)
        self._known: set[tuple[str, ...]] = set()  # metadata fields that some article has
        self._names: list[str] | None = None

    def close(self) -> None:
        """Close the file. Reading from it then raises :class:`sqlite3.ProgrammingError`."""
        with self._lock:
            self._connection.close()

    def counts(self) -> tuple[int, int]:
        """Return the number of articles and of passages, by the last row of each: counting would read every page."""
        ((articles, passages),) = self._fetch(
            "SELECT (SELECT COALESCE(MAX(row) + 1, 0) FROM articles), (SELECT COALESCE(MAX(row) + 1, 0) FROM passages)"
        )
        return int(articles), int(passages)

    def check(self) -> None:
        """Check the file's structure, that no row is missing, and that every passage lies in its article.

        Raises:
            IndexCorruptError: If something is wrong.
        """
        ((verdict, *_),) = self._fetch("PRAGMA integrity_check(1)")
        if verdict != "ok":
            raise IndexCorruptError(self._path, f"is damaged ({verdict})")
        for table, expected in zip(("articles", "passages"), self.counts(), strict=True):
            ((count, first),) = self._fetch(f"SELECT COUNT(*), COALESCE(MIN(row), 0) FROM {table}")  # noqa: S608
            if (count, first) != (expected, 0):
                raise IndexCorruptError(self._path, f"has gaps in the rows of its {table}")
        stray = self._fetch(
            "SELECT p.row FROM passages p LEFT JOIN articles a ON a.row = p.article "
            "WHERE a.row IS NULL OR p.start < 0 OR p.start >= p.end OR p.end > LENGTH(a.text) LIMIT 1"
        )
        if stray:
            raise IndexCorruptError(self._path, f"has a passage outside its article (row {stray[0][0]})")

    def article_row(self, article_id: str) -> int | None:
        """Return the row of the article with this id, or None if there is none."""
        found = self._fetch("SELECT row FROM articles WHERE id = ?", (article_id,))
        return int(found[0][0]) if found else None

    def passages(self, rows: Iterable[int]) -> dict[int, StoredPassage]:
        """Return the passages of these rows.

        Raises:
            IndexCorruptError: If one is missing, or what is there is not a passage.
        """
        wanted = sorted({int(row) for row in rows})
        found: dict[int, StoredPassage] = {}
        articles: dict[int, Article] = {}
        for at in range(0, len(wanted), _SQL_VARIABLES):
            part = wanted[at : at + _SQL_VARIABLES]
            passages = self._select("row, article, paragraph, start, end FROM passages", part)
            missing = sorted({int(entry[1]) for entry in passages} - articles.keys())
            if missing:
                articles.update(
                    (int(entry[0]), self._article(entry[1:]))
                    for entry in self._select(f"row, {_ARTICLE_COLUMNS} FROM articles", missing)
                )
            for entry in passages:
                found[entry[0]] = self._passage(entry, articles)
        if len(found) != len(wanted):
            raise IndexCorruptError(self._path, f"has no passage {min(set(wanted) - found.keys())}")
        return found

    def passage_keys(self) -> Iterator[bytes]:
        """Yield the key of every passage, in the order of the rows."""
        for (key,) in self._in_blocks("key FROM passages"):
            yield bytes(key)

    def titles_and_texts(self) -> Iterator[tuple[str, str]]:
        """Yield the title and the text of every article, in the order of the rows."""
        for title, text in self._in_blocks("title, text FROM articles"):
            yield str(title), str(text)

    def _in_blocks(self, columns_from: str) -> Iterator[tuple[Any, ...]]:
        """Yield all rows; the connection is free for others between two blocks."""
        start = 0
        while block := self._fetch(
            f"SELECT {columns_from} WHERE row BETWEEN ? AND ? ORDER BY row",
            (start, start + _BLOCK - 1),
        ):
            yield from block
            start += _BLOCK

    def article_starts(self) -> list[int]:
        """Return the first passage of every article, in the order of the rows: an article's passages are together."""
        return [
            int(start) for (start,) in self._fetch("SELECT MIN(row) FROM passages GROUP BY article ORDER BY article")
        ]

    def matching_articles(self, filter: Filter) -> list[int]:  # noqa: A002
        """Return the rows of the articles that the filter is for, ascending.

        Raises:
            ValueError: If it names a metadata field that no article has; the message names those that there are.
        """
        query = _where.matching(filter)
        for path in query.metadata:
            if path not in self._known:
                self._check_known(path)
                self._known.add(path)
        # Sorted here: told to do it, SQLite would read the whole table, which is in that order, and not the index.
        return sorted(int(row) for (row,) in self._fetch(query.sql, [query.constants]))

    def _check_known(self, path: tuple[str, ...]) -> None:
        query = _where.having(path)
        if self._fetch(query.sql, [query.constants]):
            return
        if self._names is None:
            self._names = self._field_names()
        name = field_name(path)
        folded = {known.casefold(): known for known in self._names}
        close = difflib.get_close_matches(name.casefold(), folded, n=1)
        meant = f"; is {folded[close[0]]} meant?" if close else "."
        more = len(self._names) - _SHOWN_NAMES
        raise ValueError(
            f"no article has a field {name}{meant} The fields are {', '.join(self._names[:_SHOWN_NAMES])}"
            + (f" and {more:,} more" if more > 0 else "")
        )

    def _field_names(self) -> list[str]:
        """Return the names of all fields, sorted; this reads the metadata of every article."""
        paths: set[tuple[str, ...]] = {(name,) for name in _FIELDS}
        try:
            for (metadata,) in self._in_blocks("metadata FROM articles"):
                paths.update(_paths(("metadata",), json.loads(metadata)))
        except (TypeError, ValueError, RecursionError) as error:
            raise IndexCorruptError(self._path, f"holds something else than an article ({error})") from None
        return sorted(map(field_name, paths))

    def _select(self, columns_from: str, rows: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._fetch(
            f"SELECT {columns_from} WHERE row IN ({', '.join('?' * len(rows))})",
            rows,
        )

    def _fetch(self, query: str, parameters: Sequence[int | str] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except (sqlite3.DatabaseError, OverflowError) as error:
                if isinstance(error, sqlite3.ProgrammingError):
                    raise  # closed: our caller's mistake, not the file's
                raise IndexCorruptError(self._path, f"cannot be read ({error})") from None

    def _article(self, columns: Sequence[Any]) -> Article:
        article_id, title, published, source, url, metadata, text = columns
        try:
            return Article(
                id=article_id,
                text=text,
                title=title,
                published=None if published is None else dt.date.fromisoformat(published),
                source=source,
                url=url,
                metadata=json.loads(metadata),
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise IndexCorruptError(self._path, f"holds something else than an article ({error})") from None

    def _passage(self, columns: Sequence[Any], articles: Mapping[int, Article]) -> StoredPassage:
        row, article_row, paragraph, start, end = columns
        article = articles.get(article_row)
        if article is None or not all(isinstance(number, int) for number in columns):
            raise IndexCorruptError(self._path, f"holds something else than a passage (row {row})")
        return StoredPassage(Passage(article.text[start:end], paragraph, start, end), article)


def _paths(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field in an object, and in the objects in it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from _paths((*path, name), inner)
