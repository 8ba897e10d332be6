"""Writers that are killed at random moments: ``python -m tests.torture.killed FOLDER ROUNDS SEED [BREAK]``.

Each round a child writes to one index, one change after another, and says over a pipe what it is about to commit and
when that is done. It is killed, and another child says what is in the index: that must be what was last said to be
done, or what was about to be. This process itself never lets faiss or tantivy compute, so that its children are forks
of a process without threads. It prints a :class:`Tally`, in JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import semsearch.building
import semsearch.lexical
import semsearch.searching  # noqa: F401 - whatever the children need is imported once
from semsearch import Article, IndexNotFoundError, Progress, build_index, open_index, update_index, verify_index
from semsearch.storage import _current, open_generation
from tests.embedder import WordEmbedder

__all__ = ["BREAKS", "Tally"]

State = dict[str, int]
"""The articles of an index, each with how often it was changed."""

Tell = Callable[[str, object], None]
"""Tells the parent what happens, and with what."""

_WORDS = ("talks", "treaty", "airport", "border", "market", "harvest", "river", "court")
_ARTICLES = 40  # different ids
_OPERATIONS_WAITED = 2.5  # a kill comes within so many times what the first changes took, each a time


@dataclass
class Tally:
    """What came of some rounds.

    Attributes:
        kills: Writers that were killed.
        acknowledged: Changes that were said to be done.
        lost: How often the index held neither what was done nor what was about to be, or could not be opened.
        half_visible: How often it held a part of what was about to be.
        damaged: How often it was not as its manifest says.
        finished: How often a change was done that its writer had no time to say so of.
        slowest_open: The longest that it took to open the index and answer, in seconds.
        phases: What the writers were at when they were killed.
        failures: What was wrong, the first few.
    """

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    half_visible: int = 0
    damaged: int = 0
    finished: int = 0
    slowest_open: float = 0.0
    phases: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fail(self, what: str) -> None:
        if len(self.failures) < 10:
            self.failures.append(what)


def article(id: str, version: int) -> Article:  # noqa: A002
    """Return an article whose text says which one it is, in several passages."""
    words = Random(f"{id} {version}").choices(_WORDS, k=60)
    parts = [" ".join(words[at : at + 20]) + "." for at in range(0, 60, 20)]
    return Article(id, "\n\n".join([f"The report of {id} was changed {version} times.", *parts]), title=f"On {id}")


# --- a writer ---------------------------------------------------------------------------------------------------------


def _silent(what: str, value: object = None) -> None:
    """Tell nobody."""


def _changed(state: State, random: Random) -> State:
    """Return the articles after a change: some are new, some are other ones, some are gone."""
    after = dict(state)
    for id in random.sample([f"a{number}" for number in range(_ARTICLES)], random.randint(1, 6)):  # noqa: A001
        if id in after and len(after) > 5 and random.random() < 0.4:
            del after[id]
        else:
            after[id] = after.get(id, 0) + 1
    return after


def _commit(index: Path, before: State, after: State, random: Random, tell: Tell) -> None:
    def report(progress: Progress) -> None:
        tell("phase", progress.stage)

    if before and random.random() < 0.7:
        add = [article(id, version) for id, version in after.items() if before.get(id) != version]  # noqa: A001
        update_index(index, add=add, remove=before.keys() - after.keys(), embedder=WordEmbedder(), progress=report)
    else:
        build_index([article(*each) for each in after.items()], index, embedder=WordEmbedder(), progress=report)


def _write(index: Path, state: State, random: Random, pipe: int, commit: Callable[..., None] = _commit) -> None:
    """Change the index over and over, and tell of it: one line each, which is written whole or not at all."""

    def tell(what: str, value: object = None) -> None:
        os.write(pipe, json.dumps([what, value]).encode() + b"\n")

    while True:
        after = _changed(state, random)
        tell("about", after)
        commit(index, state, after, random, tell)
        tell("done")
        state = after


# --- what the harness must notice -------------------------------------------------------------------------------------


def _in_place(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(data[:30])
        time.sleep(0.5)
        file.write(data[30:])


def _write_in_place(index: Path, state: State, random: Random, pipe: int) -> None:
    _current.replace_durably = _in_place  # type: ignore[attr-defined]
    _write(index, state, random, pipe)


def _commit_after_telling(index: Path, before: State, after: State, random: Random, tell: Tell) -> None:
    tell("done", None)
    _commit(index, before, after, random, tell)


def _commit_twice(index: Path, before: State, after: State, random: Random, tell: Tell) -> None:
    half = dict(list(after.items())[: len(after) // 2]) or after
    _commit(index, before, half, random, tell)
    _commit(index, half, after, random, tell)


BREAKS: dict[str, Callable[[Path, State, Random, int], None]] = {
    "": _write,
    "CURRENT is written in place": _write_in_place,
    "done is said too early": partial(_write, commit=_commit_after_telling),
    "a change is two commits": partial(_write, commit=_commit_twice),
}


# --- the parent -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _child(task: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    """Run a task in a fork, with a pipe to write to. Gives the child's pid and the pipe to read from."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            task(writing)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - of a child nothing else may be left
            os.write(writing, json.dumps(["error", f"{type(error).__name__}: {error}"]).encode() + b"\n")
            os._exit(1)
    os.close(writing)
    try:
        yield pid, reading
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _read(pipe: int, until: float | None = None) -> bytes:
    """Return what comes out of a pipe until then, or until its other end is closed."""
    data = b""
    while True:
        left = None if until is None else until - time.monotonic()
        if (left is not None and left <= 0) or not select.select([pipe], [], [], left)[0]:
            return data
        part = os.read(pipe, 1 << 16)
        if not part:
            return data
        data += part


def _killed(write: Callable[..., None], index: Path, state: State, random: Random, delay: float) -> list[list[Any]]:
    """Let a writer write until it is killed, and return what it told."""
    with _child(lambda pipe: write(index, state, Random(random.random()), pipe)) as (pid, pipe):
        data = _read(pipe, time.monotonic() + delay)
        os.kill(pid, signal.SIGKILL)
        data += _read(pipe)
    return [json.loads(line) for line in data.splitlines()]


def _look(index: Path, pipe: int) -> None:
    """Tell what is in the index, how long it took to open it, and which files are damaged."""
    started = time.monotonic()
    try:
        with open_index(index, embedder=WordEmbedder()) as searcher:
            searcher.search("the treaty")
    except IndexNotFoundError:
        os.write(pipe, json.dumps([{}, [], time.monotonic() - started]).encode() + b"\n")
        return
    seconds = time.monotonic() - started
    with contextlib.closing(open_generation(index)) as generation:
        found = [each for _, each in generation.archive.articles()]
    versions = {each.id: int(each.text.split(" was changed ")[1].split()[0]) for each in found}
    for each in found:
        if each != article(each.id, versions[each.id]):
            raise ValueError(f"{each.id} is not as it was written")
    problems = [f"{check.path}: {check.problem}" for check in verify_index(index) if check.problem is not None]
    os.write(pipe, json.dumps([versions, problems, seconds]).encode() + b"\n")


def _judge(tally: Tally, told: list[list[Any]], before: State, seen: Any) -> State | None:
    """Compare what was told with what was seen. Returns what is in the index; None if it is of no use any more."""
    done, about = before, before
    for what, value in told:
        if what == "about":
            about = value
        elif what == "done":
            done = about
            tally.acknowledged += 1
        elif what == "error":
            tally.fail(f"the writer ended with {value}")
            tally.lost += 1
    if seen[0] == "error":
        tally.lost += 1
        tally.fail(str(seen[1]))
        return None
    state, problems, seconds = seen
    tally.slowest_open = max(tally.slowest_open, seconds)
    if problems:
        tally.damaged += 1
        tally.fail("; ".join(problems))
    if state not in (done, about):
        is_part = state != {} and all(version in (done.get(id), about.get(id)) for id, version in state.items())  # noqa: A001
        tally.half_visible += is_part
        tally.lost += not is_part
        tally.fail(f"holds {state}, done was {done}, about to be {about}")
        return None
    tally.finished += done != about and state == about
    return dict(state)


def main(folder: Path, rounds: int, seed: int, broken: str = "") -> Tally:
    """Kill ``rounds`` writers, one after the other; of writers that are broken so many as it takes to notice."""
    tally, random, index = Tally(), Random(seed), folder / "index"
    started = time.monotonic()
    with _child(lambda _: _commit(folder / "first", {}, {"a1": 1, "a2": 1}, Random(0), _silent)) as (_, pipe):
        _read(pipe)
    once = time.monotonic() - started
    state: State = {}
    for _ in range(rounds):
        told = _killed(BREAKS[broken], index, state, random, random.uniform(0, _OPERATIONS_WAITED * once))
        tally.kills += 1
        phases = [value if what == "phase" else what for what, value in told]
        tally.phases[phases[-1] if phases else "starting"] += 1
        with _child(lambda pipe: _look(index, pipe)) as (_, pipe):
            seen = json.loads(_read(pipe).splitlines()[-1])
        judged = _judge(tally, told, state, seen)
        state = judged or {}
        if judged is None:
            shutil.rmtree(index, ignore_errors=True)
        if broken and tally.failures:
            break
    return tally


if __name__ == "__main__":
    print(json.dumps(vars(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))))  # noqa: T201
