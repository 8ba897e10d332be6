"""Output for people: wrapped, and coloured where the terminal and ``NO_COLOR`` allow it."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semsearch.cli._problems import print_problems
from semsearch.cli._terminal import printable

if TYPE_CHECKING:
    from semsearch.building import BuildReport
    from semsearch.evaluation import Evaluation
    from semsearch.records import Hit
    from semsearch.storage import FileCheck, Manifest

__all__ = ["TextOutput"]

_WIDTH = 100  # characters; wider lines are hard to read
_INDENT = 4


class TextOutput:
    """Prints for people. Satisfies :class:`~semsearch.cli._output.Output`."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a character that the encoding has not is no reason to stop
        console = Console(highlight=False, soft_wrap=False)
        self._console = Console(highlight=False, width=min(console.width, _WIDTH))

    def hits(self, query: str, hits: Sequence[Hit]) -> None:  # noqa: ARG002 - people know what they asked
        """Print each hit: rank, title and score, where it is from, and the passage."""
        for hit in hits:
            article = hit.article
            head = Table.grid(padding=(0, 1), expand=True)
            head.add_column(width=_INDENT - 1, justify="right", style="bold cyan")
            head.add_column(ratio=1, style="bold", overflow="fold")
            head.add_column(justify="right", style="green")
            head.add_row(str(hit.rank), Text(printable(article.title or article.id)), f"{hit.score:.3f}")
            published = None if article.published is None else article.published.isoformat()
            origin = [
                article.source,
                published,
                f"paragraph {hit.passage.paragraph}",
                article.url or article.id,
            ]
            origin_line = Text(printable(" · ".join(part for part in origin if part)), style="dim")
            passage = Text(printable(hit.passage.text))
            self._console.print(head)
            self._console.print(Padding(origin_line, (0, 0, 0, _INDENT), expand=False))
            self._console.print(Padding(passage, (0, 0, 1, _INDENT), expand=False))

    def built(self, report: BuildReport) -> None:
        """Print what a build did."""
        print_problems(report)
        self._rows(
            f"{report.articles:,} articles indexed in {report.index}",
            [
                ("passages", f"{report.passages:,}, of which {report.embedded:,} embedded now"),
                ("tokens", f"{report.tokens:,} indexed, {report.truncated_tokens:,} truncated"),
                ("not indexed", f"{len(report.problems):,}"),
                ("model", report.model),
                ("size", _size(report.bytes, report.passages)),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def status(self, index: Path, generation: str, manifest: Manifest) -> None:
        """Print what is in an index."""
        counts, embedder = manifest.counts, manifest.embedder
        self._rows(
            f"index in {index}",
            [
                ("articles", f"{counts.articles:,}"),
                ("passages", f"{counts.passages:,}"),
                ("tokens", f"{counts.tokens:,} indexed, {counts.truncated_tokens:,} truncated"),
                ("model", f"{embedder.name} ({embedder.dimension} dimensions)"),
                ("size", _size(sum(file.bytes for file in manifest.files.values()), counts.passages)),
                ("generation", generation),
                (
                    "written",
                    f"{manifest.created} by semsearch {manifest.written_by}, format {manifest.format}",
                ),
            ],
        )

    def evaluation(self, evaluation: Evaluation) -> None:
        """Print each measure's mean with its interval, and the difference to the other run."""
        dataset = evaluation.dataset
        rows = []
        for name, mean in evaluation.means.items():
            value = f"{mean.mean:.4f}  [{mean.low:.4f}, {mean.high:.4f}]"
            if name in evaluation.comparisons:
                difference, p = evaluation.comparisons[name]
                value += (
                    f"   difference {difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}], p {p:.4f}"
                )
            rows.append((name, value))
        title = f"{dataset.name}: {len(dataset.queries):,} queries, {evaluation.mode}, means with 95 % intervals"
        self._rows(title, rows)
        if dataset.unjudged:
            self._rows(f"{len(dataset.unjudged):,} queries have no relevant article and were left out", [])

    def checks(self, checks: Sequence[FileCheck]) -> None:
        """Print the verdict on each file, and what to do if one is damaged."""
        for check in checks:
            verdict = Text("ok      ", style="green") if check.problem is None else Text("DAMAGED ", style="bold red")
            line = Text.assemble(verdict, printable(str(check.path)), f"  {check.bytes:,} bytes")
            if check.problem is not None:
                line.append(f"  {printable(check.problem)}")
            self._console.print(line, soft_wrap=True)
        if any(check.problem for check in checks):
            self._console.print("Mend it with 'semsearch rebuild-index'.")

    def _rows(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        self._console.print(Text(printable(title), style="bold"), soft_wrap=True)
        for name, value in rows:
            line = Text.assemble((f"  {name:<12}", "dim"), printable(value))
            self._console.print(line, soft_wrap=True)


def _size(size: int, passages: int) -> str:
    return f"{size / 1e6:,.1f} MB, {size // max(passages, 1):,} bytes a passage"
