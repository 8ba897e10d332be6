"""An index's answers to judged queries, as a run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import CorpusError
from semsearch.evaluation.datasets import Dataset
from semsearch.evaluation.measures import Comparison, Interval, compare, interval, measure
from semsearch.evaluation.runs import Run
from semsearch.records import Hit, Progress, ReportProgress

if TYPE_CHECKING:
    from semsearch.searching import Searcher, SearchOptions

__all__ = ["Evaluation", "evaluate_index", "run_queries", "write_per_query"]

_PASSAGES = 200  # fetched a query, so that there are enough of different articles


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        dataset: The judged queries.
        mode: How the index ranked.
        run: Its answers.
        values: For each measure its value for each query.
        means: For each measure its mean over the queries, with a confidence interval.
        comparisons: For each measure the comparison with another run, if there is one.
        unknown: Articles that were judged and are not in the index: they count as not found.
    """

    dataset: Dataset
    mode: str
    run: Run
    values: Mapping[str, Mapping[str, float]]
    means: Mapping[str, Interval]
    comparisons: Mapping[str, Comparison]
    unknown: tuple[str, ...] = ()


def evaluate_index(
    dataset: Dataset,
    index: Path | str | None,
    *,
    mode: str = "hybrid",
    against: Run | None = None,
    progress: ReportProgress | None = None,
) -> Evaluation:
    """Measure the answers of ``index``, or of an index of the dataset's own articles, made for the time being.

    Raises:
        CorpusError: If there is neither an index nor a corpus, or none of the judged articles is in the index.
        SemsearchError: If ir-measures is not installed, and what :func:`semsearch.open_index` raises.
    """
    from semsearch.building import build_index
    from semsearch.searching import open_index

    measure({}, dataset.qrels)  # before anything takes long: is what measures installed?
    with tempfile.TemporaryDirectory() as folder:
        if index is None:
            if dataset.corpus is None:
                raise CorpusError(
                    dataset.name, "has no articles with it: name the index of those that were judged (--index)"
                )
            build_index(dataset.corpus, folder, progress=progress)
        with open_index(folder if index is None else index) as searcher:
            unknown = _unknown_articles(searcher, dataset)
            run = run_queries(searcher, dataset, mode=mode, progress=progress)
    values = measure(run, dataset.qrels)
    others = {} if against is None else measure(against, dataset.qrels)
    return Evaluation(
        dataset,
        mode,
        run,
        values,
        {name: interval(queries) for name, queries in values.items()},
        {name: compare(values[name], queries) for name, queries in others.items()},
        unknown,
    )


def _unknown_articles(searcher: Searcher, dataset: Dataset) -> tuple[str, ...]:
    """Return the judged articles that the index does not have."""
    if dataset.unit != "article":
        return ()
    judged = sorted({article for grades in dataset.qrels.values() for article, grade in grades.items() if grade > 0})
    unknown = tuple(article for article in judged if article not in searcher)
    if len(unknown) == len(judged):
        raise CorpusError(
            dataset.name, f"judges articles of which the index has none, {judged[0]!r} first: is it the right index?"
        )
    return unknown


def write_per_query(evaluation: Evaluation, path: Path) -> None:
    """Write a table of every query's values, tab-separated, the query's text last."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("\t".join(["query", *evaluation.values, "text"]) + "\n")
        for query, text in evaluation.dataset.queries.items():
            values = [f"{values[query]:.4f}" for values in evaluation.values.values()]
            stream.write("\t".join([query, *values, " ".join(text.split())]) + "\n")


def run_queries(
    searcher: Searcher, dataset: Dataset, *, mode: str = "hybrid", progress: ReportProgress | None = None
) -> Run:
    """Ask every query of ``dataset`` and rank what was judged: articles by their best passage, or passages.

    It is the ranking that is measured: nothing is folded, and quotation marks in a query are only that. A judged
    passage is known by its beginning; others are called by their article and offset.
    """
    run: Run = {}
    for done, (query, text) in enumerate(dataset.queries.items()):
        if progress is not None:
            progress(Progress("asking", done, len(dataset.queries)))
        ranked: dict[str, float] = {}
        for hit in searcher.search(text, _PASSAGES, **ranking_alone(mode)):
            ranked.setdefault(judged_name(hit, dataset, query), hit.score)
        run[query] = list(ranked.items())
    return run


def ranking_alone(mode: str) -> SearchOptions:
    """Return the options with which a search does nothing but rank."""
    return {"mode": mode, "fold_duplicates": False, "phrases": False, "evidence": False}


def judged_name(hit: Hit, dataset: Dataset, query: str) -> str:
    """Return what a hit is called in the judgements of ``query``: its article's id, or its passage's beginning."""
    if dataset.unit == "article":
        return hit.article.id
    for beginning in dataset.qrels.get(query, ()):
        if hit.passage.text.startswith(beginning):
            return beginning
    return f"{hit.article.id}#{hit.passage.start}"
