"""What is said where a format needs a library that is not installed."""

from __future__ import annotations

__all__ = ["missing"]


def missing(extra: str) -> str:
    """Return the reason for which a file is not read: the extra of this package that reads it is not installed."""
    return f'needs "{extra}" support: pip install "semsearch[{extra}]"'
