"""SQLite files: a row of a table an article. The file is data: no view, function or virtual table of it runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from semsearch.readers._fields import KNOWN_NAMES
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import MOST_BYTES
from semsearch.readers.tables._records import FewWords, Record, articles_of, columns_fit, has_text, listed

__all__ = ["read_sqlite"]

_BEGIN = b"SQLite format 3\0"
_PATIENCE = 60.0
"""Seconds that SQLite may take for the next row, or for the first: it takes no time, but in a file that means harm."""
_STEPS = 100_000  # of SQLite's machine between two looks at the clock
_LEAST_ROW = 2  # bytes that a row takes in the file; more rows than fit are pages that are read in circles
_MOST_TABLES = 1000
_HIDDEN_COLUMN = 0  # what PRAGMA table_xinfo says of one that is neither hidden nor computed
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table: its columns, and those of them that are its primary key; ``row`` is the name of its row number."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    row: str | None


def read_sqlite(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a row of the table that ``origin.fields`` names, or of the only one with a text.

    Without a column for the id it is the file's and the row's primary key, or its number. Empty fields and bytes are
    left out. What a program has written and not yet brought into the file itself (``-wal``) is not read.
    """
    few = FewWords(log)
    if stream.read(len(_BEGIN)) != _BEGIN:
        # Other programs call their files .db too: Windows makes a Thumbs.db of every folder with pictures.
        say = few.note if origin.place.lower().endswith(".db") else few.problem
        say(origin.place, "not read: it is no SQLite file")
        return
    try:
        with _path_of(stream) as path:
            _note_unwritten(path, origin, log)
            with closing(_open(path)) as connection:
                yield from _articles(connection, path.stat().st_size, origin, few)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError) as error:
        reason = "its rows never end" if "interrupted" in str(error) else str(error)
        few.problem(origin.place, f"is damaged, not read from here on ({reason})")
    few.finish(origin.place)


@contextlib.contextmanager
def _path_of(stream: BinaryIO) -> Iterator[Path]:
    """Give the path of an open file, or of a copy of what has none: SQLite opens files itself."""
    name = getattr(stream, "name", None)
    if isinstance(name, str):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(name), os.fstat(stream.fileno())):  # noqa: PTH116
                yield Path(name)
                return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy.sqlite")
        with path.open("wb") as copy:
            stream.seek(0)
            shutil.copyfileobj(stream, copy)
        yield path


def _note_unwritten(path: Path, origin: Origin, log: ReadingLog) -> None:
    with contextlib.suppress(OSError):
        if Path(f"{path}-wal").stat().st_size:
            log.note(origin.place, "what is in its -wal file is not read: close the program that writes to it")


def _open(path: Path) -> sqlite3.Connection:
    """Open a file so that nothing is written, and nothing of it is a program."""
    # immutable: no lock is taken, and no journal beside the file is looked for or rolled back.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cell_size_check = ON")
        if sys.version_info >= (3, 11):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MOST_BYTES)
        connection.text_factory = _text
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _text(raw: bytes) -> str:
    """Decode a text; what is no UTF-8 is Windows-1252, as old programs write it, or damaged."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _articles(connection: sqlite3.Connection, size: int, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    clock = _Clock(connection)
    tables = {table.name: table for table in _tables(connection)}
    table = _chosen(tables, origin, log)
    if table is None:
        return
    here = origin._replace(place=f"{origin.place}:{table.name}")
    if columns_fit(table.columns, here, log):
        # Whatever the file's schema would have SQLite call is refused.
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
        records = _records(connection, table, size, clock, here)
        yield from articles_of(records, here, log, known=True)


class _Clock:
    """Ends a statement in which nothing comes for too long."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.restart()
        connection.set_progress_handler(lambda: time.monotonic() > self._end, _STEPS)

    def restart(self) -> None:
        """Begin to count anew."""
        self._end = time.monotonic() + _PATIENCE


def _tables(connection: sqlite3.Connection) -> Iterator[_Table]:
    """Yield the ordinary tables with their ordinary columns: neither views nor what code computes."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' LIMIT ?"
    for name, statement in connection.execute(query, (_MOST_TABLES,)).fetchall():
        words = str(statement).split(None, 2)
        if len(words) < 2 or words[1].upper() == "VIRTUAL" or not isinstance(name, str):
            continue
        found = connection.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
        columns = [(str(column), key) for _, column, _, _, _, key, hidden in found if hidden == _HIDDEN_COLUMN]
        names = tuple(column for column, _ in columns)
        key = tuple(column for column, position in sorted(columns, key=lambda each: each[1]) if position)
        yield _Table(name, names, key, _row_number(connection, name, names))


def _row_number(connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> str | None:
    """Return what the number of a row is called in a table, None if its rows have none (WITHOUT ROWID)."""
    taken = {column.lower() for column in columns}
    for name in ("rowid", "_rowid_", "oid"):
        if name not in taken:
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute(f"SELECT {name} FROM {_quoted(table)} LIMIT 0")  # noqa: S608 - nothing but a name
                return name
    return None


def _chosen(tables: dict[str, _Table], origin: Origin, log: ReadingLog) -> _Table | None:
    """Return the table that is named, or the only one with a text; log a problem and return None if there is none."""
    wanted = origin.fields.table
    if wanted is not None:
        if wanted not in tables:
            log.problem(origin.place, f"there is no table {wanted!r} for --table: the tables are {listed(tables)}")
        return tables.get(wanted)
    if not tables:
        log.problem(origin.place, "there is no table in it")
        return None
    fitting = [table for table in tables.values() if has_text(dict.fromkeys(table.columns, ""), origin.fields)]
    if len(fitting) == 1 or len(tables) == 1:
        return (fitting or list(tables.values()))[0]
    names = [table.name for table in fitting] or list(tables)
    what = "more than one table has a text" if fitting else "no table has a text that is known by its name"
    more = "" if fitting else " and its column with --text COLUMN"
    log.problem(origin.place, f"{what}: say which of {listed(names)} it is with --table NAME{more}")
    return None


def _records(
    connection: sqlite3.Connection, table: _Table, size: int, clock: _Clock, origin: Origin
) -> Iterator[Record]:
    known = origin.fields.id or KNOWN_NAMES["id"]
    key = table.key if table.key and not set(known) & set(table.columns) else ()
    names = ", ".join([*map(_quoted, table.columns), *([table.row] if table.row else [])])
    cursor = connection.execute(f"SELECT {names} FROM {_quoted(table.name)}")  # noqa: S608 - names, each quoted
    last: int | None = None
    for number, values in enumerate(cursor, start=1):
        clock.restart()
        row = values[len(table.columns)] if table.row else number
        if number > max(size // _LEAST_ROW, 1) or (last is not None and row <= last):
            raise sqlite3.DatabaseError("its rows are not in their order")
        last = row
        record = dict(zip(table.columns, values, strict=False))
        parts = [record[column] for column in key]
        identity = "/".join(map(str, parts)) if parts and None not in parts else str(row)
        fields = {name: value for name, value in record.items() if not (value in (None, "") or _is_bytes(value))}
        yield origin._replace(place=f"{origin.place}:{identity}", id=f"{origin.id}:{identity}"), fields


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
