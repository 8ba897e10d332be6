"""The commands that ask an index."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli._options import (
    index_option,
    mode_option,
    model_option,
    output_options,
    search_options,
)
from semsearch.cli._output import output_of
from semsearch.cli._progress import show_progress
from semsearch.records import Progress, is_unicode

if TYPE_CHECKING:
    from semsearch.searching import Searcher, SearchOptions

__all__ = ["open_searcher", "query", "similar"]

_FILTER_HELP = """\b
A FILTER compares fields: published (or date), source, id, title, url, and
whatever the archive has besides.
  --where 'source = Reuters and date >= 2024-05'
  --where 'section in (politics, world) and not author = "A. Smith"'
"""


@click.command(epilog=_FILTER_HELP)
@click.argument("text", nargs=-1, required=True)
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many passages.")
@click.option("--by-article", is_flag=True, help="Print k articles, each with its best passages (3).")
@index_option
@mode_option
@search_options
@model_option("The model's folder, if it is not where it was when the index was built.")
@click.option(
    "--reranker", metavar="NAME", help="A cross-encoder that has the last word: a folder, or a hub model's name."
)
@output_options
def query(
    text: tuple[str, ...],
    k: int,
    by_article: bool,  # noqa: FBT001
    index: Path | str,
    mode: str,
    options: SearchOptions,
    model: str | None,
    reranker: str | None,
    form: str | None,
) -> int:
    """Print the passages of the index that answer TEXT best.

    What stands between quotation marks in TEXT must be found as it stands:

    \b
    semsearch query '"collective defence" pact'
    """  # noqa: D301 - as above
    question = " ".join(text)
    if not question.strip():
        raise click.BadParameter("the query is blank", param_hint="TEXT")
    if not is_unicode(question):
        raise click.BadParameter("the query is not Unicode: is the locale right?", param_hint="TEXT")
    out = output_of(form)
    options["mode"] = mode
    with open_searcher(index, model, reranker) as searcher:
        if by_article:
            passages = options.pop("max_per_article", None) or 3
            with _usage_errors():
                articles = searcher.search_articles(question, k, passages=passages, **options)
            out.article_hits(question, articles)
        else:
            with _usage_errors():
                hits = searcher.search(question, k, **options)
            out.hits(question, hits)
    return 0


@click.command(epilog=_FILTER_HELP)
@click.argument("article_id", metavar="ID")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many passages.")
@click.option("--paragraph", type=click.IntRange(min=1), metavar="N", help="Like the article's paragraph N alone.")
@index_option
@search_options
@model_option("The model's folder, if it is not where it was when the index was built.")
@output_options
def similar(
    article_id: str,
    k: int,
    paragraph: int | None,
    index: Path | str,
    options: SearchOptions,
    model: str | None,
    form: str | None,
) -> int:
    """Print the passages of other articles that are most like the article ID.

    One of each article, unless --max-per-article allows more.
    """
    if not is_unicode(article_id):
        raise click.BadParameter("the id is not Unicode: is the locale right?", param_hint="ID")
    out = output_of(form)
    with open_searcher(index, model) as searcher, _usage_errors():
        hits = searcher.similar(article_id, k, paragraph=paragraph, **options)
    out.hits(None, hits)
    return 0


def open_searcher(index: Path | str, model: str | None, reranker: str | None = None) -> Searcher:
    """Open an index to ask it something."""
    # Before numpy and faiss start threads, which a few queries do not need: that costs a quarter of a cold query.
    for library in ("OPENBLAS", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    with show_progress() as report:
        report(Progress("loading the model"))
        from semsearch.searching import open_index

        return open_index(index, embedder=model, reranker=reranker)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Show what a search refuses as the wrong usage that it is."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None
