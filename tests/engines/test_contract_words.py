"""What an engine that knows words must know of them: what the index of words in a folder does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from semsearch.engines import Collection, Engine, Unit, Where, Words
from tests.engines.batches import UNICODE, in_portions, standard_articles
from tests.engines.conftest import Filled
from tests.engines.contract import WHERES, fill, typed
from tests.engines.plain import Plain

QUERIES = [
    "mandate",
    "peacekeeping mission mandate",
    "the legal basis for the deployment of troops",
    "interest rates of the central bank",
    "vaccines against malaria in Africa",
    "Security Council resolution",
    "glaciers melting",
    "Straße STRASSE straße",
    UNICODE[:400],
]
NOTHING = ["", "the of and", "zzzqqq", "— !", "'; DROP TABLE articles; --"[:3]]
TOLERANCE = 0.02
"""Of a score. The engine of an index in a folder keeps a text's length in a byte: those below 40 as they are, others as
the last of ``24 + (8 to 15) * 2**e`` (40, 42, ... 54, 56, 60, ...) that is not above it. With the lengths as they are
scores are off by up to 5 %; with these by less than a millionth."""
UNITS = pytest.mark.parametrize("unit", ["articles", "passages"])


def words_of(filled: Filled, unit: Unit) -> Words:
    """The words of an engine that has them; others must say that they have not."""
    found = filled.collection.words(unit)
    if filled.engine.capabilities.words == "none":
        assert found is None
        pytest.skip("this engine says that it knows no words")
    assert found is not None
    return found


def agree(collection: Collection, plain: Plain, unit: Unit, query: str, k: int, where: Where | None) -> None:
    """Assert that words find what they must, in its order where scores are apart."""
    words = collection.words(unit)
    assert words is not None
    rows, scores = words.search(query, k, where=where)
    typed((rows, scores), np.float64)
    every, exact = plain.find_words(unit, query, 1_000_000, where)
    expected = dict(zip(every.tolist(), exact.tolist(), strict=True))
    assert len(rows) == len(set(rows.tolist())) == min(k, len(every))
    assert set(rows.tolist()) <= set(expected)
    own = np.array([expected[row] for row in rows.tolist()])
    np.testing.assert_allclose(scores, own, rtol=TOLERANCE)
    assert (np.diff(scores) <= 0).all()
    ties = np.flatnonzero(np.diff(scores) == 0)
    assert (rows[ties] < rows[ties + 1]).all()  # equal ones in the order of the rows
    # None that is well below another stands before it, or instead of it.
    best = np.minimum.accumulate(own) if len(own) else own
    assert (own <= best * (1 + 2 * TOLERANCE)).all()
    if 0 < len(rows) < len(every):
        left = max(score for row, score in expected.items() if row not in set(rows.tolist()))
        assert left <= own.min() * (1 + 2 * TOLERANCE)


def known_terms(plain: Plain, unit: Unit) -> list[str]:
    lexical, _ = plain.words(unit)
    texts = plain.texts(plain.rows[::9])
    return sorted({term for text in texts for term in lexical.terms(text)} | {"nobody", "", "the", "'"})


@UNITS
def test_texts_are_counted(filled: Filled, unit: Unit) -> None:
    assert len(words_of(filled, unit)) == len(filled.plain.words(unit)[0])


@UNITS
def test_terms_are_those_of_the_indexes_languages(filled: Filled, unit: Unit) -> None:
    words, (lexical, _) = words_of(filled, unit), filled.plain.words(unit)
    for text in [*QUERIES, *NOTHING]:
        assert words.terms(text) == lexical.terms(text)


@UNITS
def test_frequencies_are_exact(filled: Filled, unit: Unit) -> None:
    words, (lexical, _) = words_of(filled, unit), filled.plain.words(unit)
    terms = known_terms(filled.plain, unit)
    assert len(terms) > 300
    assert [words.term_frequency(term) for term in terms] == [lexical.term_frequency(term) for term in terms]
    for query in [*QUERIES, *NOTHING]:
        for word in [query, *query.split()]:
            assert words.document_frequency(word) == lexical.document_frequency(word), word
        assert words.highest_score(query) == pytest.approx(lexical.highest_score(query), rel=1e-9)


@UNITS
@pytest.mark.parametrize("k", [1, 10, 1_000_000])
@pytest.mark.parametrize("query", QUERIES)
def test_scores_are_bm25(filled: Filled, unit: Unit, query: str, k: int) -> None:
    words_of(filled, unit)
    agree(filled.collection, filled.plain, unit, query, k, None)


@UNITS
@pytest.mark.parametrize("query", NOTHING)
def test_what_has_no_term_finds_nothing(filled: Filled, unit: Unit, query: str) -> None:
    rows, scores = words_of(filled, unit).search(query, 10)
    typed((rows, scores), np.float64)
    assert len(rows) == 0


@UNITS
@pytest.mark.parametrize("where", WHERES.values(), ids=WHERES.keys())
@pytest.mark.parametrize("k", [3, 1_000_000])
def test_only_what_may_be_found_is_found_by_words(filled: Filled, unit: Unit, where: Where, k: int) -> None:
    words_of(filled, unit)
    for query in QUERIES[:4]:
        agree(filled.collection, filled.plain, unit, query, k, where)


@UNITS
def test_threads_find_the_words_that_one_would(filled: Filled, unit: Unit) -> None:
    words = words_of(filled, unit)

    def ask(query: str) -> list[int]:
        return [*words.search(query, 5)[0].tolist(), words.document_frequency(query)]

    alone = [ask(query) for query in QUERIES]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, QUERIES * 8)) == alone * 8


@pytest.mark.usefixtures("but_milvus")
def test_words_of_what_was_taken_out_or_replaced_are_not_known(engine: Engine, plain: Plain) -> None:
    if engine.capabilities.words == "none":
        pytest.skip("this engine says that it knows no words")
    articles = standard_articles()
    first, then = articles[:60], articles[60:]
    for batch in in_portions(first, 30):
        plain.upsert(batch)
    live = fill(engine, in_portions(first, 30))
    replaced = [(row, other) for (row, _), (_, other) in zip(first[::5], then, strict=False)]
    gone = [row for row, _ in first[1::4] if row not in dict(replaced)]
    for batch in in_portions(replaced, 50):
        live.upsert(batch)
        plain.upsert(batch)
    live.delete(gone)
    plain.delete(gone)
    live.flush()
    for collection in (live, engine.live()):
        for unit in ("articles", "passages"):
            words, (lexical, _) = collection.words(unit), plain.words(unit)
            assert words is not None
            assert len(words) == len(lexical)
            terms = known_terms(plain, unit)
            assert [words.term_frequency(term) for term in terms] == [lexical.term_frequency(term) for term in terms]
            for query in QUERIES:
                agree(collection, plain, unit, query, 20, None)
                assert words.highest_score(query) == pytest.approx(lexical.highest_score(query), rel=1e-9)
        where = Where(phrases=("Security Council",))
        assert collection.count(where) == len(plain.allowed(where))
