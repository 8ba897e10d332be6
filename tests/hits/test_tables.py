"""Hits as tables of pandas, Polars and Arrow."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import semsearch
from semsearch.errors import SemsearchError
from semsearch.hits import ArticleHits, Hits, ManyHits
from semsearch.records import ArticleHit
from tests.hits.articles import full, hit, hostile

ARROW = pa.schema(
    [
        pa.field("query", pa.string()),
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("article_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("published", pa.date32()),
        pa.field("url", pa.string()),
        pa.field("paragraph", pa.int64(), nullable=False),
        pa.field("page", pa.string()),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("evidence", pa.string()),
        pa.field("evidence_start", pa.int64()),
        pa.field("evidence_end", pa.int64()),
        pa.field("duplicates", pa.list_(pa.string()), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("explanation", pa.string()),
    ]
)
POLARS = {
    pa.string(): pl.String(),
    pa.int64(): pl.Int64(),
    pa.float64(): pl.Float64(),
    pa.date32(): pl.Date(),
    pa.list_(pa.string()): pl.List(pl.String()),
}
PANDAS = {
    (pa.string(), True): "string",
    (pa.string(), False): "string",
    (pa.int64(), True): "Int64",
    (pa.int64(), False): "int64",
    (pa.float64(), False): "float64",
    (pa.date32(), True): "datetime64[s]",
    (pa.list_(pa.string()), False): "object",
}
FULL: dict[str, Any] = {
    "query": "who guards",
    "rank": 1,
    "score": 1.0,
    "article_id": "full",
    "title": "Peacekeepers",
    "source": "Northgate Wire",
    "published": dt.date(1743, 2, 28),
    "url": "https://example.org/a?b=1&c=2",
    "paragraph": 1,
    "page": "iv",
    "start": 0,
    "end": 50,
    "text": "The council sent soldiers. They guard the airport.",
    "evidence": "They guard the airport.",
    "evidence_start": 27,
    "evidence_end": 50,
    "duplicates": ["a1", "a1"],
    "metadata": '{"author": "Ines Ö", "tags": ["a", "b"]}',
}
NEVER_MISSING = {"rank", "score", "article_id", "title", "paragraph", "start", "end", "text", "duplicates", "metadata"}


def two() -> Hits:
    return Hits([full(), hit(2)], query="who guards")


def test_an_arrow_table_has_what_the_hits_have() -> None:
    table = two().to_arrow()
    assert table.schema == ARROW
    first, second = table.to_pylist()
    explanation = json.loads(first.pop("explanation"))
    assert first == FULL
    assert explanation["parts"] == {"dense": 0.25, "words": 0.5}
    assert explanation["words"] == [{"word": "guards", "found": "guard", "similarity": 0.9, "weight": 1.0}]
    assert {name for name, value in second.items() if value is None} == set(ARROW.names) - NEVER_MISSING - {"query"}
    assert (second["rank"], second["score"], second["duplicates"], second["metadata"]) == (2, 0.5, [], "{}")


def test_a_polars_frame_has_the_same_columns_types_and_values() -> None:
    frame = two().to_polars()
    assert frame.schema == {field.name: POLARS[field.type] for field in ARROW}
    assert frame.to_dicts() == two().to_arrow().to_pylist()


def test_a_pandas_frame_has_the_same_columns_and_values_in_types_that_may_be_missing() -> None:
    frame = two().to_pandas()
    assert dict(frame.dtypes.astype(str)) == {f.name: PANDAS[f.type, f.nullable] for f in ARROW}
    rows = frame.astype(object).to_dict("records")
    expected = two().to_arrow().to_pylist()
    for row, same in zip(rows, expected, strict=True):
        for name, value in same.items():
            if value is None:
                assert pd.isna(row[name])
            elif name == "published":
                assert row[name].date() == value
            else:
                assert row[name] == value


@pytest.mark.parametrize("empty", [Hits(), Hits(query="x"), two()[:0], ManyHits(), ManyHits([Hits(query="x")])])
def test_where_nothing_was_found_the_columns_and_types_are_the_same(empty: Hits | ManyHits) -> None:
    assert empty.to_arrow() == ARROW.empty_table()
    assert empty.to_polars().equals(two().to_polars().clear())
    assert empty.to_polars().schema == two().to_polars().schema
    pd.testing.assert_frame_equal(empty.to_pandas(), two().to_pandas().iloc[:0])


def test_hits_that_were_picked_out_have_a_table_without_a_query() -> None:
    picked: list[Hits] = [[one for one in two() if one.rank > 0]]  # type: ignore[list-item]
    assert ManyHits(picked).to_polars()["query"].to_list() == [None] * len(picked[0])
    assert Hits(picked[0], query="who guards").to_polars()["query"].to_list() == ["who guards"] * len(picked[0])


def test_hits_of_several_queries_are_one_table_that_says_which() -> None:
    many = ManyHits([two(), Hits(query="nothing"), Hits([hit(1)], query="other")])
    assert many.to_polars()["query"].to_list() == ["who guards", "who guards", "other"]
    assert many.to_arrow().schema == ARROW
    assert many.to_pandas()["rank"].tolist() == [1, 2, 1]


def test_articles_have_a_row_for_each_passage_and_their_own_rank() -> None:
    articles = [ArticleHit(1, 0.75, full().article, (full(), hit(2))), ArticleHit(2, 0.5, hit(1).article, (hit(1),))]
    frame = ArticleHits(articles, query="who guards").to_polars()
    assert frame.columns == ["query", "article_rank", "article_score", *ARROW.names[1:]]
    assert frame["article_rank"].to_list() == [1, 1, 2]
    assert frame["article_score"].to_list() == [0.75, 0.75, 0.5]
    assert frame["rank"].to_list() == [1, 2, 1]
    assert frame["query"].to_list() == ["who guards"] * 3
    assert frame.schema == ArticleHits().to_polars().schema
    assert ArticleHits().to_arrow().schema == ArticleHits(articles).to_arrow().schema


def test_arrows_stream_is_the_table() -> None:
    stream = pa.RecordBatchReader.from_stream(two())
    assert stream.read_all() == two().to_arrow()


def test_hostile_texts_are_values_and_metadata_is_json() -> None:
    (row,) = Hits([hostile()]).to_polars().to_dicts()
    assert row["text"] == hostile().article.text
    assert json.loads(row["metadata"]) == {"<x>": "</script>"}


def test_metadata_that_no_utf_8_can_hold_is_escaped() -> None:
    article = semsearch.Article(id="half", text="Text.", metadata={"odd": "\ud800"})
    (row,) = Hits([hit(1, article=article)]).to_arrow().to_pylist()
    assert json.loads(row["metadata"]) == {"odd": "\ud800"}


def test_a_real_search_fills_a_table(corpus_index: Path) -> None:
    with semsearch.open_index(corpus_index) as searcher:
        hits = searcher.search("legal basis for deployment", 5, explain=True)
    frame = hits.to_polars()
    assert frame["article_id"].to_list() == [one.article.id for one in hits]
    assert frame["text"].to_list() == [one.passage.text for one in hits]
    assert frame["score"].to_list() == [one.score for one in hits]
    for row, one in zip(frame.to_dicts(), hits, strict=True):
        assert one.article.text[row["start"] : row["end"]] == row["text"]
        assert row["published"] == one.article.published
        assert sum(json.loads(row["explanation"])["parts"].values()) == pytest.approx(one.score, abs=1e-4)


@pytest.mark.parametrize(
    ("library", "method", "remedy"),
    [
        ("pandas", "to_pandas", "pip install pandas"),
        ("polars", "to_polars", "pip install polars"),
        ("pyarrow", "to_arrow", r'pip install "semsearch\[parquet\]"'),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_brings_it(
    library: str, method: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # what importing does where it is not installed
    with pytest.raises(SemsearchError, match=remedy):
        getattr(two(), method)()
