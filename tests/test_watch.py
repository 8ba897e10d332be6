"""An index that follows a folder: bursts are one build, half of a file is none, and what fails is tried again."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from semsearch import CorpusError, IndexLockedError, list_generations, open_index
from semsearch.building import BuildReport, watch_corpus
from semsearch.errors import SemsearchError
from semsearch.storage.lock import writer_lock
from tests.conftest import ROOT

pytest.importorskip("watchfiles", reason="needs the extra 'watch'")

SETTLE = 0.4
PATIENCE = 60.0  # seconds that a build may take on a machine that is busy


class Following(NamedTuple):
    """A folder that is followed, and what came of it."""

    news: Path
    path: Path
    outcomes: queue.Queue[BuildReport | SemsearchError]

    def next(self) -> BuildReport | SemsearchError:
        return self.outcomes.get(timeout=PATIENCE)

    def built(self) -> BuildReport:
        outcome = self.next()
        assert isinstance(outcome, BuildReport), outcome
        return outcome

    def ids(self) -> set[str]:
        """The articles of the index."""
        with open_index(self.path) as searcher:
            return {hit.article.id for hit in searcher.search("article about a bridge", 100, fold_duplicates=False)}


@pytest.fixture
def following(tmp_path: Path, tiny_model: Path) -> Iterator[Following]:
    news = tmp_path / "news"
    news.mkdir()
    write(news, "one", "two")
    found = Following(news, news / "index", queue.Queue())  # where it must not follow itself
    stop = threading.Event()

    def follow() -> None:
        for outcome in watch_corpus(news, found.path, embedder=tiny_model, settle=SETTLE, stop=stop):
            found.outcomes.put(outcome)

    thread = threading.Thread(target=follow)
    thread.start()
    yield found
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def write(folder: Path, *names: str, text: str = "An article about a bridge") -> None:
    for name in names:
        (folder / f"{name}.txt").write_text(f"{text}, which is called {name}.\n")


def test_what_is_new_changed_and_gone_is_taken_in(following: Following) -> None:
    assert following.built().articles == 2
    write(following.news, "three")
    assert following.built().articles == 3
    assert following.ids() == {"one.txt", "two.txt", "three.txt"}
    write(following.news, "one", text="The bridge is another one now")
    assert following.built().embedded == 1
    (following.news / "two.txt").unlink()
    assert following.built().articles == 2
    assert following.ids() == {"one.txt", "three.txt"}


def test_a_folder_that_is_moved_in_is_taken_in_whole(following: Following, tmp_path: Path) -> None:
    following.built()
    (tmp_path / "more").mkdir()
    write(tmp_path / "more", "a", "b")
    (tmp_path / "more").rename(following.news / "more")
    assert following.built().articles == 4


def test_a_burst_is_one_build(following: Following) -> None:
    following.built()
    for number in range(30):
        write(following.news, f"burst{number}")
        time.sleep(SETTLE / 40)
    assert following.built().articles == 32
    time.sleep(3 * SETTLE)
    assert following.outcomes.empty()
    assert len(list_generations(following.path)) == 2


def test_half_of_a_file_is_not_taken_in(following: Following) -> None:
    following.built()
    lines = [json.dumps({"id": f"record {n}", "text": f"Record {n} is an article about a bridge."}) for n in range(20)]
    with (following.news / "records.jsonl").open("w") as stream:
        for line in lines:
            stream.write(line[:20])
            stream.flush()
            time.sleep(SETTLE / 8)
            stream.write(f"{line[20:]}\n")
            stream.flush()
            time.sleep(SETTLE / 8)
    report = following.built()
    assert (report.articles, report.problems) == (22, ())


def test_what_is_no_article_starts_no_build(following: Following) -> None:
    following.built()
    (following.news / "picture.jpg").write_bytes(b"\xff\xd8")
    (following.news / ".hidden.txt").write_text("Hidden.\n")
    time.sleep(4 * SETTLE)
    assert following.outcomes.empty()
    assert len(list_generations(following.path)) == 1


def test_a_build_that_fails_leaves_the_index_and_the_next_change_is_taken_in(following: Following) -> None:
    following.built()
    (following.news / "a.jsonl").write_text('{"id": "one.txt", "text": "It has the id of another one."}\n')
    outcome = following.next()
    assert isinstance(outcome, CorpusError)
    assert "has the id 'one.txt'" in str(outcome)
    assert following.ids() == {"one.txt", "two.txt"}
    (following.news / "a.jsonl").unlink()
    write(following.news, "three")
    assert following.built().articles == 3


def test_what_another_writer_keeps_from_being_built_is_built_when_that_has_ended(following: Following) -> None:
    following.built()
    with writer_lock(following.path):
        write(following.news, "three")
        assert isinstance(following.next(), IndexLockedError)
    while isinstance(outcome := following.next(), IndexLockedError):
        pass
    assert isinstance(outcome, BuildReport)
    assert outcome.articles == 3


def test_a_folder_that_goes_and_comes_back_is_followed_again(following: Following, tmp_path: Path) -> None:
    following.built()
    following.news.rename(tmp_path / "elsewhere")
    time.sleep(2)
    (tmp_path / "elsewhere").rename(following.news)
    write(following.news, "three")
    while not (isinstance(outcome := following.next(), BuildReport) and outcome.articles == 3):
        pass
    write(following.news, "four")
    assert following.built().articles == 4


def test_what_cannot_be_followed_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, "one")
    for sources, message in (
        ([tmp_path / "nowhere"], "no such file or folder"),
        (["-"], "cannot be followed"),
        ([tmp_path, tmp_path / "one.txt"], "is a file beside folders"),
    ):
        with pytest.raises(CorpusError, match=message):
            next(watch_corpus(sources, tmp_path / "index"))
    assert not (tmp_path / "index").exists()


def test_the_command_follows_a_file_and_ends_when_it_is_interrupted(tmp_path: Path, tiny_model: Path) -> None:
    write(tmp_path, "one", "other")
    command: list[str | Path] = [
        *(sys.executable, "-m", "semsearch", "watch", tmp_path / "one.txt", "--settle", str(SETTLE)),
        *("--index", tmp_path / "index", "--model", tiny_model, "--json"),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["articles"] == 1
        (tmp_path / "new").write_text("The article has another text now, which is longer.\n")
        (tmp_path / "new").replace(tmp_path / "one.txt")  # as editors save
        assert json.loads(process.stdout.readline())["embedded"] == 1
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert said.splitlines()[0] == f"following {tmp_path / 'one.txt'}: ctrl-c ends it"
