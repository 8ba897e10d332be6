"""What only a process of its own shows: what it loads, how it dies, and what a long build says meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import semsearch
from tests.command import build_with_words, generation, write_news

LOADED_BY_COMMAND = """\
import sys
from semsearch.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 0, ended.code
print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""
LOADED_BY_IMPORT = """\
import sys
import semsearch
print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""
STYLE = re.compile(rb"\x1b\[[\d;]*m")
LEFT = re.compile(rb"embedding passages +[^\r\d]* (\d+)/(\d+) \d+/s \d+:\d\d:\d\d left")


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    return {**kept, "PYTHONUTF8": "1", "TERM": "xterm-256color", "COLUMNS": "100", **changes}


@pytest.fixture(scope="module")
def word_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_with_words(tmp_path_factory.mktemp("words") / "index")


# --- what is loaded ---------------------------------------------------------------------------------------------


def loaded(code: str, *arguments: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=environment()
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["query", "--help"], ["rebuild-index", "--help"]])
def test_help_loads_no_library_that_takes_long(arguments: list[str]) -> None:
    names = loaded(LOADED_BY_COMMAND, *arguments)
    assert "click" in names
    assert names & {"faiss", "huggingface_hub", "numpy", "rich", "sentence_transformers", "torch", "yaml"} == set()


@pytest.mark.parametrize("form", ["--json", "--no-json"])
def test_status_loads_neither_torch_nor_faiss(word_index: Path, form: str) -> None:
    names = loaded(LOADED_BY_COMMAND, "status", "--index", str(word_index), form)
    assert "semsearch" in names
    assert names & {"faiss", "huggingface_hub", "numpy", "sentence_transformers", "torch"} == set()


def test_a_query_loads_no_library_that_models_are_made_with(corpus_index: Path) -> None:
    names = loaded(LOADED_BY_COMMAND, "query", "who pays for the mission", "--index", str(corpus_index), "--json")
    assert {"onnxruntime", "tokenizers"} <= names
    heavy = {
        "faiss",
        "huggingface_hub",
        "onnx",
        "openvino",
        "safetensors",
        "sentence_transformers",
        "torch",
        "transformers",
    }
    assert names & heavy == set()


def test_importing_the_package_loads_neither_torch_nor_faiss() -> None:
    names = loaded(LOADED_BY_IMPORT)
    assert "semsearch" in names
    assert names & {"click", "faiss", "numpy", "sentence_transformers", "torch"} == set()


# --- the command as a shell starts it ---------------------------------------------------------------------------


def semsearch_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "semsearch", *map(str, arguments)]


def test_the_package_runs_as_a_module(word_index: Path) -> None:
    ended = subprocess.run(
        semsearch_command("status", "--index", word_index), capture_output=True, text=True, check=True
    )
    assert json.loads(ended.stdout)["generation"] == generation(word_index).name
    assert ended.stderr == ""


@pytest.mark.parametrize("form", ["--json", "--no-json"])
def test_a_reader_that_goes_away_provokes_no_traceback(word_index: Path, form: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # what "head -1" does once it has its line
    try:
        ended = subprocess.run(
            semsearch_command("verify", "--index", word_index, form),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_head_takes_the_first_line_of_many(tiny_model: Path, tmp_path: Path) -> None:
    head = shutil.which("head")
    if head is None:
        pytest.skip("needs head")
    lines = "".join(json.dumps({"_id": f"{n}", "text": f"{n} words, {'and more ' * 12}"}) + "\n" for n in range(800))
    (tmp_path / "many.jsonl").write_text(lines)
    semsearch.build_index(tmp_path / "many.jsonl", tmp_path / "index", embedder=tiny_model)
    with subprocess.Popen(
        semsearch_command("query", "words", "-k", 800, "--index", tmp_path / "index"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as query:
        first = subprocess.run([head, "-1"], stdin=query.stdout, capture_output=True, check=True)
        assert query.stdout is not None
        query.stdout.close()
        _, errors = query.communicate(timeout=120)
    assert json.loads(first.stdout)["rank"] == 1
    assert errors == b""


def test_a_full_disk_is_one_line(word_index: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            semsearch_command("status", "--index", word_index, "--no-json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert re.fullmatch(r"semsearch: .*No space left on device\n", ended.stderr)


# --- a long build, and Ctrl-C in the middle of it ---------------------------------------------------------------


class Interrupted(NamedTuple):
    code: int
    out: bytes
    err: bytes  # what the terminal was shown
    where: Path
    files_before: dict[str, bytes]
    hits_before: list[semsearch.Hit]


def files(index: Path) -> dict[str, bytes]:
    return {
        path.relative_to(index).as_posix(): path.read_bytes()
        for path in index.rglob("*")
        if path.is_file() and not path.name.startswith("writer.")
    }


def search(index: Path) -> list[semsearch.Hit]:
    with semsearch.open_index(index) as searcher:
        return searcher.search("who guards the airport", k=5)


@pytest.fixture(scope="module")
def interrupted(tiny_model: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    """A build with the real model on a terminal, interrupted while it embeds."""
    pty = pytest.importorskip("pty", reason="needs pseudo-terminals, which this system has not")
    folder = tmp_path_factory.mktemp("interrupted")
    index = folder / "index"
    semsearch.build_index(write_news(folder / "news"), index, embedder=tiny_model)
    before = files(index), search(index)
    for copy in ("a", "b", "c"):  # so that it is not done before it is interrupted, however fast the machine
        shutil.copytree(corpus, folder / "corpus" / copy)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        semsearch_command("rebuild-index", folder / "corpus", "--index", index, "--model", semsearch.DEFAULT_MODEL),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment(),
    ) as build:
        os.close(theirs)
        shown = read_until(ours, LEFT)
        build.send_signal(signal.SIGINT)
        shown += read_until(ours, None)
        out, _ = build.communicate(timeout=120)
    os.close(ours)
    return Interrupted(build.returncode, out, shown, index, *before)


def read_until(terminal: int, wanted: re.Pattern[bytes] | None) -> bytes:
    """Read what a terminal is shown, but for colours, until ``wanted`` is in it or nobody writes to it any more."""
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return shown
        if not part:
            return shown
        shown = STYLE.sub(b"", shown + part)
        if wanted is not None and wanted.search(shown):
            return shown


def test_a_long_build_shows_rate_and_time_left_on_stderr_and_nothing_on_stdout(interrupted: Interrupted) -> None:
    progress = LEFT.search(interrupted.err)
    assert progress is not None
    done, total = map(int, progress.groups())
    assert 0 < done < total
    assert total > 2000
    assert interrupted.out == b""


def test_ctrl_c_ends_a_build_with_130_and_one_line(interrupted: Interrupted) -> None:
    assert interrupted.code == 130
    assert interrupted.err.endswith(
        b"semsearch: interrupted: the index is whole, the one that was there unless the new one was complete\r\n"
    )
    assert b"Traceback" not in interrupted.err
    # The cursor that the progress bar had hidden is back.
    assert interrupted.err.rindex(b"\x1b[?25h") > interrupted.err.rindex(b"\x1b[?25l")


def test_the_previous_index_is_as_it_was_and_answers_after_ctrl_c(interrupted: Interrupted) -> None:
    assert files(interrupted.where) == interrupted.files_before
    assert search(interrupted.where) == interrupted.hits_before
    checks = semsearch.verify_index(interrupted.where)
    assert {check.path for check in checks} == {p for p in generation(interrupted.where).rglob("*") if p.is_file()}
    assert {check.problem for check in checks} == {None}


def test_the_index_can_be_written_after_ctrl_c(interrupted: Interrupted, tiny_model: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(interrupted.where, tmp_path / "index"))
    report = semsearch.build_index(write_news(tmp_path / "news"), index)
    assert (report.model, report.articles, report.embedded) == (str(tiny_model), 4, 0)
