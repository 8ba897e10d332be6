"""The commands and their options."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

import semsearch
from tests.command import (
    ALMATY,
    BRIDGE,
    ENVIRONMENT,
    LANDINGS,
    Run,
    article_ids,
    build_with_words,
    generation,
    runner,
    write_news,
)
from tests.index_files import files_of

COLUMN_OPTIONS = ["--text", "--title", "--date", "--id", "--source", "--url", "--table"]
SEARCH_OPTIONS = [
    *["--where", "--since", "--until", "--source", "--article", "--min-score", "--max-per-article"],
    *["--fold / --no-fold", "--diversity", "--explain", "--recall"],
]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_news(tmp_path / "news")


@pytest.fixture
def word_index(tmp_path: Path) -> Path:
    return build_with_words(tmp_path / "word-index")


@pytest.fixture
def index(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> Path:
    """The index of ``news``, built by the command."""
    index = tmp_path / "news-index"
    assert run("rebuild-index", news, "--index", index, "--model", tiny_model).code == 0
    return index


def as_stdin(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode()), encoding="utf-8"))


# --- help -------------------------------------------------------------------------------------------------------


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help")
    commands = re.findall(r"^  ([a-z][a-z-]+)  +[A-Z].*\.$", shown.out, re.MULTILINE)
    assert (shown.code, shown.err) == (0, "")
    assert commands == [
        *["query", "similar", "serve", "mcp"],
        *["rebuild-index", "update", "watch", "inspect", "status"],
        *["verify", "repair", "rollback"],
        *["evaluate", "suggest-threshold"],
        *["compile-model", "plan", "embed-shards", "load-shards", "export-shards"],
    ]
    assert "..." not in shown.out.partition("Search:\n")[2]


@pytest.mark.parametrize("command", ["rebuild-index", "update", "status", "inspect", "watch", "embed-shards", "plan"])
def test_help_that_points_below_has_something_there(run: Run, command: str) -> None:
    shown = run(command, "--help").out
    assert "below." in " ".join(shown.split())
    assert "  A GLOB is as in a .gitignore, against the path below CORPUS:\n    --include" in shown


def test_help_shows_its_examples_line_by_line(run: Run) -> None:
    shown = run("--help").out
    assert "\n  semsearch rebuild-index my-articles    index a folder of articles into ./index\n" in shown
    assert '\n  semsearch query "legal basis for deployment"\n' in shown
    assert "\\b" not in shown


def test_help_states_the_exit_code_of_every_error(run: Run) -> None:
    codes = {int(code) for code in re.findall(r"(?<!\S)(\d+) [a-z]", run("--help").out.partition("Exit codes:")[2])}
    raised = {getattr(semsearch, name).exit_code for name in semsearch.__all__ if name.endswith("Error")}
    assert codes == raised | {0, 2, 7, 130}


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "query",
            [
                *["-k", "--by-article", "-i, --index", "--mode", *SEARCH_OPTIONS, "-m, --model", "--reranker"],
                *["--json", "--no-json", "-h, --help"],
            ],
        ),
        (
            "similar",
            ["-k", "--paragraph", "-i, --index", *SEARCH_OPTIONS, "-m, --model", "--json", "--no-json", "-h, --help"],
        ),
        (
            "rebuild-index",
            [
                *["-i, --index", "-m, --model", "--precision", "--token-vectors / --no-token-vectors", "--keep"],
                *["--include", "--exclude", *COLUMN_OPTIONS, "--json", "--no-json", "-h, --help"],
            ],
        ),
        (
            "update",
            ["--remove", "-i, --index", "--include", "--exclude", *COLUMN_OPTIONS, "--json", "--no-json", "-h, --help"],
        ),
        (
            "mcp",
            ["-i, --index", "-m, --model", "--http", "--host", "--port", "--token-file", "--allow-host", "-h, --help"],
        ),
        ("compile-model", ["--force", "--json", "--no-json", "-h, --help"]),
        ("suggest-threshold", ["--qrels", "-k", "-i, --index", "--mode", "--json", "--no-json", "-h, --help"]),
        ("status", ["-i, --index", "--include", "--exclude", *COLUMN_OPTIONS, "--json", "--no-json", "-h, --help"]),
        ("verify", ["-i, --index", "--json", "--no-json", "-h, --help"]),
        ("repair", ["-i, --index", "--json", "--no-json", "-h, --help"]),
        ("rollback", ["--to", "-i, --index", "--json", "--no-json", "-h, --help"]),
        (
            "evaluate",
            [
                *["--qrels", "-i, --index", "--mode", "--run", "--against", "--per-query"],
                *["--json", "--no-json", "-h, --help"],
            ],
        ),
    ],
)
def test_the_help_of_a_command_names_its_options(run: Run, command: str, options: list[str], flag: str) -> None:
    shown = run(command, flag)
    options_part = shown.out.partition("Options:\n")[2].partition("\n\n")[0]
    named = re.findall(r"^  (-\w(?:, --[\w-]+)?|--[\w-]+(?: / --[\w-]+)?)(?![\w-])", options_part, re.MULTILINE)
    assert (shown.code, named) == (0, options)


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version") == (0, f"semsearch {semsearch.__version__}\n", "")


# --- rebuild-index ----------------------------------------------------------------------------------------------


def test_without_arguments_corpus_is_indexed_into_index(
    run: Run, news: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.rename(news.with_name("corpus"))
    monkeypatch.chdir(news.parent)
    report = run("rebuild-index", "--model", tiny_model).only()
    assert (report["index"], report["articles"]) == ("index", 4)
    assert article_ids(news.parent / "index") == ["abroad/almaty.md", "bridge.txt", "comet", "moon"]
    assert run("query", "landing", "-k", 1).only()["rank"] == 1
    assert run("status").only()["counts"]["articles"] == 4
    files = [path for path in generation(news.parent / "index").rglob("*") if path.is_file()]
    assert [check["problem"] for check in run("verify").lines()] == [None] * len(files)


def test_a_build_reports_what_it_did(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> None:
    ran = run("rebuild-index", news, "-i", tmp_path / "index", "-m", tiny_model, "--json")
    report = ran.only()
    with semsearch.open_index(tmp_path / "index") as searcher:
        hits = searcher.search("anything", k=100)
    embedded = [f"{hit.article.title}\n{hit.passage.text}" for hit in hits]
    folder = generation(tmp_path / "index")
    size = sum((folder / name).stat().st_size for name in files_of(folder))
    assert (ran.code, ran.err) == (0, "")
    assert report.pop("seconds") > 0
    assert report == {
        "type": "build",
        "version": 3,
        "index": str(tmp_path / "index"),
        "generation": generation(tmp_path / "index").name,
        "model": str(tiny_model),
        "articles": 4,
        "passages": 5,
        "embedded": 5,
        "tokens": sum(semsearch.load_embedder(tiny_model).count_tokens(embedded)),
        "truncated_tokens": 0,
        "problems": [],
        "notes": [],
        "ignored": {},
        "bytes": size,
        "unchanged": False,
        "languages": {"en": 0.5},
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("corpora", "expected"),
    [
        (["abroad", "bridge.txt"], ["abroad/almaty.md", "news/bridge.txt"]),
        (["landings.jsonl"], ["comet", "moon"]),
        (["*.txt", "**/*.md"], ["abroad/almaty.md", "bridge.txt"]),
        (
            ["bridge.txt", "landings.jsonl", "abroad/almaty.md"],
            ["abroad/almaty.md", "comet", "moon", "news/bridge.txt"],
        ),
    ],
)
def test_a_corpus_is_any_number_of_folders_files_and_globs(
    run: Run,
    news: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    corpora: list[str],
    expected: list[str],
) -> None:
    monkeypatch.chdir(news)
    assert run("rebuild-index", *corpora, "--index", tmp_path / "index", "--model", tiny_model).code == 0
    assert article_ids(tmp_path / "index") == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BRIDGE, {"stdin": "Bridge closed for repairs"}),
        (ALMATY, {"stdin": "Peacekeepers fly to Almaty"}),
        (
            LANDINGS,
            {"moon": "Probe lands on the moon", "comet": "Comet reached"},
        ),
    ],
    ids=["text", "Markdown", "JSON lines"],
)
def test_standard_input_is_a_corpus(
    run: Run,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    expected: dict[str, str],
) -> None:
    as_stdin(monkeypatch, data)
    assert run("rebuild-index", "-", "--index", tmp_path / "index", "--model", tiny_model).code == 0
    with semsearch.open_index(tmp_path / "index") as searcher:
        assert {hit.article.id: hit.article.title for hit in searcher.search("anything")} == expected


def test_standard_input_stands_beside_other_corpora(
    run: Run, news: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_stdin(monkeypatch, BRIDGE)
    assert run("rebuild-index", news / "abroad", "-", "-i", tmp_path / "index", "-m", tiny_model).code == 0
    assert article_ids(tmp_path / "index") == ["almaty.md", "stdin"]


def test_a_rebuild_keeps_the_model_of_the_index_and_what_has_not_changed(
    run: Run, news: Path, index: Path, tiny_model: Path
) -> None:
    (news / "bridge.txt").write_text("Bridge\n\nThe bridge is open, and traffic crosses the river again.\n")
    report = run("rebuild-index", news, "--index", index).only()
    assert (report["model"], report["passages"], report["embedded"]) == (str(tiny_model), 5, 1)


def test_the_environment_names_the_index(run: Run, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_INDEX", str(index))
    assert run("status").only()["index"] == str(index)


# --- query ------------------------------------------------------------------------------------------------------


def test_a_query_prints_what_the_library_finds(run: Run, index: Path) -> None:
    with semsearch.open_index(index) as searcher:
        hits = searcher.search("who guards the airport")
    ran = run("query", "who guards the airport", "--index", index)
    printed = [(h["rank"], h["score"], h["article"]["id"], h["passage"]["text"]) for h in ran.lines()]
    assert (ran.code, ran.err) == (0, "")
    assert printed == [(hit.rank, round(hit.score, 6), hit.article.id, hit.passage.text) for hit in hits]
    assert len(hits) == 5


@pytest.mark.parametrize(("k", "ranks"), [(1, [1]), (3, [1, 2, 3]), (1000, [1, 2, 3, 4, 5])])
def test_k_is_how_many_passages_are_printed_if_there_are_so_many(
    run: Run, index: Path, k: int, ranks: list[int]
) -> None:
    assert [hit["rank"] for hit in run("query", "probe", "-k", k, "--index", index).lines()] == ranks


def test_words_without_quotes_are_one_query(run: Run, index: Path) -> None:
    loose = run("query", "came", "to", "rest", "-i", index)
    assert {hit["query"] for hit in loose.lines()} == {"came to rest"}
    assert loose.out == run("query", "came to rest", "-i", index).out


def test_a_query_may_begin_with_a_dash(run: Run, index: Path) -> None:
    assert run("query", "-k", 1, "-i", index, "--", "-40 degrees").only()["query"] == "-40 degrees"


def test_a_model_that_has_moved_is_named(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> None:
    before, after, index = tmp_path / "before", tmp_path / "after", tmp_path / "index"
    shutil.copytree(tiny_model, before)
    assert run("rebuild-index", news, "-i", index, "-m", before).code == 0
    answer = run("query", "probe", "-i", index).out
    before.rename(after)
    assert run("query", "probe", "-i", index).code == 6
    assert run("query", "probe", "-i", index, "-m", after) == (0, answer, "")


# --- status and verify ------------------------------------------------------------------------------------------


def test_status_prints_the_manifest(run: Run, word_index: Path) -> None:
    manifest = json.loads((generation(word_index) / "manifest.json").read_text())
    expected = {"type": "status", "version": 3, "index": str(word_index), "generation": generation(word_index).name}
    printed = run("status", "--index", word_index).only()
    (only,) = printed.pop("generations")
    assert printed == {**expected, **manifest, "drift": None, "warnings": []}
    assert (only["id"], only["is_live"], only["articles"]) == (expected["generation"], True, 2)
    assert manifest["counts"]["articles"] == 2
    assert manifest["embedder"]["name"] == "words"


def test_verify_prints_a_verdict_on_every_file(run: Run, word_index: Path) -> None:
    checks = run("verify", "--index", word_index)
    files = {str(path): path.stat().st_size for path in generation(word_index).rglob("*") if path.is_file()}
    assert (checks.code, checks.err) == (0, "")
    assert {check["path"]: check["bytes"] for check in checks.lines()} == files
    assert {(check["type"], check["version"], check["problem"]) for check in checks.lines()} == {("check", 3, None)}
    assert {check["remedy"] for check in checks.lines()} == {None}
