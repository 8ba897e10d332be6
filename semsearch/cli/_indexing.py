"""The commands that build an index, look after it and mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.addresses import is_address, shown
from semsearch.cli._options import (
    KEPT_CORPUS_HELP,
    Globs,
    column_options,
    file_options,
    folder_option,
    index_option,
    model_option,
    output_options,
)
from semsearch.cli._output import output_of
from semsearch.cli._progress import show_progress
from semsearch.records import Progress

if TYPE_CHECKING:
    from semsearch.records import FieldNames

__all__ = ["rebuild_index", "repair", "rollback", "status", "update", "verify"]

_DRIFTED = 7  # what ``status`` ends with if a rebuild would change something


@click.command("rebuild-index", epilog=KEPT_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@index_option
@model_option(
    "A sentence-transformers model: a folder, or the name of one on this machine.  [default: the model of the index "
    "that is there, or all-MiniLM-L6-v2]"
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    help="What passages are embedded in: bfloat16 gives the same vectors as float32 in half the time where the "
    "processor has it, int8 nearly the same in less.  [default: as in the index that is there, or the fastest that "
    "gives the same]",
)
@click.option(
    "--token-vectors/--no-token-vectors",
    default=None,
    help="Keep the vectors of tokens, which are most of the index, or embed candidates when a question is asked, which "
    "takes longer.  [default: as in the index that is there, or keep them]",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many generations before the new one to keep for 'rollback'.  [default: as in the index that is there, "
    "or 1]",
)
@file_options
@column_options
def rebuild_index(
    corpus: tuple[str, ...],
    index: Path | str,
    model: str | None,
    precision: str | None,
    token_vectors: bool | None,  # noqa: FBT001
    keep: int | None,
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Index the articles in CORPUS: folders, files, globs, or - for standard input.

    Without CORPUS it is the folder ./corpus. Reads plain text (.txt), Markdown with front matter (.md), web pages
    (.html), documents (.pdf, .docx, .odt, .epub, .rtf, .rst), JSON (.json, .jsonl), tables (.csv, .tsv, .parquet,
    .arrow, .feather, .sqlite, .db), messages (.eml, .mbox), feeds (.rss, .atom, .xml), web archives (.warc), and
    archives of any of these (.zip, .tar, .gz, .bz2, .xz). The index that is there answers until the new one is
    complete, and stays if anything fails. Ends with 1 if something could not be read; the rest is then indexed all the
    same.
    """
    if keep is not None and is_address(index):
        raise click.BadParameter("an engine keeps one version before the live one", param_hint="--keep")
    out = output_of(form)
    with show_progress() as report:
        report(Progress("loading the model"))
        from semsearch.building import build_index

        built = build_index(
            corpus[0] if len(corpus) == 1 else corpus or "corpus",
            index,
            embedder=model,
            precision=precision,
            token_vectors=token_vectors,
            keep=keep,
            fields=fields,
            progress=report,
            **globs,
        )
    out.built(built)
    return 1 if built.problems else 0


@click.command(epilog=KEPT_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@click.option("--remove", metavar="ID", multiple=True, help="Take the article ID out; may be repeated.")
@index_option
@file_options
@column_options
def update(
    corpus: tuple[str, ...],
    remove: tuple[str, ...],
    index: Path | str,
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Put the articles in CORPUS into the index that is there, and keep all others.

    CORPUS is folders, files, globs, or - for standard input. An article whose id is in the index takes the place of
    that one. The index answers meanwhile, and stays if anything fails. Ends with 1 if something could not be read,
    or an article to be removed is not there; the rest is done all the same.
    """
    if not corpus and not remove:
        raise click.UsageError("name what to put into the index, or what to --remove")
    out = output_of(form)
    with show_progress() as report:
        report(Progress("loading the model"))
        from semsearch.building import update_index

        add = corpus[0] if len(corpus) == 1 else corpus
        built = update_index(index, add=add, remove=remove, fields=fields, progress=report, **globs)
    out.built(built)
    return 1 if built.problems else 0


@click.command(epilog=KEPT_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@index_option
@file_options
@column_options
def status(
    corpus: tuple[str, ...],
    index: Path | str,
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Say what is in the index: articles, passages, languages, model, size, generations.

    With CORPUS, the folders, files or globs that it was built of, also which files are new, changed or gone since: then
    it ends with 7 if any is.
    """
    from semsearch.embedders import language_warning
    from semsearch.engines import describe_index

    generation, manifest, kept = describe_index(index)
    drift = None
    if corpus:
        from semsearch.building import compare_corpus

        drift = compare_corpus(corpus, index, fields=fields, **globs)
    warning = language_warning(manifest.languages, manifest.embedder.name)
    output_of(form).status(shown(index), generation, manifest, kept, drift, warning)
    return _DRIFTED if drift else 0


@click.command()
@folder_option
@output_options
def verify(index: Path, form: str | None) -> int:
    """Check every byte of the index. Ends with 4 if a file is missing or damaged, and says what mends it."""
    from semsearch.errors import IndexCorruptError
    from semsearch.storage import verify_index

    checks = verify_index(index)
    output_of(form).checks(checks)
    return IndexCorruptError.exit_code if any(check.problem for check in checks) else 0


@click.command()
@index_option
@output_options
def repair(index: Path | str, form: str | None) -> int:
    """Make damaged search structures anew from the vectors and texts.

    It needs neither the corpus nor the model. If the vectors or texts themselves are damaged it ends with 4: then
    'rebuild-index' mends the index, or 'rollback' goes back to the generation before.
    """
    with show_progress() as report:
        from semsearch.building import repair_index

        repaired = repair_index(index, progress=report)
    output_of(form).repaired(repaired)
    return 0


@click.command()
@click.option("--to", metavar="ID", help="The generation, as 'status' lists them.  [default: the one before]")
@folder_option
@output_options
def rollback(to: str | None, index: Path, form: str | None) -> int:
    """Go back to the generation before the live one, after checking every byte of it.

    The index then answers as it did then. The generation that was live stays until the next build.
    """
    from semsearch.storage import rollback_index

    output_of(form).rolled_back(index, rollback_index(index, to))
    return 0
