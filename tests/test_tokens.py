"""Token vectors in two bits a component: what coding costs, and late interaction against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch.tokens import TokenCodec, TokenStore

DIMENSION = 384


def unit(count: int, dimension: int = DIMENSION, *, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def decoded(codec: TokenCodec, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the unit vectors that codes stand for, where the codec's rotation leaves them: levels by hand."""
    levels = np.array([-1.510, -0.4528, 0.4528, 1.510])
    values = levels[np.stack([codes >> shift & 3 for shift in (0, 2, 4, 6)], axis=2)].reshape(len(codes), -1)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def codec() -> TokenCodec:
    return TokenCodec.create(DIMENSION)


# --- codec ------------------------------------------------------------------------------------------------------------


def test_a_code_takes_two_bits_a_component(codec: TokenCodec) -> None:
    codes = codec.encode(unit(5))
    assert codes.dtype == np.uint8
    assert (codes.shape, codec.bytes_per_token) == ((5, 96), 96)


def test_the_rotation_keeps_inner_products_and_is_the_same_each_time(codec: TokenCodec) -> None:
    vectors = unit(20)
    np.testing.assert_allclose(codec.rotate(vectors) @ codec.rotate(vectors).T, vectors @ vectors.T, atol=1e-5)
    np.testing.assert_array_equal(codec.rotation, TokenCodec.create(DIMENSION).rotation)


def test_codes_are_the_nearest_of_four_levels(codec: TokenCodec) -> None:
    vectors = unit(10)
    levels = np.array([-1.510, -0.4528, 0.4528, 1.510])
    scaled = vectors.astype(np.float64) @ codec.rotation * np.sqrt(DIMENSION)
    nearest = levels[np.abs(scaled[..., None] - levels).argmin(axis=-1)]
    expected = nearest / np.linalg.norm(nearest, axis=1, keepdims=True)
    found = decoded(codec, codec.encode(vectors))
    assert (np.isclose(found, expected).mean()) > 0.999  # but for what lies on a threshold to four digits


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.6, 0.9, 1.0, -0.6])
def test_cosines_with_coded_vectors_are_near_the_exact_ones(codec: TokenCodec, likeness: float) -> None:
    queries = unit(200)
    others = unit(200, seed=1)
    others -= (others * queries).sum(axis=1, keepdims=True) * queries
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    vectors = np.asarray(likeness * queries + np.sqrt(1 - likeness**2) * others, dtype=np.float32)
    errors = np.diag(codec.similarities(queries, codec.encode(vectors))) - (queries * vectors).sum(axis=1)
    # A coded vector has a cosine of some 0.94 with its original: nearly all of it is lost where they are alike.
    scale = float(np.diag(codec.similarities(vectors, codec.encode(vectors))).mean())
    assert scale > 0.93
    assert np.abs(errors).max() < 0.1
    unbiased = np.diag(codec.similarities(queries, codec.encode(vectors))) / scale - (queries * vectors).sum(axis=1)
    assert abs(unbiased.mean()) < 0.02


def test_cosines_of_random_vectors_are_off_by_less_than_a_tenth_and_not_to_one_side(codec: TokenCodec) -> None:
    queries, vectors = unit(300), unit(300, seed=1)
    errors = codec.similarities(queries, codec.encode(vectors)).astype(np.float64) - queries @ vectors.T
    assert np.abs(errors).max() < 0.1
    assert abs(errors.mean()) < 0.002


def test_vectors_of_few_large_components_are_coded_as_well(codec: TokenCodec) -> None:
    vectors = np.eye(DIMENSION, dtype=np.float32)[:50]
    assert codec.similarities(vectors, codec.encode(vectors)).diagonal().min() > 0.9


def test_similarities_are_cosines_with_the_decoded_vectors(codec: TokenCodec) -> None:
    query, codes = unit(7), codec.encode(unit(30, seed=1))
    expected = codec.rotate(query).astype(np.float64) @ decoded(codec, codes).T
    found = codec.similarities(query, codes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 8), (8, 4), (6, 6), (384, 383), (2, 2)])
def test_a_rotation_of_a_wrong_shape_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="square rotation whose size 4 divides") as error:
        TokenCodec(np.ones(shape, np.float32))
    assert str(shape) in str(error.value)


def test_a_dimension_that_four_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="whose size 4 divides"):
        TokenCodec.create(6)


# --- store ------------------------------------------------------------------------------------------------------------

STARTS = np.array([0, 4, 5, 17, 20])
SPANS = np.array([[0, 0, 4], [1, 0, 1], [1, 1, 12], [0, 4, 3]])  # of passages in two segments


def segments_of(codes: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The codes of all passages, one after the other, to where ``SPANS`` says they are."""
    return [np.concatenate([codes[:4], codes[17:]]), codes[4:17]]


@pytest.mark.parametrize("rows", [[0], [3], [0, 1, 2, 3], [3, 1], [2, 2, 0]])
def test_the_highest_similarities_are_those_of_brute_force_over_decoded_vectors(
    codec: TokenCodec, rows: list[int]
) -> None:
    query, codes = unit(6), codec.encode(unit(20, seed=1))
    store = TokenStore(segments_of(codes), SPANS, codec)
    vectors = decoded(codec, codes)
    rotated = codec.rotate(query).astype(np.float64)
    expected = [[(vectors[STARTS[row] : STARTS[row + 1]] @ token).max() for row in rows] for token in rotated]
    found = store.max_similarities(query, np.array(rows))
    assert found.dtype == np.float32
    assert found.shape == (6, len(rows))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_codes_of_a_passage_are_those_of_its_span(codec: TokenCodec) -> None:
    codes = codec.encode(unit(20))
    store = TokenStore(segments_of(codes), SPANS, codec)
    assert len(store) == 4
    np.testing.assert_array_equal(np.concatenate([store.codes_of(row) for row in range(4)]), codes)
    np.testing.assert_array_equal(store.codes_of(1), codes[4:5])


def test_what_is_read_is_checked_before(codec: TokenCodec) -> None:
    asked: list[list[int]] = []
    codes = codec.encode(unit(20))
    store = TokenStore(segments_of(codes), SPANS, codec, check=lambda rows: asked.append(rows.tolist()))
    store.codes_of(2)
    store.max_similarities(unit(1), np.array([3, 1]))
    list(store.similarities(unit(1), np.array([0])))
    assert asked == [[2], [3, 1], [0]]


def test_a_passage_of_more_tokens_than_any_model_reads_is_refused(codec: TokenCodec) -> None:
    codes = np.zeros((70_000, codec.bytes_per_token), dtype=np.uint8)
    spans = np.array([[0, 0, 65_536], [0, 4_464, 65_536]])
    assert len(TokenStore([codes], spans, codec)) == 2
    spans[1, 2] += 1
    spans[1, 1] -= 1
    with pytest.raises(ValueError, match="has more than 65536 tokens"):
        TokenStore([codes], spans, codec)


def test_passages_of_many_tokens_are_compared_some_at_a_time(
    codec: TokenCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TokenStore(segments_of(codec.encode(unit(20))), SPANS, codec)
    rows = np.arange(len(SPANS))
    at_once = store.max_similarities(unit(3), rows), list(store.similarities(unit(3), rows))
    monkeypatch.setattr("semsearch.tokens._PASSAGES_BLOCK", 2)
    in_parts = store.max_similarities(unit(3), rows), list(store.similarities(unit(3), rows))
    assert np.allclose(at_once[0], in_parts[0], atol=1e-6)
    for one, other in zip(at_once[1], in_parts[1], strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "span", [[2, 0, 1], [-1, 0, 1], [0, -1, 1], [0, 0, 0], [0, 0, -1], [0, 0, 8], [0, 7, 1], [0, 2**62, 2**62]]
)
def test_a_span_outside_its_segment_is_refused(codec: TokenCodec, span: list[int]) -> None:
    with pytest.raises(ValueError, match=r"has no tokens|beyond the end of their segment"):
        TokenStore(segments_of(codec.encode(unit(20))), np.array([[0, 0, 4], span]), codec)


@pytest.mark.parametrize("spans", [np.zeros((4, 2), np.int64), np.zeros(3, np.int64), np.zeros((4, 3), np.int32)])
def test_spans_of_another_kind_are_refused(codec: TokenCodec, spans: NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match=r"expected spans \(n, 3\) int64"):
        TokenStore(segments_of(codec.encode(unit(20))), spans, codec)


@pytest.mark.parametrize("shape", [(20, 95), (20, 384), (20,), (20, 96, 1)])
def test_codes_of_another_size_are_refused(codec: TokenCodec, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected codes of 96 bytes") as error:
        TokenStore([np.zeros(shape, np.uint8)], SPANS, codec)
    assert str(shape) in str(error.value)
