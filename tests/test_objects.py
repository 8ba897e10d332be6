"""What a program has in hand to articles: dicts, tables of three libraries, datasets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from semsearch import Article, BuildReport, CorpusError, FieldNames, build_index, update_index
from semsearch.storage import open_generation
from tests.embedder import WordEmbedder

DAY = dt.date(2022, 1, 7)
ROWS: list[dict[str, Any]] = [
    {"id": "x", "title": "Bridge shut", "text": "It is closed.", "date": "2022-01-07", "section": "city", "n": 3},
    {"id": "y", "title": None, "text": "It came down.", "date": None, "section": None, "n": None},
]
ARTICLES = [
    Article("x", "It is closed.", title="Bridge shut", published=DAY, metadata={"section": "city", "n": 3}),
    Article("y", "It came down."),
]


def record_batches(rows: list[dict[str, Any]]) -> pa.RecordBatchReader:
    return pa.Table.from_pylist(rows).to_reader(max_chunksize=1)


TABLES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas, typed": lambda rows: pd.DataFrame(rows).convert_dtypes(),
    "polars": pl.DataFrame,
    "arrow table": pa.Table.from_pylist,
    "arrow batch": pa.RecordBatch.from_pylist,
    "arrow batches": record_batches,
}
EVERY_TABLE = pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)


@pytest.fixture
def build(tmp_path: Path, words: WordEmbedder) -> Callable[..., BuildReport]:
    def build_it(corpus: Any, **fields: Any) -> BuildReport:
        return build_index(corpus, tmp_path / "index", embedder=words, fields=FieldNames(**fields))

    return build_it


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], list[Article]]:
    def articles() -> list[Article]:
        with closing(open_generation(tmp_path / "index")) as generation:
            return [article for _, article in generation.archive.articles()]

    return articles


Build = Callable[..., BuildReport]
Stored = Callable[[], "list[Article]"]


@EVERY_TABLE
def test_a_row_of_a_table_is_an_article(build: Build, stored: Stored, make: Callable[..., Any]) -> None:
    report = build(make(ROWS))
    assert (report.problems, report.notes) == ((), ())
    assert stored() == ARTICLES


@EVERY_TABLE
def test_the_columns_of_a_table_are_named(build: Build, stored: Stored, make: Callable[..., Any]) -> None:
    build(make([{"lead": "One.", "body": "Two.", "day": DAY}]), text=("lead", "body"), published="day")
    assert stored() == [Article("0", "One.\n\nTwo.", published=DAY)]


@EVERY_TABLE
def test_a_table_without_a_text_is_an_error_that_lists_its_columns(build: Build, make: Callable[..., Any]) -> None:
    with pytest.raises(CorpusError, match=r"articles: there is no text .* which of n, blurb it is with --text COLUMN"):
        build(make([{"n": 1, "blurb": "A text."}]))


@EVERY_TABLE
def test_what_is_wrong_with_a_row_names_it(build: Build, stored: Stored, make: Callable[..., Any]) -> None:
    report = build(make([{"text": "One."}, {"text": "a\x00b"}, {"text": ""}, {"text": "Four."}]))
    assert [str(problem) for problem in report.problems] == [
        "articles[1]: text contains a NUL character at offset 1: is this a binary file?",
        "articles[2]: is empty: there is no text to index",
    ]
    assert [article.id for article in stored()] == ["0", "3"]


def test_a_long_table_is_read_whole(build: Build, stored: Stored) -> None:
    rows = [{"text": f"Text number {n}."} for n in range(2500)]
    for make in TABLES.values():
        build(make(rows))
        assert [article.text for article in stored()] == [row["text"] for row in rows]


def test_dicts_are_articles_and_may_stand_beside_articles_and_paths(
    build: Build, stored: Stored, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("A text of some words.")
    report = build(iter([ROWS[0], Article("z", "An article."), tmp_path / "a.txt", {"text": "Another."}]))
    assert report.problems == ()
    assert [article.id for article in stored()] == ["x", "z", "a.txt", "3"]


def test_dicts_are_read_as_they_come(build: Build, stored: Stored) -> None:
    alive: list[int] = []

    def rows() -> Iterator[dict[str, str]]:
        for n in range(100):
            alive.append(n)
            yield {"text": f"Text {n}."}

    assert build(rows()).articles == 100
    assert alive == list(range(100))
    assert len(stored()) == 100


def test_the_same_dicts_are_not_written_again(build: Build) -> None:
    assert not build(ROWS).unchanged
    assert build(ROWS).unchanged


@pytest.mark.parametrize("lazy", [False, True])
def test_a_dataset_of_hugging_face_is_articles(build: Build, stored: Stored, lazy: bool) -> None:
    dataset = datasets.Dataset.from_list(ROWS)
    build(dataset.to_iterable_dataset() if lazy else dataset)
    assert [(article.id, article.title, article.published) for article in stored()] == [
        ("x", "Bridge shut", DAY),
        ("y", "", None),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float64("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT"), None),
        (Decimal("NaN"), None),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.datetime64("2022-01-07T12:00:00.000000001"), "2022-01-07T12:00:00"),
        (pd.Timestamp("2022-01-07 12:00", tz="UTC"), "2022-01-07T12:00:00+00:00"),
        (Decimal("12.50"), 12.5),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("0.1000000000000000000000001"), "0.1000000000000000000000001"),
        (dt.datetime(2022, 1, 7, 12), "2022-01-07T12:00:00"),  # noqa: DTZ001
        (dt.time(12), "12:00:00"),
        ({"a": (np.int8(1), {2})}, {"a": [1, [2]]}),
        (float("inf"), "inf"),
    ],
    ids=repr,
)
def test_a_value_is_kept_as_json_has_it(build: Build, stored: Stored, value: Any, expected: Any) -> None:
    report = build([{"text": "A text.", "value": value}])
    assert (report.problems, [article.metadata for article in stored()]) == ((), [{"value": expected}])


@pytest.mark.parametrize(
    "value",
    [
        DAY,
        dt.datetime(2022, 1, 7, 23, tzinfo=dt.timezone.utc),
        np.datetime64("2022-01-07"),
        np.datetime64("2022-01-07T12:00:00.000000000"),
        pd.Timestamp("2022-01-07 12:00"),
        "7 January 2022",
    ],
    ids=repr,
)
def test_a_day_is_read_in_whatever_type_it_is(build: Build, stored: Stored, value: Any) -> None:
    assert build([{"text": "A text.", "date": value}]).notes == ()
    assert [article.published for article in stored()] == [DAY]


def test_bytes_are_no_part_of_an_article(build: Build, stored: Stored) -> None:
    build([{"text": "A text.", "thumbnail": b"\x89PNG"}])
    assert stored() == [Article("0", "A text.")]


def test_a_dict_that_holds_itself_is_a_problem(build: Build, stored: Stored) -> None:
    circle: dict[str, Any] = {"text": "A text."}
    circle["self"] = circle
    report = build([circle, {"text": "Another."}])
    assert [str(problem) for problem in report.problems] == [
        "articles[0]: a field is nested too deeply, or holds itself"
    ]
    assert [article.id for article in stored()] == ["1"]


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ({"text": "A text."}, r"not one dict: give \[it\], or one of its datasets"),
        (datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)), "not one DatasetDict"),
        (pl.LazyFrame(ROWS), r"a LazyFrame has no rows yet: give what its collect\(\) returns"),
        (pd.Series(["a"]).items(), "entry 0 of the corpus is tuple, not an Article, a dict or a path"),
        ([pd.DataFrame(ROWS)], "entry 0 of the corpus is DataFrame"),
        (17, "a corpus is a path, a table or an iterable of articles, not int"),
    ],
)
def test_what_is_no_corpus_is_said_with_what_would_be(build: Build, corpus: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build(corpus)


@EVERY_TABLE
def test_rows_take_the_place_of_articles_of_their_ids(
    build: Build, stored: Stored, make: Callable[..., Any], tmp_path: Path, words: WordEmbedder
) -> None:
    build(ROWS)
    update_index(tmp_path / "index", add=make([{"id": "x", "text": "It is open again."}]), embedder=words)
    assert [article.text for article in stored()] == ["It is open again.", "It came down."]
