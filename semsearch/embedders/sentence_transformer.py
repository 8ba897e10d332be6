"""Any sentence-transformers model, as the library itself runs it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from semsearch.embedders._model import load_model
from semsearch.embedders._protocol import EmbedderSpec, QueryTokens
from semsearch.embedders._words import query_words
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["SentenceTransformerEmbedder", "SentenceTransformerTokenEmbedder", "load"]

_BATCH = 16
"""Texts of similar length, in batches of 4 to 16, are embedded faster on a CPU than in the library's 32."""

_LIMIT = 512
"""Tokens that a model reads which has no limit of its own."""


def load(name: str, folder: Path, fingerprint: str, *, revision: str | None = None) -> SentenceTransformerEmbedder:
    """Load the model in ``folder``, called ``name``, at the hub's ``revision``: with tokens, if it can give them.

    Raises:
        ModelNotFoundError: If ``folder`` holds no model of texts that loads without running code from it.
    """
    model = load_model(name, folder)
    tokenizer = getattr(model, "tokenizer", None)
    if not (callable(tokenizer) or _is_plain(tokenizer)):
        raise ModelNotFoundError(f"the model {name!r} in {folder} has no tokenizer for texts: name another one")
    kind = SentenceTransformerTokenEmbedder if _gives_tokens(model) else SentenceTransformerEmbedder
    return kind(model, name, fingerprint, revision=revision)


class SentenceTransformerEmbedder:
    """An embedder that runs a sentence-transformers model in this process. Satisfies :class:`Embedder`.

    It is for the models that cannot be compiled.

    Args:
        model: The model.
        name: What to call it.
        fingerprint: What identifies it.
        revision: The hub's revision of it.
    """

    def __init__(self, model: SentenceTransformer, name: str, fingerprint: str, *, revision: str | None = None) -> None:
        # A tokenizer keeps its truncation and padding as state, which a call sets: threads must take turns.
        self._lock = threading.Lock()
        self.model = model
        self.model.eval()
        prompts = self.model.prompts
        default_name = self.model.default_prompt_name or ""
        default = prompts.get(default_name) or ""
        query_prompt = prompts.get("query") or default
        # That queries are a model's default use does not make its passages queries.
        passage_prompt = next((prompts[name] for name in ("document", "passage", "corpus") if prompts.get(name)), "")
        passage_prompt = passage_prompt or ("" if default_name == "query" else default)
        self._tokenizer = self.model.tokenizer
        self._tokenize = _without_truncation(self._tokenizer)
        prompt_tokens = self.count_tokens([passage_prompt])[0] if passage_prompt else 0
        self._spec = EmbedderSpec(
            name=name,
            fingerprint=fingerprint,
            dimension=cast(int, self.model.get_embedding_dimension()),
            max_tokens=_limit(self.model) - prompt_tokens,
            query_prompt=query_prompt,
            passage_prompt=passage_prompt,
            revision=revision,
        )

    @property
    def spec(self) -> EmbedderSpec:
        """What identifies this embedder."""
        return self._spec

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens: no special tokens, no prompt, no truncation."""
        if not texts:
            return []
        with self._lock:
            return [len(ids) for ids in self._tokenize(list(texts))]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages: ``(len(texts), dimension)`` float32, unit rows."""
        return self._embed(texts, self._spec.passage_prompt, task="document")

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(texts), dimension)`` float32, unit rows."""
        return self._embed(texts, self._spec.query_prompt, task="query")

    def _embed(self, texts: Sequence[str], prompt: str, *, task: str) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self._spec.dimension), dtype=np.float32)
        encode = self.model.encode_query if task == "query" else self.model.encode_document
        with self._lock, _one_thread() if len(texts) == 1 else contextlib.nullcontext():
            embeddings = encode(
                list(texts), prompt=prompt, batch_size=_BATCH, show_progress_bar=False, normalize_embeddings=True
            )
        return _unit(np.asarray(embeddings, dtype=np.float32))  # a model in half precision makes rows of about 1


class SentenceTransformerTokenEmbedder(SentenceTransformerEmbedder):
    """One that also gives the vectors of tokens: its model is a transformer whose tokens are pooled.

    Satisfies :class:`TokenEmbedder`.
    """

    def embed_passages_with_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages, and give each one's tokens: ``(t, dimension)`` float32, unit rows."""
        if not texts:
            return self.embed_passages(texts), []
        outputs = self._run(texts, self._spec.passage_prompt, task="document")
        embeddings = np.stack([_numpy(output["sentence_embedding"]) for output in outputs])
        return _unit(embeddings), [_token_vectors(output) for output in outputs]

    def embed_query_with_tokens(self, query: str) -> QueryTokens:
        """Embed a query and its tokens, of as much of it as the model reads at once."""
        prompt = self._spec.query_prompt
        with _one_thread():
            (output,) = self._run([query], prompt, task="query")
        embeddings = _token_vectors(output)
        with self._lock:
            encoded = self._tokenizer(
                prompt + query, truncation=True, max_length=len(embeddings), return_offsets_mapping=True
            )
        words, texts = query_words(prompt + query, len(prompt), encoded.word_ids(), encoded["offset_mapping"])
        (embedding,) = _unit(_numpy(output["sentence_embedding"])[None])
        return QueryTokens(embedding, embeddings, words, texts)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where in its passage each token is: ``(start, end)``, ``(0, 0)`` for special ones and the prompt's."""
        if not texts:
            return []
        prompt = self._spec.passage_prompt
        limit = self._spec.max_tokens + self.count_tokens([prompt])[0] + self._tokenizer.num_special_tokens_to_add()
        with self._lock:
            encoded = self._tokenizer(
                [prompt + text for text in texts], truncation=True, max_length=limit, return_offsets_mapping=True
            )
        shift = len(prompt)
        return [
            [(start - shift, end - shift) if end > start >= shift else (0, 0) for start, end in spans]
            for spans in encoded["offset_mapping"]
        ]

    def _run(self, texts: Sequence[str], prompt: str, *, task: str) -> list[dict[str, Any]]:
        encode = self.model.encode_query if task == "query" else self.model.encode_document
        with self._lock:
            outputs = encode(list(texts), prompt=prompt, batch_size=_BATCH, show_progress_bar=False, output_value=None)
        return cast(list[dict[str, Any]], outputs)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Run a model on one thread: for a single query, waking and awaiting others costs several times the work."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _is_plain(tokenizer: object) -> bool:
    """Say whether it is a tokenizer of the library tokenizers, as models without a transformer have."""
    from tokenizers import Tokenizer

    return isinstance(tokenizer, Tokenizer)


def _gives_tokens(model: SentenceTransformer) -> bool:
    """Say whether a vector of the model is pooled from those of tokens, which can be told by their words."""
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    modules = list(model)
    return (
        isinstance(modules[0], Transformer)
        and any(isinstance(module, Pooling) for module in modules)
        and modules[0].get_embedding_dimension() == model.get_embedding_dimension()
        and bool(getattr(model.tokenizer, "is_fast", False))  # others do not know what word a token is of
    )


def _without_truncation(tokenizer: Any) -> Callable[[list[str]], list[list[int]]]:
    """Return what makes of texts their tokens' numbers: no special tokens, none left out."""
    if _is_plain(tokenizer):
        whole = type(tokenizer).from_str(tokenizer.to_str())
        whole.no_truncation()
        whole.no_padding()
        return lambda texts: [encoding.ids for encoding in whole.encode_batch(texts, add_special_tokens=False)]
    # Truncation must be switched off by name: the tokenizer file of the default model cuts at 128 tokens.
    return lambda texts: cast(
        list[list[int]],
        tokenizer(texts, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"],
    )


def _limit(model: SentenceTransformer) -> int:
    """Return how many tokens of a text the model reads, special ones aside. One without a limit is given one."""
    tokenizer = model.tokenizer
    if _is_plain(tokenizer):
        if tokenizer.truncation is None:
            tokenizer.enable_truncation(_LIMIT)
        return int(tokenizer.truncation["max_length"])
    limit = model.max_seq_length or tokenizer.model_max_length
    if limit > sys.maxsize:  # how tokenizers say that there is none
        limit = model.max_seq_length = _LIMIT
    return int(limit) - int(tokenizer.num_special_tokens_to_add())


def _token_vectors(output: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the unit vectors of a text's tokens, without those of the padding."""
    mask = _numpy(output["attention_mask"]).astype(bool)
    return _unit(_numpy(output["token_embeddings"])[mask])


def _numpy(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().float().numpy())


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
