"""What fields are called."""

from __future__ import annotations

import re

from semsearch.records import is_unicode

__all__ = ["BARE_NAME", "BUILT_IN", "KEYWORDS", "PUBLISHED", "check_path", "check_text", "field_name", "quoted"]

_MAX_NAMES = 20  # in a path: each is a table in a join, of which SQLite takes 64
_TEXT_FIELDS = ("id", "title", "source", "url")

PUBLISHED = ("published",)
BUILT_IN = {**{name: (name,) for name in _TEXT_FIELDS}, "published": PUBLISHED, "date": PUBLISHED}
"""The paths of the fields that every article has, by their names."""

KEYWORDS = {"and", "or", "not", "in", "has"}
BARE_NAME = re.compile(r"[\w-]+")
"""A name that needs no quotes."""


def check_path(path: object) -> None:
    """Raise a ValueError if this is the path of no field."""
    if not isinstance(path, tuple) or not path or not all(isinstance(name, str) for name in path):
        raise ValueError(f"a field's path is a tuple of names, not {path!r}")
    if path[0] == "metadata":
        if len(path) == 1:
            raise ValueError("metadata is no field by itself: write metadata.NAME")
        if len(path) > _MAX_NAMES + 1:
            raise ValueError(f"a metadata field is at most {_MAX_NAMES} names deep, not {len(path) - 1}")
        for name in path:
            check_text(name, "a field's name")
    elif len(path) > 1 or BUILT_IN.get(path[0]) != path:
        raise ValueError(f"unknown path {path!r}, expected one of {', '.join(_TEXT_FIELDS)}, published and metadata")


def check_text(text: str, what: str) -> None:
    """Raise a ValueError if no article can hold this text."""
    if "\x00" in text or not is_unicode(text):
        raise ValueError(f"{what} contains a NUL character or half of a surrogate pair, which no article can: {text!r}")


def field_name(path: tuple[str, ...]) -> str:
    """Return the shortest text that names this field in a filter."""
    names = path[1:] if len(path) > 1 and path[1] not in (*BUILT_IN, "metadata") else path
    return ".".join(
        name if BARE_NAME.fullmatch(name) and name.lower() not in KEYWORDS else quoted(name) for name in names
    )


def quoted(text: str) -> str:
    """Return a text in quotes."""
    return '"' + text.replace('"', '""') + '"'
