"""One writer that is killed now and then, and many readers: each answer is one committed generation's."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from semsearch import IndexLockedError, Searcher, SemsearchError, build_index, verify_index
from semsearch.storage.lock import writer_lock
from tests.conftest import ROOT
from tests.torture.figures import note, scaled
from tests.torture.generations_numbered import articles_of, number_of, open_words, read
from tests.torture.model import Words

WRITER = """
import os, sys
from pathlib import Path
from tests.torture.generations_numbered import write
{broken}
for number in write(Path(sys.argv[1])):
    print(number, flush=True)
"""
READER = """
import sys
from pathlib import Path
from tests.torture.generations_numbered import read
print(*read(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
"""


class Run(NamedTuple):
    """What came of a run in which nothing was wrong."""

    generations: int
    kills: int
    answers: int
    openings: int
    refused: int


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        text=True,
    )


@contextlib.contextmanager
def ended(processes: list[subprocess.Popen[str]]) -> Iterator[list[subprocess.Popen[str]]]:
    """End these processes when the block is left, however it is left."""
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()


def run(index: Path, readers: int, seconds: float, *, broken: str = "") -> Run:
    """Let a writer and readers work together, kill the writer now and then, and try to write meanwhile.

    Raises:
        AssertionError: If one of them finds what must not be, or the lock is not held, or not let go of.
    """
    build_index(articles_of(0), index, embedder=Words())
    stop, random, until = index.parent / "stop", Random(5), time.time() + seconds
    processes = [start(READER, index, stop, number) for number in range(readers)]
    kills, refused, committed = 0, 0, set[str]()
    with ended(processes):
        while kills < 2 or time.time() < until:
            with ended([start(WRITER.format(broken=broken), index)]) as (writer,):
                for _ in range(random.randint(1, 3)):
                    committed.add(next_line(writer))  # it is at work then
                refused += try_to_write(index, writer, until=time.time() + random.uniform(0.1, 1.5))
                assert writer.poll() is None, writer.communicate()[1]
                writer.kill()
                committed.update(writer.communicate()[0].split())
            kills += 1
            with writer_lock(index):  # is free, as its holder is not there any more
                pass
            for reader in processes:
                assert reader.poll() is None, reader.communicate()[1]
        stop.touch()
        said = [process.communicate() for process in processes]
    for process, (_, errors) in zip(processes, said, strict=True):
        assert process.returncode == 0, errors
    assert all(check.problem is None for check in verify_index(index))
    assert refused, "no other writer was refused"
    answers, opened = (sum(int(out.split()[at]) for out, _ in said) for at in range(2))
    return Run(len(committed), kills, answers, opened, refused)


def next_line(writer: subprocess.Popen[str]) -> str:
    """Wait for the writer's next commit."""
    assert writer.stdout is not None
    line = writer.stdout.readline().strip()
    assert line, writer.communicate()[1]
    return line


def try_to_write(index: Path, writer: subprocess.Popen[str], until: float) -> int:
    """Try to write as long as the writer does; return how often that was refused, and it was said who writes."""
    refused = 0
    while time.time() < until and writer.poll() is None:
        try:
            with writer_lock(index):
                pass
        except IndexLockedError as error:
            if error.pid not in (None, writer.pid):
                raise AssertionError(f"process {error.pid} is said to write, not {writer.pid}") from None
            refused += error.pid == writer.pid
        time.sleep(0.02)
    return refused


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal as SIGKILL")
def test_readers_and_a_writer_that_is_killed(tmp_path: Path) -> None:
    readers, seconds = scaled(3, 8), scaled(4, 150)
    done = run(tmp_path / "index", readers, seconds)
    assert done.generations > 1
    assert done.answers > readers
    note(
        "readers and a writer together",
        reader_processes=readers,
        generations_committed=done.generations,
        writers_killed=done.kills,
        times_opened=done.openings,
        answers_each_of_one_generation=done.answers,
        other_writers_refused=done.refused,
    )


# --- what these must find ---------------------------------------------------------------------------------------------

NOT_ATOMIC = """
import time
from semsearch.storage import _current
def replace(path, data):
    with path.open("wb", buffering=0) as stream:
        stream.write(data[:20])
        time.sleep(0.02)
        stream.write(data[20:])
_current.replace_durably = replace
"""
REMOVES_THE_LIVE_ONE = """
import shutil
from semsearch.storage import generations
def remove(index):
    for folder in (index / "generations").iterdir():
        shutil.rmtree(folder)
generations.remove_generations = remove
"""
NOT_LOCKED = """
import contextlib
from semsearch.storage import generations
generations.writer_lock = contextlib.nullcontext
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal as SIGKILL")
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NOT_ATOMIC, r"(?s)in read\n.*Index\w+Error"),
        (REMOVES_THE_LIVE_ONE, r"Index\w+Error|FileNotFoundError"),
        (NOT_LOCKED, "no other writer was refused"),
    ],
    ids=["atomic", "removal", "lock"],
)
def test_what_is_broken_is_noticed(tmp_path: Path, broken: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run(tmp_path / "index", 2, 0, broken=broken)


def test_an_answer_of_an_earlier_generation_is_noticed(tmp_path: Path) -> None:
    indexes = [tmp_path / f"{number}" for number in range(2)]
    for number, index in enumerate(indexes):
        build_index(articles_of(number), index, embedder=Words())
    order = iter([1, 1, 0])

    def open_earlier(_: Path) -> Searcher:
        return open_words(indexes[next(order)])

    with pytest.raises(AssertionError, match="generation 0 is live after 1"):
        read(tmp_path, tmp_path / "never", 1, open_earlier)


@pytest.mark.parametrize(
    "mix",
    [
        lambda one, other: setattr(one._source, "_words", vars(other._source)["_words"]),
        lambda one, other: setattr(one._source, "passages", other._source.passages),
        lambda one, other: setattr(one._source, "_dense", vars(other._source)["_dense"]),
    ],
    ids=["words", "texts", "vectors"],
)
def test_an_answer_of_two_generations_is_noticed(tmp_path: Path, mix: Callable[[Searcher, Searcher], None]) -> None:
    for number in range(2):
        build_index(articles_of(number)[: 12 - number], tmp_path / f"{number}", embedder=Words())

    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(open_words(tmp_path / f"{number}")) for number in range(2))
        mix(one, other)
        with pytest.raises((AssertionError, IndexError, SemsearchError)):
            number_of(one, "talks went on", "hybrid")
