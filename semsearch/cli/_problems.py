"""What a build could not read, on standard error, whatever the form of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from semsearch.cli._terminal import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from semsearch.building import BuildReport, CorpusShardsReport
    from semsearch.readers import ReadingLog

__all__ = ["print_log", "print_problems", "print_warnings"]

_SHOWN_NOTES = 10
_SHOWN_KINDS = 15


def print_problems(report: BuildReport | CorpusShardsReport) -> None:
    """Print every problem and warning, the first notes and a count of the files that were passed over."""
    _print("not indexed", [str(problem) for problem in report.problems])
    print_warnings(report.warnings)
    _print_notes(report.notes, report.ignored)
    if report.truncated_tokens:
        click.echo(f"note: {report.truncated_tokens} tokens are beyond the model's limit and not indexed", err=True)


def print_log(log: ReadingLog) -> None:
    """Print the same of files that were only read."""
    _print("not read", [str(problem) for problem in log.problems])
    _print_notes(log.notes, log.ignored)


def _print_notes(notes: Sequence[str], ignored: Mapping[str, int]) -> None:
    _print("note", notes[:_SHOWN_NOTES])
    if len(notes) > _SHOWN_NOTES:
        click.echo(f"note: {len(notes) - _SHOWN_NOTES} more like these (--json lists all)", err=True)
    if ignored:
        _print("note", [_passed_over(ignored)])


def _passed_over(ignored: Mapping[str, int]) -> str:
    """Say how many files were passed over, and of what kinds, the most frequent first."""
    total = sum(ignored.values())
    kinds = sorted(ignored.items(), key=lambda kind: (-kind[1], kind[0]))
    shown = [f"{count:,} {kind}" for kind, count in kinds[:_SHOWN_KINDS]]
    rest = sum(count for _, count in kinds[_SHOWN_KINDS:])
    if rest:
        shown.append(f"{rest:,} of other kinds (--json lists all)")
    return f"{total:,} {'file was' if total == 1 else 'files were'} passed over: {', '.join(shown)}"


def print_warnings(warnings: Sequence[str]) -> None:
    """Print what makes an index worse than it could be."""
    _print("warning", warnings)


def _print(label: str, lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(f"{label}: {printable(line)}", err=True)
