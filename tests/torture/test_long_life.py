"""A process that updates and asks an index thousands of times needs no more at the end than after it has warmed up."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest

from semsearch import Searcher, build_index, open_index, update_index
from tests.torture.figures import note, scaled
from tests.torture.model import FILTERS, QUERIES, Words, fast_folder, random_article, tiny_thresholds

MEGABYTE = 1 << 20
# Of memory from the second quarter to the last: a short life has not warmed up by then, as each of the engine's threads
# gets memory of its own, and keeps it.
MOST_GROWTH = scaled(150, 40) * MEGABYTE
MOST_THREADS = scaled(16, 6)  # likewise: the engine's come and go, on a busy machine later than usual
MOST_GENERATIONS = 2


class Needs(NamedTuple):
    """What the process needs at one moment."""

    memory: int
    files: int
    threads: int
    disk: int
    generations: int


class Life(NamedTuple):
    updates: int
    queries: int
    needs: list[Needs]

    def growth(self, name: str) -> float:
        """How much more of it there was in the last quarter than in the second, by their medians."""
        values = [getattr(needs, name) for needs in self.needs]
        quarter = len(values) // 4
        return float(median(values[-quarter:]) - median(values[quarter : 2 * quarter]))


def needs_now(index: Path) -> Needs:
    process = psutil.Process()
    files = {entry.stat().st_ino: entry.stat().st_size for entry in index.rglob("*") if entry.is_file()}
    return Needs(
        process.memory_info().rss,
        process.num_fds(),
        process.num_threads(),
        sum(files.values()),
        len(list((index / "generations").iterdir())),
    )


pytestmark = pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="counts open files as POSIX has them")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        yield Path(name)


def live_through(index: Path, updates: int) -> Life:
    """Update an index over and over, and ask it, with one searcher that stays open for a while and one that does not.

    The number of articles stays about the same.
    """
    random = Random(1)
    build_index([random_article(f"a{number}", number) for number in range(16)], index, embedder=Words())
    needs, queries = [], 0
    server = open_index(index, embedder=Words())
    for number in range(updates):
        add = [
            random_article(f"a{random.randrange(24)}", random.randrange(1 << 16)) for _ in range(random.randrange(3))
        ]
        remove = [f"a{random.randrange(24)}"] if number % 2 else []
        update_index(index, add={article.id: article for article in add}.values(), remove=remove, embedder=Words())
        if number % 7 == 0:
            server.close()
            server = open_index(index, embedder=Words())
        with open_index(index, embedder=Words()) as searcher:
            for each in (searcher, server):
                mode, where = random.choice(["hybrid", "dense", "lexical"]), f"id != 'x{number}' or {FILTERS[0]}"
                each.search(random.choice(QUERIES), random.choice([3, 50]), mode=mode, where=where)
                queries += 1
        if number % max(1, updates // 200) == 0:
            needs.append(needs_now(index))
    server.close()
    return Life(updates, queries, needs)


def require_flat(life: Life) -> None:
    """Raise if there is something that grew."""
    assert life.growth("files") <= 1, f"{life.growth('files')} more files are open"
    assert life.growth("threads") <= MOST_THREADS, f"{life.growth('threads')} more threads"
    assert life.growth("memory") <= MOST_GROWTH, f"{life.growth('memory') / MEGABYTE:.0f} MB more memory"
    assert max(needs.generations for needs in life.needs) <= MOST_GENERATIONS, "old generations stay"
    after_a_while = median(needs.disk for needs in life.needs[: len(life.needs) // 2])
    assert max(needs.disk for needs in life.needs) <= 4 * after_a_while, "the index takes more and more of the disk"


def test_a_long_life_needs_no_more_and_more(folder: Path) -> None:
    with tiny_thresholds():
        life = live_through(folder / "index", scaled(48, 3000))
    require_flat(life)
    note(
        "a long life in one process",
        updates=life.updates,
        queries=life.queries,
        MB_of_memory_more_from_the_second_quarter_to_the_last=round(life.growth("memory") / MEGABYTE, 1),
        open_files_more=round(life.growth("files")),
        threads_more=round(life.growth("threads")),
        generations_at_most=max(needs.generations for needs in life.needs),
        kB_of_disk_at_most=round(max(needs.disk for needs in life.needs) / 1000),
    )


# --- what this must find ----------------------------------------------------------------------------------------------


@pytest.fixture
def leaks() -> Iterator[list[Any]]:
    kept: list[Any] = []
    yield kept
    for each in kept:
        if isinstance(each, threading.Event):
            each.set()
        elif isinstance(each, Searcher):
            each._source.close()


def leave_generations_open(patch: pytest.MonkeyPatch, leaks: list[Any]) -> None:
    patch.setattr(Searcher, "close", lambda self: leaks.append(self))  # noqa: PLW0108 - a function becomes a method


def leave_generations_on_the_disk(patch: pytest.MonkeyPatch, _: list[Any]) -> None:
    patch.setattr("semsearch.storage.generations.remove_generations", lambda _: None)


def leave_memory(patch: pytest.MonkeyPatch, leaks: list[Any]) -> None:
    original = Searcher.search

    def broken(self: Searcher, *asked: Any, **options: Any) -> Any:
        leaks.append(np.ones(16 * MEGABYTE, dtype=np.uint8))
        return original(self, *asked, **options)

    patch.setattr(Searcher, "search", broken)


def leave_threads(patch: pytest.MonkeyPatch, leaks: list[Any]) -> None:
    original = Searcher.search

    def broken(self: Searcher, *asked: Any, **options: Any) -> Any:
        leaks.append(threading.Event())
        threading.Thread(target=leaks[-1].wait, daemon=True).start()
        return original(self, *asked, **options)

    patch.setattr(Searcher, "search", broken)


@pytest.mark.parametrize(
    ("leak", "message"),
    [
        (leave_generations_open, "more files are open"),
        (leave_generations_on_the_disk, "old generations stay"),
        (leave_memory, "MB more memory"),
        (leave_threads, "more threads"),
    ],
)
def test_what_leaks_is_noticed(
    folder: Path, leaks: list[Any], leak: Callable[[pytest.MonkeyPatch, list[Any]], None], message: str
) -> None:
    with tiny_thresholds() as patch:
        leak(patch, leaks)
        life = live_through(folder / "index", 20)
    with pytest.raises(AssertionError, match=message):
        require_flat(life)
