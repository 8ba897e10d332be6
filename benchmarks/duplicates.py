"""How well repeated stories are told from updates of them, and what diversity does to a ranking.

    nice python -m benchmarks.duplicates [FOLDER...] [--sources N]

Of N passages of ``corpus/``, and of each FOLDER in BEIR's layout, copies are made as papers differ that print one wire
story, and put under other headlines, which are embedded with them. They should be folded. What should not be: a copy
with another number in it; the same template filled with other facts (``benchmarks/updates.txt``); passages of different
articles that are alike to the model; and passages that say as much again. What is measured is the rule of
:func:`semsearch.selection.select`: words and cosines. Diversity is measured with the queries of ``corpus/``. The
figures go to ``benchmarks/results/duplicates.json``, out of which ``python -m benchmarks.report`` makes tables.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import semsearch
from benchmarks.machine import describe
from semsearch.dense import unit_rows
from semsearch.embedders import Embedder
from semsearch.evaluation import Dataset, Run, interval, load_dataset, measure
from semsearch.passages import article_context, find_sentences, readable
from semsearch.searching import MODES, Searcher
from semsearch.selection import repeated_share, select
from semsearch.storage import open_generation

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "duplicates.json"
THRESHOLDS = (0.5, 0.6, 2 / 3, 0.7, 0.8)
DIVERSITIES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
_NEAR = 0.5  # the cosine below which select reads no text
_K = 10
_SEED = 7
_BRITISH = re.compile(r"(\w{4,})is(e[sd]?|ing|ation)\b")
_SPELLINGS = dict(
    pair.split("/")
    for pair in "labour/labor colour/color centre/center defence/defense programme/program favour/favor metres/meters "
    "neighbour/neighbor harbour/harbor kilometres/kilometers tonnes/tons licence/license travelled/traveled "
    "cancelled/canceled towards/toward theatre/theater honour/honor programmes/programs whilst/while".split()
)
_EDITS = dict(
    pair.split("/")
    for pair in "also/ however/ very/ still/ but/however, large/big begin/start began/started about/around nearly/almost "
    "because/since government/cabinet killed/slain under/below would/will which/that".split()
)
_FILLERS = ("reportedly", "also", "now", "again", "there")
_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DATELINES = (
    *("LONDON, March 3 (Reuters) - ", "WASHINGTON (AP) — ", "BERLIN, 12 June (dpa) – "),
    *("GENEVA, Nov. 30, 2021 (AFP) -- ", "Nairobi (KNA) - ", "NEW YORK, Jan 7 (Cobalt Press) — "),
)
_AUTHORS = ("Miriam Oduya", "John K. Smith in London", "A. Petrov and Lena Brandt")
_ROUNDUPS = ("World news in brief", "What you need to know today", "From our correspondents", "News of the week")


class Source(NamedTuple):
    """A passage, with the article that it is of and the passages that stand around it."""

    article: int
    title: str
    text: str
    after: str
    other: str
    """A passage of the same article that does not touch this one."""


class Pair(NamedTuple):
    """Two passages of different articles; the first is ranked above the second."""

    kind: str
    leader: str
    text: str
    vectors: NDArray[np.float32]
    """``(2, dimension)``, unit rows."""


# --- copies -----------------------------------------------------------------------------------------------------------


class Desk:
    """What the desks of other papers do to a text. A copy is None if there is nothing in a text to do it to."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - no secret

    def dateline(self, text: str) -> str:
        return self.rng.choice(_DATELINES) + text

    def byline(self, text: str) -> str:
        return f"By {self.rng.choice(_AUTHORS)}\n\n{self.dateline(text)}"

    def spelling(self, text: str) -> str | None:
        words = re.sub(r"[a-z]+", lambda match: _SPELLINGS.get(match[0], match[0]), text)
        return _changed(_BRITISH.sub(r"\1iz\2", words), text)

    def typography(self, text: str) -> str | None:
        plain = text.translate(str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "--"}))
        if plain != text:
            return plain
        return _changed(re.sub(r'"([^"]*)"', r"“\1”", text).replace("'", "’").replace(" - ", " – "), text)

    def thousands(self, text: str) -> str | None:
        return _changed(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text), text)

    def edited(self, text: str, rate: float) -> str | None:
        words: list[str] = []
        for word in text.split(" "):
            if self.rng.random() >= rate:
                words.append(word)
            elif word in _EDITS or self.rng.random() < 0.5:
                words += filter(None, [_EDITS.get(word, "")])
            else:
                words += [word, self.rng.choice(_FILLERS)]
        return _changed(" ".join(words), text)

    def cut(self, text: str) -> str | None:
        sentences = _sentences(text)
        if len(sentences) < 3:
            return None
        del sentences[self.rng.randrange(len(sentences))]
        return " ".join(sentences)

    def added(self, text: str, other: str) -> str | None:
        sentences = _sentences(text)
        if len(sentences) < 2 or not other:
            return None
        sentences.insert(self.rng.randrange(1, len(sentences) + 1), self.rng.choice(_sentences(other)))
        return " ".join(sentences)

    def half(self, text: str) -> str | None:
        sentences = _sentences(text)
        middle = len(sentences) // 2
        return " ".join(self.rng.choice([sentences[:middle], sentences[middle:]])) if middle else None

    def mixed(self, text: str) -> str | None:
        edited = self.edited(text, 0.03) or text
        edited = self.spelling(edited) or edited
        return self.dateline(self.typography(edited) or edited)

    def mixed_cut(self, text: str) -> str | None:
        short = self.cut(text)
        return None if short is None else self.mixed(short)

    def number(self, text: str) -> str | None:
        found = list(re.finditer(r"\d(?![.,]?\d)", text))
        if not found:
            return None
        digit = self.rng.choice(found)
        return f"{text[: digit.start()]}{(int(digit[0]) + self.rng.randrange(1, 9)) % 10}{text[digit.end() :]}"

    def number_word(self, text: str) -> str | None:
        found = list(re.finditer(rf"\b({'|'.join(_NUMBER_WORDS)})\b", text))
        if not found:
            return None
        word = self.rng.choice(found)
        others = [other for other in _NUMBER_WORDS if other != word[0]]
        return text[: word.start()] + self.rng.choice(others) + text[word.end() :]

    def mixed_number(self, text: str) -> str | None:
        updated = self.number(text)
        return None if updated is None else self.mixed(updated)

    def headline(self, source: Source, titles: Sequence[str]) -> str:
        first = " ".join(source.text.split()[:9])
        return self.rng.choice([first, self.rng.choice(titles), self.rng.choice(_ROUNDUPS)])


Make = Callable[[Desk, Source], str | None]
REPEATS: Mapping[str, Make] = {
    "another headline": lambda desk, source: source.text,
    "dateline": lambda desk, source: desk.dateline(source.text),
    "byline and dateline": lambda desk, source: desk.byline(source.text),
    "spelling": lambda desk, source: desk.spelling(source.text),
    "typography": lambda desk, source: desk.typography(source.text),
    "numbers written otherwise": lambda desk, source: desk.thousands(source.text),
    "a sentence cut": lambda desk, source: desk.cut(source.text),
    "a sentence added": lambda desk, source: desk.added(source.text, source.other),
    "3% of words edited": lambda desk, source: desk.edited(source.text, 0.03),
    "8% of words edited": lambda desk, source: desk.edited(source.text, 0.08),
    "half of it": lambda desk, source: desk.half(source.text),
    "several of these": lambda desk, source: desk.mixed(source.text),
    "several, a sentence cut": lambda desk, source: desk.mixed_cut(source.text),
}
BOTH_WAYS = {"a sentence cut", "a sentence added", "8% of words edited", "several of these", "several, a sentence cut"}
"""Kinds of which the original, ranked below the copy, should be folded under it too."""

UPDATES: Mapping[str, Make] = {
    "another number": lambda desk, source: desk.number(source.text),
    "another number word": lambda desk, source: desk.number_word(source.text),
    "another number, several of these": lambda desk, source: desk.mixed_number(source.text),
}
TEMPLATES, ALIKE = "other facts in a template", "alike to the model"
GOES_ON: Mapping[str, Make] = {
    "with the next passage": lambda desk, source: f"{source.text} {source.after}" if source.after else None,
    "second half, next passage": lambda desk, source: _continued(source),
}


def _changed(copy: str, text: str) -> str | None:
    return copy if copy != text else None


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in find_sentences(text)]


def _continued(source: Source) -> str | None:
    own, after = _sentences(source.text), _sentences(source.after)
    middle = len(own) // 2
    return " ".join(own[middle:] + after[: len(own) - middle]) if middle and after else None


# --- pairs ------------------------------------------------------------------------------------------------------------


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
        sources.append(Source(article, stored[row].article.title, stored[row].passage.text, after, further or before))
    return sources, vectors


def make_pairs(
    sources: Sequence[Source], vectors: NDArray[np.float32], count: int, embedder: Embedder
) -> Iterable[Pair]:
    """Make copies of ``count`` passages, and find those that are alike although of different articles."""
    desk = Desk(_SEED)
    titles = sorted({source.title for source in sources})
    made = []
    for row in sorted(desk.rng.sample(range(len(sources)), min(count, len(sources)))):
        for kind, make in (REPEATS | UPDATES | GOES_ON).items():
            copy = make(desk, sources[row])
            if copy is not None:
                made.append((row, kind, copy, desk.headline(sources[row], titles)))
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
    totals = dict.fromkeys(("repeats", "updates", "goes on"), 0)
    for pair in pairs:
        is_update = pair.kind in UPDATES or pair.kind in (TEMPLATES, ALIKE)
        group = "updates" if is_update else "goes on" if pair.kind in GOES_ON else "repeats"
        kind = kinds.setdefault(pair.kind, {"group": group, "pairs": 0, "folded": 0})
        kind["pairs"] += 1
        kind["folded"] += is_folded(pair)
        totals[group] += 1
        share = repeated_share(pair.text, pair.leader) if pair.vectors[0] @ pair.vectors[1] >= _NEAR else 0.0
        for threshold in THRESHOLDS:
            at[threshold][group] += share >= threshold
    rows = [
        {
            "threshold": round(threshold, 4),
            "recall": found["repeats"] / totals["repeats"],
            "precision": found["repeats"] / max(found["repeats"] + found["updates"], 1),
            "folded": found,
        }
        for threshold, found in at.items()
    ]
    return {"pairs": totals, "thresholds": rows, "kinds": kinds}


# --- diversity --------------------------------------------------------------------------------------------------------


def measure_diversity(searcher: Searcher, dataset: Dataset) -> list[dict[str, Any]]:
    """Ask every query in every mode with more and more diversity."""
    rows = []
    for mode, diversity in itertools.product(MODES, DIVERSITIES):
        places, run, articles = {}, Run(), []
        for query, text in dataset.queries.items():
            hits = searcher.search(text, _K, mode=mode, diversity=diversity, phrases=False, evidence=False)
            found = list(dict.fromkeys(hit.article.id for hit in hits))
            places[query] = {(hit.article.id, hit.passage.start) for hit in hits}
            run[query] = [(article, -float(rank)) for rank, article in enumerate(found)]
            articles.append(len(found))
        if diversity == 0:
            plain = places
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
            if not collections[1:]:
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
