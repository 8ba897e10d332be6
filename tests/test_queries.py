"""What is asked: plain text, and the phrases between quotation marks."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semsearch.queries import Query, parse_query

MARKS = '"“”„«»'
PAIRS = ['""', "“”", "„“", "„”", "«»", "»«", "””"]


# --- phrases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
def test_what_stands_between_marks_is_a_phrase(pair: str) -> None:
    query = parse_query(f"the {pair[0]}collective defence{pair[1]} pact")
    assert query == Query("the collective defence pact", ("collective defence",))


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_marks_may_have_the_spaces_that_the_french_put_inside(space: str) -> None:
    query = parse_query(f"le «{space}pacte de défense{space}» de 1949")
    assert query == Query("le pacte de défense de 1949", ("pacte de défense",))


@pytest.mark.parametrize(
    ("text", "plain", "phrases"),
    [
        ('"one"', "one", ("one",)),
        ('"one" "two three"', "one two three", ("one", "two three")),
        ('"one""two"', "onetwo", ("one", "two")),
        ('"one","two"', "one,two", ("one", "two")),
        ('("one") [“two”] («three»).', "(one) [two] (three).", ("one", "two", "three")),
        ('"one";“two”/„three“', "one;two/three", ("one", "two", "three")),
        ('"UN"-led force', "UN-led force", ("UN",)),
        ('"What now?" he asked', "What now? he asked", ("What now?",)),
        ('"the same" or "the same"', "the same or the same", ("the same", "the same")),
        ('_"under"_', "_under_", ("under",)),
    ],
)
def test_several_phrases_and_what_stands_around_them(text: str, plain: str, phrases: tuple[str, ...]) -> None:
    assert parse_query(text) == Query(plain, phrases)


def test_space_in_a_phrase_is_one_space() -> None:
    assert parse_query('a  "b \n\t c"  d') == Query("a  b c  d", ("b c",))
    assert parse_query('"b c "') == Query("b c", ("b c",))


@pytest.mark.parametrize(
    "phrase", ["平和 条約", "Тоқаев", "città", "caffe\u0301", "نص عربي", "٣", "½", "🙂 a", "a\u200bb"]
)
def test_phrases_are_of_any_script(phrase: str) -> None:
    assert parse_query(f'x "{phrase}" y') == Query(f"x {phrase} y", (phrase,))


# --- marks that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        '5" pipe',
        'a 5" and a 7" disk',
        "40°26'46\" north",
        'a 12"-gun',
        "don't", "the members' pact", "'single quotes'", "‘typographic ones’", "rock ’n’ roll",
        'word" another',
        'a " b', 'a " b " c', '"', '" ', 'at the end "',
        'wo"rd', "a\u201cb\u201dc",
        "`code`", "″ ″", "「平和」",
        "  spaces stay  ",
    ],
)  # fmt: skip
def test_inches_apostrophes_and_single_marks_are_text(text: str) -> None:
    assert parse_query(text) == Query(text)


def test_inches_stand_beside_a_phrase_and_in_one() -> None:
    assert parse_query('a 5" pipe of "cast iron"') == Query('a 5" pipe of cast iron', ("cast iron",))
    assert parse_query('"cast iron" of 5" or 7"') == Query('cast iron of 5" or 7"', ("cast iron",))
    # The mark after the 5 closes the phrase; the one that is left over is no mark, as it follows a letter.
    assert parse_query('"a 5" pipe"') == Query('a 5 pipe"', ("a 5",))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "after"),
    [
        ('"open', 1, "'open'"),
        ('a "closed" and an "open one', 19, "'open one'"),
        ("„open", 1, "'open'"),
        ("un « mot", 4, "' mot'"),
        ('"wo"rd', 1, "'wo\"rd'"),
        ('"a long text that goes on and on', 1, "'a long text that goe'"),
    ],
)
def test_a_mark_without_a_partner_is_named_with_its_place(text: str, place: int, after: str) -> None:
    with pytest.raises(ValueError, match="has no partner: close the phrase, or leave the mark out") as error:
        parse_query(text)
    assert f"at character {place} of the query, before {after}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "place"), [('""', 1), ('a ""', 3), ('a "?!" b', 3), ("“…”", 1), ("« »", 1), ('a "b" "-"', 7)]
)
def test_marks_without_a_word_between_them_are_refused(text: str, place: int) -> None:
    with pytest.raises(ValueError, match=f"no word between the quotation marks at character {place} of"):
        parse_query(text)


# --- laws -------------------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters=MARKS), max_size=12)
PHRASES = st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=6), min_size=1, max_size=4)


@given(st.text(st.characters(exclude_characters=MARKS)))
def test_text_without_marks_is_unchanged(text: str) -> None:
    assert parse_query(text) == Query(text)


@given(st.lists(st.tuples(WORDS, st.sampled_from(PAIRS), PHRASES), max_size=4), WORDS)
def test_marked_phrases_are_read_and_the_rest_stays(parts: list[tuple[str, str, list[str]]], end: str) -> None:
    marked = "".join(f"{before} {pair[0]}{' '.join(words)}{pair[1]} " for before, pair, words in parts) + end
    plain = "".join(f"{before} {' '.join(words)} " for before, _, words in parts) + end
    assert parse_query(marked) == Query(plain, tuple(" ".join(words) for _, _, words in parts))


@given(st.text(st.sampled_from(f"{MARKS} a1é.,'\n平_-")))
@example('"a"1"')
@example("« a »")
def test_every_text_is_read_or_refused_and_its_phrases_occur_in_what_is_searched(text: str) -> None:
    try:
        query = parse_query(text)
    except ValueError:
        with pytest.raises(ValueError, match="quotation mark"):
            parse_query(text)
        return
    at = 0
    for phrase in query.phrases:
        assert any(character.isalnum() for character in phrase)
        at = query.text.index(phrase, at) + len(phrase)  # in order, one after the other
    letters = [character for character in text if character.isalnum()]
    assert [character for character in query.text if character.isalnum()] == letters
    assert query.phrases or query.text == text
