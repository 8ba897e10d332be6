"""Plain text to an article: headline, dateline, time stamp, and the buttons of the page that it was saved from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import Article, ReadingLog, read_articles

Read = Callable[[str], Article]

DAY = dt.date(2022, 1, 7)
BODY = "Zas said the deployment of troops has already begun.\n\nHe expects the mission to last briefly."


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a text as a file, without problems or notes."""

    def read_file(text: str) -> Article:
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        log = ReadingLog()
        (article,) = read_articles(tmp_path / "a.txt", log=log)
        assert (log.problems, log.notes) == ([], [])
        return article

    return read_file


# --- the headline


def test_a_first_line_that_reads_like_a_headline_is_the_title(read: Read) -> None:
    assert read(f"Zas  explains\tthe grounds\n\n{BODY}\n") == Article("a.txt", BODY, "Zas explains the grounds")


@pytest.mark.parametrize(
    "headline",
    [
        "Will the troops leave?",
        "They left!",
        "Troops leave “at once”",
        "And then they left...",
        "Войска ушли",
        "1 killed",
    ],
)
def test_a_headline_may_end_in_other_marks_than_a_stop(read: Read, headline: str) -> None:
    assert read(f"{headline}\n\n{BODY}").title == headline


@pytest.mark.parametrize(
    "first",
    [
        "The troops have left.",
        "The troops have left the following:",
        "He said “they have left.”",
        "The troops, he said,",
        "word " * 30 + "word",
    ],
)
def test_a_first_line_that_reads_like_a_sentence_is_text(read: Read, first: str) -> None:
    assert read(f"{first}\n\n{BODY}") == Article("a.txt", f"{first}\n\n{BODY}")


def test_a_text_of_one_line_has_no_headline(read: Read) -> None:
    assert read("The troops have left") == Article("a.txt", "The troops have left")


def test_only_the_first_line_is_a_headline(read: Read) -> None:
    assert read(f"Zas explains\n\nThe grounds\n\n{BODY}") == Article("a.txt", f"The grounds\n\n{BODY}", "Zas explains")


def test_a_headline_needs_no_blank_line_where_each_line_is_a_paragraph(read: Read) -> None:
    lines = BODY.replace("\n\n", "\n")

    assert read(f"Zas explains the grounds\n{lines}") == Article("a.txt", lines, "Zas explains the grounds")


@pytest.mark.parametrize("column", [40, 72])
def test_the_first_line_of_wrapped_text_is_no_headline(read: Read, column: int) -> None:
    words = (
        "the secretary general of the organisation explained on Friday the legal basis for sending peacekeepers to "
        "that country which two articles of the treaty provide for if a member asks for help against a threat"
    ).capitalize()
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= column:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    text = "\n".join(lines) + "."

    assert read(f"{text}\n\n{BODY}") == Article("a.txt", f"{text}\n\n{BODY}")


# --- what a page puts around the text


@pytest.mark.parametrize("button", ["Save", "SHARE", " Print ", "Tweet:", "Share on  Facebook", "· Menu ·", "Sign in"])
def test_buttons_above_and_below_the_text_are_no_part_of_it(read: Read, button: str) -> None:
    text = f"{button}\n\nZas explains\n\n{button}\n{button}\n\n{BODY}\n\n{button}\n\n{button}\n"

    assert read(text) == Article("a.txt", BODY, "Zas explains")


def test_a_sentence_with_a_buttons_word_is_text(read: Read) -> None:
    body = "Save the date, said Zas.\n\nShare prices fell.\n\nThe troops must share."

    assert read(body) == Article("a.txt", body)


def test_a_page_of_buttons_alone_is_an_empty_article(read: Read) -> None:
    assert read("Save\n\nShare\n") == Article("a.txt", "")


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_empty_article(read: Read, content: str) -> None:
    assert read(content) == Article("a.txt", "")


@pytest.mark.parametrize(
    "stamp",
    [
        " 11:19, 7 January, 2022",
        "7 January 2022",
        "January 7, 2022 at 11:19 AM",
        "Friday, January 7th, 2022",
        "Published: 7 January 2022, 11:19 MSK",
        "Last updated: 07 Jan 2022 11:19 GMT",
        "2022-01-07 11:19",
        "2022/01/07",
    ],
)
def test_a_time_stamp_gives_the_date_and_is_no_part_of_the_text(read: Read, stamp: str) -> None:
    assert read(f"Zas explains\n\nSave\n\n{stamp}\n\n{BODY}") == Article("a.txt", BODY, "Zas explains", DAY)


def test_of_two_time_stamps_the_first_is_the_date(read: Read) -> None:
    article = read(f"Zas explains\n\n7 January 2022\nUpdated: 9 January 2022\n\n{BODY}")

    assert (article.published, article.text) == (DAY, BODY)


@pytest.mark.parametrize("line", ["7 January", "On 7 January 2022 the troops arrived.", "2022", "03/04/2022"])
def test_a_line_that_names_no_day_for_certain_is_no_time_stamp(read: Read, line: str) -> None:
    article = read(f"Zas explains\n\n{line}\n\n{BODY}")

    assert (article.published, article.text) == (None, f"{line}\n\n{BODY}")


# --- the dateline


@pytest.mark.parametrize(
    ("dateline", "source"),
    [
        ("YEREVAN, JANUARY 7, ARMENPRESS.", "ARMENPRESS"),
        ("NUR-SULTAN, Kazakhstan, JAN. 7, 2022, TASS.", "TASS"),
        ("LONDON, March 3 (Reuters) -", "Reuters"),
        ("PARIS (AP) —", "AP"),
        ("Berlin (dpa) –", "dpa"),
        ("New York/Geneva, 7 January (UN News) –", "UN News"),
    ],
)
def test_a_dateline_names_the_source_and_stays_in_the_text(read: Read, dateline: str, source: str) -> None:
    assert read(f"Zas explains\n\n{dateline} {BODY}") == Article(
        "a.txt", f"{dateline} {BODY}", "Zas explains", source=source
    )


@pytest.mark.parametrize("start", ["The Collective Security Treaty (CST) is old.", "YEREVAN, the capital, slept."])
def test_other_beginnings_name_no_source(read: Read, start: str) -> None:
    assert read(f"Zas explains\n\n{start} {BODY}").source is None
