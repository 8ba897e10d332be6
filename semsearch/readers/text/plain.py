"""Plain text: an article a file, as typed or as a reader saved it from a news page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import BinaryIO, NamedTuple

from semsearch.readers._dates import parse_date
from semsearch.readers._fields import article_from_fields
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import read_text
from semsearch.readers.text._furniture import Furniture, dateline_source, is_button, is_dateline, read_furniture

__all__ = ["read_plain"]

_HEADLINE_WORDS = 30
_SENTENCE_WORDS = 8
"""A shorter line above the text may be anything: a label, a caption, a second headline."""
_HEAD_LINES = 40
"""So many lines that are not blank are looked at for a stamp: a text without one sentence is not all head."""
_BLOCK_LINES = 20
_CLOSING = "\"'”’»›)]"
_STOPS = (".", "!", "?", "…", "。", "！", "？")


class _Page(NamedTuple):
    title: str
    stamps: list[str]
    authors: list[str]
    source: str | None
    body: str
    furniture: list[str]


def read_plain(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the one article of a text file.

    A first line that reads like a headline is the title. What a news page puts around its text is no part of the
    body: buttons ("Save", "Share"), the time stamp, which gives the date, and the byline, which is kept as the
    metadata ``author``. The dateline gives the source and stays.
    """
    text = read_text(stream, origin, log)
    if text is None:
        return
    page = _read_page(text.split("\n"))
    for line in page.furniture:
        log.drop(origin.place, line, "page furniture")
    days = [day for day in map(parse_date, page.stamps) if day is not None]
    fields: dict[str, object] = {
        "title": page.title,
        # A stamp whose day is not certain is kept as metadata, with a note, like a date of the other formats.
        "published": next(iter(days or page.stamps), None),
        "source": page.source,
    }
    if page.authors:
        fields["author"] = ", ".join(page.authors)
    located = article_from_fields(fields, origin, log, text=page.body)
    if located is not None:
        yield located


def _read_page(lines: Sequence[str]) -> _Page:
    """Part the lines of a page into what its head says and its body, without what a page puts around them."""
    stripped = [line.strip() for line in lines]
    title, headline = "", -1
    found: list[Furniture] = []
    dropped: set[int] = set()
    start = len(lines)  # of the text, where the head ends
    is_first = True
    for number in islice((number for number, line in enumerate(stripped) if line), _HEAD_LINES):
        furniture = _furniture_of_head(stripped, number)
        if furniture is not None:
            found.append(furniture)
            dropped.add(number)
            continue
        if is_first and _is_headline(stripped, number):
            title, headline = " ".join(stripped[number].split()), number
            dropped.add(number)
        elif _is_paragraph(stripped, number):
            start = number
            break
        is_first = False
    dropped.update(
        number for number, line in enumerate(stripped) if is_button(line) and _stands_alone(stripped, number)
    )
    return _Page(
        title,
        [item.day for item in found if item.day is not None],
        list(dict.fromkeys(item.author for item in found if item.author is not None)),
        dateline_source(stripped[start]) if start < len(lines) else None,
        _join(lines, dropped),
        [stripped[number] for number in sorted(dropped) if number != headline],
    )


def _join(lines: Sequence[str], dropped: set[int]) -> str:
    """Join the lines that are left; where some were dropped between two blank ones, one blank line is left."""
    kept: list[str] = []
    after_dropped = False
    for number, line in enumerate(lines):
        is_blank = not line.strip()
        if number in dropped:
            after_dropped = True
            while len(kept) > 1 and not kept[-1].strip() and not kept[-2].strip():
                kept.pop()
        elif not (is_blank and (not kept or (after_dropped and not kept[-1].strip()))):
            kept.append(line)
            after_dropped = after_dropped and is_blank
    return "\n".join(kept).strip()


def _furniture_of_head(lines: Sequence[str], number: int) -> Furniture | None:
    """Return what the line says if it is no text; a small "home" may be the end of a sentence that is wrapped."""
    furniture = read_furniture(lines[number])
    if furniture == Furniture() and lines[number][0].islower() and not _stands_alone(lines, number):
        return None
    return furniture


def _stands_alone(lines: Sequence[str], number: int) -> bool:
    """Whether no sentence goes on from the line before or to the line after."""
    before = lines[number - 1] if number else ""
    after = lines[number + 1] if number + 1 < len(lines) else ""
    return (not before or _ends_sentence(before) or is_button(before)) and (not after or not after[0].islower())


def _is_headline(lines: Sequence[str], number: int) -> bool:
    """Whether the line reads like a headline and what follows it shows that no wrapped text begins with it."""
    line = lines[number]
    end = line[-80:].rstrip("\"'”’»)")
    if len(line.split(None, _HEADLINE_WORDS)) > _HEADLINE_WORDS or (
        end.endswith((".", ":", ";", ",")) and not end.endswith("...")
    ):
        return False
    after = lines[number + 1] if number + 1 < len(lines) else ""
    if not after or _furniture_of_head(lines, number + 1) is not None:
        return any(lines[number + 1 :])
    return is_dateline(after) or _is_line_a_paragraph(lines, number)


def _is_line_a_paragraph(lines: Sequence[str], number: int) -> bool:
    """Whether the lines right after this one are a paragraph each, not lines of one that is wrapped.

    Then most of them end a sentence. One line alone says too little: it must also have had the room to take this
    line's place, for a line is wrapped where the next word does not fit.
    """
    block = _block(lines, number + 1)
    if not block or any(line[0].islower() for line in block):
        return False
    if len(block) == 1:
        return _ends_sentence(block[0]) and len(lines[number]) + 1 + len(block[0].split(None, 1)[0]) <= len(block[0])
    return sum(map(_ends_sentence, block)) * 3 >= len(block) * 2


def _is_paragraph(lines: Sequence[str], number: int) -> bool:
    """Whether the text begins here: a dateline, a sentence, or lines of text that is wrapped."""
    line = lines[number]
    if is_dateline(line) or _is_sentence(line) or len(line.split(None, _HEADLINE_WORDS)) > _HEADLINE_WORDS:
        return True
    block = _block(lines, number)
    is_wrapped = len(block) > 1 and not _is_line_a_paragraph(lines, number)
    return is_wrapped and (len(block) == _BLOCK_LINES or any(map(_ends_sentence, block))) and _is_long(" ".join(block))


def _block(lines: Sequence[str], start: int) -> list[str]:
    """Return the lines from ``start`` to the next that is blank or furniture, the first few of them."""
    return list(takewhile(lambda line: line and read_furniture(line) is None, lines[start : start + _BLOCK_LINES]))


def _is_sentence(line: str) -> bool:
    return _ends_sentence(line) and _is_long(line)


def _is_long(text: str) -> bool:
    # Chinese and Japanese have no spaces between words.
    return len(text.split(None, _SENTENCE_WORDS)) >= _SENTENCE_WORDS or (not text.isascii() and len(text) >= 60)


def _ends_sentence(line: str) -> bool:
    return line[-20:].rstrip(_CLOSING).endswith(_STOPS)
