"""The server over HTTP: who may ask, by which names, and how much."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

__all__ = ["PATH", "RequireToken", "allowed_names", "is_loopback", "listening", "shown_url"]

PATH = "/mcp"

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LEAST_TOKEN = 16


def check_access(host: str, token: str | None, names: Sequence[str]) -> None:
    """Raise ValueError for what would let in anybody."""
    if token is not None and len(token) < _LEAST_TOKEN:
        raise ValueError(f"a token must have {_LEAST_TOKEN} characters or more: 'openssl rand -hex 16' makes one")
    if not is_loopback(host):
        if token is None:
            raise ValueError(f"{host} can be reached by other machines: that takes a token that clients must send")
        if _is_everywhere(host) and not names:
            raise ValueError(f"{host} is every address of this machine: say by which names clients call it")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host == ""


def allowed_names(host: str, names: Sequence[str]) -> list[str]:
    """Return what a request may call this server, without ports."""
    return list(dict.fromkeys([*_LOOPBACK, *([] if _is_everywhere(host) else [_bracketed(host)]), *names]))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        OSError: If it cannot.
    """
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=128)


def shown_url(host: str, listener: socket.socket) -> str:
    """Return the address that clients are told."""
    return f"http://{_bracketed(host)}:{listener.getsockname()[1]}{PATH}"


class RequireToken:
    """Lets nobody in who does not send the token."""

    def __init__(self, app: _App, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Answer 401, or let the request through."""
        if scope["type"] == "http" and not self._is_known(scope["headers"]):
            headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"send the token: Authorization: Bearer ..."})
            return
        await self._app(scope, receive, send)

    def _is_known(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name == b"authorization"]
        return len(given) == 1 and secrets.compare_digest(given[0], self._expected)
