"""A filter means the same in every engine: random ones over random articles, against their meaning in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from semsearch import Article, field, parse_filter
from semsearch.engines import Collection, Where, article_of
from semsearch.filters import And, Comparison, Filter, Not, Or
from tests.engines.batches import batch_of, embed
from tests.engines.conftest import Place
from tests.engines.contract import fill
from tests.filters_random import matches, random_article, random_filter

FILTERS = 400


class Indexed(NamedTuple):
    """Random articles in an engine, by their rows."""

    collection: Collection
    articles: dict[int, Article]


@pytest.fixture(scope="session")
def indexed(place: Place) -> Iterator[Indexed]:
    random = Random(11)
    articles = {7 * number + 1: random_article(random, number) for number in range(120)}
    engine = place.connect("random")
    try:
        yield Indexed(fill(engine, [batch_of(articles.items())]), articles)
    finally:
        engine.remove()
        engine.close()


def expected(indexed: Indexed, filter_: Filter) -> list[int]:
    return [row for row, article in indexed.articles.items() if matches(filter_, article)]


@pytest.mark.parametrize("seed", range(8))
def test_filters_find_the_articles_that_python_finds(indexed: Indexed, seed: int) -> None:
    random = Random(seed)
    wrong = []
    sizes = set()
    for _ in range(FILTERS // 8):
        filter_ = random_filter(random, list(indexed.articles.values()))
        rows = expected(indexed, filter_)
        found = indexed.collection.count(Where(filter=filter_))  # each has one passage
        sizes.add(len(rows))
        if found != len(rows):
            wrong.append(f"{found} for {len(rows)}: {filter_}")
    assert wrong == []
    assert len(sizes) > 10


def test_filters_find_the_very_articles_that_python_finds(indexed: Indexed) -> None:
    random = Random(99)
    for _ in range(40):
        filter_ = random_filter(random, list(indexed.articles.values()))
        rows, _ = indexed.collection.search(embed("text"), 1000, where=Where(filter=filter_))
        assert sorted(article_of(rows).tolist()) == expected(indexed, filter_), str(filter_)


@pytest.mark.parametrize(
    "filter_",
    [
        Or(tuple(Comparison(("metadata", "0"), "=", (number,)) for number in range(1000))),
        And(tuple(Not(Comparison(("metadata", "0"), "=", (number,))) for number in range(1000))),
        Comparison(("metadata", "0"), "=", (*(f"'\"\\{number}" for number in range(999)), "politics")),
        Comparison(("metadata", "0"), "=", tuple(range(1500, 2500))),
        field("published").isin([f"{year}-{month:02}" for year in range(2000, 2080) for month in range(1, 13)]),
        field("id").isin([f"Politics{number}" for number in range(1000)]),
        parse_filter("(" * 40 + "source = Politics or has url" + ")" * 40),
        parse_filter("not " * 49 + "has title"),
    ],
    ids=["or", "and", "texts", "numbers", "months", "ids", "parentheses", "nots"],
)
def test_large_filters_are_answered(indexed: Indexed, filter_: Filter) -> None:
    assert indexed.collection.count(Where(filter=filter_)) == len(expected(indexed, filter_))


def nested(depth: int) -> Filter:
    filter_: Filter = field("source").exists()
    for level in range(depth):
        other = Comparison(("metadata", "0"), "<", (level,))
        filter_ = Not(Or((other, filter_)) if level % 2 else And((filter_, other)))
    return filter_


def test_deep_filters_are_answered(indexed: Indexed) -> None:
    for depth in (5, 20, 25):
        filter_ = nested(depth)
        assert indexed.collection.count(Where(filter=filter_)) == len(expected(indexed, filter_))


def test_a_filter_and_rows_are_answered_together(indexed: Indexed) -> None:
    random = Random(5)
    rows = list(indexed.articles)
    for _ in range(30):
        filter_ = random_filter(random, list(indexed.articles.values()))
        some, without = random.sample(rows, 60), random.sample(rows, 30)
        left = set(expected(indexed, filter_)) & set(some) - set(without)
        where = Where(filter=filter_, articles=tuple(sorted(some)), without=tuple(sorted(without)))
        assert indexed.collection.count(where) == len(left)
        found, _ = indexed.collection.search(np.float32(embed("text")), 1000, where=where)
        assert set(article_of(found).tolist()) == left
