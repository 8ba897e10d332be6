"""Thresholds suggested from judged queries, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, CorpusError, Progress, Searcher, build_index, open_index
from semsearch.evaluation import Dataset, suggest_threshold
from tests.embedder import WordEmbedder


class OneWordOneDimension(WordEmbedder):
    """Each word has a dimension of its own: the cosine of a word with a text of n words is 1/sqrt(n), or 0."""

    def __init__(self) -> None:
        super().__init__(dimension=128)
        self._places: dict[str, int] = {}

    def _word(self, word: str) -> NDArray[np.float32]:
        vector = np.zeros(self.spec.dimension, dtype=np.float32)
        vector[self._places.setdefault(word, len(self._places))] = 1
        return vector


def text(name: str, *words: str, length: int) -> Article:
    """An article of so many words, of which all but ``words`` are in no other."""
    others = [f"{name}{number}" for number in range(length - len(words))]
    return Article(name, " ".join([*words, *others]) + ".")


ARTICLES = [
    text("a", "alpha", length=4),
    text("b", "beta", length=9),
    text("not-b", "beta", length=4),
    text("c", "gamma", length=16),
    text("m", "alpha", "gamma", length=16),
    text("n", "alpha", "gamma", length=16),
    text("d", "delta", length=16),
]
QUERIES = {"1": "alpha", "2": "beta", "3": "gamma"}
QRELS = {"1": {"a": 1}, "2": {"b": 2, "not-b": 0}, "3": {"c": 1}}
DATASET = Dataset("judged", QUERIES, QRELS, unanswerable={"nothing": "delta"})
# With 3 hits for each query:  alpha 1/2 a, 1/4 m, 1/4 n;  beta 1/2 not-b, 1/3 b, 0;  gamma 1/4 c, 1/4 m, 1/4 n;
# delta 1/4 d, 0, 0.  By threshold:
#   1/2   1 of 2 is relevant, 1 of 3 queries has a relevant hit    F1 0.40
#   1/3   2 of 3              2 of 3                               F1 0.67
#   1/4   3 of 9              3 of 3                               F1 0.50
#   0     3 of 12             3 of 3                               F1 0.40


@pytest.fixture
def searcher(tmp_path: Path) -> Iterator[Searcher]:
    embedder = OneWordOneDimension()
    build_index(ARTICLES, tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as searcher:
        yield searcher


def test_the_suggestion_has_the_best_f1(searcher: Searcher) -> None:
    found = suggest_threshold(searcher, DATASET, 3, mode="dense")
    assert found.score == pytest.approx(1 / 3, abs=1e-3)  # vectors are float16
    assert (found.precision, found.recall, found.recall_without) == pytest.approx((2 / 3, 2 / 3, 1))
    assert (found.silenced, found.mode, found.queries) == (1.0, "dense", 4)


def test_a_search_with_the_suggestion_does_what_it_says(searcher: Searcher) -> None:
    least = suggest_threshold(searcher, DATASET, 3, mode="dense").score
    found = {
        text: [hit.article.id for hit in searcher.search(text, 3, mode="dense", min_score=least)]
        for text in ("alpha", "beta", "gamma", "delta")
    }
    assert found == {"alpha": ["a"], "beta": ["not-b", "b"], "gamma": [], "delta": []}


def test_hits_with_one_score_are_shown_together_or_not_at_all(searcher: Searcher) -> None:
    # c, m and n have 1/4 each. That c comes first of them does not make it one hit of one that is relevant.
    found = suggest_threshold(searcher, Dataset("ties", {"3": "gamma"}, {"3": {"c": 1}}), 3, mode="dense")
    assert (found.score, found.precision, found.recall) == pytest.approx((0.25, 1 / 3, 1))


def test_without_queries_that_nothing_answers_nothing_is_said_of_them(searcher: Searcher) -> None:
    found = suggest_threshold(searcher, Dataset("judged", QUERIES, QRELS), 3, mode="dense")
    assert (found.silenced, found.queries) == (None, 3)


def test_queries_that_nothing_answers_and_that_find_nothing_are_silenced(searcher: Searcher) -> None:
    dataset = Dataset("judged", QUERIES, QRELS, unanswerable={"x": "epsilon"})
    assert suggest_threshold(searcher, dataset, 3, mode="lexical").silenced == 1.0  # no text has the word


def test_a_query_whose_relevant_article_is_too_far_down_counts_as_not_found(searcher: Searcher) -> None:
    # With one hit for each: alpha finds a, beta not-b instead of b, gamma c.
    found = suggest_threshold(searcher, DATASET, 1, mode="dense")
    assert found.recall_without == pytest.approx(2 / 3)
    # 1/2: 1 of 2 hits, 1 of 3 queries; 1/4: 2 of 4 hits, 2 of 3 queries.
    assert (found.score, found.precision, found.recall) == pytest.approx((0.25, 0.5, 2 / 3))
    assert found.silenced == 0.0


def test_quotation_marks_in_a_judged_query_are_only_that(searcher: Searcher) -> None:
    dataset = Dataset("judged", {"1": 'alpha "no such phrase" 5"', "2": 'beta "'}, {"1": {"a": 1}, "2": {"b": 1}})
    assert suggest_threshold(searcher, dataset, 3, mode="lexical").recall_without == 1.0


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_if_nothing_relevant_is_found_there_is_no_suggestion(searcher: Searcher, mode: str) -> None:
    dataset = Dataset("elsewhere", {"1": "alpha", "2": "epsilon"}, {"1": {"gone": 1}, "2": {"gone": 1}})
    with pytest.raises(CorpusError, match=r"elsewhere: none of its 2 queries finds .* first 3 hits.* right index\?"):
        suggest_threshold(searcher, dataset, 3, mode=mode)


def test_progress_counts_the_queries(searcher: Searcher) -> None:
    reports: list[Progress] = []
    suggest_threshold(searcher, DATASET, 3, progress=reports.append)
    assert reports == [Progress("asking", done, 4) for done in range(4)]
