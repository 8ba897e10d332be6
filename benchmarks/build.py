"""What a build and a query cost: CPU time, wall time, memory and disk.

    python -m benchmarks.build CORPUS [--queries QUERIES.jsonl] [--name NAME]

Builds an index of CORPUS in a process of its own, rebuilds it unchanged, asks every query in one process (warm), and
asks one query from a new process, several times (cold). Raw figures go to ``benchmarks/results/build-NAME.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results"
_COLD_RUNS = 5
_COLD_QUERY = "legal basis for deployment"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a folder or file of articles")
    parser.add_argument("--queries", type=Path, help="JSON lines with the queries in their field 'text'")
    parser.add_argument("--name", help="what to call the result (default: the corpus's name)")
    arguments = parser.parse_args()
    queries = _read_queries(arguments.queries) if arguments.queries else [_COLD_QUERY]
    path = Path(arguments.corpus)
    name = arguments.name or (path.parent.name if path.name == "corpus.jsonl" else path.stem)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "command": f"python -m benchmarks.build {path.name} --name {name}",
            "machine": describe(),
            "build": _in_new_process(_build, arguments.corpus, folder),
            "rebuild_unchanged": _in_new_process(_build, arguments.corpus, folder),
            "warm": _in_new_process(_ask, folder, queries),
            "cold": [_ask_cold(folder) for _ in range(_COLD_RUNS)],
        }
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"build-{name}.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _print_summary(result)
    print(f"raw figures: {target}")


def _build(corpus: str, index: str) -> dict[str, Any]:
    import semsearch

    started, cpu = time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}  # CPU seconds at the last report of each stage

    def note(progress: semsearch.Progress) -> None:
        stages[progress.stage] = time.process_time() - cpu

    report = semsearch.build_index(corpus, index, progress=note)
    return {
        "articles": report.articles,
        "passages": report.passages,
        "embedded": report.embedded,
        "tokens": report.tokens,
        "truncated_tokens": report.truncated_tokens,
        "problems": len(report.problems),
        "index_bytes": report.bytes,
        "wall_seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "cpu_seconds_at_end_of_stage": stages,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _ask(index: str, queries: list[str]) -> dict[str, Any]:
    import semsearch

    with semsearch.open_index(index) as searcher:
        searcher.search(queries[0])  # the first one pays for what is set up once
        wall, cpu = [], []
        for query in queries:
            started, cpu_started = time.perf_counter(), time.process_time()
            searcher.search(query)
            wall.append(time.perf_counter() - started)
            cpu.append(time.process_time() - cpu_started)
    return {
        "queries": len(queries),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _ask_cold(index: str) -> dict[str, float]:
    """Ask from a new process, as the shell does. The first run also warms the disk's cache; the median forgets it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "semsearch", "query", _COLD_QUERY, "--index", index, "--json"],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"the query failed with status {status}")
    return {
        "wall_seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
    }


def _in_new_process(function: Any, *arguments: Any) -> Any:
    """Run in a fresh interpreter, so that CPU time and memory are that function's own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _read_queries(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line)["text"] for line in stream if line.strip()]


def _print_summary(result: dict[str, Any]) -> None:
    build, again, warm = result["build"], result["rebuild_unchanged"], result["warm"]
    passages = build["passages"]
    stages = build["cpu_seconds_at_end_of_stage"]
    embedding = stages["embedding passages"] - stages["reading articles"]
    cold_cpu = statistics.median(run["cpu_seconds"] for run in result["cold"])
    cold_wall = statistics.median(run["wall_seconds"] for run in result["cold"])
    rows = [
        ("articles, passages", f"{build['articles']:,}, {passages:,}"),
        ("tokens, truncated", f"{build['tokens']:,}, {build['truncated_tokens']}"),
        ("build", f"{build['wall_seconds']:.1f} s wall, {build['cpu_seconds']:.1f} CPU-s"),
        ("embedding", f"{passages / embedding:.1f} passages a CPU-second"),
        ("peak memory of the build", f"{build['peak_rss_bytes'] / 2**20:.0f} MiB"),
        ("disk", f"{build['index_bytes'] / passages:.0f} bytes a passage"),
        ("rebuild, nothing changed", f"{again['wall_seconds']:.1f} s wall, {again['cpu_seconds']:.1f} CPU-s"),
        (
            "warm query, median",
            f"{statistics.median(warm['cpu_seconds']) * 1000:.1f} CPU-ms ({warm['queries']} queries)",
        ),
        ("cold query, median", f"{cold_cpu:.2f} CPU-s, {cold_wall:.2f} s wall"),
        ("peak memory of a query", f"{statistics.median(r['peak_rss_bytes'] for r in result['cold']) / 2**20:.0f} MiB"),
    ]
    for label, value in rows:
        print(f"{label:<26} {value}")


if __name__ == "__main__":
    main()
