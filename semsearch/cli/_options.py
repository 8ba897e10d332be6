"""Options that several commands share."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

import click

from semsearch.addresses import is_address, shown
from semsearch.filters import AskedFilterError, Filter, asked_filter
from semsearch.records import FieldNames, FileGlobs

if TYPE_CHECKING:
    from semsearch.searching import SearchOptions

__all__ = [
    "CORPUS_HELP",
    "GLOBS_HELP",
    "KEPT_CORPUS_HELP",
    "Globs",
    "IndexType",
    "column_options",
    "file_options",
    "folder_option",
    "index_option",
    "json_options",
    "mode_option",
    "model_option",
    "output_options",
    "search_options",
]


GLOBS_HELP = """\b
A GLOB is as in a .gitignore, against the path below CORPUS:
  --include '*.html' --include '2024/**/*.pdf' --exclude drafts/
"""
"""What stands below the options of a command that chooses files."""

CORPUS_HELP = f"""{GLOBS_HELP}
\b
A COLUMN of JSON or of a table is named where it is not known by its name:
  --text body --title headline --date pub_date
  --text abstract --text body --title meta.headline --id -
"""
"""The same, of a command that reads them."""

KEPT_CORPUS_HELP = f"""{CORPUS_HELP}
\b
An index keeps both, until others are given: --include '*' is all files,
--text '' goes back to the names that are known; - is no column.
"""
"""The same, of a command that writes an index."""


class Globs(TypedDict, total=False):
    """Patterns of files, as they are given on."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]


if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # which older versions of click do not let be subscripted

_Command = TypeVar("_Command", bound=Callable[..., Any])


class IndexType(_ParamType):
    """A folder, or where engines are meant too, an address: a Path or a str."""

    name = "index"
    _folder = click.Path(path_type=Path, file_okay=False)

    def __init__(self, *, engines: bool = True) -> None:
        self.engines = engines

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder, or the address as it stands."""
        if not is_address(value):
            return self._folder.convert(value, param, ctx)
        if not self.engines:
            self.fail(f"{shown(value)}: this is done to folders alone: an engine looks after its index", param, ctx)
        from semsearch.engines import parse_address

        try:
            parse_address(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def index_option(command: _Command) -> _Command:
    """Add --index."""
    return _index_option("The index: a folder, or an address in an engine (postgresql://…, milvus://…).", IndexType())(
        command
    )


def folder_option(command: _Command) -> _Command:
    """Add --index for what is done to the files of an index."""
    return _index_option("The index's folder.", IndexType(engines=False))(command)


def _index_option(what: str, kind: IndexType) -> Callable[[_Command], _Command]:
    return click.option(
        "--index",
        "-i",
        type=kind,
        default=Path("index"),
        show_default=True,
        envvar="SEMSEARCH_INDEX",
        metavar="INDEX" if kind.engines else "DIRECTORY",
        help=what,
    )


def output_options(command: _Command) -> _Command:
    """Add --json and --no-json, and --text as another name of the latter, which it was."""
    return json_options(click.option("--text", "form", flag_value="text", hidden=True)(command))


def json_options(command: _Command) -> _Command:
    """Add --json and --no-json; without them it is text on a terminal and JSON lines anywhere else."""
    json = click.option("--json", "form", flag_value="json", help="Print JSON lines: the default in a pipe.")
    text = click.option("--no-json", "form", flag_value="text", help="Print for people: the default on a terminal.")
    return json(text(command))


def file_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add --include and --exclude; the command gets them as ``globs``, to be given on: none where none are given."""

    @functools.wraps(command)
    def with_globs(*arguments: Any, include: tuple[str, ...], exclude: tuple[str, ...], **others: Any) -> int:
        globs: Globs = {}
        if include or exclude:
            from semsearch.readers import Choice

            with _blaming("--include, --exclude"):
                Choice(FileGlobs(include, exclude))
            globs = {"include": include, "exclude": exclude}
        return command(*arguments, globs=globs, **others)

    decorated: Any = with_globs
    for option in (
        click.option("--exclude", metavar="GLOB", multiple=True, help="No files that match GLOB; may be repeated."),
        click.option(
            "--include", metavar="GLOB", multiple=True, help="Only files that match GLOB; may be repeated.  See below."
        ),
    ):
        decorated = option(decorated)
    return cast(Callable[..., int], decorated)


def column_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add what columns are called, and json_options: here --text is a column; the command gets it as ``fields``."""

    @functools.wraps(command)
    def with_fields(*arguments: Any, **others: Any) -> int:
        given = {name: others.pop(f"column_{name}") for name in _COLUMNS}
        table = others.pop("table")
        fields = None
        if table is not None or any(given.values()):
            with _blaming("--text, --title, --date, --id, --source, --url, --table"):
                fields = FieldNames(table=table, **given)
        return command(*arguments, fields=fields, **others)

    decorated: Any = json_options(with_fields)
    decorated = click.option(
        "--table", metavar="NAME", help="The table of a database, or the array of a JSON file, that is meant."
    )(decorated)
    for name, (option, what) in reversed(_COLUMNS.items()):
        decorated = click.option(option, f"column_{name}", metavar="COLUMN", multiple=True, help=what)(decorated)
    return cast(Callable[..., int], decorated)


_COLUMNS = {
    "text": ("--text", "The column that holds the text; repeated, each is a paragraph of it."),
    "title": ("--title", "The column of the title."),
    "published": ("--date", "The column of the day of publication."),
    "id": ("--id", "The column of what identifies an article."),
    "source": ("--source", "The column of the publisher or agency."),
    "url": ("--url", "The column of the address."),
}


def mode_option(command: _Command) -> _Command:
    """Add --mode."""
    return click.option(
        "--mode",
        type=click.Choice(["hybrid", "dense", "lexical"]),
        default="hybrid",
        show_default=True,
        help="Rank by everything, by vectors alone, or by words alone.",
    )(command)


def model_option(what: str) -> Callable[[_Command], _Command]:
    """Add --model, which is for ``what``."""
    return click.option("--model", "-m", metavar="NAME", help=what)


def search_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add what to search in and what to show; the command gets all of it as ``options``."""

    @functools.wraps(command)
    def with_options(
        *arguments: Any,
        where: str | None,
        since: str | None,
        until: str | None,
        source: tuple[str, ...],
        article: tuple[str, ...],
        min_score: float | None,
        max_per_article: int | None,
        fold: bool,
        diversity: float,
        explain: bool,
        recall: float | None,
        **others: Any,
    ) -> int:
        options: SearchOptions = {
            "where": _filter(where, since, until, source, article),
            "min_score": min_score,
            "fold_duplicates": fold,
            "diversity": diversity,
            "explain": explain,
        }
        if max_per_article is not None:
            options["max_per_article"] = max_per_article
        if recall is not None:
            options["recall"] = recall
        return command(*arguments, options=options, **others)

    decorated: Any = with_options
    for option in reversed(
        [
            click.option("--where", metavar="FILTER", help="Only articles for which this holds: see below."),
            click.option("--since", metavar="DATE", help="Only articles of this day, month or year, or later."),
            click.option("--until", metavar="DATE", help="Only articles of this day, month or year, or earlier."),
            click.option("--source", metavar="NAME", multiple=True, help="Only articles from NAME; may be repeated."),
            click.option("--article", metavar="ID", multiple=True, help="Only the article ID; may be repeated."),
            click.option("--min-score", type=float, metavar="SCORE", help="Leave out hits with a lower score."),
            click.option(
                "--max-per-article", type=click.IntRange(min=1), metavar="N", help="At most N passages of an article."
            ),
            click.option(
                "--fold/--no-fold", default=True, show_default=True, help="List near duplicates under the best of them."
            ),
            click.option(
                "--diversity",
                type=click.FloatRange(0, 1),
                default=0.0,
                show_default=True,
                metavar="SHARE",
                help="From 0 to 1: how much later comes what resembles better hits.",
            ),
            click.option("--explain", is_flag=True, help="Say of each hit why it has its score."),
            click.option(
                "--recall",
                type=click.FloatRange(0, 1, min_open=True),
                metavar="SHARE",
                help="Up to 1: how many of the nearest passages to find in a large archive; 0.995 if not given.",
            ),
        ]
    ):
        decorated = option(decorated)
    return cast(Callable[..., int], decorated)


def _filter(
    where: str | None, since: str | None, until: str | None, source: tuple[str, ...], article: tuple[str, ...]
) -> Filter | None:
    """Put the filters that were given together, and show what they refuse as the wrong use of an option."""
    try:
        return asked_filter(where, since, until, source, article)
    except AskedFilterError as error:
        options = {"sources": "--source", "articles": "--article", None: "--where, --source, --article"}
        raise click.BadParameter(str(error), param_hint=options.get(error.name, f"--{error.name}")) from None


@contextlib.contextmanager
def _blaming(option: str) -> Iterator[None]:
    """Show what does not make sense as the wrong use of an option."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None
