"""Which sentence answers, and what each word of a query met: by arrays that were worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch.evidence import Spans, match_tokens, match_words, sentence_by_tokens, sentence_by_words
from semsearch.lexical import LexicalIndex
from semsearch.records import WordMatch

TEXT = "A ship sank. Two ports closed. It rained."
SENTENCES = [(0, 12), (13, 30), (31, 41)]
TOKENS = [(0, 1), (2, 6), (7, 11), (11, 12), (13, 16), (17, 22), (23, 29), (29, 30), (31, 33), (34, 40), (40, 41)]


def similarities(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def weights(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def test_the_offsets_of_these_tests_are_right() -> None:
    assert [TEXT[start:end] for start, end in SENTENCES] == ["A ship sank.", "Two ports closed.", "It rained."]
    assert "".join(TEXT[start:end] for start, end in TOKENS) == TEXT.replace(" ", "")


# --- which sentence, by tokens ----------------------------------------------------------------------------------------

# Two tokens of a query with six tokens of a text, two in each of three sentences.
SPANS = [(0, 3), (4, 8), (9, 12), (13, 18), (19, 22), (23, 30)]
THREE = [(0, 8), (9, 18), (19, 30)]
FOUND = similarities([[0.9, 0.1, 0.5, 0.4, 0.0, 0.1], [0.1, 0.0, 0.6, 0.7, 0.2, 0.8]])


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        (0.5, 0.5, 1),  # 0.5 * 0.9 + 0.5 * 0.1 = 0.5; 0.5 * 0.5 + 0.5 * 0.7 = 0.6; 0.5 * 0.1 + 0.5 * 0.8 = 0.45
        (0.8, 0.2, 0),  # 0.74; 0.54; 0.24
        (0.1, 0.9, 2),  # 0.18; 0.68; 0.73
    ],
)
def test_the_sentence_with_the_highest_late_interaction_answers(first: float, second: float, best: int) -> None:
    assert sentence_by_tokens(FOUND, weights(first, second), SPANS, THREE) == best


def test_of_sentences_that_tie_it_is_the_earliest() -> None:
    assert sentence_by_tokens(similarities([[0.5] * 6]), weights(1), SPANS, THREE) == 0
    assert sentence_by_tokens(similarities([[0.1, 0.1, 0.5, 0.2, 0.5, 0.2]]), weights(1), SPANS, THREE) == 1


def test_special_tokens_and_those_outside_the_sentences_are_not_asked() -> None:
    found = similarities([[1.0, 0.2, 0.3, 1.0]])
    spans = [(0, 0), (10, 12), (13, 15), (0, 4)]  # a special one; two in sentences; one in a title before them
    assert sentence_by_tokens(found, weights(1), spans, [(10, 12), (13, 15)]) == 1


def test_a_special_token_is_not_in_a_sentence_that_begins_the_text() -> None:
    spans = [(0, 0), (0, 3), (4, 7)]
    assert sentence_by_tokens(similarities([[1.0, 0.1, 0.3]]), weights(1), spans, [(0, 3), (4, 7)]) == 1


def test_a_token_over_the_border_of_two_sentences_is_in_both() -> None:
    spans = [(0, 3), (3, 6), (6, 9)]
    assert sentence_by_tokens(similarities([[0.1, 0.9, 0.2]]), weights(1), spans, [(0, 4), (4, 9)]) == 0
    assert sentence_by_tokens(similarities([[0.1, 0.9, 0.2], [0, 0, 1]]), weights(1, 1), spans, [(0, 4), (4, 9)]) == 1


def test_a_sentence_may_be_best_although_nothing_in_it_is_like_the_query() -> None:
    assert sentence_by_tokens(similarities([[-0.9, -0.2]]), weights(1), [(0, 3), (4, 7)], [(0, 3), (4, 7)]) == 1


@pytest.mark.parametrize("spans", [[(0, 0), (0, 0)], [(0, 4), (5, 9)]])
def test_without_a_token_in_a_sentence_there_is_none(spans: Spans) -> None:
    assert sentence_by_tokens(similarities([[0.9, 0.9]]), weights(1), spans, [(10, 20)]) is None
    assert sentence_by_tokens(similarities([[0.9, 0.9]]), weights(1), spans, []) is None


def test_a_sentence_that_the_model_did_not_read_is_passed_over() -> None:
    # The model's limit cut the text: no token is in the last sentence.
    assert sentence_by_tokens(similarities([[0.1, 0.2]]), weights(1), [(0, 3), (4, 7)], [(0, 3), (4, 7), (8, 20)]) == 1


# --- which sentence, by words -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    """Words and their stems as an index has them."""
    folder: Path = tmp_path_factory.mktemp("words") / "words"
    LexicalIndex.build(folder, [TEXT])
    return LexicalIndex.open(folder)


@pytest.mark.parametrize(
    ("weight_of", "best"),
    [
        ({"port": 1.0}, 1),
        ({"port": 1.0, "ship": 2.0}, 0),
        ({"port": 1.0, "ship": 2.0, "close": 1.5}, 1),  # 2.5 against 2.0
        ({"rain": 0.1, "moon": 9.0}, 2),
        ({"port": 1.0, "ship": 1.0}, 0),  # the earliest of those that tie
        ({"rain": 1.0, "close": 1.0}, 1),
        ({"moon": 1.0}, None),
        ({}, None),
    ],
)
def test_the_sentence_with_most_of_the_words_by_weight_answers(
    words: LexicalIndex, weight_of: dict[str, float], best: int | None
) -> None:
    assert sentence_by_words(TEXT, SENTENCES, weight_of, words.terms) == best


def test_a_word_that_a_sentence_has_twice_counts_once(words: LexicalIndex) -> None:
    text = "Rain, rain, rain. A ship in the rain."
    assert sentence_by_words(text, [(0, 17), (18, 37)], {"rain": 1.0, "ship": 0.1}, words.terms) == 1


# --- what each word met, by tokens ------------------------------------------------------------------------------------

NAMES = ["ship", "harbours"]
# [CLS] ship har ##bours [SEP] of the query; [CLS], the eleven tokens of the text, and [SEP].
OF = [None, 0, 1, 1, None]
ALL = [(0, 0), *TOKENS, (0, 0)]


def table(**high: float) -> NDArray[np.float32]:
    """Similarities of 0.1 but for those named ``t<query token>_<text token>``."""
    found = np.full((len(OF), len(ALL)), 0.1, dtype=np.float32)
    for place, value in high.items():
        row, column = place.removeprefix("t").split("_")
        found[int(row), int(column)] = value
    return found


def test_each_word_of_a_query_met_the_word_that_its_tokens_are_most_like() -> None:
    # Tokens 2 and 6 of ALL are "ship" and "ports". The second word's pieces: 0.9 with "ports", 0.5 with "rained".
    found = table(t1_2=0.8, t2_6=0.9, t3_10=0.5)
    matches = match_tokens(found, weights(0.1, 0.4, 0.2, 0.2, 0.1), OF, NAMES, TEXT, ALL)
    assert [(match.word, match.found) for match in matches] == [("ship", "ship"), ("harbours", "ports")]
    assert [match.similarity for match in matches] == pytest.approx([0.8, (0.9 + 0.5) / 2])
    assert [match.weight for match in matches] == pytest.approx([0.4, 0.4])


def test_special_tokens_meet_nothing_and_are_not_met() -> None:
    found = table(t1_0=0.99, t1_12=0.99, t0_2=0.99, t1_6=0.3)
    (match, _) = match_tokens(found, weights(*[0.2] * 5), OF, NAMES, TEXT, ALL)
    assert (match.word, match.found) == ("ship", "ports")
    assert match.similarity == pytest.approx(0.3)


def test_a_piece_that_was_met_is_shown_as_its_whole_word() -> None:
    text = "Peacekeeping-mission in São Tomé, 2022!"
    spans = [(0, 5), (5, 9), (9, 12), (12, 13), (13, 20), (24, 27), (28, 32), (32, 33), (34, 38), (38, 39)]
    words_met = []
    for token in range(len(spans)):
        found = np.zeros((1, len(spans)), dtype=np.float32)
        found[0, token] = 1
        (match,) = match_tokens(found, weights(1), [0], ["x"], text, spans)
        words_met.append(match.found)
    assert words_met == [*["Peacekeeping"] * 3, "-", "mission", "São", "Tomé", ",", "2022", "!"]


def test_words_of_a_query_that_are_marks_only_are_not_told_of() -> None:
    names = ["what", "?", "—", "is", "…"]
    matches = match_tokens(np.ones((5, 1), dtype=np.float32), weights(*[0.2] * 5), range(5), names, "it", [(0, 2)])
    assert [match.word for match in matches] == ["what", "is"]


def test_a_word_without_a_token_is_not_told_of() -> None:
    matches = match_tokens(np.ones((1, 1), dtype=np.float32), weights(1), [1], ["cut", "here"], "it", [(0, 2)])
    assert [match.word for match in matches] == ["here"]


def test_a_text_without_tokens_meets_nothing() -> None:
    assert match_tokens(np.ones((1, 2), dtype=np.float32), weights(1), [0], ["x"], TEXT, [(0, 0), (0, 0)]) == ()


# --- what each word met, by words -------------------------------------------------------------------------------------


def test_words_meet_the_first_other_form_of_theirs(words: LexicalIndex) -> None:
    text = "Ships sank. A ship sinking in the port."
    matches = match_words(["ship", "sinks", "reef"], {"ship": 1.0, "sink": 2.0, "reef": 1.0}, text, words.terms)
    assert matches == (
        WordMatch("ship", "Ships", 1.0, 0.25),
        WordMatch("sinks", "sinking", 1.0, 0.5),
        WordMatch("reef", "", 0.0, 0.25),
    )


def test_stop_words_and_marks_are_no_words(words: LexicalIndex) -> None:
    matches = match_words(["is", "the", "ship", "?", "—"], {"ship": 1.5}, "The ship is here.", words.terms)
    assert matches == (WordMatch("ship", "ship", 1.0, 1.0),)


def test_marks_around_a_word_are_not_part_of_it(words: LexicalIndex) -> None:
    (match,) = match_words(["(ships),"], {"ship": 1.0}, "“Ship”.", words.terms)
    assert match == WordMatch("ships", "Ship", 1.0, 1.0)


def test_a_compound_is_several_words(words: LexicalIndex) -> None:
    matches = match_words(["harbour-pilots"], {"harbour": 3.0, "pilot": 1.0}, "A pilot came.", words.terms)
    assert matches == (WordMatch("harbour", "", 0.0, 0.75), WordMatch("pilots", "pilot", 1.0, 0.25))


def test_the_shares_of_a_query_sum_to_one_also_if_a_word_stands_twice(words: LexicalIndex) -> None:
    matches = match_words(["port", "ship", "port"], {"port": 1.0, "ship": 2.0}, TEXT, words.terms)
    assert [match.weight for match in matches] == [0.25, 0.5, 0.25]
    assert [match.found for match in matches] == ["ports", "ship", "ports"]


def test_a_query_without_words_met_nothing(words: LexicalIndex) -> None:
    assert match_words(["?", "the"], {}, TEXT, words.terms) == ()
