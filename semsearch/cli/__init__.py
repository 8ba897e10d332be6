"""The ``semsearch`` command: parse, call, print. What a command does is in the library."""

from __future__ import annotations

from semsearch.cli._main import main

__all__ = ["main"]
