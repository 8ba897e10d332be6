"""Progress with rate and time left, on standard error, for whatever takes longer than a second."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from semsearch.records import Progress, ReportProgress

__all__ = ["show_progress"]

_PATIENCE = 1.0  # seconds before anything is shown
_EVERY = 10.0  # seconds between two lines in a log


def show_progress() -> contextlib.AbstractContextManager[ReportProgress]:
    """Show what is reported: on a terminal as a bar that goes away, in a log as a line every ten seconds."""
    return _bar() if sys.stderr.isatty() else _lines()


@contextlib.contextmanager
def _bar() -> Iterator[ReportProgress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    known, unknown = (
        [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
         TimeRemainingColumn(), TextColumn("left")],
        [TextColumn("{task.description}"), TextColumn("{task.fields[count]}"), TimeElapsedColumn()],
    )  # fmt: skip
    bars = Bars(*unknown, console=Console(stderr=True), transient=True)
    task = bars.add_task("", total=None, rate="", count="")
    # A stage may take seconds before it reports again, so the first sight of it cannot wait for a report.
    timer = threading.Timer(_PATIENCE, bars.start)
    timer.daemon = True
    stage = _Stage()

    def report(progress: Progress) -> None:
        if stage.enter(progress):
            bars.reset(task, description=progress.stage, total=progress.total)
        bars.columns = tuple(unknown if progress.total is None else known)
        bars.update(
            task,
            completed=progress.done,
            rate=f"{stage.rate(progress):.0f}/s",
            count=f"{progress.done:,}" if progress.done else "",
        )

    timer.start()
    try:
        yield report
    finally:
        timer.cancel()
        bars.stop()


@contextlib.contextmanager
def _lines() -> Iterator[ReportProgress]:
    stage = _Stage()
    last = time.monotonic()

    def report(progress: Progress) -> None:
        nonlocal last
        stage.enter(progress)
        now = time.monotonic()
        if now - last >= _EVERY and progress.done:
            last = now
            print(f"{progress.stage}: {_described(progress, stage.rate(progress))}", file=sys.stderr, flush=True)  # noqa: T201

    yield report


class _Stage:
    """Knows when the stage that is reported on began."""

    def __init__(self) -> None:
        self.name = ""
        self.began = 0.0

    def enter(self, progress: Progress) -> bool:
        """Return whether a new stage begins with this report."""
        if progress.stage == self.name:
            return False
        self.name, self.began = progress.stage, time.monotonic()
        return True

    def rate(self, progress: Progress) -> float:
        """Return how many are done a second, on average over the stage."""
        return progress.done / max(time.monotonic() - self.began, 1e-3)


def _described(progress: Progress, rate: float) -> str:
    if progress.total is None:
        return f"{progress.done:,}, {rate:.0f}/s"
    left = (progress.total - progress.done) / max(rate, 1e-3)
    minutes, seconds = divmod(round(left), 60)
    return f"{progress.done:,} of {progress.total:,}, {rate:.0f}/s, {minutes}:{seconds:02d} left"
