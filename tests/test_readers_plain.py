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


@pytest.mark.parametrize(
    "text",
    [
        "The prime minister of the United\nKingdom said on Monday that he left.",
        "The prime minister of the United\nKingdom said on Monday that the\ngovernment of the country had\nresigned.",
        "The prime minister of the United\nKingdom said on Monday. He left.\nAnd then all the ministers\nof it left.",
        "The prime minister of the United\nKingdom said on Monday that the parliament of the country\nhad resigned.",
    ],
)
def test_a_line_that_goes_on_with_a_name_is_no_headline(read: Read, text: str) -> None:
    assert read(text) == Article("a.txt", text)
    assert read(f"{text}\n\n{BODY}") == Article("a.txt", f"{text}\n\n{BODY}")


@pytest.mark.parametrize("after", ["Save", "7 January 2022", "By Jane Doe", "2 hours ago"])
def test_a_headline_needs_no_blank_line_before_what_is_no_text(read: Read, after: str) -> None:
    article = read(f"Zas explains\n{after}\n{BODY}")

    assert (article.title, article.text) == ("Zas explains", BODY)


def test_a_headline_longer_than_the_lines_below_it_is_the_title(read: Read) -> None:
    assert read("Zas explains the grounds of the treaty\nThey came.\nThey left.") == Article(
        "a.txt", "They came.\nThey left.", "Zas explains the grounds of the treaty"
    )


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
        "Jan 7, 2022 at 3:04 PM ET",
        "2022-01-07T10:00:00Z",
        "2022-01-07T23:30:00.123-08:00",
        "Fri 7 Jan 2022 11.15 GMT",
        "January 7, 2022 at 11:19 a.m. (GMT+3)",
        "11:19 | 7 January 2022",
        "7 January 2022 – Updated 9 January 2022",
    ],
)
def test_a_time_stamp_gives_the_date_and_is_no_part_of_the_text(read: Read, stamp: str) -> None:
    assert read(f"Zas explains\n\nSave\n\n{stamp}\n\n{BODY}") == Article("a.txt", BODY, "Zas explains", DAY)


def test_of_two_time_stamps_the_first_is_the_date(read: Read) -> None:
    article = read(f"Zas explains\n\n7 January 2022\nUpdated: 9 January 2022\n\n{BODY}")

    assert (article.published, article.text) == (DAY, BODY)


@pytest.mark.parametrize("line", ["7 January", "On 7 January 2022 the troops arrived.", "2022", "May 2022", "3.14"])
def test_a_line_that_names_no_day_for_certain_is_no_time_stamp(read: Read, line: str) -> None:
    article = read(f"Zas explains\n\n{line}\n\n{BODY}")

    assert (article.published, article.text) == (None, f"{line}\n\n{BODY}")


@pytest.mark.parametrize("stamp", ["03/04/2022", "07.01.2022 11:15", "Published: 30 February 2022"])
def test_a_stamp_whose_day_is_not_certain_is_no_text_and_is_noted(tmp_path: Path, stamp: str) -> None:
    (tmp_path / "a.txt").write_text(f"Zas explains\n\n{stamp}\n\nSave\n\n{BODY}", encoding="utf-8")
    log = ReadingLog()

    (article,) = read_articles(tmp_path / "a.txt", log=log)

    day = stamp.removeprefix("Published: ").removesuffix(" 11:15")
    assert article == Article("a.txt", BODY, "Zas explains", metadata={"published": day})
    assert log.notes == [f"{tmp_path / 'a.txt'}: the date {day!r} cannot be read, kept as metadata"]


@pytest.mark.parametrize(
    "line",
    [
        *("2 hours ago", "Updated 3 mins ago", "an hour ago", "just now", "5 min read", "Reading time: 5 minutes"),
        *("11:19", "The grounds", "Photo: Zas", "Politics", "2022"),
    ],
)
def test_what_else_stands_in_the_head_hides_neither_stamp_nor_dateline_nor_buttons(read: Read, line: str) -> None:
    body = f"YEREVAN, JANUARY 7, ARMENPRESS. {BODY}"
    article = read(f"Zas explains\n\n{line}\n\nSave\n\nShare\n\n7 January 2022\n\n{body}")

    is_text = line in {"The grounds", "Photo: Zas", "Politics", "2022"}
    assert article == Article(
        "a.txt", f"{line}\n\n{body}" if is_text else body, "Zas explains", DAY, source="ARMENPRESS"
    )


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("By Jane Doe", "Jane Doe"),
        ("Written by: Jane Doe", "Jane Doe"),
        ("BY JANE DOE, BBC News", "JANE DOE, BBC News"),
        ("By Jane O’Brien and Luis de la Cruz in London", "Jane O’Brien and Luis de la Cruz in London"),
        ("By Jane Doe\nBy John Roe", "Jane Doe, John Roe"),
        ("By Jane Doe | 7 January 2022 · 5 min read", "Jane Doe"),
    ],
)
def test_a_byline_is_the_author_and_no_part_of_the_text(read: Read, byline: str, author: str) -> None:
    article = read(f"Zas explains\n\n{byline}\n\nSave\n\n7 January 2022\n\n{BODY}")

    assert article == Article("a.txt", BODY, "Zas explains", DAY, metadata={"author": author})


@pytest.mark.parametrize("line", ["By accident they met", "By Friday they left.", "By 2022 Zas"])
def test_other_lines_that_begin_like_a_byline_are_text(read: Read, line: str) -> None:
    assert read(f"Zas explains\n\n{line}\n\n{BODY}") == Article("a.txt", f"{line}\n\n{BODY}", "Zas explains")


def test_below_the_first_sentence_only_buttons_are_no_part_of_the_text(read: Read) -> None:
    body = f"{BODY}\n\n7 January 2022\n\nBy Jane Doe\n\n2 hours ago\n\nThe end came."

    assert read(f"Zas explains\n\n{body}") == Article("a.txt", body, "Zas explains")


@pytest.mark.parametrize("buttons", ["Advertisement", "Save\n\nShare", "Save\nShare\n", "\nadvertisement"])
def test_buttons_that_stand_alone_in_the_text_are_no_part_of_it(read: Read, buttons: str) -> None:
    first, second = BODY.split("\n\n")

    assert read(f"Zas explains\n\n{first}\n\n{buttons}\n\n{second}") == Article("a.txt", BODY, "Zas explains")
    assert read(f"{first}\n{buttons}\n{second}").text.split() == BODY.split()


@pytest.mark.parametrize("word", ["home", "home.", "Home"])
def test_the_end_of_a_wrapped_sentence_is_no_button(read: Read, word: str) -> None:
    body = f"{BODY}\n\nZas said the troops would be going back\n{word}\n\nThen they may\n{word}"

    assert read(body) == Article("a.txt", body)


def test_the_end_of_a_wrapped_sentence_at_the_top_is_no_button(read: Read) -> None:
    body = "Zas said the troops that had been sent would very soon be going back\nhome\n\nThen they left."

    assert read(body) == Article("a.txt", body)


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


@pytest.mark.parametrize(
    "start",
    [
        "The Collective Security Treaty (CST) is old.",
        "YEREVAN, the capital, slept.",
        "Smith (Labour) - the only one - left.",
        "Schmidt (CDU) – the only one – left.",
        "Prime Minister (then in opposition) – who left – said so.",
        "NATO (the alliance) – said so.",
        "EU (European Union) – said so.",
    ],
)
def test_other_beginnings_name_no_source(read: Read, start: str) -> None:
    assert read(f"Zas explains\n\n{start} {BODY}").source is None


# --- long and hostile texts

LONG = 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        " " * LONG + "q",
        "q" + " " * LONG + "q",
        ("7 January 2022" + " " * 3) * 40 + "q",
        (("7 January 2022" + " " * 3) * 40)[:78] + "q",
        "2022-01-07 " * 10 + "q",
        "Share " * (LONG // 6) + "q",
        "By " + "A " * (LONG // 2) + "q",
        "A" + " A" * (LONG // 2) + " q",
        "A" + ", A" * (LONG // 3) + " (q",
        "PARIS, " * (LONG // 7) + "q",
        "| " * (LONG // 2) + "q",
        "| " * 59 + "q",
    ],
    ids=[
        *("indent", "gap", "stamps", "exponential", "days", "buttons", "names", "places", "commas", "dateline"),
        *("separators", "short-separators"),
    ],
)
def test_no_line_takes_longer_than_it_is(read: Read, line: str) -> None:
    article = read(f"Zas explains\n\n{line}\n\n{BODY}")

    expected = f"{line}\n\n{BODY}".strip()
    # Not compared with ==, whose report on a megabyte takes a minute.
    assert (article.title, len(article.text), hash(article.text)) == ("Zas explains", len(expected), hash(expected))


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("\n", ""),
        ("Save\n", ""),
        ("Save\n\n", ""),
        (" \n\t\n", ""),
        ("a\n", "a\n"),
        ("Save\nThey came.\n", "They came.\n"),
    ],
)
def test_no_number_of_lines_takes_longer_than_it_is(read: Read, lines: str, left: str) -> None:
    count = LONG // len(lines)
    article = read(f"{BODY}\n{lines * count}\n")

    expected = f"{BODY}\n{left * count}".strip()
    assert (len(article.text), hash(article.text)) == (len(expected), hash(expected))
