"""The lines of a PDF to its paragraphs: across line ends, columns and pages, each character with its page.

What tells paragraphs apart is where their lines stand: a wider gap, an indent, another font, or a line that ends
although the next word had room on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from semsearch.readers.pdf._lines import Line, body_size

__all__ = ["Paragraph", "Vocabulary", "paragraphs_of_lines"]

_LIST = re.compile(r"[•◦▪‣●○■–—*-]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
_BULLET = re.compile(r"[•◦▪‣●○■]")
_NOTE = re.compile(r"(?:\d{1,3}|[*†‡§¶]+)(?:\s|(?=[A-Z“\"]))")
_CAPTION = re.compile(r"(?:fig(?:ure|\.)|table|tab\.|abb(?:ildung|\.)|tabelle|photo:|source:)\s*\d?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…:。！？؟।][\"'”’»)\]]*$")
_HYPHENS = "-\u2010\u00ad"
_CONJUNCTIONS = frozenset({"and", "or", "und", "oder", "et", "ou", "y", "o", "e", "och", "og", "en", "of"})
_PARTED = frozenset({"non", "self", "well", "vice", "anti", "cross", "half", "quasi", "semi", "so"})
_ADDRESS_AT_END = re.compile(r"(?:^|[\s(<])(?:https?://\S*|www\.\S*|\S+@\S*|/\S*|\S+://\S*)[./_?=&%#~]$")
_WORD_AT_END = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*$")
_WORD_AT_START = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")

_OTHER_SIZE = 0.08
"""Share by which font sizes differ if they do."""
_SMALL = 0.94
"""In the size of the text: notes are smaller."""
_WIDE_GAP = 1.2
"""In the distance of the lines: a paragraph ends at a wider gap."""
_INDENT = 0.8
"""In the font size."""
_NARROW = 0.5
"""Share of the width of a column: what stands in a narrower one does not go on in it."""
_ROOM = 0.3
"""Share of the width of a column: after a line that leaves more, a new paragraph begins though no sentence ends."""


class _Column(NamedTuple):
    """Where the lines of a flow stand: its edges, and the usual distance of its lines in font sizes."""

    left: float
    right: float
    pitch: float

    @property
    def width(self) -> float:
        return max(self.right - self.left, 1.0)


@dataclass(slots=True)
class Paragraph:
    """Lines that make a paragraph, a heading, a table or a note."""

    lines: list[Line]
    column: _Column
    aside: bool = False

    @property
    def size(self) -> float:
        """The font's."""
        return self.lines[0].size

    @property
    def is_table(self) -> bool:
        """Whether the lines are rows of cells."""
        return len(self.lines) > 1 and all(len(line.cells) > 1 for line in self.lines)

    def text(self, vocabulary: Vocabulary) -> tuple[str, list[tuple[int, int]]]:
        """Return the text, and where in it each page begins, with the number of the page."""
        text, starts = "", [(0, self.lines[0].page)]
        if self.is_table:
            return "\n".join(" | ".join(filter(None, line.cells)) for line in self.lines), starts
        parts: list[str] = []
        length = 0
        for line in self.lines:
            before = parts[-1] if parts else ""
            if before:
                parts[-1] = vocabulary.end_before(before, line.text)
                length += len(parts[-1]) - len(before)
            if line.page != starts[-1][1]:
                starts.append((length, line.page))
            parts.append(line.text)
            length += len(line.text)
        text = "".join(parts).replace("\u00ad", "")
        return text, starts


@dataclass(slots=True)
class Vocabulary:
    """The words of a document, by which a hyphen at the end of a line is judged."""

    words: set[str] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Take the words of a line but the first and the last one, which may be parts."""
        words = line.text.partition(" ")[2].rpartition(" ")[0]
        self.words.update(word.group().casefold() for word in _WORD.finditer(words))

    def end_before(self, line: str, following: str) -> str:
        """Return the line as it goes on with the following one: with a space, or without its hyphen."""
        if line[-1:] not in _HYPHENS:
            return line if _is_in_address(line, following) else line + " "
        if not line[-2:-1].isalnum() or not following[:1].isalnum():
            return line + " "  # a dash
        trunk = _WORD_AT_END.search(line[:-1])
        rest = _WORD_AT_START.match(following)
        if trunk is None or rest is None:
            return line
        return self._joined(line, trunk.group(), rest.group())

    def _joined(self, line: str, trunk: str, rest: str) -> str:
        if rest in _CONJUNCTIONS:
            return line + " "
        if line[-1] == "\u00ad":
            return line[:-1]
        whole, parted = f"{trunk}{rest}".casefold(), f"{trunk}-{rest}".casefold()
        is_name = rest[0].isupper() and not (trunk.isupper() and rest.isupper())
        if is_name or "/" in line.rpartition(" ")[2]:
            return line
        if whole in self.words:
            return line[:-1]
        are_words = min(len(trunk), len(rest)) > 3 and {trunk.casefold(), rest.casefold()} <= self.words
        return line if parted in self.words or are_words or trunk.casefold() in _PARTED else line[:-1]


def _is_in_address(line: str, following: str) -> bool:
    """Whether an address goes on, which is broken without a hyphen; after a full stop only with a small letter."""
    if line.endswith(("http:", "https:")) and following.startswith("//"):
        return True
    if _ADDRESS_AT_END.search(line) is None:
        return False
    begin = following[:1]
    return begin.islower() or begin.isdigit() or (line[-1] != "." and (begin.isalpha() or begin in "%?&=#~/"))


def paragraphs_of_lines(pages: Sequence[Sequence[Line]]) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document's pages, in order; notes after the paragraph that goes on over them."""
    body = body_size(line for lines in pages for line in lines)
    going_on: Paragraph | None = None
    asides: list[Paragraph] = []
    for lines in pages:
        for paragraphs in map(_paragraphs_of_flow, _flows(lines)):
            _mark_notes(paragraphs, body)
            for at, paragraph in enumerate(paragraphs):
                if paragraph.aside or (going_on and _is_caption(paragraph) and not _ends(going_on)):
                    asides.append(paragraph)
                elif going_on is not None and _goes_on(going_on, paragraph, is_first=_is_first(paragraphs, at)):
                    going_on.lines += paragraph.lines
                    going_on.column = paragraph.column
                else:
                    yield from _closed(going_on, asides)
                    going_on, asides = paragraph, []
    yield from _closed(going_on, asides)


def _closed(paragraph: Paragraph | None, asides: Sequence[Paragraph]) -> Iterator[Paragraph]:
    if paragraph is not None:
        yield paragraph
    yield from asides


def _is_first(paragraphs: Sequence[Paragraph], at: int) -> bool:
    """Whether a paragraph is the first of its column, but for captions."""
    return all(each.aside or _is_caption(each) for each in paragraphs[:at])


def _flows(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield lines that stand below each other: a column, or as much of it as nothing interrupts."""
    flow: list[Line] = []
    for line in lines:
        if flow and not _is_below(flow[-1], line):
            yield flow
            flow = []
        flow.append(line)
    if flow:
        yield flow


def _is_below(before: Line, line: Line) -> bool:
    return line.base < before.base + 0.5 * line.size and line.left < before.right and line.right > before.left


def _paragraphs_of_flow(flow: list[Line]) -> list[Paragraph]:
    """Part the lines of a column into paragraphs."""
    column = _Column(min(line.left for line in flow), max(line.right for line in flow), _pitch(flow))
    paragraphs: list[Paragraph] = []
    for at, line in enumerate(flow):
        after = flow[at + 1] if at + 1 < len(flow) else None
        if not paragraphs or _begins(paragraphs[-1].lines, line, after, column):
            paragraphs.append(Paragraph([], column))
        paragraphs[-1].lines.append(line)
    return paragraphs


def _pitch(flow: Sequence[Line]) -> float:
    """Return the distance of lines that follow each other, in font sizes: a lower one, as paragraphs may be short."""
    distances = sorted(
        (before.base - line.base) / line.size
        for before, line in pairwise(flow)
        if line.size > 0 and 0.8 * line.size <= before.base - line.base <= 2.5 * line.size
    )
    return distances[len(distances) // 5] if distances else 1.2


def _begins(paragraph: Sequence[Line], line: Line, after: Line | None, column: _Column) -> bool:
    """Whether a paragraph begins with this line."""
    before = paragraph[-1]
    if _is_other_font(before, line) or line.is_note:
        return True
    if before.base - line.base > _WIDE_GAP * column.pitch * line.size:
        return True
    if before.text[-1] in _HYPHENS and line.text[0].islower():
        return False
    if (len(before.cells) > 1) != (len(line.cells) > 1):
        return not _is_row_of_text(before, line, after, column)
    if len(line.cells) > 1:
        return False
    return _is_marked(before, line, column) or _is_set_off(paragraph, line, after, column)


def _is_marked(before: Line, line: Line, column: _Column) -> bool:
    """Whether the line is the first of an item of a list."""
    if _BULLET.match(line.text):
        return True
    is_end = _SENTENCE_END.search(before.text) is not None or before.text[-1] in ";,"
    return _LIST.match(line.text) is not None and (is_end or column.right - before.right > _ROOM * column.width)


def _is_set_off(paragraph: Sequence[Line], line: Line, after: Line | None, column: _Column) -> bool:
    """Whether a paragraph's lines end before this one: by where it begins, or where the one before it ends."""
    before = paragraph[-1]
    ends, room = _SENTENCE_END.search(before.text) is not None, column.right - before.right
    if _is_indented(paragraph, line, after, ends=ends):
        return True
    return room > _ROOM * column.width or (ends and room > 1.5 * _first_word(line))


def _is_other_font(before: Line, line: Line) -> bool:
    return abs(before.size - line.size) > _OTHER_SIZE * max(before.size, line.size) or before.bold != line.bold


def _is_row_of_text(before: Line, line: Line, after: Line | None, column: _Column) -> bool:
    """Whether a line is parted by wide spaces because it fills its column, and is no table's row."""
    parted = line if len(line.cells) > 1 else before
    if parted is line and after is not None and len(after.cells) > 1:
        return False
    is_full = parted.right > column.right - line.size and parted.left < column.left + 3 * line.size
    return is_full and not parted.cells[-1][:1].isdigit()


def _is_indented(paragraph: Sequence[Line], line: Line, after: Line | None, *, ends: bool) -> bool:
    """Whether the line's left end says that a paragraph begins: an indent, or the end of hanging lines."""
    before, indent = paragraph[-1], _INDENT * line.size
    if line.left > before.left + indent:
        if len(paragraph) == 1 and _LIST.match(before.text):
            return False
        if after is None or after.left > line.left - indent / 2:  # what follows a first line that hangs out
            return ends and len(paragraph) > 1
        return True
    if line.left < before.left - indent and len(paragraph) > 1:
        return abs(paragraph[-2].left - before.left) < indent or paragraph[-2].left < before.left - indent
    return False


def _first_word(line: Line) -> float:
    """Return the width of the first word of a line and a space, in points."""
    word = line.text.partition(" ")[0]
    return (line.right - line.left) * (len(word) + 1) / max(len(line.text), 1)


def _mark_notes(paragraphs: Sequence[Paragraph], body: float) -> None:
    """Mark the notes at the end of a column: smaller than the text, and with the sign or number that refers to them."""
    at = len(paragraphs)
    while at and paragraphs[at - 1].size <= _SMALL * body:
        at -= 1
    if not any(_NOTE.match(note.lines[0].text) for note in paragraphs[at:]):
        at = len(paragraphs)
    first = next((at for at, paragraph in enumerate(paragraphs) if paragraph.lines[0].is_note), at)
    for note in paragraphs[min(first, at) :]:
        note.aside = True


def _is_caption(paragraph: Paragraph) -> bool:
    return _CAPTION.match(paragraph.lines[0].text) is not None


def _ends(paragraph: Paragraph) -> bool:
    """Whether the last sentence of a paragraph has ended."""
    return _SENTENCE_END.search(paragraph.lines[-1].text) is not None


def _goes_on(before: Paragraph, paragraph: Paragraph, *, is_first: bool) -> bool:
    """Whether a paragraph that begins a column goes on with the one before it."""
    last, line = before.lines[-1], paragraph.lines[0]
    if not is_first or before.is_table or paragraph.is_table or _is_other_font(last, line) or _ends(before):
        return False
    if before.column.width < _NARROW * paragraph.column.width:  # labels of a figure
        return False
    if last.text[-1:] in _HYPHENS:
        return True
    room = before.column.right - last.right
    is_full = room < max(0.1 * before.column.width, 1.2 * _first_word(line))
    return is_full and (line.text[:1].islower() or (len(before.lines) > 1 and not _LIST.match(line.text)))
