"""Front matter and records to an article's fields: the names that archives use."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from semsearch.readers._dates import is_future, parse_date
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.records import Article

__all__ = ["KNOWN_NAMES", "article_from_fields", "has_field"]

KNOWN_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("_id", "id", "article_id", "uuid"),
        "title": ("title", "headline", "article_title"),
        "text": (
            *("text", "body", "content", "article", "full_text", "fulltext", "body_text", "article_text"),
            *("articleBody", "article_body", "maintext", "abstract"),
        ),
        "published": (
            *("published", "date", "pub_date", "publication_date", "published_at", "publishedAt", "published_date"),
            *("date_published", "datePublished", "publish_date", "pubDate", "created_at"),
        ),
        "source": ("source", "publisher", "publication", "outlet", "site"),
        "url": ("url", "link", "permalink", "web_url", "webUrl"),
    }
)
"""What archives call the fields of an article, the likelier names first. What may be anything ("name", "summary",
"timestamp") is not among them: --title and its like name it."""

_DIGITS = 300
"""Of a decimal number; beyond, floats end, and a short text may stand for a number without end."""


def article_from_fields(
    fields: Mapping[str, Any], origin: Origin, log: ReadingLog, *, text: str | None = None, title: str = ""
) -> Located | None:
    """Make an article of the fields of front matter or of a record; log a problem and return None if it is none.

    The names are those that ``origin.fields`` gives, and where it gives none those that are known. Other fields become
    metadata, as do the entries of a field ``metadata`` (BEIR's layout), in which the known names but those of id, title
    and text are looked up too.

    Args:
        fields: The fields as parsed.
        origin: The place, whose id serves where the fields have none, and the names.
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
    named = origin.fields.by_field()
    # What is named is looked for first: it may stand in what is taken apart below.
    body = text if text is not None else _take_text(rest, named["text"])
    found = {field: _take(rest, names) for field, names in named.items() if field != "text"}
    rest, kept = _without_metadata(rest)
    for field, value in found.items():
        # A document (a text with front matter) is none of the records that names were given for.
        if value is None and (text is not None or not named[field]):
            found[field] = _take(rest, KNOWN_NAMES[field])
    rest = {**kept, **rest}
    published, unread = _as_date(found["published"])
    if unread is not None:
        why = "cannot be read" if parse_date(unread) is None else "is to come"
        log.note(origin.place, f"the date {unread!r} {why}, kept as metadata")
        rest["published"] = unread
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


def _without_metadata(rest: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put the entries of ``metadata`` among the others. An id, title or text in it is not the article's, but kept."""
    if not isinstance(rest.get("metadata"), Mapping):
        return rest, {}
    more = {str(name): value for name, value in rest.pop("metadata").items() if name not in rest}
    kept = {name: more.pop(name) for field in ("id", "title", "text") for name in KNOWN_NAMES[field] if name in more}
    return {**more, **rest}, kept


def has_field(fields: Mapping[str, Any], name: str) -> bool:
    """Whether there is a field of this name, or of the path that it is."""
    return name in fields or ("." in name and _at_path(fields, name) is not None)


def _take_text(rest: dict[str, Any], named: Sequence[str]) -> Any:
    """Remove and return the text of a record: all of the texts that were named, or the first that is known."""
    if named:
        texts = [_as_paragraphs(_take(rest, (name,))) for name in named]
        if len(texts) == 1:
            return texts[0]
        return "\n\n".join(text if isinstance(text, str) else str(text) for text in texts if text is not None)
    for name in KNOWN_NAMES["text"]:
        value = rest.get(name)
        if isinstance(value, str) and value:
            return rest.pop(name)
        if value in (None, ""):
            rest.pop(name, None)
    # Anything else by the first two names is a mistake; by the others it may be something else: "article": 17.
    return _take(rest, KNOWN_NAMES["text"][:2])


def _as_paragraphs(value: Any) -> Any:
    """Return a list of texts as one."""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return "\n\n".join(value)
    return value


def _take(fields: dict[str, Any], names: Sequence[str]) -> Any:
    """Remove and return the first of ``names`` that has a value."""
    for name in names:
        if fields.get(name) not in (None, ""):
            return fields.pop(name)
        if name not in fields and "." in name:
            value = _take_at_path(fields, name)
            if value not in (None, ""):
                return value
        fields.pop(name, None)
    return None


def _at_path(fields: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(fields, Mapping):
            return None
        fields = fields.get(name)
    return fields


def _take_at_path(fields: dict[str, Any], path: str) -> Any:
    """Remove and return what stands at ``a.b`` of nested fields, whose other entries stay; None if there is nothing."""
    value = _at_path(fields, path)
    if value is not None:
        *parents, last = path.split(".")
        here = fields
        for name in parents:
            here[name] = here = dict(here[name])  # the record is our caller's
        del here[last]
    return value


def _as_date(value: Any) -> tuple[dt.date | None, str | None]:
    """Return the date, or None and what could not be read as one, or is to come: nothing was published then."""
    if value is None:
        return None, None
    day = value.date() if isinstance(value, dt.datetime) else value
    date = day if isinstance(day, dt.date) else parse_date(str(value))
    return (date, None) if date is not None and not is_future(date) else (None, str(value))


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
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Decimal):
        return _as_number(value)
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _as_number(value: Decimal) -> int | float | str:
    """Return a number of a database as one of JSON, as text where that is not the same number."""
    if not value.is_finite() or abs(value.adjusted()) > _DIGITS:
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
