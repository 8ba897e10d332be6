"""What a searcher sees of an index in an engine that others change, and what builds do where something is amiss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import semsearch
from semsearch import Article, FieldNames, build_index, open_index, update_index
from semsearch.building import embed_shard, load_shards
from semsearch.building._engine import _staging
from semsearch.engines import Collection, Engine, describe_index
from semsearch.searching._engine import EngineSource
from tests.command import ENVIRONMENT, Run, runner
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.engines.conftest import Place

EMBEDDER = TokenWordEmbedder()
HARBOUR, BRIDGE, MISSION = (
    Article("a0", "The harbour was closed by ice.", title="Ice"),
    Article("a1", "A new bridge crosses the river.", title="Bridge", metadata={"section": "City"}),
    Article("a2", "Soldiers guard the budget of the mission.", title="Budget"),
)
THREE = [HARBOUR, BRIDGE, MISSION]


@pytest.fixture
def engine(place: Place, connect: Callable[[str], Engine], name: str) -> Engine:
    """The place of an index that is not there yet, in an engine."""
    if place.kind == "embedded":
        pytest.skip("of a folder a searcher has a generation, which nobody changes")
    if place.kind == "milvus":
        pytest.skip("the small Milvus is put to the same, and a build of three articles takes it no ten seconds")
    return connect(name)


@pytest.fixture
def index(engine: Engine, place: Place, name: str) -> str:
    """The address of an index of three articles."""
    address = place.address(name)
    assert build_index(THREE, address, embedder=EMBEDDER).articles == 3
    return address


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for variable in ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)
    return runner(capsys)


# --- what an open searcher sees ---------------------------------------------------------------------------------


def test_what_was_put_in_since_it_was_opened_is_counted_found_and_filtered(index: str) -> None:
    new = [Article(f"n{number}", f"Harbour news of day {number}.", metadata={"desk": "sea"}) for number in range(12)]
    with open_index(index, embedder=EMBEDDER) as searcher:
        with pytest.raises(ValueError, match="no article has a field desk"):
            searcher.search("harbour", where="desk = sea")
        update_index(index, add=new, embedder=EMBEDDER)
        assert len(searcher) == 15
        assert len(searcher.search_articles("harbour news", 10, mode="dense", fold_duplicates=False)) == 10
        assert {hit.article.id for hit in searcher.search("harbour", 3, where="desk = sea", mode="dense")} < {
            article.id for article in new
        }


def test_a_candidate_that_is_gone_is_not_asked_for(index: str) -> None:
    with open_index(index, embedder=EMBEDDER) as searcher:
        source = searcher._source
        rows = [source.article_row(article.id) for article in THREE]
        first = [int(source.passages_of(row)[0]) for row in rows if row is not None]
        source.vectors(np.array(first))  # so all of them are candidates
        update_index(index, remove=["a2"], embedder=EMBEDDER)
        assert source.texts(first[:2]) == [HARBOUR.text, BRIDGE.text]
        with pytest.raises(semsearch.EngineError):
            source.texts(first)


@pytest.mark.parametrize("ask", ["search", "search_articles", "similar"])
def test_what_changes_while_a_question_is_answered_is_asked_for_again(
    index: str, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    changed = Article("a0", "The harbour is open again.", title="Ice")
    nearest, updates = EngineSource.nearest, [changed]

    def meanwhile(self: EngineSource, *arguments: Any) -> Any:
        found = nearest(self, *arguments)
        if updates:
            update_index(index, add=[updates.pop()], embedder=EMBEDDER)
        return found

    monkeypatch.setattr(EngineSource, "nearest", meanwhile)
    with open_index(index, embedder=EMBEDDER) as searcher:
        if ask == "search":
            (hit, *_) = searcher.search("harbour", 3, mode="dense")
        elif ask == "similar":
            (hit,) = (hit for hit in searcher.similar("a2", 3) if hit.article.id == "a0")
        else:
            hit = searcher.search_articles("harbour", 3, mode="dense")[0].hits[0]
    assert updates == []
    assert (hit.article, hit.passage.text) == (changed, changed.text)


def test_an_article_that_goes_while_it_is_asked_for_is_not_there(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    article_row, removed = EngineSource.article_row, ["a2"]

    def meanwhile(self: EngineSource, article: str) -> int | None:
        row = article_row(self, article)
        if removed:
            update_index(index, remove=[removed.pop()], embedder=EMBEDDER)
        return row

    monkeypatch.setattr(EngineSource, "article_row", meanwhile)
    with (
        open_index(index, embedder=EMBEDDER) as searcher,
        pytest.raises(ValueError, match="has no article 'a2'"),
    ):
        searcher.similar("a2", paragraph=1)


def test_no_article_has_the_row_of_one_that_a_killed_update_had_put_in(
    engine: Engine, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.capabilities.atomic_updates:
        pytest.skip("nobody sees anything of an update that was killed")
    kind = type(engine.live())
    write_state = kind.write_state

    def killed(self: Collection, name: str, text: str) -> None:
        if name == "unfinished":
            raise KeyboardInterrupt
        write_state(self, name, text)

    with open_index(index, embedder=EMBEDDER) as searcher:
        with monkeypatch.context() as patch:
            patch.setattr(kind, "write_state", killed)
            with pytest.raises(KeyboardInterrupt):
                update_index(index, add=[Article("a7", "The lighthouse is dark.")], embedder=EMBEDDER)
        seen = searcher.search("lighthouse dark", 1, mode="dense")
        assert [hit.article.id for hit in seen] == ["a7"]
        market = Article("a8", "A market opened on the square, and all came to see it.")
        assert update_index(index, add=[market], embedder=EMBEDDER).articles == 4
        (hit,) = searcher.search("market square", 1, mode="dense")
        assert (hit.article, hit.passage.text) == (market, market.text)


# --- builds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name_of_state", ["manifest", "rotation", "loaded"])
def test_a_version_that_says_nonsense_of_itself_can_be_replaced(
    engine: Engine, index: str, name_of_state: str, tmp_path: Path
) -> None:
    engine.live().write_state(name_of_state, "nonsense")
    if name_of_state != "loaded":
        with pytest.raises(semsearch.EngineError, match=r"nonsense|not a manifest"):
            open_index(index, embedder=EMBEDDER)
    assert build_index(THREE[:2], index, embedder=EMBEDDER).articles == 2
    engine.live().write_state(name_of_state, "nonsense")
    embed_shard(THREE, tmp_path / "one.parquet", embedder=EMBEDDER)
    assert load_shards(tmp_path, index).articles == 3
    with open_index(index, embedder=EMBEDDER) as searcher:
        assert len(searcher.search("harbour bridge mission", 9)) == 3


def test_token_vectors_are_kept_when_a_model_gives_them(index: str) -> None:
    build_index(THREE, index, embedder=WordEmbedder(), token_vectors=True)
    assert build_index(THREE, index, embedder=WordEmbedder(), token_vectors=True).unchanged
    assert describe_index(index).manifest.token_vectors
    assert not build_index(THREE, index, embedder=EMBEDDER).unchanged
    with open_index(index, embedder=EMBEDDER) as searcher:
        assert searcher._source.keeps_tokens


def test_shards_that_are_loaded_leave_what_the_index_keeps(index: str, tmp_path: Path) -> None:
    names = FieldNames(title=("headline",))
    build_index(THREE, index, embedder=EMBEDDER, fields=names, include=["*.txt"])
    embed_shard(THREE[:2], tmp_path / "one.parquet", embedder=EMBEDDER)
    load_shards(tmp_path, index)
    manifest = describe_index(index).manifest
    assert (manifest.fields, manifest.globs.include) == (names, ("*.txt",))


def test_an_index_is_never_left_empty(index: str) -> None:
    cannot_be_stored = Article("a9", " ")
    with pytest.raises(semsearch.CorpusError, match="no article would be left"):
        update_index(index, add=[cannot_be_stored], remove=["a0", "a1", "a2"], embedder=EMBEDDER)
    assert describe_index(index).manifest.counts.articles == 3


def test_an_id_that_is_no_unicode_is_not_there(index: str) -> None:
    report = update_index(index, remove=["\udcff"], embedder=EMBEDDER)
    assert [problem.reason for problem in report.problems] == ["is not in the index: there is nothing to remove"]
    assert report.unchanged


def test_a_precision_is_kept_with_its_model_alone(index: str, tiny_model: Path) -> None:
    usual = semsearch.load_embedder(tiny_model)
    other = WordEmbedder()
    other.precision = "int8"  # type: ignore[attr-defined]
    build_index(THREE, index, embedder=other)
    assert describe_index(index).manifest.precision == "int8"
    build_index(THREE, index, embedder=tiny_model)
    assert describe_index(index).manifest.precision == usual.precision  # type: ignore[attr-defined]


def test_two_builds_have_no_folder_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path))
    with _staging("postgresql:///news") as one, _staging("postgresql:///news") as other:
        assert tmp_path in one.parents
        assert one != other
    assert not other.exists()
    with _staging("postgresql:///news") as again:
        assert again == one


def test_an_index_is_built_without_a_cache(
    engine: Engine, index: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if engine.capabilities.words == "client":
        pytest.skip("the index of words is in the cache")
    nowhere = tmp_path / "file"
    nowhere.touch()
    monkeypatch.setenv("SEMSEARCH_CACHE", str(nowhere))
    assert build_index(THREE[:2], index, embedder=EMBEDDER).articles == 2


# --- commands ---------------------------------------------------------------------------------------------------


def test_an_option_that_nobody_knows_is_wrong_usage(run: Run) -> None:
    pytest.importorskip("psycopg")
    ran = run("query", "mission", "--index", "postgresql://u:secret@127.0.0.1:9/db?index=x&bogus=hidden")
    assert ran.code == 2
    assert 'invalid connection option "bogus"' in ran.failure()
    assert "secret" not in ran.err
    assert "hidden" not in ran.err


def test_an_engine_is_not_told_what_to_keep(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A mission.", encoding="utf-8")
    ran = run("rebuild-index", tmp_path, "--keep", "2", "--index", "postgresql://u:secret@127.0.0.1:9/db")
    assert ran.code == 2
    assert "an engine keeps one version before the live one" in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize("address", ["postgresql://u:secret@127.0.0.1:9/db", "milvus://u:secret@127.0.0.1:9/x"])
def test_an_engine_that_is_not_there_is_said_in_one_line(run: Run, address: str) -> None:
    pytest.importorskip("psycopg" if address.startswith("postgresql") else "pymilvus")
    for command in (("query", "mission"), ("similar", "a0"), ("status",), ("update", "--remove", "a0"), ("repair",)):
        ran = run(*command, "--index", address)
        assert ran.code == 8
        assert "127.0.0.1:9" in ran.failure()
        assert "secret" not in ran.err
