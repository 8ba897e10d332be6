"""What ranking costs beyond embedding the query, at a size that is given.

    python -m benchmarks.latency [--passages 100000] [--index FOLDER]

The archive is synthetic: its sentences are those of the sample archive in random order, so that words are as frequent
as in news; its vectors are random ones of the default model's dimension, one for each word, as ranking costs the same
whatever they say. Time is that of one thread; the embedder's own is taken off. Raw figures go to
``benchmarks/results/latency.json``.
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
from semsearch.passages import find_sentences
from semsearch.searching import MODES, SearchOptions

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "latency.json"
_DIMENSION = 384
_PASSAGES_OF_AN_ARTICLE = 5
_SENTENCES = 4  # of a passage
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")  # about as many pieces as the default model's tokenizer makes
_SOURCES = 100
_QUERIES = 200


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
        means = np.stack([own.mean(axis=0) for own in tokens])
        return means / np.linalg.norm(means, axis=1, keepdims=True), tokens

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
    sentences = _sentences()
    with tempfile.TemporaryDirectory() as folder:
        index = arguments.index or Path(folder)
        embedder = RandomEmbedder()
        if not (index / "CURRENT").exists():
            semsearch.build_index(_articles(sentences, arguments.passages), index, embedder=embedder)
        with semsearch.open_index(index, embedder=embedder) as searcher:
            asked = _questions(sentences)
            cases: dict[str, SearchOptions] = {mode: {"mode": mode} for mode in MODES}
            cases["hybrid, filter that leaves 50 %"] = {"where": "half = 1"}
            cases["hybrid, filter that leaves 1 %"] = {"where": "source = s1"}
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


def _sentences() -> list[str]:
    texts = [article.text for article in semsearch.read_articles(ROOT / "corpus")]
    return [text[start:end] for text in texts for start, end in find_sentences(text) if end - start > 40]


def _articles(sentences: Sequence[str], passages: int) -> Iterator[semsearch.Article]:
    draw = np.random.default_rng(0)
    for number in range(passages // _PASSAGES_OF_AN_ARTICLE):
        chosen = draw.integers(len(sentences), size=(_PASSAGES_OF_AN_ARTICLE, _SENTENCES))
        text = "\n\n".join(" ".join(sentences[at] for at in paragraph) for paragraph in chosen)
        yield semsearch.Article(
            f"{number}",
            text,
            title=" ".join(sentences[int(draw.integers(len(sentences)))].split()[:8]),
            source=f"s{number % _SOURCES}",
            metadata={"half": number % 2},
        )


def _questions(sentences: Sequence[str]) -> list[str]:
    draw = np.random.default_rng(1)
    chosen = (sentences[int(at)].split() for at in draw.integers(len(sentences), size=_QUERIES))
    return [" ".join(words[2:10]) for words in chosen]


if __name__ == "__main__":
    main()
