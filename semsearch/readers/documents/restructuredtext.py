"""reStructuredText (.rst), by docutils: what it marks up is text, what it includes is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import Block, joined, row_of, without_title
from semsearch.readers._text import read_text

if TYPE_CHECKING:
    from docutils import nodes

__all__ = ["read_restructuredtext"]

MOST_CHARACTERS = 1 << 19
"""docutils takes a second for so many, and half a minute where each is a mark that is never closed."""
_LONGEST_LINE = 10_000
"""docutils reads no longer ones."""
_SETTINGS = {
    "_disable_config": True,  # what is configured in the folder where the user is
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "syntax_highlight": "none",
    "report_level": 5,  # none
    "halt_level": 5,
    "input_encoding": "unicode",
    "line_length_limit": _LONGEST_LINE,
}
_ROLE = re.compile(r":[a-zA-Z][\w.:+-]*:`(?:[^`<]*?)?([^`<>]+?)(?:\s*<[^`<>]*>)?`")
"""A role that docutils does not know, Sphinx's: its text stays."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARAGRAPHS = _names("paragraph attribution caption rubric literal_block doctest_block term line_block")
_VERBATIM = _names("literal_block doctest_block line_block")
_LEFT_OUT = _names("comment substitution_definition target generated raw meta image label pending")
_LONGEST_ITEM = 120


def read_restructuredtext(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a reStructuredText file.

    Its title is the document's, fields at the begin (``:Author:``, ``:Date:``) are the article's; headings, items, rows
    and blocks of code are paragraphs. Nothing is included from other files, and no directive puts raw text in.
    """
    try:
        import docutils  # noqa: F401 - needed below
    except ImportError:
        log.problem(origin.place, missing("documents"))
        return
    text = read_text(stream, origin, log)
    if text is None or not _is_bounded(text, origin, log):
        return
    try:
        document = _parse(text)
        reader = _Reader(origin, log)
        blocks = list(reader.blocks(document))
    except Exception as error:  # noqa: BLE001 - directives raise whatever their text provokes
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else f"{type(error).__name__}: {error}"
        log.problem(origin.place, f"is no reStructuredText that can be read ({reason})")
        return
    title, blocks = without_title(blocks, str(reader.fields.pop("title", "")))
    located = article_from_fields(reader.fields, origin, log, text=joined(blocks), title=title)
    if located is not None:
        yield located


def _is_bounded(text: str, origin: Origin, log: ReadingLog) -> bool:
    if len(text) > MOST_CHARACTERS:
        log.problem(origin.place, f"has more than {MOST_CHARACTERS:,} characters: split it")
        return False
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > _LONGEST_LINE:
            log.problem(f"{origin.place}:{number}", f"a line of more than {_LONGEST_LINE:,} characters: break it")
            return False
    return True


def _parse(text: str) -> nodes.document:
    from docutils.core import publish_doctree

    return publish_doctree(text, settings_overrides=dict(_SETTINGS))


class _Reader:
    """Reads a document's tree in order."""

    def __init__(self, origin: Origin, log: ReadingLog) -> None:
        self._origin, self._log = origin, log
        self.fields: dict[str, Any] = {}
        self._level = 0
        self._runs = 0

    def blocks(self, parent: nodes.Element) -> Iterator[Block]:
        """Yield the paragraphs, headings, items and rows."""
        for node in parent.children:
            kind = type(node).__name__
            if kind in _LEFT_OUT or "contents" in getattr(node, "attributes", {}).get("classes", ()):
                continue
            if kind == "system_message":
                self._drop(node)
            elif kind in {"title", "subtitle"}:
                yield Block(_line(node), max(1, min(6, self._level + 1)))
            elif kind in {"docinfo", "field_list"} and not self._level:
                self._take_fields(node)
            elif kind == "section":
                yield from self._section(node)
            elif kind in _PARAGRAPHS:
                yield from _paragraph(node, kind)
            elif kind in {"bullet_list", "enumerated_list"}:
                yield from self._list(node, is_numbered=kind == "enumerated_list")
            elif kind == "row":
                yield from row_of((list(self.blocks(entry)) for entry in _elements(node)), self._runs)
            else:
                self._runs += kind == "table"
                yield from self.blocks(_as_element(node))

    def _drop(self, message: nodes.Node) -> None:
        """Tell what docutils could make nothing of, such as a directive of Sphinx."""
        for child in message.children:
            if type(child).__name__ == "literal_block":
                self._log.drop(self._origin.place, child.astext(), "docutils does not know what it is")

    def _section(self, node: nodes.Node) -> Iterator[Block]:
        self._level += 1
        yield from self.blocks(_as_element(node))
        self._level -= 1

    def _list(self, node: nodes.Node, *, is_numbered: bool) -> Iterator[Block]:
        self._runs += 1
        run = self._runs
        for number, item in enumerate(_elements(node), start=1):
            for at, block in enumerate(self.blocks(item)):
                if at:
                    yield block
                else:
                    text = f"{number}. {block.text}" if is_numbered else f"- {block.text}"
                    yield Block(text, run=run if len(text) <= _LONGEST_ITEM else 0)

    def _take_fields(self, node: nodes.Node) -> None:
        """Take ``:Author:`` and others at the begin, each once."""
        for child in _elements(node):
            name, value = type(child).__name__, _line(child)
            if name == "field":
                name, value = (_line(part) for part in child.children[:2])
            if name.lower() not in {"text", "id", "metadata"} and value:
                self.fields.setdefault(name.lower(), value)


def _paragraph(node: nodes.Node, kind: str) -> Iterator[Block]:
    text = _text_of(node)
    if kind in _VERBATIM:
        text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
    else:
        text = " ".join(text.split())
    if text.strip():
        yield Block(text)


def _text_of(node: nodes.Node) -> str:
    """Return the text of a node, without the numbers that refer to notes, which would stick to words."""
    from docutils import nodes

    for reference in [*node.findall(nodes.footnote_reference), *node.findall(nodes.citation_reference)]:
        reference.parent.remove(reference)
    text = node.astext()
    if isinstance(node, nodes.line_block):
        text = "\n".join(filter(None, text.split("\n")))
    return _ROLE.sub(r"\1", text) if "`" in text else text


def _line(node: nodes.Node) -> str:
    return " ".join(_text_of(node).split())


def _elements(node: nodes.Node) -> list[nodes.Element]:
    return [_as_element(child) for child in node.children]


def _as_element(node: nodes.Node) -> nodes.Element:
    from docutils import nodes

    return node if isinstance(node, nodes.Element) else nodes.inline("", "", nodes.Text(str(node)))
