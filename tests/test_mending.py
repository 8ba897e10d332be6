"""Mending what is derived, going back to a generation that was kept, and how many are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import semsearch.dense
from semsearch import (
    Article,
    IndexCorruptError,
    IndexNotFoundError,
    build_index,
    list_generations,
    open_index,
    repair_index,
    rollback_index,
    update_index,
    verify_index,
)
from tests.command import flip_a_bit, runner
from tests.embedder import TokenWordEmbedder
from tests.index_files import answers, file_of, files_of, generations, live

ARTICLES = [Article(f"day {day}", f"Talks on the treaty went on for day {day} in the capital.") for day in range(40)]


class UnusedEmbedder(TokenWordEmbedder):
    """Fails if it is asked for anything."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError(texts)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with codes of its vectors, and a generation before the live one."""
    monkeypatch.setattr(semsearch.dense, "FLAT_ROWS", 20)
    build_index(ARTICLES[:-1], tmp_path / "index", embedder=TokenWordEmbedder())
    build_index(ARTICLES, tmp_path / "index", embedder=TokenWordEmbedder())
    return tmp_path / "index"


def found(index: Path) -> list[tuple[str, str, float]]:
    return answers(index, "treaty talks", embedder=TokenWordEmbedder())


def is_whole(index: Path) -> bool:
    return all(check.problem is None for check in verify_index(index))


# --- repair -----------------------------------------------------------------------------------------------------------

DERIVED = [
    "dense.codes",
    "lexical/articles/meta.json",
    "lexical/passages/*.idx",
    "lexical/passages/documents.i4",
    "lexical/passages/languages.json",
]


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [flip_a_bit, remove])
@pytest.mark.parametrize("name", DERIVED)
def test_what_is_derived_is_made_again_without_model_and_corpus(
    index: Path, name: str, damage: Callable[[Path], None]
) -> None:
    expected, before = found(index), live(index)
    path = file_of(before, name)
    damage(path)
    assert {check.remedy for check in verify_index(index) if check.problem} == {"semsearch repair"}
    report = repair_index(index)
    assert report.mended == (path.relative_to(before).as_posix(),)
    assert report.generation == live(index).name > before.name
    assert is_whole(index)
    assert found(index) == expected


def test_all_that_is_derived_at_once(index: Path) -> None:
    expected, before = found(index), live(index)
    names = [name for name in files_of(before) if name == "dense.codes" or name.startswith("lexical/")]
    for name in names:
        (before / name).unlink()
    assert set(repair_index(index).mended) == set(names)
    assert is_whole(index)
    assert found(index) == expected


def test_a_rebuild_after_a_repair_takes_everything_over(index: Path) -> None:
    flip_a_bit(live(index) / "dense.codes")
    repair_index(index)
    assert build_index(ARTICLES, index, embedder=UnusedEmbedder()).unchanged


def test_where_nothing_is_damaged_nothing_is_written(index: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in index.rglob("*") if path.is_file()}
    report = repair_index(index)
    assert (report.mended, report.generation) == ((), live(index).name)
    after = {path: path.stat().st_mtime_ns for path in index.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {index / "writer.lock"}


@pytest.mark.parametrize("name", ["articles.sqlite", "embeddings.npy", "passages.npy", "keys.npy", "checks.npy"])
def test_what_is_not_derived_is_named_and_nothing_is_changed(index: Path, name: str) -> None:
    flip_a_bit(live(index) / "dense.codes")
    flip_a_bit(live(index) / name)
    kept = generations(index)
    with pytest.raises(IndexCorruptError, match="semsearch rebuild-index") as error:
        repair_index(index)
    assert error.value.path == live(index) / name
    assert generations(index) == kept
    assert {check.remedy for check in verify_index(index) if check.problem} == {"semsearch rebuild-index CORPUS"}


def test_an_index_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for mend in (repair_index, rollback_index):
        with pytest.raises(IndexNotFoundError, match="rebuild-index"):
            mend(tmp_path / "none")
    assert not (tmp_path / "none").exists()


# --- generations that are kept ----------------------------------------------------------------------------------------


def grow(index: Path, count: int, keep: int | None = None) -> None:
    for number in range(count):
        articles = [*ARTICLES, Article(f"{number}", f"More {number}.")]
        build_index(articles, index, embedder=TokenWordEmbedder(), keep=keep)


def test_as_many_generations_are_kept_as_was_asked_for_until_something_else_is(index: Path) -> None:
    grow(index, 4, keep=3)
    assert len(generations(index)) == 4
    update_index(index, remove=["day 3"], embedder=TokenWordEmbedder())
    grow(index, 1)
    assert len(generations(index)) == 4
    grow(index, 2, keep=0)
    assert generations(index) == [live(index).name]
    with pytest.raises(ValueError, match="keep must be at least 0, not -1"):
        grow(index, 1, keep=-1)


def test_another_number_to_keep_is_a_change(index: Path) -> None:
    assert not build_index(ARTICLES, index, embedder=TokenWordEmbedder(), keep=5).unchanged
    assert build_index(ARTICLES, index, embedder=TokenWordEmbedder()).unchanged


def test_the_generations_that_there_are(index: Path) -> None:
    newest, oldest = list_generations(index)
    assert (newest.id, newest.is_live, newest.articles, newest.passages) == (live(index).name, True, 40, 40)
    assert (oldest.is_live, oldest.articles) == (False, 39)
    assert [oldest.id, newest.id] == generations(index)


# --- going back -------------------------------------------------------------------------------------------------------


def test_going_back_and_forth(index: Path) -> None:
    old, new = generations(index)
    with open_index(index, embedder=TokenWordEmbedder()) as opened:
        assert rollback_index(index) == live(index).name == old
        assert "day 39" in opened  # whoever has it open is not disturbed
    with open_index(index, embedder=TokenWordEmbedder()) as opened:
        assert "day 39" not in opened
        assert len(opened) == 39
    assert is_whole(index)
    assert rollback_index(index, new) == live(index).name == new
    assert len(found(index)) == 10


def test_a_build_after_going_back_goes_on_from_there(index: Path) -> None:
    old, new = generations(index)
    rollback_index(index)
    update_index(index, remove=["day 0"], embedder=TokenWordEmbedder())
    assert [one.articles for one in list_generations(index)] == [38, 39]
    assert generations(index)[0] == old
    assert new not in generations(index)


def test_there_may_be_nothing_to_go_back_to(index: Path) -> None:
    rollback_index(index)
    with pytest.raises(IndexNotFoundError, match="no generation before"):
        rollback_index(index)
    grow(index, 1, keep=0)
    with pytest.raises(IndexNotFoundError, match=f"no generation 2022.* there are: {live(index).name}") as error:
        rollback_index(index, "20220101T000000-000000")
    assert error.value.exit_code == 3


def test_a_damaged_generation_is_not_gone_back_to(index: Path) -> None:
    old, new = generations(index)
    flip_a_bit(index / "generations" / old / "embeddings.npy")
    with pytest.raises(IndexCorruptError, match="embeddings"):
        rollback_index(index)
    assert live(index).name == new


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json"])
def test_where_the_live_generation_cannot_be_told_the_last_whole_one_is_gone_back_to(index: Path, name: str) -> None:
    old, new = generations(index)
    (index / name if name == "CURRENT" else live(index) / name).write_bytes(b"nothing of the kind")
    assert rollback_index(index) == (new if name == "CURRENT" else old)
    assert is_whole(index)


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runner(capsys)
    old, new = generations(index)
    shown = run("status", "-i", index).only()["generations"]
    assert [(one["id"], one["is_live"]) for one in shown] == [(new, True), (old, False)]
    flip_a_bit(live(index) / "dense.codes")
    damaged = run("verify", "-i", index)
    assert (damaged.code, {line["remedy"] for line in damaged.lines()}) == (4, {None, "semsearch repair"})
    assert "Mend it with 'semsearch repair'." in run("verify", "-i", index, "--no-json").out
    repaired = run("repair", "-i", index).only()
    assert (repaired["type"], repaired["mended"]) == ("repair", ["dense.codes"])
    assert "nothing is damaged" in run("repair", "-i", index, "--no-json").out
    assert run("rollback", "-i", index).code == 4  # that was the damaged one
    back = run("rollback", "--to", repaired["generation"], "-i", index).only()
    assert back == {"type": "rollback", "version": 3, "index": str(index), "generation": repaired["generation"]}
    assert "answers from generation" in run("rollback", "--to", repaired["generation"], "-i", index, "--no-json").out
    assert run("rollback", "--to", "nothing", "-i", index).code == 3


def test_keep_is_an_option_of_the_command(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text("Some text.")
    run = runner(capsys)
    assert run("rebuild-index", tmp_path / "news", "-i", tmp_path / "i", "-m", tiny_model, "--keep", 4).code == 0
    assert json.loads((live(tmp_path / "i") / "manifest.json").read_bytes())["keep"] == 4
