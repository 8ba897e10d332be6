"""How the index of words grows: building it, its size, and what a query's words cost, without vectors.

    python -m benchmarks.words [--sizes 10000 100000 ...] [--queries 100]

Texts are made (``benchmarks/synthetic.py``), with words of the judged queries of the sample archive in them, which are
what is asked. Of each archive the passages and the articles are indexed, and each query asks both, as a hybrid search
does. Each size is measured in a process of its own. Raw figures go to ``benchmarks/results/words.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.measuring import in_new_process, peak_memory, percentile, rounded, use_one_thread, write_result

_SIZES = (1_000, 10_000, 100_000, 300_000, 1_000_000)
_QUESTIONS = Path(__file__).parent / "corpus-queries" / "queries.jsonl"
_PASSAGES, _ARTICLES = 100, 1_000  # that a hybrid search asks for


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.words", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="passages of each archive")
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args(argv)
    use_one_thread()
    machine, measured = describe(), []
    for size in sorted(arguments.sizes):
        with tempfile.TemporaryDirectory() as folder:
            measured.append(in_new_process(_measure, size, arguments.queries, folder))
        milliseconds = 1000 * percentile(measured[-1]["query_cpu_seconds"], 50)
        print(
            f"{size:>9,} passages: {milliseconds:.2f} ms, {measured[-1]['index_bytes'] / size:,.0f} bytes", flush=True
        )
    sizes = " ".join(map(str, arguments.sizes))
    result = {
        "command": f"python -m benchmarks.words --sizes {sizes} --queries {arguments.queries}",
        "machine": machine,
        "sizes": measured,
    }
    print(f"raw figures: {write_result('words', result)}")


def _measure(passages: int, queries: int, folder: str) -> dict[str, Any]:
    from benchmarks.synthetic import articles, words_of_sample
    from semsearch.lexical import LexicalIndex

    lines = _QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["text"] for line in lines]
    questions = questions[:: max(1, len(questions) // queries)][:queries]
    words, indexes, started = words_of_sample(), [], time.process_time()
    for unit in ("passages", "articles"):
        made = articles(passages, words, questions)
        texts = ([one.title, *parts] for one in made for parts in _parts(one.text, unit))
        LexicalIndex.build(Path(folder, unit), texts, phrases=unit == "passages")
        indexes.append(LexicalIndex.open(Path(folder, unit)))
    building = round(time.process_time() - started, 4)
    of_passages, of_articles = indexes
    of_passages.search(questions[0], _PASSAGES)
    cpu, wall = [], []
    for question in questions:
        before, clock = time.process_time(), time.perf_counter()
        of_articles.search(question, _ARTICLES)
        of_passages.search(question, _PASSAGES)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - clock)
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {
        "passages": passages,
        "build_cpu_seconds": building,
        "index_bytes": size,
        "peak_rss_bytes": peak_memory(),
        "query_cpu_seconds": rounded(cpu),
        "query_wall_seconds": rounded(wall),
    }


def _parts(text: str, unit: str) -> list[list[str]]:
    """Return the texts that are indexed of an article, in their parts."""
    paragraphs = text.split("\n\n")
    return [[paragraph] for paragraph in paragraphs] if unit == "passages" else [paragraphs]


if __name__ == "__main__":
    main()
