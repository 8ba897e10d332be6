"""What a version says of itself: what is written is read, and nonsense is an error that says what mends it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch import EngineError, IndexFormatError
from semsearch.engines import Collection, state
from semsearch.engines.embedded import EmbeddedEngine
from semsearch.tokens import TokenCodec
from tests.engines.batches import MANIFEST


@pytest.fixture
def version(tmp_path: Path) -> Iterator[Collection]:
    """A version of which nothing is said yet."""
    with contextlib.closing(EmbeddedEngine(tmp_path / "index")) as engine:
        yield engine.begin("load")


def test_what_is_written_is_read(version: Collection) -> None:
    codec = TokenCodec.create(MANIFEST.embedder.dimension)
    fields = {("metadata", "a"), ("metadata", 'a"/b', "ü")}
    state.write_manifest(version, MANIFEST)
    state.write_languages(version, ("de", "en"))
    state.write_field_names(version, fields)
    state.write_codec(version, codec)
    state.write_next_article(version, 2**43 - 1)
    state.write_loaded(version, ["one", "two"])
    assert state.read_manifest(version) == MANIFEST
    assert state.read_languages(version) == ("de", "en")
    assert state.read_field_names(version) == fields
    read = state.read_codec(version)
    assert read is not None
    assert np.array_equal(read.rotation, codec.rotation)
    assert state.read_next_article(version) == 2**43 - 1
    assert state.read_loaded(version) == ["one", "two"]
    state.write_codec(version, None)
    assert state.read_codec(version) is None


def test_a_new_version_says_nothing(version: Collection) -> None:
    assert state.read_codec(version) is None
    assert state.read_next_article(version) == 0
    assert state.read_loaded(version) == []
    for read in (state.read_manifest, state.read_languages, state.read_field_names):
        with pytest.raises(EngineError, match="says nothing of its"):
            read(version)


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("manifest", "", state.read_manifest),
        ("manifest", "[]", state.read_manifest),
        ("languages", "{", state.read_languages),
        ("languages", '"en"', state.read_languages),
        ("languages", '["xx"]', state.read_languages),
        ("languages", "[1]", state.read_languages),
        ("languages", "[" * 100_000, state.read_languages),
        ("fields", "7", state.read_field_names),
        ("fields", '["a"]', state.read_field_names),
        ("fields", '[["a", 1]]', state.read_field_names),
        ("rotation", "?", state.read_codec),
        ("rotation", "AAAA", state.read_codec),
        ("rotation", "é", state.read_codec),
        ("next_article", "-1", state.read_next_article),
        ("next_article", "١", state.read_next_article),
        ("next_article", str(2**43), state.read_next_article),
        ("next_article", "9" * 5000, state.read_next_article),
        ("next_article", "0" * 20 + str(2**43), state.read_next_article),
        ("next_article", "0" * 5000, state.read_next_article),
        ("loaded", "{}", state.read_loaded),
        ("loaded", "[null]", state.read_loaded),
    ],
)
def test_nonsense_is_an_error(version: Collection, name: str, text: str, read: Callable[[Collection], Any]) -> None:
    state.write_manifest(version, MANIFEST)
    version.write_state(name, text)
    with pytest.raises(EngineError, match=r"says nonsense|is not a manifest"):
        read(version)


def test_a_newer_manifest_is_said_to_be_newer(version: Collection) -> None:
    version.write_state("manifest", MANIFEST.to_bytes().decode().replace('"format": 1', '"format": 99'))
    with pytest.raises(IndexFormatError, match="has format 99"):
        state.read_manifest(version)
