"""One writer an index, whatever becomes of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semsearch import Article, IndexLockedError, build_index, open_index
from semsearch.storage.lock import writer_lock
from tests.conftest import ROOT
from tests.embedder import WordEmbedder

ARTICLES = [Article("treaty", "The treaty was signed by all members of the alliance in the capital.")]

# Says "held" when it has the lock, and keeps it until its standard input is closed.
HOLD = """
import sys
from pathlib import Path
from semsearch.storage import write_generation

with write_generation(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_writer(index: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock for the length of the block, unless the block ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process  # leaving the block closes its input, and waits for it


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder) -> Path:
    build_index(ARTICLES, tmp_path / "index", embedder=words)
    return tmp_path / "index"


def test_a_second_writer_is_refused_and_told_who_the_first_is(index: Path, words: WordEmbedder) -> None:
    with another_writer(index) as first:
        with pytest.raises(IndexLockedError) as error:
            build_index(ARTICLES, index, embedder=words)
        assert error.value.pid == first.pid
        assert f"is being written by process {first.pid} on " in str(error.value)
        assert str(index) in str(error.value)
        assert error.value.exit_code == 5


def test_a_writer_that_was_refused_takes_nothing_from_the_first(index: Path, words: WordEmbedder) -> None:
    with another_writer(index) as first:
        before = sorted(index.rglob("*"))
        for _ in range(2):
            with pytest.raises(IndexLockedError) as error:
                build_index(ARTICLES, index, embedder=words)
            assert error.value.pid == first.pid
        assert sorted(index.rglob("*")) == before


def test_readers_need_no_lock(index: Path, words: WordEmbedder) -> None:
    with another_writer(index), open_index(index, embedder=words) as searcher:
        assert [hit.article.id for hit in searcher.search("treaty alliance")] == ["treaty"]


def test_the_lock_of_a_process_that_was_killed_is_free(index: Path, words: WordEmbedder) -> None:
    with another_writer(index) as first:
        first.kill()
        first.wait()
        assert (index / "writer.json").exists()  # it had no time to clean up
        report = build_index([*ARTICLES, Article("mission", "The mission left.")], index, embedder=words)
    assert report.articles == 2
    assert not (index / "writer.json").exists()
    assert len(list((index / "generations").iterdir())) == 2  # the new one and the one before, not the killed one's


def test_after_a_killed_writer_the_next_one_is_named(index: Path, words: WordEmbedder) -> None:
    with another_writer(index) as killed:
        killed.kill()
    with another_writer(index) as holder, pytest.raises(IndexLockedError) as error:
        build_index(ARTICLES, index, embedder=words)
    assert error.value.pid == holder.pid


def test_the_lock_is_free_again_after_a_build_and_after_one_that_failed(index: Path, words: WordEmbedder) -> None:
    with pytest.raises(TypeError):
        build_index([3], index, embedder=words)  # type: ignore[arg-type]
    assert build_index(ARTICLES, index, embedder=words).articles == 1
    assert not (index / "writer.json").exists()


def test_two_threads_do_not_write_at_once(tmp_path: Path) -> None:
    with writer_lock(tmp_path), ThreadPoolExecutor(1) as thread:
        refused = thread.submit(contextlib.ExitStack().enter_context, writer_lock(tmp_path)).exception()
    assert isinstance(refused, IndexLockedError)
    assert refused.pid == os.getpid()


@pytest.mark.parametrize(
    "about", ["", "{", "[]", "null", "{}", '{"pid": "x"}', '{"pid": null}', '{"pid": 5}', "\udcff", None]
)
def test_a_holder_that_cannot_be_told_is_another_process(tmp_path: Path, about: str | None) -> None:
    with writer_lock(tmp_path):
        (tmp_path / "writer.json").unlink()
        if about is not None:
            (tmp_path / "writer.json").write_bytes(about.encode("utf-8", "surrogateescape"))
        with (
            pytest.raises(IndexLockedError, match="is being written by another process") as error,
            writer_lock(tmp_path),
        ):
            pass
    assert error.value.pid is None
