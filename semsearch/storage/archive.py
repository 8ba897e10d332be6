"""The texts of a generation: articles in an SQLite file, their passages in arrays beside it.

A passage is where it begins and ends in its article. What a rebuild needs to know of the build before stands here too:
what identifies each article's content, and which articles an unchanged file holds.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from semsearch.errors import IndexCorruptError, IndexWriteError
from semsearch.filters import Filter
from semsearch.records import Article, Passage, SourceSummary
from semsearch.storage import _where
from semsearch.storage._files import write_array
from semsearch.storage._layout import ARTICLES, KEYS, PASSAGES
from semsearch.storage._names import unknown_field
from semsearch.storage._tables import load_table
from semsearch.storage._texts import pack_text, unpack_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Archive", "ArchiveWriter", "ReadFile", "StoredPassage", "content_digest"]

# Row numbers count from 0; a passage's is its row in every file of the generation. The text of a passage is not
# stored twice: it is the article's text from start to end.
_SCHEMA = """
CREATE TABLE articles (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, published TEXT, source TEXT, url TEXT,
    metadata TEXT NOT NULL, place TEXT NOT NULL, digest BLOB NOT NULL, tokens INTEGER NOT NULL,
    truncated INTEGER NOT NULL, text BLOB NOT NULL
);
CREATE TABLE files (
    place TEXT PRIMARY KEY, id TEXT NOT NULL, digest BLOB NOT NULL, first INTEGER NOT NULL, articles INTEGER NOT NULL
) WITHOUT ROWID;
"""
# Everything that filters are for, without the texts between: a filter then reads a twentieth of the file's pages.
_INDEX = "CREATE INDEX articles_filtered ON articles (published, source, metadata)"
_STATEMENTS = {" ".join(statement.split()) for statement in (*_SCHEMA.split(";"), _INDEX) if statement.strip()}
_TAKE_OVER = """
INSERT INTO articles
SELECT ?, id, title, published, source, url, metadata, COALESCE(?, place), digest, tokens, truncated, text
FROM before.articles WHERE row = ?
"""
_ARTICLE_COLUMNS = "id, title, published, source, url, metadata, text"
_PAGE = 32768  # bytes; of smaller ones much is left empty, as few articles fill one
_BLOCK = 1000  # rows that are read at a time
_CACHE = 16_384  # KiB that SQLite may keep; without more than its 2 MiB it reads the same pages again for each query
_SQL_VARIABLES = 500  # fewer than any build of SQLite takes
_TITLE = 1000  # characters; a file of 10 MB that is half a title would be gigabytes of words
_KEY_BYTES = 16
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_PASSAGE_COLUMNS = 4  # article, paragraph, start, end


class StoredPassage(NamedTuple):
    """A passage and the article that it is of."""

    passage: Passage
    article: Article


class ReadFile(NamedTuple):
    """A file of the corpus that was read without a word to say about it.

    Attributes:
        place: Where it is, as people are shown it.
        id: What its articles' ids are made of.
        digest: BLAKE2b-128 of its bytes.
        first: The row of its first article.
        articles: How many it holds; their rows follow each other.
    """

    place: str
    id: str
    digest: bytes
    first: int
    articles: int


def content_digest(article: Article) -> bytes:
    """Identify everything about an article that is stored but where it was read: BLAKE2b-128.

    Raises:
        ValueError: If the article's metadata is not JSON.
    """
    values = [None if value is None else value.encode() for value in _columns(article)]
    # Lengths stand between the values, so that no two articles are written alike.
    written = b"".join(b"-" if value is None else b"%d:%b" % (len(value), value) for value in values)
    return hashlib.blake2b(written, digest_size=_KEY_BYTES).digest()


def _columns(article: Article) -> tuple[str, str, str | None, str | None, str | None, str, str]:
    """Return an article as it is stored."""
    try:
        metadata = _to_json(dict(article.metadata))
        metadata.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the metadata of article {article.id!r} is not JSON ({error})") from None
    published = None if article.published is None else article.published.isoformat()
    return article.id, article.title, published, article.source, article.url, metadata, article.text


class ArchiveWriter:
    """Writes a new archive into a folder; what is added is in it after :meth:`close`.

    Attributes:
        articles: How many there are so far.
        passages: How many passages they have.
        tokens: The tokens of these, and of the titles before them.
        truncated: How many of those are beyond the embedder's limit.
    """

    def __init__(self, folder: Path, before: Archive | None = None) -> None:
        # Nobody reads the file before it is closed, synced and published: no journal is needed until then.
        self._path = folder / ARTICLES
        self._before = before
        with self._errors():
            self._connection = sqlite3.connect(self._path, isolation_level=None, uri=True)
        try:
            self._begin()
        except IndexWriteError:
            self._connection.close()
            raise
        self._closed = False
        self._waiting: list[tuple[int, str | None, int]] = []  # articles to take over: row, place, row before
        self._files: dict[str, ReadFile] = {}
        self._passages = array("I")
        self._keys = bytearray()
        self._articles_before = array("q")  # each article's row in the archive before, -1 if it is new
        self._rows_before = array("q")  # each passage's
        self.articles = 0
        self.passages = 0
        self.tokens = 0
        self.truncated = 0

    def _begin(self) -> None:
        with self._errors():
            self._connection.executescript(
                f"PRAGMA page_size = {_PAGE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            )
            if self._before is not None:
                self._connection.execute("ATTACH ? AS before", (self._before.uri,))
            self._connection.executescript("BEGIN;" + _SCHEMA)

    def place_of(self, article_id: str) -> str | None:
        """Return the place that the article with this id came from, or None if there is none yet."""
        self._write_waiting()
        found = self._connection.execute("SELECT place FROM articles WHERE id = ?", (article_id,)).fetchone()
        return None if found is None else str(found[0])

    def add(
        self,
        article: Article,
        place: str,
        passages: Sequence[Passage],
        keys: Sequence[bytes],
        *,
        tokens: int = 0,
        truncated: int = 0,
    ) -> None:
        """Append an article and its passages; ``keys[i]``, 16 bytes, says what is embedded for ``passages[i]``.

        Raises:
            ValueError: If the article's metadata is not JSON.
        """
        *columns, metadata, text = _columns(article)
        digest = content_digest(article)
        if not self._connection.execute("SELECT json_valid(?)", (metadata,)).fetchone()[0]:
            # SQLite would refuse to look into it, and with it every filter of the archive.
            raise ValueError(f"the metadata of article {article.id!r} is not JSON (nested too deeply)")
        self._write_waiting()
        with self._errors():
            self._connection.execute(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self.articles, *columns, metadata, place, digest, tokens, truncated, pack_text(text)),
            )
        for passage, key in zip(passages, keys, strict=True):
            self._passages.extend((self.articles, passage.paragraph, passage.start, passage.end))
            self._keys += key
            self._rows_before.append(-1)
        self._articles_before.append(-1)
        self._count(1, len(passages), tokens, truncated)

    def take_over(self, row: int, place: str | None = None) -> None:
        """Append an article of the archive before, with its passages; ``place`` says where it is now, if elsewhere."""
        assert self._before is not None  # noqa: S101 - for the type checker
        self._waiting.append((self.articles, place, row))
        self._articles_before.append(row)
        known = self._before.known
        self._count(1, int(known.passages[row]), int(known.tokens[row]), int(known.truncated[row]))

    def add_file(self, file: ReadFile) -> None:
        """Remember which articles a file holds, so that it need not be read again while it is the same."""
        self._files[file.place] = file

    @property
    def is_as_before(self) -> bool:
        """Whether all that was added until now is the archive before: the same articles in the same order."""
        return (
            self._before is not None
            and len(self._waiting) == self.articles == self._before.counts()[0]
            and all(row == before and place is None for row, place, before in self._waiting)
        )

    @property
    def articles_before(self) -> NDArray[np.int64]:
        """``(articles,)`` int64: where each article was in the archive before; -1 if it is new."""
        import numpy as np

        return np.array(self._articles_before, dtype=np.int64)

    @property
    def rows_before(self) -> NDArray[np.int64]:
        """``(passages,)`` int64: where each passage was in the archive before; -1 if its article is new."""
        import numpy as np

        self._write_waiting()
        return np.array(self._rows_before, dtype=np.int64)

    def close(self) -> None:
        """Finish the files; once is enough."""
        import numpy as np

        if self._closed:
            return
        self._write_waiting()
        self._closed = True
        with closing(self._connection), self._errors():
            self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?)", self._files.values())
            self._connection.execute(_INDEX)  # at the end, where it is written in order
            self._connection.execute("COMMIT")
        folder = self._path.parent
        write_array(folder / PASSAGES, np.array(self._passages, dtype=np.uint32).reshape(-1, _PASSAGE_COLUMNS))
        write_array(folder / KEYS, np.frombuffer(self._keys, dtype=np.uint8).reshape(-1, _KEY_BYTES))

    def discard(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._closed = True
        self._connection.close()

    def _count(self, articles: int, passages: int, tokens: int, truncated: int) -> None:
        self.articles += articles
        self.passages += passages
        self.tokens += tokens
        self.truncated += truncated

    def _write_waiting(self) -> None:
        """Copy the articles that wait to be taken over; together they cost a fraction."""
        if not self._waiting or self._before is None:
            return
        import numpy as np

        waiting, self._waiting = self._waiting, []
        with self._errors():
            self._connection.executemany(_TAKE_OVER, waiting)
        articles = np.array([(row, before) for row, _, before in waiting], dtype=np.int64)
        counts = self._before.known.passages[articles[:, 1]]
        begins = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) + np.repeat(self._before.article_starts[articles[:, 1]] - begins, counts)
        passages = np.array(self._before.passage_table[rows])
        passages[:, 0] = np.repeat(articles[:, 0], counts)
        self._passages.frombytes(passages.tobytes())
        self._keys += self._before.passage_keys()[rows].tobytes()
        self._rows_before.frombytes(rows.astype(np.int64).tobytes())

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Say which file it is that SQLite could not write, on a full disk for one."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise IndexWriteError(
                self._path, f"cannot be written ({error}): see whether that disk is full or broken and build again"
            ) from error


class KnownArticles(NamedTuple):
    """What a rebuild asks of the archive before, an entry for each article in the order of the rows.

    Attributes:
        ids: The ids.
        digests: See :func:`content_digest`.
        places: Where they were read.
        passages: ``(n,)`` int64: how many passages each has.
        tokens: ``(n,)`` int64: the tokens of these.
        truncated: ``(n,)`` int64: those beyond the embedder's limit.
    """

    ids: list[str]
    digests: list[bytes]
    places: list[str]
    passages: NDArray[np.int64]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.int64]


class Archive:
    """Reads an archive. One connection serves all threads, one at a time.

    Attributes:
        passage_table: ``(passages, 4)`` uint32, memory-mapped: the article's row, the paragraph, start and end.
        article_starts: ``(articles,)`` int64: the first passage of each article; an article's passages are together.
    """

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self._path = folder / ARTICLES
        self._lock = threading.Lock()
        self.passage_table: NDArray[np.uint32] = load_table(folder / PASSAGES, "<u4", _PASSAGE_COLUMNS)
        articles = self.passage_table[:, 0]
        starts = np.flatnonzero(np.diff(articles.astype(np.int64), prepend=-1))
        if not np.array_equal(articles[starts], np.arange(len(starts))):
            raise IndexCorruptError(folder / PASSAGES, "does not have the passages of one article after the other")
        self.article_starts: NDArray[np.int64] = starts
        # immutable: SQLite takes no locks and looks for no journal, as a generation never changes.
        self.uri = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(self.uri, uri=True, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise IndexCorruptError(self._path, f"cannot be opened ({error})") from None
        try:
            # Nothing of the file is a program: what it has in its schema calls no functions, and it has nothing there.
            self._fetch("PRAGMA trusted_schema = OFF")
            self._fetch(f"PRAGMA cache_size = -{_CACHE}")
            self._check_schema()
        except IndexCorruptError:
            self._connection.close()
            raise
        _where.add_functions(self._connection)
        self._known_articles: KnownArticles | None = None
        self._known: set[tuple[str, ...]] = set()  # metadata fields that some article has

    def close(self) -> None:
        """Close the file. Reading from it then raises :class:`sqlite3.ProgrammingError`."""
        with self._lock:
            self._connection.close()

    def _check_schema(self) -> None:
        """Check that there are the tables that were written, and no views or triggers in their place or beside them."""
        found = self._fetch("SELECT sql FROM sqlite_master")
        statements = [" ".join(str(statement).split()) for (statement,) in found if statement is not None]
        if sorted(statements) != sorted(_STATEMENTS):
            raise IndexCorruptError(self._path, "has other tables than an index")

    def _row(self, row: object) -> int:
        """Return the row of an article that the file speaks of."""
        if not isinstance(row, int) or not 0 <= row < len(self.article_starts):
            raise IndexCorruptError(self._path, f"has an article in row {row}")
        return row

    def counts(self) -> tuple[int, int]:
        """Return the number of articles, by the last row: counting would read every page; and that of passages."""
        ((articles,),) = self._fetch("SELECT COALESCE(MAX(row) + 1, 0) FROM articles")
        return int(articles), len(self.passage_table)

    def check(self) -> None:
        """Check the file's structure, that no row is missing, and that every passage lies in its article.

        Raises:
            IndexCorruptError: If something is wrong.
        """
        import numpy as np

        ((verdict, *_),) = self._fetch("PRAGMA integrity_check(1)")
        if verdict != "ok":
            raise IndexCorruptError(self._path, f"is damaged ({verdict})")
        ((count, first),) = self._fetch("SELECT COUNT(*), COALESCE(MIN(row), 0) FROM articles")
        if (count, first) != (self.counts()[0], 0):
            raise IndexCorruptError(self._path, "has gaps in the rows of its articles")
        lengths = np.array([len(self._text(text)) for (text,) in self._in_blocks("text FROM articles")])
        _, _, start, end = self.passage_table.T
        stray = np.flatnonzero((start >= end) | (end > np.repeat(lengths, self._passage_counts())))
        if len(stray):
            path = self._path.with_name(PASSAGES)
            raise IndexCorruptError(path, f"has a passage outside its article (row {stray[0]})")

    def _passage_counts(self) -> NDArray[np.int64]:
        """Return how many passages each article has."""
        import numpy as np

        return np.diff(self.article_starts, append=len(self.passage_table))

    def article_row(self, article_id: str) -> int | None:
        """Return the row of the article with this id, or None if there is none."""
        found = self._fetch("SELECT row FROM articles WHERE id = ?", (article_id,))
        return self._row(found[0][0]) if found else None

    def article(self, row: int) -> Article:
        """Return the article of a row.

        Raises:
            IndexCorruptError: If it is missing, or what is there is not an article.
        """
        return self._articles_of([row])[row]

    def sources(self) -> list[SourceSummary]:
        """Return what there is of each source, in no order; it takes to read the days and sources of all articles.

        Raises:
            IndexCorruptError: If what is there is not a day or a source.
        """
        found = self._fetch("SELECT source, COUNT(*), MIN(published), MAX(published) FROM articles GROUP BY source")
        try:
            return [
                SourceSummary(source, count, *(None if day is None else dt.date.fromisoformat(day) for day in days))
                for source, count, *days in found
            ]
        except (TypeError, ValueError) as error:
            raise IndexCorruptError(self._path, f"holds something else than a day ({error})") from None

    def passages(self, rows: Iterable[int]) -> dict[int, StoredPassage]:
        """Return the passages of these rows.

        Raises:
            IndexCorruptError: If one is missing, or what is there is not a passage.
        """
        wanted = sorted({int(row) for row in rows})
        found = self._passage_columns(wanted)
        articles = self._articles_of(sorted({article for article, *_ in found}))
        return {
            row: StoredPassage(Passage(articles[article].text[start:end], paragraph, start, end), articles[article])
            for row, (article, paragraph, start, end) in zip(wanted, found, strict=True)
        }

    def passage_texts(self, rows: Sequence[int]) -> list[str]:
        """Return the texts of the passages of these rows, in their order: without the articles, in half the time.

        Raises:
            IndexCorruptError: As :meth:`passages`.
        """
        found = self._passage_columns(rows)
        texts = dict(self._of_articles("text", sorted({each[0] for each in found})))
        return [self._text(texts[article], start, end) for article, _, start, end in found]

    def _passage_columns(self, rows: Sequence[int]) -> list[list[int]]:
        """Return what the table has of passages: the article's row, the paragraph, start and end."""
        beyond = [row for row in rows if not 0 <= row < len(self.passage_table)]
        if beyond:
            raise IndexCorruptError(self._path.with_name(PASSAGES), f"has no passage {beyond[0]}")
        columns: list[list[int]] = self.passage_table[list(rows)].tolist()
        return columns

    def _articles_of(self, rows: Sequence[int]) -> dict[int, Article]:
        return {row: self._article(columns) for row, *columns in self._of_articles(_ARTICLE_COLUMNS, rows)}

    def _of_articles(self, columns: str, rows: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return the row and these columns of each of these articles."""
        found: list[tuple[Any, ...]] = []
        for at in range(0, len(rows), _SQL_VARIABLES):
            found += self._select(f"row, {columns} FROM articles", rows[at : at + _SQL_VARIABLES])
        if len(found) != len(rows):
            missing = min(set(rows) - {int(entry[0]) for entry in found})
            raise IndexCorruptError(self._path, f"has no article {missing}")
        return found

    def passage_keys(self) -> NDArray[np.uint8]:
        """Return what identifies what was embedded for each passage: ``(passages, 16)`` uint8.

        Raises:
            IndexCorruptError: If there is not one for each.
        """
        path = self._path.with_name(KEYS)
        keys: NDArray[np.uint8] = load_table(path, "|u1", _KEY_BYTES)
        if len(keys) != len(self.passage_table):
            raise IndexCorruptError(path, f"holds {len(keys)} keys, there are {len(self.passage_table)} passages")
        return keys

    @property
    def known(self) -> KnownArticles:
        """What a rebuild asks of it; read once."""
        import numpy as np

        if self._known_articles is None:
            rows = list(self._in_blocks("id, digest, place, tokens, truncated FROM articles"))
            self._require_types(rows, (str, bytes, str, int, int))
            self._known_articles = KnownArticles(
                [row[0] for row in rows],
                [row[1] for row in rows],
                [row[2] for row in rows],
                self._passage_counts(),
                np.array([row[3] for row in rows], dtype=np.int64),
                np.array([row[4] for row in rows], dtype=np.int64),
            )
        return self._known_articles

    def files(self) -> dict[str, ReadFile]:
        """Return what was read of the corpus's files, by their places."""
        rows = self._fetch("SELECT place, id, digest, first, articles FROM files")
        self._require_types(rows, (str, str, bytes, int, int))
        files = [ReadFile(*row) for row in rows]
        for file in files:
            if not 0 <= file.first <= file.first + file.articles <= len(self.article_starts):
                raise IndexCorruptError(self._path, f"has a file with articles from row {file.first} on")
        return {file.place: file for file in files}

    def _require_types(self, rows: Iterable[tuple[Any, ...]], types: tuple[type, ...]) -> None:
        """Check what a build takes over as it stands: SQLite keeps in a column what it is given."""
        for row in rows:
            if tuple(map(type, row)) != types:
                raise IndexCorruptError(self._path, "holds something else than what was read")

    def articles(self) -> Iterator[tuple[str, Article]]:
        """Yield every article with the place that it came from, in the order of the rows."""
        for place, *columns in self._in_blocks(f"place, {_ARTICLE_COLUMNS} FROM articles"):
            yield str(place), self._article(columns)

    def titled(self, unit: str, articles: NDArray[np.int64] | None = None) -> Iterator[tuple[str, str]]:
        """Yield texts, each after its article's title, in the order of the rows.

        Before each of many passages stands the beginning of a title that is no headline: its first 1,000 characters.

        Args:
            unit: ``"articles"`` for the whole texts, ``"passages"`` for their passages.
            articles: ``(n,)`` int64, ascending: the rows of the articles; None for all.
        """
        begins = [*self.article_starts.tolist(), len(self.passage_table)]
        columns = "row, title, text FROM articles"
        for row, title, text in self._in_blocks(columns) if articles is None else self._some(columns, articles):
            if unit == "articles":
                yield str(title), self._text(text)
                continue
            whole = self._text(text)
            for _, _, start, end in self.passage_table[begins[row] : begins[row + 1]].tolist():
                yield str(title)[:_TITLE], whole[start:end]

    def titled_rows(self, unit: str, rows: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        """Yield the texts of some rows, ``(n,)`` int64, ascending: articles or passages, as :meth:`titled` has them."""
        import numpy as np

        if unit == "articles":
            yield from self.titled(unit, rows)
            return
        wanted = set(rows.tolist())
        articles = np.unique(self.passage_table[rows, 0]).astype(np.int64)
        ends = np.append(self.article_starts, len(self.passage_table))
        numbers = chain.from_iterable(range(ends[article], ends[article + 1]) for article in articles)
        texts = zip(numbers, self.titled(unit, articles), strict=True)
        yield from (text for row, text in texts if row in wanted)

    def rows_besides(self, articles: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the articles, ``(n,)`` int64, ascending, that are not among these."""
        import numpy as np

        return np.setdiff1d(np.arange(len(self.article_starts)), articles)

    def _some(self, columns_from: str, rows: NDArray[np.int64]) -> Iterator[tuple[Any, ...]]:
        for at in range(0, len(rows), _SQL_VARIABLES):
            yield from sorted(self._select(columns_from, rows[at : at + _SQL_VARIABLES].tolist()))

    def _in_blocks(self, columns_from: str) -> Iterator[tuple[Any, ...]]:
        """Yield all rows; the connection is free for others between two blocks."""
        start = 0
        while block := self._fetch(
            f"SELECT {columns_from} WHERE row BETWEEN ? AND ? ORDER BY row",
            (start, start + _BLOCK - 1),
        ):
            yield from block
            start += _BLOCK

    def matching_articles(self, filter: Filter, *, any_field: bool = False) -> list[int]:  # noqa: A002
        """Return the rows of the articles that the filter is for, ascending.

        Raises:
            ValueError: If it names a metadata field that no article has; the message names those that there are. Not
                with ``any_field``: such a field is then missing.
        """
        query = _where.matching(filter)
        for path in query.metadata:
            if not any_field and path not in self._known:
                self._check_known(path)
                self._known.add(path)
        # Sorted here: told to do it, SQLite would read the whole table, which is in that order, and not the index.
        rows = sorted(int(row) for (row,) in self._fetch(query.sql, [query.constants]))
        for row in rows[:1] + rows[-1:]:
            self._row(row)
        return rows

    def _check_known(self, path: tuple[str, ...]) -> None:
        query = _where.having(path)
        if not self._fetch(query.sql, [query.constants]):
            raise unknown_field(path, self.field_names)

    @cached_property
    def field_names(self) -> set[tuple[str, ...]]:
        """The paths of all fields in metadata; it takes to read that of every article."""
        paths: set[tuple[str, ...]] = set()
        try:
            for (metadata,) in self._in_blocks("metadata FROM articles"):
                paths.update(_paths(("metadata",), json.loads(metadata)))
        except (TypeError, ValueError, RecursionError) as error:
            raise IndexCorruptError(self._path, f"holds something else than an article ({error})") from None
        return paths

    def _select(self, columns_from: str, rows: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._fetch(
            f"SELECT {columns_from} WHERE row IN ({', '.join('?' * len(rows))})",
            rows,
        )

    def _fetch(self, query: str, parameters: Sequence[int | str] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except (
                sqlite3.DatabaseError,
                OverflowError,
                UnicodeDecodeError,
            ) as error:  # the last of SQLite's own words
                if isinstance(error, sqlite3.ProgrammingError):
                    raise  # closed: our caller's mistake, not the file's
                raise IndexCorruptError(self._path, f"cannot be read ({error})") from None

    def _text(self, stored: object, start: int = 0, end: int | None = None) -> str:
        try:
            return unpack_text(stored, start, end)
        except ValueError as error:
            raise IndexCorruptError(self._path, f"holds something else than a text ({error})") from None

    def _article(self, columns: Sequence[Any]) -> Article:
        article_id, title, published, source, url, metadata, text = columns
        try:
            return Article(
                id=article_id,
                text=self._text(text),
                title=title,
                published=None if published is None else dt.date.fromisoformat(published),
                source=source,
                url=url,
                metadata=json.loads(metadata),
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise IndexCorruptError(self._path, f"holds something else than an article ({error})") from None


def _paths(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field in an object, and in the objects in it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from _paths((*path, name), inner)
