"""Paragraphs, and how headings and fragments join them. Long paragraphs have a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsearch import Article, Passage, read_articles
from semsearch.passages import (
    article_context,
    find_paragraphs,
    readable,
    spans_before_readable,
    split_article,
)
from semsearch.sentences import find_sentences
from tests.embedder import WordEmbedder

count_words = WordEmbedder().count_tokens

ZAS = "Zas said the deployment of troops has already begun there."
TREATY = "The treaty obliges its members to help one another when attacked."
TROOPS = "More than two thousand soldiers had crossed the border by noon."


def split(text: str) -> list[Passage]:
    return split_article(Article(id="a", text=text), count_words, limit=250)


def texts(text: str) -> list[str]:
    return [passage.text for passage in split(text)]


def paragraphs(text: str) -> list[str]:
    return [text[paragraph.start : paragraph.end] for paragraph in find_paragraphs(text)]


def headings(text: str) -> list[str]:
    return [text[paragraph.start : paragraph.end] for paragraph in find_paragraphs(text) if paragraph.is_heading]


# --- paragraphs


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n", "\u2003\u00a0"])
def test_a_text_of_white_space_has_no_paragraphs_and_no_passages(text: str) -> None:
    assert find_paragraphs(text) == []
    assert split(text) == []


@pytest.mark.parametrize("between", ["\n\n", "\n\n\n\n", "\n \t\n", " \n\n  ", "\n\u00a0\n"])
def test_blank_lines_separate_paragraphs(between: str) -> None:
    text = f"\n  {ZAS}{between}{TREATY}\n"

    assert [(p.text, p.paragraph, p.start, p.end) for p in split(text)] == [
        (ZAS, 1, 3, 3 + len(ZAS)),
        (TREATY, 2, 3 + len(ZAS) + len(between), len(text) - 1),
    ]


def test_hard_wrapped_lines_are_one_paragraph() -> None:
    wrapped = (
        "Zas said the deployment of troops has already begun and that he\n"
        "expects the mission to last briefly. Whether it will be a matter\n"
        "  of days or weeks depends on the situation. He would not say how  \n"
        "many had been sent."
    )

    assert texts(f"{wrapped}\n\n{TREATY}") == [wrapped, TREATY]


def test_wrapped_lines_that_happen_to_end_sentences_stay_one_paragraph() -> None:
    wrapped = (
        f"{ZAS}\nHe expects the mission to be short and to end within a\nmatter of weeks at the most.\nThen they go."
    )

    assert paragraphs(wrapped) == [wrapped]


def test_lines_that_each_end_a_sentence_are_paragraphs_of_their_own() -> None:
    assert texts(f"{ZAS}\n{TREATY}\n{TROOPS}") == [ZAS, TREATY, TROOPS]


@pytest.mark.parametrize("end", [".", "!", "?", "…", ".”", '."', "?»", ".)", ":", "。", "।", "؟"])
def test_a_line_may_end_with_any_mark_that_ends_a_sentence(end: str) -> None:
    lines = [f"{sentence[:-1]}{end}" for sentence in (ZAS, TREATY, TROOPS)]

    assert paragraphs("\n".join(lines)) == lines


def test_lines_longer_than_any_column_are_paragraphs_of_their_own() -> None:
    lines = [f"{ZAS[:-1]} and {TREATY[:-1]} while {TROOPS[:-1]}", f"{TREATY[:-1]} and {TROOPS[:-1]} while {ZAS[:-1]}"]

    assert texts("\n".join(lines)) == lines


def test_a_one_line_a_paragraph_file_keeps_its_headings_apart() -> None:
    text = f"{ZAS} {TREATY} {TROOPS}\nThe legal basis\n{TREATY} {TROOPS} {ZAS}"

    assert headings(text) == ["The legal basis"]
    assert texts(text) == [f"{ZAS} {TREATY} {TROOPS}", f"The legal basis\n{TREATY} {TROOPS} {ZAS}"]


def test_a_list_is_one_paragraph() -> None:
    items = (
        "- The council met on Friday.\n- The troops left at dawn.\n* The treaty was cited.\n2. Nobody objected to it."
    )

    assert paragraphs(f"{TREATY}\n\n{items}\n\n{ZAS}") == [TREATY, items, ZAS]


@pytest.mark.parametrize("mark", ["-", "*", "+", "•", "–", "1.", "12)", "123."])
def test_every_kind_of_list_is_one_paragraph(mark: str) -> None:
    items = "\n".join(f"{mark} {sentence}" for sentence in (ZAS, TREATY, TROOPS))

    assert paragraphs(items) == [items]


def test_paragraphs_do_not_depend_on_the_line_ends_of_other_systems(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(f"{ZAS}\r\n\r\n{TREATY}\r\rOn\rtwo lines.".encode())

    (article,) = read_articles(tmp_path)

    assert paragraphs(article.text) == [ZAS, TREATY, "On\ntwo lines."]


# --- headings


@pytest.mark.parametrize("heading", ["# One", "###### Six levels down.", "## A Markdown heading may end with a stop."])
def test_a_markdown_heading_is_a_heading(heading: str) -> None:
    assert headings(f"{ZAS}\n\n{heading}\n\n{TREATY}") == [heading]


@pytest.mark.parametrize(
    "line",
    ["The legal basis", "What happened in 1897", "Numbers, dates and names", "1. The grounds", "Права человека"],
)
def test_a_short_line_without_a_stop_is_a_heading(line: str) -> None:
    assert headings(f"{ZAS}\n\n{line}\n\n{TREATY}") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "They left.",
        "Did they leave?",
        "He named them:",
        "“The grounds",
        "– said the minister",
        "(with reports from Reuters)",
        "#hashtag.",
        "####### Seven marks are no heading.",
        "A line of more than fourteen words is no heading even if it ends without any stop at all",
        "Zwischenüberschriftenzusammensetzungsbeispiel " * 3,
        "The legal\nbasis",
    ],
)
def test_other_lines_are_no_headings(line: str) -> None:
    assert headings(f"{ZAS}\n\n{line}\n\n{TREATY}") == []


@pytest.mark.parametrize("heading", ["## The legal basis", "The legal basis"])
def test_a_heading_joins_the_paragraph_that_follows(heading: str) -> None:
    assert texts(f"{ZAS}\n\n{heading}\n\n{TREATY}\n\n{TROOPS}") == [ZAS, f"{heading}\n\n{TREATY}", TROOPS]


def test_a_markdown_heading_needs_no_blank_line_around_it() -> None:
    text = f"{ZAS}\n## The legal basis\n{TREATY}\nIt was signed in 1992.\n### Numbers\n{TROOPS}"

    assert texts(text) == [
        ZAS,
        f"## The legal basis\n{TREATY}\nIt was signed in 1992.",
        f"### Numbers\n{TROOPS}",
    ]


def test_headings_in_a_row_join_the_same_paragraph() -> None:
    assert texts(f"{ZAS}\n\n# Part two\n\n## Treaties\n\n{TREATY}") == [ZAS, f"# Part two\n\n## Treaties\n\n{TREATY}"]


def test_a_heading_at_the_end_joins_the_paragraph_before_it() -> None:
    assert [(p.text, p.paragraph) for p in split(f"{ZAS}\n\n{TREATY}\n\n## See also")] == [
        (ZAS, 1),
        (f"{TREATY}\n\n## See also", 2),
    ]


def test_a_text_of_headings_alone_is_one_passage() -> None:
    text = "# One\n\n## Two\n\nThree"

    assert split(text) == [Passage(text, paragraph=1, start=0, end=len(text))]


@pytest.mark.parametrize("heading", ["## Outlook", "Outlook"])
def test_a_heading_does_not_part_from_a_long_sentence(heading: str) -> None:
    sentence = " ".join(f"word{i}" for i in range(199)) + "."

    assert texts(f"{heading}\n\n{sentence}")[0].startswith(f"{heading}\n\nword0 ")


# --- fragments


def test_a_fragment_joins_the_paragraph_before_it() -> None:
    assert texts(f"{ZAS}\n\nHe would not elaborate.\n\n{TREATY}") == [f"{ZAS}\n\nHe would not elaborate.", TREATY]


def test_a_fragment_at_the_beginning_joins_the_paragraph_that_follows() -> None:
    assert texts(f"He was brief.\n\n{ZAS}\n\n{TREATY}") == [f"He was brief.\n\n{ZAS}", TREATY]


def test_a_fragment_after_a_heading_goes_with_the_heading() -> None:
    text = f"{ZAS}\n\n## The grounds\n\nHe was brief.\n\n{TREATY}"

    assert texts(text) == [ZAS, f"## The grounds\n\nHe was brief.\n\n{TREATY}"]


def test_a_fragment_does_not_part_from_a_long_sentence() -> None:
    sentence = " ".join(f"word{i}" for i in range(199)) + "."

    assert texts(f"{sentence}\n\nHe agreed.")[-1].endswith(" word198.\n\nHe agreed.")


def test_eight_words_stand_alone_and_seven_do_not() -> None:
    seven, eight = "One two three four five six seven.", "One two three four five six seven eight."

    assert texts(f"{ZAS}\n\n{seven}\n\n{eight}") == [f"{ZAS}\n\n{seven}", eight]


def test_a_paragraph_in_a_script_without_spaces_is_no_fragment() -> None:
    first = "政府は七日、平和維持部隊の派遣について説明した。派遣の法的根拠は条約の第四条であり、大統領の要請を受けた。"
    second = (
        "部隊は重要な国家施設を警備し、治安の維持を支援する。任務の期間は短くなる見通しで、状況が安定すれば撤収する。"
    )

    assert texts(f"{first}\n\n{second}") == [first, second]


def test_an_article_that_is_a_fragment_is_a_passage() -> None:
    assert texts("They left.") == ["They left."]


# --- paragraph numbers


def test_paragraphs_are_counted_without_headings() -> None:
    text = f"# Title\n\n{ZAS}\n\n## The grounds\n\n{TREATY}\n\nHe was brief.\n\n{TROOPS}"

    assert [(passage.text.split()[-1], passage.paragraph) for passage in split(text)] == [
        ("there.", 1),
        ("brief.", 2),
        ("noon.", 4),
    ]


def test_every_part_of_a_long_paragraph_has_its_number() -> None:
    text = "\n\n".join([ZAS, " ".join([TREATY] * 30), TROOPS])

    assert [passage.paragraph for passage in split(text)] == [1, 2, 2, 2, 3]


# --- the title before a passage


@pytest.mark.parametrize(
    ("title", "limit", "context"),
    [
        ("Arrival of the troops", 4, "Arrival of the troops\n"),
        ("  Arrival \n of  ", 4, "Arrival of\n"),
        ("", 4, ""),
        (" \n", 4, ""),
        ("one two three four five six seven eight", 6, "one two three four five six\n"),
        ("one two three four five six seven eight", 5, "one two three four\n"),
        ("one", 0, ""),
    ],
)
def test_the_context_is_as_much_of_the_title_as_there_is_room_for(title: str, limit: int, context: str) -> None:
    assert article_context(Article("a", "The text.", title=title), count_words, limit=4 * limit) == context


def test_an_article_that_is_only_a_title_has_no_context() -> None:
    assert article_context(Article("a", "Arrival\n", title="Arrival"), count_words, limit=400) == ""


# --- sentences, and words parted for the model


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two?  Three", ["One.", "Two?", "Three"]),
        (" Mr. Smith paid 3.5 dollars.\nHe left. ", ["Mr. Smith paid 3.5 dollars.", "He left."]),
        ("no end", ["no end"]),
        ("", []),
        (" \n", []),
    ],
)
def test_sentences_are_spans_of_the_text(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in find_sentences(text)] == sentences


@pytest.mark.parametrize("text", ["a short text", "x" * 350 + " and " + "y" * 250, "z" * 100, "z" * 101])
def test_an_offset_in_readable_text_leads_back_to_the_text(text: str) -> None:
    parted = readable(text)
    spans = [(at, at + 1) for at, character in enumerate(parted) if not character.isspace()]
    assert [text[a:b] for a, b in spans_before_readable(text, spans)] == [parted[a:b] for a, b in spans]
