"""Front matter and JSON objects to an article's fields: the names that archives use."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from semsearch.readers._dates import parse_date
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.records import Article

__all__ = ["article_from_fields"]

_NAMES = {
    "id": ("_id", "id"),
    "title": ("title", "headline"),
    "text": ("text", "body"),
    "published": ("published", "date", "pub_date", "publication_date"),
    "source": ("source", "publisher"),
    "url": ("url", "link"),
}


def article_from_fields(
    fields: Mapping[str, Any], origin: Origin, log: ReadingLog, *, text: str | None = None, title: str = ""
) -> Located | None:
    """Make an article of the fields of front matter or of a JSON object; log a problem and return None if it is none.

    Fields that no name is known for become metadata, as do the entries of a field ``metadata`` (BEIR's layout), in
    which the known names but id, title and text are looked up too.

    Args:
        fields: The fields as parsed.
        origin: The place; its id serves where the fields have none.
        log: Takes problems, and a note where a date cannot be read (it is kept in the metadata).
        text: The body, where it is not among the fields.
        title: Serves where the fields have none.
    """
    try:
        return Located(origin.place, _article(fields, origin, log, text, title))
    except ValueError as error:
        log.problem(origin.place, str(error))
    except RecursionError:
        log.problem(origin.place, "a field is nested too deeply, or holds itself")
    return None


def _article(fields: Mapping[str, Any], origin: Origin, log: ReadingLog, text: str | None, title: str) -> Article:
    rest = {str(name): value for name, value in fields.items()}
    kept: dict[str, Any] = {}
    if isinstance(rest.get("metadata"), Mapping):
        more = {str(name): value for name, value in rest.pop("metadata").items() if name not in rest}
        kept = {name: more.pop(name) for field in ("id", "title", "text") for name in _NAMES[field] if name in more}
        rest = {**more, **rest}
    found = {field: _take(rest, names) for field, names in _NAMES.items()}
    rest = {**kept, **rest}
    published, unread = _as_date(found["published"])
    if unread is not None:
        log.note(origin.place, f"the date {unread!r} cannot be read, kept as metadata")
        rest["published"] = unread
    body = found["text"] if text is None else text
    headline = _as_line(found["title"]) or title
    return Article(
        id=origin.id if found["id"] is None else str(found["id"]).strip(),
        # A record that is only a title is still something to find.
        text=_unix_lines(body) if body not in (None, "") else headline,
        title=headline,
        published=published,
        source=_as_line(found["source"]) or None,
        url=_as_line(found["url"]) or None,
        metadata={name: _as_json(value) for name, value in rest.items()},
    )


def _take(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Remove and return the first of ``names`` that has a value."""
    for name in names:
        if fields.get(name) not in (None, ""):
            return fields.pop(name)
        fields.pop(name, None)
    return None


def _as_date(value: Any) -> tuple[dt.date | None, str | None]:
    """Return the date, or None and what could not be read as one."""
    if value is None or isinstance(value, dt.date):
        return value, None
    date = parse_date(str(value))
    return (date, None) if date is not None else (None, str(value))


def _as_line(value: Any) -> str:
    """Return a name or title as one line of text; of several sources, all."""
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_as_line, value)))
    return "" if value is None else " ".join(str(value).split())


def _unix_lines(value: Any) -> Any:
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _as_json(value: Any) -> Any:
    """Return as text what YAML or Python's JSON can hold and JSON cannot."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _as_json(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [_as_json(entry) for entry in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
