"""How memory, time and disk of a build grow with the archive, without a model.

    python -m benchmarks.growth [--sizes 1000 10000 ...] [--no-tokens-from 1000000]

The archives are made (``benchmarks/synthetic.py``) and embedded at random, so that what is left is what the index
itself costs: reading, splitting, encoding tokens, writing, indexing words. Each is built in a process of its own; those
of ``--no-tokens-from`` passages and more without the vectors of tokens, which would be most of their size. Then it is
built again with nothing changed, and some times one after the other with 1 % of the articles edited each time. Raw
figures go to ``benchmarks/results/growth.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.measuring import fit_line, in_new_process, peak_memory, use_one_thread, write_result

_SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
_EDITS = 8  # rebuilds with 1 % edited: more than it takes until what they added is gathered
_COSTS = ("cpu_seconds", "peak_rss_bytes", "index_bytes")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="passages of each archive")
    parser.add_argument("--no-tokens-from", type=int, default=1_000_000, metavar="PASSAGES")
    arguments = parser.parse_args(argv)
    use_one_thread()
    machine = describe()
    measured = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(in_new_process(_build, size, folder, size < arguments.no_tokens_from))
        print(f"{size:>9,} passages: " + ", ".join(f"{name} {measured[-1][name]:,}" for name in _COSTS), flush=True)
    sizes = " ".join(map(str, arguments.sizes))
    with_tokens = [one for one in measured if one["token_vectors"]]
    result = {
        "command": f"python -m benchmarks.growth --sizes {sizes} --no-tokens-from {arguments.no_tokens_from}",
        "machine": machine,
        "seed": 0,
        "sizes": measured,
        "growth": {
            name: fit_line([one["passages"] for one in with_tokens], [one[name] for one in with_tokens])._asdict()
            for name in _COSTS
            if len(with_tokens) > 1
        },
    }
    print(f"raw figures: {write_result('growth', result)}")


def _build(passages: int, index: str, token_vectors: bool) -> dict[str, Any]:  # noqa: FBT001
    import semsearch
    from benchmarks.synthetic import RandomEmbedder, articles, words_of_sample

    words = words_of_sample()
    made: Iterable[semsearch.Article] = articles(passages, words, words[:1000])  # never all of them in memory at once
    before, cpu = peak_memory(), time.process_time()
    stages: dict[str, float] = {}

    def note(progress: semsearch.Progress) -> None:
        stages[progress.stage] = round(time.process_time() - cpu, 4)

    def build() -> semsearch.BuildReport:
        return semsearch.build_index(made, index, embedder=RandomEmbedder(), token_vectors=token_vectors, progress=note)

    report = build()
    taken, peak = round(time.process_time() - cpu, 4), peak_memory()
    by_stage = dict(stages)
    size = sum(path.stat().st_size for path in Path(index).rglob("*") if path.is_file())
    made = kept = list(articles(passages, words, words[:1000]))
    cpu = time.process_time()
    build()
    rebuilds: dict[str, Any] = {"unchanged_cpu_seconds": round(time.process_time() - cpu, 4)}
    count, edited = max(1, len(kept) // 100), []
    for number in range(_EDITS):
        for at in range(number * count, (number + 1) * count):
            kept[at] = dataclasses.replace(kept[at], text=f"{kept[at].text} Edited, number {number}.")
        cpu = time.process_time()
        build()
        edited.append(round(time.process_time() - cpu, 4))
    rebuilds["one_percent_cpu_seconds"] = edited
    return {
        "passages": report.passages,
        "tokens": report.tokens,
        "token_vectors": token_vectors,
        "cpu_seconds": taken,
        "cpu_seconds_at_end_of_stage": by_stage,
        "peak_rss_bytes": peak,
        "rss_bytes_before": before,
        "index_bytes": size,
        "rebuilds": rebuilds,
    }


if __name__ == "__main__":
    main()
