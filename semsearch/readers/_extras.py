"""The libraries that only some formats need: what to say where one is not installed."""

from __future__ import annotations

__all__ = ["missing"]


def missing(extra: str) -> str:
    """Return the reason for a file that only the optional dependencies called ``extra`` can read."""
    return f'needs "{extra}" support: pip install "semsearch[{extra}]"'
