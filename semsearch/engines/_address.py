"""Where an index is: a folder, or an address of an engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from semsearch.addresses import is_address
from semsearch.engines._protocol import Engine

__all__ = ["Address", "is_address", "open_engine", "parse_address"]

_SCHEMES = ("postgresql", "postgres", "milvus", "milvus+tls", "milvus-lite")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_DEFAULT_NAME = "semsearch"
_TIMEOUT = 60.0
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_DRIVE = re.compile(r"/[A-Za-z]:/")
_EXAMPLES = "postgresql://host/database?index=name or milvus://host:19530/name"
_ENCODE = "in a name or a password, @ is written %40, : %3A, / %2F, ? %3F, # %23 and % %25"


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
        options: What else stands after the question mark: it is for the engine, and not shown either.
    """

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    database: str
    name: str
    timeout: float = _TIMEOUT
    options: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)

    def __str__(self) -> str:
        """Return it without the password, so that it can be read again."""
        if self.scheme == "milvus-lite":
            return f"{self.scheme}://{quote(self.host)}/{self.name}"
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe=",")
        port = f":{self.port}" if self.port is not None else ""
        if self.scheme == "postgresql":
            database = quote(self.database, safe="")
            return f"postgresql://{user}{host}{port}/{database}?{urlencode({'index': self.name})}"
        of_database = f"?{urlencode({'database': self.database})}" if self.database else ""
        return f"{self.scheme}://{user}{host}{port}/{self.name}{of_database}"


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: If it cannot be read, or no engine is known by its scheme. No message shows a password.
    """
    parts = _split(text)
    options = _options(parts)
    timeout = _seconds(options.pop("timeout", str(_TIMEOUT)))
    path = unquote(parts.path)
    if parts.scheme == "milvus-lite":  # milvus-lite:///folder/file.db/name
        file, _, name = (unquote(parts.netloc) + path).rpartition("/")
        file = file[1:] if _DRIVE.match(file) else file
        if not file:
            raise ValueError(f"the address names no file: write milvus-lite:///folder/file.db/{name or 'name'}")
        return Address(parts.scheme, file, None, None, None, "", _checked(name), timeout, options)
    if parts.scheme == "postgresql":
        database, name = path.strip("/"), options.pop("index", _DEFAULT_NAME)
    else:
        database, name = options.pop("database", ""), path.strip("/")
    user, password = (
        options.pop(field, None) if part is None else unquote(part)
        for field, part in (("user", parts.username), ("password", parts.password))
    )
    host = _host(parts)
    if not host and parts.scheme != "postgresql":  # libpq finds its own
        raise ValueError(f"the address names no machine: write {parts.scheme}://host/{name or 'name'}")
    return Address(parts.scheme, host, _port(parts), user, password, database, _checked(name), timeout, options)


def _split(text: str) -> SplitResult:
    """Return the parts of an address, the scheme as it is known."""
    if not is_address(text):
        raise ValueError(f"an address begins with the name of an engine and '://': {_EXAMPLES}")
    try:
        parts = urlsplit(text)
    except ValueError:  # whose message may show all of it
        raise ValueError(f"the address cannot be read: {_ENCODE}") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"there is no engine {parts.scheme!r}: an index is a folder, {_EXAMPLES}")
    # Where such a character stands in a password, what follows it seems to be something that may be shown.
    cut = "@" not in parts.netloc and ":" in parts.netloc and "@" in parts.query
    if "#" in text or "@" in parts.path or cut:
        raise ValueError(f"the address cannot be read: {_ENCODE}")
    return parts._replace(scheme="postgresql" if parts.scheme == "postgres" else parts.scheme)


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not all(_OPTION.fullmatch(name) for name in options):
        raise ValueError(f"after the question mark of an address stand names with values, index=news: {_ENCODE}")
    return options


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "%" in host and ":" not in host:  # a folder of sockets: its case counts
        return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    return host


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("the address has no valid port: a number up to 65535 stands after the colon") from None


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"an index is named by at most 40 letters, digits and underscores, not {name[:60]!r}: {_EXAMPLES}"
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
