"""How far a corpus and its index are apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from semsearch import Article, CorpusError, IndexNotFoundError, build_index, compare_corpus
from tests.command import runner, write_news
from tests.embedder import WordEmbedder


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_news(tmp_path / "news")


@pytest.fixture
def index(tmp_path: Path, news: Path) -> Path:
    build_index(news, tmp_path / "index", embedder=WordEmbedder())
    return tmp_path / "index"


def test_a_corpus_that_has_not_changed(news: Path, index: Path) -> None:
    os.utime(news / "bridge.txt")  # dates do not count
    drift = compare_corpus(news, index)
    assert not drift
    assert (drift.new, drift.changed, drift.vanished, drift.unchanged, drift.problems) == ((), (), (), 3, ())


def test_new_changed_and_vanished_files(news: Path, index: Path) -> None:
    (news / "abroad" / "new.txt").write_text("A new article.\n\nWith two paragraphs.")
    (news / "landings.jsonl").write_text((news / "landings.jsonl").read_text().replace("small", "large"))
    (news / "bridge.txt").unlink()
    drift = compare_corpus(news, index)
    assert drift
    assert (drift.new, drift.changed, drift.vanished) == (("abroad/new.txt",), ("landings.jsonl",), ("bridge.txt",))
    assert drift.unchanged == 1
    build_index(news, index, embedder=WordEmbedder())
    assert not compare_corpus(news, index)


def test_a_corpus_is_the_same_wherever_it_is(news: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(news.parent)
    assert compare_corpus("news", index).unchanged == 3
    news.rename(news.with_name("moved"))
    assert compare_corpus([str(news.with_name("moved"))], index).unchanged == 3


@pytest.fixture
def noted(news: Path, tmp_path: Path) -> Path:
    """An index of files that were not read as they stand, whose bytes it does not know."""
    (news / "old.txt").write_bytes(
        "“The talks went on”, he said – and that’s all.\n\nAnother paragraph.".encode("cp1252")
    )
    (news / "mixed.jsonl").write_text('{"id": "a", "text": "One."}\nno json\n{"id": "b", "text": "Two."}\n')
    build_index(news, tmp_path / "noted", embedder=WordEmbedder())
    return tmp_path / "noted"


def test_files_that_were_not_read_as_they_stand_are_compared_by_their_articles(news: Path, noted: Path) -> None:
    drift = compare_corpus(news, noted)
    assert not drift
    assert drift.unchanged == 5
    assert [problem.place for problem in drift.problems] == [f"{news / 'mixed.jsonl'}:2"]
    (news / "mixed.jsonl").write_text('{"id": "a", "text": "One."}\nno json\n{"id": "b", "text": "Three."}\n')
    assert compare_corpus(news, noted).changed == ("mixed.jsonl",)
    (news / "mixed.jsonl").write_text('{"id": "a", "text": "One."}\nno json\n')
    drift = compare_corpus(news, noted)
    assert (drift.changed, drift.vanished) == ((), ("b",))
    (news / "old.txt").unlink()
    assert compare_corpus(news, noted).vanished == ("b", "old.txt")


def test_an_index_of_a_program_has_none_of_the_files(news: Path, tmp_path: Path) -> None:
    build_index([Article("a", "Some text.")], tmp_path / "index", embedder=WordEmbedder())
    drift = compare_corpus(news, tmp_path / "index")
    assert drift.new == ("abroad/almaty.md", "bridge.txt", "landings.jsonl")
    assert drift.vanished == ("a",)


def test_what_is_not_there_is_said(news: Path, index: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        compare_corpus(tmp_path / "none", index)
    with pytest.raises(IndexNotFoundError):
        compare_corpus(news, tmp_path / "none")


def test_status_ends_with_seven_if_a_rebuild_would_change_something(
    news: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(capsys)
    same = run("status", news, "-i", index)
    assert (same.code, same.only()["drift"]["unchanged"]) == (0, 3)
    assert "the corpus is as it was" in run("status", news, "-i", index, "--no-json").out
    (news / "bridge.txt").write_text("Another text.")
    changed = run("status", news, "-i", index)
    assert (changed.code, changed.only()["drift"]["changed"]) == (7, ["bridge.txt"])
    text = run("status", news, "-i", index, "--no-json").out
    assert "the corpus has changed: 'semsearch rebuild-index CORPUS' takes it in" in text
    assert "  changed     1: bridge.txt" in text
    assert run("status", "-i", index).only()["drift"] is None
