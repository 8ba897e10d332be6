"""Word documents (.docx), opened by python-docx: paragraphs, headings, lists, tables, text boxes and notes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from semsearch.readers._extras import missing
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._markup import Block, joined, row_of, without_controls, without_title
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.documents._package import open_package, parse_xml, tag_of
from semsearch.readers.documents._properties import property_fields

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["read_word"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NOT_TEXT = frozenset(
    {
        "pPr",
        "rPr",
        "del",
        "moveFrom",
        "instrText",
        "delText",
        "Fallback",
        "txbxContent",
        "drawing",
        "pict",
        "object",
        "commentReference",
    }
)
_AROUND = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice"})
_SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_LONGEST_ITEM = 120


def read_word(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a Word document.

    Deleted text of tracked changes, comments, headers and footers are no part of it, tables of contents are left out;
    notes follow the paragraph that refers to them. The title is the paragraph of the style "Title", else the
    properties', else the heading that the text begins with.
    """
    try:
        import docx
    except ImportError:
        log.problem(origin.place, missing("documents"))
        return
    if open_package(stream, origin, log) is None:
        return
    stream.seek(0)
    try:
        reader = _Reader(docx.Document(stream), origin, log)
        blocks = reader.blocks()
        fields = _fields(reader.document, origin, log)
    except Exception as error:  # noqa: BLE001 - damaged parts raise whatever the library comes upon
        log.problem(origin.place, f"is no Word document that can be read, or damaged ({type(error).__name__}: {error})")
        return
    title, blocks = without_title(blocks, reader.title or fields.get("title", ""))
    fields["title"] = title
    text = joined(blocks)
    if len(text) > MOST_BYTES:
        too_large(origin.place, log)
        return
    located = article_from_fields(fields, origin, log, text=text)
    if located is not None:
        yield located


def _fields(document: Any, origin: Origin, log: ReadingLog) -> dict[str, Any]:
    properties = document.core_properties
    try:
        created: dt.datetime | None = properties.created
    except ValueError:
        created = None
    title, author = properties.title or "", properties.author or ""
    return property_fields(origin, log, title=title, author=author, created=created)


class _Reader:
    """Reads the body of a document in order."""

    def __init__(self, document: Any, origin: Origin, log: ReadingLog) -> None:
        self.document = document
        self.title = ""
        self._origin, self._log = origin, log
        self._styles = {style.style_id: style.name or "" for style in document.styles}
        self._notes = {kind: self._notes_of(kind) for kind in ("footnote", "endnote")}
        self._runs = 0

    def blocks(self) -> list[Block]:
        """Return the paragraphs, items and rows."""
        return list(self._blocks(self.document.element.body))

    def _notes_of(self, kind: str) -> dict[str, _Element]:
        for relation in self.document.part.rels.values():
            if relation.reltype.endswith(f"/{kind}s") and not relation.is_external:
                root = parse_xml(relation.target_part.blob, self._origin, self._log)
                if root is not None:
                    return {note.get(f"{_W}id", ""): note for note in root.iter(f"{_W}{kind}")}
        return {}

    def _blocks(self, container: _Element) -> Iterator[Block]:
        for child in container:
            tag = tag_of(child)
            if tag == "p":
                yield from self._paragraph(child)
            elif tag == "tbl":
                yield from self._table(child)
            elif tag in _AROUND:
                yield from self._blocks(child)

    def _paragraph(self, paragraph: _Element) -> Iterator[Block]:
        style = self._style(paragraph)
        texts, notes, boxes = [], [], []
        for element in _elements(paragraph):
            tag = tag_of(element)
            if tag == "t":
                texts.append(element.text or "")
            elif tag in _SIGNS:
                texts.append(_SIGNS[tag])
            elif tag in {"footnoteReference", "endnoteReference"}:
                notes.append(self._notes[tag[:-9]].pop(element.get(f"{_W}id", ""), None))
            elif tag == "txbxContent":
                boxes.append(element)
        text = "\n".join(" ".join(line.split()) for line in without_controls("".join(texts)).split("\n")).strip()
        yield from self._block(text, style, paragraph)
        for within in (*boxes, *notes):
            if within is not None:
                yield from self._blocks(within)

    def _block(self, text: str, style: str, paragraph: _Element) -> Iterator[Block]:
        if not text:
            return
        level = _level(style)
        if style.startswith("toc "):
            self._log.drop(self._origin.place, text, "table of contents")
        elif style == "title" and not self.title:
            self.title = " ".join(text.split())
        elif level:
            yield Block(" ".join(text.split()), level)
        elif paragraph.find(f"{_W}pPr/{_W}numPr") is not None or style.startswith("list "):
            yield Block(f"- {text}", run=1 if len(text) <= _LONGEST_ITEM else 0)
        else:
            yield Block(text)

    def _style(self, paragraph: _Element) -> str:
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        return "" if style is None else self._styles.get(style.get(f"{_W}val", ""), "").lower()

    def _table(self, table: _Element) -> Iterator[Block]:
        self._runs += 1
        run = self._runs + 1  # the first is the lists'
        for row in table.iterchildren(f"{_W}tr"):
            cells = [list(self._blocks(cell)) for cell in row.iterchildren(f"{_W}tc", f"{_W}sdt")]
            yield from row_of(cells, run)


def _level(style: str) -> int:
    """Return the level of a heading's style, 0 of others."""
    name, _, number = style.rpartition(" ")
    return min(int(number), 6) if name == "heading" and number.isdecimal() and len(number) < 3 else 0


def _elements(paragraph: _Element) -> Iterator[_Element]:
    """Yield what is in a paragraph, in order, without what is no text; a text box, but nothing in it."""
    waiting = list(reversed(paragraph))
    while waiting:
        element = waiting.pop()
        tag = tag_of(element)
        if tag in {"drawing", "pict", "object"}:
            yield from element.iter(f"{_W}txbxContent")
        elif tag not in _NOT_TEXT:
            yield element
            waiting.extend(reversed(element))
