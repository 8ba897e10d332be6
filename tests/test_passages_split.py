"""Long paragraphs: where they are cut, into how many parts, and that nothing is lost."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import pytest

import semsearch
from semsearch import Article, Passage
from semsearch.passages import TARGET_TOKENS, CountTokens, article_context, split_article, split_text
from semsearch.sentences import find_sentences
from tests.embedder import WordEmbedder

MEGABYTE = 1_000_000

count_words = WordEmbedder().count_tokens


def split(text: str, *, limit: int = 250, target: int = TARGET_TOKENS, count: CountTokens = count_words) -> list[str]:
    return [p.text for p in split_article(Article(id="a", text=text), count, limit=limit, target=target)]


def lengths(text: str, *, limit: int = 250, target: int = TARGET_TOKENS) -> list[int]:
    return count_words(split(text, limit=limit, target=target))


def sentence(words: int) -> str:
    return "This" + " more" * (words - 2) + " ends."


def count_characters(texts: Sequence[str]) -> list[int]:
    """Count as a tokenizer does that knows no word: a token a character, none for white space."""
    return [len("".join(text.split())) for text in texts]


def count_default(texts: Sequence[str]) -> list[int]:
    return semsearch.load_embedder().count_tokens(texts)


# --- into how many parts


def test_the_target_is_the_length_that_retrieves_best() -> None:
    assert TARGET_TOKENS == 120


@pytest.mark.parametrize(
    ("sentences", "words", "parts"),
    [
        (12, 15, [180]),  # half as much again as the target is still one passage
        (13, 14, [84, 98]),
        (20, 15, [150, 150]),
        (24, 15, [120, 120, 120]),
        (25, 15, [120, 120, 135]),
        (100, 12, [120] * 10),
        (2, 100, [100, 100]),
        (4, 100, [100, 100, 100, 100]),
        (3, 181, [181, 181, 181]),  # a sentence below the limit stays whole
    ],
)
def test_a_long_paragraph_becomes_parts_of_about_equal_length(sentences: int, words: int, parts: list[int]) -> None:
    assert sorted(lengths(" ".join([sentence(words)] * sentences))) == parts


def test_a_limit_below_the_target_bounds_every_part() -> None:
    assert lengths(" ".join([sentence(10)] * 20), limit=50) == [50, 50, 50, 50]


def test_a_paragraph_just_above_the_limit_is_split_however_near_the_target() -> None:
    assert sorted(lengths(" ".join([sentence(11)] * 11), limit=120)) == [55, 66]


@pytest.mark.parametrize(("limit", "target"), [(0, 120), (-1, 120), (250, 0)])
def test_a_limit_or_target_below_one_token_is_refused(limit: int, target: int) -> None:
    with pytest.raises(ValueError, match=f"^limit and target must be at least 1 token, not {limit} and {target}$"):
        split_article(Article(id="a", text="Text."), count_words, limit=limit, target=target)


def test_other_paragraphs_are_left_as_they_are() -> None:
    text = f"{sentence(40)}\n\n{' '.join([sentence(15)] * 20)}\n\n{sentence(50)}"

    assert [(len(p.text.split()), p.paragraph) for p in split_article(Article("a", text), count_words, limit=250)] == [
        (40, 1),
        (150, 2),
        (150, 2),
        (50, 3),
    ]


# --- where


SENTENCES = [
    "Dr. Zas met Mr. Tokayev and Prof. A. B. Lee on Jan. 7 at 5 p.m. in St. Petersburg.",
    "The U.S. forces left, e.g. the 2nd Div., i.e. about 2.500 men or $3.5 million a day.",
    "Under Art. 4 of the treaty, No. 5 applies.",
    "He asked: “Who is to leave?”",
    "“We expect it to be short!”",
    "Nobody answered… then he left.",
    "See www.example.org or version 2.0 of the text.",
]


@pytest.mark.parametrize("between", [" ", "  ", "\n", "\u00a0"])
def test_parts_end_where_sentences_end_and_not_at_abbreviations(between: str) -> None:
    assert split(between.join(SENTENCES), target=1) == SENTENCES


def test_sentences_of_a_script_without_spaces_are_told_apart() -> None:
    assert split_text("政府は説明した。部隊は警備する。任務は短い。", count_characters, limit=8) == [
        "政府は説明した。",
        "部隊は警備する。",
        "任務は短い。",
    ]


def test_wrapped_text_is_cut_at_sentences_and_not_at_its_lines() -> None:
    sentences = [f"This is sentence number {i} of a text that was wrapped at a column by hand." for i in range(30)]

    parts = [" ".join(part.split()) for part in split(textwrap.fill(" ".join(sentences), 72))]

    assert " ".join(parts) == " ".join(sentences)
    assert sorted(part.count("This is sentence") for part in parts) == [7, 7, 8, 8]
    assert [part[:16] for part in parts] == ["This is sentence"] * 4


def test_a_long_list_is_cut_between_its_items() -> None:
    items = [f"- Member number {i} of the alliance" for i in range(60)]

    assert split("\n".join(items)) == ["\n".join(items[i : i + 15]) for i in range(0, 60, 15)]


@pytest.mark.parametrize("word", ["ASP.NET", "https://example.com/News.Html?Id=5", "Who@Example.Com", "U.N.Security"])
def test_a_word_with_a_stop_inside_is_not_cut(word: str) -> None:
    text = f"They wrote about {word} at length"

    assert split_text(text, count_words, limit=3) == ["They wrote about", f"{word} at length"]


def test_a_sentence_beyond_the_limit_is_cut_at_its_clauses() -> None:
    text = (
        "when the council met, nobody spoke; then all agreed: the troops – as the treaty says – were to leave at once"
    )

    assert split_text(text, count_words, limit=5) == [
        "when the council met,",
        "nobody spoke; then all agreed:",
        "the troops –",
        "as the treaty says –",
        "were to leave at once",
    ]


def test_a_clause_beyond_the_limit_is_cut_between_words() -> None:
    assert split_text("one two three four five six", count_words, limit=3) == ["one two three", "four five six"]


def test_a_word_beyond_the_limit_is_cut_so_that_no_part_is_over_it() -> None:
    parts = split_text("a " + "x" * 100 + " b", count_characters, limit=40)

    assert "".join(parts).replace(" ", "") == "a" + "x" * 100 + "b"
    assert max(count_characters(parts)) <= 40
    assert len(parts) == 3


def test_a_numbers_parts_stay_together() -> None:
    assert split_text("about 2,500 men and 1,000,000.75 tenge", count_words, limit=2) == [
        "about 2,500",
        "men and",
        "1,000,000.75 tenge",
    ]


@pytest.mark.parametrize("gap", ["  ", "\t", "\n  ", " \u2003 ", " \u2028"])
def test_a_passage_has_no_white_space_around_it(gap: str) -> None:
    assert split(f" {sentence(100)}{gap}{sentence(100)} ") == [sentence(100)] * 2


def test_split_text_of_white_space_is_nothing() -> None:
    assert split_text(" \n\t ", count_words, limit=5) == []


def test_split_text_keeps_what_is_within_the_limit_whole() -> None:
    assert split_text("  One. Two three.\n\nFour. ", count_words, limit=4) == ["One. Two three.\n\nFour."]


# --- a megabyte in one paragraph

SENTENCE = "The council of 30 ministers met on Friday, 7 January; it sent Brig. Gen. Lee to see to the rest. "
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        (SENTENCE, count_words),
        ("deployment ", count_words),
        ("deployment, ", count_words),
        ("deployment.", count_characters),
        ("派遣の法的根拠は条約である。", count_characters),
        (LETTERS, count_characters),
        ("!", count_characters),
    ],
    ids=["sentences", "words", "clauses", "no-space", "japanese", "one-word", "marks"],
)
def test_a_megabyte_in_one_paragraph_is_split_and_nothing_is_lost(unit: str, count: CountTokens) -> None:
    # sentencex takes time that grows with the square of a text in Japanese: a fifth of a megabyte of that is enough.
    text = unit * (MEGABYTE // len(unit) // (1 if unit.isascii() else 15))

    passages = split_article(Article(id="a", text=text), count, limit=250)

    tokens = count([passage.text for passage in passages])
    assert without_spaces("".join(passage.text for passage in passages)) == without_spaces(text)
    assert all(text[passage.start : passage.end] == passage.text for passage in passages)
    assert {passage.paragraph for passage in passages} == {1}
    assert max(tokens) <= 180
    assert min(tokens[:-1]) >= 60


def test_a_long_paragraph_is_split_by_the_tokenizer_of_the_default_model() -> None:
    text = SENTENCE * (MEGABYTE // 10 // len(SENTENCE))

    passages = split_article(Article(id="a", text=text), count_default, limit=190)

    assert without_spaces("".join(passage.text for passage in passages)) == without_spaces(text)
    # Each is whole sentences.
    assert {re.sub(r"\s+", " ", passage.text.replace(SENTENCE.strip(), "")).strip() for passage in passages} == {""}
    tokens = count_default([passage.text for passage in passages])
    assert (min(tokens) >= 60, max(tokens) <= 180) == (True, True)


@pytest.mark.parametrize("unit", [LETTERS, "ภารกิจรักษาสันติภาพ"], ids=["one-word", "thai"])
def test_what_the_default_model_reads_as_one_unknown_token_is_split_all_the_same(unit: str) -> None:
    # A "word" of over 100 characters is a single [UNK] to its tokenizer, however long: the count is 1 for a megabyte.
    text = unit * (20_000 // len(unit))

    passages = split_article(Article(id="a", text=text), count_default, limit=190)

    assert "".join(passage.text for passage in passages) == text
    assert max(len(passage.text) for passage in passages) <= 4000


def test_the_tokenizer_of_the_default_model_counts_beyond_where_its_file_truncates() -> None:
    assert count_default(["peace " * 1000]) == [1000]


def test_a_passage_of_the_default_model_is_within_its_limit_where_words_are_not_tokens() -> None:
    text = "Kassym-Jomart Tokayev's request of 2022-01-06 (No. 1/22-A), 43°14′N 76°53′E; " * 60

    passages = split_article(Article(id="a", text=text), count_default, limit=190)

    assert max(count_default([passage.text for passage in passages])) <= 180
    assert [passage for passage in passages if passage.text[-1] != ";"] == []


def test_the_parts_of_a_text_say_where_they_stand() -> None:
    text = f"  {sentence(100)}  {sentence(100)}"

    assert split_article(Article(id="a", text=text), count_words, limit=250) == [
        Passage(sentence(100), paragraph=1, start=2, end=2 + len(sentence(100))),
        Passage(sentence(100), paragraph=1, start=4 + len(sentence(100)), end=len(text)),
    ]


def test_sentences_of_a_text_longer_than_is_segmented_at_a_time_are_told_apart() -> None:
    text = "The talks went on. " * 2000
    assert [text[start:end] for start, end in find_sentences(text)] == ["The talks went on."] * 2000


def test_a_word_of_a_megabyte_is_no_context() -> None:
    assert (
        article_context(Article("a", "Text.", title="t" * 1_000_000), lambda texts: [1] * len(texts), limit=250) == ""
    )


def test_a_passage_has_an_end_in_characters_too() -> None:
    for blank in (" ", "\n", " \t\n"):
        text = "The convoy crossed the river." + blank * (MEGABYTE // len(blank)) + "It came back in the evening."
        assert split(text, count=count_default) == ["The convoy crossed the river.", "It came back in the evening."]
