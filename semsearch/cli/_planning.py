"""The command that says what an archive will need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from semsearch.cli._options import GLOBS_HELP, file_options, json_options
from semsearch.cli._output import output_of
from semsearch.cli._problems import print_log

if TYPE_CHECKING:
    from semsearch.cli._options import Globs
    from semsearch.planning import EngineName

__all__ = ["plan"]


class _Count(click.ParamType[float]):
    """A positive number, which may be written ``1e9``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(f"expected a positive number such as 1000000 or 1e9, not {value!r}", param, ctx)
        return number


@click.command(epilog=GLOBS_HELP)
@click.option("--passages", type=_Count(), metavar="N", help="How many passages the archive will have: 1e9, say.")
@click.option("--corpus", metavar="PATH", multiple=True, help="Take their number and length from a sample of PATH.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "postgres", "milvus"]),
    help="Where the index is to be: in a folder, or in an engine.  [default: the simplest that is enough]",
)
@click.option(
    "--token-vectors/--no-token-vectors",
    default=True,
    show_default=True,
    help="Keep the vectors of tokens, which are most of an index.",
)
@click.option("--tokens", type=_Count(), metavar="N", help="Tokens of a passage with its title.  [default: 115]")
@click.option("--dimension", type=click.IntRange(min=1), default=384, show_default=True, help="Of the model's vectors.")
@click.option("--memory", type=_Count(), default=64, show_default=True, metavar="GB", help="Of a machine.")
@click.option("--cores", type=click.IntRange(min=1), default=16, show_default=True, help="That embed, in all.")
@click.option("--replicas", type=click.IntRange(min=1), default=1, show_default=True, help="Copies that answer.")
@file_options
@json_options
def plan(
    passages: float | None,
    corpus: tuple[str, ...],
    engine: EngineName | None,
    token_vectors: bool,  # noqa: FBT001
    tokens: float | None,
    dimension: int,
    memory: float,
    cores: int,
    replicas: int,
    globs: Globs,
    form: str | None,
) -> int:
    """Say what an archive of N passages will need: disk, memory, time, machines, and what breaks first.

    Each figure says what it is from: it was measured, it is a fit to what was measured, others have published it, or it
    is arithmetic on such numbers. Nothing is indexed. Ends with 1 if something of a corpus could not be read.
    """
    from semsearch.planning import plan_for, sample_corpus
    from semsearch.readers import ReadingLog

    if passages is None and not corpus:
        raise click.UsageError("say how many --passages there will be, or name a --corpus to sample")
    log, sample = ReadingLog(), None
    if corpus:
        sample = sample_corpus(corpus, log=log, **globs)
        passages = passages or sample.estimated_passages
        tokens = tokens or sample.tokens_per_passage
    given = {} if tokens is None else {"tokens_per_passage": tokens}
    made = plan_for(
        cast(float, passages),
        **given,
        dimension=dimension,
        token_vectors=token_vectors,
        engine=engine,
        cores=cores,
        memory=memory * 1e9,
        replicas=replicas,
    )
    print_log(log)
    output_of(form).planned(made, sample)
    return 1 if log.problems else 0
