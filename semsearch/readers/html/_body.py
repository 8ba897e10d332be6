"""Which blocks of a page are its article, by how a page is built and not by whose it is.

Text that reads like prose counts for the boxes around it, what reads like lists of links counts against them; the box
with the highest sum holds the article. Names only help: those of furniture take a box out, unless most of the page's
prose is in it, and those of an article narrow the choice down to the boxes that have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from semsearch.readers.html._blocks import HEADINGS, Block, Box, Page
from semsearch.readers.html._names import Family, families_of, line_is_furniture
from semsearch.readers.text._furniture import read_furniture

__all__ = ["Body", "find_body"]

_SENTENCE_END = re.compile(r"""[.!?…。！？:;]["'”’»›)\]」』]*$""")
_END = 20  # characters: a sentence's end, and what closes after it
_PROSE_WORDS = 12
"""From so many words on a block that ends like a sentence is prose; of twice as many it need not end so."""
_FEW_WORDS = 4
_MOST_OF_A_PAGE = 0.4
"""Share of a page's prose from which on a box's name does not make it furniture: sites name boxes as they like."""
_NARROWED = 0.4
"""Share of the best box's sum that boxes with the names of an article must have, to be chosen in place of it."""
_PART = 0.15
"""Share of the best such box's sum from which on another is a part of the article too."""
_STATED = 0.3
"""The same for boxes that the page says are the ``articleBody``: they are then the only ones."""
_MARKED_BONUS = 25.0
"""Words of prose that the name of an article is worth."""
_WHOLE = 0.8
_LEADING = 5
"""Headlines that are links, from which on a page may be a list of articles."""
_FEW_WORDS_OF_A_PAGE = 60
_MUCH_MORE = 3
"""Times as many words without the names of furniture, from which on they are not believed where few are left."""
_ROWS = frozenset({"tr", "tbody", "thead", "tfoot", "table"})
_FIGURES = frozenset({"figure", "figcaption", "caption"})
_WHOLE_PAGES = frozenset({"html", "body", "main", "article"})
_UNNAMED = frozenset({"html", "body", "blockquote", *_ROWS})  # whose names say nothing of what is in them
_NOT_ARTICLES = frozenset({"html", "body", "p", "li", "blockquote", *HEADINGS, *_ROWS})
_SHORT_TEXTS = frozenset({"p", "blockquote", "li", "h2", "h3", "h4", "tr"})
_LINES = frozenset({"li", "tr"})


class Body(NamedTuple):
    """The article of a page.

    Attributes:
        text: Its paragraphs, blank lines between them; a list or a table is one, of a line an entry.
        first: The number of its first block, of all of the page; -1 if it has none.
        reasons: For each block of the page why it is not in the article; empty if it is.
    """

    text: str
    first: int
    reasons: list[str]


def find_body(page: Page, title: str = "") -> Body:
    """Return the article of a page; a heading that repeats the ``title`` is no part of it."""
    if not page.blocks:
        return Body("", -1, [])
    families = [families_of(box.names) if box.names else Family.NONE for box in page.boxes]
    body, words = _body(page, title, families)
    if words < _FEW_WORDS_OF_A_PAGE:
        other, others = _body(page, title, [family & ~Family.FURNITURE for family in families])
        if others > _MUCH_MORE * words:
            return other
    return body


def _body(page: Page, title: str, families: Sequence[Family]) -> tuple[Body, int]:
    """Return the article of a page, by the families of its boxes, and how many words it has."""
    values = [_value(block, page.boxes[block.box].tag) for block in page.blocks]
    why_not = _left_out(page, families, values)
    totals = _totals(page, values, why_not)
    chosen = _narrowed(_best(page.boxes, families, totals), page.boxes, families, totals)
    inside = _below(chosen, page.boxes)
    reasons = [
        why_not[block.box] or (_reason(block, page.boxes[block.box], title) if inside[block.box] else "outside")
        for block in page.blocks
    ]
    if _is_list(page, reasons):
        reasons = [reason or "of a list of articles" for reason in reasons]
    _drop_first_headline(page, reasons)
    _drop_single_lines(page, reasons)
    _drop_last_headings(page, reasons)
    first = next((number for number, reason in enumerate(reasons) if not reason), -1)
    words = sum(block.words for block, reason in zip(page.blocks, reasons, strict=True) if not reason)
    return Body("\n\n".join(_paragraphs(page, reasons)), first, reasons), words


def _value(block: Block, tag: str) -> float:
    """Return how many words of prose a block is worth; below 0 if it speaks against the box that it is in."""
    words = block.words
    is_linked = block.linked * 2 > words
    if tag == "tr":
        return -0.5 if is_linked else 0 if words < 2.5 * _PROSE_WORDS else words * 0.5
    if tag in HEADINGS:
        return 0 if is_linked else 1
    if is_linked:
        return -min(words, 20) * 0.5 - 1
    if tag == "li":
        return words * 0.3 if words >= _PROSE_WORDS else -1
    if words >= _PROSE_WORDS and _ends_sentence(block.text):
        return words
    if words >= 20:
        return words * 0.7
    if words < _FEW_WORDS or tag not in {"p", "blockquote"}:
        return -1
    return 1 if _ends_sentence(block.text) else 0


def _ends_sentence(text: str) -> bool:
    return _SENTENCE_END.search(text[-_END:]) is not None


def _left_out(page: Page, families: Sequence[Family], values: Sequence[float]) -> list[str]:
    """Return for each box why its text is no article's, empty if nothing speaks against it."""
    boxes = page.boxes
    foreign: list[bool] = []
    for box, family in zip(boxes, families, strict=True):
        above = box.parent >= 0 and foreign[box.parent]
        foreign.append(above or (Family.FOREIGN in family and box.tag not in _WHOLE_PAGES))
    prose = [0.0] * len(boxes)
    for block, value in zip(page.blocks, values, strict=True):
        if value > 0 and not foreign[block.box]:
            prose[block.box] += value
    for number in range(len(boxes) - 1, 0, -1):
        prose[boxes[number].parent] += prose[number]
    reasons: list[str] = []
    for number, (box, family) in enumerate(zip(boxes, families, strict=True)):
        reason = reasons[box.parent] if box.parent >= 0 else ""
        if not reason and foreign[number]:
            reason = "of others"
        if not reason and box.tag in {"footer", "aside"}:
            reason = "furniture"
        if not reason and prose[number] < _MOST_OF_A_PAGE * prose[0]:
            reason = _furniture_of(box, family)
        reasons.append(reason)
    return reasons


def _furniture_of(box: Box, family: Family) -> str:
    """Return what a box is by its tag and its names, empty if they do not say that it is furniture."""
    if box.hidden:
        return "hidden"
    if box.tag in _FIGURES:
        return "figure"
    is_named = Family.FURNITURE in family and box.tag not in _UNNAMED
    return "furniture" if is_named else ""


def _totals(page: Page, values: Sequence[float], why_not: Sequence[str]) -> list[float]:
    """Return for each box what all blocks in it are worth; what is left out counts a little against it."""
    boxes = page.boxes
    totals = [0.0] * len(boxes)
    for block, value in zip(page.blocks, values, strict=True):
        reason = why_not[block.box]
        totals[block.box] += value if not reason else 0 if reason == "figure" else -min(block.words, 10) * 0.3
    for number in range(len(boxes) - 1, 0, -1):
        # Of boxes with the same text the innermost is best.
        totals[boxes[number].parent] += totals[number] - (0 if boxes[number].tag in _LINES else 0.1)
    return totals


def _is_article(box: Box, family: Family) -> bool:
    """Whether a box says that it is an article, or the text of one."""
    if box.tag in _NOT_ARTICLES:
        return False
    return (
        box.prop == "articleBody"
        or box.tag == "article"
        or (Family.ARTICLE in family and Family.FURNITURE not in family)
    )


def _best(boxes: Sequence[Box], families: Sequence[Family], totals: Sequence[float]) -> int:
    def worth(number: int) -> float:
        is_text = boxes[number].prop == "articleBody" or Family.ARTICLE in families[number]
        return totals[number] + (_MARKED_BONUS if is_text and boxes[number].tag not in _NOT_ARTICLES else 0)

    return max(range(len(boxes)), key=worth)


def _narrowed(best: int, boxes: Sequence[Box], families: Sequence[Family], totals: Sequence[float]) -> int:
    """Return the box that holds what, in the best box, says that it is the article; the best one if nothing does."""
    within = _below(best, boxes)
    marked = [
        number
        for number in range(best + 1, len(boxes))
        if within[number] and totals[number] > 0 and _is_article(boxes[number], families[number])
    ]
    stated = [n for n in marked if boxes[n].prop == "articleBody" and totals[n] > _STATED * totals[best]]
    marked = stated or marked
    most = max((totals[number] for number in marked), default=0.0)
    if not marked or most < _NARROWED * totals[best]:
        return best
    parts = [number for number in marked if totals[number] >= _PART * most]
    outer = _common(parts, boxes)
    # Articles stand in one another: the innermost that holds (nearly) all is the text without its surroundings.
    whole = [number for number in parts if totals[number] >= _WHOLE * totals[outer]]
    return max(whole, key=lambda number: (totals[number], number), default=outer)


def _common(numbers: Sequence[int], boxes: Sequence[Box]) -> int:
    """Return the innermost box that all of these are in, or are."""
    within = [0] * len(boxes)
    for number in numbers:
        within[number] = 1
    for number in range(len(boxes) - 1, 0, -1):
        within[boxes[number].parent] += within[number]
    # Those that hold all are in one another: the last of them is the innermost.
    return max(number for number, count in enumerate(within) if count == len(numbers))


def _below(root: int, boxes: Sequence[Box]) -> list[bool]:
    """Return for each box whether it is ``root``, or in it."""
    inside = [False] * len(boxes)
    inside[root] = True
    for number in range(root + 1, len(boxes)):
        inside[number] = inside[boxes[number].parent]
    return inside


def _reason(block: Block, box: Box, title: str) -> str:
    """Return why a block of the article's box is no part of the article; empty if it is one."""
    if title and block.words < 40 and _same(block.text, title):
        return "title"
    if block.linked > 0.7 * block.words and not (box.tag == "p" and block.words < _FEW_WORDS):
        return "links"
    if line_is_furniture(block.text, block.words) or read_furniture(block.text) is not None:
        return "furniture"
    return "label" if block.words < _FEW_WORDS and box.tag not in _SHORT_TEXTS else ""


def _same(text: str, title: str) -> bool:
    return " ".join(text.split()).casefold() == title.casefold()


def _is_list(page: Page, reasons: Sequence[str]) -> bool:
    """Whether this is no article but a list of them: every other block or so is a headline that leads to one."""
    leading = sum(
        reason == "links" and page.boxes[block.box].tag in HEADINGS
        for block, reason in zip(page.blocks, reasons, strict=True)
    )
    return leading >= _LEADING and 2 * leading > sum(not reason for reason in reasons)


def _drop_first_headline(page: Page, reasons: list[str]) -> None:
    """Leave out the <h1> that the article begins with: it is called so, whatever the title is."""
    for number, block in enumerate(page.blocks):
        if not reasons[number] and page.boxes[block.box].tag not in HEADINGS:
            return
        if not reasons[number] and page.boxes[block.box].tag == "h1":
            reasons[number] = "title"


def _drop_single_lines(page: Page, reasons: list[str]) -> None:
    """Leave out lines that have a <div> of their own and are no sentence: captions and credits, mostly."""
    blocks = [0] * len(page.boxes)
    for block in page.blocks:
        blocks[block.box] += 1
    for number, block in enumerate(page.blocks):
        if (
            not reasons[number]
            and block.words < _PROSE_WORDS
            and blocks[block.box] == 1
            and page.boxes[block.box].tag == "div"
            and not _ends_sentence(block.text)
        ):
            reasons[number] = "label"


def _drop_last_headings(page: Page, reasons: list[str]) -> None:
    """Leave out headings at the end: what they stand above is no part of the article."""
    for number in range(len(reasons) - 1, -1, -1):
        if not reasons[number]:
            if page.boxes[page.blocks[number].box].tag not in HEADINGS:
                return
            reasons[number] = "furniture"


def _paragraphs(page: Page, reasons: Sequence[str]) -> Iterator[str]:
    """Yield the paragraphs of the article; the entries of a list, or the rows of a table, are lines of one."""
    lines: list[str] = []
    group = last = -1
    for block, reason in zip(page.blocks, reasons, strict=True):
        if reason:
            continue
        box = page.boxes[block.box]
        belongs = box.parent if box.tag in _LINES else -1
        if lines and (belongs < 0 or belongs != group or block.box == last):  # an entry of several paragraphs
            yield "\n".join(lines)
            lines = []
        lines.append(block.text)
        group, last = belongs, block.box
    if lines:
        yield "\n".join(lines)
