"""JSON lines for programs, as ``docs/json.md`` documents them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.as_json import SCHEMA_VERSION, article_json, hit_json
from semsearch.cli._problems import print_problems, print_warnings
from semsearch.cli._terminal import escape_controls

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
    from semsearch.errors import CorpusError
    from semsearch.evaluation import Evaluation, Threshold
    from semsearch.inspecting import InspectedArticle
    from semsearch.planning import CorpusSample, Plan
    from semsearch.records import ArticleHit, Hit
    from semsearch.storage import FileCheck, KeptGeneration, Manifest

__all__ = ["JsonOutput"]


class JsonOutput:
    """Prints one JSON object a line. Satisfies :class:`~semsearch.cli._output.Output`."""

    def hits(self, query: str | None, hits: Sequence[Hit]) -> None:
        """Print a ``hit`` a line, best first."""
        for hit in hits:
            _print("hit", query=query, rank=hit.rank, **hit_json(hit), article=article_json(hit.article))

    def article_hits(self, query: str, hits: Sequence[ArticleHit]) -> None:
        """Print an ``article_hit`` a line, best first."""
        for hit in hits:
            _print(
                "article_hit",
                query=query,
                rank=hit.rank,
                score=round(hit.score, 6),
                article=article_json(hit.article),
                hits=[hit_json(own) for own in hit.hits],
            )

    def inspected(self, article: InspectedArticle) -> None:
        """Print one ``article``."""
        text = article.article.text
        _print(
            "article",
            place=article.place,
            article=article_json(article.article),
            paragraphs=[{**asdict(part), "text": text[part.start : part.end]} for part in article.paragraphs],
            dropped=[{"text": dropped.text, "reason": dropped.reason} for dropped in article.dropped],
        )

    def planned(self, plan: Plan, sample: CorpusSample | None) -> None:
        """Print one ``plan``."""
        fields = {**asdict(plan), "settings": [setting._asdict() for setting in plan.settings]}
        _print("plan", sample=None if sample is None else asdict(sample), **fields)

    def built(self, report: BuildReport) -> None:
        """Print one ``build``."""
        print_problems(report)
        _print("build", **_report(report))

    def embedded(self, report: CorpusShardsReport) -> None:
        """Print one ``embed``."""
        print_problems(report)
        _print("embed", **_report(report))

    def loaded(self, report: LoadReport) -> None:
        """Print one ``load``."""
        print_warnings(report.warnings)
        _print("load", **{**asdict(report), "seconds": round(report.seconds, 3)})

    def exported(self, report: ExportReport) -> None:
        """Print one ``export``."""
        _print("export", **{**asdict(report), "seconds": round(report.seconds, 3)})

    def status(
        self,
        index: str,
        generation: str,
        manifest: Manifest,
        kept: Sequence[KeptGeneration],
        drift: CorpusDrift | None,
        warning: str | None,
    ) -> None:
        """Print one ``status``."""
        changes = None
        if drift is not None:
            changes = {**asdict(drift), "problems": _problems(drift.problems)}
        generations = [one._asdict() for one in kept]
        _print(
            "status",
            index=str(index),
            generation=generation,
            **asdict(manifest),
            generations=generations,
            drift=changes,
            warnings=[] if warning is None else [warning],
        )

    def repaired(self, report: RepairReport) -> None:
        """Print one ``repair``."""
        _print("repair", **{**asdict(report), "seconds": round(report.seconds, 3)})

    def rolled_back(self, index: Path, generation: str) -> None:
        """Print one ``rollback``."""
        _print("rollback", index=str(index), generation=generation)

    def evaluation(self, evaluation: Evaluation) -> None:
        """Print one ``evaluation``."""
        measures = {name: mean._asdict() for name, mean in evaluation.means.items()}
        for name, comparison in evaluation.comparisons.items():
            measures[name]["difference"] = {**comparison.difference._asdict(), "p": comparison.p}
        _print(
            "evaluation",
            dataset=evaluation.dataset.name,
            mode=evaluation.mode,
            queries=len(evaluation.dataset.queries),
            unjudged=len(evaluation.dataset.unjudged),
            unknown=list(evaluation.unknown),
            measures=measures,
        )

    def threshold(self, threshold: Threshold) -> None:
        """Print one ``threshold``."""
        _print("threshold", **asdict(threshold))

    def compiled(self, report: CompileReport) -> None:
        """Print one ``compile``."""
        fields = {**asdict(report), "seconds": round(report.seconds, 3)}
        _print("compile", compiled=report.reason is None, **fields)

    def checks(self, checks: Sequence[FileCheck]) -> None:
        """Print a ``check`` a line."""
        for check in checks:
            _print("check", path=str(check.path), bytes=check.bytes, problem=check.problem, remedy=check.remedy)


def _report(report: BuildReport | CorpusShardsReport) -> dict[str, Any]:
    fields = {name: getattr(report, name) for name in report.__slots__}
    return {**fields, "problems": _problems(report.problems), "seconds": round(report.seconds, 3)}


def _problems(problems: Sequence[CorpusError]) -> list[dict[str, str]]:
    return [{"place": problem.place, "reason": problem.reason} for problem in problems]


def _print(kind: str, **fields: Any) -> None:
    line = json.dumps({"type": kind, "version": SCHEMA_VERSION, **fields}, ensure_ascii=False)
    click.echo(escape_controls(line).encode())
