"""What a query costs, beside a plain script, by mode, by stage and by the archive's size.

    python -m benchmarks.latency [--sizes 1000 10000 ...] [--index FOLDER]
    python -m benchmarks.latency --corpus CORPUS --questions FILE.jsonl --name NAME [--index FOLDER]

Without CORPUS the archives are made, one of each size: words of the sample archive, vectors around the questions
(``benchmarks/synthetic.py`` says how, and why that costs what a real archive costs). With it, it is indexed with the
default model. In both the questions are embedded with the real model, and every file of the index is as it always is.

- cold: a new process for each query, ``semsearch query`` and the plain script in turn, and what the former is made of
- warm: open indexes of all sizes in every mode, and the plain script's (sentence-transformers, a flat faiss index),
  in turn
- stages: which part of a warm query costs what
- threads: queries a second with 1 and 2 threads
- growth: a line through each cost at all sizes

Time is that of one thread, but for ``threads``. Raw figures go to ``benchmarks/results/latency.json``, or
``latency-NAME.json``; with ``--index`` the indexes stay in FOLDER, and those that are there are used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.latency.archives import Archive, index_corpus, make_archive
from benchmarks.latency.cold import measure_cold, measure_parts
from benchmarks.latency.warm import CASES, FILTERED, PLAIN, measure_opening, measure_threads, measure_warm
from benchmarks.machine import describe
from benchmarks.measuring import fit_line, in_new_process, median_of, percentile, use_one_thread, write_result

_ROOT = Path(__file__).resolve().parents[2]
_QUESTIONS = _ROOT / "benchmarks" / "corpus-queries" / "queries.jsonl"
_SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
_COLD_SIZES = (1_000, 10_000, 100_000)
_COLD_QUERY = "legal basis for deployment"
_THREADS, _ROUNDS = (1, 2), 3


def main(argv: Sequence[str] | None = None) -> None:
    arguments = _arguments(argv)
    use_one_thread()
    machine = describe()
    questions = _read_questions(arguments.questions, arguments.queries)
    with tempfile.TemporaryDirectory() as folder:
        archives = _archives(arguments, questions, arguments.index or Path(folder))
        measured = _measure(archives, questions, arguments)
    result = {
        "command": _command(arguments),
        "machine": machine,
        "queries": len(questions),
        "seed": 0,
        "archive": "made" if arguments.corpus is None else arguments.name,
        "sizes": measured,
        "growth": fit_growth(measured),
    }
    _print(result)
    name = "latency" if arguments.corpus is None else f"latency-{arguments.name}"
    print(f"raw figures: {write_result(name, result)}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="passages of the archives that are made")
    parser.add_argument(
        "--cold-sizes", type=int, nargs="*", default=_COLD_SIZES, help="of these, those that are asked cold as well"
    )
    parser.add_argument("--corpus", help="a folder or file of articles to index instead")
    parser.add_argument("--name", help="what to call its result")
    parser.add_argument("--questions", type=Path, default=_QUESTIONS, help="JSON lines with the queries in 'text'")
    parser.add_argument("--queries", type=int, default=200, help="how many of them are asked")
    parser.add_argument("--index", type=Path, help="keep the indexes there, and use those that are there")
    parser.add_argument("--cold-runs", type=int, default=5)
    arguments = parser.parse_args(argv)
    if (arguments.corpus is None) != (arguments.name is None):
        parser.error("--corpus needs --name, which is what its result is called, and --name needs it")
    return arguments


def _command(arguments: argparse.Namespace) -> str:
    """Return the command without the paths of this machine."""
    shown = {
        "sizes": " ".join(map(str, arguments.sizes)) if arguments.corpus is None else None,
        "cold-sizes": " ".join(map(str, arguments.cold_sizes)) if arguments.corpus is None else None,
        "corpus": Path(arguments.corpus).name if arguments.corpus is not None else None,
        "name": arguments.name,
        "questions": arguments.questions.name if arguments.questions != _QUESTIONS else None,
        "queries": arguments.queries,
        "cold-runs": arguments.cold_runs,
    }
    options = "".join(f" --{name} {value}" for name, value in shown.items() if value is not None)
    return f"python -m benchmarks.latency{options}"


def _read_questions(path: Path, count: int) -> list[str]:
    """Return ``count`` questions, from all parts of the file."""
    with path.open(encoding="utf-8") as stream:
        questions = [json.loads(line)["text"] for line in stream if line.strip()]
    count = min(count, len(questions))
    return [questions[number * len(questions) // count] for number in range(count)]


def _archives(arguments: argparse.Namespace, questions: Sequence[str], folder: Path) -> list[Archive]:
    """Build what is asked, or find it in ``folder``."""
    if arguments.corpus is not None:
        return [in_new_process(index_corpus, arguments.corpus, folder / arguments.name)]
    return [
        in_new_process(make_archive, size, questions, folder / f"{size}-passages-{len(questions)}-questions")
        for size in arguments.sizes
    ]


def _measure(
    archives: Sequence[Archive], questions: Sequence[str], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return what was measured of each archive, with its counts."""
    made = arguments.corpus is None
    warm = measure_warm(archives, questions, {**CASES, **FILTERED} if made else CASES)
    measured = []
    for number, (archive, cases) in enumerate(zip(archives, warm, strict=True)):
        one: dict[str, Any] = {**archive.counts, "cases": cases}
        if not made or arguments.sizes[number] in arguments.cold_sizes:
            one["cold"] = measure_cold(archive, _COLD_QUERY, arguments.cold_runs)
            one["parts"] = measure_parts(archive.index, _COLD_QUERY)
        one["open_cpu_seconds"] = in_new_process(measure_opening, str(archive.index), _ROUNDS)
        one["threads"] = in_new_process(measure_threads, str(archive.index), questions, _THREADS, _ROUNDS)
        measured.append(one)
    return measured


def fit_growth(measured: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Fit a line to the median CPU seconds of each cost, over the sizes at which it was measured.

    Returns:
        For each cost ``base`` (seconds), ``slope`` (seconds a passage) and ``r2``; of what was measured at two sizes.
    """
    costs: dict[str, list[tuple[float, float]]] = {}
    for one in measured:
        found = {name: statistics.median(case["cpu_seconds"]) for name, case in one["cases"].items()}
        found |= {f"stage: {name}": seconds for name, seconds in one["cases"]["hybrid"]["stages"].items()}
        found["opening"] = statistics.median(one["open_cpu_seconds"])
        for name, runs in one.get("cold", {}).items():
            found[f"cold: {name}"] = median_of(runs, "cpu_seconds")
        for name, seconds in found.items():
            costs.setdefault(name, []).append((one["passages"], seconds))
    return {name: fit_line(*zip(*points, strict=True))._asdict() for name, points in costs.items() if len(points) > 1}


def _print(result: Mapping[str, Any]) -> None:
    for one in result["sizes"]:
        opening = statistics.median(one["open_cpu_seconds"])
        print(f"\n{one['passages']:,} passages, {one['tokens']:,} tokens: opening {opening:.2f} CPU-s")
        plain = statistics.median(one["cases"][PLAIN]["cpu_seconds"])
        for name, case in one["cases"].items():
            cpu, wall = ([1000 * value for value in case[f"{clock}_seconds"]] for clock in ("cpu", "wall"))
            print(
                f"  {name:<34} {statistics.median(cpu):7.1f} CPU-ms, 99 % {percentile(cpu, 99):7.1f}; "
                f"wall {statistics.median(wall):7.1f}, 99 % {percentile(wall, 99):7.1f}; "
                f"{statistics.median(cpu) / 1000 / plain:5.2f} of the plain script's"
            )
        stages = one["cases"]["hybrid"]["stages"]
        print("  hybrid: " + ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in stages.items()))
        for name, runs in one.get("cold", {}).items():
            memory = median_of(runs, "peak_rss_bytes") / 2**20
            print(
                f"  cold, {name:<28} {median_of(runs, 'cpu_seconds'):7.2f} CPU-s, "
                f"wall {median_of(runs, 'wall_seconds'):.2f} s, {memory:.0f} MiB"
            )
        for one_threads in one["threads"]:
            rate = one_threads["queries"] / statistics.median(one_threads["wall_seconds"])
            print(f"  {one_threads['threads']} threads: {rate:.0f} queries a second")
    for name, line in result["growth"].items():
        print(
            f"{name:<40} {1000 * line['base']:9.2f} ms + {1e8 * line['slope']:9.2f} ms a 100,000 (R2 {line['r2']:.3f})"
        )


if __name__ == "__main__":
    main()
