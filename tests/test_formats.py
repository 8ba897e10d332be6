"""An index that an older release wrote is read, and one of a newer release is refused clearly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from semsearch import IndexFormatError, build_index, open_index, rollback_index, verify_index
from semsearch.storage import FORMAT_VERSION
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder
from tests.formats import ARTICLES, FOLDER, fixture_of, unpack
from tests.index_files import forge

VERSIONS = sorted(int(path.stem.partition("-")[2]) for path in FOLDER.glob("format-*.zip"))


def test_there_is_an_index_of_every_format() -> None:
    assert [*range(1, FORMAT_VERSION + 1)] == VERSIONS
    page = (ROOT / "index" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^# The index on disk, format {FORMAT_VERSION}$", page, re.MULTILINE)


def found(index: Path, query: str, **options: str) -> list[tuple[str, int, str]]:
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        hits = searcher.search(query, 3, **options)  # type: ignore[arg-type]
        return [(hit.article.id, hit.passage.paragraph, hit.passage.text) for hit in hits]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_index_of_each_format_answers_as_one_that_is_built_today(version: int, tmp_path: Path) -> None:
    index = unpack(version, tmp_path / "old")
    build_index(ARTICLES, tmp_path / "new", embedder=TokenWordEmbedder())
    assert all(check.problem is None for check in verify_index(index))
    for query in ("attack on all", "bridge over the river", '"came down near"', "漢字"):
        for mode in ("hybrid", "dense", "lexical"):
            assert found(index, query, mode=mode) == found(tmp_path / "new", query, mode=mode)
    assert found(index, "treaty", where="section = world") == found(tmp_path / "new", "treaty", where="section = world")
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        assert searcher.search("treaty", 1)[0].article == ARTICLES[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_index_of_each_format_can_be_gone_back_from_and_rebuilt(version: int, tmp_path: Path) -> None:
    index = unpack(version, tmp_path / "old")
    rollback_index(index)
    assert len(found(index, "probe")) == 2
    assert {article for article, _, _ in found(index, "probe")} == {"treaty", "bridge"}
    report = build_index(ARTICLES, index, embedder=TokenWordEmbedder())
    assert (report.passages, report.embedded) == (3, 1)


def test_an_index_of_a_newer_format_is_refused_by_everything(tmp_path: Path) -> None:
    index = unpack(FORMAT_VERSION, tmp_path / "index")
    forge(index, lambda fields: fields.update(format=FORMAT_VERSION + 1))
    before = {path: path.read_bytes() for path in index.rglob("*") if path.is_file() and path.parent != index}
    for use in (open_index, verify_index, lambda folder: build_index(ARTICLES, folder, embedder=TokenWordEmbedder())):
        with pytest.raises(IndexFormatError, match=f"has format {FORMAT_VERSION + 1}.*update semsearch"):
            use(index)
    assert {path: path.read_bytes() for path in before} == before


def test_the_fixture_is_small() -> None:
    assert all(fixture_of(version).stat().st_size < 60_000 for version in VERSIONS)
