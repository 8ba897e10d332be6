"""Makes the application, and serves it. What that needs is imported when it is done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from semsearch.errors import SemsearchError
from semsearch.serving._settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    from semsearch.searching import LiveIndex
    from semsearch.serving._app import App

__all__ = ["describe_api", "make_app", "serve"]


def describe_api() -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1), which a server has at ``/api/openapi.json``.

    Raises:
        SemsearchError: If FastAPI is not installed.
    """
    _require()
    from semsearch.serving._app import describe

    return describe()


def make_app(index: str | os.PathLike[str] | LiveIndex = "index", settings: Settings | None = None) -> App:
    """Return the page and the API of an index as an ASGI application, for a server of one's own.

    It opens the index and looks for newer generations until it is closed (``app.close()``), which a server's lifespan
    does; one that is mounted in another application has none, and is closed by who made it.

    Args:
        index: The index's folder, its address in an engine, or one that is open; it is closed with the application.
        settings: Whom it answers, and how much it does for them; as on loopback if it is None.

    Raises:
        SemsearchError: As :func:`~semsearch.open_index`, or if FastAPI is not installed.
    """
    _require()
    from semsearch.serving._app import App

    return App(index, settings or Settings())


def serve(
    index: str | os.PathLike[str] | LiveIndex = "index",
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    settings: Settings | None = None,
    proxies: Sequence[str] = (),
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the page and the API of an index until the process is interrupted or told to end.

    Where others than this machine can ask, a token is needed: one is made if the settings have none.

    Args:
        index: As for :func:`make_app`.
        host: The address to listen on, or a name of this machine.
        port: The port; 0 for any that is free.
        settings: As for :func:`make_app`; ``host`` is one of their hosts anyway.
        proxies: The addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        ready: Is called with the address of the page once it can be opened. The token stands in it.

    Raises:
        SemsearchError: As :func:`make_app`, or if there is no such address here, or the port is in use.
    """
    _require()
    from semsearch.serving._app import App
    from semsearch.serving._server import listen, make_server, settings_for, url_of

    try:
        bound = listen(host, port)
    except OSError as error:
        raise SemsearchError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}: name another --port (0 takes one "
            "that is free), or another --host"
        ) from error
    with contextlib.closing(bound):
        settings = settings_for(settings or Settings(), bound, host)
        with App(index, settings) as app:
            if ready is not None:
                ready(url_of(bound, host, settings.token))
            make_server(app, proxies=proxies).run([bound])


def _require() -> None:
    try:
        import fastapi
        import uvicorn
    except ImportError as error:
        raise SemsearchError(f'a server needs {error.name}: pip install "semsearch[serve]"') from None
    _ = fastapi, uvicorn
