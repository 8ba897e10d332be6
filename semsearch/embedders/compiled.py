"""A compiled sentence-transformers model: the same vectors without torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from semsearch.embedders._cache import CompiledForm
from semsearch.embedders._protocol import EmbedderSpec, QueryTokens
from semsearch.embedders._runtimes import OnnxRuntime, OpenVinoRuntime, best_precision, require_precision
from semsearch.embedders._words import query_words
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from numpy.typing import NDArray
    from tokenizers import Encoding

__all__ = ["CompiledEmbedder"]

_BATCH = 8
"""Texts of like length that are run together; 4 to 16 are about equally fast, more are slower."""

_FEW = 64
"""Texts that are tokenized on one thread."""


class _Passages(NamedTuple):
    """What passages are run by, in the process that it was set up in."""

    process: int
    runtime: OnnxRuntime | OpenVinoRuntime
    workers: ThreadPoolExecutor
    inherited: _Passages | None


class CompiledEmbedder:
    """An embedder that runs a compiled model in this process. Satisfies :class:`~semsearch.embedders.TokenEmbedder`.

    Queries are embedded in float32 by onnxruntime, on the thread that asks; passages by OpenVINO on all processors, or
    by onnxruntime if OpenVINO is not there. Threads may use one embedder at the same time.

    Args:
        form: The compiled form.
        weights: The file with its weights.
        spec: What identifies it.
        precision: What passages are embedded in, one of ``float32``, ``bfloat16`` and ``int8``; None for the fastest
            that gives the same vectors.

    Raises:
        ModelNotFoundError: If the weights are not there, or passages cannot be embedded in that precision.
    """

    def __init__(self, form: CompiledForm, weights: Path, spec: EmbedderSpec, *, precision: str | None = None) -> None:
        from tokenizers import Tokenizer

        if precision is not None:
            require_precision(precision)
        self._form = form
        self._weights = weights
        self._spec = spec
        self._precision = precision
        self._tokenizer = Tokenizer.from_buffer(form.tokenizer)
        self._queries = OnnxRuntime(form.graph, weights)
        self._set_up: _Passages | None = None
        self._setting_up = threading.Lock()

    @property
    def spec(self) -> EmbedderSpec:
        """What identifies this embedder."""
        return self._spec

    @cached_property
    def precision(self) -> str:
        """What passages are embedded in: ``float32``, ``bfloat16`` or ``int8``."""
        fastest = best_precision() if self._form.bfloat16 else None
        return self._precision or fastest or "float32"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens: no special tokens, no prompt, no truncation."""
        return [len(encoding) for encoding in self._encoded(texts, special=False)]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages: ``(len(texts), dimension)`` float32, unit rows."""
        return self._embed_passages(texts, with_tokens=False)[0]

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages, and give each one's tokens: ``(t, dimension)`` float32, unit rows."""
        return self._embed_passages(texts, with_tokens=True)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(texts), dimension)`` float32, unit rows."""
        found = np.empty((len(texts), self._spec.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            encoding = self._tokenizer.encode(self._spec.query_prompt + text)
            found[row] = self._queries.run(*self._inputs([encoding]), tokens=False)[0]
        return found

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Embed a query and its tokens, of as much of it as the model reads at once."""
        prompt = self._spec.query_prompt
        encoding = self._tokenizer.encode(prompt + query)
        embeddings, tokens = self._queries.run(*self._inputs([encoding]), tokens=True)
        kept = self._kept(encoding)
        words, spans = encoding.word_ids, encoding.offsets
        return QueryTokens(
            embeddings[0],
            tokens[0, : len(kept)],
            *query_words(prompt + query, len(prompt), [words[at] for at in kept], [spans[at] for at in kept]),
        )

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where in its passage each token is: ``(start, end)``, ``(0, 0)`` for special ones and the prompt's."""
        prompt = self._spec.passage_prompt
        shift = len(prompt)
        found = []
        for encoding in self._encoded([prompt + text for text in texts]):
            spans = encoding.offsets
            kept = [spans[at] for at in self._kept(encoding)]
            found.append([(start - shift, end - shift) if end > start >= shift else (0, 0) for start, end in kept])
        return found

    def _embed_passages(
        self, texts: Sequence[str], *, with_tokens: bool
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        embeddings = np.empty((len(texts), self._spec.dimension), dtype=np.float32)
        tokens = [np.empty((0, self._spec.dimension), dtype=np.float32)] * (len(texts) if with_tokens else 0)
        if not texts:
            return embeddings, tokens
        encodings = self._encoded([self._spec.passage_prompt + text for text in texts])
        order = sorted(range(len(texts)), key=lambda row: len(encodings[row]))
        passages = self._passages()
        run = passages.runtime.run

        def embed(rows: list[int]) -> None:
            ids, mask = self._inputs([encodings[row] for row in rows])
            outputs = run(ids, mask, tokens=with_tokens)
            embeddings[rows] = outputs[0]
            if with_tokens:
                for row, vectors, length in zip(rows, outputs[1], mask.sum(axis=1), strict=True):
                    tokens[row] = vectors[:length].copy()

        batches = [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
        if len(batches) == 1:
            embed(batches[0])
        else:  # the longest first, so that no processor waits for another at the end
            list(passages.workers.map(embed, reversed(batches)))
        return embeddings, tokens

    def _passages(self) -> _Passages:
        """Return what passages are run by; loading it takes a second, which a query does not wait for."""
        process = os.getpid()
        with self._setting_up:
            if self._set_up is None or self._set_up.process != process:
                # No thread survives a fork: OpenVINO would wait for its own for ever, and crash where it is given up.
                from concurrent.futures import ThreadPoolExecutor

                inherited = self._set_up
                runtime = self._queries if inherited or best_precision() is None else self._openvino()
                workers = ThreadPoolExecutor(_processors(), thread_name_prefix="semsearch-embedder")
                self._set_up = _Passages(process, runtime, workers, inherited)
            return self._set_up

    def _openvino(self) -> OpenVinoRuntime:
        runtime = OpenVinoRuntime(self._form.graph, self._weights, precision=self.precision, threads=_processors())
        if not self._queries.is_up_to_date:
            raise ModelNotFoundError(
                f"the model in {self._weights.parent} is another one than when it was loaded: load it again"
            )
        return runtime

    def _encoded(self, texts: Sequence[str], *, special: bool = True) -> list[Encoding]:
        """Tokenize texts: a few one after the other, as waking threads for them takes longer."""
        if len(texts) > _FEW:
            return self._tokenizer.encode_batch(list(texts), add_special_tokens=special)
        return [self._tokenizer.encode(text, add_special_tokens=special) for text in texts]

    def _inputs(self, encodings: Sequence[Encoding]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of texts' tokens and their mask, padded on the right to the longest."""
        kept = [self._kept(encoding) for encoding in encodings]
        shape = (len(encodings), max(1, *map(len, kept)))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, (encoding, places) in enumerate(zip(encodings, kept, strict=True)):
            numbers = encoding.ids
            ids[row, : len(places)] = numbers if len(places) == len(numbers) else [numbers[at] for at in places]
            mask[row, : len(places)] = 1
        return ids, mask

    def _kept(self, encoding: Encoding) -> Sequence[int]:
        """Return which tokens the model reads: of a long text the first ones, and the special ones at its end."""
        count = len(encoding)
        if count <= self._limit:
            return range(count)
        special = encoding.special_tokens_mask
        after = next(number for number in range(count) if not special[-1 - number])
        return [*range(self._limit - after), *range(count - after, count)]

    @cached_property
    def _limit(self) -> int:
        """Tokens that the model reads, special ones and a prompt among them."""
        prompt = self.count_tokens([self._spec.passage_prompt])[0]
        return self._spec.max_tokens + prompt + self._tokenizer.num_special_tokens_to_add(is_pair=False)


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
