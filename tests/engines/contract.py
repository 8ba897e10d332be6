"""What the tests of the contract share: filling an index, and comparing what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsearch.engines import Batch, Collection, Engine, EngineArticle, PassageRows, Where, state
from semsearch.filters import Comparison, Exists, Not
from semsearch.storage import content_digest
from tests.engines.batches import CODEC, LANGUAGES, MANIFEST

__all__ = ["CLOSE", "WHERES", "begin", "fill", "same_articles", "same_batch", "same_nearest", "same_passages", "typed"]

CLOSE = 1e-6  # by which a cosine may be off

_PEACE = Comparison(("metadata", "section"), "=", ("peacekeeping",))
_ECONOMY = Comparison(("metadata", "section"), "=", ("Economy",))
WHERES = {
    "nothing": Where(),
    "filter": Where(filter=_PEACE),
    "negated filter": Where(filter=Not(Exists(("metadata", "author")))),
    "filter for nothing": Where(filter=Comparison(("source",), "=", ("nobody",))),
    "phrase": Where(phrases=("Security Council",)),
    "two phrases": Where(phrases=("Security Council", "the")),
    "phrase of other forms": Where(phrases=("SÉCURITY — council",)),
    "phrase that is nowhere": Where(phrases=("council security",)),
    "phrase of no word": Where(phrases=("—",)),
    "articles": Where(articles=(5, 8, 11, 1000)),
    "articles, some not there": Where(articles=(0, 5, 6, 7, 2**43 - 1)),
    "articles, none there": Where(articles=(0, 1, 2)),
    "no articles": Where(articles=()),
    "many articles": Where(articles=tuple(range(10, 20_000))),
    "without": Where(without=(5, 1000, 7)),
    "without many": Where(without=tuple(range(100, 20_000))),
    "articles without": Where(articles=(5, 8, 11), without=(8,)),
    "filter and articles": Where(filter=_ECONOMY, articles=tuple(range(100))),
    "filter and phrase": Where(filter=_PEACE, phrases=("Security Council",)),
    "all of it": Where(
        filter=Not(_ECONOMY), phrases=("of the",), articles=tuple(range(200)), without=tuple(range(50, 60))
    ),
}
"""Each kind of what passages may be found by, and combinations; for the standard articles."""


def begin(engine: Engine, load: str = "load", *, codes: bool = True) -> Collection:
    """Begin a version, and write the states that everyone writes first; without ``codes`` it keeps no tokens."""
    version = engine.begin(load)
    state.write_manifest(version, MANIFEST)
    state.write_languages(version, LANGUAGES)
    state.write_codec(version, CODEC if codes else None)
    return version


def fill(engine: Engine, batches: Sequence[Batch], load: str = "load", *, codes: bool = True) -> Collection:
    """Make an index of batches, and return its live version."""
    version = begin(engine, load, codes=codes)
    for batch in batches:
        version.upsert(batch)
    version.flush()
    engine.publish(version)
    return engine.live()


def typed(found: tuple[NDArray[Any], NDArray[Any]], scores: type) -> None:
    """Assert that what was found is rows and their scores of this type."""
    assert found[0].dtype == np.int64
    assert found[1].dtype == scores
    assert len(found[0]) == len(found[1])


def same_nearest(
    found: tuple[NDArray[np.int64], NDArray[np.float32]],
    expected: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    """Assert that passages are the nearest, in their order where cosines are apart; ``expected`` are all there are."""
    typed(found, np.float32)
    rows, cosines = found
    every, exact = expected
    known = dict(zip(every.tolist(), exact.tolist(), strict=True))
    assert len(set(rows.tolist())) == len(rows)
    np.testing.assert_allclose(cosines, exact[: len(rows)], rtol=0, atol=CLOSE)
    own = np.array([known[row] for row in rows.tolist()], dtype=np.float32)
    np.testing.assert_allclose(own, exact[: len(rows)], rtol=0, atol=CLOSE)
    ties = np.flatnonzero(np.diff(own) == 0)
    assert (rows[ties] < rows[ties + 1]).all()


def same_articles(found: Sequence[EngineArticle], expected: Sequence[EngineArticle]) -> None:
    """Assert that articles are the same in every bit."""
    assert [one.row for one in found] == [one.row for one in expected]
    for one, other in zip(found, expected, strict=True):
        for name in ("id", "text", "title", "published", "source", "url"):
            assert getattr(one.article, name) == getattr(other.article, name), name
        # As text: 1 == 1.0 == True, and the order of names is a part of what the digest is of.
        assert json.dumps(dict(one.article.metadata)) == json.dumps(dict(other.article.metadata))
        assert content_digest(one.article) == one.digest == other.digest
        assert isinstance(one.digest, bytes)
        assert (one.place, one.passages, one.tokens, one.truncated) == (
            other.place, other.passages, other.tokens, other.truncated,
        )  # fmt: skip
        assert one.vector.dtype == np.float16
        np.testing.assert_array_equal(one.vector, other.vector)


def same_passages(found: PassageRows | Batch, expected: Batch, *, codes: bool = True) -> None:
    """Assert that passages are the same in every bit."""
    for name in ("paragraphs", "starts", "ends", "vectors"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert len(found.codes) == len(expected.codes)
    for own, others in zip(found.codes, expected.codes, strict=True):
        if codes and len(others):
            assert own.dtype == np.uint8
            np.testing.assert_array_equal(own, others)
        else:
            assert len(own) == 0


def same_batch(found: Batch, expected: Batch) -> None:
    """Assert that batches are the same in every bit."""
    same_articles(found.articles, expected.articles)
    assert found.rows.dtype == np.int64
    np.testing.assert_array_equal(found.rows, expected.rows)
    assert found.keys.dtype == np.uint8
    np.testing.assert_array_equal(found.keys, expected.keys)
    same_passages(found, expected)
