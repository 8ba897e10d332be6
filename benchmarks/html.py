"""How well the articles of web pages are read, and how fast: against the texts that people took from them.

    python -m benchmarks.html [--pages FOLDER]

FOLDER is laid out like scrapinghub's article-extraction-benchmark in ``../shared/datasets/article-html``, the default:
``ground-truth.jsonl``, a page a line (``html`` names the gzipped page, ``text`` is the article), and the pages. The
measure is that benchmark's own: precision and recall of runs of four words, a page each, averaged; F1 of the averages.
Beside it stands the share of the lines (paragraphs, entries of lists, rows of tables) that are the same, word for word.
The same pages are read without the names of their elements, and, if it is installed, by trafilatura, in the same run.
Figures go to ``benchmarks/results/html.json``.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import io
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.costs import table
from benchmarks.machine import describe
from benchmarks.measuring import write_result
from semsearch import ReadingLog
from semsearch.readers._log import Origin
from semsearch.readers.html import read_html

PAGES = Path(__file__).resolve().parents[2] / "shared" / "datasets" / "article-html"
_RUN = 4  # words
_TIMES = 3
_NAMES = re.compile(rb"""\s(?:class|id)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_WORD = re.compile(r"\w+")

Read = Callable[[bytes], str]


class Page(NamedTuple):
    """A page and the text that people took from it."""

    name: str
    html: bytes
    text: str


class Score(NamedTuple):
    """How much of what was taken is right, and how much of what is right was taken; None of nothing."""

    precision: float | None
    recall: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, default=PAGES, help="the folder with ground-truth.jsonl")
    pages = read_pages(parser.parse_args().pages)
    readers = {"semsearch": _read, "semsearch, names taken off": _read_unnamed, **_trafilatura()}
    texts = {name: [read(page.html) for page in pages] for name, read in readers.items()}
    seconds = _cpu_seconds(readers, pages)
    result: dict[str, Any] = {
        "command": "python -m benchmarks.html",
        "machine": describe(),
        "packages": {name: version for name in ("lxml", "trafilatura") if (version := _version(name)) is not None},
        "pages": len(pages),
        "words": sum(len(words_of(page.text)) for page in pages),
        "readers": {name: {**measure(pages, found), "cpu_seconds": seconds[name]} for name, found in texts.items()},
    }
    for name, found in result["readers"].items():
        figures = {key: found[key] for key in ("precision", "recall", "f1", "lines_f1")}
        print(
            name, figures, f"{len(pages) / statistics.median(found['cpu_seconds']):.0f} pages a CPU second", flush=True
        )
    print(f"raw figures: {write_result('html', result)}")


def read_pages(folder: Path) -> list[Page]:
    """Read the pages and the articles that are in them."""
    lines = (folder / "ground-truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Page(entry["_id"], gzip.decompress((folder / entry["html"]).read_bytes()), entry["text"])
        for entry in map(json.loads, lines)
    ]


def _read(html: bytes) -> str:
    return next(
        (located.article.text for located in read_html(io.BytesIO(html), Origin("page", "page"), ReadingLog())), ""
    )


def _read_unnamed(html: bytes) -> str:
    """Read a page whose elements have neither classes nor ids: how much hangs on what sites call them."""
    return _read(_NAMES.sub(b"", html))


def _trafilatura() -> dict[str, Read]:
    """Return trafilatura as it comes, and set for precision; nothing if it is not installed."""
    try:
        import trafilatura
    except ImportError:
        return {}

    def read(html: bytes, *, favor_precision: bool) -> str:
        return trafilatura.extract(html, include_comments=False, favor_precision=favor_precision) or ""

    return {
        "trafilatura": partial(read, favor_precision=False),
        "trafilatura for precision": partial(read, favor_precision=True),
    }


def _cpu_seconds(readers: Mapping[str, Read], pages: Sequence[Page]) -> dict[str, list[float]]:
    """Return how long each reader takes for all pages, in turns: what else the machine does slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(_TIMES):
        for name, read in readers.items():
            started = time.process_time()
            for page in pages:
                read(page.html)
            seconds[name].append(round(time.process_time() - started, 3))
    return seconds


def measure(pages: Sequence[Page], texts: Sequence[str]) -> dict[str, Any]:
    """Return the measures of the texts that were taken from the pages, of each half of the pages, and of each page."""
    runs = [score(runs_of(text), runs_of(page.text)) for page, text in zip(pages, texts, strict=True)]
    lines = [score(lines_of(text), lines_of(page.text)) for page, text in zip(pages, texts, strict=True)]
    precision, recall, f1 = mean_of(runs)
    lines_precision, lines_recall, lines_f1 = mean_of(lines)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_of_halves": [mean_of(runs[half::2])[2] for half in (0, 1)],
        "lines_precision": lines_precision,
        "lines_recall": lines_recall,
        "lines_f1": lines_f1,
        "per_page": {page.name: _rounded(one) for page, one in zip(pages, runs, strict=True)},
    }


def score(found: Counter[Hashable], wanted: Counter[Hashable]) -> Score:
    """Compare two bags; as in the original, two that are empty agree."""
    if not found and not wanted:
        return Score(None, None)
    both = (found & wanted).total()
    return Score(both / found.total() if found else None, both / wanted.total() if wanted else None)


def mean_of(scores: Sequence[Score]) -> tuple[float, float, float]:
    """Return the mean precision of the pages of which anything was taken, the mean recall, and F1 of the two."""
    precision = statistics.fmean([score.precision for score in scores if score.precision is not None] or [0.0])
    recall = statistics.fmean([score.recall for score in scores if score.recall is not None] or [0.0])
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return round(precision, 4), round(recall, 4), round(f1, 4)


def words_of(text: str) -> list[str]:
    return _WORD.findall(text)


def runs_of(text: str) -> Counter[Hashable]:
    """Return the runs of four words; of a shorter text the words that there are."""
    words = words_of(text)
    runs = (tuple(words[start : start + _RUN]) for start in range(max(1, len(words) - _RUN + 1)))
    return Counter(run for run in runs if run)


def lines_of(text: str) -> Counter[Hashable]:
    """Return the lines by their words: neither spaces nor marks count."""
    return Counter(line for line in (tuple(words_of(line)) for line in text.split("\n")) if line)


def html_table(measured: Mapping[str, Any]) -> str:
    """Say how well each reader reads, and how many pages a CPU second."""
    rows = []
    for name, found in measured["readers"].items():
        values = [f"{found[key]:.3f}" for key in ("precision", "recall", "f1", "lines_f1")]
        halves = " and ".join(f"{value:.3f}" for value in found["f1_of_halves"])
        rate = measured["pages"] / statistics.median(found["cpu_seconds"])
        rows.append([name, *values, halves, f"{rate:.0f}"])
    return table(["", "precision", "recall", "F1", "F1 of lines", "F1 of each half", "pages a CPU second"], rows)


def _rounded(one: Score) -> list[float | None]:
    return [None if value is None else round(value, 4) for value in one]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
