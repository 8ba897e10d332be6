"""Output for people: wrapped, and coloured where the terminal and ``NO_COLOR`` allow it."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from semsearch.cli._problems import print_problems, print_warnings
from semsearch.cli._terminal import printable
from semsearch.languages import name_of_language

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
    from semsearch.planning import CorpusSample, Estimate, Plan
    from semsearch.records import Article, ArticleHit, Explanation, FieldNames, FileGlobs, Hit
    from semsearch.storage import FileCheck, KeptGeneration, Manifest

__all__ = ["TextOutput"]

_WIDTH = 100  # characters; wider lines are hard to read
_INDENT = 4
_NAMES = 12  # characters of the names in a table, if none is longer
_COPIES = 3  # near duplicates that are listed under a hit
_SHOWN = 5  # of a list of files
_SHOWN_DROPPED = 30
_LONG = 80  # characters of a value that is shown on a line
_SHOWN_ELSEWHERE = {"pages", "published_from", "published_confidence"}


class TextOutput:
    """Prints for people. Satisfies :class:`~semsearch.cli._output.Output`."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a character that the encoding has not is no reason to stop
        console = Console(highlight=False, soft_wrap=False)
        self._console = Console(highlight=False, width=min(console.width, _WIDTH))

    def hits(self, query: str | None, hits: Sequence[Hit]) -> None:  # noqa: ARG002 - people know what they asked
        """Print each hit: rank, title and score, where it is from, and the passage."""
        for hit in hits:
            self._head(hit.rank, hit.article, hit.score)
            self._passage(hit, _origin(hit))
        if not hits:
            self._nothing()

    def article_hits(self, query: str, hits: Sequence[ArticleHit]) -> None:  # noqa: ARG002
        """Print each article: rank, title and score, where it is from, and its best passages."""
        for hit in hits:
            self._head(hit.rank, hit.article, hit.score)
            for number, own in enumerate(hit.hits):  # where the article is from need not be said again
                self._passage(own, _place(own) if number else _origin(own))
        if not hits:
            self._nothing()

    def _nothing(self) -> None:
        self._console.print("Nothing was found.")

    def _head(self, rank: int, article: Article, score: float) -> None:
        head = Table.grid(padding=(0, 1), expand=True)
        head.add_column(width=_INDENT - 1, justify="right", style="bold cyan")
        head.add_column(ratio=1, style="bold", overflow="fold")
        head.add_column(justify="right", style="green")
        head.add_row(str(rank), Text(printable(article.title or article.id)), f"{score:.3f}")
        self._console.print(head)

    def _passage(self, hit: Hit, place: str) -> None:
        self._indented(printable(place), style="dim")
        if hit.explanation is not None:
            self._explanation(hit.explanation)
        self._indented(self._marked(hit))
        for copy in hit.duplicates[:_COPIES]:
            self._indented(printable(f"also: {_origin(copy)}"), style="dim")
        if len(hit.duplicates) > _COPIES:
            self._indented(f"and {len(hit.duplicates) - _COPIES} more like it", style="dim")
        self._console.print()

    def _marked(self, hit: Hit) -> Text:
        """Return the passage with the sentence that answers: bold on a terminal, between asterisks elsewhere."""
        text, evidence = hit.passage.text, hit.evidence
        if evidence is None or evidence.text == text:
            return Text(printable(text))
        start, end = evidence.start - hit.passage.start, evidence.end - hit.passage.start
        sentence = Text(printable(text[start:end]), style="bold")
        if not self._console.is_terminal:
            sentence = Text(f"**{printable(text[start:end])}**")
        return Text.assemble(printable(text[:start]), sentence, printable(text[end:]))

    def _explanation(self, explanation: Explanation) -> None:
        parts = " + ".join(f"{name} {part:.3f}" for name, part in explanation.parts.items())
        self._indented(printable(parts.replace("+ -", "- ")), style="magenta")
        words = [f"{w.word} ~ {w.found} {w.similarity:.2f}" if w.found else f"{w.word} -" for w in explanation.words]
        if words:
            self._indented(printable("; ".join(words)), style="magenta")

    def _indented(self, text: str | Text, style: str = "", mark: str = "") -> None:
        """Print wrapped lines, without spaces at their ends: what is copied from a terminal is to be clean."""
        margin = Text(f"{mark:>{_INDENT - 1}} ", style="cyan")
        for line in Text.assemble(text, style=style).wrap(self._console, max(self._console.width - _INDENT, 1)):
            line.rstrip()
            self._console.print(Text.assemble(margin, line) if line else "", soft_wrap=True)
            margin = Text(" " * _INDENT)

    def inspected(self, article: InspectedArticle) -> None:
        """Print an article's facts, its paragraphs with their numbers, and what was left out of it."""
        own = article.article
        self._rows(
            own.title or "(no title)",
            [
                ("place", article.place),
                ("id", own.id),
                ("published", _published(own)),
                *((name, value) for name, value in (("source", own.source), ("url", own.url)) if value),
                *((name, _short(value)) for name, value in own.metadata.items() if name not in _SHOWN_ELSEWHERE),
            ],
        )
        self._console.print()
        page = None
        for paragraph in article.paragraphs:
            if paragraph.page != page:
                page = paragraph.page
                self._indented(f"page {page}", style="dim")
            number = "" if paragraph.number is None else str(paragraph.number)
            text = printable(own.text[paragraph.start : paragraph.end])
            self._indented(text, style="" if number else "bold", mark=number)
        if article.dropped:
            self._console.print()
            self._indented("left out:", style="dim")
            for dropped in article.dropped[:_SHOWN_DROPPED]:
                self._indented(printable(f"{_short(dropped.text)} ({dropped.reason})"), style="dim")
            if len(article.dropped) > _SHOWN_DROPPED:
                self._indented(f"and {len(article.dropped) - _SHOWN_DROPPED:,} more (--json lists all)", style="dim")
        self._console.print()

    def planned(self, plan: Plan, sample: CorpusSample | None) -> None:
        """Print the figures with what each is from, the settings, and what breaks first."""
        if sample is not None:
            read = f"{sample.articles:,} articles, {sample.share:.0%} of the corpus, are {sample.passages:,} passages"
            self._rows(read, [])
        self._rows(
            f"{plan.passages:,.0f} passages of {plan.tokens_per_passage:.0f} tokens, {_ENGINES[plan.engine]}",
            [(one.name, f"{_figure(one)}, {one.basis}: {one.note}") for one in plan.estimates],
        )
        self._rows("set", [(name, f"{value}: {reason}") for name, value, reason in plan.settings])
        if plan.warnings:
            self._rows("what breaks first", [(f"{rank}.", text) for rank, text in enumerate(plan.warnings, 1)])

    def built(self, report: BuildReport) -> None:
        """Print what a build did."""
        print_problems(report)
        self._rows(
            f"{report.articles:,} articles indexed in {report.index}" + (", nothing had changed" * report.unchanged),
            [
                ("passages", f"{report.passages:,}, of which {report.embedded:,} embedded now"),
                ("tokens", f"{report.tokens:,} indexed, {report.truncated_tokens:,} truncated"),
                ("not indexed", f"{len(report.problems):,}"),
                ("languages", _languages(report.languages)),
                ("model", report.model),
                ("size", _size(report.bytes, report.passages)),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def embedded(self, report: CorpusShardsReport) -> None:
        """Print what embedding a corpus into shards did."""
        print_problems(report)
        self._rows(
            f"{report.articles:,} articles embedded into {report.folder}",
            [
                ("shards", f"{report.shards:,}, of which {report.unchanged:,} were there"),
                ("passages", f"{report.passages:,}, of which {report.embedded:,} embedded now"),
                ("tokens", f"{report.tokens:,} indexed, {report.truncated_tokens:,} truncated"),
                ("not read", f"{len(report.problems):,}"),
                ("languages", _languages(report.languages)),
                ("model", report.model),
                ("size", _size(report.bytes, report.passages)),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def loaded(self, report: LoadReport) -> None:
        """Print what loading shards did."""
        print_warnings(report.warnings)
        self._rows(
            f"{report.articles:,} articles loaded into {report.index}" + (", nothing had changed" * report.unchanged),
            [
                ("shards", f"{report.shards:,}, of which {report.loaded:,} loaded now"),
                ("passages", f"{report.passages:,}"),
                ("tokens", f"{report.tokens:,} indexed, {report.truncated_tokens:,} truncated"),
                ("languages", _languages(report.languages)),
                ("model", report.model),
                ("generation", report.generation),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def exported(self, report: ExportReport) -> None:
        """Print what exporting an index did."""
        self._rows(
            f"{report.articles:,} articles of {report.index} written to {report.folder}",
            [
                ("shards", f"{report.shards:,}"),
                ("passages", f"{report.passages:,}"),
                ("generation", report.generation),
                ("size", _size(report.bytes, report.passages)),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def status(
        self,
        index: str,
        generation: str,
        manifest: Manifest,
        kept: Sequence[KeptGeneration],
        drift: CorpusDrift | None,
        warning: str | None,
    ) -> None:
        """Print what is in an index, and how far its corpus is from it."""
        counts, embedder = manifest.counts, manifest.embedder
        computed = f", in {manifest.precision}" if manifest.precision else ""
        self._rows(
            f"index in {index}",
            [
                ("articles", f"{counts.articles:,}"),
                ("passages", f"{counts.passages:,}"),
                ("tokens", f"{counts.tokens:,} indexed, {counts.truncated_tokens:,} truncated"),
                ("languages", _languages(manifest.languages)),
                ("model", f"{embedder.name} ({embedder.dimension} dimensions{computed})"),
                *([] if manifest.files else [("engine", manifest.dense_spec)]),
                *(
                    [("size", _size(sum(file.bytes for file in manifest.files.values()), counts.passages))]
                    if manifest.files
                    else []
                ),
                *([("of which", _token_store(manifest))] if manifest.files else []),
                *([("columns", _columns(manifest.fields))] if manifest.fields else []),
                *([("files", _globs(manifest.globs))] if manifest.globs else []),
                ("generation", generation),
                (
                    "written",
                    f"{manifest.created} by semsearch {manifest.written_by}, format {manifest.format}",
                ),
                *(("kept", f"{one.id} of {one.created}, {one.articles:,} articles") for one in kept if not one.is_live),
            ],
        )
        if warning is not None:
            print_warnings([warning])
        if drift is not None:
            self._drift(drift)

    def _drift(self, drift: CorpusDrift) -> None:
        title = (
            "the corpus has changed: 'semsearch rebuild-index CORPUS' takes it in"
            if drift
            else "the corpus is as it was"
        )
        changes = (("new", drift.new), ("changed", drift.changed), ("vanished", drift.vanished))
        rows = [(name, f"{len(files):,}{_first_of(files)}") for name, files in changes if files]
        problems = [("not read", str(problem)) for problem in drift.problems[:_SHOWN]]
        self._rows(title, [*rows, ("unchanged", f"{drift.unchanged:,} files"), *problems])

    def repaired(self, report: RepairReport) -> None:
        """Print what was mended."""
        if not report.mended:
            self._rows(f"nothing is damaged in {report.index}", [("generation", report.generation)])
            return
        self._rows(
            f"{len(report.mended):,} files made anew in {report.index}",
            [
                ("files", f"{', '.join(report.mended[:_SHOWN])}{' ...' * (len(report.mended) > _SHOWN)}"),
                ("generation", report.generation),
                ("time", f"{report.seconds:.1f} s"),
            ],
        )

    def rolled_back(self, index: Path, generation: str) -> None:
        """Print which generation is live now."""
        self._rows(f"{index} answers from generation {generation}", [])

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
        if evaluation.unknown:
            count, first = len(evaluation.unknown), evaluation.unknown[0]
            said = f"{first}, a relevant article, is not in the index and counts as not found"
            if count > 1:
                said = f"{count:,} relevant articles are not in the index and count as not found, {first} first"
            self._rows(said, [])

    def threshold(self, threshold: Threshold) -> None:
        """Print a suggested threshold, and what it does."""
        kept = f"{threshold.recall:.1%} of the queries keep a relevant hit"
        rows = [
            ("precision", f"{threshold.precision:.1%} of the hits that are shown were judged relevant"),
            ("recall", f"{kept}; without the threshold {threshold.recall_without:.1%} have one"),
        ]
        if threshold.silenced is not None:
            rows.append(("silence", f"{threshold.silenced:.1%} of the queries that nothing answers get no hit"))
        score = math.floor(threshold.score * 1000) / 1000  # rounded up it would leave out the hit that it is from
        self._rows(f"--min-score {score:.3f} for --mode {threshold.mode}, by {threshold.queries:,} queries", rows)

    def compiled(self, report: CompileReport) -> None:
        """Print whether a model is compiled, or why not, and where that is kept."""
        title = f"{report.model} is compiled: it embeds queries in float32, passages in {report.precision}"
        if report.reason is not None:
            title = f"{report.model} is not compiled, and sentence-transformers runs it: {report.reason}"
        kept = report.cache or "nowhere: every process compiles for itself"
        self._rows(
            title,
            [
                ("fingerprint", report.fingerprint),
                ("kept in", kept),
                ("seconds", f"{report.seconds:.1f}"),
            ],
        )

    def checks(self, checks: Sequence[FileCheck]) -> None:
        """Print the verdict on each file, and what to do if one is damaged."""
        for check in checks:
            verdict = Text("ok      ", style="green") if check.problem is None else Text("DAMAGED ", style="bold red")
            line = Text.assemble(verdict, printable(str(check.path)), f"  {check.bytes:,} bytes")
            if check.problem is not None:
                line.append(f"  {printable(check.problem)}")
            self._console.print(line, soft_wrap=True)
        for remedy in dict.fromkeys(check.remedy for check in checks if check.remedy is not None):
            self._console.print(f"Mend it with '{remedy}'.")

    def _rows(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        self._console.print(Text(printable(title), style="bold"), soft_wrap=True)
        width = max([_NAMES, *(len(name) + 1 for name, _ in rows)])
        for name, value in rows:
            line = Text.assemble((f"  {name:<{width}}", "dim"), printable(value))
            self._console.print(line, soft_wrap=True)


def _origin(hit: Hit) -> str:
    article, place = hit.article, _place(hit)
    published = None if article.published is None else article.published.isoformat()
    return " · ".join(part for part in (article.source, published, place, article.url or article.id) if part)


def _place(hit: Hit) -> str:
    return f"paragraph {hit.passage.paragraph}" + ("" if hit.page is None else f", page {hit.page}")


def _published(article: Article) -> str:
    """Return the day of publication and where it is from, if it is not simply stated."""
    if article.published is None:
        return "not known"
    origin = article.metadata.get("published_from")
    sure = article.metadata.get("published_confidence")
    how = ", ".join(str(part) for part in (None if origin is None else f"from {origin}", sure) if part is not None)
    return article.published.isoformat() + (f" ({how})" if how else "")


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def _first_of(files: Sequence[str]) -> str:
    shown = ", ".join(files[:_SHOWN])
    return f": {shown}" + (f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else "")


def _languages(shares: Mapping[str, float]) -> str:
    most = ", ".join(f"{name_of_language(code)} {share:.0%}" for code, share in list(shares.items())[:_SHOWN])
    return (most or "of no certain one") + ", ..." * (len(shares) > _SHOWN)


def _globs(globs: FileGlobs) -> str:
    """Return which files are wanted: ``include *.html; exclude drafts/``."""
    named = {"include": globs.include, "exclude": globs.exclude}
    return "; ".join(f"{name} {', '.join(patterns)}" for name, patterns in named.items() if patterns)


def _columns(fields: FieldNames) -> str:
    """Return what columns are called, as the options name them: ``text: lead, body; table: posts``."""
    named = {field: ", ".join(names) for field, names in fields.by_field().items() if names}
    return "; ".join(f"{field}: {names}" for field, names in ({**named, "table": fields.table or ""}).items() if names)


def _token_store(manifest: Manifest) -> str:
    size = sum(file.bytes for name, file in manifest.files.items() if name.startswith("token"))
    return f"{size / 1e6:,.1f} MB are vectors of tokens" if size else "nothing is vectors of tokens: there are none"


_ENGINES = {"embedded": "in a folder", "postgres": "in PostgreSQL", "milvus": "in Milvus"}
_UNITS = {
    "bytes": ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")),
    "ms": ((1e3, "s"),),
}  # by which figures are divided for people


def _figure(estimate: Estimate) -> str:
    """Return a figure and its range: ``1.2 TB (0.9 to 1.4)``."""
    divisor, unit = next(
        ((least, unit) for least, unit in _UNITS.get(estimate.unit, ()) if estimate.value >= least),
        (1.0, estimate.unit),
    )
    value, low, high = (_digits(number / divisor) for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} {unit}" + (f" ({low} to {high})" if low != high else "")


def _digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def _sizes(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the rows that say how large an index is; of one in an engine, which engine it is in."""
    if not manifest.files:
        return [("engine", manifest.dense_spec)]
    size = sum(file.bytes for file in manifest.files.values())
    return [("size", _size(size, manifest.counts.passages)), ("of which", _token_store(manifest))]


def _size(size: int, passages: int) -> str:
    return f"{size / 1e6:,.1f} MB, {size // max(passages, 1):,} bytes a passage"
