"""The command that serves the index to language models."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import click

from semsearch.cli._options import index_option, model_option
from semsearch.cli._tokens import read_token, token_option

__all__ = ["mcp"]

_ONLY_HTTP = ("host", "port", "token_file", "allow_host")


@click.command()
@index_option
@model_option("The model's folder, if it is not where it was when the index was built.")
@click.option("--http", is_flag=True, help="Serve over HTTP, at /mcp, in place of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8643, show_default=True, help="0 takes a free one.")
@token_option
@click.option(
    "--allow-host", metavar="NAME", multiple=True, help="Another name that clients call this server; may be repeated."
)
@click.pass_context
def mcp(
    context: click.Context,
    index: Path | str,
    model: str | None,
    http: bool,  # noqa: FBT001
    host: str,
    port: int,
    token_file: Path | None,
    allow_host: tuple[str, ...],
) -> int:
    """Serve the index to language models, by the Model Context Protocol.

    Without --http a client starts this command and speaks to it over standard input and output. The index may be
    rebuilt meanwhile: the next answers are from the new one.

    Where other machines can reach ADDRESS clients must send a token: that of --token-file, or of the environment's
    SEMSEARCH_TOKEN.
    """
    # Before numpy and faiss start threads, which a few queries at a time do not need.
    for library in ("OPENBLAS", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from semsearch.agents import serve_http, serve_stdio

    if not http:
        _refuse_what_is_for_http(context)
        # There is nothing to clean up, and a read of standard input would hold up anything else that ends it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.stdin.isatty():
            click.echo("waiting for a client on standard input: docs/agents.md says how clients start this", err=True)
        serve_stdio(index, embedder=model)
        return 0
    token = read_token(token_file)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve_http(index, host=host, port=port, token=token, names=allow_host, embedder=model, ready=_announce)
    except ValueError as error:
        raise click.UsageError(f"{error} (--host, --token-file, --allow-host)") from None
    return 0


def _announce(url: str) -> None:
    click.echo(f"serving at {url}: ctrl-c ends it", err=True)


def _refuse_what_is_for_http(context: click.Context) -> None:
    for name in _ONLY_HTTP:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --http")
