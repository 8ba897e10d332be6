"""Models found without a network, their vectors against sentence-transformers itself, and what identifies them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import DEFAULT_MODEL, Embedder, ModelNotFoundError, load_embedder

TEXTS = ["a treaty was signed.", "The mission left.", "Budget for 2022: 4 million"]
REVISION = "0123456789abcdef0123456789abcdef01234567"  # what a hub calls a version


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def load_exactly(model: str | Path) -> Embedder:
    """A model that embeds passages in float32, whatever the processor can do besides."""
    return load_embedder(model, precision="float32")


def change_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def by_hand(model: Path, texts: list[str]) -> NDArray[np.float32]:
    """What sentence-transformers itself makes of ``texts``, as they are."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(model), device="cpu")
    return np.asarray(encoder.encode(texts, prompt="", normalize_embeddings=True), dtype=np.float32)


def assert_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def letters(count: int, *, last: str) -> str:
    """``count`` tokens of the tiny model, to which each letter that stands alone is a token."""
    return " ".join(["a"] * (count - 1) + [last])


# --- without a network ----------------------------------------------------------------------------------------------

# Runs in a process of its own. An audit hook cannot be got around: it sees every socket of Python's, whoever opens it.
WITHOUT_NETWORK = """
import json, sys

attempts = []

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        attempts.append(f"{event} {arguments[1:]}")
        raise OSError("there is no network")

sys.addaudithook(refuse)
import semsearch

found = {}
for name in sys.argv[1:]:
    try:
        embedder = semsearch.load_embedder(name)
    except semsearch.ModelNotFoundError as error:
        found[name] = str(error)
    else:
        vector = embedder.embed_queries(["a treaty was signed."])[0].tolist()
        found[name] = [embedder.spec.name, embedder.spec.fingerprint, embedder.spec.revision, vector]
print(json.dumps([attempts, found]))
"""


@pytest.fixture(scope="module")
def offline(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """Attempts to reach a network, and what was found under each name, with the tiny model in the hub's cache."""
    cache = tmp_path_factory.mktemp("hub")
    for owner in ("acme", "sentence-transformers"):
        repository = cache / f"models--{owner}--tiny"
        shutil.copytree(tiny_model, repository / "snapshots" / REVISION)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(REVISION)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK, DEFAULT_MODEL, "acme/tiny", "tiny", "acme/other"],
        env=environment | {"HF_HUB_CACHE": str(cache), "HF_HOME": str(cache / "home")},
        cwd=cache,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    attempts, found = json.loads(run.stdout)
    return attempts, found


def test_no_network_is_asked_for(offline: tuple[list[str], dict[str, Any]]) -> None:
    attempts, found = offline
    assert attempts == []
    assert list(found) == [DEFAULT_MODEL, "acme/tiny", "tiny", "acme/other"]


def test_the_default_model_is_found_without_a_network(offline: tuple[list[str], dict[str, Any]]) -> None:
    name, fingerprint, revision, vector = offline[1][DEFAULT_MODEL]
    here = load_embedder()
    assert (name, fingerprint, revision) == ("all-MiniLM-L6-v2", here.spec.fingerprint, None)
    assert_same(np.array(vector, np.float32), here.embed_queries([TEXTS[0]])[0])


@pytest.mark.parametrize("name", ["acme/tiny", "tiny"])  # without an owner, sentence-transformers is meant
def test_a_model_of_the_hub_is_found_in_its_cache(
    offline: tuple[list[str], dict[str, Any]], tiny_model: Path, name: str
) -> None:
    here = load_embedder(tiny_model)
    *spec, vector = offline[1][name]
    assert spec == [name, here.spec.fingerprint, REVISION]
    assert_same(np.array(vector, np.float32), here.embed_queries([TEXTS[0]])[0])


def test_a_model_of_the_hub_that_is_not_in_the_cache_is_named_with_the_remedy(
    offline: tuple[list[str], dict[str, Any]],
) -> None:
    assert "'hf download acme/other'" in offline[1]["acme/other"]


# --- vectors --------------------------------------------------------------------------------------------------------


def test_prompts_go_before_queries_and_passages(tiny_model: Path) -> None:
    embedder = load_exactly(tiny_model)
    assert (embedder.spec.query_prompt, embedder.spec.passage_prompt) == ("ask: ", "tell me: ")
    assert_same(embedder.embed_queries(TEXTS), by_hand(tiny_model, [f"ask: {text}" for text in TEXTS]))
    assert_same(embedder.embed_passages(TEXTS), by_hand(tiny_model, [f"tell me: {text}" for text in TEXTS]))


@pytest.mark.parametrize(
    ("prompts", "default", "query_prompt", "passage_prompt"),
    [
        ({}, None, "", ""),
        ({"query": "ask: "}, None, "ask: ", ""),
        ({"query": "ask: ", "passage": "read: "}, None, "ask: ", "read: "),
        ({"query": "ask: ", "corpus": "read: "}, None, "ask: ", "read: "),
        ({"document": "tell me: ", "passage": "read: "}, None, "", "tell me: "),
        ({"both": "text: "}, "both", "text: ", "text: "),
        ({"query": "ask: ", "both": "text: "}, "both", "ask: ", "text: "),
        # That queries are the default use of a model does not make its passages queries.
        ({"query": "ask: "}, "query", "ask: ", ""),
        ({"query": "ask: ", "document": ""}, "query", "ask: ", ""),
    ],
)
def test_prompts_are_found_under_the_names_that_models_give_them(
    model: Path, prompts: dict[str, str], default: str | None, query_prompt: str, passage_prompt: str
) -> None:
    change_json(model / "config_sentence_transformers.json", prompts=prompts, default_prompt_name=default)
    embedder = load_exactly(model)
    assert (embedder.spec.query_prompt, embedder.spec.passage_prompt) == (query_prompt, passage_prompt)
    assert_same(embedder.embed_queries(TEXTS), by_hand(model, [query_prompt + text for text in TEXTS]))
    assert_same(embedder.embed_passages(TEXTS), by_hand(model, [passage_prompt + text for text in TEXTS]))


def test_the_default_model_has_no_prompts() -> None:
    embedder = load_exactly(DEFAULT_MODEL)
    assert (embedder.spec.query_prompt, embedder.spec.passage_prompt) == ("", "")
    assert_same(embedder.embed_queries(TEXTS), embedder.embed_passages(TEXTS))


def test_vectors_are_unit_rows_of_float32(tiny_model: Path) -> None:
    embedder = load_embedder(tiny_model)
    for embeddings in (embedder.embed_queries(TEXTS), embedder.embed_passages(TEXTS)):
        assert embeddings.shape == (3, embedder.spec.dimension)
        assert embeddings.dtype == np.dtype(np.float32)
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), np.ones(3), atol=1e-6)


def test_no_texts_have_no_vectors(tiny_model: Path) -> None:
    embedder = load_embedder(tiny_model)
    assert embedder.embed_queries([]).shape == embedder.embed_passages([]).shape == (0, 32)
    assert embedder.count_tokens([]) == []


def test_a_vector_depends_on_its_own_text_alone() -> None:
    embedder = load_exactly(DEFAULT_MODEL)
    texts = [*TEXTS, "peace " * 200, "a"]  # padded to the longest when they are embedded together
    together = embedder.embed_passages(texts)
    assert_same(together, np.concatenate([embedder.embed_passages([text]) for text in texts]))
    assert_same(together[::-1], embedder.embed_passages(texts[::-1]))


def test_a_model_is_loaded_once(tiny_model: Path) -> None:
    assert load_embedder(str(tiny_model)) is load_embedder(tiny_model)


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_tokens_beyond_the_tokenizers_own_limit_are_counted() -> None:
    # The tokenizer file of the default model cuts at 128 tokens and pads to 128; each of these words is one token.
    assert load_embedder().count_tokens(["peace", "peace " * 127, "peace " * 1000, ""]) == [1, 127, 1000, 0]


def test_tokens_are_still_counted_whole_after_something_was_embedded() -> None:
    embedder = load_embedder()
    embedder.embed_passages(["peace " * 1000])  # embedding switches the tokenizer's truncation on
    assert embedder.count_tokens(["peace " * 1000, "peace"]) == [1000, 1]


def test_special_tokens_and_prompts_are_not_counted(tiny_model: Path) -> None:
    assert load_embedder(tiny_model).count_tokens(["abc d", "d"]) == [4, 1]


def test_all_the_tokens_up_to_the_limit_are_read_and_none_beyond() -> None:
    embedder = load_embedder()
    limit = embedder.spec.max_tokens
    assert limit == 254  # 256, less the two special tokens
    last = [embedder.embed_passages(["peace " * (limit - 1) + word])[0] for word in ("war", "music")]
    assert not np.allclose(last[0], last[1], atol=1e-4)
    beyond = [embedder.embed_passages(["peace " * limit + word])[0] for word in ("war", "music")]
    assert_same(beyond[0], beyond[1])


def test_the_limit_leaves_room_for_the_prompt(tiny_model: Path) -> None:
    embedder = load_embedder(tiny_model)
    limit = embedder.spec.max_tokens
    assert limit == 200 - 2 - len("tellme:")
    last, same = (embedder.embed_passages([letters(limit, last=letter)])[0] for letter in "xy")
    assert not np.allclose(last, same, atol=1e-5)
    assert_same(*(embedder.embed_passages([letters(limit + 1, last=letter)])[0] for letter in "xy"))


# --- models that are not there --------------------------------------------------------------------------------------


def assert_one_line_with_a_remedy(error: ModelNotFoundError, remedy: str) -> None:
    assert remedy in str(error)
    assert "\n" not in str(error)
    assert error.exit_code == 6


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("acme/no-such-model", "'hf download acme/no-such-model'"),
        ("no-such-model", "'hf download sentence-transformers/no-such-model'"),
        ("no such model", "neither a folder nor the name of a hub model"),
        ("a/b/c", "neither a folder nor the name of a hub model"),
        ("a\x00b", "neither a folder nor the name of a hub model"),
        ("x" * 300, "neither a folder nor the name of a hub model"),
        ("", "name a folder or a hub model"),
        (" \n", "name a folder or a hub model"),
        ("./no-such-folder", "name the folder of a saved model"),
        ("../no-such-folder", "name the folder of a saved model"),
        ("/no/such/folder", "name the folder of a saved model"),
        ("~/no-such-folder", "name the folder of a saved model"),
        ("~no-such-user/model", "name the folder of a saved model"),
    ],
)
def test_a_model_that_is_not_there_is_one_line_with_the_remedy(
    name: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFoundError) as error:
        load_embedder(name)
    assert_one_line_with_a_remedy(error.value, remedy)


def keep(_: Path) -> None:
    """Leave the folder as it is."""


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def remove(*names: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return damage


def rewrite(name: str, content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content((folder / name).read_bytes()))

    return damage


def lose_weights(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: values for name, values in weights.items() if "attention.self.query" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(empty, id="an empty folder"),
        pytest.param(remove("model.safetensors"), id="no weights"),
        pytest.param(rewrite("model.safetensors", lambda data: data[: len(data) // 2]), id="half of the weights' file"),
        pytest.param(rewrite("model.safetensors", lambda _: b""), id="an empty weights' file"),
        pytest.param(rewrite("model.safetensors", lambda data: b"\xff" * len(data)), id="garbage for weights"),
        pytest.param(lose_weights, id="a layer's weights lost"),  # random ones in their place would answer at random
        pytest.param(remove("tokenizer.json", "tokenizer_config.json"), id="no tokenizer"),  # every word is unknown
        pytest.param(rewrite("config.json", lambda _: b"{}"), id="an empty configuration"),
        pytest.param(rewrite("modules.json", lambda data: data[:20]), id="broken JSON"),
    ],
)
def test_a_folder_without_a_whole_model_is_one_line_with_the_remedy(
    model: Path, damage: Callable[[Path], None]
) -> None:
    damage(model)
    with pytest.raises(ModelNotFoundError) as error:
        load_embedder(model)
    assert_one_line_with_a_remedy(error.value, "save or download it again")
    assert str(model) in str(error.value)


def test_code_in_a_models_folder_is_not_run(model: Path, tmp_path: Path) -> None:
    modules = json.loads((model / "modules.json").read_text())
    modules[0]["type"] = "trap.Trap"
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w').close()\n")
    with pytest.raises(ModelNotFoundError):
        load_embedder(model)
    assert not (tmp_path / "sprung").exists()


# --- fingerprints ---------------------------------------------------------------------------------------------------


def flip_a_bit_of_the_weights(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(rewrite("model.safetensors", flip_a_bit_of_the_weights), id="weights"),
        pytest.param(
            lambda folder: change_json(folder / "config_sentence_transformers.json", prompts={"query": "seek: "}),
            id="prompts",
        ),
        pytest.param(lambda folder: change_json(folder / "1_Pooling/config.json", pooling_mode="cls"), id="pooling"),
        pytest.param(lambda folder: change_json(folder / "tokenizer_config.json", model_max_length=100), id="limit"),
        pytest.param(rewrite("tokenizer.json", lambda data: data.replace(b'"Lowercase"', b'"NFC"')), id="tokenizer"),
    ],
)
def test_the_fingerprint_changes_with_what_a_vector_depends_on(
    model: Path, tiny_model: Path, change: Callable[[Path], None]
) -> None:
    change(model)
    assert load_embedder(model).spec.fingerprint != load_embedder(tiny_model).spec.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(keep, id="another folder"),
        pytest.param(lambda folder: (folder / "README.md").write_text("A card."), id="the model's card"),
        pytest.param(lambda folder: (folder / "tf_model.h5").write_bytes(b"h5"), id="another framework's weights"),
        pytest.param(lambda folder: (folder / "pytorch_model.bin").write_bytes(b"?"), id="weights that are not loaded"),
        pytest.param(
            lambda folder: shutil.copytree(folder / "1_Pooling", folder / "onnx"), id="another runtime's form"
        ),
        pytest.param(lambda folder: shutil.copytree(folder / "1_Pooling", folder / "eval"), id="an evaluation"),
        pytest.param(lambda folder: (folder / "eval_results.json").write_text("{}"), id="an evaluation's results"),
        pytest.param(lambda folder: (folder / "log.txt").write_text("epoch 1"), id="a log"),
    ],
)
def test_the_fingerprint_stays_with_what_no_vector_depends_on(
    model: Path, tiny_model: Path, change: Callable[[Path], Any]
) -> None:
    change(model)
    one: Embedder = load_embedder(tiny_model)
    other: Embedder = load_embedder(model)
    assert other.spec.fingerprint == one.spec.fingerprint
    assert_same(other.embed_passages(TEXTS), one.embed_passages(TEXTS))
