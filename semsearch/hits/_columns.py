"""The columns of a table of hits, and the tables that pandas, Polars and Arrow make of them.

One list says what the columns are; each library has its own word for a type. An empty list makes an empty table of the
same columns and types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from semsearch.as_json import article_json, hit_json
from semsearch.errors import SemsearchError
from semsearch.records import ArticleHit, Hit, is_unicode

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["ARTICLE_COLUMNS", "COLUMNS", "Column", "Row", "arrow_table", "pandas_frame", "polars_frame"]

Row = tuple[str | None, ArticleHit | None, Hit]
"""The query, the article's place among articles if they were asked for, and the hit."""

Kind = Literal["integer", "number", "text", "day", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type, whether each row has a value, and where that is found."""

    name: str
    kind: Kind
    optional: bool
    value: Callable[[Row], Any]


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if is_unicode(text) else json.dumps(value)


def _metadata(row: Row) -> str:
    # As text: one name can have values of different types in different articles, which no column can.
    return _json(article_json(row[2].article)["metadata"])


def _explanation(row: Row) -> str | None:
    # As text: which parts a score has depends on the mode, and the columns must not.
    return None if row[2].explanation is None else _json(hit_json(row[2])["explanation"])


def _always(name: str, kind: Kind, value: Callable[[Any], Any]) -> Column:
    return Column(name, kind, optional=False, value=value)


def _maybe(name: str, kind: Kind, value: Callable[[Any], Any]) -> Column:
    return Column(name, kind, optional=True, value=value)


COLUMNS = (
    _maybe("query", "text", lambda row: row[0]),
    _always("rank", "integer", lambda row: row[2].rank),
    _always("score", "number", lambda row: float(row[2].score)),
    _always("article_id", "text", lambda row: row[2].article.id),
    _always("title", "text", lambda row: row[2].article.title),
    _maybe("source", "text", lambda row: row[2].article.source),
    _maybe("published", "day", lambda row: row[2].article.published),
    _maybe("url", "text", lambda row: row[2].article.url),
    _always("paragraph", "integer", lambda row: row[2].passage.paragraph),
    _maybe("page", "text", lambda row: row[2].page),
    _always("start", "integer", lambda row: row[2].passage.start),
    _always("end", "integer", lambda row: row[2].passage.end),
    _always("text", "text", lambda row: row[2].passage.text),
    _maybe("evidence", "text", lambda row: row[2].evidence and row[2].evidence.text),
    _maybe("evidence_start", "integer", lambda row: row[2].evidence and row[2].evidence.start),
    _maybe("evidence_end", "integer", lambda row: row[2].evidence and row[2].evidence.end),
    _always("duplicates", "texts", lambda row: [copy.article.id for copy in row[2].duplicates]),
    _always("metadata", "text", _metadata),
    _maybe("explanation", "text", _explanation),
)
"""Every table of hits has these, in this order."""

ARTICLE_COLUMNS = (
    COLUMNS[0],
    _always("article_rank", "integer", lambda row: row[1].rank),
    _always("article_score", "number", lambda row: float(row[1].score)),
    *COLUMNS[1:],
)
"""A table of articles' hits has these."""


def arrow_table(rows: Iterable[Row], columns: Sequence[Column]) -> pyarrow.Table:
    """Return an Arrow table.

    Raises:
        SemsearchError: If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise _missing("an Arrow table", 'pip install "semsearch[parquet]"') from None
    types = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "text": pa.string(),
        "day": pa.date32(),
        "texts": pa.list_(pa.string()),
    }
    schema = pa.schema([pa.field(one.name, types[one.kind], nullable=one.optional) for one in columns])
    return pa.table(_values(rows, columns), schema=schema)


def polars_frame(rows: Iterable[Row], columns: Sequence[Column]) -> polars.DataFrame:
    """Return a Polars data frame.

    Raises:
        SemsearchError: If Polars is not installed.
    """
    try:
        import polars as pl
    except ModuleNotFoundError:
        raise _missing("a Polars data frame", "pip install polars") from None
    types: dict[str, Any] = {
        "integer": pl.Int64(),
        "number": pl.Float64(),
        "text": pl.String(),
        "day": pl.Date(),
        "texts": pl.List(pl.String()),
    }
    return pl.DataFrame(_values(rows, columns), schema={one.name: types[one.kind] for one in columns})


def pandas_frame(rows: Iterable[Row], columns: Sequence[Column]) -> pandas.DataFrame:
    """Return a pandas data frame. Where a value may be missing, the type is one that says so: ``Int64``, ``string``.

    Raises:
        SemsearchError: If pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise _missing("a pandas data frame", "pip install pandas") from None
    types = {"integer": "int64", "number": "float64", "text": "string", "day": "datetime64[s]", "texts": "object"}
    may_be_missing = {"integer": "Int64", "number": "Float64"}
    return pd.DataFrame(
        {
            one.name: pd.Series(
                values, dtype=may_be_missing.get(one.kind, types[one.kind]) if one.optional else types[one.kind]
            )
            for one, values in zip(columns, _values(rows, columns).values(), strict=True)
        }
    )


def _values(rows: Iterable[Row], columns: Sequence[Column]) -> dict[str, list[Any]]:
    found = list(rows)
    return {one.name: [one.value(row) for row in found] for one in columns}


def _missing(what: str, remedy: str) -> SemsearchError:
    return SemsearchError(f"{what} needs a library that is not installed: {remedy}")
