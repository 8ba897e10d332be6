"""The vectors that are searched: passages of dictionaries, embedded; beyond these, mixtures of neighbours.

The passages are the entries of WordNet and of the Collaborative International Dictionary of English as Debian packages
them (``apt-get install dict-wn dict-gcide``), the first 50 words of each, in random order.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

import semsearch

__all__ = ["NEIGHBOURS", "QUERIES", "Source", "dictionary", "exact_neighbours", "sample_archive", "synthesise"]

QUERIES = 1000
"""Half of them passages that are not searched, half of them questions."""

NEIGHBOURS = 10

_DICTIONARIES = Path("/usr/share/dictd")
_NAMES = ("wn", "gcide")
_WORDS = 50
_HELD_OUT = 2000
_BLOCK = 65_536
_SHARD = 4096
_NOISE = 0.5  # of a mixture, as a share of its length


class Source(NamedTuple):
    """Real vectors, ``(n, dim)`` float16, in random order, and queries, ``(m, dim)`` float32."""

    name: str
    vectors: NDArray[np.float16]
    queries: NDArray[np.float32]


def dictionary(cache: Path, most: int | None = None) -> Source:
    """Embed the dictionaries' entries, the first ``most`` if that is given, unless the cache has them.

    Raises:
        FileNotFoundError: If the dictionaries are not installed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    texts = list(dict.fromkeys(" ".join(text.split()[:_WORDS]) for name in _NAMES for text in _entries(name)))
    random.Random(0).shuffle(texts)  # noqa: S311
    if most is not None:
        texts = texts[: most + _HELD_OUT]
    vectors = _embedded(texts, cache / ("dictionary.npy" if most is None else f"dictionary-{most}.npy"))
    words = [text.split(" ")[0] for text in texts[-QUERIES // 2 :]]
    asked = "questions.npy" if most is None else f"questions-{most}.npy"
    questions = _embedded([f"what is {word}?" for word in words], cache / asked)
    passages = vectors[-_HELD_OUT : -_HELD_OUT + QUERIES // 2]
    queries = np.concatenate([passages, questions]).astype(np.float32)
    return Source("dictionaries", vectors[:-_HELD_OUT], queries)


def sample_archive(folder: Path) -> Source:
    """Embed the sample archive's passages and its judged queries: few, but they are always there."""
    embedder = semsearch.load_embedder()
    semsearch.build_index("corpus", folder / "index", embedder=embedder, token_vectors=False)
    (path,) = (folder / "index" / "generations").glob("*/embeddings.npy")
    vectors = np.random.default_rng(0).permutation(np.load(path))
    lines = Path("benchmarks/corpus-queries/queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = embedder.embed_queries([json.loads(line)["text"] for line in lines][:200])
    return Source("sample archive", vectors, np.asarray(queries, np.float32))


def synthesise(real: NDArray[np.float16], count: int) -> NDArray[np.float16]:
    """Return ``count`` vectors: the real ones, and mixtures of one with one of its ten nearest, with noise.

    Neighbours are looked for among the first 65,536. The result says how much harder they are than real ones.
    """
    draw = np.random.default_rng(0)
    base = np.asarray(real[:_BLOCK], np.float32)
    near = exact_neighbours(base, base.astype(np.float16), NEIGHBOURS + 1)[:, 1:]
    vectors = np.empty((count, real.shape[1]), np.float16)
    vectors[: len(real)] = real
    for start in range(len(real), count, _BLOCK):
        size = min(_BLOCK, count - start)
        one = draw.integers(0, len(base), size)
        other = near[one, draw.integers(0, NEIGHBOURS, size)]
        share = draw.uniform(0.2, 0.5, (size, 1)).astype(np.float32)
        mixed = _unit((1 - share) * base[one] + share * base[other])
        mixed += _NOISE * draw.standard_normal(mixed.shape, np.float32) / np.sqrt(np.float32(mixed.shape[1]))
        vectors[start : start + size] = _unit(mixed)
    return vectors


def exact_neighbours(
    queries: NDArray[np.float32], vectors: NDArray[np.float16], k: int, allowed: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the rows with the highest inner products, ``(m, k)``; -1 where there are no more."""
    library = faiss
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    chosen = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        part = np.asarray(vectors[block], np.float32)
        own_scores, at = library.knn(queries, part, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([scores, own_scores], axis=1)
        rows = np.concatenate([rows, block[at]], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
    return rows


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _entries(name: str) -> Iterator[str]:
    """Yield the entries of one of dictd's dictionaries; its index has their offsets in a base 64 of its own."""
    path = _DICTIONARIES / f"{name}.dict.dz"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: install Debian's packages dict-wn and dict-gcide")
    content = gzip.decompress(path.read_bytes())
    spans = set()
    for line in path.with_name(f"{name}.index").read_text(encoding="utf-8").splitlines():
        word, start, size = line.split("\t")
        if not word.startswith(("00-database", "00database")):
            spans.add((_number(start), _number(size)))
    for start_of, size_of in sorted(spans):
        yield content[start_of : start_of + size_of].decode(errors="replace")


def _number(digits: str) -> int:
    return int.from_bytes(base64.b64decode(digits.rjust(-(-len(digits) // 4) * 4, "A")), "big")


def _embedded(texts: list[str], path: Path) -> NDArray[np.float16]:
    """Embed texts into a file, shard by shard, and go on where an earlier run was ended."""
    embedder = semsearch.load_embedder()
    done_path = path.with_suffix(".done")
    if not path.exists():
        np.lib.format.open_memmap(path, "w+", np.float16, (len(texts), embedder.spec.dimension)).flush()
        done_path.write_text("0", encoding="ascii")
    vectors = np.lib.format.open_memmap(path, "r+")
    if len(vectors) != len(texts):
        raise ValueError(f"{path} holds other vectors: remove it")
    for start in range(int(done_path.read_text(encoding="ascii")), len(texts), _SHARD):
        shard = texts[start : start + _SHARD]
        order = sorted(range(len(shard)), key=lambda row: len(shard[row]))
        embedded = embedder.embed_passages([shard[row] for row in order])
        vectors[start + np.array(order)] = _unit(np.asarray(embedded, np.float32))
        vectors.flush()
        done_path.write_text(str(start + len(shard)), encoding="ascii")
        print(f"{path.name}: {start + len(shard):,} of {len(texts):,} embedded", flush=True)
    return vectors
