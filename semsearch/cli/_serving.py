"""The command that serves a page and an API."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from semsearch.addresses import shown
from semsearch.cli._options import index_option
from semsearch.cli._terminal import printable
from semsearch.cli._tokens import read_token, token_option
from semsearch.serving import DEFAULT_PORT, LOOPBACK_NAMES, Settings
from semsearch.serving import serve as serve_index

__all__ = ["serve"]

_HELP = """\b
Only this machine can ask, unless --host says otherwise; then a token is
needed, which stands in the address that is printed. It is made at random
unless the environment has SEMSEARCH_TOKEN, or --token-file names a file that
holds it.
"""


@click.command(epilog=_HELP)
@index_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 takes one that is free.",
)
@click.option("--open/--no-open", "opens", default=None, help="Open the page in a browser: the default on a terminal.")
@token_option
@click.option(
    "--allow-host", metavar="NAME", multiple=True, help="Answer by this name too: see --host.  May be repeated."
)
@click.option(
    "--proxy", metavar="ADDRESS", multiple=True, help="Believe what this proxy says of its clients.  May be repeated."
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Searches at the same time; as many as cores.")
@click.option(
    "--waiting", type=click.IntRange(min=0), default=32, show_default=True, metavar="N", help="Searches that may wait."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest that a search may take.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    metavar="N",
    help="Requests a second of one client, 0 for any; 20 if others than this machine can ask.",
)
def serve(
    index: Path | str,
    host: str,
    port: int,
    opens: bool | None,  # noqa: FBT001
    token_file: Path | None,
    allow_host: tuple[str, ...],
    proxy: tuple[str, ...],
    threads: int | None,
    waiting: int,
    timeout: float,
    rate: float | None,
) -> int:
    """Serve a page to search on, and an HTTP API, until it is interrupted."""
    for library in ("OPENBLAS", "OMP"):  # searches run beside each other: none of them needs threads of its own
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    more: dict[str, Any] = {} if threads is None else {"threads": threads}
    token = read_token(token_file)
    try:
        settings = Settings(
            token=token, hosts=[*LOOPBACK_NAMES, *allow_host], waiting=waiting, timeout=timeout, rate=rate, **more
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("semsearch.serving").setLevel(logging.INFO)

    def ready(url: str) -> None:
        click.echo(f"{printable(shown(index))} is served at {url}", err=True)
        click.echo("ctrl-c ends it", err=True)
        # Others on this machine can see what a browser is started with, so a token is not given to it unasked.
        if opens or (opens is None and sys.stderr.isatty() and "token=" not in url):
            import webbrowser

            webbrowser.open(url)

    serve_index(index, host=host, port=port, settings=settings, proxies=proxy, ready=ready)
    return 0
