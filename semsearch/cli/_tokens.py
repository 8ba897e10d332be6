"""The token that servers ask for: never an argument, which others on the machine can see."""

from __future__ import annotations

import os
from pathlib import Path

import click

from semsearch.serving import check_token

__all__ = ["read_token", "token_option"]

token_option = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What a client must show stands in FILE.",
)


def read_token(file: Path | None) -> str | None:
    """Return what is in the file, or what the environment has as SEMSEARCH_TOKEN; None if there is neither.

    Raises:
        click.BadParameter: If the file cannot be read, or the token could be guessed.
    """
    try:
        if file is not None:
            return check_token(file.read_text(encoding="utf-8").strip())
        given = os.environ.get("SEMSEARCH_TOKEN")
        return check_token(given) if given else None
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--token-file") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--token-file, SEMSEARCH_TOKEN") from None
