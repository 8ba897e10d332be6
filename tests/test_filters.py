"""Filters: what a text says, what Python says, that both are the same, and what is wrong with what cannot be read."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import semsearch
from semsearch import Filter, field, parse_filter
from semsearch.filters import And, AskedFilterError, Comparison, Exists, Not, Or, Period, asked_filter, field_name
from tests.filters_random import random_articles, random_filter

DATES = "2024, 2024-05 or 2024-05-17"
NO_DATE = f"published is compared with a date ({DATES}), not with"
NUL = "contains a NUL character or half of a surrogate pair, which no article can:"
DEEP = "nested too deeply, 50 levels of parentheses and 'not' are allowed"
QUOTED = " put it in quotes if it is none"
END = "expected 'and', 'or' or the end, found"
A, B, C = (field(name) == 1 for name in "abc")


def same(one: Filter, other: Filter) -> bool:
    return one == other and hash(one) == hash(other) and str(one) == str(other)


# --- as text and in Python --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source = Reuters", field("source") == "Reuters"),
        ("source='Reuters'", field("source") == "Reuters"),
        ('  source\n=\t"Reuters"  ', field("source") == "Reuters"),
        ("source != Reuters", ~(field("source") == "Reuters")),
        ("source != Reuters", field("source") != "Reuters"),
        ("date >= 2024", field("published") >= 2024),
        ("published >= 2024-05", field("date") >= "2024-05"),
        ("published < '2024-05-17'", field("published") < dt.date(2024, 5, 17)),
        ("published <= 2024-05-17", field("published") <= dt.datetime(2024, 5, 17, 12, tzinfo=dt.timezone.utc)),
        ("published in (2023, 2024-05)", field("published").isin([2023, "2024-05"])),
        ("section IN (a, 'b c', \"d\")", field("section").isin(["a", "b c", "d"])),
        ("section not in (a)", field("section") != "a"),
        ("has author", field("author").exists()),
        ("NOT Has author", ~field("author").exists()),
        ("words > 300", field("words") > 300),
        ("words > 3e2", field("words") > 300.0),
        ("words > -0.5", field("metadata.words") > -0.5),
        ("lead = TRUE", field("lead") == True),  # noqa: E712
        ("lead != false", field("lead") != False),  # noqa: E712
        ("year = 2024", field("year") == 2024),
        ("year = '2024'", field("year") == "2024"),
        ("updated = 2024-05-17", field("updated") == dt.date(2024, 5, 17)),
        ("id = 007", field("id") == "007"),
        ("title = true", field("title") == "true"),
        ("url = https://x.org/a-b_c?d", field("url") == "https://x.org/a-b_c?d"),
        ("author = O'Brien", field("author") == "O'Brien"),
        ("author = 'O''Brien'", field("author") == "O'Brien"),
        ('author = "say ""yes"""', field("author") == 'say "yes"'),
        ("metadata.title = x", Comparison(("metadata", "title"), "=", ("x",))),
        ("'title' = x", field("title") == "x"),
        ("section.name = x", Comparison(("metadata", "section", "name"), "=", ("x",))),
        ("metadata.metadata = x", Comparison(("metadata", "metadata"), "=", ("x",))),
        ("'dc.title' = x", Comparison(("metadata", "dc.title"), "=", ("x",))),
        ('metadata."and".x-1 = x', Comparison(("metadata", "and", "x-1"), "=", ("x",))),
        ("has.x = x and not.y = y", (field("'has'.x") == "x") & (field("'not'.y") == "y")),
        ("notable = x and inner = y", (field("notable") == "x") & (field("inner") == "y")),
        ("städte = Zürich", field("städte") == "Zürich"),
        ("a = 1 and b = 1 and c = 1", A & B & C),
        ("a = 1 or b = 1 and c = 1", A | (B & C)),
        ("(a = 1 or b = 1) and c = 1", (A | B) & C),
        ("(a = 1 and b = 1) and c = 1", And((A, B, C))),
        ("a = 1 or (b = 1 or c = 1)", Or((A, B, C))),
        ("not a = 1 and b = 1", ~A & B),
        ("not (a = 1 and b = 1)", ~(A & B)),
        ("not not a = 1", Not(Not(A))),
        ("((a = 1))", A),
        ("a=1 and(b=1)or(c=1)", (A & B) | C),
    ],
)
def test_a_text_says_what_python_says(text: str, expected: Filter) -> None:
    assert same(parse_filter(text), expected)


@given(seed=st.integers(0, 2**32))
def test_a_filters_text_is_read_back_as_the_same_filter(seed: int) -> None:
    random = Random(seed)
    articles = random_articles(random)
    for _ in range(20):
        filter_ = random_filter(random, articles)
        assert same(parse_filter(str(filter_)), filter_)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(
    names=st.lists(WORDS, min_size=1, max_size=4),
    values=st.lists(
        WORDS.filter(bool) | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    ),
)
@example(names=["metadata"], values=[2**63, -(2**63), -(2**63) - 1, 10**300, -0.0, 1e22, 5e-324])
def test_any_names_and_values_survive_as_text(names: list[str], values: list[object]) -> None:
    path = ("metadata", *names)
    assert field(field_name(path)).path == path
    filter_ = field(field_name(path)).isin([*values, "x"])
    assert same(parse_filter(str(filter_)), filter_)


@given(st.text(st.sampled_from("a=1 \n'\"()<>!,.-é") | st.characters(), max_size=30))
@example("a" * 200 + " == b")
def test_a_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        filter_ = parse_filter(text)
    except ValueError:
        return
    assert same(parse_filter(str(filter_)), filter_)


@pytest.mark.parametrize(
    ("filter_", "text"),
    [
        ((A | B) & ~C, "(a = 1 or b = 1) and not c = 1"),
        (~(A & B) | C, "not (a = 1 and b = 1) or c = 1"),
        (field("metadata.id").isin(["x", True, 2.0, 0.5]), 'metadata.id in ("x", true, 2, 0.5)'),
        (field("'and'.\"a b\"").exists(), 'has "and"."a b"'),
        (field("published") >= dt.date(2024, 5, 17), "published >= 2024-05-17"),
    ],
)
def test_a_filters_text_is_plain(filter_: Filter, text: str) -> None:
    assert str(filter_) == text


def test_filters_are_keys() -> None:
    assert {parse_filter("a = 1 and b = x"): 5}[(field("a") == 1) & (field("b") == "x")] == 5
    assert parse_filter("a = 1") == parse_filter("a = 1.0") == parse_filter("metadata.a = 1")
    assert len({parse_filter(f"a = {value}") for value in ("1", "true", "'1'", "'true'", "2", "0", "false")}) == 7
    assert field("a").isin([1, True, 1.0, "1", "1"]) == Comparison(("metadata", "a"), "=", (1, True, "1"))
    assert ~~A == A


def test_a_filter_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match=r"combine filters with & \| ~"):
        _ = A and B  # type: ignore[redundant-expr]  # which mypy sees, too
    with pytest.raises(TypeError, match=r"combine filters with & \| ~"):
        _ = 1 < field("a") < 5  # which Python takes for an and
    with pytest.raises(TypeError, match="unhashable"):
        hash(field("a"))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("0001-04-30", "0001-04-30", "0001-04-30"),
    ],
)
def test_a_period_has_a_first_and_a_last_day(text: str, first: str, last: str) -> None:
    assert (Period(text).first, Period(text).last) == (first, last)


def test_the_field_has_a_name() -> None:
    assert repr(field("date")) == "field('published')"
    assert repr(field('metadata."a b".c')) == "field('\"a b\".c')"


# --- what is wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("source == Reuters", "unknown operator '==', expected one of = != < <= > >= in", 8),
        ("source =~ Reuters", "unknown operator '=~', expected one of = != < <= > >= in", 8),
        ("source: Reuters", "unknown operator ':', expected one of = != < <= > >= in", 7),
        ("Reuters", "expected one of = != < <= > >= in after Reuters, but the text ends", 8),
        ("New York", "expected one of = != < <= > >= in after New, found 'York'", 5),
        ("source = New York", f"{END} 'York'; put a text of several words in quotes", 14),
        ("a = 1 && b = 2", "expected 'and', 'or' or the end, found '&&'", 7),
        ("source = 'Reuters", "this ' is never closed", 10),
        ('"source = Reuters', 'this " is never closed', 1),
        ("(a = 1 or (b = 2)", "this '(' is never closed", 1),
        ("a in (1, 2", "this '(' is never closed", 6),
        ("a = 1)", "this ')' closes nothing", 6),
        ("a in (1 2)", "expected ',' or ')', found '2'", 9),
        ("(a = 1 b)", "expected 'and', 'or' or ')', found 'b'; put a text of several words in quotes", 8),
        ("a in 1", "expected '(' after 'in', found '1'", 6),
        ("a in ()", "expected a value, found ')'", 7),
        ("a in (1,)", "expected a value, found ')'", 9),
        ("a not = 1", "expected 'in' after 'not', found '='", 7),
        ("a =", "expected a value, but the text ends", 4),
        ("a = and b = 1", "expected a value (in quotes, if this is one), found 'and'", 5),
        ("a = 1 and", "expected the name of a field, but the text ends", 10),
        ("a = 1 and or b = 1", "expected the name of a field (in quotes, if this is one), found 'or'", 11),
        ("has = 1", "expected the name of a field, found '='", 5),
        ("a. = 1", "expected the name of a field, found ' '", 3),
        ("metadata = 1", "metadata is no field by itself: write metadata.NAME", 1),
        ("a = 1 and title.x = 1", "title has no parts: is metadata.title.x meant?", 11),
        ("published = 2024-13", "'2024-13' is not a date: write 2024, 2024-05 or 2024-05-17", 13),
        ("published > 17.05.2024", "'17.05.2024' is not a date: write 2024, 2024-05 or 2024-05-17", 13),
        ("published in (2024, 2023-02-29)", "'2023-02-29' is not a date: write 2024, 2024-05 or 2024-05-17", 21),
        ("x = 2024-5-1 and y = 2024-00", f"'2024-00' is not a date: write {DATES}, or{QUOTED}", 22),
        ("flag > true", "true and false are compared with = and != only", 6),
        ("x = ''", "an empty text matches nothing: 'not has x' asks for what is missing", 5),
        ("x = 1e999", "a number must be finite, and less than 1.8e308", 5),
        ("x = 'a\x00b'", f"a value {NUL} 'a\\x00b'", 5),
        ("'\ud800' = 1", f"a field's name {NUL} '\\ud800'", 1),
        (".".join("x" * 21) + " = 1", "a metadata field is at most 20 names deep, not 21", 1),
        ("(" * 51 + "a = 1" + ")" * 51, DEEP, 51),
        ("not " * 10 + "(" * 41 + "a = 1" + ")" * 41, DEEP, 81),
    ],
)  # fmt: skip
def test_an_error_says_what_is_wrong_and_where(text: str, problem: str, column: int) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        parse_filter(text)
    message, shown, caret = str(error.value).split("\n")
    assert message == f"a filter cannot be read: {problem} (column {column})"
    assert len(shown) <= 104
    assert caret == " " * (len(caret) - 1) + "^"
    assert shown[len(caret) - 1 : len(caret)] == text[column - 1 : column].replace("\ud800", " ")


def test_of_a_long_text_the_part_around_the_error_is_shown() -> None:
    text = "title = x and\n" * 100 + "source == Reuters and " + "title = x and\t" * 100 + "title = x"
    with pytest.raises(ValueError, match=r"column 1408") as error:
        parse_filter(text)
    _, shown, caret = str(error.value).split("\n")
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert shown[caret.index("^") :].startswith("== Reuters and title = x and title")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a filter must not be blank: write for example source = Reuters and publ"):
        parse_filter(text)


def test_what_is_too_large_is_refused() -> None:
    longest = "a = " + "x" * 9996
    assert parse_filter(longest) == (field("a") == "x" * 9996)
    with pytest.raises(ValueError, match="a filter has at most 10,000 characters, not 10,001"):
        parse_filter(longest + "x")
    values = ",".join(map(str, range(1000)))
    assert parse_filter(f"a in ({values})") == field("a").isin(range(1000))
    with pytest.raises(ValueError, match=r"too many values: 1,001, and 1,000 are allowed \(column 3\)"):
        parse_filter(f"a in ({values},x)")
    with pytest.raises(ValueError, match="too many values: 1,001, and 1,000 are allowed"):
        field("a").isin(range(1000)) & field("b").exists()


def test_50_levels_are_read_and_51_are_not_built() -> None:
    for text in ("(" * 50 + "a = 1" + ")" * 50, "not " * 50 + "a = 1", "not (b = 1 or " * 25 + "a = 1" + ")" * 25):
        filter_ = parse_filter(text)
        assert same(parse_filter(str(filter_)), filter_)
    with pytest.raises(ValueError, match="nested too deeply: 50 levels"):
        Not(filter_)
    deep = A
    for _ in range(50):
        deep = (deep | B) & C
    assert same(parse_filter(str(deep)), deep)
    assert parse_filter(f"{deep} or b = 1") == deep | B
    with pytest.raises(ValueError, match="nested too deeply: 50 levels"):
        (deep | B) & C


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: field("source") == None, r"source is compared with text, not with None: use .exists()"),  # noqa: E711
        (lambda: field("id") == 5, "id is compared with text, not with 5"),
        (lambda: field("title").isin(["a", 5]), "title is compared with text, not with 5"),
        (lambda: field("source") == ["a", "b"], "source is compared with text, not with a list: use .isin()"),
        (lambda: field("source") == dt.date(2024, 5, 17), "source is compared with text, not with the date 2024-05-17"),
        (lambda: field("published") > 1.5, f"{NO_DATE} 1.5"),
        (lambda: field("published") == True, f"{NO_DATE} True"),  # noqa: E712
        (lambda: field("published") == 20240517, "'20240517' is not a date: write 2024, 2024-05 or 2024-05-17"),
        (lambda: field("published") == "", "'' is not a date: write 2024, 2024-05 or 2024-05-17"),
        (lambda: field("x") == A, "a metadata field is compared with text, a number, True, False or a date, not with"),
        (lambda: field("x").isin([math.nan]), "a number must be finite"),
        (lambda: field("x") == 10**400, "a number must be finite"),
        (lambda: field("x") >= False, "true and false are compared with = and != only"),
        (lambda: field("x").isin([]), "x is compared with no value: name at least one"),
        (lambda: field("x").isin("abc"), "isin takes a list of values, not 'abc'"),
        (lambda: field("x").isin(5), "isin takes a list of values, not 5"),  # type: ignore[arg-type]
        (lambda: field(""), "the name of a field must not be blank: write for example source"),
        (lambda: field(5), "the name of a field must be text, not int"),  # type: ignore[arg-type]
        (lambda: field("a b"), "expected the end of the name, found 'b'"),
        (lambda: field("and"), "expected the name of a field (in quotes, if this is one), found 'and'"),
        (lambda: parse_filter(None), "a filter must be text, not NoneType"),  # type: ignore[arg-type]
        (lambda: A & "b = 1", "expected 2 or more filters, not (Comparison("),  # type: ignore[operator]
        (lambda: Not("a = 1"), "expected 1 or more filters, not ('a = 1',)"),  # type: ignore[arg-type]
        (lambda: Or((A,)), "expected 2 or more filters, not (Comparison("),
        (lambda: Comparison(("metadata", "a"), "!=", (1,)), "unknown operator '!=', expected one of = < <= > >="),
        (lambda: Comparison(("metadata", "a"), "<", (1, 2)), "< takes one value, not 2"),
        (lambda: Exists(("date",)), "unknown path ('date',), expected one of id, title, source, url, published and"),
        (lambda: Exists(("title", "x")), "unknown path ('title', 'x')"),
        (lambda: Exists(["id"]), "a field's path is a tuple of names, not ['id']"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(make: object, problem: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        make()
    assert problem in str(error.value)


# --- the module -------------------------------------------------------------------------------------------------


def test_nothing_heavy_is_imported_for_a_filter() -> None:
    code = "import semsearch, sys; semsearch.parse_filter('a = 1'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "faiss", "torch", "tantivy", "sqlite3", "dateutil"} & set(loaded) == set()


def test_filters_are_public() -> None:
    assert {"Filter", "field", "parse_filter"} <= set(semsearch.__all__)


def test_what_is_asked_in_fields_of_its_own_is_one_filter() -> None:
    assert asked_filter() is None
    assert asked_filter(where="has author") == parse_filter("has author")
    assert asked_filter(since="2020", until="2021-03") == parse_filter("date >= 2020 and date <= 2021-03")
    assert asked_filter(sources=["AP", "AP"]) == parse_filter("source in (AP)")
    assert asked_filter(sources=[None]) == parse_filter("not has source")
    assert asked_filter(sources=["AP", None]) == parse_filter("source in (AP) or not has source")
    assert asked_filter(articles=["a", "b"]) == parse_filter("id in (a, b)")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"where": "="}, "where"),
        ({"since": "spring"}, "since"),
        ({"until": ""}, "until"),
        ({"sources": [""]}, "sources"),
        ({"articles": [""]}, "articles"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(AskedFilterError) as error:
        asked_filter(**fields)
    assert error.value.name == name
