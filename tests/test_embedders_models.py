"""Models of other kinds than the default one, the vectors of tokens, and revisions of a model in the hub's cache."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, EmbedderMismatchError, ModelNotFoundError, build_index, load_embedder, open_index
from semsearch.embedders import QueryTokens, TokenEmbedder
from semsearch.embedders._fingerprint import fingerprint
from semsearch.embedders._load import _snapshot
from semsearch.embedders._model import missing_weights
from tests.test_embedders import TEXTS, assert_same, by_hand, change_json, letters, load_exactly

OLD, NEW = "0" * 40, "1" * 40  # what a hub calls two versions


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def weights_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


# --- whole models that keep their weights in other ways -------------------------------------------------------------


def behind_a_prefix(folder: Path) -> None:
    """As a model for masked words is saved: the keys begin with ``bert.``, and there is no pooler."""
    from transformers import BertConfig, BertForMaskedLM

    masked = BertForMaskedLM(BertConfig.from_pretrained(folder))
    masked.bert.load_state_dict({name: w for name, w in weights_of(folder).items() if "pooler" not in name})
    masked.save_pretrained(folder)
    assert all(name.startswith(("bert.", "cls.")) for name in weights_of(folder))


def under_older_names(folder: Path) -> None:
    from safetensors.torch import save_file

    weights = weights_of(folder)
    older = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): values
        for name, values in weights.items()
    }
    assert older.keys() != weights.keys()
    save_file(older, folder / "model.safetensors", metadata={"format": "pt"})


def in_the_older_format(folder: Path) -> None:
    import torch

    torch.save(weights_of(folder), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("keep", [behind_a_prefix, under_older_names, in_the_older_format])
def test_weights_are_found_however_a_model_keeps_them(
    model: Path, tiny_model: Path, keep: Callable[[Path], None]
) -> None:
    keep(model)
    assert_same(load_exactly(model).embed_passages(TEXTS), load_exactly(tiny_model).embed_passages(TEXTS))


def test_a_model_whose_weights_are_tied_and_that_has_no_limit_is_loaded(tiny_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(tiny_model, model_max_length=int(1e30))
    tokenizer.save_pretrained(tmp_path / "t5")
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2)
    T5EncoderModel(config).save_pretrained(tmp_path / "t5")
    transformer = modules.Transformer(str(tmp_path / "t5"))
    SentenceTransformer(modules=[transformer, modules.Pooling(32)], device="cpu").save(str(tmp_path / "model"))
    assert "encoder.embed_tokens.weight" not in weights_of(tmp_path / "model")  # it is stored as shared.weight
    embedder = load_embedder(tmp_path / "model")
    assert_same(embedder.embed_passages(TEXTS), by_hand(tmp_path / "model", TEXTS))
    limit = embedder.spec.max_tokens
    assert limit == 512 - 2
    assert_same(*(embedder.embed_passages([letters(limit + 1, last=letter)])[0] for letter in "xy"))


def test_a_file_in_the_older_format_that_lacks_weights_is_refused(model: Path) -> None:
    import torch

    weights = {name: w for name, w in weights_of(model).items() if "attention.self.query" not in name}
    torch.save(weights, model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match=r"lack the weights encoder\.layer\.0\.attention\.self\.query"):
        load_embedder(model)


@pytest.mark.parametrize(
    ("report", "missing"),
    [
        ("", []),
        ("Key  | Status     |\n-----+-\na.b  | UNEXPECTED |  | \n\nNotes:\n- UNEXPECTED:\tcan be ignored", []),
        ("Key  | Status  |\n-----+-\na.b  | MISSING |\nlayer.{0, 1}.c | MISSING |", ["a.b", "layer.{0, 1}.c"]),
        ("a.b | \x1b[31mMISSING\x1b[0m | \nc | \x1b[38;5;208mUNEXPECTED\x1b[0m | ", ["a.b"]),  # in a terminal
        ("Some weights of X were not initialized and are newly initialized: ['a.b', 'c']\nYou", ["a.b", "c"]),
    ],
)
def test_missing_weights_are_read_from_what_transformers_reports(report: str, missing: list[str]) -> None:
    assert missing_weights(report) == missing


# --- models without a transformer -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def static_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose vectors are the mean of its words' own, with prompts, saved to a folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from tokenizers import Tokenizer

    folder = tmp_path_factory.mktemp("static") / "model"
    torch.manual_seed(2)
    tokenizer = Tokenizer.from_file(str(tiny_model / "tokenizer.json"))
    tokenizer.no_truncation()
    static = modules.StaticEmbedding(tokenizer, embedding_dim=32)
    SentenceTransformer(modules=[static], prompts={"query": "ask: ", "document": "tell me: "}).save(str(folder))
    return folder


def test_a_static_model_embeds_passages_and_queries(static_model: Path) -> None:
    embedder = load_embedder(static_model)
    assert_same(embedder.embed_passages(TEXTS), by_hand(static_model, [f"tell me: {text}" for text in TEXTS]))
    assert_same(embedder.embed_queries(TEXTS), by_hand(static_model, [f"ask: {text}" for text in TEXTS]))
    assert embedder.count_tokens(["abc d", "d", "", letters(1000, last="x")]) == [4, 1, 0, 1000]


@pytest.mark.parametrize("own_limit", [None, 100])
def test_a_static_model_reads_up_to_its_limit_or_512_tokens(
    static_model: Path, tmp_path: Path, own_limit: int | None
) -> None:
    folder = Path(shutil.copytree(static_model, tmp_path / "model"))
    if own_limit:
        cut = {"direction": "Right", "max_length": own_limit, "strategy": "LongestFirst", "stride": 0}
        change_json(folder / "tokenizer.json", truncation=cut)
    embedder = load_embedder(folder)
    limit = embedder.spec.max_tokens
    assert limit == (own_limit or 512) - len("tellme:")
    assert embedder.count_tokens([letters(1000, last="x")]) == [1000]
    last, same = (embedder.embed_passages([letters(limit, last=letter)])[0] for letter in "xy")
    assert not np.allclose(last, same, atol=1e-5)
    assert_same(*(embedder.embed_passages([letters(limit + 1, last=letter)])[0] for letter in "xy"))


def test_a_static_model_has_no_vectors_of_tokens_and_its_index_is_searched_without(
    static_model: Path, tmp_path: Path
) -> None:
    assert not isinstance(load_embedder(static_model), TokenEmbedder)
    build_index([Article("a", "A treaty", "a treaty was signed.")], tmp_path / "index", embedder=static_model)
    with open_index(tmp_path / "index") as searcher:
        assert [hit.article.id for hit in searcher.search("treaty")] == ["a"]


def two_ways_of_pooling(folder: Path) -> None:
    change_json(folder / "1_Pooling" / "config.json", pooling_mode=["mean", "max"])


def a_slow_tokenizer(folder: Path) -> None:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)))
    (folder / "tokenizer.json").unlink()
    change_json(folder / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer", word_tokenizer_type="basic")


@pytest.mark.parametrize("change", [two_ways_of_pooling, a_slow_tokenizer])
def test_a_transformer_whose_tokens_do_not_fit_gives_none(model: Path, change: Callable[[Path], None]) -> None:
    change(model)
    embedder = load_embedder(model)
    assert not isinstance(embedder, TokenEmbedder)
    assert_same(embedder.embed_passages(TEXTS), by_hand(model, [f"tell me: {text}" for text in TEXTS]))


# --- vectors of tokens ----------------------------------------------------------------------------------------------


def tokens_by_hand(model: Path, text: str) -> NDArray[np.float32]:
    """What sentence-transformers makes of the tokens of ``text`` when it embeds it alone, made unit rows."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(model), device="cpu")
    tokens = np.asarray(encoder.encode([text], prompt="", output_value="token_embeddings")[0].cpu(), np.float32)
    return np.asarray(tokens / np.linalg.norm(tokens, axis=1, keepdims=True), np.float32)


def token_embedder(model: Path) -> TokenEmbedder:
    embedder = load_exactly(model)
    assert isinstance(embedder, TokenEmbedder)
    return embedder


def test_passages_have_the_vectors_of_their_own_tokens_without_padding(tiny_model: Path) -> None:
    embedder = token_embedder(tiny_model)
    texts = ["a b", *TEXTS, letters(100, last="x")]  # of unlike lengths: padded when they are embedded together
    vectors, tokens = embedder.embed_passages_with_tokens(texts)
    assert_same(vectors, embedder.embed_passages(texts))
    assert len(tokens) == len(texts)
    for text, own in zip(texts, tokens, strict=True):
        assert own.dtype == np.dtype(np.float32)
        assert len(own) == 2 + len("tellme:") + embedder.count_tokens([text])[0]
        np.testing.assert_allclose(np.linalg.norm(own, axis=1), np.ones(len(own)), atol=1e-6)
        assert_same(own, tokens_by_hand(tiny_model, f"tell me: {text}"))


def test_no_passages_have_no_tokens(tiny_model: Path) -> None:
    vectors, tokens = token_embedder(tiny_model).embed_passages_with_tokens([])
    assert (vectors.shape, tokens) == ((0, 32), [])


def test_the_tokens_of_a_query_are_grouped_by_word_and_those_of_its_prompt_are_no_words(tiny_model: Path) -> None:
    embedder = token_embedder(tiny_model)
    embedding, embeddings, words, texts = embedder.embed_query_with_tokens("Abc, d")
    prompt = [None] * len("ask:")
    assert words == [None, *prompt, 0, 0, 0, 1, 2, None]  # [CLS] a ##s ##k : a ##b ##c , d [SEP]
    assert texts == ["Abc", ",", "d"]
    assert_same(embeddings, tokens_by_hand(tiny_model, "ask: Abc, d"))
    assert_same(embedding[None], embedder.embed_queries(["Abc, d"]))


def test_the_tokens_of_a_query_without_a_prompt_begin_with_its_first_word(model: Path) -> None:
    change_json(model / "config_sentence_transformers.json", prompts={})
    assert token_embedder(model).embed_query_with_tokens("abc d")[2:] == ([None, 0, 0, 0, 1, None], ["abc", "d"])


def test_tokens_beyond_the_limit_are_left_out(tiny_model: Path) -> None:
    embedder = token_embedder(tiny_model)
    found: QueryTokens = embedder.embed_query_with_tokens(letters(1000, last="x"))
    assert found.embeddings.shape == (200, 32)
    read = 200 - 2 - len("ask:")
    assert found.words == [None] * 5 + list(range(read)) + [None]
    assert found.texts == ["a"] * read
    _, (passage,) = embedder.embed_passages_with_tokens([letters(1000, last="x")])
    assert passage.shape == (200, 32)
    assert_same(passage, tokens_by_hand(tiny_model, f"tell me: {letters(1000, last='x')}"))


def test_every_token_of_a_passage_has_its_place_in_the_text(tiny_model: Path) -> None:
    embedder = token_embedder(tiny_model)
    texts = ["Abc, d", letters(1000, last="x")]
    _, tokens = embedder.embed_passages_with_tokens(texts)
    spans = embedder.token_spans(texts)
    assert [len(own) for own in spans] == [len(own) for own in tokens]
    outside = [(0, 0)] * (1 + len("tellme:"))  # [CLS] and the prompt's
    assert spans[0] == [*outside, (0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (0, 0)]
    assert embedder.token_spans([]) == []


# --- fingerprints of models in several folders ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("pytorch_model.bin", True),  # the only weights there are
        ("training_args.bin", False),
        ("1_Dense/config.json", True),
        ("1_Dense/model.safetensors", True),
        ("1_Dense/README.md", False),
        ("0_Router/router_config.json", True),
        ("0_Router/query_0_StaticEmbedding/model.safetensors", True),
        ("0_Router/document_0_Transformer/tokenizer.json", True),
        ("0_Router/old/model.safetensors", False),
        ("checkpoint-500/model.safetensors", False),
        ("openvino/config.json", False),
    ],
)
def test_the_fingerprint_is_of_the_files_of_the_modules(tmp_path: Path, name: str, counts: bool) -> None:
    types = {"query_0_StaticEmbedding": "a", "document_0_Transformer": "b"}
    contents = {
        "modules.json": json.dumps([{"path": "0_Router"}, {"path": "1_Dense"}, {"path": "2_Normalize"}]),
        "0_Router/router_config.json": json.dumps({"types": types}),
        "config.json": "{}",
    }
    for file, content in contents.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(content)
    before = fingerprint(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_text(contents.get(name, "") + " ")
    assert (fingerprint(tmp_path) != before) == counts


# --- revisions of a model in the hub's cache ------------------------------------------------------------------------


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with two versions of ``acme/tiny``: the new one, which is current, has another prompt."""
    cache = tmp_path / "hub"
    repository = cache / "models--acme--tiny"
    for revision in (OLD, NEW):
        shutil.copytree(tiny_model, repository / "snapshots" / revision)
    change_json(repository / "snapshots" / NEW / "config_sentence_transformers.json", prompts={"query": "seek: "})
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return repository


def test_a_model_is_found_in_the_version_that_is_asked_for(hub: Path, tiny_model: Path) -> None:
    old, current = load_embedder("acme/tiny", revision=OLD), load_embedder("acme/tiny")
    assert (old.spec.revision, old.spec.query_prompt) == (OLD, "ask: ")
    assert (current.spec.revision, current.spec.query_prompt) == (NEW, "seek: ")
    assert_same(old.embed_queries(TEXTS), load_embedder(tiny_model).embed_queries(TEXTS))


def test_a_version_that_is_not_in_the_cache_is_named_with_the_remedy(hub: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=f"'hf download acme/tiny --revision {'2' * 40}'"):
        load_embedder("acme/tiny", revision="2" * 40)


def test_the_hubs_own_client_is_asked_only_for_what_is_not_a_plain_version_in_its_cache(hub: Path) -> None:
    assert _snapshot("acme/tiny", None) == hub / "snapshots" / NEW
    assert _snapshot("acme/tiny", OLD) == hub / "snapshots" / OLD
    (hub.parent / "outside").mkdir()
    for repository, revision in [
        ("acme/other", None),
        ("acme/tiny/x", None),
        ("acme/ti\0ny", None),
        ("acme/tiny", "2" * 40),
        ("acme/tiny", "main"),
        ("acme/tiny", "../../outside"),  # the revision is what an index says
        ("acme/tiny", str(hub.parent / "outside")),
    ]:
        assert _snapshot(repository, revision) is None
    for damage in (b"../../outside", b"\xff" * 40, b"", NEW.encode() + b"\n"):
        (hub / "refs" / "main").write_bytes(damage)
        assert _snapshot("acme/tiny", None) is None


def test_a_folder_has_no_versions(tiny_model: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="name it without one"):
        load_embedder(tiny_model, revision=OLD)


def test_an_index_opens_with_the_version_that_it_was_built_with_after_the_model_moved_on(
    hub: Path, tmp_path: Path
) -> None:
    (hub / "refs" / "main").write_text(OLD)
    build_index([Article("a", "A treaty", "a treaty was signed.")], tmp_path / "index", embedder="acme/tiny")
    (hub / "refs" / "main").write_text(NEW)
    with open_index(tmp_path / "index") as searcher:
        assert [hit.article.id for hit in searcher.search("treaty")] == ["a"]
    with pytest.raises(EmbedderMismatchError):  # whoever names the model means the current one
        open_index(tmp_path / "index", embedder="acme/tiny")
