"""The file of codes that an index of many passages has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semsearch import Article, IndexCorruptError, build_index, open_index, verify_index
from semsearch.storage import open_generation, read_manifest
from tests.embedder import WordEmbedder
from tests.index_files import answers, files_of, forge, forge_checksums, live

NAME = "dense.codes"
WORDS = ["airport", "budget", "city", "dawn", "energy", "force", "guard", "harbour", "island", "jury", "lawyer"]
ARTICLES = [
    Article(f"report {number}", f"The {WORDS[number % 11]} and the {WORDS[number % 7]} of place {number}.")
    for number in range(60)
]


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("semsearch.dense.FLAT_ROWS", 50)  # as if so few were many
    build_index(ARTICLES, tmp_path / "index", embedder=words)
    return tmp_path / "index"


def test_many_passages_have_codes(index: Path) -> None:
    manifest = read_manifest(index)[1]
    assert manifest.dense_spec == "PQ16x4fs"
    assert manifest.files[NAME].bytes == (live(index) / NAME).stat().st_size == 16 * 4 * 64 + 64 * 64 // 8
    assert {check.path.name: check.problem for check in verify_index(index)}[NAME] is None


def test_codes_answer_as_the_vectors_do(index: Path, tmp_path: Path, words: WordEmbedder) -> None:
    build_index(ARTICLES[:50], tmp_path / "few", embedder=words)
    assert NAME not in files_of(live(tmp_path / "few"))
    with open_index(index, embedder=words) as many, open_index(tmp_path / "few", embedder=words) as few:
        for query in ("the guard of the city", "harbour"):
            hits = many.search(query, k=5, mode="dense", where="not id in ('report 5', 'report 55')")
            assert len(hits) == 5
            scores = {hit.article.id: hit.score for hit in few.search(query, k=50, mode="dense", fold_duplicates=False)}
            own = {hit.article.id: hit.score for hit in hits if hit.article.id in scores}
            assert own == {name: pytest.approx(scores[name], abs=1e-6) for name in own}
            assert own


def test_a_rebuild_has_the_same_codes(index: Path, tmp_path: Path, words: WordEmbedder) -> None:
    before = (live(index) / NAME).read_bytes()
    build_index(ARTICLES[:30], index, embedder=words)
    assert NAME not in files_of(live(index))
    build_index(ARTICLES, index, embedder=words)
    assert (live(index) / NAME).read_bytes() == before


def test_an_open_generation_keeps_its_codes_whatever_rebuilds_pass(index: Path, words: WordEmbedder) -> None:
    codes = (live(index) / NAME).read_bytes()
    generation = open_generation(index)
    try:
        for _ in range(2):
            build_index(ARTICLES[:10], index, embedder=words)
        serialized = generation.dense_index().to_bytes()
        assert serialized is not None
        assert serialized.tobytes() == codes
    finally:
        generation.close()


def test_damaged_codes_are_named(index: Path) -> None:
    path = live(index) / NAME
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    reason = "is damaged (its checksum is not the one in the manifest)"
    assert {check.path.name: check.problem for check in verify_index(index) if check.problem} == {NAME: reason}
    with pytest.raises(IndexCorruptError, match=r"dense\.codes: is damaged"):
        answers(index)


def test_missing_codes_are_named(index: Path) -> None:
    (live(index) / NAME).unlink()
    with pytest.raises(IndexCorruptError, match=r"dense\.codes: is missing"):
        answers(index)


def test_codes_must_be_in_the_manifest(index: Path) -> None:
    def change(fields: dict[str, Any]) -> None:
        del fields["files"][NAME]

    forge(index, change)
    with pytest.raises(IndexCorruptError, match=r"dense\.codes: is not in the manifest"):
        answers(index)


@pytest.mark.parametrize("content", [b"", b"text" * 100])
def test_codes_that_do_not_fit_the_vectors_have_a_problem(index: Path, content: bytes) -> None:
    (live(index) / NAME).write_bytes(content)
    forge_checksums(index)
    reason = rf"holds {len(content)} bytes, the codes of \(60, 64\) embeddings are 4608"
    with pytest.raises(IndexCorruptError, match=rf"dense\.codes: {reason}"):
        answers(index)
    assert [check.path.name for check in verify_index(index) if check.problem] == [NAME]
