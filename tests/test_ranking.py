"""The hybrid ranking, against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch.ranking import Signals, hybrid_parts, late_interaction, token_weights


def rarity(frequency: int, passages: int) -> float:
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


# --- weights of tokens ------------------------------------------------------------------------------------------------


def test_half_a_tokens_weight_is_equal_and_half_is_its_words_rarity() -> None:
    rare, common = rarity(1, 10), rarity(9, 10)
    expected = [0.125, 0.125 + rare / (rare + common) / 2, 0.125 + common / (rare + common) / 2, 0.125]
    np.testing.assert_allclose(token_weights([None, 0, 1, None], [1, 9], 10), expected)


def test_the_pieces_of_a_word_share_its_rarity_by_the_root_of_their_number() -> None:
    whole, pieces = rarity(2, 100), rarity(2, 100) / math.sqrt(4)
    total = whole + 4 * pieces  # together they weigh as much as two words
    expected = [0.1 + whole / total / 2, *[0.1 + pieces / total / 2] * 4]
    np.testing.assert_allclose(token_weights([0, 1, 1, 1, 1], [2, 2], 100), expected)


@pytest.mark.parametrize(
    ("words", "frequencies"), [([0, 1, 2], [0, 5, 50]), ([None, 0, None], [3]), ([0, 0, 1], [90, 1])]
)
def test_weights_sum_to_one_and_none_is_negative(words: list[int | None], frequencies: list[int]) -> None:
    weights = token_weights(words, frequencies, 50)
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


def test_tokens_weigh_the_same_where_none_is_of_a_word() -> None:
    np.testing.assert_allclose(token_weights([None, None], [], 10), [0.5, 0.5])
    assert token_weights([], [], 10).tolist() == []


def test_a_frequency_beyond_the_passages_counts_as_all_of_them() -> None:
    np.testing.assert_array_equal(token_weights([0, 1], [99, 1], 10), token_weights([0, 1], [10, 1], 10))


# --- scores -----------------------------------------------------------------------------------------------------------


def signals(
    articles: list[int],
    dense: list[float],
    vectors: NDArray[np.float32],
    article_dense: list[float],
    lexical: list[float],
    late: list[list[float]] | None = None,
    weights: list[float] | None = None,
) -> Signals:
    known = Signals(np.array(articles), np.array(dense), vectors, np.array(article_dense), np.array(lexical))
    if late is None or weights is None:
        return known
    members, count = np.array(articles), len(vectors)
    return known.with_late_interaction(*late_interaction(np.array(late), np.array(weights), members, count))


def hybrid_scores(signals: Signals) -> NDArray[np.float64]:
    """The scores as if the weights were 0.8, 0.1, 0.1 and 0.2, which is easier on the eye than twelfths."""
    return np.asarray(1.2 * np.sum(list(hybrid_parts(signals).values()), axis=0))


APART = np.eye(4, dtype=np.float32)  # articles that have nothing in common: neighbours give nothing


def test_a_single_article_is_scored_without_neighbours() -> None:
    found = hybrid_scores(signals([0, 0], [0.5, 0.3], APART[:1], [0.4], [0.6]))
    np.testing.assert_allclose(found, [(0.5 + 0.4) / 2 + 0.2 * 0.6, (0.3 + 0.4) / 2 + 0.2 * 0.6])
    assert found.dtype == np.float64


def test_without_tokens_a_passage_has_the_mean_of_both_cosines_and_its_articles_words() -> None:
    found = hybrid_scores(signals([0, 1, 1], [0.5, 0.3, 0.1], APART[:2], [0.4, 0.2], [0.6, 0.0]))
    np.testing.assert_allclose(found, [0.45 + 0.12, 0.25, 0.15])


def test_late_interaction_is_with_the_passage_and_in_equal_part_with_all_of_its_articles() -> None:
    late = [[0.9, 0.2, 0.5], [0.1, 0.7, 0.4]]  # the second article has two passages
    found = hybrid_scores(signals([1, 1, 0], [0.5, 0.3, 0.1], APART[:2], [0.4, 0.2], [0.6, 0.5], late, [0.75, 0.25]))
    own = [0.75 * 0.9 + 0.25 * 0.1, 0.75 * 0.2 + 0.25 * 0.7, 0.75 * 0.5 + 0.25 * 0.4]
    together = 0.75 * 0.9 + 0.25 * 0.7
    expected = [
        0.8 * (own[0] + together) / 2 + 0.1 * 0.5 + 0.1 * 0.2 + 0.2 * 0.5,
        0.8 * (own[1] + together) / 2 + 0.1 * 0.3 + 0.1 * 0.2 + 0.2 * 0.5,
        0.8 * own[2] + 0.1 * 0.1 + 0.1 * 0.4 + 0.2 * 0.6,
    ]
    np.testing.assert_allclose(found, expected)


def test_similarities_below_zero_count_as_they_are() -> None:
    found = hybrid_scores(signals([0], [0.0], APART[:1], [0.0], [0.0], [[-0.5]], [1.0]))
    np.testing.assert_allclose(found, [0.8 * -0.5])


def test_what_stands_out_is_passed_on_to_the_nearest_neighbours() -> None:
    # 11 articles whose own scores are 1.0, 0.9, ... 0.0: the tenth best has 0.1, which is where standing out begins.
    own = np.arange(10, -1, -1) / 10
    vectors = np.zeros((11, 12), dtype=np.float32)
    vectors[:, 0] = 0.6
    vectors[np.arange(11), np.arange(11) + 1] = 0.8  # each like each by 0.36
    vectors[10] = vectors[0]  # but the last one, which is the first one's twin
    found = hybrid_scores(signals(list(range(11)), own.tolist(), vectors, own.tolist(), [0.0] * 11))
    gained = found - own
    # To the last one its twin is by far the nearest; all others are its neighbours alike, by 0.36 each.
    excess = np.maximum(own - 0.1, 0)
    expected = [0.36 * (excess.sum() - excess[row]) / 3 for row in range(11)]
    expected[0] = expected[10] = np.nan
    np.testing.assert_allclose(np.delete(gained, [0, 10]), np.delete(expected, [0, 10]), rtol=1e-5)
    # A twin is one of three, the two others tie among nine at 0.36: all that tie are counted.
    assert gained[10] == pytest.approx((1.0 * excess[0] + 0.36 * excess[1:10].sum()) / 3, rel=1e-5)
    assert gained[0] == pytest.approx((1.0 * excess[10] + 0.36 * excess[1:10].sum()) / 3, rel=1e-5)


def test_only_the_three_nearest_count_and_only_what_they_have_beyond_the_least_of_the_ten() -> None:
    likeness = np.array([1, 0.9, 0.8, 0.7, 0.6])
    vectors = np.zeros((5, 6), dtype=np.float32)
    vectors[:, 0] = likeness
    vectors[np.arange(5), np.arange(5) + 1] = np.sqrt(1 - likeness**2)
    own = [0.5, 0.4, 0.3, 0.2, 0.1]
    found = hybrid_scores(signals([0, 1, 2, 3, 4], own, vectors, own, [0.0] * 5))
    # The first is like the others by 0.9, 0.8, 0.7 and 0.6: its neighbours are the second to the fourth.
    assert found[0] == pytest.approx(0.5 + (0.9 * 0.3 + 0.8 * 0.2 + 0.7 * 0.1) / 3, rel=1e-5)
    # The last is like the first by 0.6, the second by 0.54, the third by 0.48: these are its neighbours.
    assert found[4] == pytest.approx(0.1 + (0.6 * 0.4 + 0.54 * 0.3 + 0.48 * 0.2) / 3, rel=1e-5)


def test_an_article_stands_out_by_its_best_passage_and_all_its_passages_gain_the_same() -> None:
    twins = np.array([[1, 0], [1, 0]], dtype=np.float32)
    found = hybrid_scores(signals([0, 1, 1], [0.2, 0.3, 0.7], twins, [0.2, 0.3], [0.0, 0.0]))
    # Own scores: 0.2; 0.3 and 0.5, of which 0.5 is the article's; the least of the best is 0.2.
    np.testing.assert_allclose(found, [0.2 + (0.5 - 0.2) / 3, 0.3, 0.5])


def test_what_is_unlike_takes_nothing_away() -> None:
    opposite = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    found = hybrid_scores(signals([0, 1], [0.2, 0.6], opposite, [0.2, 0.6], [0.0, 0.0]))
    np.testing.assert_allclose(found, [0.2, 0.6])
