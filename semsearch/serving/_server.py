"""The socket and the loop: uvicorn, told what it does not bound by itself."""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import uvicorn

from semsearch.serving._protocol import BoundedProtocol
from semsearch.serving._settings import LOOPBACK_NAMES, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["is_loopback", "listen", "make_server", "settings_for", "url_of"]

_BACKLOG = 512
_RATE = 20.0  # requests a second and client, where others than this machine can ask


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: If there is no such address here, or the port is in use.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(contextlib.closing(socket.socket(family, kind, protocol)))
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR means that two may share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
        stack.pop_all()
    return bound


def is_loopback(bound: socket.socket) -> bool:
    """Return whether only this machine reaches the socket."""
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


def url_of(bound: socket.socket, host: str, token: str | None) -> str:
    """Return the page's address, with the token if there is one."""
    address, port = bound.getsockname()[:2]
    name = socket.gethostname() if ipaddress.ip_address(address.partition("%")[0]).is_unspecified else host
    query = f"?{urlencode({'token': token})}" if token else ""
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{query}"


def settings_for(settings: Settings, bound: socket.socket, host: str) -> Settings:
    """Return the settings for who can reach the socket: its names, and off loopback a token and a rate."""
    address = bound.getsockname()[0].partition("%")[0]
    if is_loopback(bound):
        rate = 0.0 if settings.rate is None else settings.rate
        return replace(settings, hosts=[*settings.hosts, *LOOPBACK_NAMES, host, address], rate=rate)
    everywhere = ipaddress.ip_address(address).is_unspecified
    return replace(
        settings,
        hosts=[*settings.hosts, *LOOPBACK_NAMES, socket.gethostname() if everywhere else host, address],
        any_address=everywhere or settings.any_address,
        token=settings.token or secrets.token_urlsafe(32),
        rate=_RATE if settings.rate is None else settings.rate,
    )


class _Server(uvicorn.Server):
    """A server that ends with the requests that run, and then returns instead of raising the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the first signal end the server in peace, and a second interrupt at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = [signal.SIGINT, signal.SIGTERM]
        before = {one: signal.signal(one, self.handle_exit) for one in wanted}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def make_server(app: ASGIApp, *, proxies: Sequence[str] = ()) -> uvicorn.Server:
    """Return what serves an application on a socket (``run([socket])``) until the process is told to end."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies) or None,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=30,
    )
    return _Server(config)
