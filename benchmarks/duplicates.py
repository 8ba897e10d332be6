"""How well repeated stories are told from updates of them, and what diversity does to a ranking.

    nice python -m benchmarks.duplicates [FOLDER...] [--sources N]

Of N passages of ``corpus/``, and of each FOLDER in BEIR's layout, copies are made as papers differ that print one wire
story (``benchmarks/copies.py``), and put under other headlines, which are embedded with them. They should be folded.
What should not be: a copy with another number in it; a template filled with other facts (``benchmarks/updates.txt``);
passages of different articles that are alike to the model; and passages that say as much again. What is measured is
what :func:`semsearch.selection.select` does: words and cosines. Diversity is measured with the queries of ``corpus/``.
The figures go to ``benchmarks/results/duplicates.json``; ``python -m benchmarks.report`` makes tables of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import semsearch
from benchmarks.copies import BOTH_WAYS, GOES_ON, REPEATS, UPDATES, Source
from benchmarks.machine import describe
from semsearch.dense import unit_rows
from semsearch.embedders import Embedder
from semsearch.evaluation import Dataset, Run, interval, load_dataset, measure
from semsearch.passages import article_context, readable
from semsearch.searching import MODES, Searcher
from semsearch.selection import repeated_share, select
from semsearch.storage import open_generation

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "duplicates.json"
THRESHOLDS = (0.5, 0.6, 2 / 3, 0.7, 0.8)
DIVERSITIES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
TEMPLATES, ALIKE = "other facts in a template", "alike to the model"
_NEAR = 0.4  # the cosine below which select reads no text
_K = 10
_SEED = 7
_ROUNDUPS = ("World news in brief", "What you need to know today", "From our correspondents", "News of the week")


class Pair(NamedTuple):
    """Two passages of different articles, the leader ranked above the text.

    Attributes:
        kind: What the text is to the leader.
        leader: The text that is ranked above.
        text: The one below.
        vectors: ``(2, dimension)`` float32, unit rows: of both.
    """

    kind: str
    leader: str
    text: str
    vectors: NDArray[np.float32]


def read_sources(index: Path) -> tuple[list[Source], NDArray[np.float32]]:
    """Read the passages of an index, and their vectors."""
    generation = open_generation(index)
    stored = generation.archive.passages(range(len(generation.embeddings)))
    starts = generation.article_starts
    article_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(stored))).tolist()
    vectors = np.asarray(generation.embeddings, dtype=np.float32)
    generation.close()

    def text_of(row: int, article: int) -> str:
        return stored[row].passage.text if row in stored and article_of[row] == article else ""

    sources = []
    for row, article in enumerate(article_of):
        after, further, before = (text_of(row + step, article) for step in (1, 2, -2))
        of = stored[row].article
        folder = of.id.rpartition("/")[0]
        sources.append(Source(article, folder, of.title, stored[row].passage.text, after, further or before))
    return sources, vectors


def make_pairs(
    sources: Sequence[Source], vectors: NDArray[np.float32], count: int, embedder: Embedder
) -> Iterable[Pair]:
    """Make copies of ``count`` passages, and find those that are alike although of different articles."""
    rng = random.Random(_SEED)  # noqa: S311 - no secret
    titles: dict[str, list[str]] = {}
    for source in sources:
        titles.setdefault(source.folder, []).append(source.title)
    made = []
    for row in sorted(rng.sample(range(len(sources)), min(count, len(sources)))):
        for kind, make in {**REPEATS, **UPDATES, **GOES_ON}.items():
            copy = make(rng, sources[row])
            if copy is not None:
                made.append((row, kind, copy, _headline(rng, sources[row], titles)))
    copies = embed(embedder, [(headline, copy) for _, _, copy, headline in made])
    for (row, kind, copy, _), vector in zip(made, copies, strict=True):
        own = sources[row].text
        yield Pair(kind, own, copy, np.stack([vectors[row], vector]))
        if kind in BOTH_WAYS:
            yield Pair(f"{kind}: the original", copy, own, np.stack([vector, vectors[row]]))
    cosines = vectors @ vectors.T
    articles = np.array([source.article for source in sources])
    for first, second in np.argwhere((cosines >= _NEAR) & (articles[:, None] != articles)).tolist():
        yield Pair(ALIKE, sources[first].text, sources[second].text, vectors[[first, second]])


def _headline(rng: random.Random, source: Source, titles: Mapping[str, Sequence[str]]) -> str:
    """Return what another paper may have put above a story: its beginning, a headline of the section, or less."""
    luck = rng.random()
    if luck < 0.4:
        return " ".join(source.text.split()[:9])
    return rng.choice(titles[source.folder] if luck < 0.7 else _ROUNDUPS)


def template_pairs(embedder: Embedder) -> list[Pair]:
    """Read the templates, each of which is filled in two ways: ``{this|that}``."""
    pairs = []
    for line in (Path(__file__).parent / "updates.txt").read_text(encoding="utf-8").splitlines():
        texts = [" ".join(re.sub(r"\{(.*?)\|(.*?)\}", rf"\{way}", line).split()) for way in (1, 2)]
        vectors = embed(embedder, [("", text) for text in texts])
        pairs += [Pair(TEMPLATES, texts[a], texts[b], vectors[[a, b]]) for a, b in ((0, 1), (1, 0))]
    return pairs


def embed(embedder: Embedder, texts: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
    """Embed headlines with their texts as a build does."""
    limit = embedder.spec.max_tokens
    articles = [semsearch.Article(f"{row}", text, title=title) for row, (title, text) in enumerate(texts)]
    contexts = [article_context(article, embedder.count_tokens, limit=limit) for article in articles]
    return unit_rows(embedder.embed_passages([readable(c + a.text) for c, a in zip(contexts, articles, strict=True)]))


def is_folded(pair: Pair) -> bool:
    """Return whether a search folds the second under the first."""
    texts = (pair.leader, pair.text)
    (chosen, *_) = select(
        [0, 1], [1, 0], 2, articles=[0, 1], vectors_of=lambda rows: pair.vectors[rows],
        texts_of=lambda rows: [texts[row] for row in rows],
    )  # fmt: skip
    return bool(chosen.duplicates)


def judge(pairs: Iterable[Pair]) -> dict[str, Any]:
    """Count what is folded, by kind, and what would be with other thresholds."""
    kinds: dict[str, dict[str, Any]] = {}
    at = {threshold: dict.fromkeys(("repeats", "updates", "goes on"), 0) for threshold in THRESHOLDS}
    by_words = dict.fromkeys(THRESHOLDS, 0)
    totals = dict.fromkeys(("repeats", "updates", "goes on"), 0)
    for pair in pairs:
        is_update = pair.kind in UPDATES or pair.kind in (TEMPLATES, ALIKE)
        group = "updates" if is_update else "goes on" if pair.kind in GOES_ON else "repeats"
        kind = kinds.setdefault(pair.kind, {"group": group, "pairs": 0, "folded": 0})
        kind["pairs"] += 1
        kind["folded"] += is_folded(pair)
        totals[group] += 1
        share = repeated_share(pair.text, pair.leader)
        is_near = pair.vectors[0] @ pair.vectors[1] >= _NEAR
        for threshold in THRESHOLDS:
            at[threshold][group] += bool(is_near and share >= threshold)
            by_words[threshold] += group == "repeats" and share >= threshold
    rows = [
        {
            "threshold": round(threshold, 4),
            "recall": found["repeats"] / totals["repeats"],
            "recall_by_words": by_words[threshold] / totals["repeats"],
            "precision": found["repeats"] / max(found["repeats"] + found["updates"], 1),
            "folded": found,
        }
        for threshold, found in at.items()
    ]
    order = (*REPEATS, *UPDATES, TEMPLATES, ALIKE, *GOES_ON)
    names = [name for kind in order for name in (kind, f"{kind}: the original") if name in kinds]
    return {"pairs": totals, "thresholds": rows, "kinds": {name: kinds[name] for name in names}}


def measure_diversity(searcher: Searcher, dataset: Dataset) -> list[dict[str, Any]]:
    """Ask every query in every mode with more and more diversity."""
    rows = []
    plain: dict[str, set[tuple[str, int]]] = {}
    for mode, diversity in itertools.product(MODES, DIVERSITIES):
        places: dict[str, set[tuple[str, int]]] = {}
        run: Run = {}
        articles = []
        for query, text in dataset.queries.items():
            hits = searcher.search(text, _K, mode=mode, diversity=diversity, phrases=False, evidence=False)
            found = list(dict.fromkeys(hit.article.id for hit in hits))
            places[query] = {(hit.article.id, hit.passage.start) for hit in hits}
            run[query] = [(article, -float(rank)) for rank, article in enumerate(found)]
            articles.append(len(found))
        plain = places if diversity == 0 else plain
        kept = [len(places[query] & best) / len(best) for query, best in plain.items() if best]
        ndcg = interval(measure(run, dataset.qrels)["nDCG@10"]).mean
        row = {"mode": mode, "diversity": diversity, "kept": float(np.mean(kept)), "articles": float(np.mean(articles))}
        rows.append({**row, "nDCG@10": ndcg})
        print(row, f"{ndcg:.4f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with a corpus.jsonl as BEIR has it")
    parser.add_argument("--sources", type=int, default=100, help="passages of each that copies are made of")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    embedder = semsearch.load_embedder()
    pairs = template_pairs(embedder)
    collections = []
    for corpus in (ROOT / "corpus", *(folder / "corpus.jsonl" for folder in arguments.folders)):
        with tempfile.TemporaryDirectory() as index:
            semsearch.build_index(corpus, index, embedder=embedder)
            sources, vectors = read_sources(Path(index))
            pairs += make_pairs(sources, vectors, arguments.sources, embedder)
            name = corpus.name if corpus.is_dir() else corpus.parent.name
            collections.append({"name": name, "passages": len(sources)})
            if corpus.is_dir():
                with semsearch.open_index(index, embedder=embedder) as searcher:
                    diversity = measure_diversity(searcher, load_dataset(ROOT / "benchmarks" / "corpus-queries"))
    names = [collection["name"] for collection in collections[1:]]
    command = " ".join(["python -m benchmarks.duplicates", *names, f"--sources {arguments.sources}"])
    result = {"command": command, "machine": describe(), "collections": collections, **judge(pairs)}
    result["diversity"] = diversity
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in result["thresholds"]:
        print(row)
    for kind, found in result["kinds"].items():
        print(f"{kind:<45} {found['folded']}/{found['pairs']}")


if __name__ == "__main__":
    main()
