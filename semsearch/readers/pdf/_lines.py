"""The pieces of a PDF's pages to lines in reading order, without running heads and page numbers.

The order is the document's, which is the order that it was written in, except where columns are drawn line by line
across the page: these are read one after the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from semsearch.readers.pdf._pages import Page, Piece

__all__ = ["Line", "Running", "body_size", "lines_of", "running_heads"]

_COLUMN_ROWS = 4
"""So many rows of two texts side by side make two columns of them."""
_MOST_COLUMNS = 12
_COLUMN_TEXT = 18
"""Characters; shorter pieces side by side are cells of a table."""
_OUTER_ROWS = 3
"""Rows at the top and at the bottom of a page where running heads stand."""
_RUNNING = 3
"""Pages that a line stands on at the same height, but for its numbers, if it is a running head."""
_LARGER = 1.2
"""In the size of the text's font; a larger line with the page's number in it is the heading of a chapter."""
_APART = 1.8
"""In font sizes: closer lines follow each other."""
_LONGEST_HEAD = 150
"""Characters of a running head."""
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(
    r"[-–—|·•\s]*(?:(?:page|p\.|seite|s\.|pág\.?|página|pagina|стр\.?)\s*)?(?:\d{1,5}|[ivxl]{1,7})"
    r"(?:\s*(?:of|/|von|de|di|sur|из|\|)\s*\d{1,5})?[-–—|·•\s]*",
    re.IGNORECASE,
)
_MARK = re.compile(r"\d{1,3}|[a-z]|[*†‡§¶]{1,3}")
_MARK_SIZE = 0.85
"""In the size of the note's font."""
_SET_OFF = re.compile(r"\s[-–—|·•/]\s*$")
_LEADERS = re.compile(r"(?:\s*\.){5,}\s*")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " ", "\u2011": "-"}
)


class Line(NamedTuple):
    """A line of text, or a row of ``cells``.

    Attributes:
        text: The cells, with spaces between them.
        cells: What stands on the line, parted where there is a gap.
        left: From the left of the page, in points.
        right: Likewise.
        base: The base line, from the bottom of the page.
        size: Of the font.
        bold: Whether it is.
        page: The number of the page, from 0.
        is_note: Whether it begins with a raised number or sign, as notes do.
    """

    text: str
    cells: tuple[str, ...]
    left: float
    right: float
    base: float
    size: float
    bold: bool
    page: int
    is_note: bool = False


class Running(NamedTuple):
    """What is no text: lines at the top or the bottom of pages, by page and place."""

    lines: frozenset[tuple[int, float, float]]

    def has(self, line: Line) -> bool:
        """Whether this line is one of them."""
        return (line.page, line.base, line.left) in self.lines


def lines_of(page: Page, number: int) -> list[Line]:
    """Return the lines of a page in reading order."""
    rows = list(_rows(page.pieces))
    starts = _column_starts(rows)
    rows = [[piece] for piece in _by_column(rows, starts)] if starts else rows
    lines: list[Line] = []
    for row in rows:
        line = _line(row, number)
        if lines and _is_mark(lines[-1], line):
            mark = lines.pop()
            text = f"{mark.text} {line.text}"
            line = line._replace(text=text, cells=(text,), left=mark.left, is_note=True)
        lines.append(line)
    return lines


def _is_mark(mark: Line, line: Line) -> bool:
    """Whether the first is only the raised sign of the note that begins with the second."""
    return (
        _MARK.fullmatch(mark.text) is not None
        and mark.size < _MARK_SIZE * line.size
        and 0 < mark.base - line.base < line.size
        and -1 <= line.left - mark.right < 2 * line.size
    )


def _rows(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces that follow each other to the right on a base line."""
    row: list[Piece] = []
    for piece in pieces:
        if row and not (abs(piece.base - row[-1].base) <= 0.35 * row[-1].size and piece.left >= row[-1].right - 1):
            yield row
            row = []
        row.append(piece)
    if row:
        yield row


def _column_starts(rows: Sequence[Sequence[Piece]]) -> list[float]:
    """Return where columns begin that are drawn line by line across the page; none if there are none."""
    lefts: Counter[int] = Counter()
    for row in rows:
        for before, piece in pairwise(row):
            if min(len(before.text), len(piece.text)) >= _COLUMN_TEXT:
                lefts[round(piece.left / 4)] += 1
    starts: list[float] = []
    for left, count in sorted(lefts.items()):
        if count + lefts[left + 1] >= _COLUMN_ROWS and (not starts or 4 * left - starts[-1] > 40):
            starts.append(4 * left - 4)
    return starts if len(starts) < _MOST_COLUMNS else []


def _by_column(rows: Sequence[Sequence[Piece]], starts: Sequence[float]) -> Iterator[Piece]:
    """Yield the pieces column by column, what crosses the columns where it stands between them."""
    columns: list[list[Piece]] = [[] for _ in range(len(starts) + 1)]
    for row in rows:
        for piece in row:
            at = sum(start <= piece.left for start in starts)
            if at < len(starts) and piece.right > starts[at] + piece.size:
                for column in columns:
                    yield from column
                    column.clear()
                yield piece
            else:
                columns[at].append(piece)
    for column in columns:
        yield from column


def _line(row: Sequence[Piece], page: int) -> Line:
    cells = tuple(_clean(piece.text) for piece in row)
    largest = max(row, key=lambda piece: len(piece.text))
    return Line(
        " ".join(filter(None, cells)),
        cells,
        row[0].left,
        row[-1].right,
        row[0].base,
        largest.size,
        all(piece.bold for piece in row),
        page,
    )


def _clean(text: str) -> str:
    text = _LEADERS.sub(" … ", text.translate(_LIGATURES))
    return " ".join("".join(each for each in text if each.isprintable() or each in " \u00ad").split())


def running_heads(pages: Sequence[Sequence[Line]]) -> Running:
    """Find the running heads and page numbers among the lines of each page.

    A line in the outer rows of a page is one if it stands on several pages at the same height and differs in the page's
    number only, or if it is a page number, or begins or ends with the page's number where other pages' do.
    """
    outer = [_outer_rows(lines) for lines in pages]
    offset = _number_offset(outer)
    seen = Counter(key for rows in outer for key in {_key(line, offset) for row in rows for line in row})
    needed = _RUNNING if len(pages) > _RUNNING else 2
    repeated = {key for key, count in seen.items() if count >= needed}
    repeated.discard(None)
    largest = _LARGER * body_size(line for lines in pages for line in lines)
    found: set[tuple[int, float, float]] = set()
    for number, rows in enumerate(outer):
        expected = "" if offset is None else str(number + offset)
        is_running = [
            (len(row) == 1 and _NUMBER.fullmatch(row[0].text) is not None and row in (rows[0], rows[-1]))
            or (row[0].size < largest and _is_numbered(row, expected))
            or all(_key(line, offset) in repeated for line in row)
            for row in rows
        ]
        at_top = _outside(rows, is_running)
        at_bottom = _outside(rows[::-1], is_running[::-1])
        for row in rows[:at_top] + rows[len(rows) - at_bottom :]:
            found.update((line.page, line.base, line.left) for line in row)
    return Running(frozenset(found))


def _outside(rows: Sequence[Sequence[Line]], is_running: Sequence[bool]) -> int:
    """Return how many rows, the outermost first, are no text: those up to a gap, which are running heads each."""
    count = next((at for at, running in enumerate(is_running) if not running), len(rows))
    while 0 < count < len(rows):
        before, row = rows[count - 1][0], rows[count][0]
        if abs(before.base - row.base) > _APART * max(before.size, row.size):
            break
        count -= 1
    return count


def body_size(lines: Iterable[Line]) -> float:
    """Return the font size that most of the text has, to half a point."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(2 * line.size) / 2] += len(line.text)
    return max(sizes.most_common(1)[0][0], 1.0) if sizes else 1.0


def _outer_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the rows at the top and the bottom of a page; what stands below a gap is no outer row's neighbour."""
    rows = [
        sorted(row, key=lambda line: line.left)
        for _, row in groupby(sorted(lines, key=lambda line: -line.base), key=lambda line: round(line.base / 3))
    ]
    if len(rows) <= 2 * _OUTER_ROWS:
        return rows
    return rows[:_OUTER_ROWS] + rows[-_OUTER_ROWS:]


def _key(line: Line, offset: int | None) -> tuple[str, int] | None:
    """Return what is the same of a running head on each page; None for what is none."""
    if len(line.text) > _LONGEST_HEAD:
        return None
    number = str(line.page + (1 if offset is None else offset))
    text = _DIGITS.sub(lambda digits: "#" if digits.group() == number else digits.group(), line.text)
    return text.casefold(), round(line.base / 6)


def _number_offset(outer: Sequence[Sequence[Sequence[Line]]]) -> int | None:
    """Return what the numbers in the outer rows are more than those of the pages from 0, if enough of them agree."""
    offsets: Counter[int] = Counter()
    for page, rows in enumerate(outer):
        outermost = {int(number) - page for row in (*rows[:1], *rows[-1:]) for number in _numbers(row)}
        offsets.update(dict.fromkeys(outermost, 2))
        offsets.update({int(number) - page for row in rows[1:-1] for number in _numbers(row)} - outermost)
    if not offsets:
        return None
    offset, count = offsets.most_common(1)[0]
    return offset if count >= max(_RUNNING, 0.4 * len(outer)) else None


def _numbers(row: Sequence[Line]) -> Iterator[str]:
    text = " ".join(line.text for line in row)
    return (number for number in _DIGITS.findall(text) if len(number) < 6) if len(text) <= _LONGEST_HEAD else iter(())


def _is_numbered(row: Sequence[Line], expected: str) -> bool:
    """Whether the page's number stands at an end of the row, with a gap or a sign between it and other words."""
    cells = [cell for line in row for cell in line.cells]
    text = " ".join(cells)
    if not expected or len(text) > _LONGEST_HEAD:
        return False
    return expected in (cells[0], cells[-1]) or (
        text.endswith(expected) and _SET_OFF.search(text.removesuffix(expected)) is not None
    )
