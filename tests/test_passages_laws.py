"""What holds for the passages of every text (Hypothesis)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import semsearch
from semsearch import Article, Passage
from semsearch.passages import CountTokens, article_context, find_paragraphs, split_article, split_text
from tests.embedder import WordEmbedder

PIECES = [
    *(
        "deployment",
        "treaty",
        "the",
        "Zas",
        "Dr.",
        "U.S.",
        "e.g.",
        "3.5",
        "No.",
        "’s",
        "é",
        "政府",
        "。",
        "🙂",
        "e\u0301",
    ),
    *(".", "! ", "? ", "...", ", ", "; ", " – ", "“", "”", "(", ")", "ASP.NET", "https://example.org/A.b", "x" * 40),
    *(" ", "  ", "\n", "\n\n", "\n \n", "\t", "\r", "\u00a0", "\u2028", "\x1c", "\x85"),
    *("# ", "## Heading\n", "Heading\n\n", "- item\n", "1. "),
]
SENTENCES = [
    "They left.",
    "one two three",
    "four five,",
    "Six; seven",
    "Did eight?",
    "\n",
    "\n\n",
    "\n## Nine\n",
    "ten. ",
]

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=120).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=120).map(" ".join),
    st.lists(st.sampled_from(SENTENCES), max_size=200).map(" ".join),
)
lengths = st.integers(min_value=1, max_value=250)


def count_words(texts: Sequence[str]) -> list[int]:
    return WordEmbedder().count_tokens(texts)


def count_default(texts: Sequence[str]) -> list[int]:
    return semsearch.load_embedder().count_tokens(texts)


def law(test: Callable[..., None]) -> Callable[..., None]:
    """Check a law for any text, limit and target, with words for tokens and with the default model's tokens."""
    checked: Callable[..., Any] = settings(
        database=None,
        deadline=None,
        max_examples=150,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )(given(text=texts, limit=lengths, target=lengths)(test))
    for text in ("They write ASP.NET like that.", "政府は説明した。部隊は警備する。", "0" * 30):
        checked = example(text=text, limit=3, target=1)(checked)
    parametrised: Callable[..., None] = pytest.mark.parametrize("count", [count_words, count_default])(checked)
    return parametrised


def split(text: str, count: CountTokens, limit: int, target: int) -> list[Passage]:
    return split_article(Article(id="a", text=text), count, limit=limit, target=target)


@law
def test_a_passage_is_the_text_between_its_offsets(text: str, count: CountTokens, limit: int, target: int) -> None:
    for passage in split(text, count, limit, target):
        assert text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip()
        assert passage.text != ""


@law
def test_every_character_but_white_space_is_in_one_passage_in_order(
    text: str, count: CountTokens, limit: int, target: int
) -> None:
    end = 0
    for passage in split(text, count, limit, target):
        assert passage.start >= end
        assert text[end : passage.start].strip() == ""
        end = passage.end
    assert text[end:].strip() == ""


@law
def test_no_passage_is_over_the_limit_but_a_single_word(text: str, count: CountTokens, limit: int, target: int) -> None:
    passages = [passage.text for passage in split(text, count, limit, target)]

    over = [passage for passage, tokens in zip(passages, count(passages), strict=True) if tokens > limit]
    assert [passage for passage in over if len(passage.split()) > 1] == []


@law
@example(text="0" * 40, limit=1, target=1)
def test_a_word_is_cut_only_if_it_is_over_the_limit(text: str, count: CountTokens, limit: int, target: int) -> None:
    ends = {passage.end for passage in split(text, count, limit, target)}

    for word in re.finditer(r"\S+", text):
        # Between characters of other scripts there may be a sentence's end without a space.
        cuts = [end for end in ends if word.start() < end < word.end() and text[end - 1 : end + 1].isascii()]
        assert cuts == [] or count([word.group()])[0] > limit or len(word.group()) > 100  # no word is as long as that


@law
def test_a_passage_names_the_first_paragraph_that_it_holds(
    text: str, count: CountTokens, limit: int, target: int
) -> None:
    body = [paragraph for paragraph in find_paragraphs(text) if not paragraph.is_heading]

    for passage in split(text, count, limit, target):
        held = [i for i, p in enumerate(body, start=1) if p.start < passage.end and p.end > passage.start]
        before = [i for i, p in enumerate(body, start=1) if p.end <= passage.start]
        if held:
            assert passage.paragraph == held[0]
        else:  # a part of a heading: the paragraph that it leads to, or the last one where none follows
            assert passage.paragraph == max(1, min(len(before) + 1, len(body)))


@law
def test_paragraph_numbers_ascend(text: str, count: CountTokens, limit: int, target: int) -> None:
    numbers = [passage.paragraph for passage in split(text, count, limit, target)]

    assert numbers == sorted(numbers)


@law
def test_a_passage_is_not_split_again(text: str, count: CountTokens, limit: int, target: int) -> None:
    for passage in split(text, count, limit, target):
        if count([passage.text])[0] <= limit:
            assert split_text(passage.text, count, limit=limit) == [passage.text]


@law
def test_the_parts_of_any_text_are_the_text(text: str, count: CountTokens, limit: int, target: int) -> None:
    parts = split_text(text, count, limit=limit)

    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(tokens <= limit or len(part.split()) == 1 for part, tokens in zip(parts, count(parts), strict=True))


@settings(database=None)
@given(text=texts)
def test_paragraphs_cover_the_text_in_order(text: str) -> None:
    end = 0
    for paragraph in find_paragraphs(text):
        assert text[end : paragraph.start].strip() == ""
        assert text[paragraph.start : paragraph.end] == text[paragraph.start : paragraph.end].strip() != ""
        end = paragraph.end
    assert text[end:].strip() == ""


@law
def test_a_context_is_the_beginning_of_the_title_within_the_limit(
    text: str, count: CountTokens, limit: int, target: int
) -> None:
    context = article_context(Article("a", "body", title=text), count, limit=4 * limit)

    assert context == "" or (context[-1] == "\n" and count([context])[0] <= limit)
    assert " ".join(text.split()).startswith(context[:-1])
