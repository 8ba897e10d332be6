"""What a build could not read, on standard error, whatever the form of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from semsearch.cli._terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semsearch.building import BuildReport

__all__ = ["print_problems", "print_warnings"]

_SHOWN_NOTES = 10


def print_problems(report: BuildReport) -> None:
    """Print every problem and warning, the first notes and a count of the files that were passed over."""
    _print("not indexed", [str(problem) for problem in report.problems])
    print_warnings(report.warnings)
    _print("note", report.notes[:_SHOWN_NOTES])
    if len(report.notes) > _SHOWN_NOTES:
        click.echo(f"note: {len(report.notes) - _SHOWN_NOTES} more like these (--json lists all)", err=True)
    if report.ignored:
        others = ", ".join(f"{count} {suffix}" for suffix, count in sorted(report.ignored.items()))
        click.echo(f"note: files of other kinds were passed over: {printable(others)}", err=True)
    if report.truncated_tokens:
        click.echo(f"note: {report.truncated_tokens} tokens are beyond the model's limit and not indexed", err=True)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print what makes an index worse than it could be."""
    _print("warning", warnings)


def _print(label: str, lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(f"{label}: {printable(line)}", err=True)
