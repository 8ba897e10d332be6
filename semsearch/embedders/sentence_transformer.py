"""Any sentence-transformers model, as the library itself runs it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from semsearch.embedders._protocol import EmbedderSpec
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["SentenceTransformerEmbedder"]

_BATCH = 16
"""Texts of similar length, in batches of 4 to 16, are embedded faster on a CPU than in the library's 32."""

_TOKENIZER_FILES = ("tokenizer*.json", "vocab*", "*.model", "*.spm")
_FINGERPRINTED = frozenset({".bin", ".json", ".model", ".safetensors", ".txt"})


class SentenceTransformerEmbedder:
    """An embedder that runs a sentence-transformers model in this process. Satisfies :class:`Embedder`.

    Args:
        name: What to call the model.
        folder: Where its files are.
        revision: The hub's revision that the folder holds.

    Raises:
        ModelNotFoundError: If ``folder`` holds no model that can be loaded without running code from it.
    """

    def __init__(self, name: str, folder: Path, *, revision: str | None = None) -> None:
        # A tokenizer keeps its truncation and padding as state, which a call sets: threads must take turns.
        self._lock = threading.Lock()
        self._model = _load_model(name, folder)
        self._model.eval()
        prompts = self._model.prompts
        default_name = self._model.default_prompt_name or ""
        default = prompts.get(default_name) or ""
        query_prompt = prompts.get("query") or default
        # That queries are a model's default use does not make its passages queries.
        passage_prompt = next((prompts[name] for name in ("document", "passage", "corpus") if prompts.get(name)), "")
        passage_prompt = passage_prompt or ("" if default_name == "query" else default)
        self._tokenizer = self._model.tokenizer
        limit = self._model.max_seq_length or self._tokenizer.model_max_length
        special = self._tokenizer.num_special_tokens_to_add()
        prompt_tokens = self.count_tokens([passage_prompt])[0] if passage_prompt else 0
        self._spec = EmbedderSpec(
            name=name,
            fingerprint=_fingerprint(folder),
            dimension=cast(int, self._model.get_embedding_dimension()),
            max_tokens=int(limit) - special - prompt_tokens,
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
        # Truncation must be switched off by name: the tokenizer file of the default model cuts at 128 tokens.
        with self._lock:
            encoded = self._tokenizer(
                list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False
            )
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages: ``(len(texts), dimension)`` float32, unit rows."""
        return self._embed(texts, self._spec.passage_prompt, task="document")

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed queries: ``(len(texts), dimension)`` float32, unit rows."""
        return self._embed(texts, self._spec.query_prompt, task="query")

    def _embed(self, texts: Sequence[str], prompt: str, *, task: str) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self._spec.dimension), dtype=np.float32)
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        with self._lock:
            embeddings = encode(
                list(texts), prompt=prompt, batch_size=_BATCH, show_progress_bar=False, normalize_embeddings=True
            )
        return np.asarray(embeddings, dtype=np.float32)


def _load_model(name: str, folder: Path) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    # Without one, the library makes up a tokenizer to which every word is unknown.
    if not any(any(folder.rglob(pattern)) for pattern in _TOKENIZER_FILES):
        raise ModelNotFoundError(
            f"what is in {folder} is no whole model {name!r} (no tokenizer): save or download it again"
        )
    try:
        with _quiet():
            model = SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False)
        _require_all_weights(folder, model)
    except Exception as error:  # the library raises whatever a damaged file provokes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelNotFoundError(
            f"what is in {folder} cannot be loaded as the model {name!r} ({reason}): save or download it again"
        ) from error
    return model


def _require_all_weights(folder: Path, model: SentenceTransformer) -> None:
    """Refuse a file that lacks weights of the model: the library would put random numbers in their place."""
    from safetensors import safe_open

    stored: set[str] = set()
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="np") as weights:
            stored.update(weights.keys())
    for name in model.state_dict() if stored else ():
        parts = name.split(".")
        if "pooler" not in parts and not any(".".join(parts[at:]) in stored for at in range(len(parts))):
            raise ValueError(f"its files lack the weights {name}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars and advice off the user's terminal while a model loads."""
    from transformers.utils import logging as transformers_logging

    bars = transformers_logging.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _fingerprint(folder: Path) -> str:
    """Hash the files that a vector depends on (weights, tokenizer, pooling, prompts), wherever the folder is.

    The files and not the loaded model, so that another version of a library, or another runtime, gives the same.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        # Hubs keep the same weights in several forms: only what sentence-transformers loads counts.
        other_form = name.parts[0] in {"onnx", "openvino"} or (
            path.suffix == ".bin" and any(path.parent.glob("*.safetensors"))
        )
        if path.suffix in _FINGERPRINTED and not other_form and path.is_file():
            digest.update(f"{name.as_posix()} {path.stat().st_size}\n".encode())
            with path.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
