"""Text from elsewhere, safe to print on a terminal."""

from __future__ import annotations

import re

__all__ = ["escape_controls", "printable"]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Replace control characters: an article must not clear the screen, or turn the rest of the line around."""
    return _CONTROLS.sub("\ufffd", text)


def escape_controls(line: str) -> str:
    """Escape in a line of JSON what :func:`printable` replaces in text: the line says the same."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", line)
