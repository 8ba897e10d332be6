"""Options, commands and exit codes. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from semsearch._version import __version__
from semsearch.cli._options import (
    Globs,
    column_options,
    file_options,
    index_option,
    mode_option,
    model_option,
    output_options,
    search_options,
)
from semsearch.cli._output import output_of
from semsearch.cli._progress import show_progress
from semsearch.cli._reading import inspect, watch
from semsearch.cli._terminal import printable
from semsearch.errors import SemsearchError
from semsearch.records import Progress, is_unicode

if TYPE_CHECKING:
    from semsearch.records import FieldNames
    from semsearch.searching import Searcher, SearchOptions

__all__ = ["main"]

_DRIFTED = 7  # what ``status`` ends with if a rebuild would change something

_EPILOG = """\b
Exit codes:
  0 done                       4 the index is damaged
  1 failed, or not all read    5 the index is being written
  2 wrong usage                6 the model is not here
  3 no index, or one of        7 the corpus has changed (status)
    another kind               130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with one of the documented codes."""
    try:
        code = _commands.main(
            args=None if arguments is None else list(arguments), prog_name="semsearch", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SemsearchError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted: the index is whole, the one that was there unless the new one was complete", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"semsearch: {printable(message)}", err=True)
    sys.exit(code)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def _commands() -> None:
    """Search an archive of articles by meaning: ranked passages that can be cited.

    \b
    semsearch rebuild-index my-articles    index a folder of articles into ./index
    semsearch query "legal basis for deployment"
    """  # noqa: D301 - \b is click's mark for lines that it must not fold


_FILTER_HELP = """\b
A FILTER compares fields: published (or date), source, id, title, url, and
whatever the archive has besides.
  --where 'source = Reuters and date >= 2024-05'
  --where 'section in (politics, world) and not author = "A. Smith"'
"""


_CORPUS_HELP = """\b
A GLOB is as in a .gitignore, against the path below CORPUS:
  --include '*.html' --include '2024/**/*.pdf' --exclude drafts/
An index keeps these, until others are given: --include '*' is all files.

\b
A COLUMN of JSON or of a table is named where it is not known by its name:
  --text body --title headline --date pub_date
  --text abstract --text body --title meta.headline --id -
An index keeps these names. '' stands for the known ones, - for no column.
"""


@_commands.command(epilog=_FILTER_HELP)
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
    index: Path,
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
    with _open(index, model, reranker) as searcher:
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


@_commands.command(epilog=_FILTER_HELP)
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
    index: Path,
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
    with _open(index, model) as searcher, _usage_errors():
        hits = searcher.similar(article_id, k, paragraph=paragraph, **options)
    out.hits(None, hits)
    return 0


def _open(index: Path, model: str | None, reranker: str | None = None) -> Searcher:
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


@_commands.command("rebuild-index", epilog=_CORPUS_HELP)
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
    index: Path,
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


@_commands.command(epilog=_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@click.option("--remove", metavar="ID", multiple=True, help="Take the article ID out; may be repeated.")
@index_option
@file_options
@column_options
def update(
    corpus: tuple[str, ...],
    remove: tuple[str, ...],
    index: Path,
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


@_commands.command(epilog=_CORPUS_HELP)
@click.argument("corpus", nargs=-1, metavar="[CORPUS]...")
@index_option
@file_options
@column_options
def status(
    corpus: tuple[str, ...],
    index: Path,
    fields: FieldNames | None,
    globs: Globs,
    form: str | None,
) -> int:
    """Say what is in the index: articles, passages, languages, model, size, generations.

    With CORPUS, the folders, files or globs that it was built of, also which files are new, changed or gone since: then
    it ends with 7 if any is.
    """
    from semsearch.embedders import language_warning
    from semsearch.storage import list_generations, read_manifest

    generation, manifest = read_manifest(index)
    drift = None
    if corpus:
        from semsearch.building import compare_corpus

        drift = compare_corpus(corpus, index, fields=fields, **globs)
    warning = language_warning(manifest.languages, manifest.embedder.name)
    output_of(form).status(index, generation, manifest, list_generations(index), drift, warning)
    return _DRIFTED if drift else 0


@_commands.command()
@index_option
@output_options
def verify(index: Path, form: str | None) -> int:
    """Check every byte of the index. Ends with 4 if a file is missing or damaged, and says what mends it."""
    from semsearch.errors import IndexCorruptError
    from semsearch.storage import verify_index

    checks = verify_index(index)
    output_of(form).checks(checks)
    return IndexCorruptError.exit_code if any(check.problem for check in checks) else 0


@_commands.command()
@index_option
@output_options
def repair(index: Path, form: str | None) -> int:
    """Make damaged search structures anew from the vectors and texts.

    It needs neither the corpus nor the model. If the vectors or texts themselves are damaged it ends with 4: then
    'rebuild-index' mends the index, or 'rollback' goes back to the generation before.
    """
    with show_progress() as report:
        from semsearch.building import repair_index

        repaired = repair_index(index, progress=report)
    output_of(form).repaired(repaired)
    return 0


@_commands.command()
@click.option("--to", metavar="ID", help="The generation, as 'status' lists them.  [default: the one before]")
@index_option
@output_options
def rollback(to: str | None, index: Path, form: str | None) -> int:
    """Go back to the generation before the live one, after checking every byte of it.

    The index then answers as it did then. The generation that was live stays until the next build.
    """
    from semsearch.storage import rollback_index

    output_of(form).rolled_back(index, rollback_index(index, to))
    return 0


@_commands.command("compile-model")
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


@_commands.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--qrels", type=click.Path(path_type=Path), help="The judgements, if they are not in DATASET.")
@click.option("--index", "-i", type=click.Path(path_type=Path), help="The index.  [default: one of DATASET's articles]")
@mode_option
@click.option("--run", "run_file", type=click.Path(path_type=Path), help="Write the run there, in TREC's format.")
@click.option("--against", type=click.Path(path_type=Path), help="Compare with the run in this file.")
@click.option("--per-query", type=click.Path(path_type=Path), help="Write every query's values there, as a table.")
@output_options
def evaluate(
    dataset: Path,
    qrels: Path | None,
    index: Path | None,
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


@_commands.command("suggest-threshold")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--qrels", type=click.Path(path_type=Path), help="The judgements, if they are not in DATASET.")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits are looked at.")
@index_option
@mode_option
@output_options
def suggest_threshold(dataset: Path, qrels: Path | None, k: int, index: Path, mode: str, form: str | None) -> int:
    """Suggest a --min-score for the index from the judged queries of DATASET, which are as for 'evaluate'.

    In a file of your own a line with "answer": false is a query that nothing in the archive answers: with some of them
    the suggestion is better.
    """
    from semsearch.evaluation import load_dataset
    from semsearch.evaluation import suggest_threshold as suggest

    judged = load_dataset(dataset, qrels=qrels)
    with _open(index, None) as searcher, show_progress() as report:
        threshold = suggest(searcher, judged, k, mode=mode, progress=report)
    output_of(form).threshold(threshold)
    return 0


_commands.add_command(inspect)
_commands.add_command(watch)
