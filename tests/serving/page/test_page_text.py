"""What the page makes of texts: its pure functions, run where they run."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.serving.page.conftest import Open


def run(page: Page, expression: str, argument: Any = None) -> Any:
    """Evaluate an expression of ``text``, the module, and ``given``, the argument."""
    return page.evaluate(f"given => import('/page/text.js').then(text => {expression})", argument)


def test_dates_as_people_write_them(visit: Open) -> None:
    page = visit()
    written = [
        "2020",
        " 2020-3 ",
        "2020-03-15",
        "2020/3/5",
        "2020.12",
        "2024-02-29",
        "15.3.2020",
        "1. 2. 2020",
        "3.2020",
    ]
    read = [
        "2020",
        "2020-03",
        "2020-03-15",
        "2020-03-05",
        "2020-12",
        "2024-02-29",
        "2020-03-15",
        "2020-02-01",
        "2020-03",
    ]
    assert run(page, "given.map(one => text.filterDate(one))", written) == read
    wrong = ["2023-02-29", "3/15/2020", "15/3/2020", "31.4.2020", "15.3.20", "soon"]
    assert run(page, "given.map(one => text.filterDate(one))", wrong) == [None] * len(wrong)


def test_names_are_found_without_their_accents(visit: Open) -> None:
    page = visit()
    names = ["Zürich", "ZÜRICH", "Zu\u0308rich", "Málaga Ñ", "朝日新聞", "Ｗire"]
    assert run(page, "given.map(one => text.plain(one))", names) == ["zurich"] * 3 + ["malaga n", "朝日新聞", "wire"]


def test_days_are_written_as_where_the_reader_is(visit: Open) -> None:
    page = visit()
    assert run(page, "text.humanDate('2022-01-08', given)", "en-GB") == "8 January 2022"
    assert run(page, "text.humanDate('2022-01-08', given)", "de") == "8. Januar 2022"
    assert run(page, "text.humanDate('0033-04-03', 'en-GB')") == "3 April 33"
    assert run(page, "[null, 'undated'].map(one => text.humanDate(one))") == ["", "undated"]


@pytest.mark.parametrize("sample", ["", "plain", "a🌋b", "👩‍🔬𝔄\n\nß", "עברית 🌄 العربية", "𝔄" * 50 + "z"])
def test_texts_are_cut_by_code_points(visit: Open, sample: str) -> None:
    page = visit()
    spans = [(start, end) for start in range(len(sample) + 1) for end in range(start, len(sample) + 2)][:400]
    cut = "(points => given.spans.map(([a, b]) => points.slice(a, b)))(new text.CodePoints(given.sample))"
    assert run(page, cut, {"sample": sample, "spans": spans}) == [sample[start:end] for start, end in spans]
    assert run(page, "new text.CodePoints(given).length", sample) == len(sample)


def test_spans_that_overlap_are_cut_where_either_begins_or_ends(visit: Open) -> None:
    page = visit()
    made = run(
        page,
        "text.pieces(new text.CodePoints('0123456789'), 2, 9, given).map(p => [p.text, [...p.kinds].sort()])",
        [
            {"start": 0, "end": 5, "kind": "here"},
            {"start": 4, "end": 7, "kind": "mark"},
            {"start": 9, "end": 10, "kind": "out"},
        ],
    )
    assert made == [["23", ["here"]], ["4", ["here", "mark"]], ["56", ["mark"]], ["78", []]]


def test_headings_lose_their_signs(visit: Open) -> None:
    page = visit()
    headings = ["## A force", "# One #", "Title\n=====", "Section\n---", "Plain"]
    bare = run(page, "given.map(one => text.bareHeading(one))", headings)
    kept = [one[each["before"] : len(one) - each["after"]] for one, each in zip(headings, bare, strict=True)]
    assert kept == ["A force", "One", "Title", "Section", "Plain"]
    assert [each["depth"] for each in bare] == [2, 1, 1, 2, 2]


def test_lines_of_lists_and_verse_are_kept(visit: Open) -> None:
    page = visit()
    wrapped = f"{'a long line of prose that was wrapped ' * 3}\nby its writer"
    samples = ["- one\n- two", "1. one\n2. two", "Roses are red\nViolets are blue", wrapped, "one line"]
    assert run(page, "given.map(one => text.keepsLines(one))", samples) == [True, True, True, False, False]


def test_a_quotation_leaves_out_what_is_not_known(visit: Open) -> None:
    page = visit()
    bare = {"id": "notes/7.txt", "title": " ", "source": None, "published": None}
    assert run(page, "text.quotation(' So it was. ', given, null, null, null)", bare) == "“So it was.”\n— notes/7.txt"
    full = {"id": "7", "title": "Seven", "source": "Wire", "published": "2022-01-08"}
    quoted = run(page, "text.quotation('So.', given, 3, 'iv', 'https://example.org/')", full)
    assert quoted == "“So.”\n— Seven, Wire, 8 January 2022, paragraph 3, page iv\nhttps://example.org/"
