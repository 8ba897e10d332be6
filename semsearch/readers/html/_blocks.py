"""A tree of HTML to its blocks of text, each with the boxes that it stands in: one pass, without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["HEADINGS", "Block", "Box", "Page", "blocks_of", "count_words"]

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNREAD = frozenset(
    {
        *("script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object", "embed", "applet"),
        *("head", "nav", "menu", "dialog", "button", "select", "datalist", "textarea", "input", "progress", "meter"),
        *("audio", "video", "map", "amp-ad"),
    }
)
"""What is no text of an article, whatever stands in it."""
_BOXES = frozenset(
    {
        *(
            "html",
            "body",
            "main",
            "article",
            "section",
            "header",
            "footer",
            "aside",
            "div",
            "center",
            "form",
            "fieldset",
        ),
        *(
            "fieldset",
            "address",
            "details",
            "summary",
            "hgroup",
            *HEADINGS,
            "p",
            "pre",
            "blockquote",
            "hr",
            "figure",
            "figcaption",
        ),
        *("ul", "ol", "li", "dl", "dt", "dd", "option", "table", "caption", "thead", "tbody", "tfoot", "tr"),
    }
)
_UNSEEN = re.compile(
    r"(?:^|[\s_-])(?:sr-only|visually-?hidden|screen-?reader\w*|off-?screen)(?=$|[\s_-])", re.IGNORECASE
)
"""Names of a <span> that only a screen reader speaks: ``(opens in a new window)``."""
_FORMAT = dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF))  # no word is another for having them
_CELLS = frozenset({"td", "th"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BREAK, _CELL, _LINK = "\x00", "\x01", "\x02"
"""Stand for <br>, for the beginning of a cell, and for both ends of a text that is linked: no text has them."""
_LONG_CELL = 30  # spaces: a cell of several lines with more is no entry of a table
_LONG_LINE = 9
_STOPS = (".", "!", "?", "…", "。", "！", "？")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_UNSPACED_WORD = 2.5  # characters of a word, on the average, where no spaces stand between them

_ADDRESSES = ("http://", "https://", "www.")  # a link that is its own text is part of what is said
_MOST_NAMES = 300
"""Characters of an element's classes, or its style, that are looked at: some pages write kilobytes there."""


class Block(NamedTuple):
    """A run of text without a box in it.

    Attributes:
        text: Its lines, without spaces around them; where the page says ``<br>`` a line ends.
        words: How many words it has.
        linked: How many of them stand in links.
        box: The number of the innermost box around it.
    """

    text: str
    words: int
    linked: int
    box: int


@dataclass(slots=True)
class Box:
    """An element that stands on lines of its own.

    Attributes:
        parent: The number of the box around it; -1 for the outermost.
        tag: Its name.
        names: Its classes and its id, as written.
        prop: What schema.org calls it (``itemprop``).
        hidden: Whether the page hides it.
    """

    parent: int
    tag: str
    names: str
    prop: str
    hidden: bool


class Page(NamedTuple):
    """The boxes of a page, each before those in it, and its blocks, in the page's order."""

    boxes: list[Box]
    blocks: list[Block]


class _Collector:
    """Takes a page's text piece by piece, and makes blocks of it."""

    def __init__(self) -> None:
        self.page = Page([], [])
        self.box = -1
        self.links = 0  # how many links are open
        self._pieces: list[str] = []

    def add(self, text: str | None) -> None:
        if text:
            is_linked = self.links and not text.startswith(_ADDRESSES)
            self._pieces.append(f"{_LINK}{text}{_LINK}" if is_linked else text)

    def mark(self, sign: str) -> None:
        self._pieces.append(sign)

    def open(self, element: _Element, tag: str) -> None:
        self.end_block()
        attributes = element.attrib
        box = Box(self.box, tag, "", "", hidden=False)
        if attributes:
            box.names = f"{attributes.get('class', '')} {attributes.get('id', '')}".strip()[:_MOST_NAMES]
            box.prop = attributes.get("itemprop", "")
            style = attributes.get("style")
            box.hidden = "hidden" in attributes or (style is not None and bool(_HIDDEN.search(style[:_MOST_NAMES])))
        self.page.boxes.append(box)
        self.box = len(self.page.boxes) - 1

    def close(self) -> None:
        self.end_block()
        self.box = self.page.boxes[self.box].parent

    def end_block(self) -> None:
        if self._pieces:
            whole = "".join(self._pieces)
            self._pieces.clear()
            if whole.isspace():
                return
            whole = whole if whole.isascii() else whole.translate(_FORMAT)
            for text, linked in _paragraphs(whole, is_one=self.page.boxes[self.box].tag == "p"):
                self.page.blocks.append(Block(text, count_words(text), linked, self.box))


def blocks_of(root: _Element) -> Page:
    """Return the boxes and blocks of a tree, without what no reader sees as text: scripts, controls, navigation.

    The text of a box that is hidden, a form's or a footer's is there: what of it counts is decided by who knows all.
    """
    collector = _Collector()
    for element, tag, is_end in _walk(root):
        if is_end:
            if tag in _BOXES:
                collector.close()
            elif tag == "a":
                collector.links -= 1
            if element is not root:
                collector.add(element.tail)
            continue
        if tag in _BOXES:
            collector.open(element, tag)
        elif tag == "br":
            collector.mark(_BREAK)
        elif tag == "a":
            collector.links += 1
        elif tag in _CELLS:
            collector.mark(_CELL)
        collector.add(element.text)
    collector.end_block()
    return collector.page


def _walk(root: _Element) -> Iterator[tuple[_Element, str, bool]]:
    """Yield each element that is read, at its start and at its end; of what is not, the end alone."""
    stack = [(root, False)]
    while stack:
        element, is_end = stack.pop()
        tag = element.tag
        if is_end:
            yield element, str(tag), True
        elif not isinstance(tag, str) or tag in _UNREAD or (tag == "span" and _is_unseen(element)):
            yield element, "", True
        else:
            yield element, tag, False
            stack.append((element, True))
            stack.extend([(child, False) for child in reversed(element)])


def _is_unseen(element: _Element) -> bool:
    names = element.get("class")
    return names is not None and _UNSEEN.search(names[:_MOST_NAMES]) is not None


def _paragraphs(text: str, *, is_one: bool) -> Iterator[tuple[str, int]]:
    """Yield the paragraphs of a text, which two line breaks part, each with the number of its words that are linked.

    Where the page does not say that it ``is_one``, lines that are sentences are a paragraph each.
    """
    if _BREAK not in text and _CELL not in text:
        line, linked = _line(text)
        if line:
            yield line, linked
        return
    lines: list[str] = []
    linked = 0
    for piece in text.split(_BREAK) if _CELL not in text else _cells(text):
        line, words = _line(piece)
        if line:
            lines.append(line)
            linked += words
        elif lines:
            yield from _joined(lines, linked, is_one=is_one)
            lines, linked = [], 0
    if lines:
        yield from _joined(lines, linked, is_one=is_one)


def _cells(row: str) -> Iterator[str]:
    """Yield a row of a table as one line, or, if it is there for the layout, each line of its cells, cells apart."""
    cells = row.split(_CELL)
    if any(_BREAK in cell and cell.count(" ") >= _LONG_CELL for cell in cells):
        for cell in cells:
            yield from cell.split(_BREAK)
            yield ""
    else:
        yield " | ".join(filter(str.strip, (cell.replace(_BREAK, " ") for cell in cells)))


def _line(piece: str) -> tuple[str, int]:
    """Return a line without spaces around it, and how many of its words are linked."""
    linked = 0
    if _LINK in piece:
        linked = sum(count_words(words) for words in piece.split(_LINK)[1::2])
        piece = piece.replace(_LINK, "")
    return " ".join(piece.split()), linked


def _joined(lines: list[str], linked: int, *, is_one: bool) -> Iterator[tuple[str, int]]:
    """Yield the lines of one paragraph, or, if most are sentences, each as one: some pages write them so."""
    sentences = sum(line.count(" ") >= _LONG_LINE and line[-2:].strip("\"'”’»)")[-1:] in _STOPS for line in lines)
    if is_one or len(lines) < 3 or sentences * 3 < len(lines) * 2:
        yield "\n".join(lines), linked
        return
    for line in lines:
        yield line, linked // len(lines)


def count_words(text: str) -> int:
    """Return how many words a text has; Chinese, Japanese and Thai have no spaces, and count by their characters."""
    words = len(text.split())
    if not text.isascii():
        unspaced = len(_UNSPACED.findall(text))
        if unspaced * 3 > len(text):
            return max(words, int(unspaced / _UNSPACED_WORD))
    return words
