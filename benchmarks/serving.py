"""What a server stands: questions a second, how long they take, errors, memory, while the index is published anew.

    python -m benchmarks.serving [--seconds 30] [--connections 8] [--mixes different typing again] [--modes hybrid]
        [--beyond 300]

The server is ``semsearch serve`` with its defaults, the client another process of this machine, which takes of its
cores what the server does not get. A client with several connections asks over each of them as soon as it is answered,
or with ``--rate`` at fixed times, from which each answer is then counted, so that a server that falls behind is not
asked less. What is asked:

- different: judged questions of the sample archive, each with words that make it one that nobody asked before
- typing: the same questions as they are typed, word by word, several people one after the other
- again: the same questions over and over
- beyond: different questions, ``--beyond`` of them a second over 64 connections, which is more than it can answer

The index is that of the sample archive, or what ``--index`` names. Of the former a newer generation is published after
a third and two thirds of each run. Raw figures go to ``benchmarks/results/serving.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import psutil

from benchmarks.costs import table
from benchmarks.machine import describe
from benchmarks.measuring import in_new_process, percentile, use_one_thread, write_result

__all__ = ["Load", "load", "main", "questions_of", "serving_table", "summarise"]

_ROOT = Path(__file__).resolve().parents[1]
_QUESTIONS = _ROOT / "benchmarks" / "corpus-queries" / "queries.jsonl"
MIXES = ("different", "typing", "again")
_GENERATION = re.compile(rb'"generation":"([^"]+)"')
_WORDS = (
    *("river", "border", "summer", "harbour", "strike", "budget", "winter"),
    *("council", "treaty", "market", "village", "engine", "signal", "archive"),
)
_TIMEOUT = 60.0
_MANY = 64  # connections of who asks more than can be answered


class Load(NamedTuple):
    """What a server is put to.

    Attributes:
        mode: How is ranked.
        mix: What is asked.
        seconds: For so long.
        connections: At most so many questions at the same time.
        rate: Questions a second; None for the next when the one before is answered.
    """

    mode: str
    mix: str
    seconds: float
    connections: int
    rate: float | None


def main(argv: Sequence[str] | None = None) -> None:
    arguments = _arguments(argv)
    use_one_thread()
    machine = describe()
    with tempfile.TemporaryDirectory() as folder:
        index = arguments.index or Path(folder) / "index"
        if arguments.index is None:
            in_new_process(_build, index)
        runs = []
        loads = [
            Load(mode, mix, arguments.seconds, arguments.connections, arguments.rate)
            for mode, mix in itertools.product(arguments.modes, arguments.mixes)
        ]
        if arguments.beyond:
            loads.append(Load(arguments.modes[0], "beyond", arguments.seconds, _MANY, arguments.beyond))
        for one in loads:
            with _server(index, arguments.threads) as (process, url):
                runs.append(_run(process, url, index, one, publishes=arguments.index is None))
            print(_line(runs[-1]), flush=True)
    path = write_result(
        arguments.name,
        {
            "command": f"python -m benchmarks.serving {' '.join(argv if argv is not None else sys.argv[1:])}".rstrip(),
            "machine": machine,
            "index": "corpus" if arguments.index is None else arguments.index.name,
            "runs": runs,
        },
    )
    print(path)


def questions_of(mix: str, texts: Sequence[str], seed: int = 0) -> Iterator[str]:
    """Yield what is asked, without end.

    Raises:
        ValueError: If there is no such mix.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    if mix == "again":
        return itertools.cycle(texts)
    if mix in ("different", "beyond"):
        return (f"{chance.choice(texts)} {' '.join(chance.sample(_WORDS, 3))} {number}" for number in itertools.count())
    if mix != "typing":
        raise ValueError(f"mix must be one of {', '.join((*MIXES, 'beyond'))}, not {mix!r}")
    return (part for _ in itertools.count() for part in _typed(chance.choice(texts)))


def _typed(text: str) -> Iterator[str]:
    words = text.split()
    return (" ".join(words[:count]) for count in range(1, len(words) + 1))


def load(url: str, put_to: Load, texts: Sequence[str]) -> dict[str, Any]:
    """Ask for so long, over so many connections; return when each answer began and how long it took."""
    begun = time.perf_counter()
    mode, mix, seconds, connections, rate = put_to
    asked, lock = questions_of(mix, texts), threading.Lock()
    answers: list[tuple[float, float, int, bool]] = []
    errors: Counter[str] = Counter()
    generations: set[bytes] = set()
    seen: set[str] = set()
    numbers = itertools.count()

    def take() -> tuple[str, float, bool]:
        with lock:
            text = next(asked)
            known = text in seen
            seen.add(text)
            return text, 0.0 if rate is None else begun + next(numbers) / rate, known

    def ask_on() -> None:
        connection = _connect(url)
        while time.perf_counter() - begun < seconds:
            text, due, known = take()
            time.sleep(max(0.0, due - time.perf_counter()))
            start = due or time.perf_counter()
            try:
                connection.request("GET", f"/api/v1/search?k=10&mode={mode}&q={quote(text)}")
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                errors[type(error).__name__] += 1
                connection.close()  # the next question opens it again
                continue
            answers.append((start - begun, time.perf_counter() - start, response.status, known))
            found = _GENERATION.search(body)
            if found:
                generations.add(found[1])
        connection.close()

    threads = [threading.Thread(target=ask_on) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "answers": answers,
        "errors": dict(errors),
        "generations": len(generations),
        "wall_seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time(),
    }


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None  # noqa: S101
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)


def summarise(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of the answers: how many, how long they took, and the same for each second."""
    answers = sorted(found["answers"])
    latencies = [latency for _, latency, _, _ in answers]
    by_second = [[] for _ in range(int(answers[-1][0]) + 1)] if answers else []  # type: list[list[float]]
    for start, latency, _, _ in answers:
        by_second[int(start)].append(latency)
    return {
        "requests": len(answers),
        "statuses": {str(status): count for status, count in sorted(Counter(one[2] for one in answers).items())},
        "errors": found["errors"],
        "generations": found["generations"],
        "wall_seconds": round(found["wall_seconds"], 3),
        "per_second": round(len(answers) / found["wall_seconds"], 1),
        "asked_before": round(sum(one[3] for one in answers) / max(1, len(answers)), 4),
        "answered_per_second": round(sum(one[2] == 200 for one in answers) / found["wall_seconds"], 1),
        "milliseconds": {
            name: round(percentile(latencies, percent) * 1000, 2)
            for name, percent in (("p50", 50), ("p95", 95), ("p99", 99), ("p99.9", 99.9), ("max", 100))
        }
        if latencies
        else {},
        "client_cpu_seconds": round(found["cpu_seconds"], 2),
        "requests_of_each_second": [len(one) for one in by_second],
        "p99_milliseconds_of_each_second": [round(percentile(one, 99) * 1000, 1) if one else 0.0 for one in by_second],
    }


def serving_table(measured: Mapping[str, Any]) -> str:
    """Return what was asked, what was answered, how quickly, at what cost, and where memory stood."""
    rows = []
    for run in measured["runs"]:
        took, memory = run["milliseconds"], run["rss_mib"]
        refused = sum(count for status, count in run["statuses"].items() if status != "200")
        rate = "as answered" if run["rate"] is None else f"{run['rate']:g} a second"
        rows.append(
            [
                f"{run['mix']}, `{run['mode']}`",
                f"{rate}, {run['connections']} connections",
                f"{run['answered_per_second']:,.0f} a second",
                f"{took['p50']:.0f} / {took['p99']:.0f} ms",
                f"{refused:,}",
                f"{sum(run['errors'].values()):,}",
                f"{run['server_cpu_milliseconds_per_request']:.1f} ms",
                f"{memory['start']:.0f} / {memory['middle']:.0f} / {memory['end']:.0f} MiB",
            ]
        )
    head = ["questions", "asked", "answered", "p50 / p99", "refused (503)", "errors", "CPU a request"]
    return table([*head, "memory at the start, in the middle, at the end"], rows)


def _run(server: psutil.Process, url: str, index: Path, put_to: Load, *, publishes: bool) -> dict[str, Any]:
    texts = [json.loads(line)["text"] for line in _QUESTIONS.read_text(encoding="utf-8").splitlines()]
    before = server.cpu_times()
    memory: list[float] = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as client:
        asked = client.submit(load, url, put_to, texts)
        publish = [put_to.seconds / 3, put_to.seconds * 2 / 3] if publishes else []
        begun = time.perf_counter()
        while not asked.done():
            memory.append(round(server.memory_info().rss / 2**20, 1))
            if publish and time.perf_counter() - begun > publish[0]:
                publish.pop(0)
                in_new_process(_publish, index)
            time.sleep(1)
        found = asked.result()
    after = server.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    return {
        **put_to._asdict(),
        **summarise(found),
        "server_cpu_seconds": round(cpu, 2),
        "server_cpu_milliseconds_per_request": round(cpu * 1000 / max(1, len(found["answers"])), 2),
        "rss_mib": {"start": memory[0], "middle": memory[len(memory) // 2], "end": memory[-1], "most": max(memory)},
        "rss_mib_of_each_second": memory,
    }


@contextlib.contextmanager
def _server(index: Path, threads: int | None) -> Iterator[tuple[psutil.Process, str]]:
    """Start the server as people do, and end it."""
    more = [] if threads is None else ["--threads", str(threads)]
    process = subprocess.Popen(
        [sys.executable, "-m", "semsearch", "serve", "--index", str(index), "--port", "0", "--no-open", *more],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None  # noqa: S101
    try:
        found = re.search(r"http://\S+", process.stderr.readline())
        if found is None:
            raise SystemExit("the server did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never waits to be read
        yield psutil.Process(process.pid), found[0]
    finally:
        process.terminate()
        process.wait(_TIMEOUT)


def _build(index: Path) -> None:
    import semsearch

    semsearch.build_index(_ROOT / "corpus", index)


def _publish(index: Path) -> None:
    import semsearch

    text = f"This generation was published {time.time_ns()} nanoseconds after the first of January 1970."
    semsearch.update_index(index, add=[semsearch.Article(id="published", text=text)])


def _line(run: dict[str, Any]) -> str:
    return (
        f"{run['mode']}, {run['mix']}: {run['per_second']:,} a second, {run['milliseconds']} ms, "
        f"{run['statuses']} {run['errors']}, {run['generations']} generations, {run['asked_before']:.0%} asked before, "
        f"{run['server_cpu_milliseconds_per_request']} CPU-ms, {run['rss_mib']} MiB"
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each run")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=float, help="questions a second; as many as are answered if it is not given")
    parser.add_argument("--beyond", type=float, default=300.0, help="questions a second that are too many; 0 for none")
    parser.add_argument("--mixes", nargs="+", choices=MIXES, default=list(MIXES))
    parser.add_argument("--modes", nargs="+", choices=["hybrid", "dense", "lexical"], default=["hybrid"])
    parser.add_argument("--threads", type=int, help="of the server; its default if it is not given")
    parser.add_argument("--index", type=Path, help="an index to ask, in the place of that of the sample archive")
    parser.add_argument("--name", default="serving", help="of the file of results")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
