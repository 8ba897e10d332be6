"""What the files of a generation are called."""

from __future__ import annotations

__all__ = [
    "ARTICLES",
    "CHECKS",
    "DENSE",
    "EMBEDDINGS",
    "KEYS",
    "LEXICAL",
    "MANIFEST",
    "PASSAGES",
    "SEGMENTS",
    "TOKEN_ROTATION",
    "TOKEN_SPANS",
]

MANIFEST = "manifest.json"
ARTICLES = "articles.sqlite"
PASSAGES = "passages.npy"
KEYS = "keys.npy"
EMBEDDINGS = "embeddings.npy"
CHECKS = "checks.npy"
DENSE = "dense.codes"
LEXICAL = "lexical"
SEGMENTS = "tokens"
TOKEN_SPANS = "token_spans.npy"  # noqa: S105
TOKEN_ROTATION = "token_rotation.npy"  # noqa: S105
