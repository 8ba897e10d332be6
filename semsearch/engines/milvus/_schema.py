"""The collections of a version, their fields, and how rows stand in them.

``<version>_passages`` and ``<version>_articles`` are what their names say; ``<version>_texts`` has the states, and what
is too long for a field of the other two, in pieces. Milvus wants a vector in each.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from semsearch.engines._protocol import ARTICLE_BITS, Batch, EngineArticle
from semsearch.engines.milvus import _where
from semsearch.records import Article

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ARTICLES",
    "KINDS",
    "LONGEST_FIELD",
    "PASSAGES",
    "TEXTS",
    "Kind",
    "Piece",
    "article_from",
    "article_row",
    "codes_from",
    "fields_in",
    "id_number",
    "make_schema",
    "passage_rows",
    "pieces_of",
    "state_key",
    "text_row",
    "vectors_from",
    "version_of",
]

Kind = Literal["passages", "articles", "texts"]

PASSAGES: Kind = "passages"
ARTICLES: Kind = "articles"
TEXTS: Kind = "texts"
KINDS: tuple[Kind, ...] = (PASSAGES, ARTICLES, TEXTS)

LONGEST_FIELD = 65_535
"""Bytes of a text, and of a JSON value, that Milvus takes."""

_INLINE = 60_000  # bytes of what stands in a field and not in pieces
_SOURCE = 4 * _where.LONGEST + 64  # bytes
_MOST_JSON = 65_000
_VERSION = re.compile(r"(?P<version>(?P<name>.+)_v(?P<number>[1-9][0-9]{0,8})_(?P<load>[0-9a-f]{12}))_(?P<kind>[a-z]+)")
_TEXT_VECTOR = [1.0, 0.0]
_CODES = struct.Struct("<II")  # tokens, and bytes of each

Piece = tuple[str, int, int, str]
"""A row of the texts: its key, the article that it is of, how many pieces there are, and the text."""


# --- collections ------------------------------------------------------------------------------------------------


def version_of(collection: str) -> re.Match[str] | None:
    """Return the parts of a collection's name: version, name, number, load and kind; None if it is none of ours."""
    found = _VERSION.fullmatch(collection)
    return found if found is not None and found["kind"] in KINDS else None


def make_schema(kind: Kind, dimension: int, *, half: bool) -> Any:
    """Return the client's schema of a collection; ``half`` where the server knows vectors of float16."""
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=False, description=f"semsearch: the {kind} of a version of an index"
    )
    vector = DataType.FLOAT16_VECTOR if half and kind != TEXTS else DataType.FLOAT_VECTOR
    for name, (type_, options) in _fields(kind).items():
        schema.add_field(name, getattr(DataType, type_), **options)
    schema.add_field("vector", vector, dim=2 if kind == TEXTS else dimension)
    return schema


def fields_in(kind: Kind) -> set[str]:
    """Return the names of a collection's fields."""
    return {*_fields(kind), "vector"}


def _fields(kind: Kind) -> dict[str, tuple[str, dict[str, Any]]]:
    number: tuple[str, dict[str, Any]] = ("INT64", {})
    text: tuple[str, dict[str, Any]] = ("VARCHAR", {"max_length": LONGEST_FIELD})
    row: tuple[str, dict[str, Any]] = ("INT64", {"is_primary": True})
    hash_: tuple[str, dict[str, Any]] = ("VARCHAR", {"max_length": 32})
    if kind == TEXTS:
        key: tuple[str, dict[str, Any]] = ("VARCHAR", {"max_length": 1024, "is_primary": True})
        return {"key": key, "article": number, "pieces": number, "text": text}
    if kind == ARTICLES:
        return {
            "row": row,
            "id_number": number,
            "id": text,
            "digest": hash_,
            "passages": number,
            "tokens": number,
            "truncated": number,
            "pieces": number,
            "content": text,
        }
    return {
        "row": row,
        "article": number,
        "ordinal": number,
        "paragraph": number,
        "start": number,
        "end": number,
        "digest": hash_,
        "published": number,
        "source": ("VARCHAR", {"max_length": _SOURCE}),
        "fields": ("JSON", {}),
        "text_pieces": number,
        "text": text,
        "code_pieces": number,
        "codes": text,
    }


# --- texts ------------------------------------------------------------------------------------------------------


def state_key(name: str) -> str:
    """Return the key of a state."""
    return f"state {name}"


def pieces_of(key: str, article: int, text: str) -> tuple[str, list[Piece]]:
    """Return what stands in the field for a text, and the pieces that it is in if it is too long.

    Of a text in pieces a token stands in the field, which the pieces' keys have: other pieces than those of the text
    are not taken for it.
    """
    data = text.encode()
    if len(data) <= _INLINE:
        return text, []
    token = hashlib.blake2b(data, digest_size=12).hexdigest()
    parts = list(_cut(data))
    return token, [(f"{key} {token} {number}", article, len(parts), part) for number, part in enumerate(parts)]


def _cut(data: bytes) -> Iterator[str]:
    """Cut UTF-8 between characters."""
    at = 0
    while at < len(data):
        end = min(at + _INLINE, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[at:end].decode()
        at = end


def text_row(piece: Piece) -> dict[str, Any]:
    """Return a piece as it is put in."""
    key, article, pieces, text = piece
    return {"key": key, "article": article, "pieces": pieces, "text": text, "vector": _TEXT_VECTOR}


# --- articles ---------------------------------------------------------------------------------------------------


def id_number(article_id: str) -> int:
    """Return the number by which an article is found by its id; others may have the same."""
    digest = hashlib.blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) // 2  # the least that there is cannot be written in an expression


def article_row(one: EngineArticle, *, half: bool) -> tuple[dict[str, Any], list[Piece]]:
    """Return an article as it is put in, and the pieces of what is too long for it.

    Raises:
        ValueError: If its id is too long.
    """
    article = one.article
    if len(article.id.encode()) > LONGEST_FIELD:
        raise ValueError(f"an id has at most {LONGEST_FIELD:,} bytes in Milvus, not {len(article.id.encode()):,}")
    published = None if article.published is None else article.published.isoformat()
    content = [article.title, published, article.source, article.url, dict(article.metadata), one.place, article.text]
    packed = base64.b64encode(zlib.compress(json.dumps(content, ensure_ascii=False).encode())).decode()
    field, pieces = pieces_of(f"article {one.row}", one.row, packed)
    row = {
        "row": one.row,
        "id_number": id_number(article.id),
        "id": article.id,
        "digest": one.digest.hex(),
        "passages": one.passages,
        "tokens": one.tokens,
        "truncated": one.truncated,
        "pieces": len(pieces),
        "content": field,
        "vector": _vector(one.vector, half=half),
    }
    return row, pieces


def article_from(row: Mapping[str, Any], packed: str) -> EngineArticle:
    """Return an article from its row and its content.

    Raises:
        ValueError: If it is not what :func:`article_row` makes.
    """
    try:
        content = json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
        title, published, source, url, metadata, place, text = content
        article = Article(
            id=row["id"],
            text=text,
            title=title,
            published=None if published is None else dt.date.fromisoformat(published),
            source=source,
            url=url,
            metadata=metadata,
        )
        return EngineArticle(
            row=int(row["row"]),
            article=article,
            place=place,
            digest=bytes.fromhex(row["digest"]),
            passages=int(row["passages"]),
            tokens=int(row["tokens"]),
            truncated=int(row["truncated"]),
            vector=vectors_from([row["vector"]])[0],
        )
    except (zlib.error, TypeError, RecursionError, KeyError) as error:
        raise ValueError(str(error)) from None


# --- passages ---------------------------------------------------------------------------------------------------


def passage_rows(batch: Batch, *, half: bool) -> Iterator[tuple[dict[str, Any], list[Piece]]]:
    """Yield the passages of a batch as they are put in, each with the pieces of what is too long for it.

    Raises:
        ValueError: If an article has more in its fields than Milvus takes.
    """
    at = 0
    columns = [column.tolist() for column in (batch.rows, batch.paragraphs, batch.starts, batch.ends)]
    for one in batch.articles:
        shared = _filtered(one.article)
        for number in range(at, at + one.passages):
            row, paragraph, start, end = (column[number] for column in columns)
            text, text_pieces = pieces_of(f"text {row}", one.row, one.article.text[start:end])
            codes, code_pieces = pieces_of(f"codes {row}", one.row, _codes_text(batch.codes[number]))
            yield (
                {
                    "row": row,
                    "article": one.row,
                    "ordinal": row - (one.row << ARTICLE_BITS),
                    "paragraph": paragraph,
                    "start": start,
                    "end": end,
                    "digest": batch.keys[number].tobytes().hex(),
                    **shared,
                    "text_pieces": len(text_pieces),
                    "text": text,
                    "code_pieces": len(code_pieces),
                    "codes": codes,
                    "vector": _vector(batch.vectors[number], half=half),
                },
                [*text_pieces, *code_pieces],
            )
        at += one.passages


def _filtered(article: Article) -> dict[str, Any]:
    fields = _where.fields_of(article)
    size = len(json.dumps(fields, ensure_ascii=False).encode())
    if size > _MOST_JSON:
        raise ValueError(
            f"the fields of the article {article.id[:200]!r} that filters are for take {size:,} bytes, and Milvus "
            f"takes {_MOST_JSON:,}: leave some of its metadata out"
        )
    day = None if article.published is None else article.published.isoformat()
    return {"published": _where.day_number(day), "source": _where.source_of(article), "fields": fields}


def _codes_text(codes: NDArray[np.uint8]) -> str:
    if codes.size == 0:
        return ""
    tokens, width = codes.shape
    return base64.b64encode(_CODES.pack(tokens, width) + codes.tobytes()).decode()


def codes_from(text: str) -> NDArray[np.uint8]:
    """Return the codes of a passage's tokens.

    Raises:
        ValueError: If the text is not what stands for such.
    """
    if not text:
        return np.empty((0, 0), dtype=np.uint8)
    data = base64.b64decode(text, validate=True)
    if len(data) < _CODES.size:
        raise ValueError("it is too short")
    tokens, width = _CODES.unpack_from(data)
    return np.frombuffer(data, dtype=np.uint8, offset=_CODES.size).reshape(tokens, width)


# --- vectors ----------------------------------------------------------------------------------------------------


def _vector(vector: NDArray[np.float16], *, half: bool) -> Any:
    return np.ascontiguousarray(vector, dtype=np.float16) if half else vector.astype(np.float32)


def vectors_from(found: Sequence[Any]) -> NDArray[np.float16]:
    """Return vectors as the client gives them, float16 or float32 as the collection has them: ``(n, dim)``."""
    if not found:
        return np.empty((0, 0), dtype=np.float16)
    if isinstance(found[0], list) and len(found[0]) == 1 and isinstance(found[0][0], bytes):
        found = [one[0] for one in found]
    if isinstance(found[0], bytes):
        return np.frombuffer(b"".join(found), dtype=np.float16).reshape(len(found), -1)
    return np.array(found, dtype=np.float32).astype(np.float16)
