"""Queries in an open index: each way of asking in turn, so that what else the machine does falls on all of them alike.

The index and the plain script's are each open in a process of their own, which times what it is asked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchmarks.latency.archives import Archive
from benchmarks.latency.plain import Plain
from benchmarks.latency.stages import STAGES, StageClock, query_stages, timed_stages
from benchmarks.measuring import peak_memory, rounded

if TYPE_CHECKING:
    from typing_extensions import Self

    from semsearch.searching import SearchOptions

__all__ = ["CASES", "FILTERED", "PLAIN", "measure_opening", "measure_threads", "measure_warm"]

CASES: dict[str, SearchOptions] = {
    "hybrid": {},
    "dense": {"mode": "dense"},
    "dense, no evidence, no folding": {"mode": "dense", "evidence": False, "fold_duplicates": False},
    "lexical": {"mode": "lexical"},
    "hybrid, without evidence": {"evidence": False},
    "hybrid, explained": {"explain": True},
}
"""What a search is told, by what it is called here."""

FILTERED: dict[str, SearchOptions] = {
    "hybrid, filter that leaves 50 %": {"where": "half = 1"},
    "hybrid, filter that leaves 1 %": {"where": "source = s1"},
}
"""Further ones for archives of :mod:`benchmarks.synthetic`."""

PLAIN = "plain"
_K = 10
_SECONDS = ("cpu_seconds", "wall_seconds")


class _Asked:
    """A process that answers queries and says what each took. ``serve`` opens the index and answers."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is seen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join()

    def ask(self, query: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and return what it took."""
        self._connection.send((query, options))
        found: dict[str, Any] = self._connection.recv()
        return found


def _serve(connection: Connection, ask: Callable[[str, Mapping[str, Any]], dict[str, float]]) -> None:
    """Answer until the other side hangs up."""
    while True:
        try:
            query, options = connection.recv()
        except EOFError:
            return
        wall, cpu = time.perf_counter(), time.process_time()
        stages = ask(query, options)
        taken = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
        connection.send({**taken, "stages": stages, "peak_rss_bytes": peak_memory()})


def _serve_index(connection: Connection, index: str) -> None:
    import semsearch

    searcher = semsearch.open_index(index)
    clock = StageClock()

    def ask(query: str, options: Mapping[str, Any]) -> dict[str, float]:
        with clock.stage("rest"):
            searcher.search(query, _K, **options)
        return clock.take()

    with searcher, timed_stages(clock, query_stages()):
        _serve(connection, ask)


def _serve_plain(connection: Connection, folder: str, model: str) -> None:
    plain = Plain(Path(folder), model)

    def ask(query: str, _: Mapping[str, Any]) -> dict[str, float]:
        plain.ask(query, _K)
        return {}

    _serve(connection, ask)


def measure_warm(
    archives: Sequence[Archive], queries: Sequence[str], cases: Mapping[str, SearchOptions]
) -> list[dict[str, Any]]:
    """Ask each query of all archives in each case, and of the plain script: one after the other, query by query.

    Returns:
        For each archive, for each case and ``"plain"``, the seconds of each query, the medians of its stages, and the
        most memory that its process had.

    Raises:
        LookupError: If a hybrid query does not go through all stages.
    """
    found: list[dict[str, list[dict[str, Any]]]] = [{name: [] for name in (*cases, PLAIN)} for _ in archives]
    with contextlib.ExitStack() as stack:
        turns: list[tuple[int, str, _Asked, Mapping[str, Any]]] = []
        for number, archive in enumerate(archives):
            ours = stack.enter_context(_Asked(_serve_index, str(archive.index)))
            plain = stack.enter_context(_Asked(_serve_plain, str(archive.plain), archive.model))
            turns += [(number, name, ours, options) for name, options in cases.items()]
            turns.append((number, PLAIN, plain, {}))
        for _, _, process, options in turns:
            process.ask(queries[0], options)  # the first one pays for what is set up once
        for place, query in enumerate(queries):
            first = place % len(turns)
            for number, name, process, options in turns[first:] + turns[:first]:
                found[number][name].append(process.ask(query, options))
    missing = STAGES.keys() - {stage for one in found[0]["hybrid"] for stage in one["stages"]}
    if missing:
        raise LookupError(f"no query enters the stages {', '.join(sorted(missing))}: see benchmarks.latency.stages")
    return [{name: _summarised(runs) for name, runs in by_case.items()} for by_case in found]


def _summarised(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(stage for run in runs for stage in run["stages"])
    return {
        **{name: rounded([run[name] for run in runs]) for name in _SECONDS},
        "stages": {
            name: round(statistics.median(run["stages"].get(name, 0.0) for run in runs), 6)
            for name in (*STAGES, "rest")
            if name in names
        },
        "peak_rss_bytes": max(run["peak_rss_bytes"] for run in runs),
    }


def measure_opening(index: str, rounds: int) -> list[float]:
    """Return the CPU seconds of opening an index, several times, the model loaded; in a process of its own."""
    import semsearch

    seconds = []
    semsearch.open_index(index).close()
    for _ in range(rounds):
        started = time.process_time()
        semsearch.open_index(index).close()
        seconds.append(round(time.process_time() - started, 4))
    return seconds


def measure_threads(index: str, queries: Sequence[str], threads: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Ask all queries on so many threads of this process, several times in turn; in a process of its own, please.

    Returns:
        For each number of threads the wall and CPU seconds of each round.
    """
    import semsearch

    found: dict[int, dict[str, list[float]]] = {count: {name: [] for name in _SECONDS} for count in threads}
    with semsearch.open_index(index) as searcher:
        searcher.search(queries[0], _K)
        for _ in range(rounds):
            for count in threads:
                wall, cpu = time.perf_counter(), time.process_time()
                with ThreadPoolExecutor(count) as pool:
                    list(pool.map(lambda query: searcher.search(query, _K), queries))
                found[count]["wall_seconds"].append(round(time.perf_counter() - wall, 4))
                found[count]["cpu_seconds"].append(round(time.process_time() - cpu, 4))
    return [{"threads": count, "queries": len(queries), **seconds} for count, seconds in found.items()]
