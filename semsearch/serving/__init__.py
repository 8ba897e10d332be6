"""A page to search on, and an HTTP API behind it.

    >>> from semsearch.serving import make_app, serve
    >>> serve("index")  # until it is interrupted
    >>> app = make_app("index")  # an ASGI application, for a server of one's own

``docs/serve.md`` documents the API, what is bounded, and what is refused. Needs ``pip install "semsearch[serve]"``.
"""

from __future__ import annotations

from semsearch.serving._serve import describe_api, make_app, serve
from semsearch.serving._settings import DEFAULT_PORT, LOOPBACK_NAMES, Settings, check_token

__all__ = ["DEFAULT_PORT", "LOOPBACK_NAMES", "Settings", "check_token", "describe_api", "make_app", "serve"]
