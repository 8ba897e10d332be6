"""The commands that spread the work: a corpus to shards, shards to an index, an index to shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli._options import (
    CORPUS_HELP,
    Globs,
    column_options,
    file_options,
    index_option,
    model_option,
    output_options,
)
from semsearch.cli._output import output_of
from semsearch.cli._progress import show_progress
from semsearch.records import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from semsearch.records import FieldNames

__all__ = ["embed_shards", "export_shards", "load_shards"]

_FOLDER = click.Path(path_type=Path, file_okay=False)
_PASSAGES = 10_000  # as building has it, without its imports


def _shards_option(what: str) -> Callable[[Any], Any]:
    return click.option("--shards", type=_FOLDER, metavar="DIRECTORY", required=True, help=what)


_passages_option = click.option(
    "--passages",
    type=click.IntRange(min=1),
    default=_PASSAGES,
    show_default=True,
    metavar="N",
    help="About how many passages a shard is to have.",
)
_patience_option = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an engine that does not answer is asked again.",
)


@click.command("embed-shards", epilog=CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@_shards_option("The folder of the shards; made if it is not there.")
@_passages_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes embed. One uses all processors; several are for machines that have more of them than one "
    "process can keep busy.",
)
@model_option(
    "A sentence-transformers model: a folder, or the name of one on this machine.  [default: all-MiniLM-L6-v2]"
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    help="What passages are embedded in: as of rebuild-index.  [default: the fastest that gives the same as float32]",
)
@click.option(
    "--token-vectors/--no-token-vectors",
    default=True,
    show_default=True,
    help="Keep the vectors of tokens, which are most of a shard.",
)
@file_options
@column_options
def embed_shards(
    corpus: tuple[str, ...],
    shards: Path,
    passages: int,
    workers: int,
    model: str | None,
    precision: str | None,
    token_vectors: bool,  # noqa: FBT001
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Embed the articles in CORPUS into shards: Parquet files that 'load-shards' puts into an index.

    CORPUS is folders, files, globs, or - for standard input; without it the folder ./corpus. Shards that are there and
    would be the same are not made again: a command that was interrupted or killed is gone on with by the same one.
    Ends with 1 if something could not be read; the rest is then embedded all the same.
    """
    out = output_of(form)
    with show_progress() as report:
        report(Progress("loading the model"))
        from semsearch.building import embed_corpus

        embedded = embed_corpus(
            corpus[0] if len(corpus) == 1 else corpus or "corpus",
            shards,
            passages_per_shard=passages,
            workers=workers,
            embedder=model,
            precision=precision,
            token_vectors=token_vectors,
            fields=fields,
            progress=report,
            **globs,
        )
    out.embedded(embedded)
    return 1 if embedded.problems else 0


@click.command("load-shards")
@click.argument("shards", nargs=-1, required=True, metavar="SHARDS...")
@index_option
@_patience_option
@output_options
def load_shards(shards: tuple[str, ...], index: Path | str, patience: float, form: str | None) -> int:
    """Put SHARDS into an index, in place of what is in it: files, folders of them, or globs.

    Nothing is embedded. The index that is there answers until the new one is complete, and stays if anything fails. In
    an engine the same command goes on where one that was interrupted or killed was.
    """
    out = output_of(form)
    with show_progress() as report:
        report(Progress("checking shards"))
        from semsearch.building import load_shards as load

        loaded = load(shards, index, patience=patience, progress=report)
    out.loaded(loaded)
    return 0


@click.command("export-shards")
@_shards_option("The folder of the shards; made if it is not there. It has no others than those of an earlier export.")
@_passages_option
@index_option
@_patience_option
@output_options
def export_shards(shards: Path, passages: int, index: Path | str, patience: float, form: str | None) -> int:
    """Write what an index holds to shards, from which 'load-shards' makes it anywhere else without embedding."""
    out = output_of(form)
    with show_progress() as report:
        report(Progress("writing shards"))
        from semsearch.building import export_shards as export

        exported = export(index, shards, passages_per_shard=passages, patience=patience, progress=report)
    out.exported(exported)
    return 0
