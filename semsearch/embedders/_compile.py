"""A sentence-transformers model to its compiled form: a graph, the tokenizer, and what identifies it; once a model.

What is compiled is compared with the model itself before anybody relies on it: their vectors agree, or the compiled
form is not used and the model runs as the library runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from semsearch.embedders._cache import CompiledForm, keep_form, keep_refusal
from semsearch.embedders._graph import Architecture, NotCompilableError, read_weights, write_graph
from semsearch.embedders._protocol import TokenEmbedder
from semsearch.embedders._runtimes import best_precision
from semsearch.embedders.compiled import CompiledEmbedder
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder, SentenceTransformerTokenEmbedder, load

__all__ = ["compile_form"]

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
_TOKENS_AGREEMENT = 0.999  # the same for those of tokens, of which an index keeps two bits a component
_SAMPLES = (
    "The treaty was signed by 12 states; the mission left in May 2022.",
    "legal basis for deployment",
    "a",
    "Größe, naïve façade — “quoted” ﬁgures: 4 %, 3.5 km/h, №7, 東京, привет",
    "one sentence after the other is read, and none of them is dropped. " * 40,
)


def compile_form(name: str, folder: Path, weights: Path, fingerprint: str) -> CompiledForm | str:
    """Compile the model in ``folder``, whose weights are in the file ``weights``, and keep it for other processes.

    Returns:
        Its compiled form, or why it has none.

    Raises:
        ModelNotFoundError: If ``folder`` holds no whole model.
    """
    original = load(name, folder, fingerprint)
    try:
        form = _compiled(original, weights)
    except NotCompilableError as reason:
        keep_refusal(fingerprint, weights.name, str(reason))
        return str(reason)
    except Exception as error:  # noqa: BLE001 - whatever it is, the library still runs the model; it may pass, too
        return next(iter(str(error).splitlines()), type(error).__name__)
    keep_form(form, weights.name)
    return form


def _compiled(original: SentenceTransformerEmbedder, weights: Path) -> CompiledForm:
    """Return the compiled form of a model, once it was seen to give what the model gives."""
    if not isinstance(original, SentenceTransformerTokenEmbedder):
        raise NotCompilableError("its vectors are not pooled from those of a transformer's tokens")
    if not weights.is_file():
        raise NotCompilableError("its weights are not in one file model.safetensors")
    graph = write_graph(_architecture(original), read_weights(weights), weights.name)
    form = CompiledForm(graph, _tokenizer(original), original.spec)
    own = _vectors(original)
    for precision in dict.fromkeys([best_precision() or "float32", "float32"]):
        compiled = CompiledEmbedder(form, weights, original.spec, precision=precision)
        if compiled.count_tokens(_SAMPLES) != original.count_tokens(_SAMPLES):
            raise NotCompilableError("its tokens are others when it is compiled")
        if _agree(_vectors(compiled), own):
            return replace(form, bfloat16=precision == "bfloat16")
    raise NotCompilableError("its vectors are others when it is compiled")


def _architecture(original: SentenceTransformerEmbedder) -> Architecture:
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    transformer, pooling, *others = original.model
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
    architecture = Architecture(
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
    if original.spec.dimension != architecture.hidden:
        raise NotCompilableError(f"it gives {original.spec.dimension} of {hidden} components")
    if (original.model.max_seq_length or 0) > architecture.positions - first:
        raise NotCompilableError("its limit is beyond the last position that it knows")
    return architecture


def _tokenizer(original: SentenceTransformerEmbedder) -> bytes:
    """Return the tokenizer as JSON: as the library set it up, but that it neither truncates nor pads."""
    from tokenizers import Tokenizer

    if original.model.tokenizer.truncation_side != "right":
        raise NotCompilableError("it reads the end of a long text, not the beginning")
    tokenizer = Tokenizer.from_str(original.model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return bytes(tokenizer.to_str().encode())


class _Vectors(NamedTuple):
    """What an embedder makes of the samples: of each as a passage and as a query, and of each passage's tokens."""

    texts: NDArray[np.float32]
    tokens: list[NDArray[np.float32]]


def _vectors(embedder: TokenEmbedder) -> _Vectors:
    passages, tokens = embedder.embed_passages_with_tokens(_SAMPLES)
    return _Vectors(np.concatenate([passages, embedder.embed_queries(_SAMPLES)]), tokens)


def _agree(vectors: _Vectors, own: _Vectors) -> bool:
    pairs = zip([vectors.texts, *vectors.tokens], [own.texts, *own.tokens], strict=True)
    least = [_AGREEMENT, *[_TOKENS_AGREEMENT] * len(own.tokens)]
    return all(
        one.shape == other.shape and np.einsum("ij,ij->i", one, other).min() >= cosine
        for (one, other), cosine in zip(pairs, least, strict=True)
    )
