"""The commands that measure an index, and compile a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli._options import (
    IndexType,
    index_option,
    mode_option,
    output_options,
)
from semsearch.cli._output import output_of
from semsearch.cli._progress import show_progress
from semsearch.cli._search import open_searcher
from semsearch.records import Progress

if TYPE_CHECKING:
    pass

__all__ = ["compile_model", "evaluate", "suggest_threshold"]


@click.command("compile-model")
@click.argument("model", required=False)
@click.option("--force", is_flag=True, help="Compile it again if that was done before.")
@output_options
def compile_model(model: str | None, force: bool, form: str | None) -> int:  # noqa: FBT001
    """Compile MODEL, all-MiniLM-L6-v2 by default: a folder, or the name of a model on this machine.

    A model is compiled when it is first used on a machine, which takes some seconds; this does it before, and says
    what came of it. It is kept in the user's cache, or in the folder that SEMSEARCH_CACHE names. A model that cannot be
    compiled is used all the same, but slower.
    """
    out = output_of(form)
    with show_progress() as report:
        report(Progress("compiling the model"))
        from semsearch.embedders import DEFAULT_MODEL
        from semsearch.embedders import compile_model as compile_it

        compiled = compile_it(model or DEFAULT_MODEL, force=force)
    out.compiled(compiled)
    return 0


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--qrels", type=click.Path(path_type=Path), help="The judgements, if they are not in DATASET.")
@click.option("--index", "-i", type=IndexType(), help="The index.  [default: one of DATASET's articles]")
@mode_option
@click.option("--run", "run_file", type=click.Path(path_type=Path), help="Write the run there, in TREC's format.")
@click.option("--against", type=click.Path(path_type=Path), help="Compare with the run in this file.")
@click.option("--per-query", type=click.Path(path_type=Path), help="Write every query's values there, as a table.")
@output_options
def evaluate(
    dataset: Path,
    qrels: Path | None,
    index: Path | str | None,
    mode: str,
    run_file: Path | None,
    against: Path | None,
    per_query: Path | None,
    form: str | None,
) -> int:
    """Measure how well the index answers the judged queries of DATASET.

    DATASET is a folder in BEIR's layout, a TREC topics file (with --qrels), or a JSON-lines file of your own: a line
    for each query, with the id of the article that should come back, or the beginning of the passage that should.
    Without --index, the articles that DATASET has with it are indexed for the time being.
    """
    from semsearch.evaluation import evaluate_index, load_dataset, read_run, write_per_query, write_run

    judged = load_dataset(dataset, qrels=qrels)
    other = None if against is None else read_run(against)
    with show_progress() as report:
        evaluation = evaluate_index(judged, index, mode=mode, against=other, progress=report)
    if run_file is not None:
        write_run(evaluation.run, run_file)
    if per_query is not None:
        write_per_query(evaluation, per_query)
    output_of(form).evaluation(evaluation)
    return 0


@click.command("suggest-threshold")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--qrels", type=click.Path(path_type=Path), help="The judgements, if they are not in DATASET.")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits are looked at.")
@index_option
@mode_option
@output_options
def suggest_threshold(dataset: Path, qrels: Path | None, k: int, index: Path | str, mode: str, form: str | None) -> int:
    """Suggest a --min-score for the index from the judged queries of DATASET, which are as for 'evaluate'.

    In a file of your own a line with "answer": false is a query that nothing in the archive answers: with some of them
    the suggestion is better.
    """
    from semsearch.evaluation import load_dataset
    from semsearch.evaluation import suggest_threshold as suggest

    judged = load_dataset(dataset, qrels=qrels)
    with open_searcher(index, None) as searcher, show_progress() as report:
        threshold = suggest(searcher, judged, k, mode=mode, progress=report)
    output_of(form).threshold(threshold)
    return 0
