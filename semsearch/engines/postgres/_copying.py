"""Batches as rows of tables, in the form that COPY takes: all that is of one length at once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semsearch.analysis import Analyzer
from semsearch.engines import Batch, EngineArticle
from semsearch.engines.postgres._where import facts_json, spaced

__all__ = ["COPIES", "Copied", "Lengths", "copied", "id_key", "term_key"]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_TITLE = 1000  # characters of a title that stand before each passage
_FIRST_DAY = dt.date(2000, 1, 1).toordinal()
_PIECE = 1 << 20  # bytes that are handed on at once

COPIES = {
    "articles": "COPY $.articles (row, key, id, title, published, source, url, metadata, text, place, digest, "
    "passages, tokens, truncated, length, vector) FROM STDIN (FORMAT binary)",
    "facts": "COPY $.facts (row, passages, published, fields) FROM STDIN (FORMAT binary)",
    "passages": "COPY $.passages (row, article, paragraph, starts, ends, key, length, vector) "
    "FROM STDIN (FORMAT binary)",
    "codes": "COPY $.codes (row, width, codes) FROM STDIN (FORMAT binary)",
    "texts": "COPY $.texts (row, text, words) FROM STDIN (FORMAT binary)",
    "article_terms": "COPY $.article_terms (term, row, count, length) FROM STDIN (FORMAT binary)",
    "passage_terms": "COPY $.passage_terms (term, row, count, length) FROM STDIN (FORMAT binary)",
}
"""The statement for each table, of which ``$`` is the schema."""


class Lengths(NamedTuple):
    """How many terms texts have, by the unit."""

    articles: NDArray[np.int64]
    passages: NDArray[np.int64]


class Copied(NamedTuple):
    """A batch as it is put in: for each table the pieces of its COPY."""

    tables: dict[str, list[bytes]]
    lengths: Lengths


def copied(batch: Batch, analyzer: Analyzer) -> Copied:
    """Return the rows of all tables for a batch."""
    owners = np.repeat(np.arange(len(batch.articles)), [one.passages for one in batch.articles])
    articles = [one.article for one in batch.articles]
    places = zip(owners.tolist(), batch.starts.tolist(), batch.ends.tolist(), strict=True)
    texts = [(articles[at].title[:_TITLE], articles[at].text[start:end]) for at, start, end in places]
    article_rows = np.array([one.row for one in batch.articles], dtype=np.int64)
    article_terms, of_articles = _postings(analyzer, article_rows, ((one.title, one.text) for one in articles))
    passage_terms, of_passages = _postings(analyzer, batch.rows, texts)
    tables = {
        "articles": list(map(_article, batch.articles, of_articles.tolist())),
        "facts": [
            _packed(_int8(one.row), _int8(one.passages), _iso(one.article.published), _jsonb(facts_json(one.article)))
            for one in batch.articles
        ],
        "passages": [_passages(batch, article_rows[owners], of_passages)],
        "codes": list(_codes(batch)),
        "texts": [
            _packed(_int8(row), part[1].encode(), spaced(analyzer, part).encode())
            for row, part in zip(batch.rows.tolist(), texts, strict=True)
        ],
        "article_terms": [article_terms],
        "passage_terms": [passage_terms],
    }
    return Copied({name: _in_pieces(rows) for name, rows in tables.items()}, Lengths(of_articles, of_passages))


def _in_pieces(rows: Sequence[bytes]) -> list[bytes]:
    pieces, waiting, size = [], [_HEADER], 0
    for row in rows:
        waiting.append(row)
        size += len(row)
        if size > _PIECE:
            pieces.append(b"".join(waiting))
            waiting, size = [], 0
    return [*pieces, b"".join([*waiting, _TRAILER])]


# --- values -----------------------------------------------------------------------------------------------------


def _packed(*values: bytes | None) -> bytes:
    """Return a row: how many values it has, and each after its length."""
    parts = [struct.pack(">h", len(values))]
    for value in values:
        parts += [b"\xff\xff\xff\xff"] if value is None else [struct.pack(">i", len(value)), value]
    return b"".join(parts)


def _int8(value: int) -> bytes:
    return struct.pack(">q", value)


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _jsonb(text: str) -> bytes:
    return b"\x01" + text.encode()


def _day(value: dt.date | None) -> bytes | None:
    return None if value is None else struct.pack(">i", value.toordinal() - _FIRST_DAY)


def _iso(value: dt.date | None) -> bytes | None:
    return None if value is None else value.isoformat().encode()


def _halfvec(vector: NDArray[np.float16]) -> bytes:
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f2").tobytes()


def id_key(article: str) -> bytes:
    """Return what an id is looked up by."""
    return hashlib.blake2b(article.encode("utf-8", "surrogatepass"), digest_size=16).digest()


# --- tables -----------------------------------------------------------------------------------------------------


def _article(one: EngineArticle, length: int) -> bytes:
    article = one.article
    return _packed(
        _int8(one.row),
        id_key(article.id),
        _text(article.id),
        _text(article.title),
        _day(article.published),
        _text(article.source),
        _text(article.url),
        json.dumps(dict(article.metadata)).encode(),  # in ASCII: JSON may hold what no text of PostgreSQL can
        _text(article.text),
        one.place.encode("utf-8", "backslashreplace"),
        one.digest,
        _int8(one.passages),
        _int8(one.tokens),
        _int8(one.truncated),
        _int8(length),
        _halfvec(one.vector),
    )


def _passages(batch: Batch, articles: NDArray[np.int64], lengths: NDArray[np.int64]) -> bytes:
    dimension = batch.vectors.shape[1]
    numbers = {
        "row": batch.rows,
        "article": articles,
        "paragraph": batch.paragraphs,
        "starts": batch.starts,
        "ends": batch.ends,
    }
    rows = _table(
        len(batch.rows),
        {**dict.fromkeys(numbers, ">i8"), "key": "16u1", "length": ">i8", "vector": f"{2 * dimension + 4}u1"},
    )
    for name, column in numbers.items():
        rows[name] = column
    rows["key"] = batch.keys
    rows["length"] = lengths
    rows["vector"][:, :4] = np.frombuffer(struct.pack(">HH", dimension, 0), dtype=np.uint8)
    rows["vector"][:, 4:] = np.ascontiguousarray(batch.vectors, dtype=">f2").view(np.uint8)
    return rows.tobytes()


def _table(count: int, columns: dict[str, str]) -> NDArray[Any]:
    """Return so many rows of columns of fixed lengths, in which all is set but the values."""
    fields: list[tuple[str, str]] = [("columns", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name} length", ">i4"), (name, kind)]
    rows = np.zeros(count, dtype=np.dtype(fields))
    rows["columns"] = len(columns)
    for name in columns:
        rows[f"{name} length"] = rows.dtype[name].itemsize
    return rows


def _codes(batch: Batch) -> Iterator[bytes]:
    for row, codes in zip(batch.rows.tolist(), batch.codes, strict=True):
        if codes.ndim == 2 and codes.shape[1]:
            yield _packed(_int8(row), struct.pack(">i", codes.shape[1]), codes.tobytes())


def _postings(
    analyzer: Analyzer, rows: NDArray[np.int64], texts: Iterable[tuple[str, str]]
) -> tuple[bytes, NDArray[np.int64]]:
    """Return the rows of a table of terms, and how many terms each text has."""
    terms: list[int] = []
    counts: list[int] = []
    distinct: list[int] = []
    lengths: list[int] = []
    for title, text in texts:
        counted = Counter(analyzer.terms(f"{title}\n{text}"))
        terms += map(term_key, counted)
        counts += counted.values()
        distinct.append(len(counted))
        lengths.append(counted.total())
    table = _table(len(terms), {"term": ">i8", "row": ">i8", "count": ">i4", "length": ">i4"})
    table["term"] = terms
    table["row"] = np.repeat(rows, distinct)
    table["count"] = counts
    table["length"] = np.repeat(_scored_lengths(np.array(lengths, dtype=np.int64)), distinct)
    return table.tobytes(), np.array(lengths, dtype=np.int64)


def _scored_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what lengths count as in a score: what the engine of an index in a folder makes of them in a byte.

    Those below 40 are as they are, of others three bits stay after the first, counted from 24.
    """
    beyond = np.maximum(lengths - 24, 1)
    exponent = np.maximum(np.floor(np.log2(beyond)).astype(np.int64) - 3, 0)
    return np.where(lengths < 40, lengths, 24 + ((beyond >> exponent) << exponent))


@lru_cache(1 << 18)
def term_key(term: str) -> int:
    """Return the number that stands for a term."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big", signed=True)
