"""A transformer's configuration and weights to an ONNX graph: what a runtime computes its vectors from, without torch.

The weights stay where they are: the graph names their places in the model's ``.safetensors`` file, which a runtime maps
into memory. So a graph is a few kilobytes and written in milliseconds.

The graphs are those of BERT (Devlin et al. 2019), of RoBERTa and XLM-RoBERTa, which count positions from another
number, of MPNet (Song et al. 2020), whose attention also looks at how far apart two tokens are, and of DistilBERT.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from semsearch.embedders._runtimes import SENTENCE_EMBEDDING, TOKEN_EMBEDDINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Architecture", "NotCompilableError", "Weight", "read_weights", "write_graph"]

_OPSET = 20
_IR_VERSION = 10
_LONGEST_HEADER = 100_000_000  # bytes, as the safetensors library has it
_DTYPES = {"F32": "FLOAT", "F16": "FLOAT16", "BF16": "BFLOAT16"}
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
_MASKED = -10_000.0  # is added to the attention of padding; exp of it is 0
_LEAST_COUNT = 1e-9  # of tokens: a text without any has the vector 0, as in the library
_MPNET_FARTHEST = 128  # tokens apart; beyond it MPNet takes all distances for equal


class NotCompilableError(Exception):
    """A model cannot be written as a graph; the message says why."""


class Weight(NamedTuple):
    """Where a tensor is in a ``.safetensors`` file: ``dtype`` is one of F32, F16 and BF16."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a graph is written from, besides the weights.

    Attributes:
        family: ``bert``, ``roberta``, ``mpnet`` or ``distilbert``.
        layers: How many.
        heads: Of the attention in each.
        hidden: Components of a token's vector.
        epsilon: Of the layer normalisation.
        activation: ``gelu``, ``gelu_tanh`` or ``relu``.
        first_position: The position of the first token.
        positions: Positions that the model knows.
        pooling: ``mean`` or ``cls``.
    """

    family: str
    layers: int
    heads: int
    hidden: int
    epsilon: float
    activation: str
    first_position: int
    positions: int
    pooling: str


def read_weights(path: Path) -> dict[str, Weight]:
    """Return the tensors of a ``.safetensors`` file by name: those of floating-point numbers.

    Raises:
        NotCompilableError: If the file is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        beginning = stream.read(8)
        length = struct.unpack("<Q", beginning)[0] if len(beginning) == 8 else size
        if length > min(size, _LONGEST_HEADER):
            raise NotCompilableError(f"{path.name} is no safetensors file")
        try:
            header = json.loads(stream.read(length))
            return {
                _present_name(name): _weight(entry, 8 + length, size)
                for name, entry in header.items()
                if name != "__metadata__" and entry["dtype"] in _DTYPES
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotCompilableError(f"{path.name} is no safetensors file ({error})") from None


def _present_name(name: str) -> str:
    """Return what a weight is called today; the first BERT models called those of a normalisation otherwise."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _weight(entry: Mapping[str, Any], start: int, size: int) -> Weight:
    begin, end = entry["data_offsets"]
    shape = tuple(int(length) for length in entry["shape"])
    if end - begin != math.prod(shape) * _WIDTHS[entry["dtype"]] or not 0 <= begin <= end <= size - start:
        raise ValueError("a tensor is not all there")
    return Weight(entry["dtype"], shape, start + begin, end - begin)


def write_graph(architecture: Architecture, weights: Mapping[str, Weight], file: str) -> bytes:
    """Return the graph of a model as the bytes of an ONNX file.

    Its inputs are ``input_ids`` and ``attention_mask``, both ``(texts, tokens)`` int64, padded on the right. Its
    outputs are ``sentence_embedding``, ``(texts, hidden)``, and ``token_embeddings``, ``(texts, tokens, hidden)``, both
    float32 with unit rows.

    Args:
        architecture: What the model is.
        weights: Where its weights are.
        file: The name of the file that they are in.

    Raises:
        NotCompilableError: If a weight is missing or has another shape.
    """
    return _Graph(architecture, weights, file).to_bytes()


class _Names(NamedTuple):
    """What a family calls the weights of a layer, each without ``.weight`` and ``.bias``."""

    layer: str
    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    inner: str
    output: str
    output_norm: str


_BERT = _Names(
    "encoder.layer",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_NAMES = {
    "bert": _BERT,
    "roberta": _BERT,
    "mpnet": _BERT._replace(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attention_output="attention.attn.o",
        attention_norm="attention.LayerNorm",
    ),
    "distilbert": _Names(
        "transformer.layer",
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
    ),
}


class _Graph:
    """A graph in the making. Methods add nodes and return the name of what they compute."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, Weight], file: str) -> None:
        self._architecture = architecture
        self._weights = weights
        self._file = file
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}
        word = "embeddings.word_embeddings.weight"
        # A model that was saved with a head has its own weights behind a prefix ("bert.").
        self._prefix = next((name[: -len(word)] for name in weights if name.endswith(word)), "")

    def to_bytes(self) -> bytes:
        from onnx import TensorProto, helper

        hidden = self._encoder()
        mask = self._node("Unsqueeze", self._node("Cast", "attention_mask", to=TensorProto.FLOAT), self._ints([2]))
        sentence = self._pooled(hidden, mask)
        self._node("LpNormalization", sentence, output=SENTENCE_EMBEDDING, axis=-1, p=2)
        self._node("LpNormalization", hidden, output=TOKEN_EMBEDDINGS, axis=-1, p=2)
        size = self._architecture.hidden
        graph = helper.make_graph(
            self._nodes,
            self._architecture.family,
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
                for name in ("input_ids", "attention_mask")
            ],
            [
                helper.make_tensor_value_info(SENTENCE_EMBEDDING, TensorProto.FLOAT, ["texts", size]),
                helper.make_tensor_value_info(TOKEN_EMBEDDINGS, TensorProto.FLOAT, ["texts", "tokens", size]),
            ],
            list(self._initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        return bytes(model.SerializeToString())

    # --- the model ---

    def _encoder(self) -> str:
        from onnx import TensorProto

        mask = self._node("Cast", "attention_mask", to=TensorProto.FLOAT)
        masked = self._node("Sub", self._float(1.0), self._node("Unsqueeze", mask, self._ints([1, 2])))
        bias = self._node("Mul", masked, self._float(_MASKED))
        shape = self._node("Shape", "input_ids")
        tokens = self._node("Shape", "input_ids", start=1, end=2)
        if self._architecture.family == "mpnet":
            bias = self._node("Add", bias, self._distance_bias(tokens))
        size = self._architecture.hidden
        rows = self._ints([-1, size])
        by_head = self._node(
            "Concat", shape, self._ints([self._architecture.heads, size // self._architecture.heads]), axis=0
        )
        # Two dimensions, all texts' tokens below each other: that is what Gemm takes, with weights as they are stored.
        hidden = self._node("Reshape", self._embeddings(tokens), rows)
        for layer in range(self._architecture.layers):
            hidden = self._layer(layer, hidden, bias, by_head, rows)
        return self._node("Reshape", hidden, self._node("Concat", shape, self._ints([size]), axis=0))

    def _embeddings(self, tokens: str) -> str:
        size, first = self._architecture.hidden, self._architecture.first_position
        words = self._node("Gather", self._weight("embeddings.word_embeddings.weight", (None, size)), "input_ids")
        places = self._weight("embeddings.position_embeddings.weight", (self._architecture.positions, size))
        end = self._node("Add", tokens, self._ints([first]))
        total = self._node("Add", words, self._node("Slice", places, self._ints([first]), end))
        kinds = "embeddings.token_type_embeddings.weight"
        if self._prefix + kinds in self._weights:  # all tokens are of the first kind: of the only text
            kind = self._node("Gather", self._weight(kinds, (None, size)), self._ints([0]))
            total = self._node("Add", total, kind)
        return self._norm(total, "embeddings.LayerNorm")

    def _layer(self, number: int, hidden: str, bias: str, by_head: str, rows: str) -> str:
        names = _NAMES[self._architecture.family]
        prefix = f"{names.layer}.{number}."
        size = self._architecture.hidden

        def heads(name: str, order: Sequence[int]) -> str:
            projected = self._linear(hidden, prefix + name, size, size)
            return self._node("Transpose", self._node("Reshape", projected, by_head), perm=order)

        scores = self._node("MatMul", heads(names.query, (0, 2, 1, 3)), heads(names.key, (0, 2, 3, 1)))
        scale = self._float((size // self._architecture.heads) ** -0.5)
        scores = self._node("Add", self._node("Mul", scores, scale), bias)
        context = self._node("MatMul", self._node("Softmax", scores, axis=-1), heads(names.value, (0, 2, 1, 3)))
        context = self._node("Reshape", self._node("Transpose", context, perm=(0, 2, 1, 3)), rows)
        attended = self._linear(context, prefix + names.attention_output, size, size)
        hidden = self._norm(self._node("Add", attended, hidden), prefix + names.attention_norm)
        inner = self._activated(self._linear(hidden, prefix + names.inner, None, size))
        output = self._linear(inner, prefix + names.output, size, None)
        return self._norm(self._node("Add", output, hidden), prefix + names.output_norm)

    def _pooled(self, hidden: str, mask: str) -> str:
        if self._architecture.pooling == "cls":
            return self._node("Gather", hidden, self._int(0), axis=1)
        total = self._node("ReduceSum", self._node("Mul", hidden, mask), self._ints([1]), keepdims=0)
        count = self._node("ReduceSum", mask, self._ints([1]), keepdims=0)
        return self._node("Div", total, self._node("Max", count, self._float(_LEAST_COUNT)))

    def _distance_bias(self, tokens: str) -> str:
        """Return what MPNet adds to the attention for how far apart two tokens are: ``(1, heads, tokens, tokens)``."""
        name = "encoder.relative_attention_bias.weight"
        longest = self._architecture.positions
        table = self._weight(name, (None, self._architecture.heads))
        buckets = self._constant(_distance_buckets(longest, self._weights[self._prefix + name].shape[0]))
        places = self._node("Range", self._int(0), self._node("Squeeze", tokens), self._int(1))
        apart = self._node(
            "Sub", self._node("Unsqueeze", places, self._ints([0])), self._node("Unsqueeze", places, self._ints([1]))
        )
        bucket = self._node("Gather", buckets, self._node("Add", apart, self._int(longest - 1)))
        bias = self._node("Transpose", self._node("Gather", table, bucket), perm=(2, 0, 1))
        return self._node("Unsqueeze", bias, self._ints([0]))

    # --- its parts ---

    def _linear(self, rows: str, name: str, outputs: int | None, inputs: int | None) -> str:
        weight = self._weight(f"{name}.weight", (outputs, inputs))
        bias = self._weight(f"{name}.bias", (outputs,))
        return self._node("Gemm", rows, weight, bias, transB=1)

    def _norm(self, rows: str, name: str) -> str:
        size = (self._architecture.hidden,)
        scale, bias = self._weight(f"{name}.weight", size), self._weight(f"{name}.bias", size)
        return self._node("LayerNormalization", rows, scale, bias, axis=-1, epsilon=self._architecture.epsilon)

    def _activated(self, rows: str) -> str:
        if self._architecture.activation == "relu":
            return self._node("Relu", rows)
        approximate = "tanh" if self._architecture.activation == "gelu_tanh" else "none"
        return self._node("Gelu", rows, approximate=approximate)

    # --- nodes and constants ---

    def _node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _weight(self, name: str, shape: tuple[int | None, ...]) -> str:
        """Name a weight, whose ``shape`` must be this where it is not None, as 32-bit floating point."""
        from onnx import TensorProto

        name = self._prefix + name
        weight = self._weights.get(name)
        if weight is None:
            raise NotCompilableError(f"its files lack the weights {name}")
        fits = len(weight.shape) == len(shape) and all(s in (None, w) for s, w in zip(shape, weight.shape, strict=True))
        if not fits:
            raise NotCompilableError(f"its weights {name} have the shape {weight.shape}")
        if name not in self._initializers:
            tensor = TensorProto(name=name, data_type=getattr(TensorProto, _DTYPES[weight.dtype]), dims=weight.shape)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", self._file), ("offset", weight.offset), ("length", weight.length)):
                tensor.external_data.add(key=key, value=str(value))
            self._initializers[name] = tensor
        return name if weight.dtype == "F32" else self._node("Cast", name, to=TensorProto.FLOAT)

    def _constant(self, values: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        name = f"{values.dtype}_{values.tolist()}" if values.size < 8 else f"{values.dtype}_{len(self._initializers)}"
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(values, name)
        return name

    def _ints(self, values: Sequence[int]) -> str:
        import numpy as np

        return self._constant(np.array(values, dtype=np.int64))

    def _int(self, value: int) -> str:
        import numpy as np

        return self._constant(np.array(value, dtype=np.int64))

    def _float(self, value: float) -> str:
        import numpy as np

        return self._constant(np.array(value, dtype=np.float32))


def _distance_buckets(longest: int, count: int) -> NDArray[np.int64]:
    """Return the bucket of each distance from ``1 - longest`` to ``longest - 1`` tokens: ``(2 * longest - 1,)`` int64.

    Half of the buckets are for either direction; half of those for one distance each, the others for ranges that grow
    (Raffel et al. 2020, T5).
    """
    import numpy as np

    distances = np.arange(1 - longest, longest)
    half = count // 2
    exact = half // 2
    apart = np.abs(distances)
    farther = exact + (
        np.log(np.maximum(apart, 1).astype(np.float32) / exact) / math.log(_MPNET_FARTHEST / exact) * (half - exact)
    ).astype(np.int64)
    bucket = np.where(apart < exact, apart, np.minimum(farther, half - 1))
    return bucket + np.where(distances > 0, half, 0)
