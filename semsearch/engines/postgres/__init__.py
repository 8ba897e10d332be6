"""Indexes in PostgreSQL, with pgvector: vectors, words and filters are looked for where the articles are.

Of each version of an index there is a schema with its tables, ``semsearch_NAME_NUMBER``, and one schema for all,
``semsearch``, says which of them is live. What a version is filled with is committed batch by batch; a live version is
updated in one transaction, for as long as the index is locked.
"""

from __future__ import annotations

from semsearch.engines.postgres._engine import PostgresEngine

__all__ = ["PostgresEngine"]
