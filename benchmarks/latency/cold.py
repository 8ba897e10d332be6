"""A query from a cold shell: a new Python that imports, opens, answers once and ends; what that is made of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.latency.archives import Archive
from benchmarks.latency.stages import StageClock, timed_stages
from benchmarks.measuring import run_command

__all__ = ["measure_cold", "measure_parts", "read_import_times"]

_PLAIN = Path(__file__).with_name("plain.py")
_IMPORT = re.compile(r"^import time:\s+(?P<own>\d+) \|\s+\d+ \| (?P<indent> *)(?P<module>[\w.]+)$")
_SHOWN = 8  # packages with most of the time; the others are added up
_PARTS_RUNS = 3


def measure_cold(archive: Archive, query: str, runs: int) -> dict[str, list[dict[str, float]]]:
    """Ask ``runs`` times each from new processes, in turn: ``semsearch query``, and the plain script.

    The first of each also brings the files into the system's cache; the median forgets it.
    """
    commands = {
        "semsearch": [sys.executable, "-m", "semsearch", "query", query, "--index", str(archive.index), "--json"],
        "plain": [sys.executable, str(_PLAIN), str(archive.plain), archive.model, query],
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(run_command(command))
    return found


def measure_parts(index: Path, query: str) -> dict[str, Any]:
    """Say what a cold query is made of.

    Returns:
        ``stages``: CPU seconds of each step of a new process, several runs; ``imports``: seconds that the modules of
        each package took themselves when ``semsearch query`` ran with ``-X importtime``, which makes them slower.
    """
    command = [sys.executable, "-m", "benchmarks.latency.cold", str(index), query]
    stages = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(_PARTS_RUNS)
    ]
    command = [sys.executable, "-X", "importtime", "-m", "semsearch", "query", query, "--index", str(index), "--json"]
    traced = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"stages": stages, "imports": read_import_times(traced.stderr)}


def read_import_times(traced: str) -> dict[str, float]:
    """Return the seconds of each top-level package in what ``-X importtime`` prints, those with most first.

    What the standard library takes is one entry, and so is what is left beyond the first eight.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for line in traced.splitlines():
        match = _IMPORT.match(line)
        if match is not None:
            package = match["module"].partition(".")[0]
            seconds["the standard library" if package in sys.stdlib_module_names else package] += (
                int(match["own"]) / 1e6
            )
    first = sorted(seconds.items(), key=lambda entry: -entry[1])[:_SHOWN]
    rest = sum(seconds.values()) - sum(value for _, value in first)
    return {name: round(value, 4) for name, value in [*first, ("others", rest)]}


def _staged(index: str, query: str) -> Mapping[str, float]:
    """Do what ``semsearch query`` does, and return the CPU seconds of each step; the first is Python's own start."""
    python = time.process_time()
    import semsearch.cli  # noqa: F401 - the command loads it
    from semsearch import embedders
    from semsearch.searching import open_index

    imported = time.process_time()
    clock = StageClock()
    loaders = [f"semsearch.embedders:{name}" for name in embedders.__all__ if name.startswith("load_")]
    with timed_stages(clock, {"the model and its runtime": loaders}):
        with clock.stage("opening, checksums"):
            searcher = open_index(index)
        with searcher, clock.stage("the query"):
            searcher.search(query)
    steps = {"Python": python, "semsearch and its libraries": imported - python, **clock.take()}
    return {name: round(seconds, 4) for name, seconds in steps.items()}


if __name__ == "__main__":
    print(json.dumps(_staged(*sys.argv[1:])))
