"""What reaches a terminal: colours where they are wanted, and nothing that an article smuggles in."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import semsearch
from semsearch.cli._progress import show_progress
from tests.command import ENVIRONMENT, Ran, Run, build_with_words, run_main, runner, write_news
from tests.embedder import WordEmbedder

pty = pytest.importorskip("pty", reason="needs pseudo-terminals, which this system has not")

STYLE = re.compile(r"\x1b\[([\d;]*)m")  # what rich writes for colours and weights
COLOURS = {*map(str, range(30, 39)), *map(str, range(40, 49)), *map(str, range(90, 98)), *map(str, range(100, 108))}
UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Clear the screen, name the window, and begin a sequence with one character; delete; write from right to left.
HOSTILE = "before\x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \u202eafter\u2066"
HARMLESS = "before\ufffd[2J\ufffd]0;owned\ufffd \ufffd31m \ufffd \ufffdafter\ufffd"


@pytest.fixture(autouse=True)
def _colour_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    # A slow machine must not put a progress bar between what is compared here.
    monkeypatch.setattr("semsearch.cli._progress._PATIENCE", 3600)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def word_index(tmp_path: Path) -> Path:
    return build_with_words(tmp_path / "word-index")


@pytest.fixture(scope="module")
def hostile_index(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("hostile") / "index"
    article = semsearch.Article(
        HOSTILE, f"The text {HOSTILE}.", title=HOSTILE, source=HOSTILE, url=HOSTILE, metadata={HOSTILE: HOSTILE}
    )
    semsearch.build_index([article], index, embedder=tiny_model)
    return index


@contextlib.contextmanager
def terminal() -> Iterator[tuple[io.TextIOWrapper, list[bytes]]]:
    """A terminal to write to, and what arrived on it once it is closed."""
    ours, theirs = pty.openpty()
    arrived: list[bytes] = []

    def receive() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096):
                arrived.append(part)

    receiver = threading.Thread(target=receive)
    receiver.start()
    try:
        with open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor is no path
            yield stream, arrived
    finally:
        receiver.join()
        os.close(ours)


def run_on_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Ran:
    with monkeypatch.context() as patch, terminal() as (out, out_parts), terminal() as (err, err_parts):
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = run_main(*arguments)
    return Ran(code, *(b"".join(parts).decode().replace("\r\n", "\n") for parts in (out_parts, err_parts)))


def colours(text: str) -> set[str]:
    return {code for style in STYLE.findall(text) for code in style.split(";")} & COLOURS


# --- colours ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "verify"])
def test_a_terminal_gets_the_text_that_a_pipe_gets_with_styles(
    run: Run, word_index: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    shown = run_on_terminal(monkeypatch, command, "--index", word_index)
    plain = run(command, "--index", word_index, "--no-json").out
    assert (shown.code, shown.err) == (0, "")
    assert STYLE.sub("", shown.out) == plain
    assert STYLE.search(shown.out)
    assert "\x1b" not in plain


def test_hits_are_coloured_on_a_terminal_only(
    run: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    semsearch.build_index(write_news(tmp_path / "news"), index, embedder=tiny_model)
    shown = run_on_terminal(monkeypatch, "query", "probe", "-k", 2, "--index", index)
    plain = run("query", "probe", "-k", 2, "--index", index, "--no-json").out
    assert {"32", "36"} <= colours(shown.out)  # the score is green, the rank cyan
    assert STYLE.sub("", shown.out) == plain
    assert "\x1b" not in plain


@pytest.mark.parametrize("command", ["query", "verify"])
def test_no_color_is_respected(hostile_index: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    arguments = [command, *(["x"] if command == "query" else []), "--index", hostile_index]
    assert colours(run_on_terminal(monkeypatch, *arguments).out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert colours(run_on_terminal(monkeypatch, *arguments).out) == set()


def test_a_dumb_terminal_gets_no_sequences(word_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in run_on_terminal(monkeypatch, "verify", "--index", word_index).out


def test_json_on_a_terminal_is_not_coloured(run: Run, word_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run_on_terminal(monkeypatch, "status", "--index", word_index, "--json")
    assert shown == run("status", "--index", word_index)


# --- what articles smuggle in -----------------------------------------------------------------------------------


def unsafe(text: str) -> list[str]:
    return UNSAFE.findall(STYLE.sub("", text))


def test_no_control_character_of_an_article_reaches_the_terminal(
    hostile_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run_on_terminal(monkeypatch, "query", "before and after", "--index", hostile_index)
    assert (shown.code, unsafe(shown.out)) == (0, [])
    assert STYLE.sub("", shown.out).count(HARMLESS) >= 3  # title, source and text; the url is wrapped
    assert f"The text {HARMLESS}." in STYLE.sub("", shown.out)


def test_no_control_character_reaches_the_terminal_as_json_either(
    hostile_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run_on_terminal(monkeypatch, "query", "before and after", "--index", hostile_index, "--json")
    assert json.loads(shown.out)["passage"]["text"] == f"The text {HOSTILE}."
    assert json.loads(shown.out)["article"]["metadata"] == {HOSTILE: HOSTILE}
    assert unsafe(shown.out) == []


def test_no_control_character_of_a_files_name_reaches_the_terminal(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    news = write_news(tmp_path / "news")
    name = HOSTILE.replace("/", "")
    (news / f"{name}.txt").touch()  # empty: a problem
    (news / f"link-{name}.txt").symlink_to(news / "bridge.txt")  # a note
    (news / f"table.{name}").touch()  # of another kind
    arguments = ["rebuild-index", news, "--index", tmp_path / "index", "--model", tiny_model]
    shown = run_on_terminal(monkeypatch, *arguments)
    assert (shown.code, unsafe(shown.out + shown.err)) == (1, [])
    assert shown.err.casefold().count(HARMLESS.casefold()) == 3  # suffixes are counted in lower case


def test_no_control_character_of_a_files_name_reaches_the_terminal_in_an_error(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    news = write_news(tmp_path / "news")
    (news / f"{HOSTILE}.jsonl").write_text('{"_id": "moon", "text": "Another text under the same name."}\n')
    arguments = ["rebuild-index", news, "--index", tmp_path / "index", "--model", tiny_model]
    shown = run_on_terminal(monkeypatch, *arguments)
    assert shown.code == 1
    assert "has the id 'moon' of " in shown.err
    assert unsafe(shown.err) == []


# --- progress ---------------------------------------------------------------------------------------------------


def test_what_is_quick_shows_no_progress(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    news = write_news(tmp_path / "news")
    semsearch.load_embedder(tiny_model)
    assert run("rebuild-index", news, "--index", tmp_path / "index", "--model", tiny_model).err == ""


class SlowEmbedder(WordEmbedder):
    """Takes a tenth of a second for a passage, on a clock of its own."""

    now = 0.0

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.now += 0.1 * len(texts)
        return super().embed_passages(texts)

    def articles(self, count: int) -> Iterator[semsearch.Article]:
        """Articles of one passage each that take half a second to read."""
        for number in range(count):
            self.now += 0.5
            yield semsearch.Article(f"{number}", f"The words of the article with the number {number}.")


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that a log shows of a build of 192 passages, if it shows every report."""
    embedder = SlowEmbedder()
    monkeypatch.setattr("semsearch.cli._progress.time", SimpleNamespace(monotonic=lambda: embedder.now))
    monkeypatch.setattr("semsearch.cli._progress._EVERY", 0)
    with show_progress() as report:
        semsearch.build_index(embedder.articles(192), tmp_path / "index", embedder=embedder, progress=report)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_progress_of_embedding_states_rate_and_time_left(logged: list[str]) -> None:
    assert [line for line in logged if line.startswith("embedding")] == [
        "embedding passages: 64 of 192, 10/s, 0:13 left",
        "embedding passages: 128 of 192, 10/s, 0:06 left",
        "embedding passages: 192 of 192, 10/s, 0:00 left",
    ]


def test_progress_of_reading_states_the_rate(logged: list[str]) -> None:
    reading = [line for line in logged if line.startswith("reading")]
    assert (reading[0], reading[-1]) == ("reading articles: 1, 2/s", "reading articles: 192, 2/s")
    assert len(reading) == 192
