"""A Model Context Protocol server: the index as tools of a language model.

Everything that an article says is quoted to the model as what it is, text of others; nothing here can change an index.
The SDK (the extra ``mcp``) is imported when a server is started.
"""

from __future__ import annotations

from semsearch.agents._archive import Archive, Limits
from semsearch.agents._serving import make_server, serve_http, serve_stdio

__all__ = ["Archive", "Limits", "make_server", "serve_http", "serve_stdio"]
