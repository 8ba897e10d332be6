"""The index in a folder behind the interface of engines: built by either, read by both, and killed in between."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from semsearch import (
    EngineError,
    IndexCorruptError,
    IndexLockedError,
    IndexNotFoundError,
    build_index,
    open_index,
    rollback_index,
    update_index,
    verify_index,
)
from semsearch.engines import Batch, Collection, first_passage, state
from semsearch.engines._staged import Staged
from semsearch.engines.embedded import EmbeddedCollection, EmbeddedEngine
from semsearch.storage import open_generation
from tests.engines.batches import CODEC, EMBEDDER, PLAIN, batch_of, changed, joined, standard_articles
from tests.engines.contract import begin, fill, same_batch
from tests.engines.plain import Plain

ARTICLES = [changed(PLAIN, id=f"a{number}", text=f"The envoys met on day {number}.") for number in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def engine(folder: Path) -> Iterator[EmbeddedEngine]:
    with contextlib.closing(EmbeddedEngine(folder)) as engine:
        yield engine


def some(*rows: int, words: str = "A treaty was signed.") -> Batch:
    return batch_of([(row, changed(PLAIN, id=f"article {row}", text=f"{words} Number {row}.")) for row in rows])


def ids(collection: Collection) -> list[str]:
    return [id_ for id_, _ in collection.entries()]


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "engine").iterdir()}


# --- built by others --------------------------------------------------------------------------------------------


def test_an_index_that_was_built_says_what_it_is(folder: Path, engine: EmbeddedEngine) -> None:
    articles = [changed(article, metadata={"n": at, "o": {"p": None}}) for at, article in enumerate(ARTICLES)]
    report = build_index(articles, folder, embedder=EMBEDDER)
    live = engine.live()
    manifest = state.read_manifest(live)
    assert (manifest.embedder, manifest.counts.articles, manifest.files) == (EMBEDDER.spec, 5, {})
    assert manifest.counts.passages == report.passages == live.count()
    assert state.read_languages(live) == ("en",)
    assert state.read_field_names(live) == {("metadata", "n"), ("metadata", "o"), ("metadata", "o", "p")}
    assert state.read_next_article(live) == 5
    codec = state.read_codec(live)
    assert codec is not None
    np.testing.assert_array_equal(codec.rotation, CODEC.rotation)
    assert live.read_state("anything else") is None
    assert ids(live) == [article.id for article in ARTICLES]
    assert live.name == report.generation
    assert not (folder / "engine").exists()  # reading writes nothing


def test_what_an_index_exports_makes_the_same_index(folder: Path, engine: EmbeddedEngine, tmp_path: Path) -> None:
    build_index([article for _, article in standard_articles()], folder, embedder=EMBEDDER)
    live = engine.live()
    with contextlib.closing(EmbeddedEngine(tmp_path / "copy")) as other:
        copy = fill(other, list(live.export()))
        same_batch(joined(list(copy.export())), joined(list(live.export())))
    assert all(check.problem is None for check in verify_index(tmp_path / "copy"))
    with open_index(folder, embedder=EMBEDDER) as one, open_index(tmp_path / "copy", embedder=EMBEDDER) as another:
        for query in ("legal basis for deployment", "vaccines against malaria", '"Security Council" mandate'):
            for mode in ("hybrid", "dense", "lexical"):
                hits = [[(hit.article.id, hit.passage, hit.score) for hit in searcher.search(query, k=20, mode=mode)]
                        for searcher in (one, another)]  # fmt: skip
                assert hits[0] == hits[1]
                assert hits[0]


def test_an_index_that_was_built_is_changed_and_changed_again_by_both(folder: Path, engine: EmbeddedEngine) -> None:
    build_index(ARTICLES, folder, embedder=EMBEDDER)
    live = engine.live()
    live.delete([1, 3])
    live.upsert(some(9))
    live.write_state("own", "kept")
    live.flush()
    assert ids(live) == ["a0", "a2", "a4", "article 9"]
    assert [found.row for _, found in engine.live().entries()] == [0, 2, 4, 9]
    assert engine.live().read_state("own") == "kept"
    assert state.read_next_article(engine.live()) == 5  # that is for whoever writes to say
    assert all(check.problem is None for check in verify_index(folder))
    update_index(folder, add=[changed(PLAIN, id="new")], remove=["a2"], embedder=EMBEDDER)
    live = engine.live()
    assert ids(live) == ["a0", "a4", "article 9", "new"]
    assert [found.row for _, found in live.entries()] == [0, 1, 2, 3]
    assert live.read_state("own") is None
    assert state.read_manifest(live).counts.articles == 4
    live.delete([0])
    live.flush()
    assert ids(engine.live()) == ["a4", "article 9", "new"]


def test_what_was_made_here_is_searched_and_updated_as_any_index(folder: Path, engine: EmbeddedEngine) -> None:
    fill(engine, [batch_of(standard_articles())])
    assert all(check.problem is None for check in verify_index(folder))
    with open_index(folder, embedder=EMBEDDER) as searcher:
        (hit, *_) = searcher.search("The envoys signed the treaty of harbour", k=3)
        assert hit.article.text[hit.passage.start : hit.passage.end] == hit.passage.text
    report = update_index(folder, remove=["strange"], embedder=EMBEDDER)
    assert report.articles == len(standard_articles()) - 1
    assert len(ids(engine.live())) == report.articles


def test_an_older_generation_has_its_rows_when_it_is_live_again(folder: Path, engine: EmbeddedEngine) -> None:
    before = fill(engine, [some(4, 40)])
    before.write_state("own", "before")
    live = engine.live()
    live.upsert(some(7))
    live.delete([40])
    live.flush()
    assert [found.row for _, found in engine.live().entries()] == [4, 7]
    rollback_index(folder)
    live = engine.live()
    assert [found.row for _, found in live.entries()] == [4, 40]
    assert live.read_state("own") == "before"
    live.flush()  # what waited is in the other one
    assert [found.row for _, found in engine.live().entries()] == [4, 40]


# --- killed in between ------------------------------------------------------------------------------------------


class KilledError(BaseException):
    """Nothing catches it."""


@contextlib.contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, step: str) -> Iterator[None]:
    """Where a step is to be done, the process ends."""

    def end(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(f"semsearch.engines.embedded.{step}", end)
        yield


STEPS = ["take_generation", "publish_generation", "Staged.write_texts", "Staged.set_flushed", "shutil.rmtree"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("there", [True, False])
def test_a_load_that_is_killed_while_it_is_published_goes_on(
    folder: Path, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch, step: str, there: bool
) -> None:
    if there:
        fill(engine, [some(1)], "before")
    version = begin(engine, "load")
    version.upsert(some(2, 5))
    version.write_state("progress", "all")
    version.flush()
    with killing(monkeypatch, step), pytest.raises(KilledError):
        engine.publish(version)
    with contextlib.closing(EmbeddedEngine(folder)) as other:
        if step == "shutil.rmtree":  # it was published, and only left something behind
            assert ids(other.live()) == ["article 2", "article 5"]
            assert ids(reflushed(begin(other, "load"))) == []
            return
        if there:
            assert ids(other.live()) == ["article 1"]
        else:
            with pytest.raises(IndexNotFoundError):
                other.live()
        again = other.begin("load")
        assert again.read_state("progress") == "all"
        again.upsert(some(6))
        again.flush()
        other.publish(again)
        live = other.live()
        assert [found.row for _, found in live.entries()] == [2, 5, 6]
        assert live.read_state("progress") == "all"
        # A generation that might be the last good one is not removed while none was ever live.
        left = there or step == "publish_generation"
        assert len(list((folder / "generations").iterdir())) == 1 + left
        assert files(folder) == {f"{path.name}.sqlite" for path in (folder / "generations").iterdir()}
    assert all(check.problem is None for check in verify_index(folder))


def reflushed(version: EmbeddedCollection | Collection) -> Collection:
    version.flush()
    return version


@pytest.mark.parametrize("step", ["GenerationWriter.commit", "Staged.write_texts", "Staged.set_flushed"])
def test_an_update_that_is_killed_changes_nothing_and_can_be_made_again(
    folder: Path, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(engine, [some(1, 2)])
    live = engine.live()
    live.upsert(some(3))
    live.delete([1])
    with killing(monkeypatch, step), pytest.raises(KilledError):
        live.flush()
    assert ids(live) == ids(engine.live()) == ["article 1", "article 2"]
    with contextlib.closing(EmbeddedEngine(folder)) as other:
        again = other.live()
        again.flush()  # what waits is on the disk
        assert ids(again) == ids(other.live()) == ["article 2", "article 3"]
        assert len(files(folder)) == len(list((folder / "generations").iterdir())) == 2


def test_an_update_that_was_killed_after_it_was_live_is_complete(
    folder: Path, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = fill(engine, [some(1, 2)])
    live.delete([1])
    with killing(monkeypatch, "Staged.clear"), pytest.raises(KilledError):
        live.flush()
    assert ids(engine.live()) == ["article 2"]


# --- two at once, and what is damaged ---------------------------------------------------------------------------


def test_what_was_opened_before_another_change_must_be_opened_again(engine: EmbeddedEngine, folder: Path) -> None:
    one = fill(engine, [some(1)])
    other = engine.live()
    one.upsert(some(2))
    one.flush()
    other.upsert(some(3))
    with pytest.raises(EngineError, match="has changed since it was opened: open it again"):
        other.flush()
    assert ids(other) == ["article 1"]
    assert ids(engine.live()) == ["article 1", "article 2"]


def test_nothing_is_written_while_another_one_writes(engine: EmbeddedEngine, folder: Path) -> None:
    live = fill(engine, [some(1)])
    live.upsert(some(2))
    version = begin(engine, "load")
    version.upsert(some(3))
    with contextlib.closing(EmbeddedEngine(folder)) as other, other.lock():
        for write in (live.flush, lambda: engine.publish(version), engine.remove):
            with pytest.raises(IndexLockedError):
                write()
        with pytest.raises(IndexLockedError):
            update_index(folder, remove=["article 1"], embedder=EMBEDDER)
    assert ids(engine.live()) == ["article 1"]
    live.flush()
    engine.publish(version)
    assert ids(engine.live()) == ["article 3"]


def test_a_version_is_published_once(engine: EmbeddedEngine) -> None:
    version = begin(engine)
    version.upsert(some(1))
    engine.publish(version)  # flushes it
    assert ids(version) == ids(engine.live()) == ["article 1"]
    assert version.name == engine.live().name
    with pytest.raises(EngineError, match="is published already"):
        engine.publish(version)
    with pytest.raises(ValueError, match="expected a version of this engine"):
        engine.publish(object())  # type: ignore[arg-type]


def test_what_was_never_flushed_cannot_be_read(engine: EmbeddedEngine) -> None:
    version = begin(engine)
    version.upsert(some(1))
    for ask in (version.count, version.entries, lambda: version.texts(np.array([first_passage(1)]))):
        with pytest.raises(EngineError, match="was never flushed"):
            ask()


def test_a_version_without_a_manifest_cannot_be_flushed(engine: EmbeddedEngine) -> None:
    version = engine.begin("load")
    version.upsert(some(1))
    with pytest.raises(EngineError, match="manifest"):
        version.flush()


@pytest.mark.parametrize("data", [b"", b"x", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_beside_an_index_is_named(folder: Path, engine: EmbeddedEngine, data: bytes) -> None:
    fill(engine, [some(1)])
    (path,) = (folder / "engine").iterdir()
    path.write_bytes(data)
    with contextlib.closing(EmbeddedEngine(folder)) as other, pytest.raises(IndexCorruptError) as caught:
        other.live()
    assert caught.value.path == path


@pytest.mark.parametrize("rows", [[1], [5, 1], [1, 1], [1, 2, 3], [-1, 2]])
def test_rows_that_cannot_be_are_not_believed(folder: Path, engine: EmbeddedEngine, rows: list[int]) -> None:
    live = fill(engine, [some(1, 5)])
    Staged(folder / "engine" / f"{live.name}.sqlite").set_flushed(live.name, np.array(rows))
    with contextlib.closing(EmbeddedEngine(folder)) as other, pytest.raises(IndexCorruptError, match="in which rows"):
        other.live()


def test_an_article_that_waits_and_is_damaged_is_not_put_in(folder: Path, engine: EmbeddedEngine) -> None:
    import sqlite3

    live = fill(engine, [some(1)])
    live.upsert(some(2))
    path = folder / "engine" / f"{live.name}.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE articles SET article = ?", (json.dumps({"id": "x", "text": 1, "published": None}),))
    with pytest.raises(IndexCorruptError) as caught:
        live.flush()
    assert caught.value.path == path
    assert ids(engine.live()) == ["article 1"]


# --- many -------------------------------------------------------------------------------------------------------


def test_many_changes_one_after_the_other(folder: Path, engine: EmbeddedEngine, tmp_path: Path) -> None:
    plain = Plain(tmp_path)
    articles = standard_articles()
    for batch in (batch_of(articles[:40]),):
        plain.upsert(batch)
        fill(engine, [batch])
    for at in range(40, 60, 5):
        live = engine.live()
        batch = batch_of(articles[at : at + 5])
        live.upsert(batch)
        live.delete([articles[at - 40][0]])
        live.flush()
        plain.upsert(batch)
        plain.delete([articles[at - 40][0]])
        same_batch(joined(list(live.export())), plain.batch())
    assert len(list((folder / "generations").iterdir())) == len(files(folder)) == 2
    with contextlib.closing(open_generation(folder, whole=True)):
        pass


def test_versions_that_nobody_reads_are_closed(engine: EmbeddedEngine) -> None:
    fill(engine, [some(1)])
    for _ in range(50):
        engine.live().count()
    assert sum(close.alive for close in engine._open) < 5


def test_a_folder_that_is_removed_is_gone(folder: Path, engine: EmbeddedEngine) -> None:
    engine.remove()
    assert not folder.exists()
    fill(engine, [some(1)])
    engine.remove()
    assert {path.name for path in folder.iterdir()} <= {"writer.lock", "generations"}
    build_index(ARTICLES, folder, embedder=EMBEDDER)
    assert len(ids(engine.live())) == 5
    shutil.rmtree(folder)
    with pytest.raises(IndexNotFoundError):
        engine.live()
