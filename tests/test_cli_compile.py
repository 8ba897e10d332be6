"""``semsearch compile-model``: what it prints, and what it leaves to the processes that come after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsearch.embedders import load_embedder
from semsearch.embedders._cache import find_form, keep_refusal
from semsearch.embedders._fingerprint import fingerprint
from tests.command import ENVIRONMENT, Run, runner
from tests.models import make_model


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return runner(capsys)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_compiled_model_as_json(run: Run, tiny_model: Path, own_cache: Path) -> None:
    found = run("compile-model", tiny_model, "--json").only()
    assert isinstance(found.pop("seconds"), float)
    assert found.pop("precision") in {"float32", "bfloat16"}
    assert found == {
        "type": "compile",
        "version": 3,
        "model": str(tiny_model),
        "fingerprint": fingerprint(tiny_model),
        "compiled": True,
        "reason": None,
        "cache": str(own_cache),
    }


def test_a_compiled_model_as_text(run: Run, tiny_model: Path, cache: Path) -> None:
    ended = run("compile-model", tiny_model, "--no-json")
    title, *rows = ended.out.splitlines()
    precision = load_embedder(tiny_model).precision  # type: ignore[attr-defined]
    assert title == f"{tiny_model} is compiled: it embeds queries in float32, passages in {precision}"
    assert rows[:2] == [f"  fingerprint {fingerprint(tiny_model)}", f"  kept in     {cache}"]
    assert rows[2].startswith("  seconds     ")
    assert (ended.code, len(rows), ended.err) == (0, 3, "")


def test_a_model_that_cannot_be_compiled(run: Run, tiny_model: Path, tmp_path: Path, cache: Path) -> None:
    folder = make_model(tiny_model, tmp_path, "bert", pooling="max", limit=60)
    ended = run("compile-model", folder, "--json")
    found = ended.only()
    assert (ended.code, found["compiled"], found["reason"], found["precision"]) == (0, False, "it pools by max", None)
    assert found["cache"] == str(cache)
    title = run("compile-model", folder, "--no-json").out.splitlines()[0]
    assert title == f"{folder} is not compiled, and sentence-transformers runs it: it pools by max"


def test_a_cache_that_cannot_be_written(
    run: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "file"))
    ended = run("compile-model", tiny_model, "--no-json")
    assert ended.code == 0
    assert ended.out.splitlines()[2] == "  kept in     nowhere: every process compiles for itself"


def test_what_was_found_out_before_is_believed_unless_it_is_forced(run: Run, tiny_model: Path, own_cache: Path) -> None:
    keep_refusal(fingerprint(tiny_model), "model.safetensors", "it is too odd")
    assert run("compile-model", tiny_model, "--json").only()["reason"] == "it is too odd"
    assert run("compile-model", tiny_model, "--force", "--json").only()["compiled"]
    assert not isinstance(find_form(fingerprint(tiny_model), "model.safetensors"), str)


def test_the_default_model_is_meant_where_none_is_named(run: Run) -> None:
    assert run("compile-model", "--json").only()["model"] == "all-MiniLM-L6-v2"


def test_a_model_that_is_not_there(run: Run) -> None:
    ended = run("compile-model", "acme/other", "--json")
    assert ended.code == 6
    assert "'hf download acme/other'" in ended.failure()
