"""The tables: of a version of an index, and the one that says which versions there are."""

from __future__ import annotations

__all__ = ["CATALOG", "INDEXES", "TABLES", "VECTORS", "VECTOR_INDEX", "schema_of"]

CATALOG = (
    "CREATE SCHEMA IF NOT EXISTS semsearch",
    """
    CREATE TABLE IF NOT EXISTS semsearch.versions (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        load text NOT NULL,
        begun timestamptz NOT NULL DEFAULT now(),
        published timestamptz,
        live boolean NOT NULL DEFAULT false
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS versions_live ON semsearch.versions (name) WHERE live",
)
"""Makes what is common to all indexes in a database. A number is never given twice."""

# An article's texts are of any length, so nothing of them is in a b-tree: an id is found by its hash. What scans go
# through is kept apart from what is long: articles' fields in facts, passages' texts in texts, their tokens in codes.
# ``length`` is how many terms a text has; in a table of terms it is what a score counts.
TABLES = (
    "CREATE SCHEMA $",
    'CREATE TABLE $.state (name text COLLATE "C" PRIMARY KEY, text bytea NOT NULL)',
    """
    CREATE TABLE $.totals (
        articles bigint NOT NULL, passages bigint NOT NULL, article_terms bigint NOT NULL,
        passage_terms bigint NOT NULL, changes bigint NOT NULL
    )
    """,
    "INSERT INTO $.totals VALUES (0, 0, 0, 0, 0)",
    """
    CREATE TABLE $.articles (
        row bigint PRIMARY KEY, key bytea NOT NULL, id text NOT NULL, title text NOT NULL, published date, source text,
        url text, metadata text NOT NULL, text text NOT NULL, place text NOT NULL, digest bytea NOT NULL,
        passages bigint NOT NULL, tokens bigint NOT NULL, truncated bigint NOT NULL, length bigint NOT NULL,
        vector halfvec NOT NULL
    )
    """,
    "CREATE INDEX articles_key ON $.articles (key)",
    """
    CREATE TABLE $.facts (
        row bigint PRIMARY KEY, passages bigint NOT NULL, published text COLLATE "C", fields jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE $.passages (
        row bigint PRIMARY KEY, article bigint NOT NULL, paragraph bigint NOT NULL, starts bigint NOT NULL,
        ends bigint NOT NULL, key bytea NOT NULL, length bigint NOT NULL, vector halfvec NOT NULL
    )
    """,
    "CREATE TABLE $.codes (row bigint PRIMARY KEY, width integer NOT NULL, codes bytea NOT NULL)",
    "ALTER TABLE $.codes ALTER COLUMN codes SET STORAGE EXTERNAL",  # nothing is left in them to compress
    'CREATE TABLE $.texts (row bigint PRIMARY KEY, text text NOT NULL, words text COLLATE "C" NOT NULL)',
    "CREATE TABLE $.article_terms (term bigint NOT NULL, row bigint NOT NULL, count int NOT NULL, length int NOT NULL)",
    "CREATE TABLE $.passage_terms (term bigint NOT NULL, row bigint NOT NULL, count int NOT NULL, length int NOT NULL)",
)
"""Makes a version; ``$`` stands for its schema."""

INDEXES = {
    "facts_published": "$.facts (published)",
    "facts_fields": "$.facts USING gin (fields jsonb_path_ops)",
    "passages_article": "$.passages (article)",
    "texts_words": "$.texts USING gin (string_to_array(words, ' '))",
    "article_terms_term": "$.article_terms (term, row) INCLUDE (count, length)",
    "article_terms_row": "$.article_terms (row)",
    "passage_terms_term": "$.passage_terms (term, row) INCLUDE (count, length)",
    "passage_terms_article": "$.passage_terms ((row >> 20))",
}
"""What a version is given when it is filled, by name: to keep these up while it is takes several times as long."""

VECTOR_INDEX = "passages_vector"
"""The name of the index of vectors."""

VECTORS = "$.passages USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 100)"
"""What that is."""


def schema_of(name: str, number: int) -> str:
    """Return the name of the schema of a version: a name of an address, and so at most 63 letters without quotes."""
    return f"semsearch_{name}_{number}"
