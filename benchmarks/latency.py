"""What ranking costs beyond embedding the query, at a size that is given.

    python -m benchmarks.latency [--passages 100000] [--index FOLDER]

The archive is synthetic: its words are those of the sample archive, as frequent as there, in random order; its vectors
are random ones of the default model's dimension, one for each piece of a word, as ranking costs the same whatever they
say. Time is that of one thread; the embedder's own is taken off. Raw figures go to ``benchmarks/results/latency.json``.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import hashlib
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import semsearch
from benchmarks.machine import describe
from semsearch.embedders import QueryTokens
from semsearch.searching import MODES, SearchOptions

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "latency.json"
_DIMENSION = 384
_PASSAGES_OF_AN_ARTICLE = 5
_WORDS = 80  # of a passage
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")  # about as many pieces as the default model's tokenizer makes
_SOURCES = 100
_QUERIES = 200
_QUESTION = 8  # words


class RandomEmbedder:
    """Gives each piece of a word a random vector of its own. Satisfies ``semsearch.embedders.TokenEmbedder``."""

    spec = semsearch.EmbedderSpec(name="random", fingerprint="random", dimension=_DIMENSION, max_tokens=256)

    def __init__(self) -> None:
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self.seconds = 0.0  # spent on queries

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count pieces."""
        return [len(_PIECE.findall(text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages as the mean of their pieces."""
        return self.embed_passages_with_tokens(texts)[0]

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries, and note how long it takes."""
        started = time.process_time()
        vectors = self.embed_passages(texts)
        self.seconds += time.process_time() - started
        return vectors

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages and their pieces."""
        tokens = [self._tokens(text) for text in texts]
        # Pieces of three letters and fewer hardly count, or all passages would be alike for their "the" and "of".
        weights = [np.array([0.05 + (len(piece) > 3) for piece in _PIECE.findall(text)]) for text in texts]
        means = np.stack([own_weights @ own for own_weights, own in zip(weights, tokens, strict=True)])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32), tokens

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Embed a query and its pieces, and note how long it takes."""
        started = time.process_time()
        (embedding,), (tokens,) = self.embed_passages_with_tokens([query])
        pieces = _PIECE.findall(query)
        self.seconds += time.process_time() - started
        return QueryTokens(embedding, tokens, list(range(len(pieces))), pieces)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where the pieces are."""
        return [[match.span() for match in _PIECE.finditer(text)] for text in texts]

    def _tokens(self, text: str) -> NDArray[np.float32]:
        return np.stack([self._vector(piece) for piece in _PIECE.findall(text.lower())])

    def _vector(self, piece: str) -> NDArray[np.float32]:
        if piece not in self._vectors:
            seed = int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest(), "big")
            vector = np.random.default_rng(seed).standard_normal(_DIMENSION).astype(np.float32)
            self._vectors[piece] = vector / np.linalg.norm(vector)
        return self._vectors[piece]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--index", type=Path, help="keep the index there, and use the one that is there")
    arguments = parser.parse_args()
    words = _words()
    with tempfile.TemporaryDirectory() as folder:
        index = arguments.index or Path(folder)
        embedder = RandomEmbedder()
        if not (index / "CURRENT").exists():
            semsearch.build_index(_articles(words, arguments.passages), index, embedder=embedder)
        with semsearch.open_index(index, embedder=embedder) as searcher:
            asked = _questions(words)
            cases: dict[str, SearchOptions] = {mode: {"mode": mode} for mode in MODES}
            cases["hybrid, filter that leaves 50 %"] = {"where": "half = 1"}
            cases["hybrid, filter that leaves 1 %"] = {"where": "source = s1"}
            cases["hybrid, without evidence"] = {"evidence": False}
            cases["hybrid, explained"] = {"explain": True}
            measured = {name: _ask(searcher, embedder, asked, options) for name, options in cases.items()}
            result = {
                "command": f"python -m benchmarks.latency --passages {arguments.passages}",
                "machine": describe(),
                "passages": len(searcher),
                "tokens": searcher.manifest.counts.tokens,
                "queries": len(asked),
                "cases": measured,
            }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{result['passages']:,} passages, CPU-ms a query beyond embedding it: median, 99th percentile")
    for name, found in measured.items():
        milliseconds = sorted(1000 * seconds for seconds in found["cpu_seconds"])
        print(f"{name:<34} {statistics.median(milliseconds):6.1f} {milliseconds[int(0.99 * len(milliseconds))]:6.1f}")


def _ask(
    searcher: semsearch.Searcher, embedder: RandomEmbedder, asked: Sequence[str], options: SearchOptions
) -> dict[str, Any]:
    searcher.search(asked[0], **options)  # the first one pays for what is set up once
    seconds = []
    for query in asked:
        embedder.seconds = 0.0
        started = time.process_time()
        searcher.search(query, **options)
        seconds.append(time.process_time() - started - embedder.seconds)
    return {"cpu_seconds": seconds}


def _words() -> list[str]:
    """Return all the words of the sample archive, as often as they stand there."""
    return [word for article in semsearch.read_articles(ROOT / "corpus") for word in article.text.split()]


def _articles(words: Sequence[str], passages: int) -> Iterator[semsearch.Article]:
    draw = np.random.default_rng(0)
    for number in range(passages // _PASSAGES_OF_AN_ARTICLE):
        chosen = draw.integers(len(words), size=(_PASSAGES_OF_AN_ARTICLE, _WORDS))
        yield semsearch.Article(
            f"{number}",
            "\n\n".join(" ".join(words[at] for at in paragraph) + "." for paragraph in chosen),
            title=" ".join(words[at] for at in draw.integers(len(words), size=8)),
            source=f"s{number % _SOURCES}",
            metadata={"half": number % 2},
        )


def _questions(words: Sequence[str]) -> list[str]:
    draw = np.random.default_rng(1)
    return [" ".join(words[at] for at in draw.integers(len(words), size=_QUESTION)) for _ in range(_QUERIES)]


if __name__ == "__main__":
    main()
