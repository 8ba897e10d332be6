"""An index each of whose generations says its number in every text; a writer and readers of it, each a process."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from semsearch import Article, IndexLockedError, Searcher, build_index, open_index, update_index
from tests.torture.model import Words

__all__ = ["articles_of", "number_of", "read", "write"]

_ARTICLES = 12
_QUESTIONS = ["harbour", "talks went on", "soldiers of the treaty", "storm and flood"]
_THREADS = 4


def articles_of(number: int) -> list[Article]:
    """The articles of generation ``number``; all of them change, and sometimes there are others."""
    topics = ["harbour", "talks went on", "soldiers and the treaty", "storm and flood"]
    return [
        Article(
            f"a{(at + number) % 20}",
            f"Of {topics[at % 4]} was said in generation{number} what was known.\n\nMore of it by generation{number}.",
            title=f"Report generation{number}",
            source="Reuters" if at % 2 else None,
        )
        for at in range(_ARTICLES)
    ]


def number_of(searcher: Searcher, query: str, mode: str) -> int:
    """Return the number that all of an answer says; raise if its parts say different ones, or one is missing."""
    hits = searcher.search(query, 50, mode=mode, fold_duplicates=False)
    said = {word for hit in hits for word in f"{hit.article.title} {hit.article.text}".split() if "generation" in word}
    numbers = {int(word.strip(".").removeprefix("generation")) for word in said}
    assert len(numbers) == 1, f"one answer is of the generations {sorted(numbers)}"
    (number,) = numbers
    ids = {article.id for article in articles_of(number)}
    if mode != "lexical":
        assert {hit.article.id for hit in hits} == ids, f"the articles of generation {number} are others"
        assert len(hits) == len(searcher), f"{len(hits)} of {len(searcher)} passages of generation {number} were found"
    filtered = searcher.search(query, 50, mode=mode, where="source = Reuters", fold_duplicates=False)
    assert all(hit.article.source == "Reuters" and f"generation{number} " in hit.article.text for hit in filtered)
    phrase = searcher.search(f'"generation{number}"', 50, mode=mode, fold_duplicates=False)
    assert {hit.article.id for hit in phrase} == ids, f"the words of generation {number} are another's"
    return number


def write(index: Path) -> Iterator[int]:
    """Commit generation after generation, from the live one's number on; yields each one's."""
    with open_index(index, embedder=Words()) as searcher:
        number = number_of(searcher, _QUESTIONS[0], "dense")
    while True:
        new = articles_of(number + 1)
        gone = {article.id for article in articles_of(number)} - {article.id for article in new}
        try:
            if number % 2:
                build_index(new, index, embedder=Words())
            else:
                update_index(index, add=new, remove=gone, embedder=Words())
        except IndexLockedError:  # whoever tried whether it is locked had it for a moment
            continue
        number += 1
        yield number


def read(index: Path, stop: Path, seed: int, open_it: Callable[[Path], Searcher] | None = None) -> tuple[int, int]:
    """Ask until there is a file ``stop``, by several threads now and then.

    Returns how many answers there were, and how often the index was opened.

    Raises:
        AssertionError: If an answer is not one generation's, or of one that is older than one that was seen before.
    """
    draw = random.Random(seed)
    answers = opened = newest = 0
    while not stop.exists():
        with (open_it or open_words)(index) as searcher:
            opened += 1
            modes = [draw.choice(["dense", "lexical", "hybrid"]) for _ in range(draw.randrange(1, 5))]
            asked = [(draw.choice(_QUESTIONS), mode) for mode in modes]
            if draw.random() < 0.3:
                with ThreadPoolExecutor(_THREADS) as threads:
                    numbers = list(threads.map(lambda each: number_of(searcher, *each), asked * 3))
            else:
                numbers = [number_of(searcher, *each) for each in asked]
            answers += len(numbers)
            assert len(set(numbers)) == 1, f"a searcher answers from the generations {sorted(set(numbers))}"
            assert numbers[0] >= newest, f"generation {numbers[0]} is live after {newest}"
            newest = numbers[0]
        time.sleep(draw.random() / 10)  # readers that never rest would leave the writer nothing
    return answers, opened


def open_words(index: Path) -> Searcher:
    return open_index(index, embedder=Words())
