"""Markdown with optional YAML front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import yaml

from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import decode

__all__ = ["read_markdown"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<fields>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_UNCLOSED = re.compile(r"\A---[ \t]*\n[A-Za-z_]\w*:(?:\s|$)", re.MULTILINE)
_FIRST_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+?)[ \t#]*(?:\n|\Z)")


class _PlainLoader(yaml.SafeLoader):
    """Leaves dates as text, so that an impossible one is a note and not the end of the article."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - how YAML's loaders are made
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_markdown(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a Markdown file: what its front matter says, and the body as it stands.

    The title is the front matter's, or the text's first ``# heading``; the heading is then no part of the body.
    """
    text = decode(stream.read(), origin, log)
    if text is None:
        return
    fields: dict[str, Any] = {}
    front_matter = _FRONT_MATTER.match(text)
    if front_matter is not None:
        try:
            fields = _PlainLoader(front_matter["fields"]).get_single_data() or {}
        except yaml.reader.ReaderError as error:
            line = front_matter["fields"].count("\n", 0, error.position) + 2
            log.problem(f"{origin.place}:{line}", f"the front matter is not YAML (it holds {chr(error.character)!r})")
            return
        except Exception as error:  # noqa: BLE001 - a tag such as !!bool raises whatever its value provokes
            mark = getattr(error, "problem_mark", None)
            line = 2 if mark is None else mark.line + 2  # after the line of dashes, and counting from 1
            log.problem(f"{origin.place}:{line}", f"the front matter is not YAML ({getattr(error, 'problem', error)})")
            return
        if not isinstance(fields, dict):
            log.problem(f"{origin.place}:2", "the front matter is not a list of 'name: value' lines")
            return
        text = text[front_matter.end() :]
    elif _UNCLOSED.match(text):
        log.problem(f"{origin.place}:1", "the front matter that begins here is never closed with '---'")
        return
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
