"""What every engine must find, exactly: counts, nearest passages, articles, texts, and all of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import EngineError
from semsearch.dense import unit_rows
from semsearch.engines import Where, article_of, first_passage
from tests.engines.batches import DIMENSION, UNICODE, embed, joined
from tests.engines.conftest import Filled
from tests.engines.contract import WHERES, same_articles, same_batch, same_nearest, same_passages
from tests.torture.figures import LONG

EVERY_WHERE = pytest.mark.parametrize("where", WHERES.values(), ids=WHERES.keys())
QUESTIONS = [
    "legal basis for deployment",
    "interest rates of the central bank",
    "the",
    "vaccine against malaria",
    UNICODE[:200],
    "zzz qqq xxx",
]


def vectors(filled: Filled) -> list[NDArray[np.float32]]:
    """What is searched for; a few of these in the short version where each search is slow."""
    random = np.random.default_rng(7).standard_normal((6, DIMENSION)).astype(np.float32)
    every = [*map(embed, QUESTIONS), *unit_rows(random)]
    return every[::6] if filled.engine.address.startswith("milvus-lite") and not LONG else every


def answers(filled: Filled, where: Where) -> bool:
    """Whether an engine can say what this leaves; one that knows no words must not guess at phrases."""
    if not where.phrases or filled.engine.capabilities.words != "none":
        return True
    for ask in (
        lambda: filled.collection.count(where),
        lambda: filled.collection.search(embed("x"), 3, where=where),
        lambda: filled.collection.best_passages([5], embed("x"), where=where),
    ):
        with pytest.raises(EngineError, match=r"(?i)phrase"):
            ask()
    return False


# --- what may be found ------------------------------------------------------------------------------------------


def test_the_collections_are_what_they_are_meant_to_be(filled: Filled) -> None:
    plain = filled.plain
    assert 300 < len(plain.rows) < 2000
    counts = {name: len(plain.allowed(where)) for name, where in WHERES.items()}
    nothing = {"filter for nothing", "phrase that is nowhere", "phrase of no word", "articles, none there"}
    assert {name for name, count in counts.items() if count == 0} == {*nothing, "no articles"}
    assert {name for name, count in counts.items() if count == len(plain.rows)} == {"nothing"}


def test_all_passages_are_counted(filled: Filled) -> None:
    assert filled.collection.count() == filled.collection.count(None) == len(filled.plain.rows)


@EVERY_WHERE
def test_what_may_be_found_is_counted(filled: Filled, where: Where) -> None:
    if answers(filled, where):
        assert filled.collection.count(where) == len(filled.plain.allowed(where))


# --- nearest passages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 10, 50, 100_000])
def test_the_nearest_are_found_in_their_order(filled: Filled, k: int) -> None:
    for vector in vectors(filled):
        found, expected = filled.collection.search(vector, k), filled.plain.search(vector, 100_000)
        assert len(found[0]) == min(k, len(expected[0]))
        same_nearest(found, expected)


def test_what_is_equally_near_comes_in_the_order_of_the_rows(filled: Filled) -> None:
    ties = 0
    batch = filled.plain.batch()
    for row in (first_passage(5), first_passage(5) + 1, first_passage(14), first_passage(1027)):
        vector = batch.vectors[batch.rows == row][0].astype(np.float32)
        for k in (1, 2, 3):
            rows, cosines = filled.collection.search(vector, k)
            np.testing.assert_array_equal(rows, filled.plain.search(vector, k)[0])
            ties += len(cosines) > 1 and cosines[0] == cosines[1]
    assert ties


@EVERY_WHERE
@pytest.mark.parametrize("k", [3, 100_000])
def test_the_nearest_of_those_that_may_be_found_are_found(filled: Filled, where: Where, k: int) -> None:
    if not answers(filled, where):
        return
    for vector in vectors(filled):
        found, expected = filled.collection.search(vector, k, where=where), filled.plain.search(vector, 100_000, where)
        assert len(found[0]) == min(k, len(expected[0]))
        same_nearest(found, expected)


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.999, 1.0])
def test_any_recall_can_be_asked_for(filled: Filled, recall: float) -> None:
    for vector in vectors(filled):
        rows, _ = filled.collection.search(vector, 10, recall=recall)
        expected, _ = filled.plain.search(vector, 10)
        assert len(set(rows.tolist()) & set(expected.tolist())) >= 10 * min(recall, 0.9) - 1
        if recall == 1:
            np.testing.assert_array_equal(rows, expected)


@EVERY_WHERE
def test_the_best_passage_of_each_article_is_found(filled: Filled, where: Where) -> None:
    if not answers(filled, where):
        return
    known = list(filled.plain.articles)
    for vector in vectors(filled)[:4]:
        for articles in (known, known[::-1][:7], known[:1], [5, 6, 7, 8], [0, 1], []):
            found = filled.collection.best_passages(articles, vector, where=where)
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, filled.plain.best_passages(articles, vector, where))


# --- what is known of passages and articles ---------------------------------------------------------------------


def shuffled(filled: Filled, count: int) -> NDArray[np.int64]:
    return np.array(Random(3).sample(filled.plain.rows.tolist(), count), dtype=np.int64)


@pytest.mark.parametrize("codes", [True, False])
@pytest.mark.parametrize("count", [0, 1, 50, 300])
def test_passages_come_in_the_order_in_which_they_were_asked_for(filled: Filled, count: int, codes: bool) -> None:
    rows = shuffled(filled, count)
    found = filled.collection.passages(rows, codes=codes)
    assert all(len(column) == count for column in found)
    if count:
        same_passages(found, filled.plain.passages(rows), codes=codes)


@pytest.mark.parametrize("count", [0, 1, 50, 300])
def test_texts_come_in_the_order_in_which_they_were_asked_for(filled: Filled, count: int) -> None:
    rows = shuffled(filled, count)
    assert filled.collection.texts(rows) == filled.plain.texts(rows)


def test_what_is_asked_for_twice_comes_twice(filled: Filled) -> None:
    rows = np.repeat(shuffled(filled, 3), 2)
    assert filled.collection.texts(rows) == filled.plain.texts(rows)
    same_passages(filled.collection.passages(rows, codes=True), filled.plain.passages(rows))


def test_passages_that_are_not_there_are_an_error(filled: Filled) -> None:
    there = first_passage(5)
    beyond = there + filled.plain.articles[5].passages
    for rows in ([beyond], [there, first_passage(6)], [first_passage(2**43 - 1)], [0]):
        wanted = np.array(rows, dtype=np.int64)
        with pytest.raises(EngineError):
            filled.collection.passages(wanted, codes=False)
        with pytest.raises(EngineError):
            filled.collection.passages(wanted, codes=True)
        with pytest.raises(EngineError):
            filled.collection.texts(wanted)


def test_articles_are_found_by_their_rows(filled: Filled) -> None:
    expected = filled.plain.articles
    found = filled.collection.articles([*reversed(expected), 0, 1, 2**43 - 1])
    assert found.keys() == expected.keys()
    same_articles([found[row] for row in expected], list(expected.values()))
    assert filled.collection.articles([]) == {}
    assert filled.collection.articles([0, 6, 7]) == {}


def test_articles_are_found_by_their_ids(filled: Filled) -> None:
    expected = {one.article.id: (one.row, one.digest) for one in filled.plain.articles.values()}
    unknown = ["", "nobody", "'", '"', "\\", "%", "strang_", "Strange", " strange", "x" * 5000, UNICODE]
    found = filled.collection.find([*expected, *unknown])
    assert {id_: tuple(one) for id_, one in found.items()} == expected
    assert filled.collection.find(unknown) == filled.collection.find([]) == {}
    assert filled.collection.find(["strange", *(f"unknown {number}" for number in range(5000))]).keys() == {"strange"}


def test_vectors_of_articles_come_in_the_order_in_which_they_were_asked_for(filled: Filled) -> None:
    rows = np.array(Random(4).sample(list(filled.plain.articles), 30), dtype=np.int64)
    found = filled.collection.article_vectors(rows)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, [filled.plain.articles[row].vector for row in rows.tolist()])
    for missing in ([6], [5, 6], [2**43 - 1]):
        with pytest.raises(EngineError):
            filled.collection.article_vectors(np.array(missing, dtype=np.int64))


# --- all of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 5, 6, 100, 1003, 2000])
def test_everything_is_exported_in_its_order(filled: Filled, first: int) -> None:
    batches = list(filled.collection.export(first))
    for batch in batches:  # each is whole
        assert len(batch.articles)
        assert len(batch.rows) == sum(one.passages for one in batch.articles)
        assert set(article_of(batch.rows).tolist()) == {one.row for one in batch.articles}
    same_batch(joined(batches), filled.plain.batch(first))


@pytest.mark.parametrize("first", [0, 5, 6, 100, 1003, 2000])
def test_the_ids_of_all_articles_come_in_the_order_of_the_rows(filled: Filled, first: int) -> None:
    expected = [(one.article.id, one.row, one.digest) for row, one in filled.plain.articles.items() if row >= first]
    assert [(id_, *found) for id_, found in filled.collection.entries(first)] == expected


def test_each_source_is_counted_with_its_first_and_last_day(filled: Filled) -> None:
    articles = [one.article for one in filled.plain.articles.values()]
    expected = {}
    for source in {one.source for one in articles}:
        own = [one for one in articles if one.source == source]
        days = sorted(one.published for one in own if one.published is not None)
        expected[source] = (len(own), days[0] if days else None, days[-1] if days else None)
    found = filled.collection.sources()
    assert {one.source: (one.articles, one.first, one.last) for one in found} == expected
    assert len(found) == len(expected)


def test_there_is_nothing_beyond_the_end(filled: Filled) -> None:
    assert [one for batch in filled.collection.export(2001) for one in batch.articles] == []
    assert list(filled.collection.entries(2001)) == []


def test_an_export_can_be_left_in_the_middle(filled: Filled) -> None:
    batch = next(filled.collection.export())
    assert batch.articles[0].row == 5
    assert filled.collection.count() == len(filled.plain.rows)


# --- threads ----------------------------------------------------------------------------------------------------


def test_threads_find_what_one_would(filled: Filled) -> None:
    collection = filled.collection
    every = vectors(filled)[:6]
    wheres = [where for where in WHERES.values() if not where.phrases][:6]

    def ask(number: int) -> list[object]:
        vector, where = every[number % len(every)], wheres[number % len(wheres)]
        rows, _ = collection.search(vector, 5, where=where)
        article_rows = sorted(set(article_of(rows).tolist()))
        return [
            rows.tolist(),
            collection.count(where),
            collection.texts(rows),
            [len(codes) for codes in collection.passages(rows, codes=True).codes],
            sorted(collection.articles(article_rows)),
            collection.best_passages(article_rows, vector).tolist(),
            collection.read_state("languages"),
        ]

    alone = [ask(number) for number in range(12)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(ask, [number % 12 for number in range(96)]))
    assert together == alone * 8
