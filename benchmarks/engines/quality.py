"""Whether an index in an engine ranks as well as one in a folder, on judged collections.

    python -m benchmarks.engines.quality DATASET... [--shards FOLDER] [--side NAME]...

DATASET is a folder in BEIR's layout with its ``corpus.jsonl``. Its articles are embedded once, into shards, and the
shards are loaded into a folder, into PostgreSQL and into Milvus, whose servers are the tests' own. Every query is asked
in every mode. The measures go to ``benchmarks/results/engines-quality.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import semsearch
from benchmarks.machine import describe
from benchmarks.measuring import write_result
from semsearch.building import embed_corpus, load_shards
from semsearch.evaluation import Dataset, load_dataset, measure, run_queries
from semsearch.searching import MODES
from tests.engines.milvus_server import MilvusServer
from tests.engines.postgres_server import PostgresServer

RESULT = "engines-quality"
SIDES = ("folder", "postgres", "milvus")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("datasets", nargs="+", type=Path, help="folders in BEIR's layout")
    parser.add_argument("--shards", type=Path, help="keep the shards in this folder, and use those that are there")
    parser.add_argument("--side", action="append", choices=SIDES, help="only this one (may be given several times)")
    parser.add_argument("--name", default=RESULT, help="what to call its result")
    arguments = parser.parse_args(argv)
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    with contextlib.ExitStack() as stack:
        folder = arguments.shards or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        datasets = [load_dataset(path) for path in arguments.datasets]
        for dataset in datasets:
            assert dataset.corpus is not None  # noqa: S101 - for the type checker
            embed_corpus(dataset.corpus, folder / dataset.name, precision="float32")
        for side in arguments.side or SIDES:
            with _place(side) as address:
                for dataset in datasets:
                    index = address.format(dataset.name.replace("-", "_"))
                    load_shards(folder / dataset.name, index)
                    found.setdefault(dataset.name, {})[side] = _measures(index, dataset)
                    print(dataset.name, side, json.dumps(found[dataset.name][side]), flush=True)
    write_result(
        arguments.name,
        {
            "command": "python -m benchmarks.engines.quality " + " ".join(path.name for path in arguments.datasets),
            "machine": describe(),
            "queries": {dataset.name: len(dataset.queries) for dataset in datasets},
            "measures": found,
            "largest difference of nDCG@10": _largest_difference(found),
        },
    )


@contextlib.contextmanager
def _place(side: str) -> Iterator[str]:
    """Give where indexes can be, with {} for their names."""
    if side == "postgres":
        with PostgresServer() as server:
            yield server.address("NAME").replace("NAME", "{}")
    elif side == "milvus":
        with MilvusServer() as milvus:
            yield milvus.address("NAME").replace("NAME", "{}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"{folder}/{{}}"


def _measures(index: str, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Return the means of all measures, by mode."""
    means = {}
    with semsearch.open_index(index) as searcher:
        for mode in MODES:
            values = measure(run_queries(searcher, dataset, mode=mode), dataset.qrels)
            means[mode] = {name: round(sum(each.values()) / len(each), 5) for name, each in values.items()}
    return means


def _largest_difference(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> dict[str, dict[str, float]]:
    """Return for each mode and engine how far its nDCG@10 is from the folder's, at most over the collections."""
    largest: dict[str, dict[str, float]] = {}
    for sides in found.values():
        for side in sides.keys() - {"folder"}:
            for mode, means in sides[side].items():
                apart = round(abs(means["nDCG@10"] - sides.get("folder", sides[side])[mode]["nDCG@10"]), 5)
                known = largest.setdefault(side, {})
                known[mode] = max(known.get(mode, 0.0), apart)
    return largest


if __name__ == "__main__":
    main()
