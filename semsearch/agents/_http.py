"""The server over HTTP: who may ask, by which names, and how much."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from semsearch.serving import check_token
from semsearch.serving._bodies import read_body
from semsearch.serving._problems import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PATH", "Guard", "allowed_names", "check_access", "is_loopback", "listening", "shown_url"]

PATH = "/mcp"

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def check_access(host: str, token: str | None, names: Sequence[str]) -> None:
    """Raise ValueError for what would let in anybody."""
    if token is not None:
        check_token(token)
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


class Guard:
    """Lets nobody in who does not send the token, if there is one, and nothing but what the protocol needs here.

    The SDK's server stands behind it, which looks at the Host and the Origin. What it leaves open is closed here: a GET
    holds a connection for as long as the client likes, and a body may come as slowly as it likes.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._look(scope)
        if answer is None:
            try:
                receive = await read_body(scope, receive)
            except Refusal as refusal:
                answer = refusal.response()
        await (answer or self._app)(scope, receive, send)

    def _look(self, scope: Scope) -> Response | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if self._expected is not None:
            given = [value for name, value in headers if name == b"authorization"]
            if len(given) != 1 or not secrets.compare_digest(given[0], self._expected):
                return PlainTextResponse(
                    "send the token: Authorization: Bearer ...", 401, headers={"WWW-Authenticate": "Bearer"}
                )
        if any(name == b"sec-fetch-site" and value not in {b"same-origin", b"none"} for name, value in headers):
            return PlainTextResponse("a page of another site may not ask here", 403)
        if scope["path"] == PATH and scope["method"] != "POST":
            return PlainTextResponse(
                "there are no sessions and no streams: POST is all", 405, headers={"Allow": "POST"}
            )
        return None
