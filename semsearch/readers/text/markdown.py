"""Markdown with optional YAML front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import yaml

from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import read_text

__all__ = ["read_markdown"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<fields>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_UNCLOSED = re.compile(r"\A---[ \t]*\n[A-Za-z_]\w*:(?:\s|$)", re.MULTILINE)
_FIELD = re.compile(r"""[ \t]*(["']?)[^\W\d][\w.-]*\1[ \t]*:(?:\s|$)""")


_MOST_CHARACTERS = 1_000_000
"""Of front matter; YAML takes a second or two for so many, and a kilobyte for some."""
_LONGEST_NUMBER = 1000
"""Characters; longer ones are text. YAML reads some in a time that grows with their square, and Python writes none."""
_NEW, _OPEN = -1, -2  # in place of the size of a node


class _PlainLoader(yaml.SafeLoader):
    """Leaves dates as text, so that an impossible one is a note and not the end of the article.

    Refuses what a few aliases make of a few lines: each stands for all that the one before it stands for, ten times.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - how YAML's loaders are made
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        if node is None:
            return None
        # What is written once has at most three for two characters of it: a scalar's own, and one for each node.
        if _written_out(node, {}) > 3 * _MOST_CHARACTERS:
            raise yaml.constructor.ConstructorError(None, None, "its aliases stand for too much", node.start_mark)
        return self.construct_document(node)


def _written_out(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """Return how much there is below a node, an alias counted as all that it stands for."""
    size = known.get(node, _NEW)
    if size == _OPEN:
        raise yaml.constructor.ConstructorError(None, None, "an alias stands within what it names", node.start_mark)
    if size == _NEW:
        known[node] = _OPEN
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        below = sum(_written_out(part, known) for entry in parts for part in _nodes(entry))
        known[node] = size = 1 + below + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
    return size


def _nodes(entry: Any) -> tuple[yaml.Node, ...]:
    """Return the nodes of an entry: one of a sequence, the key and the value of a mapping."""
    return entry if isinstance(entry, tuple) else (entry,)


def _number(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return (
        node.value if len(node.value) > _LONGEST_NUMBER else yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
    )


for _kind in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _number)


def read_markdown(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a Markdown file: what its front matter says, and the body as it stands.

    The title is the front matter's, or the text's first ``# heading``, or the first line if one of ``=====`` underlines
    it; the heading is then no part of the body. Between two thematic breaks (``---``) there is front matter only if it
    begins with ``name:``.
    """
    text = read_text(stream, origin, log)
    if text is None:
        return
    fields: dict[str, Any] = {}
    front_matter = _FRONT_MATTER.match(text)
    if front_matter is not None and _is_fields(front_matter["fields"]):
        found = _read_fields(front_matter["fields"], origin, log)
        if found is None:
            return
        fields = found
        text = text[front_matter.end() :]
    elif _UNCLOSED.match(text):
        log.problem(f"{origin.place}:1", "the front matter that begins here is never closed with '---'")
        return
    title, end = _first_heading(text)
    if title and _same_title(fields.get("title"), title):
        text = text[end:]
    located = article_from_fields(fields, origin, log, text=text.strip("\n"), title=title)
    if located is not None:
        yield located


def _read_fields(block: str, origin: Origin, log: ReadingLog) -> dict[str, Any] | None:
    """Return the fields of front matter, none if it is empty; log a problem and return None if it is none."""
    if len(block) > _MOST_CHARACTERS:
        log.problem(f"{origin.place}:2", f"the front matter has more than {_MOST_CHARACTERS:,} characters")
        return None
    try:
        fields = _PlainLoader(block).get_single_data() or {}
    except yaml.reader.ReaderError as error:
        line = block.count("\n", 0, error.position) + 2
        log.problem(f"{origin.place}:{line}", f"the front matter is not YAML (it holds {chr(error.character)!r})")
        return None
    except Exception as error:  # noqa: BLE001 - a tag such as !!bool raises whatever its value provokes
        mark = getattr(error, "problem_mark", None)
        line = 2 if mark is None else mark.line + 2  # after the line of dashes, and counting from 1
        log.problem(f"{origin.place}:{line}", f"the front matter is not YAML ({getattr(error, 'problem', error)})")
        return None
    if not isinstance(fields, dict):
        log.problem(f"{origin.place}:2", "the front matter is not a list of 'name: value' lines")
        return None
    return fields


def _is_fields(block: str) -> bool:
    """Whether the first line that is neither blank nor a comment has a name; without such a line, it has no blank one.

    A comment looks like a heading: between two thematic breaks that has a blank line around it.
    """
    lines = [line.strip() for line in block.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), None)
    return all(lines) if first is None else bool(_FIELD.match(first))


def _first_heading(text: str) -> tuple[str, int]:
    """Return the heading that the text begins with, of the first level, and the offset after it; none is empty."""
    start = len(text) - len(text.lstrip())
    end = _line_end(text, start)
    line = text[start:end].strip()
    if line[:1] == "#" and line[1:2] in {" ", "\t"}:
        title = line[1:].strip()
        unclosed = title.rstrip("#")
        if not unclosed or unclosed[-1] in " \t":  # the sign of "C#" is part of the name
            title = unclosed.rstrip()
        return title, end
    underline_end = _line_end(text, end)
    underline = text[end:underline_end].rstrip()
    is_underline = set(underline.lstrip()) == {"="} and len(underline) - len(underline.lstrip()) < 4
    # Of an indented line, a quotation, a list or a fence an underline makes no heading.
    is_prose = start == text.rfind("\n", 0, start) + 1 and line[:1] not in set("#>-*+`~=|")
    return (line, underline_end) if line and is_underline and is_prose else ("", 0)


def _line_end(text: str, start: int) -> int:
    """Return the offset after the line that begins at ``start``, its line end included."""
    return text.find("\n", start) + 1 or len(text)


def _same_title(stated: object, heading: str) -> bool:
    return not stated or " ".join(str(stated).split()).casefold() == " ".join(heading.split()).casefold()
