"""Running the server: over standard input and output, or over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.addresses import is_address
from semsearch.agents._archive import Archive
from semsearch.errors import SemsearchError

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server

    from semsearch.embedders import Embedder
    from semsearch.searching import LiveIndex

__all__ = ["make_server", "serve_http", "serve_stdio"]

_LARGEST_BODY = 64 * 1024
_MOST_CONNECTIONS = 100


def make_server(archive: Archive) -> Server[Any]:
    """Return the SDK's server for an archive, to be run over a transport of one's own, or to be asked in memory.

    Raises:
        SemsearchError: If the SDK is not installed.
    """
    try:
        from semsearch.agents._server import build_server
    except ModuleNotFoundError as error:
        raise _without_sdk(error) from None
    return build_server(archive)


def serve_stdio(
    index: str | os.PathLike[str] = "index", *, embedder: Embedder | str | os.PathLike[str] | None = None
) -> None:
    """Serve one client over standard input and output, until it closes them.

    Args:
        index: The index's folder, or its address in an engine. It may be rebuilt meanwhile.
        embedder: As for :func:`~semsearch.open_index`.

    Raises:
        IndexNotFoundError: If there is no index in the folder.
        SemsearchError: If the SDK is not installed.
    """
    _require_index(index)
    try:
        import anyio
        from mcp.server.stdio import stdio_server
    except ModuleNotFoundError as error:
        raise _without_sdk(error) from None

    async def serve() -> None:
        async with stdio_server() as (receive, send):
            await server.run(receive, send, server.create_initialization_options())

    with Archive(_opening(index, embedder)) as archive:
        server = make_server(archive)
        anyio.run(serve)


def serve_http(
    index: str | os.PathLike[str] = "index",
    *,
    host: str = "127.0.0.1",
    port: int = 8643,
    token: str | None = None,
    names: Sequence[str] = (),
    embedder: Embedder | str | os.PathLike[str] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve clients over HTTP (the protocol's streamable HTTP, at ``/mcp``), until a signal ends it.

    Args:
        index: The index's folder, or its address in an engine. It may be rebuilt meanwhile.
        host: Where to listen. What other machines can reach needs a token.
        port: At which port; 0 takes a free one.
        token: What clients must send: ``Authorization: Bearer TOKEN``.
        names: By which other names than ``host`` a request may call this server: its Host header is checked, so that no
            page of another site can ask it.
        embedder: As for :func:`~semsearch.open_index`.
        ready: Is called with the URL once the server listens.

    Raises:
        ValueError: If anybody would be let in.
        IndexNotFoundError: If there is no index in the folder.
        SemsearchError: If the SDK is not installed.
        OSError: If the server cannot listen there.
    """
    try:
        import uvicorn
        from mcp.server.transport_security import TransportSecuritySettings

        from semsearch.agents._http import PATH, Guard, allowed_names, check_access, listening, shown_url
        from semsearch.serving._protocol import BoundedProtocol
    except ModuleNotFoundError as error:
        raise _without_sdk(error) from None
    check_access(host, token, names)
    _require_index(index)
    known = allowed_names(host, names)
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*known, *(f"{name}:*" for name in known)],
        allowed_origins=[
            f"{scheme}://{name}{port}" for scheme in ("http", "https") for name in known for port in ("", ":*")
        ],
    )
    with Archive(_opening(index, embedder)) as archive, listening(host, port) as listener:
        # Without sessions clients can pile nothing up, and lose nothing when the server is started anew.
        app: Any = make_server(archive).streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=_LARGEST_BODY,
            transport_security=security,
            host=host,
        )
        config = uvicorn.Config(
            Guard(app, token),
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=10,
        )
        if ready is not None:
            ready(shown_url(host, listener))
        uvicorn.Server(config).run(sockets=[listener])


def _require_index(index: str | os.PathLike[str]) -> None:
    """Fail before a client is there to be failed. That an engine answers is found out when the index is opened."""
    if not is_address(index):
        from semsearch.storage import live_name

        live_name(Path(index))


def _opening(
    index: str | os.PathLike[str], embedder: Embedder | str | os.PathLike[str] | None
) -> Callable[[], LiveIndex]:
    def opened() -> LiveIndex:
        from semsearch.searching import LiveIndex

        return LiveIndex(index, embedder=embedder)

    return opened


def _without_sdk(error: ModuleNotFoundError) -> SemsearchError:
    return SemsearchError(
        f'the Model Context Protocol needs "{error.name}", which is not installed: pip install "semsearch[mcp]"'
    )
