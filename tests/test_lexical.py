"""Searching by words: BM25 against its formula in numpy, and what counts as a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch.lexical import LexicalIndex

K1, B = 1.2, 0.75

# Without stop words, and words that no stemmer changes: a reference needs to split them at spaces only.
NOUNS = ["airport", "moon", "river", "treaty", "port", "soldier", "lagoon", "bank", "film", "ship", "comet", "reef"]
EXACT_LENGTH = 40  # terms: up to here tantivy keeps lengths as they are, beyond with 3 bits after the first


def texts(count: int, lengths: Sequence[int]) -> list[str]:
    """Texts of the nouns, the first ones more often, each text of one of the lengths in turn."""
    random = np.random.default_rng(7)
    share = 1 / np.arange(1, len(NOUNS) + 1)
    return [" ".join(random.choice(NOUNS, lengths[i % len(lengths)], p=share / share.sum())) for i in range(count)]


def bm25(corpus: Sequence[str], query: str, lengths: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the score of each text, by the formula of Robertson and Zaragoza (2009)."""
    words = [text.split() for text in corpus]
    exact = np.array([len(text) for text in words], dtype=np.float64)
    lengths = exact if lengths is None else lengths
    scores = np.zeros(len(corpus))
    for term in query.split():
        count = np.array([text.count(term) for text in words], dtype=np.float64)
        having = (count > 0).sum()
        rarity = np.log(1 + (len(corpus) - having + 0.5) / (having + 0.5))
        scores += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * lengths / exact.mean()))
    return scores


def build(folder: Path, corpus: Sequence[str]) -> LexicalIndex:
    LexicalIndex.build(folder / "words", corpus)
    return LexicalIndex.open(folder / "words")


def scores_by_row(index: LexicalIndex, query: str) -> NDArray[np.float64]:
    scores = np.zeros(len(index))
    rows, found = index.search(query, len(index))
    scores[rows] = found
    return scores


# --- scores -----------------------------------------------------------------------------------------------------------

QUERIES = ["reef", "airport", "moon treaty", "comet ship film bank", "reef reef moon"]


@pytest.mark.parametrize("query", QUERIES)
def test_scores_of_short_texts_are_those_of_the_formula(tmp_path: Path, query: str) -> None:
    corpus = texts(60, [1, 2, 5, 13, 24, EXACT_LENGTH])
    np.testing.assert_allclose(scores_by_row(build(tmp_path, corpus), query), bm25(corpus, query), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("query", QUERIES)
def test_scores_of_long_texts_are_those_of_lengths_rounded_down_by_no_more_than_an_eighth(
    tmp_path: Path, query: str
) -> None:
    corpus = texts(60, [30, 45, 79, 131, 400, 999])
    lengths = np.array([len(text.split()) for text in corpus], dtype=np.float64)
    scores = scores_by_row(build(tmp_path, corpus), query)
    assert (scores >= bm25(corpus, query) - 1e-5).all()
    assert (scores <= bm25(corpus, query, lengths * 7 / 8) + 1e-5).all()


@pytest.mark.parametrize("k", [1, 2, 7, 60, 1000])
def test_the_best_rows_come_first_and_a_smaller_k_finds_the_first_of_them(tmp_path: Path, k: int) -> None:
    corpus = texts(60, [5, 13, 24])
    index = build(tmp_path, corpus)
    expected = bm25(corpus, "moon comet")
    order = np.lexsort((np.arange(60), -expected.round(4)))[: min(k, int((expected > 0).sum()))]
    rows, scores = index.search("moon comet", k)
    np.testing.assert_allclose(scores, expected[order], rtol=1e-4)
    np.testing.assert_allclose(expected[rows], scores, rtol=1e-4)
    assert (np.diff(scores) <= 0).all()
    assert len(set(rows.tolist())) == len(rows)


def test_equal_texts_come_in_the_order_of_the_rows_whatever_k_is(tmp_path: Path) -> None:
    index = build(tmp_path, ["a ship on the river", "the port"] * 40)
    for k in (1, 2, 3, 10, 39, 40, 41, 1000):
        assert index.search("ship", k)[0].tolist() == list(range(0, 80, 2))[:k]


@pytest.mark.parametrize("query", [*QUERIES, "airport moon river treaty port soldier"])
@pytest.mark.parametrize("frequency", [1, 3, 1000])
def test_no_text_has_more_than_the_highest_score(tmp_path: Path, query: str, frequency: int) -> None:
    filler = ["lagoon " * 200] * 50  # makes short texts short against the mean
    corpus = [*texts(30, [1, 7, 30]), query, f"{query} " * frequency, *query.split(), *filler]
    index = build(tmp_path, corpus)
    highest = index.highest_score(query)
    scores = index.search(query, len(corpus))[1]
    assert scores.max() <= highest
    if frequency == 1000:
        assert scores.max() > 0.95 * highest  # it is not just any large number


def test_the_highest_score_is_the_formula_with_every_term_as_often_as_it_may_be(tmp_path: Path) -> None:
    index = build(tmp_path, ["ship", "ship moon", "port", "reef"])
    assert index.highest_score("ship") == pytest.approx(np.log(1 + 2.5 / 2.5) * 2.2)
    assert index.highest_score("the ships, moons") == pytest.approx((np.log(2) + np.log(1 + 3.5 / 1.5)) * 2.2)
    assert index.highest_score("the of") == 0
    assert index.highest_score("🙂 !") == 0


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Peacekeepers landing, landed, lands", ["peacekeep", "land", "land", "land"]),
        ("the treaties of São Paulo", ["treati", "sao", "paulo"]),
        ("Resolution 2615 (2021)", ["resolut", "2615", "2021"]),
        ("COVID-19", ["covid", "19"]),
        ("The of and a", []),
        ("… — !? 🙂", []),
        ("", []),
        ("x" * 59 + " " + "y" * 500, ["x" * 59]),  # what is no word would only fill the index
    ],
)
def test_terms_are_stems_without_stop_words_accents_and_case(tmp_path: Path, text: str, terms: list[str]) -> None:
    assert build(tmp_path, ["one"]).terms(text) == terms


@pytest.mark.parametrize("query", ["landing", "LANDED", "Landing!", "the lands"])
def test_a_word_is_found_in_all_its_forms(tmp_path: Path, query: str) -> None:
    index = build(tmp_path, ["It rained.", "The probe landed.", "A café", "Landing on the moon took an hour."])
    assert sorted(index.search(query, 10)[0].tolist()) == [1, 3]
    assert index.search("CAFE", 10)[0].tolist() == [2]


@pytest.mark.parametrize("query", ["the", "of the and", "🙂", "?!", "   ", "", "zeppelin", "y" * 500])
def test_a_query_without_a_word_that_is_there_finds_nothing(tmp_path: Path, query: str) -> None:
    rows, scores = build(tmp_path, ["the ship of the line", "and the port"]).search(query, 5)
    assert (rows.tolist(), scores.tolist()) == ([], [])
    assert rows.dtype == np.int64
    assert scores.dtype == np.float64


def test_stop_words_do_not_change_scores(tmp_path: Path) -> None:
    bare, full = (
        build(tmp_path / "bare", ["ship port", "moon"]),
        build(tmp_path / "full", ["the ship of a port", "moon"]),
    )
    np.testing.assert_array_equal(scores_by_row(bare, "ship"), scores_by_row(full, "is it the ship"))


@pytest.mark.parametrize(
    "query", ["title:ship", "ship AND", "(ship", '"ship', "ship~2 +", "-ship", "ship*", "[ship TO"]
)
def test_a_query_is_words_and_no_language(tmp_path: Path, query: str) -> None:
    assert build(tmp_path, ["port", "a ship"]).search(query, 5)[0].tolist() == [1]


def test_the_document_frequency_of_a_word_is_how_many_texts_have_it_in_any_form(tmp_path: Path) -> None:
    corpus = ["ship ship ship", "Ships", "shipping", "port", "the"]
    index = build(tmp_path, corpus)
    having = sum(bool(re.search(r"\bship", text.lower())) for text in corpus)
    assert index.document_frequency("ships") == index.document_frequency("SHIP") == having == 3
    assert index.document_frequency("port") == 1
    assert index.document_frequency("zeppelin") == 0


@pytest.mark.parametrize("word", ["the", "of", "!", "🙂"])
def test_a_word_that_says_nothing_counts_as_being_in_all_texts(tmp_path: Path, word: str) -> None:
    assert build(tmp_path, ["ship", "port", "moon"]).document_frequency(word) == 3


# --- files ------------------------------------------------------------------------------------------------------------


def test_texts_without_a_word_have_a_row_too(tmp_path: Path) -> None:
    index = build(tmp_path, ["", "the", "ship", "🙂", "ship"])
    assert len(index) == 5
    assert index.search("ship", 9)[0].tolist() == [2, 4]


def test_an_index_of_no_texts_finds_nothing(tmp_path: Path) -> None:
    index = build(tmp_path, [])
    assert len(index) == 0
    assert index.search("ship", 5)[0].tolist() == []


def test_opening_and_searching_changes_no_file(tmp_path: Path) -> None:
    LexicalIndex.build(tmp_path / "words", texts(20, [9]))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "words").iterdir()}
    LexicalIndex.open(tmp_path / "words").search("moon", 3)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "words").iterdir()} == before


@pytest.mark.parametrize("content", [None, "", "{}", "text"])
def test_a_folder_that_holds_no_such_index_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "meta.json").write_text(content)
    with pytest.raises(ValueError, match=r"FileDoesNotExist|Data corruption"):
        LexicalIndex.open(tmp_path)
