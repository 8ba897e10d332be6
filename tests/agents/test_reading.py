"""Which part of an article is shown."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from semsearch.agents._reading import Place, around, numbered, onwards
from semsearch.passages import find_paragraphs

TEXT = "Heading\n\n" + "\n\n".join(f"Paragraph number {n} says something of its own here." for n in range(1, 7))
PLACES = numbered(find_paragraphs(TEXT), len(TEXT))


def shown(span: tuple[int, int]) -> list[int]:
    return [n for n in range(1, 7) if f"number {n} says" in TEXT[slice(*span)]]


def span_of(number: int) -> tuple[int, int]:
    (place,) = [place for place in PLACES if place.number == number]
    return place.start, place.end


def test_paragraphs_are_numbered_without_headings() -> None:
    assert [place.number for place in PLACES] == [None, 1, 2, 3, 4, 5, 6]
    assert [TEXT[place.start : place.end] for place in PLACES[:2]] == [
        "Heading",
        "Paragraph number 1 says something of its own here.",
    ]
    assert numbered([], 0) == []
    heading = "Only a heading"
    assert numbered(find_paragraphs(heading), len(heading)) == [Place(1, 0, 14)]


@pytest.mark.parametrize(
    ("number", "before", "after", "expected"),
    [(3, 1, 1, [2, 3, 4]), (3, 0, 0, [3]), (3, 9, 0, [1, 2, 3]), (6, 2, 2, [4, 5, 6]), (1, 0, 2, [1, 2, 3])],
)
def test_so_many_paragraphs_are_shown_around_one(number: int, before: int, after: int, expected: list[int]) -> None:
    assert shown(around(PLACES, span_of(number), before=before, after=after, longest=10_000)) == expected


def test_a_heading_comes_with_what_follows_it() -> None:
    assert around(PLACES, span_of(1), before=0, after=0, longest=10_000)[0] == 0


def test_what_does_not_fit_is_left_out_on_both_sides_alike() -> None:
    start, end = around(PLACES, span_of(3), before=9, after=9, longest=160)
    assert shown((start, end)) == [2, 3, 4]
    assert end - start <= 160
    assert around(PLACES, span_of(3), before=9, after=9, longest=20) == (span_of(3)[0], span_of(3)[0] + 20)


def test_a_part_of_a_paragraph_is_completed() -> None:
    start, end = span_of(4)
    assert around(PLACES, (start + 5, start + 6), before=0, after=0, longest=10_000) == (start, end)


def test_reading_on_ends_with_a_paragraph_or_else_with_a_word() -> None:
    start, end = onwards(TEXT, PLACES, 0, longest=130)
    assert (start, TEXT[start:end].endswith("number 2 says something of its own here.")) == (0, True)
    words = "word " * 100
    assert onwards(words, [Place(1, 0, len(words))], 0, longest=52) == (0, 50)
    assert onwards("x" * 100, [Place(1, 0, 100)], 10, longest=20) == (10, 30)
    assert onwards(TEXT, PLACES, 0, longest=10_000) == (0, len(TEXT))


@given(st.text("ab \n.", max_size=400), st.data())
def test_whatever_is_read_on_is_all_of_it_and_each_part_is_short_enough(text: str, data: st.DataObject) -> None:
    places = numbered(find_paragraphs(text), len(text))
    longest = data.draw(st.integers(1, 60))
    at, parts = 0, []
    while at < len(text):
        start, end = onwards(text, places, at, longest=longest)
        assert start == at < end <= at + longest
        parts.append(text[start:end])
        at = end
    assert "".join(parts) == text
    if text:
        first = data.draw(st.integers(0, len(text) - 1))
        last = data.draw(st.integers(first + 1, len(text)))
        before, after = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
        start, end = around(places, (first, last), before=before, after=after, longest=longest)
        assert 0 <= start <= first < end <= len(text)
        assert end - start <= longest
        assert end >= min(last, first + longest)
