"""A graph to its outputs: onnxruntime for queries, OpenVINO for passages where it is there.

onnxruntime loads in a twentieth of a second and maps the weights from the model's own file: that is for a query from a
cold shell. OpenVINO takes half a second to load and is then up to twice as fast, as it computes in bfloat16 where the
processor does: that is for a build.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.embedders._fingerprint import file_state
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

__all__ = [
    "SENTENCE_EMBEDDING",
    "TOKEN_EMBEDDINGS",
    "OnnxRuntime",
    "OpenVinoRuntime",
    "best_precision",
    "require_precision",
]

# What the outputs of a graph are called.
SENTENCE_EMBEDDING = "sentence_embedding"
TOKEN_EMBEDDINGS = "token_embeddings"  # noqa: S105 - no password

_PACKED_AFTER = 8
"""Queries after which the weights are packed as matrix products like them: that takes as long as ten queries, and makes
each twice as fast. A single query from a shell is better off without."""

_OPENVINO_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
_INT8_GROUP = 128  # components that share a scale when activations are quantised, too


class OnnxRuntime:
    """Runs a graph in float32, on the thread that asks; threads may ask at the same time.

    Args:
        graph: An ONNX file.
        weights: The file with the weights, by the name that the graph has for it: onnxruntime follows no link.

    Raises:
        ModelNotFoundError: If the weights are not there.
    """

    def __init__(self, graph: bytes, weights: Path) -> None:
        self._graph = graph
        self._weights = weights
        self._runs = itertools.count(1)
        self._session = self._open(packed=False)
        self._state = file_state(weights)

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], *, tokens: bool) -> list[NDArray[np.float32]]:
        """Return the vectors of texts, ``(n, dimension)``, and if ``tokens`` those of theirs, ``(n, t, dimension)``.

        Args:
            ids: ``(n, t)``: the tokens' numbers.
            mask: ``(n, t)``: 1 for a token, 0 for padding, which is on the right.
            tokens: Whether the vectors of tokens are wanted.
        """
        if next(self._runs) == _PACKED_AFTER:
            self._pack()
        outputs = [SENTENCE_EMBEDDING, TOKEN_EMBEDDINGS][: 1 + tokens]
        found: list[NDArray[np.float32]] = self._session.run(outputs, {"input_ids": ids, "attention_mask": mask})
        return found

    @property
    def is_up_to_date(self) -> bool:
        """Whether the file with the weights is still as it was."""
        try:
            return file_state(self._weights) == self._state
        except OSError:
            return False

    def _pack(self) -> None:
        """Pack the weights, if they can still be had; if not, the mapped ones are gone on with."""
        with contextlib.suppress(ModelNotFoundError):
            packed = self._open(packed=True)
            if self.is_up_to_date:
                self._session = packed

    def _open(self, *, packed: bool) -> onnxruntime.InferenceSession:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, and need not be printed, too
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # others gain nothing
        folder = str(self._weights.parent)
        options.add_session_config_entry("session.disable_prepacking", "0" if packed else "1")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        try:
            return onnxruntime.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what it raises has no common class
            raise _not_loaded(self._weights.parent, error) from error


_first = threading.Lock()
_ran_once = threading.Event()


class OpenVinoRuntime:
    """Runs a graph on as many threads as ask, each batch on one.

    Args:
        graph: An ONNX file.
        weights: The file with the weights.
        precision: One of :data:`~semsearch.embedders.PRECISIONS`.
        threads: How many may ask at the same time.

    Raises:
        ModelNotFoundError: If the weights are not there.
    """

    def __init__(self, graph: bytes, weights: Path, *, precision: str, threads: int) -> None:
        openvino = _openvino()
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _OPENVINO_PRECISIONS[_around_products(precision)],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
        }
        if precision == "int8":
            settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = _INT8_GROUP
        try:
            core = openvino.Core()
            model = core.read_model(_with_weights(graph, weights, quantised=precision == "int8"))
            self._model = core.compile_model(model, "CPU", settings)
        except Exception as error:  # as above
            raise _not_loaded(weights.parent, error) from error
        self._local = threading.local()

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], *, tokens: bool) -> list[NDArray[np.float32]]:
        """Return the vectors of texts, and of their tokens: see :meth:`OnnxRuntime.run`.

        They are overwritten when the same thread runs the next batch.
        """
        if _ran_once.is_set():
            return self._run(ids, mask, tokens=tokens)
        # What OpenVINO's bindings make at their first use is guarded by a lock of C++, for which a thread waits while
        # it keeps the interpreter from the one that has it: two first batches at the same time may never end.
        with _first:
            found = self._run(ids, mask, tokens=tokens)
            _ran_once.set()
            return found

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], *, tokens: bool) -> list[NDArray[np.float32]]:
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        found = self._local.request.infer(
            {"input_ids": ids, "attention_mask": mask}, share_inputs=True, share_outputs=True
        )
        return [found[name] for name in [SENTENCE_EMBEDDING, TOKEN_EMBEDDINGS][: 1 + tokens]]


@functools.cache
def best_precision() -> str | None:
    """Return the fastest precision that gives the same vectors on this processor; None if OpenVINO is not there."""
    try:
        openvino = _openvino()
    except ImportError:
        return None
    with contextlib.suppress(RuntimeError):
        if openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.bf16:
            return "bfloat16"
    return "float32"


def _around_products(precision: str) -> str:
    """Return the precision of what is no product of weights: where products are of 8 bits, the fastest one."""
    return (best_precision() or "float32") if precision == "int8" else precision


def _onnxruntime() -> Any:
    """Import onnxruntime, which by itself would report to its makers over the network what it is used for."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # those of Windows do not ask the environment
    return onnxruntime


def _openvino() -> Any:
    """Import OpenVINO, which by itself would report that it was imported: it finds what would do so not installed."""
    modules: dict[str, Any] = sys.modules
    blocked = "openvino_telemetry"
    free = blocked not in modules
    if free:
        modules[blocked] = None
    try:
        import openvino
    finally:
        if free:
            del modules[blocked]
    return openvino


def require_precision(precision: str) -> None:
    """Raise ModelNotFoundError if passages cannot be embedded in a precision on this machine."""
    if precision == "float32":
        return
    best = best_precision()
    if best is None:
        raise ModelNotFoundError(f"{precision} needs OpenVINO, which 'pip install openvino' brings: or leave it out")
    if precision == "bfloat16" and best != "bfloat16":
        raise ModelNotFoundError("this processor does not compute in bfloat16: leave it out")


def _with_weights(graph: bytes, weights: Path, *, quantised: bool) -> bytes:
    """Return the graph with its weights in it, those of its products in 8 bits if they are to be ``quantised``."""
    import onnx

    model = onnx.load_model_from_string(graph)
    # Not by onnx's own helper, which takes a file with two names for an attack: some installers make such files.
    with weights.open("rb") as file:
        for tensor in model.graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if place:
                file.seek(int(place["offset"]))
                data = file.read(int(place["length"]))
                if len(data) != int(place["length"]):
                    raise ValueError("the file of its weights is shorter than it was")
                tensor.raw_data = data
                tensor.ClearField("external_data")
                tensor.data_location = onnx.TensorProto.DEFAULT
    if quantised:
        _quantise(model)
    return bytes(model.SerializeToString())


def _quantise(model: Any) -> None:
    """Put 8-bit weights with a scale for each output in the place of those of the products."""
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {node.input[1] for node in graph.node if node.op_type == "Gemm"}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    added = []
    for name in sorted(weights & tensors.keys()):
        values = numpy_helper.to_array(tensors[name]).astype(np.float32)
        scales = np.maximum(np.abs(values).max(axis=1), 1e-12) / np.float32(127)
        levels = np.rint(values / scales[:, None]).astype(np.int8)
        graph.initializer.remove(tensors[name])
        graph.initializer.extend(
            [numpy_helper.from_array(levels, f"{name}.levels"), numpy_helper.from_array(scales, f"{name}.scales")]
        )
        added.append(helper.make_node("DequantizeLinear", [f"{name}.levels", f"{name}.scales"], [name], axis=0))
    nodes = [*added, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _not_loaded(folder: Path, error: Exception) -> ModelNotFoundError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ModelNotFoundError(
        f"the model in {folder} cannot be run as it was compiled ({reason}): download or save it again"
    )
