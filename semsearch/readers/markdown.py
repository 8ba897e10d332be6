"""Markdown with optional YAML front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import decode

__all__ = ["read_markdown"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<fields>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FIRST_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+?)[ \t#]*(?:\n|\Z)")


def read_markdown(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a Markdown file: what its front matter says, and the body as it stands.

    The title is the front matter's, or the text's first ``# heading``; the heading is then no part of the body.
    """
    import yaml

    text = decode(stream.read(), origin, log)
    if text is None:
        return
    fields: dict[str, Any] = {}
    front_matter = _FRONT_MATTER.match(text)
    if front_matter is not None:
        try:
            fields = yaml.safe_load(front_matter["fields"]) or {}
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = "" if mark is None else f":{mark.line + 2}"  # after the line of dashes, and counting from 1
            log.problem(origin.place + line, f"the front matter is not YAML ({getattr(error, 'problem', error)})")
            return
        if not isinstance(fields, dict):
            log.problem(f"{origin.place}:2", "the front matter is not a list of 'name: value' lines")
            return
        text = text[front_matter.end() :]
    heading = _FIRST_HEADING.match(text)
    title = ""
    if heading is not None:
        title = heading["title"].strip()
        if _same_title(fields.get("title"), title):
            text = text[heading.end() :]
    located = article_from_fields(fields, origin, log, text=text.strip("\n"), title=title)
    if located is not None:
        yield located


def _same_title(stated: object, heading: str) -> bool:
    return not stated or " ".join(str(stated).split()).casefold() == " ".join(heading.split()).casefold()
