"""A build that stops in the middle, however it stops: the index before it answers, and the next build goes through."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Progress, build_index, verify_index
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.index_files import answers, generations, live
from tests.torture.figures import scaled

OLD = [Article(f"old {number}", f"Talks on the treaty went on for day {number} in the capital.") for number in range(3)]
NEW = [Article(f"new {number}", f"Soldiers reached the airport on day {number} of the month.") for number in range(200)]

BOTH = [*OLD, *NEW[:5]]  # so that a rebuild shares files with the generation before


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder) -> Path:
    build_index(OLD, tmp_path / "index", embedder=words)
    return tmp_path / "index"


def assert_the_next_build_goes_through(index: Path) -> None:
    before = live(index).name
    build_index(NEW, index, embedder=WordEmbedder())
    assert {article for article, _, _ in answers(index)} <= {article.id for article in NEW}
    assert generations(index) == [before, live(index).name]
    assert sorted(path.name for path in index.iterdir()) == ["CURRENT", "generations", "writer.lock"]
    assert all(check.problem is None for check in verify_index(index))


# --- an error ---------------------------------------------------------------------------------------------------------


class BrokenError(Exception):
    """Not an error that anything in semsearch knows."""


class BrokenEmbedder(WordEmbedder):
    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(self.embedded) >= 64:
            raise BrokenError
        return super().embed_passages(texts)


def articles_that_break() -> Iterator[Article]:
    yield from NEW[:100]
    raise BrokenError


@pytest.mark.parametrize(
    ("articles", "embedder"),
    [
        pytest.param(articles_that_break, WordEmbedder, id="reading"),
        pytest.param(lambda: NEW, BrokenEmbedder, id="embedding"),
    ],
)
def test_a_build_that_raises_leaves_the_index_as_it_was(
    index: Path, articles: Callable[[], Iterator[Article]], embedder: Callable[[], WordEmbedder]
) -> None:
    files, expected = sorted(index.rglob("*")), answers(index)
    with pytest.raises(BrokenError):
        build_index(articles(), index, embedder=embedder())
    assert sorted(index.rglob("*")) == files
    assert answers(index) == expected
    assert_the_next_build_goes_through(index)


@pytest.mark.parametrize("stage", ["loading the model", "reading articles", "embedding passages", "writing the index"])
def test_a_report_of_progress_that_raises_leaves_the_index_as_it_was(index: Path, stage: str) -> None:
    def report(progress: Progress) -> None:
        if progress.stage == stage:
            raise BrokenError

    files, expected = sorted(index.rglob("*")), answers(index)
    with pytest.raises(BrokenError):
        build_index(NEW, index, embedder=WordEmbedder(), progress=report)
    assert sorted(index.rglob("*")) == files
    assert answers(index) == expected
    assert_the_next_build_goes_through(index)


# --- a signal ---------------------------------------------------------------------------------------------------------

# Stops at the point that it is told, says so, and waits there until it gets a signal.
STOPPING = """
import sys
from tests.embedder import WordEmbedder
from tests.test_building_killed import NEW
from semsearch import build_index

def stop():
    print("here", flush=True)
    sys.stdin.read()

class Stopping(WordEmbedder):
    def embed_passages(self, texts):
        if point == "embedding" and len(self.embedded) >= 64:
            stop()
        return super().embed_passages(texts)

def articles():
    yield from NEW[:100]
    if point == "reading":
        stop()
    yield from NEW[100:]

def report(progress):
    if progress.stage == point:
        stop()

index, point = sys.argv[1:]
build_index(articles(), index, embedder=Stopping(), progress=report)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda stop: stop.name)
@pytest.mark.parametrize("point", ["reading", "embedding", "writing the index"])
def test_a_build_that_is_ended_leaves_the_index_that_was_there(index: Path, point: str, stop: signal.Signals) -> None:
    files, expected = sorted(index.rglob("*")), answers(index)
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING, str(index), point],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(stop)
        _, errors = process.communicate()
    assert process.returncode == -stop
    assert answers(index) == expected
    assert all(check.problem is None for check in verify_index(index))
    if stop is signal.SIGINT:  # there was time to clean up
        assert sorted(index.rglob("*")) == files
        assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert_the_next_build_goes_through(index)


# --- a kill at every step ---------------------------------------------------------------------------------------------

STRIDE = scaled(3, 1)
"""Steps; ``tests/torture/test_crash.py`` looks at each in every version, without a process that is killed."""

# Builds over and over, each time in a child that is killed right before the next of its calls that may change a file,
# until one gets through. Another child says what is in the index then, and builds again. This process itself never
# lets faiss compute: its threads would not live on in the children.
SWEEP = """
import json, os, shutil, signal, sys
from pathlib import Path

import semsearch.searching
from semsearch import IndexNotFoundError, build_index, verify_index
from tests.embedder import TokenWordEmbedder
from tests.index_files import answers, generations
from tests.torture.figures import scaled
from tests.test_building_killed import BOTH

STEPS = {
    "open", "write", "flush", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "flock", "link",
    "connect", "execute", "executemany", "executescript",
}

def in_child(task):
    pid = os.fork()
    if pid == 0:
        try:
            task()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def build_until(last):
    left = last
    def count(frame, event, function):
        nonlocal left
        if event == "c_call" and function.__name__ in STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    build_index(BOTH, index, embedder=TokenWordEmbedder())

def look():
    try:
        found = sorted({article for article, _, _ in answers(index, embedder=TokenWordEmbedder())})
        assert all(check.problem is None for check in verify_index(index))
    except IndexNotFoundError:
        found = None
    build_index(BOTH, index, embedder=TokenWordEmbedder())
    rebuilt = sorted({article for article, _, _ in answers(index, embedder=TokenWordEmbedder())})
    left_over = sorted({path.name for path in index.iterdir()} - {"CURRENT", "generations", "writer.lock"})
    print(json.dumps([found, rebuilt, len(generations(index)), left_over]), flush=True)

template, index, stride = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ended, step = -signal.SIGKILL, 0
while ended == -signal.SIGKILL:
    step += stride
    shutil.rmtree(index, ignore_errors=True)
    if template.exists():
        shutil.copytree(template, index)
    ended = in_child(lambda: build_until(step))
    if in_child(look) != 0:
        sys.exit(f"after a kill at step {step}")
sys.exit(ended)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that this system cannot fork")
@pytest.mark.parametrize("first", [True, False], ids=["the first build", "a rebuild"])
def test_a_build_that_is_killed_at_any_step_leaves_the_old_index_or_the_new(index: Path, first: bool) -> None:
    template = index.parent / ("none" if first else "template")
    if not first:
        build_index(OLD, template, embedder=TokenWordEmbedder())
    run = subprocess.run(
        [
            *(sys.executable, "-W", "ignore::DeprecationWarning", "-c", SWEEP),
            *(str(template), str(index.parent / "killed"), str(STRIDE)),
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    outcomes = [json.loads(line) for line in run.stdout.splitlines()]
    old = None if first else [article.id for article in OLD]
    new = sorted(article.id for article in BOTH)
    found = [outcome[0] for outcome in outcomes]
    committed = found.index(new)
    assert found == [old] * committed + [new] * (len(found) - committed)
    assert committed * STRIDE > 20  # so many steps were tried before the commit
    for _, rebuilt, count, left_over in outcomes:
        assert (rebuilt, left_over) == (new, [])
        assert count <= 2
