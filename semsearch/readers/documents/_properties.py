"""What a document's properties say of it, as far as it can be believed: programs fill them in with anything."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from semsearch.readers._log import Origin, ReadingLog
from semsearch.readers._markup import without_controls

__all__ = ["property_fields", "sensible_title"]

_LONGEST = 300
"""Characters of a title; longer ones are something else."""
_NO_TITLE = re.compile(
    r"untitled\b.*|unbenannt\b.*|sans titre\b.*|no title|title|document\s?\d*|dokument\s?\d*|doc\s?\d*|layout \d+"
    r"|powerpoint presentation|presentation\s?\d*|slide \d+|microsoft (?:word|powerpoint|excel).*|print|output|scan\w*"
    r"|.*\.(?:docx?|odt|rtf|pdf|txt|tex|dvi|qxd|qxp|indd|pptx?|xlsx?|html?|ps|wpd|pages|pub|p65|pmd|fm)\s*",
    re.IGNORECASE | re.DOTALL,
)
_NO_AUTHOR = re.compile(
    r"(?:unknown|author|admin|administrator|user|owner|root|guest|python-docx|microsoft.*)\s?\d*", re.IGNORECASE
)


def sensible_title(text: str) -> str:
    """Return a stated title on one line, or nothing if it is a program's and not a writer's."""
    title = " ".join(without_controls(text).split())
    if len(title) > _LONGEST or _NO_TITLE.fullmatch(title) or not any(each.isalpha() for each in title):
        return ""
    return title if any(each.isspace() for each in title) or len(title) > 3 else ""


def property_fields(
    origin: Origin, log: ReadingLog, *, title: str = "", author: str = "", created: dt.date | None = None
) -> dict[str, Any]:
    """Return the fields that properties give: the date is that of the file's making, which is weak evidence.

    A date in the future is noted and not taken; an author is taken where it is no account's name.
    """
    fields: dict[str, Any] = {}
    if sensible_title(title):
        fields["title"] = sensible_title(title)
    author = " ".join(without_controls(author).split())
    if author and len(author) <= _LONGEST and " " in author and not _NO_AUTHOR.fullmatch(author):
        fields["author"] = author
    if isinstance(created, dt.datetime):
        created = created.date()
    if created is None or created.year < 1980:  # before there were such files: a clock that was not set
        return fields
    if created > dt.datetime.now().astimezone().date():
        log.note(origin.place, f"the date {created} in its properties is in the future, not taken")
        return fields
    return fields | {
        "published": created,
        "published_from": "file's properties",
        "published_confidence": "weak",
    }
