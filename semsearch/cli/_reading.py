"""The commands that look at files: what would be indexed of them, and an index that follows them."""

from __future__ import annotations

import contextlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli._options import (
    CORPUS_HELP,
    KEPT_CORPUS_HELP,
    column_options,
    file_options,
    folder_option,
    model_option,
)
from semsearch.cli._output import output_of
from semsearch.cli._problems import print_log
from semsearch.cli._progress import show_progress
from semsearch.cli._terminal import printable

if TYPE_CHECKING:
    from semsearch.cli._options import Globs
    from semsearch.records import FieldNames

__all__ = ["inspect", "watch"]


@click.command(epilog=CORPUS_HELP)
@click.argument("corpus", nargs=-1, required=True, metavar="CORPUS...")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="How many articles to show.")
@file_options
@column_options
def inspect(corpus: tuple[str, ...], limit: int, fields: FieldNames | None, globs: Globs, form: str | None) -> int:
    """Show what would be indexed of CORPUS: files, folders, globs, or - for standard input.

    Of each article its title, its date and where that is from, its paragraphs by the numbers that they are cited by,
    and what was left out of it and why. Ends with 1 if something could not be read.
    """
    from semsearch.inspecting import inspect_corpus
    from semsearch.readers import ReadingLog

    out, log = output_of(form), ReadingLog()
    articles = inspect_corpus(corpus, log=log, fields=fields, **globs)
    for article in islice(articles, limit):
        out.inspected(article)
    more = next(articles, None) is not None
    print_log(log)
    if more:
        click.echo(f"note: these are the first {limit:,} articles: --limit shows more", err=True)
    return 1 if log.problems else 0


@click.command(epilog=KEPT_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@folder_option
@model_option("A sentence-transformers model, as for 'rebuild-index'.")
@click.option(
    "--settle",
    type=click.FloatRange(min=0.05, max=3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long no file must have changed before changes are taken in.",
)
@file_options
@column_options
def watch(
    corpus: tuple[str, ...],
    index: Path,
    model: str | None,
    settle: float,
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Keep the index up to date with CORPUS: folders or files; without it the folder ./corpus.

    Does what 'rebuild-index' does now, and whenever files have changed and then rested for --settle seconds, so that
    files that are still being written are left alone. A build that fails is reported, the index stays as it was, and
    the next change tries again. Ends when it is interrupted.
    """
    from semsearch.building import BuildReport, watch_corpus

    out, sources = output_of(form), corpus or ("corpus",)
    outcomes = watch_corpus(
        sources, index, embedder=model, settle=settle, fields=fields, progress=show_progress, **globs
    )
    click.echo(f"following {printable(', '.join(sources))}: ctrl-c ends it", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        for outcome in outcomes:
            if isinstance(outcome, BuildReport):
                out.built(outcome)
            else:
                click.echo(f"semsearch: {printable(str(outcome))}", err=True)
    return 0
