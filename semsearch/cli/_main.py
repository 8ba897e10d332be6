"""The group of commands and its exit codes. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from semsearch._version import __version__
from semsearch.cli._indexing import rebuild_index, repair, rollback, status, update, verify
from semsearch.cli._measuring import compile_model, evaluate, suggest_threshold
from semsearch.cli._planning import plan
from semsearch.cli._reading import inspect, watch
from semsearch.cli._scaling import embed_shards, export_shards, load_shards
from semsearch.cli._search import query, similar
from semsearch.cli._serving import serve
from semsearch.cli._terminal import printable
from semsearch.errors import SemsearchError, WordsMissingWarning

if TYPE_CHECKING:
    pass

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


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def _commands() -> None:
    """Search an archive of articles by meaning: ranked passages that can be cited.

    \b
    semsearch rebuild-index my-articles    index a folder of articles into ./index
    semsearch query "legal basis for deployment"
    """  # noqa: D301 - \b is click's mark for lines that it must not fold


for _command in (
    *(query, similar, serve),
    *(rebuild_index, update, watch, inspect, status),
    plan,
    *(verify, repair, rollback),
    *(embed_shards, load_shards, export_shards),
    *(evaluate, suggest_threshold, compile_model),
):
    _commands.add_command(_command)
