"""Models compiled: the vectors of sentence-transformers without torch, or not compiled at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import ModelNotFoundError, load_embedder, read_articles
from semsearch.embedders import TokenEmbedder, compile_model
from semsearch.embedders import _load as loading
from semsearch.embedders._graph import NotCompilableError, read_weights
from semsearch.embedders._runtimes import OnnxRuntime, best_precision
from semsearch.embedders.compiled import CompiledEmbedder
from semsearch.embedders.sentence_transformer import SentenceTransformerTokenEmbedder, load
from tests.models import FAMILIES, make_model, padding_with_1
from tests.test_embedders import by_hand, change_json, letters

TEXTS = [
    "A treaty was signed; it holds.",
    "a",
    "",
    " \n\t",
    "[SEP] " * 200,  # no special tokens, though they look like them
    letters(1000, last="x"),
    "w" * 10_000,
    "Größe — “quoted” ﬁgures № 7, 東京 🚀",
]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformerTokenEmbedder:
    """The default model as sentence-transformers runs it."""
    return as_the_library_runs_it(loading._packaged())


def as_the_library_runs_it(folder: Path) -> SentenceTransformerTokenEmbedder:
    embedder = load(str(folder), folder, "any")
    assert isinstance(embedder, SentenceTransformerTokenEmbedder)
    return embedder


def compiled(model: Path | str, precision: str | None = "float32") -> CompiledEmbedder:
    embedder = load_embedder(model, precision=precision)
    assert isinstance(embedder, CompiledEmbedder)
    return embedder


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    assert one.shape == other.shape
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(other, axis=1), 1, atol=1e-5)
    return np.asarray(np.einsum("ij,ij->i", one, other))


def assert_agrees(embedder: TokenEmbedder, original: TokenEmbedder, texts: list[str]) -> None:
    """It gives the same vectors, tokens, words and places."""
    assert embedder.count_tokens(texts) == original.count_tokens(texts)
    assert cosines(embedder.embed_passages(texts), original.embed_passages(texts)).min() > 0.99999
    assert cosines(embedder.embed_queries(texts), original.embed_queries(texts)).min() > 0.99999
    passages, tokens = embedder.embed_passages_with_tokens(texts)
    own_passages, own_tokens = original.embed_passages_with_tokens(texts)
    assert cosines(passages, own_passages).min() > 0.99999
    for some, others in zip(tokens, own_tokens, strict=True):
        assert cosines(some, others).min() > 0.9999
    assert embedder.token_spans(texts) == original.token_spans(texts)
    for text in texts:
        mine, own = embedder.embed_query_with_tokens(text), original.embed_query_with_tokens(text)
        assert (mine.words, mine.texts) == (own.words, own.texts)
        assert cosines(mine.embeddings, own.embeddings).min() > 0.9999
        assert cosines(mine.embedding[None], own.embedding[None]).min() > 0.99999


# --- agreement ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "pooling"), [*((family, "mean") for family in FAMILIES), ("bert", "cls")])
def test_a_compiled_model_agrees_with_the_library(tiny_model: Path, tmp_path: Path, family: str, pooling: str) -> None:
    folder = make_model(tiny_model, tmp_path, family, pooling=pooling)
    assert_agrees(compiled(folder), as_the_library_runs_it(folder), TEXTS)


def test_the_default_model_agrees_with_the_library(original: SentenceTransformerTokenEmbedder, corpus: Path) -> None:
    article = next(iter(read_articles(corpus)))
    assert_agrees(compiled("all-MiniLM-L6-v2"), original, ["", *TEXTS[-2:], *article.text.split("\n\n")[:3]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_in_half_precision_are_computed_with_in_float32(tiny_model: Path, tmp_path: Path, dtype: str) -> None:
    folder = make_model(tiny_model, tmp_path, "bert", dtype=dtype)
    assert {weight.dtype for weight in read_weights(folder / "model.safetensors").values()} <= {"F16", "BF16"}
    embedder, own = compiled(folder), as_the_library_runs_it(folder)  # which computes in half precision
    assert cosines(embedder.embed_passages(TEXTS), own.embed_passages(TEXTS)).min() > 0.9999
    assert cosines(embedder.embed_queries(TEXTS), own.embed_queries(TEXTS)).min() > 0.9999


def behind_a_prefix(folder: Path) -> None:
    rename_weights(folder, lambda name: f"bert.{name}")


def under_older_names(folder: Path) -> None:
    rename_weights(
        folder,
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
    )


def rename_weights(folder: Path, rename: Callable[[str], str]) -> None:
    from safetensors.numpy import load_file, save_file

    path = folder / "model.safetensors"
    weights = {rename(name): values for name, values in load_file(path).items()}
    assert weights.keys() != load_file(path).keys()
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("change", [behind_a_prefix, under_older_names])
def test_weights_under_other_names_are_found(model: Path, tiny_model: Path, change: Callable[[Path], None]) -> None:
    change(model)
    np.testing.assert_array_equal(compiled(model).embed_passages(TEXTS), compiled(tiny_model).embed_passages(TEXTS))


def test_a_tokenizer_that_adds_no_special_tokens(tiny_model: Path, tmp_path: Path) -> None:
    from tokenizers import processors

    tokenizer = padding_with_1(tiny_model)
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([])
    folder = make_model(tiny_model, tmp_path, "bert", tokenizer=tokenizer)
    change_json(folder / "config_sentence_transformers.json", prompts={})
    embedder = compiled(folder)
    assert embedder.spec.max_tokens == 120
    assert_agrees(embedder, as_the_library_runs_it(folder), [text for text in TEXTS if text.strip()])
    # The library cannot embed a text without any token.
    found = embedder.embed_query_with_tokens("")
    assert (found.embeddings.shape, found.words, found.texts) == ((0, 32), [], [])
    assert not found.embedding.any()
    passages, tokens = embedder.embed_passages_with_tokens(["", "a"])
    assert not passages[0].any()
    assert [len(own) for own in tokens] == [0, 1]
    np.testing.assert_allclose(passages[1], embedder.embed_passages(["a"])[0], atol=1e-5)


# --- a vector depends on its own text alone -------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_text_has_the_same_vector_alone_and_among_others(corpus: Path, precision: str) -> None:
    if precision == "bfloat16" and best_precision() != "bfloat16":
        pytest.skip("this processor does not compute in bfloat16")
    embedder = compiled("all-MiniLM-L6-v2", precision)
    article = next(iter(read_articles(corpus)))
    texts = ["a", letters(300, last="x"), *article.text.split("\n\n")[:10], "peace " * 50]
    together = embedder.embed_passages(texts)
    alone = np.concatenate([embedder.embed_passages([text]) for text in texts])
    backwards = embedder.embed_passages(texts[::-1])[::-1]
    if precision == "float32":
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
        np.testing.assert_allclose(together, backwards, rtol=0, atol=1e-5)
    assert min(cosines(together, alone).min(), cosines(together, backwards).min()) > 0.9999


# --- models that are not compiled -----------------------------------------------------------------------------------


def with_a_dense_layer(base: Path, folder: Path) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    model = SentenceTransformer(str(base), device="cpu")
    model.append(modules.Dense(32, 32))
    model.save(str(folder / "model"))
    return folder / "model"


def in_the_older_format(base: Path, folder: Path) -> Path:
    import torch
    from safetensors.torch import load_file

    copied = Path(shutil.copytree(base, folder / "model"))
    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    return copied


def that_reads_the_end(base: Path, folder: Path) -> Path:
    return make_model(base, folder, "bert", tokenizer=padding_with_1(base, truncation_side="left"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda base, folder: make_model(base, folder, "electra"), "it is of the type electra"),
        (lambda base, folder: make_model(base, folder, "bert", pooling="max"), "it pools by max"),
        (lambda base, folder: make_model(base, folder, "roberta", limit=150), "beyond the last position"),
        (with_a_dense_layer, "it has modules besides"),
        (in_the_older_format, "its weights are not in one file"),
        (that_reads_the_end, "it reads the end of a long text"),
    ],
    ids=["electra", "max", "positions", "dense", "older", "end"],
)
def test_a_model_that_cannot_be_compiled_is_run_by_the_library(
    tiny_model: Path, tmp_path: Path, make: Callable[[Path, Path], Path], reason: str
) -> None:
    folder = make(tiny_model, tmp_path)
    embedder = load_embedder(folder)
    assert not isinstance(embedder, CompiledEmbedder)
    expected = by_hand(folder, [f"{embedder.spec.passage_prompt}{text}" for text in TEXTS[:3]])
    np.testing.assert_allclose(embedder.embed_passages(TEXTS[:3]), expected, rtol=0, atol=1e-6)
    report = compile_model(folder)
    assert (report.precision, report.fingerprint) == (None, embedder.spec.fingerprint)
    assert reason in str(report.reason)
    assert load_embedder(folder, precision="float32").spec == embedder.spec
    for precision in ("bfloat16", "int8"):
        with pytest.raises(ModelNotFoundError, match="runs in float32 only"):
            load_embedder(folder, precision=precision)


def test_a_model_whose_vectors_are_others_when_it_is_compiled_is_not_compiled(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tiny_model, tmp_path, "bert", limit=76)
    monkeypatch.setattr("semsearch.embedders._graph._MASKED", 0.0)  # so that tokens see the padding
    assert compile_model(folder).reason == "its vectors are others when it is compiled"


def test_whatever_goes_wrong_the_library_runs_the_model_and_it_is_tried_again(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tiny_model, tmp_path, "bert", limit=77)

    def fail(*_: object) -> None:
        raise MemoryError("no memory left")

    with monkeypatch.context() as patch:
        patch.setattr("semsearch.embedders._compile.write_graph", fail)
        report = compile_model(folder)
        assert (report.reason, report.cache) == ("no memory left", None)
    assert compile_model(folder).reason is None


# --- precisions -----------------------------------------------------------------------------------------------------


def test_a_precision_that_there_is_not(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"^precision must be one of float32, bfloat16, int8, not 'float64'$"):
        load_embedder(tiny_model, precision="float64")


def test_passages_are_embedded_in_the_fastest_precision_that_gives_the_same_vectors(
    original: SentenceTransformerTokenEmbedder,
) -> None:
    embedder = compiled("all-MiniLM-L6-v2", None)
    assert embedder.precision == best_precision()
    texts = [letters(count, last="x") for count in range(1, 40)]
    assert cosines(embedder.embed_passages(texts), original.embed_passages(texts)).min() > 0.9999


def test_int8_gives_nearly_the_same_vectors(original: SentenceTransformerTokenEmbedder) -> None:
    texts = [*TEXTS[:2], "The mission left in May.", "peace " * 50]
    found = compiled("all-MiniLM-L6-v2", "int8").embed_passages(texts)
    agreement = cosines(found, original.embed_passages(texts))
    assert 0.98 < agreement.min() < 0.9999


def test_bfloat16_is_not_taken_where_it_gives_others(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_model(tiny_model, tmp_path, "bert", spread=1.0)  # the larger the weights, the more is rounded
    report = compile_model(folder)
    assert (report.reason, report.precision) == (None, "float32")
    own = as_the_library_runs_it(folder)
    texts = [letters(count, last="x") for count in range(1, 40)]
    assert cosines(compiled(folder, None).embed_passages(texts), own.embed_passages(texts)).min() > 0.9999
    if best_precision() == "bfloat16":
        assert cosines(compiled(folder, "bfloat16").embed_passages(texts), own.embed_passages(texts)).min() < 0.9999


# --- a model's files ------------------------------------------------------------------------------------------------


def test_weights_behind_a_link_or_with_two_names_are_read(tiny_model: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", Path(shutil.copytree(tiny_model, tmp_path / "snapshot"))
    blobs.mkdir()
    (snapshot / "model.safetensors").rename(blobs / "0123")
    (snapshot / "model.safetensors").symlink_to(blobs / "0123")  # as the hub's cache has them
    os.link(blobs / "0123", blobs / "other")  # as some installers make them
    embedder = compiled(snapshot)
    np.testing.assert_array_equal(embedder.embed_passages(TEXTS), compiled(tiny_model).embed_passages(TEXTS))
    np.testing.assert_array_equal(embedder.embed_queries(TEXTS), compiled(tiny_model).embed_queries(TEXTS))


def double_the_weights(folder: Path) -> None:
    """Put other weights in the place of a model's, as a download does."""
    from safetensors.numpy import load_file, save_file

    weights = {name: values * 2 for name, values in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "new.safetensors", metadata={"format": "pt"})
    (folder / "new.safetensors").replace(folder / "model.safetensors")


def test_a_model_that_changes_under_a_process_is_not_mixed_with_the_one_that_was_loaded(model: Path) -> None:
    embedder = compiled(model)
    before = embedder.embed_queries(["peace"])
    double_the_weights(model)
    for _ in range(20):  # some of them past the point at which weights are read again
        np.testing.assert_allclose(embedder.embed_queries(["peace"]), before, atol=1e-6)
    if best_precision() is not None:
        with pytest.raises(ModelNotFoundError, match="is another one than when it was loaded: load it again"):
            embedder.embed_passages(["peace"])
    anew = compiled(model)
    assert anew.spec.fingerprint != embedder.spec.fingerprint
    np.testing.assert_allclose(anew.embed_passages(["peace"]), by_hand(model, ["tell me: peace"]), atol=1e-5)


def test_weights_that_are_gone_end_no_query(model: Path) -> None:
    embedder = compiled(model)
    before = embedder.embed_queries(["peace"])
    (model / "model.safetensors").unlink()
    for _ in range(20):
        np.testing.assert_allclose(embedder.embed_queries(["peace"]), before, atol=1e-6)


@pytest.mark.parametrize("kept", [0, 7, 50, 5000, -6000])
def test_weights_that_were_cut_off_are_an_error_when_they_are_loaded(
    model: Path, kept: int, capfd: pytest.CaptureFixture[str]
) -> None:
    form = loading._form("any", model, loading._fingerprint(model))
    assert not isinstance(form, str)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ModelNotFoundError, match="cannot be run as it was compiled"):
        OnnxRuntime(form.graph, weights)
    if best_precision() is not None:
        from semsearch.embedders._runtimes import OpenVinoRuntime

        with pytest.raises(ModelNotFoundError, match="shorter than it was"):
            OpenVinoRuntime(form.graph, weights, precision="float32", threads=1)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        (1 << 62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xff\xff\xff",
        (15).to_bytes(8, "little") + b'{"a":{"dtype":1',
        *(
            len(header).to_bytes(8, "little") + header
            for header in (
                b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',  # beyond the end
                b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[-4,-4]}}',
                b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}',
                b'{"a":{"dtype":"F32","shape":"x","data_offsets":[0,8]}}',
                b'{"a":{"dtype":"F32"}}',
                b'{"a":3}',
            )
        ),
    ],
)
def test_a_damaged_file_of_weights_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(NotCompilableError, match=r"^model\.safetensors is no safetensors file"):
        read_weights(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "modules", [[3], [{}], [{"path": 3}], [{"path": "a\0b"}], [{"path": "/"}], [{"path": "../.."}], {"path": "x"}]
)
def test_a_models_list_of_modules_that_makes_no_sense(model: Path, modules: object) -> None:
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelNotFoundError, match="cannot be loaded as the model"):
        load_embedder(model)


# --- threads and processes ------------------------------------------------------------------------------------------


def test_threads_share_an_embedder(tiny_model: Path, tmp_path: Path) -> None:
    embedder = compiled(make_model(tiny_model, tmp_path, "bert", limit=79))
    texts = [letters(count, last="x") for count in range(1, 40)]
    # The first queries are asked at once: meanwhile weights are packed, and what passages are run by is set up.
    with ThreadPoolExecutor(8) as threads:
        queries = list(threads.map(lambda text: embedder.embed_queries([text])[0], texts))
        passages = list(threads.map(lambda _: embedder.embed_passages(texts), range(8)))
    own = as_the_library_runs_it(tmp_path / "model")
    np.testing.assert_allclose(np.stack(queries), own.embed_queries(texts), rtol=0, atol=1e-5)
    for vectors in passages:
        np.testing.assert_allclose(vectors, own.embed_passages(texts), rtol=0, atol=1e-5)


def run(code: str, *arguments: object, **environment: str) -> Any:
    """Run a program in a process of its own, and return the JSON that it prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


AFTER_A_FORK = """
import json, os, signal, sys
import numpy as np
import semsearch

embedder = semsearch.load_embedder(sys.argv[1], precision="float32")
texts = ["peace " * count for count in range(1, 40)]
before = embedder.embed_passages(texts)
child = os.fork()
if not child:
    signal.alarm(30)
    again = embedder.embed_passages(texts)
    os._exit(0 if np.allclose(again, before, atol=1e-5) else 1)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), embedder.embed_passages(texts).tolist()]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_passages_are_embedded_after_a_fork_in_both_processes(tiny_model: Path) -> None:
    code, found = run(AFTER_A_FORK, tiny_model)
    assert code == 0
    texts = ["peace " * count for count in range(1, 40)]
    np.testing.assert_allclose(found, compiled(tiny_model).embed_passages(texts), atol=1e-5)


WITHOUT_OPENVINO = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "openvino":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import semsearch

embedder = semsearch.load_embedder(sys.argv[1])
texts = ["peace " * count for count in range(1, 40)]
errors = []
for precision in ("bfloat16", "int8"):
    try:
        semsearch.load_embedder(sys.argv[1], precision=precision)
    except semsearch.ModelNotFoundError as error:
        errors.append(str(error))
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([embedder.precision, embedder.embed_passages(texts).tolist(), errors, loaded]))
"""


def test_without_openvino_passages_are_embedded_by_onnxruntime(tiny_model: Path) -> None:
    expected = compiled(tiny_model).embed_passages(["peace " * count for count in range(1, 40)])
    precision, found, errors, loaded = run(WITHOUT_OPENVINO, tiny_model)
    assert precision == "float32"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert {"onnxruntime"} <= set(loaded)
    assert {"openvino", "torch"} & set(loaded) == set()
    for error, name in zip(errors, ("bfloat16", "int8"), strict=True):
        assert error == f"{name} needs OpenVINO, which 'pip install openvino' brings: or leave it out"


# An audit hook sees every socket and process of Python's, whoever starts it.
OFFLINE = """
import json, sys

attempts = []

def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.system", "urllib.")):
        attempts.append(event)

sys.addaudithook(watch)
import semsearch

embedder = semsearch.load_embedder(sys.argv[1])
embedder.embed_passages(["peace " * count for count in range(1, 40)])
embedder.embed_queries(["peace"])
import time
time.sleep(0.5)  # what is sent in the background begins by then
print(json.dumps([attempts, sorted(name for name in sys.modules if "." not in name)]))
"""


def test_nothing_that_embeds_reports_to_anybody(tiny_model: Path, tmp_path: Path) -> None:
    compile_model(tiny_model)
    attempts, loaded = run(OFFLINE, tiny_model, HOME=str(tmp_path))
    assert attempts == []
    assert list(tmp_path.iterdir()) == []  # what reports from outside Python keeps a number of its user there
    assert ("openvino" in loaded) == (best_precision() is not None)
    assert {"torch", "transformers", "sentence_transformers", "openvino_telemetry"} & set(loaded) == set()


@pytest.mark.skipif(best_precision() is None, reason="needs OpenVINO, which is not there for this processor")
def test_the_first_batch_of_a_process_is_run_alone(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else OpenVINO's bindings may wait for each other for ever: one process of twelve did."""
    from semsearch.embedders import _runtimes

    original = _runtimes.OpenVinoRuntime._run
    running, most_at_first = [0], [0]
    ended = threading.Event()

    def watched(self: Any, *batch: Any, **options: Any) -> Any:
        running[0] += 1
        if not ended.is_set():
            most_at_first[0] = max(most_at_first[0], running[0])
            time.sleep(0.1)  # so that whoever may come in comes
        found = original(self, *batch, **options)
        running[0] -= 1
        ended.set()
        return found

    embedder = compiled(model)  # which runs it, to see that it is compiled well
    monkeypatch.setattr(_runtimes, "_ran_once", threading.Event())
    monkeypatch.setattr(_runtimes.OpenVinoRuntime, "_run", watched)
    vectors = embedder.embed_passages(["peace " * count for count in range(1, 40)])
    assert len(vectors) == 39
    assert most_at_first == [1]
