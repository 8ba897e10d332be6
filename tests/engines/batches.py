"""Batches for engines: real articles with vectors that can be worked out by hand, and articles made to be difficult."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

import semsearch
from semsearch import Article
from semsearch.dense import mean_direction, unit_rows
from semsearch.engines import MOST_PASSAGES, Batch, EngineArticle, first_passage
from semsearch.passages import split_article
from semsearch.records import FieldNames, FileGlobs
from semsearch.storage import FORMAT_VERSION, Counts, Manifest, content_digest
from semsearch.tokens import TokenCodec
from tests.embedder import TokenWordEmbedder
from tests.filters_random import random_json

__all__ = [
    "CODEC",
    "DIMENSION",
    "EMBEDDER",
    "LANGUAGES",
    "LONG",
    "MANIFEST",
    "PLAIN",
    "STRANGE",
    "UNICODE",
    "batch_of",
    "embed",
    "in_portions",
    "joined",
    "standard_articles",
]

DIMENSION = 32
LIMIT = 150  # words of a passage
LONG_PASSAGES = 64  # of an article that are looked at for its best one
LANGUAGES = ["en"]
EMBEDDER = TokenWordEmbedder(dimension=DIMENSION, max_tokens=LIMIT)
CODEC = TokenCodec.create(DIMENSION)
CORPUS = Path(__file__).resolve().parents[2] / "corpus"

MANIFEST = Manifest(
    created="2026-11-29T10:00:00+00:00",
    written_by="test",
    embedder=EMBEDDER.spec,
    precision=None,
    target_tokens=LIMIT,
    token_vectors=True,
    keep=1,
    fields=FieldNames(),
    globs=FileGlobs(),
    dense_spec="Flat",
    languages={"en": 1.0},
    counts=Counts(0, 0, 0, 0),
    files={},
    format=FORMAT_VERSION,
)
"""The least that the state ``manifest`` can be."""

WORDS = ["treaty", "mandate", "vote", "ceasefire", "harbour", "glacier", "orchestra", "election", "vaccine", "budget"]

UNICODE = (
    "He said “no” — and 'yes', \"maybe\"; it's 100 % \\ done \\n \\u0041 \\x00 $1 :name %s {x} ?1 -- ;\n\n"
    "𝔸stral 😀👩\u200d👩\u200d👧\u200d👦 plane\U0010ffff, e\u0301 against é, ﬁ ligature, "
    "İstanbul ıspanak STRASSE straße ſ K Å.\n\n"
    "שלום עולם العربية \u200fمرحبا\u200e \u202eright to left\u202c \ufeffmark\u200b\u00ad\u2028line\u2029paragraph\n\n"
    "日本語の文章、中文繁體 한국어 ไทย हिन्दी\ttab\r\ncarriage\x07bell\x1bescape\x7f\x85\n\n"
    "\ud7ff\ue000\uffff\ufffd end\n"
)
"""All that a text may hold but NUL and halves of surrogate pairs."""

STRANGE: dict[str, Any] = {
    "": "a name of nothing",
    "floats": [0.1, 1e-300, 1e300, -0.0, 5e-324, 1.7976931348623157e308, 2.0, 0.30000000000000004, 1e16, 1e22],
    "integers": [0, -1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400],
    "null": None,
    "empty": ["", [], {}, [[]], {"": {}}],
    "truths": [True, False],
    "nested": {"a": [{"b": {"c": [1, [2, [3, {"d": None}]]]}}]},
    "deep": {"n": {"n": {"n": {"n": {"n": {"n": {"n": {"n": {"n": {"n": 1}}}}}}}}}},
    "unsorted": {"z": 1, "a": 2, "m": 3, "b": {"y": 1, "x": 2}},
    "text": UNICODE,
    UNICODE: 1,
    "a.b/c~d": {"~1": "~0", "/": "."},
    "'; DROP TABLE articles; --": "\\",
    "$ref": "{}",
    "long": "x" * 100_000,
}
"""Metadata of all kinds: the order of names counts too."""

PLAIN = Article("plain", "A treaty was signed. The mandate ends.\n\nThe vote is on Monday.", "Plain")
LONG = "\n\n".join(
    f"Paragraph {number} of a long article. " + " ".join(Random(number).choices(WORDS, k=50)) for number in range(900)
)
"""A text of more than 300 KB and of more than 200 passages."""


@cache
def standard_articles() -> tuple[tuple[int, Article], ...]:
    """A few hundred passages: real articles, with metadata of all kinds, some of them twice, in rows with gaps."""
    random = Random(20261129)
    real = list(semsearch.read_articles(CORPUS))
    found = []
    for number, article in enumerate(real):
        extra = {"number": number, "section": article.id.partition("/")[0], "random": random_json(random, 3)}
        found.append((3 * number + 5, changed(article, metadata={**article.metadata, **extra})))
    # The same texts: what is equally near comes in the order of the rows.
    again = [(1000 + number, changed(real[number], id=f"again/{number}", source="Again")) for number in range(0, 30, 3)]
    return (*found, *again, (2000, Article("strange", UNICODE, UNICODE[:300], None, UNICODE, UNICODE, STRANGE)))


def changed(article: Article, **fields: Any) -> Article:
    names = ("id", "text", "title", "published", "source", "url", "metadata")
    return Article(**{**{name: getattr(article, name) for name in names}, **fields})


def batch_of(articles: Iterable[tuple[int, Article]], *, codes: bool = True) -> Batch:
    """Return articles with their passages, by their rows."""
    return joined([_of_article(row, article, codes=codes) for row, article in sorted(articles, key=lambda one: one[0])])


def _of_article(row: int, article: Article, *, codes: bool) -> Batch:
    passages = split_article(article, EMBEDDER.count_tokens, limit=LIMIT, target=LIMIT)
    assert 0 < len(passages) < MOST_PASSAGES
    texts = [passage.text for passage in passages]
    vectors, tokens = EMBEDDER.embed_passages_with_tokens(texts)
    kept = unit_rows(vectors).astype(np.float16)
    digest = content_digest(article)
    one = EngineArticle(
        row=row,
        article=article,
        place=f"{article.id.strip()[:50]} — “place”:{row}",
        digest=digest,
        passages=len(passages),
        tokens=sum(EMBEDDER.count_tokens(texts)),
        truncated=row % 3,
        vector=mean_direction(kept),
    )
    return Batch(
        articles=[one],
        rows=first_passage(row) + np.arange(len(passages), dtype=np.int64),
        paragraphs=_column(passage.paragraph for passage in passages),
        starts=_column(passage.start for passage in passages),
        ends=_column(passage.end for passage in passages),
        keys=np.stack([_key(f"{article.title}\n{text}") for text in texts]),
        vectors=kept,
        codes=[CODEC.encode(own) if codes else np.empty((0, 0), np.uint8) for own in tokens],
    )


def _column(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def _key(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), np.uint8)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return one batch of what is in some, in their order."""
    return Batch(
        articles=[article for batch in batches for article in batch.articles],
        rows=np.concatenate([batch.rows for batch in batches]),
        paragraphs=np.concatenate([batch.paragraphs for batch in batches]),
        starts=np.concatenate([batch.starts for batch in batches]),
        ends=np.concatenate([batch.ends for batch in batches]),
        keys=np.concatenate([batch.keys for batch in batches]),
        vectors=np.concatenate([batch.vectors for batch in batches]),
        codes=[codes for batch in batches for codes in batch.codes],
    )


def in_portions(articles: Sequence[tuple[int, Article]], size: int) -> list[Batch]:
    """Return batches of so many articles each."""
    ordered = sorted(articles, key=lambda one: one[0])
    return [batch_of(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def embed(text: str) -> NDArray[np.float32]:
    """Return the vector of a query, ``(dimension,)``, of length 1."""
    return np.asarray(unit_rows(EMBEDDER.embed_queries([text]))[0])
