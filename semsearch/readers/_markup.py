"""HTML and XHTML to paragraphs of text, in one pass without a tree: chapters of books, messages, entries of feeds.

Whatever is between the begin and the end of a block is a paragraph, whether the tags match or not. Time and memory
grow with the length of the markup only: nothing is nested here but tables, and those not deeply. The parser
(libxml2's) loads no DTD, image or other file, and knows no entities but HTML's.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Block", "Markup", "joined", "paragraphs_of", "parse_markup", "row_of", "without_controls", "without_title"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _names(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup option p pre search section
    summary table tbody td tfoot th thead tr ul
    """
)
_SKIPPED = _names(
    """
    audio button canvas datalist iframe map noscript object rp rt script select style svg template textarea title video
    """
)
_LISTS = frozenset({"dir", "menu", "ol", "ul"})
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_NOTE_REFERENCES = frozenset({"doc-noteref", "noteref"})
_MOST_NESTED = 20
"""Tables in tables; deeper ones are read as if their cells were paragraphs."""
_LONGEST_CELL = 200
"""Characters; a row with a longer cell lays a page out, and its cells are paragraphs."""
_LONGEST_ITEM = 120
"""Characters; longer items of a list are paragraphs of their own."""

_SPACE = re.compile(r"\s+")
_SPACE_RUNS = re.compile(r" {2,}")
_SPACES_AT_BREAKS = re.compile(r" *\n *")
_EMPTY_LINES = re.compile(r"\n{2,}")
_INVISIBLE = {
    **dict.fromkeys([*range(9), 11, *range(14, 32), *range(127, 133), *range(134, 160)]),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff\ufffe\uffff")),  # soft hyphens, marks of no width, no characters
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # half of a surrogate pair
}

_DECLARED = re.compile(
    rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})|<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_ENCODINGS = re.compile(
    r"utf-?8|utf-?16(?:-?[lb]e)?|iso-?8859-?\d{1,2}|windows-?\d{3,4}|cp-?\d{3,5}|koi8-[ru]|gb2312|gbk|gb18030|big5"
    r"|(?:big5-)?hkscs|euc-?(?:jp|kr)|shift[_-]?jis|iso-2022-jp|tis-620|mac-?(?:roman|cyrillic)",
    re.IGNORECASE,
)
"""Names that are believed; Python knows others, some of which take their time."""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Block(NamedTuple):
    """A paragraph, heading, row of a table or item of a list.

    Attributes:
        text: Its text, with line ends where lines end on purpose.
        level: 1 to 6 for a heading, else 0.
        run: Short items and rows of one list or table have the same number above 0: they are lines of one paragraph.
    """

    text: str
    level: int = 0
    run: int = 0


class Markup(NamedTuple):
    """What a page says: the title that its head states, and its text."""

    title: str
    blocks: list[Block]


def paragraphs_of(markup: str | bytes) -> str:
    """Return the text of HTML or XHTML, a page or a part of one: paragraphs with blank lines between them.

    Headings are paragraphs, rows of a table lines of cells (``a | b``) and items of a list lines that begin with ``-``
    or a number. Scripts, controls and what is hidden are no text. Bytes are decoded as they declare, else as UTF-8 or
    Windows-1252.
    """
    return joined(parse_markup(markup).blocks)


def joined(blocks: list[Block]) -> str:
    """Return the text of blocks: blank lines between them, line ends within a list or table."""
    parts: list[str] = []
    before = Block("")
    for block in blocks:
        if parts:
            parts.append("\n" if block.run and block.run == before.run else "\n\n")
        parts.append(block.text)
        before = block
    return "".join(parts)


def parse_markup(markup: str | bytes) -> Markup:
    """Return the title and the blocks of HTML or XHTML; see :func:`paragraphs_of`."""
    from lxml import etree

    text = markup if isinstance(markup, str) else _decoded(markup)
    target = _Target()
    told: Any = target  # what its type asks for goes beyond what lxml does: not all need be told
    parser = etree.HTMLParser(target=told, encoding="utf-8", recover=True, huge_tree=True)
    parser.feed(text.translate(_INVISIBLE).encode("utf-8", "replace"))
    try:
        parser.close()
    except etree.XMLSyntaxError:  # it is empty, or ends in the middle of a tag
        target.close()
    return Markup(_line("".join(target.title)), target.blocks)


def without_title(blocks: list[Block], stated: str) -> tuple[str, list[Block]]:
    """Return a document's title and its text without it: the heading that it begins with, if no other is stated."""
    first = blocks[0] if blocks else Block("")
    if first.level and stated.casefold() in {"", first.text.casefold()}:
        return stated or first.text, blocks[1:]
    return stated, blocks


def row_of(cells: Iterable[list[Block]], run: int) -> list[Block]:
    """Return a row of a table as a line of its cells, or block by block if the table only lays out a page."""
    cells = [cell for cell in cells if cell]
    blocks = [block for cell in cells for block in cell]
    is_line = len(blocks) == len(cells) > 1 and all(
        len(block.text) <= _LONGEST_CELL and "\n" not in block.text for block in blocks
    )
    return [Block(" | ".join(block.text for block in blocks), run=run)] if is_line else blocks


def without_controls(text: str) -> str:
    """Return ``text`` without soft hyphens and what is not to be seen, but for spaces, tabs and line ends."""
    return text.translate(_INVISIBLE)


def _decoded(raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    declared = _DECLARED.search(raw[:2048])
    name = (declared[1] or declared[2]).decode("ascii", "replace") if declared else ""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    if _ENCODINGS.fullmatch(name) and name.lower() not in {"iso-8859-1", "iso8859-1"}:  # of the latter all mean this:
        try:
            return raw.decode(name, "replace")
        except LookupError:
            pass
    return raw.decode("utf-8" if name.lower() in {"utf-8", "utf8"} else "cp1252", "replace")


def _line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


@dataclass(slots=True)
class _Table:
    """A table that is being read: the row, of cells, of blocks."""

    row: list[list[Block]] = field(default_factory=list)
    run: int = 0


class _Target:
    """What the parser tells of the markup, as it comes: begins and ends of elements, and the text between them."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._level = 0
        self._preformatted = 0
        self._skipping = ""  # the element that is left out, and how many of its name are open in it
        self._depth = 0
        self._tables: list[_Table] = []
        self._too_deep = 0
        self._lists: list[list[int]] = []  # of each the next number, none for one without, and its run
        self._marker = ""
        self._runs = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the begin of an element."""
        if self._skipping:
            self._depth += tag == self._skipping
            return
        if tag in _SKIPPED or _is_hidden(attributes):
            self._skipping, self._depth = tag, 1
            return
        if tag == "br":
            self._text.append("\n")
        elif tag == "q":
            self._text.append("“")
        elif tag in _BLOCKS:
            self._flush()
            self._begin(tag, attributes)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if self._skipping:
            self._depth -= tag == self._skipping
            if not self._depth:
                self._skipping = ""
            return
        if tag == "q":
            self._text.append("”")
        elif tag in _BLOCKS:
            self._flush()
            self._end(tag)

    def data(self, text: str) -> None:
        """Take text."""
        if self._skipping:
            if self._skipping == "title" and len(self.title) < 100:
                self.title.append(text)
        else:
            self._text.append(text if self._preformatted else _SPACE.sub(" ", text))

    def close(self) -> None:
        """Take the end of the markup: what is open ends here."""
        self._flush()
        while self._tables:
            self._end_row()
            self._tables.pop()

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag[0] == "h" and tag[1:].isdecimal():
            self._level = int(tag[1:])
        elif tag == "pre":
            self._preformatted += 1
        elif tag in _LISTS:
            first = _number(attributes.get("start", "1")) if tag == "ol" else -1
            self._lists.append([first, self._lists[-1][1] if self._lists else self._new_run()])
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag in {"table", "tr", "td", "th"}:
            self._begin_in_table(tag)

    def _begin_in_table(self, tag: str) -> None:
        if tag == "table":
            if self._too_deep or len(self._tables) == _MOST_NESTED:
                self._too_deep += 1
            else:
                self._tables.append(_Table(run=self._new_run()))
        elif self._tables and not self._too_deep:
            if tag == "tr":
                self._end_row()
            else:
                self._tables[-1].row.append([])

    def _end(self, tag: str) -> None:
        if tag[0] == "h" and tag[1:].isdecimal():
            self._level = 0
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        elif tag in _LISTS and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""
        elif tag == "table" and self._too_deep:
            self._too_deep -= 1
        elif tag in {"table", "tr"} and self._tables and not self._too_deep:
            self._end_row()
            if tag == "table":
                self._tables.pop()

    def _end_row(self) -> None:
        """Give the row to what the table stands in."""
        table = self._tables[-1]
        blocks = row_of(table.row, table.run)
        table.row = []
        self._out().extend(blocks)

    def _out(self) -> list[Block]:
        """Where blocks go: the innermost cell that is open, or the page."""
        return next((table.row[-1] for table in reversed(self._tables) if table.row), self.blocks)

    def _flush(self) -> None:
        """End the paragraph that is being read, if there is one."""
        text, self._text = "".join(self._text), []
        if self._preformatted:
            paragraphs = ["\n".join(line.rstrip() for line in text.split("\n")).strip("\n")]
        else:
            text = _SPACES_AT_BREAKS.sub("\n", _SPACE_RUNS.sub(" ", text))
            paragraphs = [paragraph.strip(" \n") for paragraph in _EMPTY_LINES.split(text)]
        for paragraph in filter(str.strip, paragraphs):
            self._put(paragraph)

    def _put(self, text: str) -> None:
        if self._level:
            self._out().append(Block(_line(text), self._level))
        elif self._marker:
            run = self._lists[-1][1] if self._lists and len(text) <= _LONGEST_ITEM else 0
            self._out().append(Block(self._marker + text, run=run))
            self._marker = ""
        else:
            self._out().append(Block(text))

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1][0] < 0:
            return "- "
        number = self._lists[-1][0]
        self._lists[-1][0] += 1
        return f"{number}. "

    def _new_run(self) -> int:
        self._runs += 1
        return self._runs


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    """Whether an element is not to be seen, or is only the number of a note, which would stick to a word."""
    if not attributes:
        return False
    kind = f"{attributes.get('role', '')} {attributes.get('epub:type', '')}"
    return (
        "hidden" in attributes
        or bool(_HIDDEN.search(attributes.get("style", "")))
        or not _NOTE_REFERENCES.isdisjoint(kind.split())
    )
