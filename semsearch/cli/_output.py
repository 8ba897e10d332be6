"""What the two forms of output share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from semsearch.building import (
        BuildReport,
        CorpusDrift,
        CorpusShardsReport,
        ExportReport,
        LoadReport,
        RepairReport,
    )
    from semsearch.embedders import CompileReport
    from semsearch.evaluation import Evaluation, Threshold
    from semsearch.inspecting import InspectedArticle
    from semsearch.planning import CorpusSample, Plan
    from semsearch.records import ArticleHit, Hit
    from semsearch.storage import FileCheck, KeptGeneration, Manifest

__all__ = ["Output", "output_of"]


class Output(Protocol):
    """Prints on standard output what a command found."""

    def hits(self, query: str | None, hits: Sequence[Hit]) -> None:
        """Print the hits of a query; of None if what was asked for is no text."""

    def article_hits(self, query: str, hits: Sequence[ArticleHit]) -> None:
        """Print the articles that answer a query."""

    def inspected(self, article: InspectedArticle) -> None:
        """Print what would be indexed of an article."""

    def planned(self, plan: Plan, sample: CorpusSample | None) -> None:
        """Print what an archive will need, and what of a corpus that is from, if one was sampled."""

    def built(self, report: BuildReport) -> None:
        """Print what a build did. What could not be read goes to standard error."""

    def embedded(self, report: CorpusShardsReport) -> None:
        """Print what embedding a corpus into shards did. What could not be read goes to standard error."""

    def loaded(self, report: LoadReport) -> None:
        """Print what loading shards did. What makes the index worse than it could be goes to standard error."""

    def exported(self, report: ExportReport) -> None:
        """Print what exporting an index did."""

    def status(
        self,
        index: str,
        generation: str,
        manifest: Manifest,
        kept: Sequence[KeptGeneration],
        drift: CorpusDrift | None,
        warning: str | None,
    ) -> None:
        """Print what is in an index, and if it was compared with its corpus how far they are apart.

        The ``warning`` says what it is worse for than it could be.
        """

    def repaired(self, report: RepairReport) -> None:
        """Print what was mended."""

    def rolled_back(self, index: Path, generation: str) -> None:
        """Print which generation is live now."""

    def evaluation(self, evaluation: Evaluation) -> None:
        """Print the measures of an evaluation."""

    def threshold(self, threshold: Threshold) -> None:
        """Print a suggested threshold."""

    def compiled(self, report: CompileReport) -> None:
        """Print what came of compiling a model."""

    def checks(self, checks: Sequence[FileCheck]) -> None:
        """Print the verdict on each file of an index."""


def output_of(form: str | None) -> Output:
    """Return the output that is asked for; if none is, text on a terminal and JSON lines anywhere else."""
    if form is None:
        form = "text" if sys.stdout.isatty() else "json"
    if form == "text":
        from semsearch.cli._text import TextOutput

        return TextOutput()
    from semsearch.cli._json import JsonOutput

    return JsonOutput()
