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
_BREAK = "\x00"  # stands for <br> while text is collected: no text has it
_BREAKS = re.compile(rf"(?:\s*{_BREAK}){{2,}}\s*")
_CELL = "\x01"
_CELL_ENDS = re.compile(rf"\s*(?:{_CELL}\s*)+")
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
        self._linked = 0

    def add(self, text: str | None) -> None:
        if text:
            self._pieces.append(text)
            if self.links and not text.startswith(_ADDRESSES):
                self._linked += count_words(text)

    def mark(self, sign: str) -> None:
        self._pieces.append(sign)

    def open(self, element: _Element, tag: str) -> None:
        self.end_block()
        attributes = element.attrib
        box = Box(self.box, tag, "", "", hidden=False)
        if attributes:
            names = (attributes.get("class") or "", attributes.get("id") or "", attributes.get("data-component") or "")
            box.names = " ".join(filter(None, names))[:_MOST_NAMES]
            box.prop = attributes.get("itemprop") or ""
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
            for text in _paragraphs(whole if whole.isascii() else whole.translate(_FORMAT)):
                words = count_words(text)
                self.page.blocks.append(Block(text, words, min(self._linked, words), self.box))
                self._linked -= min(self._linked, words)
            self._pieces.clear()
        self._linked = 0


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


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a text, which two line breaks part, without the ends of their lines being spaces."""
    parts = _BREAKS.split(text) if text.count(_BREAK) > 1 else (text,)
    for part in parts:
        line = part
        if _CELL in line:
            line = _CELL_ENDS.sub(" | ", line).removeprefix(" | ").removesuffix(" | ")
        if _BREAK in line:
            line = "\n".join(filter(None, (" ".join(piece.split()) for piece in line.split(_BREAK))))
        else:
            line = " ".join(line.split())
        if line:
            yield line


def count_words(text: str) -> int:
    """Return how many words a text has; Chinese, Japanese and Thai have no spaces, and count by their characters."""
    words = len(text.split())
    if not text.isascii():
        unspaced = len(_UNSPACED.findall(text))
        if unspaced * 3 > len(text):
            return max(words, int(unspaced / _UNSPACED_WORD))
    return words
