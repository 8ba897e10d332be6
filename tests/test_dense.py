"""The dense index against numpy, and everything around faiss's edges."""

from __future__ import annotations

from typing import Any

import faiss
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from semsearch.dense import FLAT_ROWS, DenseIndex, unit_rows

Embeddings = NDArray[np.float16]
Queries = NDArray[np.float32]


def brute_force(embeddings: Embeddings, query: Queries, k: int) -> tuple[list[int], list[float]]:
    """The rows with the highest inner product and their scores, equal scores in the order of the rows."""
    scores = embeddings.astype(np.float32) @ query
    rows = np.argsort(-scores, kind="stable")[:k]
    return rows.tolist(), scores[rows].tolist()


def found(index: DenseIndex, query: Queries, k: int) -> tuple[list[int], list[float]]:
    ((rows, scores),) = index.search(query[np.newaxis], k)
    return rows.tolist(), scores.tolist()


def random_unit_rows(count: int, dimension: int, *, seed: int) -> Queries:
    return unit_rows(np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32))


@st.composite
def searches(draw: st.DrawFn) -> tuple[Embeddings, Queries, int]:
    """Embeddings of quarters, whose sums are exact in float32, so that ties are ties whatever the order of adding."""
    dimension = draw(st.integers(1, 20))
    quarters = st.integers(-4, 4).map(lambda n: n / 4)
    embeddings = draw(arrays.arrays(np.float16, (draw(st.integers(1, 40)), dimension), elements=quarters))
    queries = draw(arrays.arrays(np.float32, (draw(st.integers(1, 4)), dimension), elements=quarters))
    return embeddings, queries, draw(st.integers(1, 50))


# --- searching ----------------------------------------------------------------------------------------------------


@given(searches())
def test_scores_are_those_of_numpy(search: tuple[Embeddings, Queries, int]) -> None:
    embeddings, queries, k = search
    answers = DenseIndex.build(embeddings).search(queries, k)
    expected = [brute_force(embeddings, query, k) for query in queries]
    assert [scores.tolist() for _, scores in answers] == [scores for _, scores in expected]


# The test below holds the smallest cases already: nothing needs to be shrunk.
@settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(searches())
def test_rows_are_those_of_numpy_and_ties_come_in_the_order_of_the_rows(
    search: tuple[Embeddings, Queries, int],
) -> None:
    embeddings, queries, k = search
    answers = DenseIndex.build(embeddings).search(queries, k)
    expected = [brute_force(embeddings, query, k) for query in queries]
    assert [rows.tolist() for rows, _ in answers] == [rows for rows, _ in expected]


@pytest.mark.parametrize("k", range(1, 8))
def test_of_equal_scores_the_first_rows_are_found_whatever_k_is(k: int) -> None:
    embeddings = np.array([[0.5, 0], [0.5, 0], [1, 0], [0.5, 0], [1, 0], [0.5, 0]], np.float16)
    rows, _ = found(DenseIndex.build(embeddings), np.array([1, 0], np.float32), k)
    assert rows == [2, 4, 0, 1, 3, 5][:k]


def test_real_vectors_are_ranked_as_numpy_ranks_them() -> None:
    embeddings = random_unit_rows(3000, 384, seed=1).astype(np.float16)
    queries = random_unit_rows(50, 384, seed=2)
    index = DenseIndex.build(embeddings)
    for query, (rows, scores) in zip(queries, index.search(queries, 20), strict=True):
        exact = embeddings.astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_allclose(scores, exact[rows], rtol=0, atol=1e-6)
        # Rows may differ from numpy's only where two scores are closer than the rounding of their sums.
        np.testing.assert_allclose(exact[rows], np.sort(exact)[::-1][:20], rtol=0, atol=1e-6)


def test_every_row_is_at_its_place_beyond_a_block_too() -> None:
    embeddings = random_unit_rows(16_390, 16, seed=3).astype(np.float16)
    index = DenseIndex.build(embeddings)
    rows = [0, 16_383, 16_384, 16_389]
    assert len(index) == 16_390
    for recall in (0.9, 1):
        answers = index.search(embeddings[rows].astype(np.float32), 1, recall=recall)
        assert [found_rows.tolist() for found_rows, _ in answers] == [[row] for row in rows]


def test_many_queries_are_answered_as_each_alone() -> None:
    embeddings = random_unit_rows(500, 32, seed=4).astype(np.float16)
    queries = random_unit_rows(64, 32, seed=5)
    index = DenseIndex.build(embeddings)
    together = [(rows.tolist(), scores.tolist()) for rows, scores in index.search(queries, 7)]
    assert together == [found(index, query, 7) for query in queries]


def test_k_beyond_the_number_of_rows_finds_all_of_them() -> None:
    embeddings = np.array([[0, 1], [1, 0], [-1, 0]], np.float16)
    assert found(DenseIndex.build(embeddings), np.array([1, 0], np.float32), 1000) == ([1, 0, 2], [1, 0, -1])


def test_an_empty_index_finds_nothing() -> None:
    index = DenseIndex.build(np.empty((0, 3), np.float16))
    assert len(index) == 0
    assert found(index, np.array([1, 0, 0], np.float32), 5) == ([], [])


def test_no_queries_have_no_answers() -> None:
    index = DenseIndex.build(np.eye(3, dtype=np.float16))
    assert index.search(np.empty((0, 3), np.float32), 5) == []


def test_what_faiss_does_not_find_is_no_row() -> None:
    # No score compares with NaN, so that faiss fills the answer with row -1.
    index = DenseIndex.build(np.eye(2, dtype=np.float16))
    assert found(index, np.array([np.nan, 0], np.float32), 2) == ([], [])


def test_queries_that_are_not_contiguous_are_read_right() -> None:
    embeddings = random_unit_rows(100, 8, seed=6).astype(np.float16)
    wide = random_unit_rows(4, 16, seed=7)
    index = DenseIndex.build(embeddings)
    assert found(index, wide[1, ::2], 5) == found(index, wide[1, ::2].copy(), 5)


# --- wrong arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("embeddings", "given_as"),
    [
        (np.ones(3, np.float16), r"\(3,\) float16"),
        (np.ones((2, 3, 4), np.float16), r"\(2, 3, 4\) float16"),
        (np.ones((2, 3), np.float32), r"\(2, 3\) float32"),
        (np.ones((2, 3), np.int8), r"\(2, 3\) int8"),
    ],
)
def test_embeddings_of_another_shape_or_dtype_are_refused(embeddings: NDArray[Any], given_as: str) -> None:
    with pytest.raises(ValueError, match=rf"expected \(n, dim\) float16, got {given_as}"):
        DenseIndex.build(embeddings)


@pytest.mark.parametrize("shape", [(3,), (1, 2), (1, 4), (1, 1, 3)])
def test_queries_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    index = DenseIndex.build(np.eye(3, dtype=np.float16))
    with pytest.raises(ValueError, match=r"expected queries of shape \(m, 3\), got \(") as error:
        index.search(np.ones(shape, np.float32), 1)
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int) -> None:
    index = DenseIndex.build(np.eye(3, dtype=np.float16))
    with pytest.raises(ValueError, match=f"k must be at least 1, not {k}"):
        index.search(np.ones((1, 3), np.float32), k)


@pytest.mark.parametrize("recall", [0, -0.5, 1.01, float("nan")])
def test_a_recall_that_is_no_share_is_refused(recall: float) -> None:
    index = DenseIndex.build(np.eye(3, dtype=np.float16))
    with pytest.raises(ValueError, match=f"recall must be above 0 and at most 1, not {recall}"):
        index.search(np.ones((1, 3), np.float32), 1, recall=recall)


# --- codes --------------------------------------------------------------------------------------------------------

ROWS, DIMENSION = 12_000, 32


def clustered_unit_rows(count: int, dimension: int, *, seed: int) -> Queries:
    """Rows around 200 centres, as texts are around topics."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((200, dimension))
    rows = centres[draw.integers(0, 200, count)] + 0.5 * draw.standard_normal((count, dimension))
    return unit_rows(rows.astype(np.float32))


def build_coded(embeddings: Embeddings) -> DenseIndex:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.dense.FLAT_ROWS", ROWS // 2)  # as if so few were many
        return DenseIndex.build(embeddings)


@pytest.fixture(scope="module")
def coded() -> tuple[Embeddings, DenseIndex]:
    embeddings = clustered_unit_rows(ROWS, DIMENSION, seed=1).astype(np.float16)
    return embeddings, build_coded(embeddings)


@pytest.mark.parametrize(
    ("rows", "dimension", "spec"),
    [
        (FLAT_ROWS, 8, "Flat"),
        (FLAT_ROWS + 1, 8, "PQ2x4fs"),
        (FLAT_ROWS + 1, 9, "Flat"),  # a code stands for four components
        (FLAT_ROWS + 1, 20, "PQ5x4fs"),
        (FLAT_ROWS + 1, 4, "PQ1x4fs"),
    ],
)
def test_the_layout_is_chosen_by_the_size(rows: int, dimension: int, spec: str) -> None:
    embeddings = random_unit_rows(rows, dimension, seed=10).astype(np.float16)
    built = DenseIndex.build(embeddings)
    again = DenseIndex.open(embeddings, built.to_bytes())
    query = embeddings[rows // 2].astype(np.float32)
    for index in (built, again):
        assert (index.spec, len(index), index.dimension) == (spec, rows, dimension)
        ((found_rows, scores),) = index.search(query[np.newaxis], 3, recall=0.999)
        np.testing.assert_allclose(scores, brute_force(embeddings, query, 3)[1], rtol=0, atol=1e-6)
        assert len(set(found_rows.tolist())) == 3


@pytest.mark.parametrize(("k", "recall"), [(1, 0.9), (10, 0.9), (1, 0.99), (10, 0.99), (100, 0.99), (10, 0.999)])
def test_codes_find_at_least_the_share_that_is_asked_for(
    coded: tuple[Embeddings, DenseIndex], k: int, recall: float
) -> None:
    embeddings, index = coded
    queries = clustered_unit_rows(200, DIMENSION, seed=2)
    shares = []
    for query, (rows, scores) in zip(queries, index.search(queries, k, recall=recall), strict=True):
        exact = embeddings.astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_allclose(scores, exact[rows], rtol=0, atol=1e-6)  # whatever is found has its own score
        assert (np.diff(scores) <= 0).all()
        shares.append(np.mean(exact[rows] >= np.sort(exact)[-k] - 1e-6))
        assert len(set(rows.tolist())) == k
    assert np.mean(shares) >= recall


def test_with_a_recall_of_one_every_row_is_scored(coded: tuple[Embeddings, DenseIndex]) -> None:
    embeddings, index = coded
    exact = DenseIndex.open(embeddings, None)
    for query in random_unit_rows(20, DIMENSION, seed=3):  # among no topic's texts: their neighbours are all far
        ((rows, scores),) = index.search(query[np.newaxis], 40, recall=1)
        expected_rows, expected_scores = found(exact, query, 40)
        assert (rows.tolist(), scores.tolist()) == (expected_rows, expected_scores)


@pytest.mark.parametrize("k", [ROWS // 2, ROWS - 1, ROWS, ROWS + 5])
def test_as_many_rows_as_that_are_all_scored(coded: tuple[Embeddings, DenseIndex], k: int) -> None:
    embeddings, index = coded
    query = random_unit_rows(1, DIMENSION, seed=4)[0]
    assert found(index, query, k) == found(DenseIndex.open(embeddings, None), query, k)


@settings(max_examples=25, deadline=None)
@given(share=st.sampled_from([0.0001, 0.01, 0.15, 0.2, 0.5, 0.9]), k=st.integers(1, 60), seed=st.integers(0, 99))
def test_a_filter_is_kept_and_what_it_leaves_is_searched(
    coded: tuple[Embeddings, DenseIndex], share: float, k: int, seed: int
) -> None:
    embeddings, index = coded
    draw = np.random.default_rng(seed)
    allowed = draw.random(ROWS) < share
    query = clustered_unit_rows(1, DIMENSION, seed=100 + seed)[0]
    ((rows, scores),) = index.search(query[np.newaxis], k, allowed=allowed)
    exact = np.where(allowed, embeddings.astype(np.float32) @ query, -2)
    expected = np.sort(exact)[::-1][: min(k, np.count_nonzero(allowed))]
    assert len(rows) == len(expected)
    assert allowed[rows].all()
    np.testing.assert_allclose(scores, exact[rows], rtol=0, atol=1e-6)
    missed = np.count_nonzero(exact[rows] < expected.min(initial=2) - 1e-6)
    assert missed <= (0 if np.count_nonzero(allowed) <= 2000 else max(1, 0.05 * k))


@pytest.mark.parametrize("copies", [30, 700, 6500])
def test_of_a_text_that_stands_there_often_the_first_rows_are_found(copies: int) -> None:
    """Also where there are more copies than candidates."""
    embeddings = clustered_unit_rows(ROWS, DIMENSION, seed=5).astype(np.float16)
    places = np.sort(np.random.default_rng(6).choice(ROWS, copies, replace=False))
    embeddings[places] = embeddings[places[0]]
    index = DenseIndex.build(embeddings)
    query = embeddings[places[0]].astype(np.float32)
    assert found(index, query, 10)[0] == places[:10].tolist()
    allowed = np.ones(ROWS, bool)
    allowed[places[1]] = False
    ((rows, _),) = index.search(query[np.newaxis], 10, allowed=allowed)
    assert rows.tolist() == [places[0], *places[2:11]]


def test_many_queries_of_codes_are_answered_as_each_alone(coded: tuple[Embeddings, DenseIndex]) -> None:
    _, index = coded
    queries = clustered_unit_rows(40, DIMENSION, seed=7)
    together = [(rows.tolist(), scores.tolist()) for rows, scores in index.search(queries, 7)]
    assert together == [found(index, query, 7) for query in queries]


def test_codes_find_nothing_for_what_is_no_query(coded: tuple[Embeddings, DenseIndex]) -> None:
    _, index = coded
    assert found(index, np.full(DIMENSION, np.nan, np.float32), 5) == ([], [])


def test_rows_are_read_through_what_is_given(coded: tuple[Embeddings, DenseIndex]) -> None:
    embeddings, index = coded
    read: list[int] = []

    def read_rows(rows: NDArray[np.int64] | slice) -> Embeddings:
        read.extend(np.arange(ROWS)[rows].tolist())
        return embeddings[rows]

    watched = DenseIndex.open(embeddings, index.to_bytes(), rows=read_rows)
    assert read == []
    ((rows, _),) = watched.search(embeddings[:1].astype(np.float32), 10, recall=0.99)
    assert set(rows.tolist()) < set(read)
    assert len(read) < 500
    read.clear()
    DenseIndex.open(embeddings, None, rows=read_rows).search(embeddings[:1].astype(np.float32), 10)
    assert set(read) == set(range(ROWS))


def test_a_query_scores_the_same_whether_it_is_one_of_the_first_or_of_many(
    coded: tuple[Embeddings, DenseIndex],
) -> None:
    embeddings, index = coded
    flat = DenseIndex.open(embeddings, None)  # answers the first queries without faiss
    query = embeddings[7:8].astype(np.float32)
    answers = [flat.search(query, 20)[0] for _ in range(8)]
    answers += [flat.search(np.repeat(query, 5, axis=0), 20)[3], index.search(query, 20, recall=1.0)[0]]
    for rows, scores in answers:
        assert rows.tolist() == answers[0][0].tolist()
        assert scores.tolist() == answers[0][1].tolist()


# --- bytes --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def serialized(coded: tuple[Embeddings, DenseIndex]) -> NDArray[np.uint8]:
    content = coded[1].to_bytes()
    assert content is not None
    return content


def test_a_flat_index_has_no_bytes() -> None:
    assert DenseIndex.build(np.eye(3, dtype=np.float16)).to_bytes() is None


def test_bytes_are_a_bit_for_each_component_and_the_centroids(serialized: NDArray[np.uint8]) -> None:
    assert serialized.nbytes == ROWS * DIMENSION // 8 + 16 * 4 * DIMENSION


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_embeddings_give_the_same_bytes(
    coded: tuple[Embeddings, DenseIndex], serialized: NDArray[np.uint8], threads: int
) -> None:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        again = build_coded(coded[0]).to_bytes()
    finally:
        faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(again, serialized)


def test_an_index_read_from_its_bytes_answers_as_before(
    coded: tuple[Embeddings, DenseIndex], serialized: NDArray[np.uint8]
) -> None:
    embeddings, index = coded
    again = DenseIndex.open(embeddings, serialized)
    for query in clustered_unit_rows(10, DIMENSION, seed=9):
        assert found(again, query, 300) == found(index, query, 300)
    np.testing.assert_array_equal(again.to_bytes(), serialized)


@pytest.mark.parametrize("length", [0, 1, 64 * DIMENSION, -1])
def test_bytes_that_end_early_are_refused(
    coded: tuple[Embeddings, DenseIndex], serialized: NDArray[np.uint8], length: int
) -> None:
    with pytest.raises(ValueError, match=r"holds \d+ bytes, the codes of \(12000, 32\) embeddings are 50048"):
        DenseIndex.open(coded[0], serialized[:length])


@pytest.mark.parametrize("content", [0, 0xFF, 0x7F])
def test_any_bytes_of_the_right_number_are_searched_without_harm(
    coded: tuple[Embeddings, DenseIndex], serialized: NDArray[np.uint8], content: int
) -> None:
    """What is found by them is not the nearest, but it is rows with their own scores."""
    embeddings, _ = coded
    queries = clustered_unit_rows(3, DIMENSION, seed=11)
    index = DenseIndex.open(embeddings, np.full_like(serialized, content))  # all NaN, once
    for allowed in (None, np.arange(ROWS) % 2 == 0):
        for query, (rows, scores) in zip(queries, index.search(queries, 10, allowed=allowed), strict=True):
            assert allowed is None or allowed[rows].all()
            np.testing.assert_allclose(scores, embeddings.astype(np.float32)[rows] @ query, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ((slice(-40), slice(None)), r"holds 50048 bytes, the codes of \(11960, 32\) embeddings are 49"),
        ((slice(None), slice(-4)), r"holds 50048 bytes, the codes of \(12000, 28\) embeddings are 4"),
        ((slice(None), slice(-1)), r"whose dimension 4 divides, the embeddings have 31"),
    ],
)
def test_codes_of_other_embeddings_are_refused(
    coded: tuple[Embeddings, DenseIndex], serialized: NDArray[np.uint8], cut: tuple[slice, slice], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        DenseIndex.open(coded[0][cut], serialized)


# --- unit rows ----------------------------------------------------------------------------------------------------


def test_rows_are_scaled_to_length_one_and_a_zero_row_stays() -> None:
    given_rows = np.array([[3, 4], [0, 0], [0, -2]], np.float32)
    np.testing.assert_allclose(unit_rows(given_rows), [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]], rtol=1e-6)
    np.testing.assert_array_equal(given_rows, [[3, 4], [0, 0], [0, -2]])  # what was given is not written to


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 8)),
        elements=st.floats(-(2.0**60), 2.0**60, width=32).filter(lambda x: x == 0 or abs(x) > 2.0**-60),
    )
)
def test_rows_of_any_ordinary_size_have_length_one(embeddings: Queries) -> None:
    lengths = np.linalg.norm(unit_rows(embeddings).astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, embeddings.any(axis=1).astype(float), rtol=1e-6)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_rows_whose_squares_leave_float32_have_length_one(size: float) -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3, 4]], np.float32) * np.float32(size)), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_component_that_is_not_finite_is_refused_with_its_row(value: float) -> None:
    embeddings = np.ones((4, 3), np.float32)
    embeddings[2, 1] = value
    with pytest.raises(ValueError, match="not finite for text 2"):
        unit_rows(embeddings)
