"""Shards to an index and back: nothing is embedded, nothing is there twice, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch import (
    Article,
    CorpusError,
    EngineUnavailableError,
    IndexNotFoundError,
    IndexWriteError,
    Progress,
    build_index,
    open_index,
    parse_filter,
    update_index,
    verify_index,
)
from semsearch.building._corpus_shards import embed_corpus
from semsearch.building._exporting import export_shards
from semsearch.building._loading import _shard_set, load_shards, trying_again
from semsearch.building._shards import embed_shard
from semsearch.shards import ShardWriter, read_shard, read_shard_info
from semsearch.tokens import TokenCodec
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.index_files import generations, live

PARAGRAPH = "The talks on treaty {} went on in the {}, and nobody said when they would come to an end.\n\n"
PLACES = ("capital", "mountains", "harbour", "desert", "old town")
ARTICLES = [
    Article(
        f"article {number}",
        "".join(PARAGRAPH.format(number + at, PLACES[(number * at) % 5]) for at in range(1 + number % 5)),
        f"Talks {number}",
        metadata={"desk": {"name": PLACES[number % 5]}, "number": number},
    )
    for number in range(60)
]
QUERIES = ("treaty 7 in the harbour", "nobody in the mountains", '"treaty 12" desert', "talks")


def answers(index: str | Path, embedder: WordEmbedder) -> list[tuple[Any, ...]]:
    with open_index(index, embedder=embedder) as searcher:
        return [
            (hit.rank, hit.score, hit.passage, hit.article, dict(hit.article.metadata), hit.evidence)
            for query in QUERIES
            for where in (None, parse_filter("desk.name = harbour"))
            for hit in searcher.search(query, k=20, where=where)
        ]


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def kind(request: pytest.FixtureRequest) -> type[WordEmbedder]:
    kind: type[WordEmbedder] = request.param
    return kind


@pytest.fixture(scope="module")
def shards(kind: type[WordEmbedder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    assert embed_corpus(ARTICLES, folder, passages_per_shard=40, embedder=kind()).shards >= 3
    return folder


@pytest.fixture(scope="module")
def built(kind: type[WordEmbedder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("built") / "index"
    build_index(ARTICLES, index, embedder=kind())
    return index


# --- a folder ---------------------------------------------------------------------------------------------------


def test_shards_make_the_index_that_a_build_makes(
    shards: Path, built: Path, kind: type[WordEmbedder], tmp_path: Path
) -> None:
    seen: list[Progress] = []
    report = load_shards(shards, tmp_path / "index", progress=seen.append)
    passages = sum(read_shard_info(path).counts.passages for path in shards.iterdir())
    assert (report.articles, report.passages, report.shards) == (60, passages, len(list(shards.iterdir())))
    assert Progress("loading passages", passages, passages) in seen
    for name in ("embeddings.npy", "passages.npy", "keys.npy"):
        assert (live(tmp_path / "index") / name).read_bytes() == (live(built) / name).read_bytes()
    assert answers(tmp_path / "index", kind()) == answers(built, kind())
    assert all(check.problem is None for check in verify_index(tmp_path / "index"))


def test_what_was_loaded_can_be_updated_and_keeps_its_vectors(
    shards: Path, kind: type[WordEmbedder], tmp_path: Path
) -> None:
    load_shards(shards, tmp_path / "index")
    embedder = kind()
    report = build_index(ARTICLES, tmp_path / "index", embedder=embedder)
    assert (report.embedded, embedder.embedded) == (0, [])
    update_index(tmp_path / "index", add=[Article("new", "Soldiers reached the airport.")], embedder=embedder)
    assert embedder.embedded == ["Soldiers reached the airport."]


def test_an_index_goes_to_shards_and_back(built: Path, kind: type[WordEmbedder], tmp_path: Path) -> None:
    report = export_shards(built, tmp_path / "shards", passages_per_shard=1)
    assert (report.articles, report.shards, report.generation) == (60, 1, live(built).name)  # portions are whole
    load_shards(tmp_path / "shards", tmp_path / "index")
    assert answers(tmp_path / "index", kind()) == answers(built, kind())
    for name in ("embeddings.npy", "passages.npy", "keys.npy"):
        assert (live(tmp_path / "index") / name).read_bytes() == (live(built) / name).read_bytes()
    again = export_shards(tmp_path / "index", tmp_path / "again")
    one, two = (tmp_path / name / "000000.parquet" for name in ("shards", "again"))
    assert one.read_bytes() == two.read_bytes()
    assert again.bytes == one.stat().st_size


def test_an_export_is_cut(tmp_path: Path) -> None:
    articles = [Article(f"{number}", f"Passage of number {number} stands here.") for number in range(2500)]
    build_index(articles, tmp_path / "index", embedder=WordEmbedder(dimension=8))
    report = export_shards(tmp_path / "index", tmp_path / "shards", passages_per_shard=1100)
    assert (report.shards, report.passages) == (3, 2500)
    paths = sorted((tmp_path / "shards").iterdir())
    assert [read_shard_info(path).counts.passages for path in paths] == [1024, 1024, 452]
    assert [e.article.id for path in paths for batch in read_shard(path) for e in batch.articles] == [
        str(number) for number in range(2500)
    ]
    export_shards(tmp_path / "index", tmp_path / "shards")
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["000000.parquet"]


def test_an_export_replaces_no_other_shards(shards: Path, built: Path) -> None:
    before = sorted(path.name for path in shards.iterdir())
    with pytest.raises(IndexWriteError, match="holds other shards"):
        export_shards(built, shards)
    assert sorted(path.name for path in shards.iterdir()) == before


def test_an_index_that_is_not_there_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError):
        export_shards(tmp_path / "none", tmp_path / "shards")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="passages_per_shard must be at least 1"):
        export_shards(tmp_path / "none", tmp_path / "shards", passages_per_shard=0)


# --- which shards -----------------------------------------------------------------------------------------------


def test_shards_are_named_in_any_way(shards: Path, tmp_path: Path) -> None:
    paths = sorted(shards.iterdir())
    (tmp_path / "x").mkdir()
    for given in [paths, [shards], [str(shards / "*.parquet")], [paths[0], shards], iter(paths)]:
        assert _shard_set(given).paths == paths  # type: ignore[arg-type]
    assert load_shards(paths[1], tmp_path / "index").articles == read_shard_info(paths[1]).counts.articles
    nothings: list[tuple[Any, str]] = [
        (tmp_path / "x", "no shard in it"),
        (str(tmp_path / "*.pq"), "no file matches"),
        ([], "none is named"),
        (tmp_path / "none.parquet", "does not exist"),
    ]
    for nothing, reason in nothings:
        with pytest.raises(CorpusError, match=reason):
            load_shards(nothing, tmp_path / "index")


def test_shards_without_an_article_are_no_index(tmp_path: Path) -> None:
    embed_shard([], tmp_path / "a.parquet", embedder=WordEmbedder())
    with pytest.raises(CorpusError, match="there is no article"):
        load_shards(tmp_path / "a.parquet", tmp_path / "index")
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"embedder": TokenWordEmbedder(fingerprint="other")}, "was embedded with 'words'"),
        ({"embedder": TokenWordEmbedder(dimension=32)}, "was embedded with 'words'"),
        ({"token_vectors": False}, "does not keep token vectors"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    options: dict[str, Any] = {"embedder": TokenWordEmbedder()}
    embed_shard(ARTICLES[:2], tmp_path / "a.parquet", **options)
    embed_shard(ARTICLES[2:4], tmp_path / "b.parquet", **{**options, **change})
    with pytest.raises(CorpusError, match=reason) as raised:
        load_shards(tmp_path, tmp_path / "index")
    assert raised.value.place == str(tmp_path / "b.parquet")
    assert not (tmp_path / "index").exists()


def copied(path: Path, target: Path, **change: Any) -> None:
    """Write a shard again with another precision or another rotation."""
    info = replace(read_shard_info(path), **change)
    codec = info.codec
    with ShardWriter(
        target,
        embedder=info.embedder,
        precision=info.precision,
        target_tokens=info.target_tokens,
        rotation=None if codec is None else codec.rotation,
    ) as shard:
        for batch in read_shard(path):
            shard.add(batch)
        shard.close(info.source)


def test_rotations_and_precisions_that_come_to_the_same_belong_together(tmp_path: Path) -> None:
    rotation = TokenCodec.create(64).rotation
    for name, articles in [("a", ARTICLES[:2]), ("b", ARTICLES[2:4])]:
        embed_shard(articles, tmp_path / f"{name}.x", embedder=TokenWordEmbedder())
    copied(tmp_path / "a.x", tmp_path / "a.parquet", precision="float32")
    copied(tmp_path / "b.x", tmp_path / "b.parquet", precision="bfloat16", rotation=(rotation + 1e-6).tobytes())
    load_shards(tmp_path, tmp_path / "index")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"precision": "int8"}, "was embedded in int8"),
        ({"precision": None}, "was embedded in None"),
        ({"precision": "float32", "rotation": np.roll(rotation, 1, axis=0).tobytes()}, "a rotation of its own"),
        ({"precision": "float32", "target_tokens": 60}, "was split to 60 tokens"),
    ]
    for change, reason in changes:
        copied(tmp_path / "b.x", tmp_path / "b.parquet", **change)
        with pytest.raises(CorpusError, match=reason):
            load_shards(tmp_path, tmp_path / "index")
    assert len(generations(tmp_path / "index")) == 1


def test_an_id_that_two_shards_have_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    embed_shard(ARTICLES[:5], tmp_path / "a.parquet", embedder=WordEmbedder())
    embed_shard(ARTICLES[4:9], tmp_path / "b.parquet", embedder=WordEmbedder())
    with pytest.raises(CorpusError, match=r"b\.parquet: has an article with the id 'article 4', as .*a\.parquet has"):
        load_shards(tmp_path, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_damaged_shard_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    build_index(ARTICLES[:3], tmp_path / "index", embedder=WordEmbedder())
    before = answers(tmp_path / "index", WordEmbedder())
    embed_shard(ARTICLES, tmp_path / "a.parquet", embedder=WordEmbedder())
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.parquet: is no shard, or damaged"):
        load_shards(tmp_path / "a.parquet", tmp_path / "index")
    assert answers(tmp_path / "index", WordEmbedder()) == before
    assert len(generations(tmp_path / "index")) == 1


# --- an engine that does not answer -----------------------------------------------------------------------------


def test_what_cannot_be_reached_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    failures = iter([True] * 9)

    def action() -> str:
        if next(failures, False):
            raise EngineUnavailableError("milvus://x", "is not there")
        return "done"

    assert trying_again(action, patience=60) == "done"
    assert len(pauses) == 9
    for at, pause in enumerate(pauses):
        assert 0.05 * 2**at <= pause <= 0.1 * 2**at or (at >= 8 and pause <= 20)


def test_patience_ends() -> None:
    calls: list[int] = []

    def action() -> None:
        calls.append(1)
        raise EngineUnavailableError("milvus://x", "is not there")

    with pytest.raises(EngineUnavailableError):
        trying_again(action, patience=0.3)
    assert len(calls) >= 2
