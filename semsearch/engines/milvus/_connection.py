"""The connection to a Milvus server, and what its errors are here."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from semsearch.engines._address import Address
from semsearch.errors import EngineAuthError, EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

__all__ = ["PORT", "WORDS", "Connection", "NotThereError"]

WORDS = "words"
"""The option of an address that names a folder for indexes of words."""

PORT = 19530
"""Where a server is that names none."""

_TLS_FILES = ("ca_pem_path", "client_pem_path", "client_key_path", "server_pem_path", "server_name")
"""Options of an address that the client takes as they are."""

# Milvus's own numbers of errors; those from 100 on are of 2.3 and later.
_NOT_THERE = {100, 1600}
_UNAVAILABLE = {
    *(2, 4, 8),  # unavailable, too many requests, too fast; 1 is not ready, but also all that the client refuses
    *(101, 103, 106),  # of a collection: not loaded, not fully loaded, just being loaded
    *(201, 202, 400, 401, 402, 403),  # partitions and replicas that are not loaded or not available
    *(500, 501, 502, 503, 600, 601, 602),  # channels and segments that are on their way to another node
    *(900, 901, 902, 2000),  # nodes that are gone
}
_NOT_ALLOWED = {1400, 1401, 1402, 1800}
_LOGGERS = ("pymilvus.decorators", "pymilvus.client.connection_manager", "pymilvus.client.grpc_handler")
_MOST_SAID = 250  # characters
_SAYS_UNAVAILABLE = re.compile(
    r"unavailable|not ready|not healthy|deadline exceeded|connection refused|connect failed|closed channel|"
    r"node (is )?offline|no available|not loaded|not fully loaded|connection first|timed? ?out|context canceled|"
    r"channel is closed|server is closed|lost connection",
    re.IGNORECASE,
)
_SAYS_NOT_ALLOWED = re.compile(r"auth check failure|permission deny|privilege|unauthenticated", re.IGNORECASE)


class NotThereError(EngineError):
    """The server has no collection, or no alias, with a name."""


class Connection:
    """A client that is made when it is first needed, and made anew after it was lost. Threads may share it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._client: MilvusClient | None = None
        self._version: tuple[int, int] | None = None
        self._closed = False

    @property
    def address(self) -> str:
        """Where the index is, without a password, but with the folder of its words: a command may name it so."""
        shown, words = str(self._address), self._address.options.get(WORDS)
        return shown if words is None else f"{shown}{'&' if '?' in shown else '?'}{urlencode({WORDS: words})}"

    @property
    def timeout(self) -> float:
        """Seconds that one call may take."""
        return self._address.timeout

    @property
    def is_lite(self) -> bool:
        """Whether it is no server, but what stands for one in this process."""
        return self._address.scheme == "milvus-lite"

    @property
    def version(self) -> tuple[int, int]:
        """The server's version; that of milvus-lite is its own."""
        if self._version is None:
            found = re.search(r"(\d+)\.(\d+)", str(self.call("get_server_version")))
            self._version = (0, 0) if found is None else (int(found[1]), int(found[2]))
        return self._version

    def call(self, method: str, /, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """Call a method of the client; ``timeout`` is the address's if none is given.

        Raises:
            EngineUnavailableError: If the server cannot be reached, or cannot answer now.
            EngineAuthError: If it does not let us.
            NotThereError: If there is no collection or alias with that name.
            EngineError: If it refuses for another reason.
        """
        client = None
        try:
            with _quietly():
                client = self._connected()
                return getattr(client, method)(*args, timeout=timeout or self.timeout, **options)
        except EngineError:
            raise
        except Exception as error:
            raise self._translated(error, client) from error

    def close(self) -> None:
        """Let go of it for good."""
        with self._lock:
            self._closed = True
            self._let_go(self._client)

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._closed:
                raise EngineError(self.address, "the connection was closed")
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> MilvusClient:
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise EngineError(
                self.address, "an index in Milvus needs its client: pip install 'semsearch[milvus]'"
            ) from None
        where = self._address
        if self.is_lite:
            try:
                Path(where.host).absolute().parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EngineError(self.address, f"the file cannot be made ({error})") from error
            return MilvusClient(where.host, timeout=self.timeout)
        tls = where.scheme == "milvus+tls"
        token = "" if where.user is None else f"{where.user}:{where.password or ''}"
        if where.user is None and where.password:
            token = where.password  # an API key
        return MilvusClient(
            f"{'https' if tls else 'http'}://{_host(where.host)}:{where.port or PORT}",
            token=token,
            db_name=where.database,
            timeout=self.timeout,
            dedicated=True,
            **{name: where.options[name] for name in _TLS_FILES if name in where.options},
        )

    def _let_go(self, client: MilvusClient | None) -> None:
        """Let go of a client, if it is still the one: another thread may have made a new one."""
        is_current = client is self._client
        if client is not None and is_current:
            self._client = None
            with contextlib.suppress(Exception):
                client.close()

    def _translated(self, error: Exception, client: MilvusClient | None) -> EngineError:
        """Return what an error of the client is here. The connection is let go of where it is lost."""
        import grpc

        causes = list(_causes(error))
        states = {cause.code() for cause in causes if isinstance(cause, grpc.RpcError) and hasattr(cause, "code")}
        numbers = {number for cause in causes for number in [getattr(cause, "code", None)] if isinstance(number, int)}
        states |= {
            state for cause in causes for state in [getattr(cause, "code", None)] if isinstance(state, _states())
        }
        said = _said(error)
        if states & {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED} or (
            numbers & _NOT_ALLOWED or _SAYS_NOT_ALLOWED.search(said)
        ):
            return EngineAuthError(
                self.address,
                f"the server does not let {self._address.user or 'a user without a name'} do this ({said})",
            )
        if numbers & _NOT_THERE:
            return NotThereError(self.address, said)
        lost = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
        if states & lost or numbers & {2} or "closed channel" in said:
            with self._lock:
                self._let_go(client)
            return EngineUnavailableError(
                self.address, f"the server cannot be reached: is it running, and are host and port right? ({said})"
            )
        if states & {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED}:
            return EngineUnavailableError(self.address, f"the server did not answer within {self.timeout:g} s ({said})")
        if numbers & _UNAVAILABLE or _SAYS_UNAVAILABLE.search(said) or isinstance(error, OSError):
            return EngineUnavailableError(self.address, f"the server cannot answer now ({said})")
        return EngineError(self.address, f"the server refuses ({said})")


_calling = threading.local()


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not getattr(_calling, "now", False)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the client from logging, in this thread alone: it logs each error that it raises, with a traceback."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # once
    _calling.now = True
    try:
        yield
    finally:
        _calling.now = False


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _states() -> type:
    import grpc

    state: type = grpc.StatusCode
    return state


def _said(error: Exception) -> str:
    message = getattr(error, "message", None)
    said = message if isinstance(message, str) and message else str(error)
    if hasattr(error, "details") and callable(error.details):
        said = str(error.details() or said)
    said = " ".join(said.split())
    return (
        said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]} ... {said[-_MOST_SAID:]}"
    )  # it ends with the reason


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
