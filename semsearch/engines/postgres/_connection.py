"""Connections to a server: how long they wait, what their errors mean, and which arrays they take."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import AdaptersMap, Buffer, Dumper
from psycopg.pq import Format, TransactionStatus

from semsearch.engines import Address
from semsearch.errors import EngineAuthError, EngineError, EngineUnavailableError

__all__ = ["Connection", "Half", "Rows", "Server", "Single", "TooLateError", "parsed_version", "portion"]

_T = TypeVar("_T")

_INTERVAL = 0.1  # seconds between two looks at the clock
_GRACE = 1.0  # seconds that the server is given to break off by itself what takes too long
_IDLE = 16  # connections that are kept for the next call
_KEEPALIVES = {"keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_INT8, _INT8_ARRAY = 20, 1016  # the same in every database

_SETUP = """
SELECT e.extversion,
    set_config(
        'search_path', coalesce('pg_catalog, ' || quote_ident(n.nspname), current_setting('search_path')), false
    ),
    set_config('statement_timeout', %s, false),
    set_config('jit', 'off', false),
    set_config('work_mem', '64MB', false)
FROM (SELECT 1) one
LEFT JOIN pg_extension e ON e.extname = 'vector'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
"""

# --- arrays that go out as they are in memory -------------------------------------------------------------------


class Rows:
    """Numbers of rows as a parameter: ``(n,)`` int64."""

    def __init__(self, rows: Any) -> None:
        self.rows: NDArray[np.int64] = np.asarray(rows, dtype=np.int64)


class Half:
    """A vector as a parameter of the type ``halfvec``."""

    def __init__(self, vector: NDArray[Any]) -> None:
        self.vector = vector


class Single:
    """A vector as a parameter of the type ``vector``."""

    def __init__(self, vector: NDArray[Any]) -> None:
        self.vector = vector


_ELEMENT = np.dtype([("length", ">i4"), ("value", ">i8")])


class _RowsDumper(Dumper):
    format = Format.BINARY
    oid = _INT8_ARRAY

    def dump(self, obj: Rows) -> Buffer:
        if len(obj.rows) == 0:
            return np.array([0, 0, _INT8], dtype=">i4").tobytes()
        elements = np.empty(len(obj.rows), dtype=_ELEMENT)
        elements["length"] = 8
        elements["value"] = obj.rows
        return np.array([1, 0, _INT8, len(elements), 1], dtype=">i4").tobytes() + elements.tobytes()


class _HalfDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Half) -> Buffer:
        return np.array([len(obj.vector), 0], dtype=">u2").tobytes() + obj.vector.astype(">f2").tobytes()


class _SingleDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Single) -> Buffer:
        return np.array([len(obj.vector), 0], dtype=">u2").tobytes() + obj.vector.astype(">f4").tobytes()


_ADAPTERS = AdaptersMap(psycopg.adapters)
_ADAPTERS.register_dumper(Rows, _RowsDumper)
_ADAPTERS.register_dumper(Half, _HalfDumper)
_ADAPTERS.register_dumper(Single, _SingleDumper)


class _Context:
    """What connections are made with."""

    adapters = _ADAPTERS
    connection = None


# --- connections ------------------------------------------------------------------------------------------------


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up at ``deadline``, on the monotonic clock, if there is one.

    The server breaks off by itself what takes too long; but it may be the server that does not answer any more.
    ``tuned`` is what ``hnsw.ef_search`` and ``hnsw.iterative_scan`` were set to.
    """

    deadline: float | None = None
    tuned: tuple[int, str] = (0, "")
    extension: str | None = None

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        """Wait for the server, as long as the deadline allows."""
        more = {} if timeout is None else {"timeout": timeout}
        return super().wait(gen if self.deadline is None else _until(gen, self.deadline), interval, **more)


def _until(gen: Generator[Any, Any, _T], deadline: float) -> Generator[Any, Any, _T]:
    """Go through ``gen``, and break it off at the deadline: it is told at each interval that nothing came."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise TooLateError("it did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


class TooLateError(psycopg.OperationalError):
    """The server does not answer."""


class WrongOptionError(EngineError, ValueError):
    """An address has an option that nobody knows: a wrong argument, which a command says as it says all it is told."""

    exit_code = 2


class Server:
    """Connections to the server that an address names: a few are kept, and each serves one thread at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()

    def ask(self, work: Callable[[Connection], _T]) -> _T:
        """Let ``work`` read from a connection. What is read is asked for again if a kept connection turns out broken.

        Raises:
            EngineError: As :class:`~semsearch.engines.Collection` says.
        """
        connection = self._take()
        kept = connection is not None
        while True:
            connection = connection or self.connect()
            connection.deadline = time.monotonic() + self.address.timeout + _GRACE
            try:
                answer = work(connection)
            except psycopg.Error as error:
                lost = _is_lost(error, connection)
                connection.close()
                if not (kept and lost):
                    raise self.error(error) from error
                self._forget()
                connection, kept = None, False
            except BaseException:
                connection.close()
                raise
            else:
                self._give(connection)
                return answer

    def _take(self) -> Connection | None:
        with self._lock:
            if self._process != os.getpid():  # those of the process that this one was forked from
                self._idle, self._process = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def _give(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < _IDLE and connection.pgconn.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _forget(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        if self._process == os.getpid():
            self._forget()

    def connect(self, *, patient: bool = False) -> Connection:
        """Connect. A connection that is ``patient`` waits for as long as it is told to, or as the server works.

        Raises:
            EngineError: If that is not possible; ValueError: If the address has an option that nobody knows.
        """
        address = self.address
        parameters: dict[str, Any] = {
            "host": address.host or None,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            "dbname": address.database or None,
            "connect_timeout": max(2, math.ceil(address.timeout)),
            "application_name": "semsearch",
            "client_encoding": "UTF8",
            "tcp_user_timeout": max(30_000, math.ceil(1000 * address.timeout)),
            **_KEEPALIVES,
            **address.options,
        }
        try:
            connection = Connection.connect(autocommit=True, context=_Context(), **parameters)
        except psycopg.ProgrammingError as error:
            raise WrongOptionError(str(address), _first_line(error)) from None
        except psycopg.Error as error:
            raise self._refused(error) from None  # what is chained might show more than the address
        try:
            connection.deadline = time.monotonic() + address.timeout + _GRACE
            timeout = "0" if patient else str(max(1, math.ceil(1000 * address.timeout)))
            row = connection.execute(_SETUP, (timeout,)).fetchone()
            connection.extension = None if row is None else row[0]
            if patient:
                connection.deadline = None
                _notice_that_nobody_listens(connection)
        except psycopg.Error as error:
            connection.close()
            raise self.error(error) from error
        return connection

    def _refused(self, error: psycopg.Error) -> EngineError:
        """Return what it means that no connection was made: the server's code is not told, its words are."""
        reason, where = _first_line(error), str(self.address)
        words = str(error).lower()
        if "fatal" in words and "database" in words and "does not exist" in words:
            return EngineError(where, f"{reason} (create it with 'createdb', or name another one in the address)")
        if any(sign in words for sign in _NOT_LET_IN) or (error.pgconn is not None and error.pgconn.needs_password):
            return EngineAuthError(where, f"{reason} (the user and the password stand in the address, or in ~/.pgpass)")
        return EngineUnavailableError(where, f"{reason} (is the server running, and are host and port right?)")

    def error(self, error: psycopg.Error) -> EngineError:
        """Return what an error of the server means."""
        reason, where, state = _first_line(error), str(self.address), error.sqlstate or ""
        if state == "57014":
            return EngineUnavailableError(where, f"did not answer within {self.address.timeout:g} seconds")
        if (not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)) or state in _PASSING:
            return EngineUnavailableError(where, reason)
        if state[:2] in ("08", "28", "42", "3F") or state[:3] == "57P":
            return self._of_class(state, reason)
        return EngineError(where, reason)

    def _of_class(self, state: str, reason: str) -> EngineError:
        where = str(self.address)
        if state[:2] == "08" or state[:3] == "57P":
            return EngineUnavailableError(where, reason)
        if state[:2] == "28" or state == "42501":
            return EngineAuthError(where, f"{reason} (this user may not do that: grant it, or name another user)")
        if state in ("42P01", "3F000"):
            return EngineError(where, "this version of the index is not there any more: open the index again")
        return EngineError(where, reason)


_NOT_LET_IN = (
    "authentication failed", "no pg_hba.conf entry", "no password supplied", "not permitted to log in",
    "permission denied", "fe_sendauth", "certificate",
)  # fmt: skip
_PASSING = {"40001", "40P01", "53300", "55P03", "25P03"}  # what the same call may not meet again


def _is_lost(error: psycopg.Error, connection: Connection) -> bool:
    """Return whether the connection was broken, as by a server that was started again, and not given up."""
    state = error.sqlstate or ""
    return not isinstance(error, TooLateError) and (connection.closed or state[:3] == "57P" or state[:2] == "08")


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _notice_that_nobody_listens(connection: Connection) -> None:
    """Let the server end what it does, and let go of the lock, soon after this process is no more."""
    for name, value in (("client_connection_check_interval", "1s"), ("tcp_keepalives_idle", "30")):
        with contextlib.suppress(psycopg.Error):  # an older server, or one whose system cannot
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))


def parsed_version(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version."""
    numbers = [int(part) for part in text.split(".") if part.isdecimal()]
    return (*numbers, 0, 0)[0], (*numbers, 0, 0)[1]


@contextlib.contextmanager
def portion(connection: Connection) -> Iterator[None]:
    """Read several things as they are at one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
