"""What is said where a format needs a library that is not installed."""

from __future__ import annotations

__all__ = ["missing"]


def missing(extra: str) -> str:
    """Return why a file cannot be read without the optional dependencies ``extra``, and what brings them."""
    return f'needs "{extra}" support: pip install "semsearch[{extra}]"'
