"""A full or broken disk loses nothing: whatever call fails, the index is as it was and the next build goes through."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from semsearch import IndexCorruptError, IndexWriteError, verify_index
from semsearch.storage import ArchiveWriter, _current
from semsearch.storage import _files as storage_files
from semsearch.storage import generations as storage_generations
from tests.command import runner, write_news
from tests.conftest import ROOT
from tests.index_files import live
from tests.torture.disk import Refusing, Shrinking
from tests.torture.figures import LONG, note, scaled
from tests.torture.test_crash import NEW, OLD, answers, build, is_whole, update

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files are not limited, and folders not synced there")

CODES = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS]
PROMISE = "a full or broken disk"


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """What is for large indexes is done to small ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.lexical._FEWEST", 1)
        patch.setattr("semsearch.dense.FLAT_ROWS", 20)
        patch.setattr("semsearch.building._embedding.SHARD", 1)
        patch.setattr(os, "fsync", lambda _: None)
        yield


class Disk:
    """An index on a disk that fails, over and over."""

    def __init__(self, folder: Path, change: Callable[[Path], None], *, first: bool) -> None:
        self.index = folder / "disk" / "index"
        self._template = folder / "template"
        self._change = change
        self.old = None
        if not first:
            build(OLD, self._template)
            self.old = answers(self._template)
        self.restore()
        change(self.index)
        self.new = answers(self.index)

    def restore(self) -> None:
        shutil.rmtree(self.index.parent, ignore_errors=True)
        self.index.parent.mkdir()
        if self.old is not None:
            shutil.copytree(self._template, self.index)

    def fails(self, failing: AbstractContextManager[None]) -> str:
        """Change the index while the disk fails. Returns how it went, and asserts that nothing came of it."""
        self.restore()
        refused: IndexWriteError | None = None
        try:
            with failing:
                self._change(self.index)
        except IndexWriteError as error:
            refused = error
        went = "done" if refused is None else "in place" if "in place" in refused.reason else "refused"
        if refused is not None:
            assert refused.__cause__ is not None
            assert str(refused).startswith(f"{refused.path}: ")
            # Of a first build the folder of the index itself must be brought to the disk, too.
            assert refused.path.is_relative_to(self.index.parent if self.old is None else self.index)
            assert refused.reason.endswith("build again")
        if went == "refused" and self.old is None:
            assert not (self.index / "CURRENT").exists()
        else:
            assert answers(self.index) == (self.old if went == "refused" else self.new)
            assert [check.problem for check in verify_index(self.index) if check.problem is not None] == []
        return went

    def recovers(self) -> None:
        """See that the next build goes through, and leaves nothing of the one that failed behind."""
        self._change(self.index)
        assert answers(self.index) == self.new
        assert sorted(path.name for path in self.index.iterdir()) == ["CURRENT", "generations", "writer.lock"]
        folders = sorted((self.index / "generations").iterdir())
        assert len(folders) <= 2
        assert folders[-1] == live(self.index)
        assert all(map(is_whole, folders))


@pytest.fixture(scope="module", params=["update", "first build"] if LONG else ["update"])
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    first = request.param == "first build"
    return Disk(tmp_path_factory.mktemp("disk"), (lambda index: build(NEW, index)) if first else update, first=first)


def numbers_of(calls: list[Any]) -> list[int]:
    """Return which calls are to fail: one of each kind, or all."""
    return list(range(len(calls))) if LONG else sorted({call: number for number, call in enumerate(calls)}.values())


@pytest.mark.parametrize("once", [True, False], ids=["for one call", "from a call on"])
def test_whatever_call_is_refused_the_index_is_as_it_was(disk: Disk, once: bool) -> None:
    counting = Refusing(disk.index.parent)
    assert disk.fails(counting.during()) == "done"
    kinds = [what for what, _ in counting.calls]
    expected = {"open", "fsync", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
    assert set(kinds) == (expected if disk.old is None else {*expected, "os.link"})
    went = []
    for number in numbers_of(kinds):
        code = CODES[number % len(CODES)]
        went.append(disk.fails(Refusing(disk.index.parent, number, code, once=once).during()))
        disk.recovers()
    assert "refused" in went
    note(PROMISE, faults=len(went), refused=went.count("refused"), lost=0)


@pytest.mark.parametrize("once", [True, False], ids=["for one call", "from a call on"])
def test_wherever_the_space_ends_the_index_is_as_it_was(disk: Disk, once: bool) -> None:
    counting = Shrinking()
    assert disk.fails(counting.during()) == "done"
    assert {"write", "executescript", "commit"} <= set(counting.calls)
    went = []
    for number in numbers_of(counting.calls):
        went.append(disk.fails(Shrinking(number, once=once).during()))
        disk.recovers()
    assert "refused" in went
    note(PROMISE, faults=len(went), refused=went.count("refused"), lost=0)


def test_the_command_says_in_one_line_what_cannot_be_written(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(capsys)
    news, index = write_news(tmp_path / "news"), tmp_path / "index"
    assert run("rebuild-index", news, "--index", index, "--model", tiny_model).code == 0
    before = live(index)
    (news / "more.txt").write_text("One more article about the airport.\n")
    with Shrinking(0).during():
        ran = run("rebuild-index", news, "--index", index)
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.splitlines()[-1].startswith(f"semsearch: {index}")
    assert ran.err.splitlines()[-1].endswith("see whether that disk is full or broken and build again")
    assert "Traceback" not in ran.err
    assert live(index) == before


# --- the harness --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _as_it_comes(_: Path) -> Iterator[None]:
    yield


def _write_over(path: Path, data: bytes) -> None:
    with storage_files.writing(path):
        path.write_bytes(data)


# What is broken; how; and what then comes of one of the faults, the first or the last of which are tried first.
BREAKS = [
    ("an error is passed on as the system gave it", (storage_files, "writing", _as_it_comes), 1, OSError),
    ("so is one of SQLite", (ArchiveWriter, "_errors", lambda _: contextlib.nullcontext()), 1, sqlite3.Error),
    ("CURRENT is written over", (_current, "replace_durably", _write_over), -1, IndexCorruptError),
    ("what was begun is left", (storage_generations, "remove_generations", lambda _: None), 1, AssertionError),
]


@pytest.mark.parametrize(("place", "step", "wanted"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_what_is_broken_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str, Any], step: int, wanted: type[Exception]
) -> None:
    broken = Disk(tmp_path, update, first=False)
    monkeypatch.setattr(*place)
    counting = Shrinking()
    assert broken.fails(counting.during()) == "done"

    def try_all() -> None:
        for number in range(len(counting.calls))[::step]:
            broken.fails(Shrinking(number, once=True).during())
            broken.recovers()

    with pytest.raises(wanted):
        try_all()


# --- a real disk --------------------------------------------------------------------------------------------------

# In a namespace of its own, where whoever it is may mount: a disk in memory that is a few pages larger than the index.
SMALL_DISK = """
import subprocess, sys
from pathlib import Path

import tests.torture.test_disk_faults as faults
from semsearch import IndexWriteError

def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", str(disk)], check=True)

disk, step = Path(sys.argv[1]), int(sys.argv[2])
index = disk / "index"
for spare in range(0, 100_000, step):
    mount("size=16m")
    faults.build(faults.OLD, index)
    old = faults.answers(index)
    used = sum(-(-path.stat().st_size // 4096) for path in disk.rglob("*")) + 40
    mount(f"remount,size={4096 * (used + spare)}")
    try:
        faults.update(index)
    except IndexWriteError as error:
        print(f"refused {error.reason}")
        assert faults.answers(index) == old
        went = "refused"
    else:
        print("done")
        went = "done"
    mount("remount,size=16m")
    now = faults.answers(index)
    mount("remount,ro")
    assert faults.answers(index) == now
    try:
        faults.update(index)
    except IndexWriteError as error:
        print(f"read-only {error.reason}")
    mount("remount,rw")
    faults.update(index)
    assert faults.answers(index) != old
    assert sorted(path.name for path in index.iterdir()) == ["CURRENT", "generations", "writer.lock"]
    subprocess.run(["umount", "-l", str(disk)], check=True)
    if went == "done":
        break
"""


def test_a_disk_that_really_is_full_or_read_only_loses_nothing(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    may_mount = [str(unshare), "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)]
    if unshare is None or subprocess.run(may_mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a disk in a namespace of its own, which this system does not allow")
    ran = subprocess.run(
        [unshare, "-rm", sys.executable, "-c", SMALL_DISK, str(tmp_path), str(scaled(20, 1))],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    went = [line.split()[0] for line in ran.stdout.splitlines()]
    assert went.count("done") == 1
    assert went.count("refused") > 1
    assert went.count("read-only") == went.count("refused") + 1
    assert "No space left on device" in ran.stdout
    assert "allow writing there and build again" in ran.stdout
    note(PROMISE, faults=2 * went.count("refused"), refused=2 * went.count("refused"), lost=0)
