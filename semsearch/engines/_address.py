"""Where an index is: a folder, or an address of an engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from semsearch.addresses import is_address
from semsearch.engines._protocol import Engine

__all__ = ["Address", "is_address", "open_engine", "parse_address"]

_SCHEMES = ("postgresql", "postgres", "milvus", "milvus+tls", "milvus-lite")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_DEFAULT_NAME = "semsearch"
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where an index is in an engine.

    Attributes:
        scheme: ``postgresql``, ``milvus``, ``milvus+tls`` or ``milvus-lite``.
        host: Its machine, or several as libpq has them; of ``milvus-lite`` the path of its file.
        port: None for the usual one.
        user: None if none is named.
        password: Likewise; it is shown nowhere.
        database: The database in the engine; ``""`` for the usual one.
        name: The index's name: letters, digits and underscores.
        timeout: Seconds that one call may take.
        options: What else stands after the question mark: it is for the engine.
    """

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    database: str
    name: str
    timeout: float = _TIMEOUT
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        """Return it without the password."""
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        if self.scheme == "postgresql":
            return f"postgresql://{user}{self.host}{port}/{self.database}?{urlencode({'index': self.name})}"
        database = f"?{urlencode({'database': self.database})}" if self.database else ""
        return f"{self.scheme}://{user}{self.host}{port}/{self.name}{database}"


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: If it cannot be read, or no engine is known by its scheme. No message shows a password.
    """
    parts = urlsplit(text)
    scheme = "postgresql" if parts.scheme == "postgres" else parts.scheme
    if scheme not in _SCHEMES:
        raise ValueError(
            f"there is no engine {parts.scheme!r}: an index is a folder, postgresql://host/database?index=name or "
            "milvus://host:19530/name"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    timeout = _seconds(options.pop("timeout", str(_TIMEOUT)))
    path = unquote(parts.path)
    if scheme == "postgresql":
        database, name = path.strip("/"), options.pop("index", _DEFAULT_NAME)
    elif scheme == "milvus-lite":  # milvus-lite:///folder/file.db/name
        folder, _, name = path.rpartition("/")
        return Address(scheme, folder, None, None, None, "", _checked(name), timeout, options)
    else:
        database, name = options.pop("database", ""), path.strip("/")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the address has no valid port: a number up to 65535 stands after the colon") from None
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    host = parts.hostname or ""
    if not host and scheme != "postgresql":  # libpq finds its own
        raise ValueError(f"the address names no machine: write {scheme}://host/{name or 'name'}")
    return Address(scheme, host, port, user, password, database, _checked(name), timeout, options)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"an index is named by at most 40 letters, digits and underscores, not {name[:60]!r}: "
            "postgresql://host/database?index=name, milvus://host:19530/name"
        )
    return name.lower()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise ValueError(f"timeout is a number of seconds, not {text!r}")
    return seconds


def open_engine(address: str) -> Engine:
    """Connect to the engine that an address names.

    Raises:
        ValueError: If the address cannot be read.
        EngineError: If what talks to the engine is not installed; :class:`~semsearch.EngineUnavailableError` if the
            engine cannot be reached, :class:`~semsearch.EngineAuthError` if it lets nobody in.
    """
    where = parse_address(address)
    if where.scheme == "postgresql":
        from semsearch.engines.postgres import PostgresEngine

        return PostgresEngine(where)
    from semsearch.engines.milvus import MilvusEngine

    return MilvusEngine(where)
