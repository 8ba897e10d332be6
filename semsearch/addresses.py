"""What tells an index in a folder from one in an engine. It is asked before anything is imported for either."""

from __future__ import annotations

import os
import re

__all__ = ["is_address", "shown"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # a single letter is a drive of Windows
_PASSWORD = re.compile(r"(://[^/@?#:]*):(?:[^/?#]*|.*)@", re.DOTALL)  # if it is cut by one of these, more than it
_SECRET = re.compile(r"([?&](?:password|sslpassword|token)=)[^&#]*", re.IGNORECASE)


def is_address(index: str | os.PathLike[str]) -> bool:
    """Return whether ``index`` is the address of an engine, and not a folder."""
    return isinstance(index, str) and _ADDRESS.match(index) is not None


def shown(index: str | os.PathLike[str]) -> str:
    """Return a folder or an address as people are shown it: without a password."""
    text = os.fspath(index)
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1@", text, count=1)) if is_address(text) else text
