"""Shards into every engine: what comes out again is what went in, also where a load was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from semsearch import Article, Progress
from semsearch.building import embed_corpus
from semsearch.building._exporting import _exported
from semsearch.building._loading import load_into
from semsearch.engines import Collection, Engine
from semsearch.engines.state import (
    read_codec,
    read_field_names,
    read_languages,
    read_loaded,
    read_manifest,
    read_next_article,
)
from semsearch.shards import read_shard, read_shard_info
from semsearch.tokens import TokenCodec
from tests.embedder import TokenWordEmbedder
from tests.test_load_shards import ARTICLES
from tests.test_shards import flat

DIMENSION = 384  # of the default model: the rotation is a state of 786,432 characters


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    odd = Article('odd / ‘id’ "x"', "Ein Satz über die Brücke.", "T", metadata={'a"b': {"c.d": [1, None, {"e": "ä"}]}})
    made = embed_corpus(
        [*ARTICLES, odd], folder, passages_per_shard=40, embedder=TokenWordEmbedder(dimension=DIMENSION)
    )
    assert made.shards >= 3
    return folder


def expected(shards: Path) -> list[tuple[Any, ...]]:
    found, row = [], 0
    for path in sorted(shards.iterdir()):
        found += flat(list(read_shard(path, row)))
        row += read_shard_info(path).counts.articles
    return found


def held(version: Collection) -> list[tuple[Any, ...]]:
    return flat(list(_exported(version, 1.0)))


class StoppedError(Exception):
    """Not an error that anything in semsearch knows."""


@pytest.mark.usefixtures("but_milvus")
def test_what_goes_in_comes_out(engine: Engine, shards: Path) -> None:
    first = min(shards.iterdir())
    load_into(engine, first)
    before = engine.live()
    old = held(before)

    def interrupt(progress: Progress) -> None:
        if progress.stage == "loading passages" and 0 < progress.done < (progress.total or 0) - 20:
            done.append(progress.done)
            if len(done) == 2:
                raise StoppedError

    done: list[int] = []
    with pytest.raises(StoppedError):
        load_into(engine, shards, report=interrupt)
    assert engine.live().name == before.name
    assert held(engine.live()) == old

    seen: list[Progress] = []
    name, manifest = load_into(engine, shards, report=seen.append)
    version = engine.live()
    assert version.name == name != before.name
    assert held(version) == expected(shards)
    assert read_manifest(version) == manifest
    counts = [read_shard_info(path).counts for path in shards.iterdir()]
    assert manifest.counts.passages == sum(each.passages for each in counts) == version.count()
    assert read_next_article(version) == manifest.counts.articles == len(ARTICLES) + 1
    assert len(read_loaded(version)) == len(counts)
    assert read_languages(version) == ("en",)
    assert read_field_names(version) == {
        ("metadata", "desk"),
        ("metadata", "desk", "name"),
        ("metadata", "number"),
        ("metadata", 'a"b'),
        ("metadata", 'a"b', "c.d"),
    }
    codec = read_codec(version)
    assert codec is not None
    assert np.array_equal(codec.rotation, TokenCodec.create(DIMENSION).rotation)
