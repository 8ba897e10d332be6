"""How well other libraries rank, on the collections and with the model that semsearch is measured with.

    python -m benchmarks.peers DATASET... [--peer NAME] [--setting NAME] [--fresh]

DATASET is a folder in BEIR's layout with its ``corpus.jsonl``, or ``corpus`` for the sample archive and its queries.
Makes each peer's environment, has it answer the queries over whole articles and over semsearch's passages, dense and
hybrid, and writes runs and ``peers-DATASET.json`` to ``benchmarks/results/quality/``. Runs that are there, made of the
same texts by the same script and versions, are not made again without ``--fresh``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from benchmarks.peers.environments import ENVIRONMENTS, ROOT, install, run_module, versions
from benchmarks.peers.exchange import Task, write_task, write_texts
from benchmarks.peers.registry import HERE, PEERS, SETTINGS, Peer
from benchmarks.peers.texts import Documents, articles_of, passages_of, rank_articles
from benchmarks.peers.vectors import VectorCache
from semsearch.embedders import load_embedder
from semsearch.errors import CorpusError
from semsearch.evaluation import Dataset, load_dataset, measure, read_run, write_run
from semsearch.readers import ReadingLog, read_articles

RESULTS = ROOT / "benchmarks" / "results" / "quality"
DEPTH = {"articles": 100, "passages": 1000}
"""Documents that a query should give: of passages more, so that they are of 100 articles."""

_PER_QUERY = ("nDCG@10", "RR@10")  # what differences are tested on; the other measures are in the means


@dataclass(frozen=True, slots=True)
class Collection:
    """A judged collection, as the peers are given it."""

    label: str
    dataset: Dataset
    documents: Mapping[str, Documents]  # by setting

    @property
    def fingerprint(self) -> str:
        """Identify the texts and queries."""
        content = [list(self.dataset.queries.items()), [(s, d.texts, d.articles) for s, d in self.documents.items()]]
        return _digest(json.dumps(content))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+", help="folders in BEIR's layout, or 'corpus'")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this peer (may be given several times)")
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="only one of the two")
    parser.add_argument("--fresh", action="store_true", help="make runs again that are there")
    arguments = parser.parse_args(argv)
    peers = [PEERS[name] for name in arguments.peer or PEERS]
    settings = arguments.setting or SETTINGS
    collections = [load_collection(name) for name in arguments.datasets]  # before anything takes long: are they there?
    for peer in peers:
        install(peer)
    RESULTS.mkdir(parents=True, exist_ok=True)
    cache = VectorCache(ENVIRONMENTS / "vectors.sqlite")
    for collection in collections:
        for peer in peers:
            for setting in settings:
                _make_runs(collection, peer, setting, cache, fresh=arguments.fresh)
        _write_result(collection, peers, settings)


def load_collection(name: str) -> Collection:
    """Read a collection, and split its articles.

    Raises:
        CorpusError: If it cannot be read, or has no articles with it.
    """
    dataset = load_dataset(ROOT / "benchmarks" / "corpus-queries" if name == "corpus" else Path(name))
    corpus = ROOT / "corpus" if name == "corpus" else dataset.corpus
    if corpus is None:
        raise CorpusError(name, "has no articles with it: name a folder with a corpus.jsonl, or 'corpus'")
    articles = list(read_articles(corpus, log=ReadingLog()))
    documents = {"articles": articles_of(articles), "passages": passages_of(articles, load_embedder())}
    return Collection("corpus" if name == "corpus" else dataset.name, dataset, documents)


def _run_path(collection: Collection, peer: Peer, setting: str, mode: str) -> Path:
    return RESULTS / f"peers-{collection.label}.{peer.name}.{setting}.{mode}.run"


def _make_runs(collection: Collection, peer: Peer, setting: str, cache: VectorCache, *, fresh: bool) -> None:
    """Have a peer answer, unless what it would answer is there."""
    tag = f"{peer.name}-{setting}-{_digest(collection.fingerprint + _content(peer))}"
    if not fresh and all(_has_tag(_run_path(collection, peer, setting, mode), tag) for mode in peer.modes):
        return
    print(f"{collection.label}: {peer.name}, {setting}", flush=True)
    documents = collection.documents[setting]
    queries = collection.dataset.queries
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if setting == "articles" and peer.splits:
            documents = _split(documents, peer, folder)
        # Passages fit into what every peer reads.
        reads = peer.reads if setting == "articles" else min(other.reads for other in PEERS.values())
        vectors = cache.embed(documents.texts, reads=reads)
        task = Task(documents.texts, queries, vectors, cache.embed(list(queries.values())), DEPTH[setting])
        write_task(task, folder)
        run_module(peer, f"run_{peer.name}", [folder])
        for mode in peer.modes:
            target = _run_path(collection, peer, setting, mode)
            unfinished = target.with_suffix(".unfinished.run")  # renamed when it is whole: it may be interrupted
            write_run(rank_articles(read_run(folder / f"{mode}.run"), documents), unfinished, tag=tag)
            unfinished.replace(target)


def _split(documents: Documents, peer: Peer, folder: Path) -> Documents:
    """Split documents as the peer does by default."""
    write_texts(documents.texts, folder / "documents.jsonl")
    run_module(peer, f"split_{peer.name}", [folder / "documents.jsonl", folder / "parts.jsonl"])
    with (folder / "parts.jsonl").open(encoding="utf-8") as stream:
        parts = [json.loads(line) for line in stream]
    return Documents([part["text"] for part in parts], [documents.articles[part["row"]] for part in parts])


def _content(peer: Peer) -> str:
    """Return what a peer's answers depend on, besides the texts."""
    files = [peer.requirements, HERE / "exchange.py", *(HERE / f"{script}.py" for script in peer.scripts)]
    return json.dumps([peer.reads, DEPTH, [path.read_text(encoding="utf-8") for path in files]])


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _has_tag(run: Path, tag: str) -> bool:
    """Whether the run is there and was made under this tag, the last column of its lines."""
    if not run.exists():
        return False
    with run.open(encoding="utf-8") as stream:
        return stream.readline().rstrip("\n").endswith(f"\t{tag}")


def _write_result(collection: Collection, peers: Sequence[Peer], settings: Sequence[str]) -> None:
    """Measure the runs, and write them beside those of peers and settings that were not run now."""
    target = RESULTS / f"peers-{collection.label}.json"
    before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    if before.get("collection", {}).get("fingerprint") != collection.fingerprint:
        before = {}  # its figures are of other texts
    kept: dict[str, dict[str, Any]] = {part: before.get(part, {}) for part in ("peers", "means", "per_query")}
    for peer in peers:
        kept["peers"][peer.name] = {"reads_tokens": peer.reads, "versions": versions(peer)}
        for setting in settings:
            for mode in peer.modes:
                values = measure(read_run(_run_path(collection, peer, setting, mode)), collection.dataset.qrels)
                key = f"{peer.name}.{setting}.{mode}"
                kept["means"][key] = {name: float(np.mean(list(found.values()))) for name, found in values.items()}
                kept["per_query"][key] = {
                    name: {query: round(value, 4) for query, value in values[name].items()} for name in _PER_QUERY
                }
                print(f"{collection.label:<10} {key:<32}" + _figures(kept["means"][key]), flush=True)
    result: dict[str, Any] = {
        "command": f"python -m benchmarks.peers {collection.label}",
        "machine": describe(),
        "collection": {
            "fingerprint": collection.fingerprint,
            "queries": len(collection.dataset.queries),
            **{setting: len(documents.texts) for setting, documents in collection.documents.items()},
        },
        **kept,
    }
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _figures(means: Mapping[str, float]) -> str:
    return "".join(f"  {name} {mean:.4f}" for name, mean in means.items())


if __name__ == "__main__":
    main()
