"""Indexes that live in an engine: Milvus, or PostgreSQL with pgvector.

    postgresql://user@host/database?index=news
    milvus://host:19530/news

An engine keeps versions of an index, of which one is live. What an engine does is small, and the same for all:
:class:`Engine` and :class:`Collection` say what. How articles become passages, what is embedded and how passages are
ranked is decided elsewhere, once, for an index in a folder and in an engine alike.
"""

from __future__ import annotations

from semsearch.engines._address import Address, is_address, open_engine, parse_address
from semsearch.engines._conditions import metadata_names
from semsearch.engines._describing import IndexDescription, describe_index
from semsearch.engines._protocol import (
    ARTICLE_BITS,
    MOST_PASSAGES,
    Batch,
    Capabilities,
    Collection,
    Engine,
    EngineArticle,
    Found,
    PassageRows,
    Unit,
    Where,
    Words,
    article_of,
    first_passage,
)

__all__ = [
    "ARTICLE_BITS",
    "MOST_PASSAGES",
    "Address",
    "Batch",
    "Capabilities",
    "Collection",
    "Engine",
    "EngineArticle",
    "Found",
    "IndexDescription",
    "PassageRows",
    "Unit",
    "Where",
    "Words",
    "article_of",
    "describe_index",
    "first_passage",
    "is_address",
    "metadata_names",
    "open_engine",
    "parse_address",
]
