"""The dense index against numpy, and everything around faiss's edges."""

from __future__ import annotations

import struct
from typing import Any

import faiss
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from semsearch.dense import DenseIndex, unit_rows

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


def test_every_row_beyond_the_first_65536_is_at_its_place() -> None:
    embeddings = random_unit_rows(65_540, 16, seed=3).astype(np.float16)
    index = DenseIndex.build(embeddings)
    rows = [0, 65_535, 65_536, 65_539]
    assert len(index) == 65_540
    assert [found(index, embeddings[row].astype(np.float32), 1)[0] for row in rows] == [[row] for row in rows]


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


# --- bytes --------------------------------------------------------------------------------------------------------


def test_an_index_read_from_its_bytes_answers_as_before() -> None:
    embeddings = random_unit_rows(300, 24, seed=8).astype(np.float16)
    queries = random_unit_rows(10, 24, seed=9)
    index = DenseIndex.build(embeddings)
    again = DenseIndex.from_bytes(index.to_bytes())
    assert (len(again), again.dimension) == (300, 24)
    assert [found(again, query, 300) for query in queries] == [found(index, query, 300) for query in queries]


def test_bytes_that_end_early_are_refused_wherever_they_end() -> None:
    serialized = DenseIndex.build(np.eye(3, dtype=np.float16)).to_bytes()
    for length in range(len(serialized)):
        with pytest.raises(ValueError, match="not a faiss index"):
            DenseIndex.from_bytes(serialized[:length])


@pytest.mark.parametrize("content", [b"\xff" * 200, b"<html>not an index</html>", bytes(64)])
def test_bytes_of_something_else_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a faiss index"):
        DenseIndex.from_bytes(np.frombuffer(content, np.uint8))


@pytest.mark.parametrize("field", ["trained values", "vectors"])
def test_bytes_that_claim_a_size_beyond_all_memory_are_refused(field: str) -> None:
    serialized = DenseIndex.build(np.eye(4, dtype=np.float16)).to_bytes()
    at = serialized.tobytes().rindex(struct.pack("<Q", 4 * 4 * 2))  # the size that stands before the vectors, in bytes
    at -= 8 if field == "trained values" else 0  # there are none: their size stands right before, and is 0
    serialized[at : at + 8] = np.frombuffer(struct.pack("<Q", 0x7F << 56), np.uint8)
    with pytest.raises(ValueError, match="not a faiss index"):
        DenseIndex.from_bytes(serialized)


def test_a_faiss_index_with_another_metric_is_refused() -> None:
    euclidean: NDArray[np.uint8] = faiss.serialize_index(faiss.IndexFlatL2(3))
    with pytest.raises(ValueError, match="another metric"):
        DenseIndex.from_bytes(euclidean)


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
