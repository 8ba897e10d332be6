"""Filters as tests of fields: whoever answers these answers a filter as plain Python does."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, field, parse_filter
from semsearch.engines._conditions import Condition, Group, condition_of, field_key, filter_fields, metadata_names
from semsearch.engines._conditions import Test as FieldTest  # pytest would take it for one of its own
from semsearch.filters import Not
from tests.engines.batches import PLAIN, STRANGE, changed
from tests.filters_random import entries, matches, random_articles, random_filter

Fields = Mapping[str, Mapping[str, Any]]


def passes(condition: Condition, fields: Fields) -> bool:
    """What the tests of a condition mean."""
    if isinstance(condition, Group):
        every = [passes(part, fields) for part in condition.parts]
        assert every
        return all(every) if condition.word == "and" else any(every)
    return _holds(condition, fields.get(condition.key)) != condition.negated


def _holds(test: FieldTest, entry: Mapping[str, Any] | None) -> bool:
    if test.operator == "has" or entry is None:
        assert (test.kind is None) == (test.operator == "has")
        return entry is not None
    assert test.kind is not None
    if test.operator == "any":
        return any(value in entry.get(test.kind, ()) for value in test.values)
    (value,) = test.values
    bound = entry.get(test.kind + ("0" if "<" in test.operator else "1"))
    if bound is None:
        return False
    return bool({"<": bound < value, "<=": bound <= value, ">": bound > value, ">=": bound >= value}[test.operator])


def as_kept(article: Article) -> Fields:
    """The fields as an engine gets and returns them: as JSON, which has no infinity and knows no tuples."""
    kept: Fields = json.loads(json.dumps(filter_fields(article), allow_nan=False))
    return kept


# --- what a filter means ----------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_tests_of_fields_mean_what_the_filter_means(seed: int) -> None:
    random = Random(seed)
    articles = random_articles(random)
    kept = [as_kept(article) for article in articles]
    for _ in range(12):
        filter_ = random_filter(random, articles)
        for one in (filter_, Not(filter_)):
            condition = condition_of(one)
            assert [passes(condition, fields) for fields in kept] == [matches(one, article) for article in articles]
        condition = condition_of(filter_, negated=True)
        assert [passes(condition, fields) for fields in kept] == [not matches(filter_, each) for each in articles]


def test_the_random_filters_hold_and_fail() -> None:
    random = Random(1)
    held = total = 0
    for _ in range(300):
        articles = random_articles(random)
        filter_ = random_filter(random, articles)
        held += sum(matches(filter_, article) for article in articles)
        total += len(articles)
    assert 0.2 * total < held < 0.8 * total


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("n = 350", True), ("n = 350.0", True), ("n != 350", False), ("n < 350", False), ("n <= 350", True),
        ("n in (1, 350)", True), ("n = '350'", False),
        ("whole = 2024", True), ("whole > 2023-12", False), ("year = 2024", True), ("year >= 2024", True),
        ("list = b", True), ("list < b", True), ("list > b", True), ("list > c", False), ("not list = z", True),
        ("huge > 1e300", True), ("huge = 1", False), ("small < -1e300", True), ("big = 1e30", True),
        ("text_huge > 1e300", True), ("text_huge = '1e400'", True), ("big64 = 18446744073709551616", True),
        ("zero = 0", True), ("zero >= 0", True), ("zero < 0", False),
        ("has mixed", True), ("mixed = true", True), ("mixed = 2024-05", True), ("mixed = 2024", True),
        ("mixed < 0", False), ("mixed = x", False), ("has nulls", True), ("nulls = null", False),
        ("has gone", False), ("has gone.inner", False), ("has empty", False), ("has o.empty", False), ("has o", True),
        ("o.day = 2024-02", True), ("o.day > 2024-02", False), ("o.day <= 2024-02-29", True), ("o.day < 2024-03", True),
        ("o.'a/b' = 1", True), ("o.'a~1b' = 2", True), ("'o/day' = 3", True),
        ("title = 'STRASSE'", True), ("title < 't'", True), ("published = 2024", True), ("published > 2024-05", False),
        ("has url", False), ("not has url and source = ''''", False),
    ],
)  # fmt: skip
def test_fields_count_as_the_filters_have_them(text: str, holds: bool) -> None:
    article = changed(
        PLAIN,
        title="Straße",
        url="",
        published=dt.date(2024, 5, 17),
        metadata={
            "n": 350, "whole": 2024.0, "year": "2024-05-17", "list": ["a", "b", "c"],
            "huge": 10**400, "small": -(10**400), "big": 10**30, "text_huge": "1e400", "big64": 2**64 + 1, "zero": -0.0,
            "mixed": ["TRUE", "2024-05", 7, None, [1], {"x": 1}], "nulls": [None], "gone": None, "empty": [],
            "o": {"empty": {}, "day": "2024-02-29T10:00", "a/b": 1, "a~1b": 2}, "o/day": 3,
        },
    )  # fmt: skip
    assert matches(parse_filter(text), article) == holds
    assert passes(condition_of(parse_filter(text)), as_kept(article)) == holds


# --- what is kept -----------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_fields_are_json_of_few_kinds(seed: int) -> None:
    for article in random_articles(Random(seed)):
        for entry in as_kept(article).values():
            for kind in "tndb":
                values = entry.get(kind, [])
                assert values == sorted(values)
                assert len(set(values)) == len(values)
                assert (f"{kind}0" in entry) == (f"{kind}1" in entry) == bool(values)
                if values and kind != "d":
                    assert (entry[f"{kind}0"], entry[f"{kind}1"]) == (values[0], values[-1])
            assert entry.keys() <= {kind + end for kind in "tndb" for end in ("", "0", "1")}
            for number in entry.get("n", []):  # one form of each: what can be an integer of 64 bits is one
                assert math.isfinite(number)
                assert isinstance(number, int) == (number == int(number) and -(2**63) <= number < 2**63)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32))
def test_every_field_of_the_metadata_is_named(seed: int) -> None:
    for article in random_articles(Random(seed)):
        names = set(metadata_names(article))
        assert names == {path for path, _ in entries(("metadata",), article.metadata)}
        keys = set(filter_fields(article)) - {"id", "title", "source", "url", "published"}
        assert keys <= {field_key(path) for path in names}


@given(st.lists(st.lists(st.text("/~01a.", max_size=4), min_size=1, max_size=3).map(tuple), max_size=6))
def test_no_two_fields_have_one_key(paths: list[tuple[str, ...]]) -> None:
    assert len({field_key(path) for path in paths}) == len(set(paths))


def test_metadata_of_all_kinds_is_kept() -> None:
    kept = as_kept(changed(PLAIN, metadata=STRANGE))
    assert kept["metadata/a.b~1c~0d"] == {}
    assert kept["metadata/a.b~1c~0d/~01"]["t"] == ["~0"]
    assert kept["metadata/truths"]["b"] == ["false", "true"]
    assert "metadata/null" not in kept


def test_nul_which_no_json_of_engines_can_hold_is_kept_out() -> None:
    kept = as_kept(changed(PLAIN, metadata={"a": "x\x00y", "b\x00": 1, "c": {"\x00": {"d": 1}, "e": ["\x00"]}}))
    assert "\\u0000" not in json.dumps(kept)
    assert {key for key in kept if key.startswith("metadata/")} == {"metadata/a", "metadata/c", "metadata/c/e"}
    for text, holds in (("a = x", False), ("a > x", True), ("a < xy", True), ("has c.e", True), ("c.e < a", True)):
        assert passes(condition_of(parse_filter(text)), kept) == holds


def test_what_is_no_filter_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected a semsearch\.Filter, not 'x'"):
        condition_of("x")  # type: ignore[arg-type]


def test_a_comparison_is_as_few_tests_as_can_be() -> None:
    assert condition_of(field("source") == "AP") == FieldTest("source", "t", "any", ("ap",))
    assert condition_of(~field("section").exists()) == FieldTest("metadata/section", None, "has", negated=True)
    assert condition_of(field("published") >= "2024-05") == FieldTest("published", "d", ">=", ("2024-05-01",))
    assert condition_of(field("published") > "2024-05") == FieldTest("published", "d", ">", ("2024-05-31",))
    assert condition_of(field("x").isin(["A", 1500])) == Group(
        "or",
        (
            FieldTest("metadata/x", "t", "any", ("a",)),
            FieldTest("metadata/x", "n", "any", (1500,)),
            FieldTest("metadata/x", "d", "any", ("1500",)),
        ),
    )
