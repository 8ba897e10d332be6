"""What a server is told: whom it answers, and how much it does for them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from semsearch.serving._checks import is_address

__all__ = ["DEFAULT_PORT", "LOOPBACK_NAMES", "Settings", "check_token"]

DEFAULT_PORT = 8642
"""Where ``semsearch serve`` listens."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""What this machine is called on itself."""

_LEAST_TOKEN = 16  # characters; what is made at random has 43
_LEAST_DIFFERENT = 6
_LONGEST_TOKEN = 512
_BURST_SECONDS = 3  # of the rate may be asked for at once


def check_token(token: str) -> str:
    """Return a token that is hard to guess.

    Raises:
        ValueError: If it is short, the same few characters again and again, or cannot stand in a header. The message
            does not show it.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("a token must be printable ASCII characters without spaces: it is sent in a header")
    if not _LEAST_TOKEN <= len(token) <= _LONGEST_TOKEN or len(set(token)) < _LEAST_DIFFERENT:
        raise ValueError(
            f"a token must be {_LEAST_TOKEN} to {_LONGEST_TOKEN} characters, at least {_LEAST_DIFFERENT} of them "
            "different, so that nobody guesses it: openssl rand -hex 24 makes one"
        )
    return token


def _threads() -> int:
    return min(8, max(2, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom a server answers, and how much it does for them.

    Attributes:
        token: What a client must show; None if everybody may ask, which is for loopback alone.
        hosts: The names that the server is asked by (the Host header, without a port); any other is refused, so that
            no web page can reach it by a name of its own (DNS rebinding).
        any_address: Whether any IP address is such a name too: no page can make one its own name.
        threads: How many searches run at the same time.
        waiting: How many more may wait for one of them; who comes then is told to come again (503).
        timeout: The seconds that a search may take, waiting included (503).
        rate: The requests a second that one client may make, on average (429); 0 for any number, which None
            is too but for a server that others than this machine can reach.
        burst: How many of them may come at once; three times the rate if it is None.
        refresh: The seconds between two looks for a newer generation of the index.
        cache_bytes: The bytes of answers that are kept for who asks the same again; 0 for none.

    Raises:
        ValueError: If a value makes no sense.
    """

    token: str | None = field(default=None, repr=False)
    hosts: Iterable[str] = LOOPBACK_NAMES
    any_address: bool = False
    threads: int = field(default_factory=_threads)
    waiting: int = 32
    timeout: float = 10.0
    rate: float | None = None
    burst: int | None = None
    refresh: float = 1.0
    cache_bytes: int = 32 * 2**20

    def __post_init__(self) -> None:
        if self.token is not None:
            check_token(self.token)
        if isinstance(self.hosts, str):
            raise ValueError(f"hosts must be a list of names, not {self.hosts!r}")
        object.__setattr__(self, "hosts", frozenset(map(_name, self.hosts)))
        for name, least in (("threads", 1), ("waiting", 0), ("cache_bytes", 0)):
            if type(getattr(self, name)) is not int or getattr(self, name) < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, not {getattr(self, name)!r}")
        if self.burst is not None and (type(self.burst) is not int or self.burst < 1):
            raise ValueError(f"burst must be a whole number of at least 1, not {self.burst!r}")
        for name in ("timeout", "refresh", "rate"):
            value = getattr(self, name)
            if name == "rate" and value is None:
                continue
            if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise ValueError(f"{name} must be a number that is not below 0, not {value!r}")
        if not self.timeout or not self.refresh:
            raise ValueError("timeout and refresh must be above 0 seconds")

    @property
    def most_at_once(self) -> int:
        """How many requests of one client may come at once."""
        return self.burst if self.burst is not None else max(1, math.ceil((self.rate or 0) * _BURST_SECONDS))


def _name(host: str) -> str:
    name = host.strip().strip("[]").rstrip(".").lower()
    if not name or any(sign in name for sign in "/@ ,*") or (":" in name and not is_address(name)):
        raise ValueError(f"{host!r} is not the name of a host: write it without a port, such as news.example.org")
    return name
