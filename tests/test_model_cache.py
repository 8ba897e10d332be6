"""What is kept of models between processes: found again, made anew where it is damaged, and done without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semsearch import load_embedder
from semsearch.embedders import EmbedderSpec, compile_model
from semsearch.embedders import _cache as cache
from semsearch.embedders import _load as loading
from semsearch.embedders._cache import (
    CompiledForm,
    cache_folder,
    find_form,
    keep_form,
    keep_refusal,
    known_fingerprint,
)
from semsearch.embedders._fingerprint import fingerprint

SPEC = EmbedderSpec("a model", "f" * 64, 32, 100, "ask: ", "tell me: ", "1" * 40)
FORM = CompiledForm(b"graph\n\x00\xff", b'{"tokenizer": "\n"}', SPEC, bfloat16=True)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no memory of what was hashed."""
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    cache._fingerprint_of.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose files are hashed from now on."""
    folders: list[Path] = []

    def count(folder: Path) -> str:
        folders.append(folder)
        return fingerprint(folder)

    monkeypatch.setattr(cache, "fingerprint", count)
    return folders


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- the folder -----------------------------------------------------------------------------------------------------


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "home/.cache/semsearch"),
        ("linux", {"XDG_CACHE_HOME": "/somewhere"}, "/somewhere/semsearch"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, os.devnull),
        ("darwin", {"XDG_CACHE_HOME": "/somewhere"}, "home/Library/Caches/semsearch"),
        ("win32", {}, "home/AppData/Local/semsearch"),
    ],
)
def test_the_cache_is_where_the_system_has_such(
    platform: str, environment: dict[str, str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEMSEARCH_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path / "home"), **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == tmp_path / place


def without_a_home(path: Path) -> Path:
    if path.parts[0] == "~":
        raise RuntimeError("Could not determine home directory.")
    return path


def no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEMSEARCH_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", without_a_home)


def a_file_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "file"))


def a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "full"))
    monkeypatch.setattr(Path, "write_bytes", fail)


@pytest.mark.parametrize("cannot", [no_folder, a_file_in_its_place, a_full_disk])
def test_where_nothing_can_be_kept_a_model_is_compiled_all_the_same(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cannot: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    cache._fingerprint_of.cache_clear()
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        cannot(tmp_path, patch)
        report = compile_model(model)
        assert (report.reason, report.cache) == (None, None)
        assert report.fingerprint == fingerprint(model)
    assert not files_in(tmp_path / "full")
    assert not (tmp_path / "~").exists()


# --- compiled forms -------------------------------------------------------------------------------------------------


def test_a_form_is_found_as_it_was_kept(own_cache: Path) -> None:
    assert find_form(SPEC.fingerprint, "model.safetensors") is None
    keep_form(FORM, "model.safetensors")
    assert find_form(SPEC.fingerprint, "model.safetensors") == FORM
    # Another model, and one whose file has another name, which is in the graph.
    assert find_form("e" * 64, "model.safetensors") is None
    assert find_form(SPEC.fingerprint, "0123") is None
    assert len(files_in(own_cache)) == 1  # nothing else is left


def test_a_reason_is_kept_until_the_next_version(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_refusal("e" * 64, "model.safetensors", "it is too odd: “ß”")
    assert find_form("e" * 64, "model.safetensors") == "it is too odd: “ß”"
    monkeypatch.setattr(cache, "__version__", "999")
    assert find_form("e" * 64, "model.safetensors") is None


def test_what_is_kept_takes_the_place_of_what_was(own_cache: Path) -> None:
    keep_refusal(SPEC.fingerprint, "model.safetensors", "it is too odd")
    keep_form(FORM, "model.safetensors")
    assert find_form(SPEC.fingerprint, "model.safetensors") == FORM


def test_no_damage_to_what_is_kept_goes_unseen(own_cache: Path) -> None:
    keep_form(FORM, "model.safetensors")
    (path,) = files_in(own_cache)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert find_form(SPEC.fingerprint, "model.safetensors") is None
        path.write_bytes(whole[:place])
        assert find_form(SPEC.fingerprint, "model.safetensors") is None
    path.write_bytes(whole + b"\n")
    assert find_form(SPEC.fingerprint, "model.safetensors") is None
    path.write_bytes(whole)
    assert find_form(SPEC.fingerprint, "model.safetensors") == FORM


def test_a_model_is_compiled_anew_where_what_was_kept_is_damaged(
    own_cache: Path, model: Path, tiny_model: Path
) -> None:
    report = compile_model(model)
    assert report.cache == str(own_cache)
    for path in files_in(own_cache):
        path.write_bytes(path.read_bytes()[:-9])
    cache._fingerprint_of.cache_clear()
    assert find_form(report.fingerprint, "model.safetensors") is None
    assert compile_model(model).fingerprint == report.fingerprint
    assert isinstance(find_form(report.fingerprint, "model.safetensors"), CompiledForm)


def test_a_model_is_compiled_once_unless_it_is_forced(
    own_cache: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semsearch.embedders import _compile

    compiled: list[str] = []

    def count(name: str, folder: Path, weights: Path, fingerprint: str) -> CompiledForm | str:
        compiled.append(name)
        return compile_form(name, folder, weights, fingerprint)

    compile_form = _compile.compile_form
    monkeypatch.setattr(_compile, "compile_form", count)
    load_embedder(model)
    compile_model(model)
    load_embedder(model, precision="float32")
    assert len(compiled) == 1
    compile_model(model, force=True)
    assert len(compiled) == 2


# --- fingerprints ---------------------------------------------------------------------------------------------------


def test_a_fingerprint_is_remembered(own_cache: Path, model: Path, hashed: list[Path]) -> None:
    found = known_fingerprint(model)
    cache._fingerprint_of.cache_clear()  # as in another process
    assert known_fingerprint(model) == known_fingerprint(model / ".." / model.name) == found == fingerprint(model)
    assert len(hashed) == 1


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
def test_a_file_that_changes_gives_another_fingerprint(
    own_cache: Path, model: Path, hashed: list[Path], name: str
) -> None:
    before = known_fingerprint(model)
    data = bytearray((model / name).read_bytes())
    data[-3] ^= 1
    times = (model / name).stat()
    (model / name).write_bytes(data)
    os.utime(model / name, ns=(times.st_atime_ns, times.st_mtime_ns))  # as an archive is unpacked
    assert known_fingerprint(model) == fingerprint(model) != before
    assert len(hashed) == 2


def test_a_file_that_comes_or_goes_gives_another_fingerprint(own_cache: Path, model: Path) -> None:
    before = known_fingerprint(model)
    (model / "vocab.txt").write_text("a")
    with_it = known_fingerprint(model)
    assert with_it != before
    (model / "vocab.txt").unlink()
    assert known_fingerprint(model) == before


def test_a_damaged_fingerprint_is_hashed_anew(own_cache: Path, model: Path, hashed: list[Path]) -> None:
    found = known_fingerprint(model)
    (path,) = files_in(own_cache)
    path.write_bytes(path.read_bytes().replace(found.encode(), b"0" * 64))
    cache._fingerprint_of.cache_clear()
    assert known_fingerprint(model) == found
    assert len(hashed) == 2


def test_a_model_that_was_changed_is_loaded_as_it_is_now(model: Path) -> None:
    before = load_embedder(model, precision="float32")
    config = (model / "config_sentence_transformers.json").read_text()
    (model / "config_sentence_transformers.json").write_text(config.replace("ask: ", "please: "))
    after = load_embedder(model, precision="float32")
    assert (before.spec.query_prompt, after.spec.query_prompt) == ("ask: ", "please: ")
    assert load_embedder(model, precision="float32") is after
    assert loading._fingerprint(model) == after.spec.fingerprint


# --- processes ------------------------------------------------------------------------------------------------------

EMBED = """
import sys
import semsearch
embedder = semsearch.load_embedder(sys.argv[1])
print(type(embedder).__name__, embedder.embed_queries(["peace"]).tobytes().hex())
"""


def test_processes_that_compile_one_model_at_the_same_time_all_succeed(
    own_cache: Path, model: Path, tiny_model: Path
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", EMBED, str(model)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=120)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert [path.parent.name for path in files_in(own_cache)] == ["fingerprints", "models-2"]
    (line,) = printed
    name, vector = line.split()
    assert name == "CompiledEmbedder"
    expected = load_embedder(tiny_model).embed_queries(["peace"])
    np.testing.assert_allclose(np.frombuffer(bytes.fromhex(vector), np.float32), expected[0], atol=1e-6)
