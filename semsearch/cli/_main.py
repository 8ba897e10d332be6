"""The group of commands and its exit codes. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from semsearch._version import __version__
from semsearch.cli._agents import mcp
from semsearch.cli._indexing import rebuild_index, repair, rollback, status, update, verify
from semsearch.cli._measuring import compile_model, evaluate, suggest_threshold
from semsearch.cli._planning import plan
from semsearch.cli._reading import inspect, watch
from semsearch.cli._scaling import embed_shards, export_shards, load_shards
from semsearch.cli._search import query, similar
from semsearch.cli._serving import serve
from semsearch.cli._terminal import printable
from semsearch.errors import SemsearchError, WordsMissingWarning

__all__ = ["main"]

_EPILOG = """\b
Exit codes:
  0 done                       4 the index is damaged
  1 failed, or not all read    5 the index is being written
  2 wrong usage                6 the model is not here
  3 no index, or one of        7 the corpus has changed (status)
    another kind               8 the engine refuses, or is away
                             130 interrupted
"""


_SECTIONS = {
    "Search": [
        (query, "Print the passages that answer a question best."),
        (similar, "Print the passages that are most like an article."),
        (serve, "Search in the browser; serves an HTTP API, too."),
        (mcp, "Serve the index to language models."),
    ],
    "Keep an index": [
        (rebuild_index, "Index folders and files; costs what has changed."),
        (update, "Put articles into the index, or take some out."),
        (watch, "Keep the index up to date while files change."),
        (inspect, "Show what would be indexed of files."),
        (status, "Say what is in the index, and whether it is current."),
    ],
    "When something is wrong": [
        (verify, "Check every byte of the index."),
        (repair, "Make damaged search structures anew."),
        (rollback, "Go back to the generation before the live one."),
    ],
    "Measure": [
        (evaluate, "Measure how well judged queries are answered."),
        (suggest_threshold, "Suggest a --min-score from judged queries."),
    ],
    "Models and large archives": [
        (compile_model, "Make a model ready before it is first used."),
        (plan, "Say what a larger archive will need."),
        (embed_shards, "Embed articles into shards, on any machine."),
        (load_shards, "Put shards into an index."),
        (export_shards, "Write what an index holds to shards."),
    ],
}
"""The commands as the help lists them: by what they are for, each in a line that fits."""


class _Commands(click.Group):
    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands section by section: an alphabet would put the first one that is needed in the middle."""
        for title, section in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{command.name}", what) for command, what in section], col_max=30)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with one of the documented codes."""
    with warnings.catch_warnings():
        _show_ours_as_lines()
        _run(arguments)


def _show_ours_as_lines() -> None:
    """Let a warning that is for people be a line as others are, without a place in the code."""
    show_others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **where: Any) -> None:
        if issubclass(category, WordsMissingWarning):
            click.echo(f"warning: {printable(str(message))}", err=True)
        else:
            show_others(message, category, *place, **where)

    warnings.simplefilter("always", WordsMissingWarning)
    warnings.showwarning = show


def _run(arguments: Sequence[str] | None) -> NoReturn:
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


@click.group(
    cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def _commands() -> None:
    """Search an archive of articles by meaning: ranked passages that can be cited.

    \b
    semsearch rebuild-index my-articles    index a folder of articles into ./index
    semsearch query "legal basis for deployment"
    """  # noqa: D301 - \b is click's mark for lines that it must not fold


for _section in _SECTIONS.values():
    for _command, _ in _section:
        _commands.add_command(_command)
