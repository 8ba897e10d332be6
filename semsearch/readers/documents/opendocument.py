"""OpenDocument text (.odt), by lxml: paragraphs, headings, lists, tables, text boxes and notes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import Block, joined, row_of, without_controls, without_title
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.documents._package import Package, open_package, parse_xml, tag_of
from semsearch.readers.documents._properties import property_fields

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["read_opendocument"]

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_NOT_TEXT = frozenset(
    {
        "annotation",
        "annotation-end",
        "tracked-changes",
        "note-citation",
        "ruby-text",
        "bookmark-ref",
        "desc",
        "title",
        "forms",
        "script",
    }
)
_APART = frozenset({"note", "text-box"})
"""What stands in a paragraph and is text of its own."""
_AROUND = frozenset({"section", "frame", "text-box", "note-body", "index-body", "custom-shape", "g", "rect", "a"})
_INDEXES = "table-of-content alphabetical-index illustration-index table-index user-index object-index bibliography"
_LONGEST_ITEM = 120
_MOST_SPACES = 100


def read_opendocument(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of an OpenDocument text.

    Deleted text of tracked changes, comments, headers and footers are no part of it, tables of contents are left out;
    notes follow the paragraph that refers to them. The title is the paragraph of the style "Title", else the
    properties', else the heading that the text begins with.
    """
    try:
        from lxml import etree  # noqa: F401 - needed below
    except ImportError:
        log.problem(origin.place, missing("documents"))
        return
    package = open_package(stream, origin, log)
    if package is None:
        return
    root = parse_xml(package.read("content.xml"), origin, log)
    body = None if root is None else root.find(f".//{_OFFICE}text")
    if root is None or body is None:
        reason = (
            "it is encrypted" if b"encryption-data" in (package.read("META-INF/manifest.xml") or b"") else "damaged"
        )
        log.problem(origin.place, f"is no OpenDocument text that can be read: {reason}, or another kind of document")
        return
    reader = _Reader(root, origin, log)
    try:
        blocks = list(reader.blocks(body))
    except RecursionError:
        log.problem(origin.place, "its parts are nested too deeply")
        return
    fields = _fields(package, origin, log)
    fields["title"], blocks = without_title(blocks, reader.title or fields.get("title", ""))
    text = joined(blocks)
    if len(text) > MOST_BYTES:
        too_large(origin.place, log)
        return
    located = article_from_fields(fields, origin, log, text=text)
    if located is not None:
        yield located


def _fields(package: Package, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    root = parse_xml(package.read("meta.xml"), origin, log)
    if root is None:
        return {}
    found = {tag_of(element): element.text or "" for element in root.iter() if tag_of(element)}
    try:
        created = dt.date.fromisoformat(found.get("creation-date", "")[:10])
    except ValueError:
        created = None
    author = found.get("initial-creator") or found.get("creator", "")
    return property_fields(origin, log, title=found.get("title", ""), author=author, created=created)


class _Reader:
    """Reads the body of a document in order."""

    def __init__(self, root: _Element, origin: Origin, log: ReadingLog) -> None:
        self.title = ""
        styles = root.iterfind(f"{_OFFICE}automatic-styles/{_STYLE}style")
        self._parents = {each.get(f"{_STYLE}name", ""): each.get(f"{_STYLE}parent-style-name", "") for each in styles}
        self._origin, self._log = origin, log
        self._runs = 0

    def blocks(self, container: _Element) -> Iterator[Block]:
        """Yield the paragraphs, items and rows."""
        for child in container:
            tag = tag_of(child)
            if tag in {"p", "h"}:
                yield from self._paragraph(child)
            elif tag in _AROUND:
                yield from self.blocks(child)
            elif tag == "list":
                yield from self._list(child)
            elif tag == "table":
                self._runs += 1
                yield from self._table(child, self._runs)
            elif tag in _INDEXES.split():
                self._log.drop(self._origin.place, " ".join(" ".join(map(str, child.itertext())).split()), tag)

    def _paragraph(self, paragraph: _Element) -> Iterator[Block]:
        texts: list[str] = []
        apart: list[_Element] = []
        _take(paragraph, texts, apart)
        text = "\n".join(" ".join(line.split()) for line in without_controls("".join(texts)).split("\n")).strip()
        style = paragraph.get(f"{_TEXT}style-name", "")
        if text and self._parents.get(style, style) == "Title" and not self.title:
            self.title = " ".join(text.split())
        elif text and tag_of(paragraph) == "h":
            yield Block(" ".join(text.split()), _level(paragraph))
        elif text:
            yield Block(text)
        for element in apart:
            yield from self.blocks(element)

    def _list(self, element: _Element) -> Iterator[Block]:
        self._runs += 1
        run = self._runs
        for item in element:
            marker = "- "
            for block in self.blocks(item):
                is_first = bool(marker) and not block.level and not block.text.startswith("- ")
                text = marker + block.text if is_first else block.text
                marker = "" if is_first else marker
                yield Block(
                    text, block.level, run if text.startswith("- ") and len(text) <= _LONGEST_ITEM else block.run
                )

    def _table(self, container: _Element, run: int) -> Iterator[Block]:
        for child in container:
            tag = tag_of(child)
            if tag == "table-row":
                yield from row_of((list(self.blocks(cell)) for cell in child if tag_of(cell) == "table-cell"), run)
            elif tag in {"table-header-rows", "table-rows", "table-row-group"}:
                yield from self._table(child, run)


def _take(element: _Element, texts: list[str], apart: list[_Element]) -> None:
    """Take the text of an element, and what stands in it as a text of its own."""
    texts.append(element.text or "")
    for child in element:
        tag = tag_of(child)
        if tag in _APART:
            apart.append(child)
        elif tag == "s":
            texts.append(" " * min(_MOST_SPACES, _number(child.get(f"{_TEXT}c", "1"))))
        elif tag == "tab":
            texts.append(" ")
        elif tag == "line-break":
            texts.append("\n")
        elif tag and tag not in _NOT_TEXT:
            _take(child, texts, apart)
        texts.append(child.tail or "")


def _level(heading: _Element) -> int:
    return max(1, min(6, _number(heading.get(f"{_TEXT}outline-level", "1"))))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
