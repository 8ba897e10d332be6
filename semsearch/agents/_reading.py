"""Which part of an article to show. Pure functions over its paragraphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semsearch.passages import Paragraph

__all__ = ["Place", "around", "numbered", "onwards"]


@dataclass(frozen=True, slots=True)
class Place:
    """A paragraph of an article: its number from 1, None of a heading, and its span."""

    number: int | None
    start: int
    end: int


def numbered(paragraphs: Sequence[Paragraph], length: int) -> list[Place]:
    """Return an article's paragraphs, numbered as in hits. One of headings alone is a single paragraph."""
    if length and all(one.is_heading for one in paragraphs):
        return [Place(1, 0, length)]
    places, number = [], 0
    for one in paragraphs:
        number += not one.is_heading
        places.append(Place(None if one.is_heading else number, one.start, one.end))
    return places


def around(places: Sequence[Place], span: tuple[int, int], *, before: int, after: int, longest: int) -> tuple[int, int]:
    """Return a span with so many paragraphs before and after it, as far as they fit into ``longest`` characters.

    The paragraphs that the span touches are completed first. A heading comes with the paragraph that follows it. If the
    span alone is too long, it is cut at its end.
    """
    start, end = span
    if end - start >= longest:
        return start, start + longest
    own = [at for at, one in enumerate(places) if one.start < end and start < one.end]
    if not own:
        return start, end
    first, last = own[0], own[-1]
    for wider in ((min(start, places[first].start), end), (start, max(end, places[last].end))):
        grown = min(start, wider[0]), max(end, wider[1])
        if grown[1] - grown[0] <= longest:
            start, end = grown
    left, right = before, after
    while True:
        grew = False
        if last + 1 < len(places) and right > 0 and places[last + 1].end - start <= longest:
            last += 1
            end, right, grew = max(end, places[last].end), right - (places[last].number is not None), True
        if first > 0 and (left > 0 or places[first - 1].number is None) and end - places[first - 1].start <= longest:
            first -= 1
            start, left, grew = min(start, places[first].start), left - (places[first].number is not None), True
        if not grew:
            return start, end


def onwards(text: str, places: Sequence[Place], start: int, *, longest: int) -> tuple[int, int]:
    """Return what to read from a character on: to the end of the last paragraph that fits, or of the last word."""
    if len(text) - start <= longest:
        return start, len(text)
    ends = [one.end for one in places if start < one.end <= start + longest]
    if ends:
        return start, ends[-1]
    space = max(text.rfind(sign, start + longest // 2, start + longest) for sign in " \n\t")
    return start, start + longest if space < 0 else space + 1
