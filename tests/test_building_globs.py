"""Patterns of files: an index is built of what they choose, and keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsearch import build_index, compare_corpus, update_index
from semsearch.records import FileGlobs
from semsearch.storage import Archive, read_manifest
from semsearch.storage.generations import open_generation
from tests.embedder import WordEmbedder
from tests.reading import zip_of

WORDS = WordEmbedder()


@pytest.fixture
def news(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    for name in ("a.txt", "b.md", "drafts/c.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"The text of {name}.")
    return folder


def ids(index: Path) -> list[str]:
    generation = open_generation(index)
    try:
        archive: Archive = generation.archive
        return sorted(archive.known.ids)
    finally:
        generation.close()


def test_only_what_is_chosen_is_indexed_and_the_rest_counted(news: Path, tmp_path: Path) -> None:
    report = build_index(news, tmp_path / "index", embedder=WORDS, include=["*.txt"], exclude=["drafts/"])

    assert ids(tmp_path / "index") == ["a.txt"]
    assert (report.ignored, report.problems, report.notes) == ({"excluded": 2}, (), ())


def test_a_rebuild_keeps_the_patterns_until_others_are_given(news: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(news, index, embedder=WORDS, exclude=["drafts/"])
    assert read_manifest(index)[1].globs == FileGlobs((), ("drafts/",))

    assert build_index(news, index, embedder=WORDS).unchanged
    (news / "drafts" / "d.txt").write_text("Another draft.")
    assert build_index(news, index, embedder=WORDS).unchanged
    assert ids(index) == ["a.txt", "b.md"]

    assert not build_index(news, index, embedder=WORDS, include=["*.txt"]).unchanged
    assert ids(index) == ["a.txt", "drafts/c.txt", "drafts/d.txt"]

    build_index(news, index, embedder=WORDS, include=())
    assert ids(index) == ["a.txt", "b.md", "drafts/c.txt", "drafts/d.txt"]
    assert read_manifest(index)[1].globs == FileGlobs()


def test_other_patterns_that_choose_the_same_are_kept(news: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(news, index, embedder=WORDS, exclude=["drafts/"])

    assert not build_index(news, index, embedder=WORDS, exclude=["/drafts"]).unchanged
    assert read_manifest(index)[1].globs.exclude == ("/drafts",)


def test_a_corpus_is_compared_by_the_patterns_of_its_index(news: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(news, index, embedder=WORDS, exclude=["drafts/"])

    assert not compare_corpus(news, index)
    assert compare_corpus(news, index, exclude=()).new == ("drafts/c.txt",)
    assert compare_corpus(news, index, include=["*.md"]).vanished == ("a.txt",)


def test_an_update_follows_the_patterns_of_its_index_and_keeps_them(news: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(news, index, embedder=WORDS, exclude=["drafts/"])
    (news / "e.txt").write_text("The text of e.")

    update_index(index, add=news, embedder=WORDS)
    assert ids(index) == ["a.txt", "b.md", "e.txt"]

    update_index(index, add=news, embedder=WORDS, exclude=())
    assert ids(index) == ["a.txt", "b.md", "drafts/c.txt", "e.txt"]
    assert read_manifest(index)[1].globs.exclude == ("drafts/",)

    update_index(index, add=news / "drafts" / "c.txt", remove=["e.txt"], embedder=WORDS)
    assert "drafts/c.txt" in ids(index)


def test_what_is_no_pattern_is_refused_before_anything_is_done(news: Path, tmp_path: Path) -> None:
    for pattern in ("", "!"):
        with pytest.raises(ValueError, match="pattern"):
            build_index(news, tmp_path / "index", embedder=WORDS, include=[pattern])
    assert not (tmp_path / "index").exists()


def test_an_archive_is_chosen_as_a_file(news: Path, tmp_path: Path) -> None:
    (news / "old.zip").write_bytes(zip_of({"x.txt": "The text of x.", "y.md": "The text of y."}))

    build_index(news, tmp_path / "index", embedder=WORDS, include=["*.zip"])
    assert ids(tmp_path / "index") == ["old.zip/x.txt", "old.zip/y.md"]

    build_index(news, tmp_path / "index", embedder=WORDS, exclude=["*.md"])
    assert ids(tmp_path / "index") == ["a.txt", "drafts/c.txt", "old.zip/x.txt", "old.zip/y.md"]
