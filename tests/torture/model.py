"""What an index must answer, worked out without one: a list of articles, numpy, and BM25 as it stands in the books."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Filter, Hit, Passage
from semsearch.analysis import Analyzer
from semsearch.dense import unit_rows
from semsearch.passages import article_context, readable, split_article
from tests.embedder import TokenWordEmbedder
from tests.filters_random import matches

__all__ = [
    "FILTERS",
    "OFF",
    "QUERIES",
    "WORDS_OFF",
    "Snapshot",
    "Words",
    "fast_folder",
    "random_article",
    "require",
    "require_ranking",
    "rows_of",
    "tiny_thresholds",
]

K1, B = 1.2, 0.75
OFF = 1e-5
"""By which a cosine may be off; rows that are nearer to each other may stand in any order."""

WORDS_OFF = 5e-4
"""By which BM25 may be off: documents of whole words meet the mean length of thirty texts only so well. Of the thousand
texts from which on the package updates words they meet it fifty times better: see the test of words in test_model."""

LENGTHS = [*range(41), *range(42, 57, 2), *range(60, 89, 4), *range(96, 153, 8), *range(168, 281, 16)]
"""The lengths of texts that the engine tells apart: one byte a text."""

_VOCABULARY = [
    *("treaty", "treaties", "soldier", "soldiers", "airport", "capital", "minister", "talks", "river", "bridge"),
    *("storm", "harvest", "election", "vote", "peace", "the", "and", "not", "of", "signed", "1999", "Müller", "naïve"),
]
_TITLES = ["", "Talks on the treaty", "Storm reached the capital", "The election", "River and bridge", "Peace talks"]
_POOL = [
    " ".join(Random(number).choices(_VOCABULARY, k=8 + number % 7)).capitalize() + "." for number in range(60)
]  # so few that copies are common
QUERIES = [
    *("treaty", "soldiers at the airport", "peace talks", "minister reached the river bridge", "storm harvest 1999"),
    *("the", "of not", "Müller naive", "election vote election", "unheard", "treaty treaties the capital"),
]
FILTERS = [
    *("source = Reuters", "source != reuters", "has source", "published >= 2024", "published = 2023-05"),
    *(
        "section = politics",
        "section in (sport, culture) or source = AFP",
        "not (rating > 3)",
        "title = 'The election'",
    ),
    *("id = a1", "id > a4 and has published", "rating <= 3 and section = sport", "published < 1990"),
]


class Words(TokenWordEmbedder):
    """The tests' embedder, which remembers the vectors of words and not what it embedded."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed_queries(texts)

    def _word(self, word: str) -> NDArray[np.float32]:
        return _vector(word)


@functools.lru_cache(1 << 16)
def _vector(word: str) -> NDArray[np.float32]:
    return TokenWordEmbedder()._word(word)


def random_article(article_id: str, seed: int) -> Article:
    """An article that is made of what others are made of too."""
    random = Random(seed)
    metadata: dict[str, Any] = {}
    if random.random() < 0.7:
        metadata["section"] = random.choice(["politics", "sport", "culture"])
    if random.random() < 0.5:
        metadata["rating"] = random.randrange(1, 6)
    month = random.randrange(1, 13)
    return Article(
        article_id,
        "\n\n".join(random.choices(_POOL, k=random.choice([1, 1, 2, 3, 5]))),
        title=random.choice(_TITLES),
        published=random.choice([None, *(dt.date(year, month, 5) for year in (2022, 2023, 2024))]),
        source=random.choice([None, "Reuters", "AFP"]),
        metadata=metadata,
    )


def require(truth: object, what: str) -> None:
    """Raise if the index says something else than the model."""
    assert truth, what


class Snapshot:
    """An index of articles at one moment."""

    def __init__(self, articles: Sequence[Article], *, tokens: bool = True) -> None:
        self.articles = list(articles)
        self.tokens = tokens
        self.by_id = {article.id: article for article in articles}
        split = [_split(article.id, article.title, article.text) for article in articles]
        self.passages = [(at, passage) for at, (passages, _) in enumerate(split) for passage in passages]
        self.vectors = np.concatenate([vectors for _, vectors in split])
        self.row = {(self.articles[at].id, passage.start): row for row, (at, passage) in enumerate(self.passages)}

    def __len__(self) -> int:
        return len(self.passages)

    def allowed(self, wanted: Filter | None, phrases: Sequence[str] = ()) -> NDArray[np.bool_]:
        """Which passages have an article that matches, and contain the phrases or have them in their titles."""
        holds = [wanted is None or matches(wanted, article) for article in self.articles]
        return np.array(
            [
                holds[at] and all(_contains(self.articles[at].title, p) or _contains(passage.text, p) for p in phrases)
                for at, passage in self.passages
            ]
        )

    def dense(self, query: str) -> tuple[NDArray[np.float64], list[Any]]:
        """The cosine of each passage, and what is the same for those that tie."""
        (embedding,) = Words().embed_queries([query])
        embedding = unit_rows(embedding[None])[0]
        scores = self.vectors.astype(np.float64) @ embedding.astype(np.float64)
        return scores, [vector.tobytes() for vector in self.vectors]

    def lexical(self, query: str) -> tuple[NDArray[np.float64], list[Any]]:
        """The BM25 of each passage as a share of the most that there could be, 0 without a word of the query."""
        words = _terms(query)
        texts = self._terms_of_passages
        weights = {word: _idf(sum(word in text for text in texts), len(texts)) for word in set(words)}
        most = sum(weights[word] * (K1 + 1) for word in words) or 1.0
        mean = sum(sum(text.values()) for text in texts) / len(texts)
        scores, ties = np.zeros(len(texts)), []
        for row, text in enumerate(texts):
            length = LENGTHS[bisect_right(LENGTHS, sum(text.values())) - 1]
            norm = K1 * (1 - B + B * length / max(mean, 1e-9))
            scores[row] = sum(weights[word] * (K1 + 1) * text[word] / (text[word] + norm) for word in words)
            # Of three numbers the engine's sum depends on their order.
            few = len(set(words)) <= 2
            ties.append((length, *(text[word] for word in dict.fromkeys(words))) if few else row)
        return scores / most, ties

    @functools.cached_property
    def _terms_of_passages(self) -> list[Counter[str]]:
        return [Counter(_terms(f"{self.articles[at].title}\n{passage.text}")) for at, passage in self.passages]


@functools.lru_cache(4096)
def _split(article_id: str, title: str, text: str) -> tuple[list[Passage], NDArray[np.float16]]:
    """The passages of an article, and their vectors."""
    embedder = Words()
    limit = embedder.spec.max_tokens
    article = Article(article_id, text, title)
    context = article_context(article, embedder.count_tokens, limit=limit)
    passages = split_article(article, embedder.count_tokens, limit=limit - embedder.count_tokens([context])[0])
    vectors = embedder.embed_passages([readable(context + passage.text) for passage in passages])
    return passages, unit_rows(vectors).astype(np.float16)


@functools.lru_cache(4096)
def _terms(text: str) -> tuple[str, ...]:
    return tuple(Analyzer().terms(text))


def _idf(frequency: int, count: int) -> float:
    return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))


def _contains(text: str, phrase: str) -> bool:
    """Whether the words of a phrase stand in a text one after the other."""
    plain = str.maketrans("üï", "ui")
    words, wanted = (re.findall(r"\w+", one.lower().translate(plain)) for one in (text, phrase))
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def rows_of(hits: Sequence[Hit], snapshot: Snapshot) -> list[tuple[int, float]]:
    """Row and score of each hit, whose texts must be those of the model."""
    found = []
    for rank, hit in enumerate(hits, start=1):
        require(hit.rank == rank, f"hit {rank} has rank {hit.rank}")
        require(hit.article == snapshot.by_id.get(hit.article.id), f"article {hit.article.id!r} is not as it was added")
        row = snapshot.row.get((hit.article.id, hit.passage.start))
        require(row is not None, f"article {hit.article.id!r} has no passage from {hit.passage.start} on")
        assert row is not None
        require(hit.passage == snapshot.passages[row][1], f"passage {row} is not as it was added")
        found.append((row, hit.score))
    return found


def require_ranking(
    found: Sequence[tuple[int, float]],
    scores: Mapping[int, float],
    k: int,
    *,
    off: float = OFF,
    ties: Sequence[Any] | None = None,
) -> None:
    """Raise if these are not the ``k`` best of the rows that have scores, in their order.

    Args:
        found: Rows and their scores.
        scores: What each row that may be found scores.
        k: How many were asked for.
        off: By how much a score may be off.
        ties: For each row a value that is the same for those that tie: these stand in the order of the rows.
    """
    rows = [row for row, _ in found]
    require(len(rows) == min(k, len(scores)), f"{len(rows)} of {min(k, len(scores))} hits were found")
    require(len(set(rows)) == len(rows), "a passage was found twice")
    require(scores.keys() >= set(rows), "a passage was found that must not be")
    for row, score in found:
        require(abs(score - scores[row]) <= off, f"passage {row} scores {score}, not {scores[row]}")
    require(all(one[1] >= next_[1] for one, next_ in pairwise(found)), "scores do not descend")
    missing = sorted(scores.keys() - set(rows))
    places = {row: at for at, row in enumerate([*rows, *missing])}
    for better in rows:
        for other, score in scores.items():
            if places[other] <= places[better]:
                continue
            require(score <= scores[better] + off, f"passage {other} is better than {better}, which is before it")
            if ties is not None and ties[other] == ties[better]:
                require(better < other, f"passages {better} and {other} are the same, and not in their order")


def fast_folder() -> str | None:
    """A folder for temporary ones that no disk is behind, where a system has one: nothing waits for it then."""
    memory = Path("/dev/shm")  # noqa: S108
    return str(memory) if os.access(memory, os.W_OK) else None


@contextlib.contextmanager
def tiny_thresholds() -> Iterator[pytest.MonkeyPatch]:
    """Make the package take few passages for many, so that each of its layouts and mergers is met within few steps.

    Nothing waits for the disk: what reaches it is another promise.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "dense.FLAT_ROWS": 16,
            "dense._FEW": 2,
            "dense._RARE": 10_000,
            "dense._DEPTHS": ((0.9, 0.75), (0.995, 1.5)),
            "dense._PLAIN_SCANS": 1,
            "dense._PLAIN_BLOCK": 8,
            "lexical._FEWEST": 4,
            "lexical._MOST_CHANGED": 3.0,
            "lexical._MOST_SEGMENTS": 3,
            "lexical._FEW": 5,
            "storage.generations._LARGE": 64,
            "storage.generations._LARGE_VECTORS": 64,
            "storage._rows._MOST_SEGMENTS": 3,
            "storage._rows._LEFT_SEGMENTS": 2,
            "storage._rows._BLOCK": 4,
            "storage.archive._BLOCK": 3,
            "storage.archive._SQL_VARIABLES": 3,
            "building._embedding.SHARD": 3,
            "building._embedding._STEP": 2,
        }.items():
            patch.setattr(f"semsearch.{name}", value)
        patch.setattr("semsearch.dense._blocks.__defaults__", (8,))
        patch.setattr(os, "fsync", lambda _: None)
        yield patch
