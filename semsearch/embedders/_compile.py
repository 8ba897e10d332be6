"""A sentence-transformers model to its compiled form: a graph, the tokenizer, and what identifies it; once a model.

What is compiled is compared with the model itself before anybody relies on it: their vectors agree, or the compiled
form is not used and the model runs as the library runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from semsearch.embedders._cache import CompiledForm, keep_form, keep_refusal
from semsearch.embedders._graph import Architecture, NotCompilableError, read_weights, write_graph
from semsearch.embedders.compiled import CompiledEmbedder
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder, SentenceTransformerTokenEmbedder, load
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["compile_model"]

_WEIGHTS = "model.safetensors"
_FAMILIES = {
    "bert": "bert",
    "camembert": "roberta",
    "distilbert": "distilbert",
    "mpnet": "mpnet",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
}
_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
_MPNET_PADDING = 1  # whatever the configuration says
_AGREEMENT = 0.9999  # the least cosine of a compiled vector with the model's own
_SAMPLES = (
    "The treaty was signed by 12 states; the mission left in May 2022.",
    "legal basis for deployment",
    "a",
    "Größe, naïve façade — “quoted” ﬁgures: 4 %, 3.5 km/h, №7, 東京, привет",
    "one sentence after the other is read, and none of them is dropped. " * 40,
)


def compile_model(name: str, folder: Path, fingerprint: str) -> CompiledForm | str:
    """Compile the model in ``folder``, and keep what comes of it for other processes.

    Returns:
        Its compiled form, or why it has none.

    Raises:
        ModelNotFoundError: If ``folder`` holds no whole model.
    """
    original = load(name, folder, fingerprint)
    try:
        form = CompiledForm(_graph(original, folder), _tokenizer(original), _WEIGHTS, original.spec)
        _require_agreement(CompiledEmbedder(form, folder, original.spec, precision="float32"), original)
    except (NotCompilableError, ModelNotFoundError) as reason:
        keep_refusal(fingerprint, str(reason))
        return str(reason)
    keep_form(form)
    return form


def _graph(original: SentenceTransformerEmbedder, folder: Path) -> bytes:
    if not isinstance(original, SentenceTransformerTokenEmbedder):
        raise NotCompilableError("its vectors are not pooled from those of a transformer's tokens")
    if not (folder / _WEIGHTS).is_file():
        raise NotCompilableError(f"its weights are not in one file {_WEIGHTS}")
    return write_graph(_architecture(original.model), read_weights(folder / _WEIGHTS), _WEIGHTS)


def _architecture(model: SentenceTransformer) -> Architecture:
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    transformer, pooling, *others = model
    if not isinstance(pooling, Pooling) or not all(isinstance(module, Normalize) for module in others):
        raise NotCompilableError("it has modules besides a transformer, pooling and normalisation")
    if pooling.pooling_mode not in ("mean", "cls") or not pooling.include_prompt:
        raise NotCompilableError(f"it pools by {pooling.pooling_mode}")
    config: Mapping[str, Any] = cast(Any, transformer).model.config.to_dict()
    family = _FAMILIES.get(config["model_type"])
    if family is None:
        raise NotCompilableError(f"it is of the type {config['model_type']}, which has no graph here")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise NotCompilableError("its attention has no graph here")
    activation = config.get("hidden_act", config.get("activation"))
    if activation not in _ACTIVATIONS:
        raise NotCompilableError(f"its activation {activation} has no graph here")
    heads = config.get("num_attention_heads", config.get("n_heads"))
    hidden = config.get("hidden_size", config.get("dim"))
    # These count positions from the one after the padding's number.
    first = {"roberta": (config.get("pad_token_id") or 0) + 1, "mpnet": _MPNET_PADDING + 1}.get(family, 0)
    return Architecture(
        family=family,
        layers=int(config.get("num_hidden_layers", config.get("n_layers"))),
        heads=int(heads),
        hidden=int(hidden),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=_ACTIVATIONS[activation],
        first_position=first,
        positions=int(config["max_position_embeddings"]),
        pooling=pooling.pooling_mode,
    )


def _tokenizer(original: SentenceTransformerEmbedder) -> bytes:
    """Return the tokenizer as JSON: as the library set it up, but that it neither truncates nor pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(original.model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return bytes(tokenizer.to_str().encode())


def _require_agreement(compiled: CompiledEmbedder, original: SentenceTransformerEmbedder) -> None:
    """Raise NotCompilableError unless the compiled embedder gives what the model gives."""
    assert isinstance(original, SentenceTransformerTokenEmbedder)  # noqa: S101 - for the type checker
    if compiled.count_tokens(_SAMPLES) != original.count_tokens(_SAMPLES):
        raise NotCompilableError("its tokens are others when it is compiled")
    passages, tokens = compiled.embed_passages_with_tokens(_SAMPLES)
    own_passages, own_tokens = original.embed_passages_with_tokens(_SAMPLES)
    pairs = [(passages, own_passages), *zip(tokens, own_tokens, strict=True)]
    pairs.append((compiled.embed_queries(_SAMPLES), original.embed_queries(_SAMPLES)))
    for vectors, own in pairs:
        if vectors.shape != own.shape or not np.einsum("ij,ij->i", vectors, own).min() >= _AGREEMENT:
            raise NotCompilableError("its vectors are others when it is compiled")
