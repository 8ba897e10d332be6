"""What would be indexed of files: as a build reads them, with what was left out, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsearch import CorpusError, ReadingLog, build_index, open_index
from semsearch.inspecting import inspect_corpus
from tests.command import Run, runner
from tests.embedder import WordEmbedder

PAGE = """Ministers meet at the border

Share

5 May 2023

The ministers met at the border on Friday and spoke for an hour about the bridge.

## What they agreed on

They will build the bridge, and both countries will pay a half of it, they said.
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "news" / "page.txt"
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


def test_paragraphs_have_the_numbers_that_hits_are_cited_by(page: Path, tmp_path: Path) -> None:
    (found,) = inspect_corpus(page.parent, log=ReadingLog())
    text = found.article.text
    assert [(part.number, text[part.start : part.end].split()[0]) for part in found.paragraphs] == [
        (1, "The"),
        (None, "##"),
        (2, "They"),
    ]
    build_index(page.parent, tmp_path / "index", embedder=WordEmbedder())
    with open_index(tmp_path / "index", embedder=WordEmbedder()) as searcher:
        hits = {hit.passage.paragraph: hit.passage.text for hit in searcher.search("bridge countries", 5)}
    for part in found.paragraphs:
        if part.number is not None:
            assert text[part.start : part.end] in hits[part.number]


def test_what_was_left_out_is_said_of_its_article(page: Path) -> None:
    (page.parent / "plain.txt").write_text("One more article, of which nothing is left out at all.\n")
    first, second = inspect_corpus([page.parent], log=ReadingLog())
    assert first.place == str(page)
    assert [dropped.text for dropped in first.dropped] == ["Share", "5 May 2023"]
    assert {dropped.reason for dropped in first.dropped} == {"page furniture"}
    assert second.dropped == ()


def test_what_cannot_be_read_is_in_the_log(page: Path) -> None:
    (page.parent / "bad.jsonl").write_text("{\n")
    log = ReadingLog()
    assert len(list(inspect_corpus(page.parent, log=log, exclude=["*.md"]))) == 1
    assert [problem.place for problem in log.problems] == [f"{page.parent / 'bad.jsonl'}:1"]


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        next(inspect_corpus(tmp_path / "nowhere", log=ReadingLog()))


def test_an_index_in_the_corpus_is_no_article_of_it(page: Path) -> None:
    for _ in range(2):
        report = build_index(page.parent, page.parent / "index", embedder=WordEmbedder())
        assert report.articles == 1
        assert report.ignored == {"of an index": 1}
    log = ReadingLog()
    assert len(list(inspect_corpus(f"{page.parent}/**/*", log=log))) == 1
    assert set(log.ignored) == {"of an index"}


def test_the_command_prints_paragraphs_and_what_was_left_out(page: Path, run: Run) -> None:
    ran = run("inspect", page.parent, "--no-json")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "Ministers meet at the border"
    assert "  published   2023-05-05" in lines
    assert "  1 The ministers met at the border on Friday and spoke for an hour about the" in lines
    assert "    bridge." in lines
    assert "    ## What they agreed on" in lines
    assert "  2 They will build the bridge, and both countries will pay a half of it, they" in lines
    assert lines[-4:-1] == ["    left out:", "    Share (page furniture)", "    5 May 2023 (page furniture)"]
    assert all(line == line.rstrip() for line in lines)


def test_the_command_prints_json(page: Path, run: Run) -> None:
    shown = run("inspect", page, "--json").only()
    assert shown["type"] == "article"
    assert shown["article"]["published"] == "2023-05-05"
    assert [(part["number"], part["text"][:4]) for part in shown["paragraphs"]] == [
        (1, "The "),
        (None, "## W"),
        (2, "They"),
    ]
    assert shown["dropped"] == [
        {"text": "Share", "reason": "page furniture"},
        {"text": "5 May 2023", "reason": "page furniture"},
    ]


def test_the_command_shows_so_many_articles_and_says_what_cannot_be_read(page: Path, run: Run) -> None:
    for number in range(12):
        (page.parent / f"{number:02}.txt").write_text(f"Article {number} is about the bridge, and short.\n")
    (page.parent / "00.jsonl").write_text("[\n")
    ran = run("inspect", page.parent, "--limit", "3", "--json")
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 3
    assert ran.err.splitlines()[0].startswith("not read: ")
    assert ran.err.splitlines()[-1] == "note: these are the first 3 articles: --limit shows more"
    assert run("inspect", page.parent, "--limit", "13", "--exclude", "*.jsonl", "--json").err == (
        "note: 1 file was passed over: 1 excluded\n"
    )
