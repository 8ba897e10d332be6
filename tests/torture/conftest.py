"""Shows at the end of a run what was noted, and keeps it if that was asked for and nothing failed."""

from __future__ import annotations

import pytest

from tests.torture.figures import KEPT, LONG, NOTED, write_noted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    if not NOTED:
        return
    terminalreporter.section("reliability, the long version" if LONG else "reliability, the short version")
    for promise, figures in sorted(NOTED.items()):
        counted = ", ".join(f"{figure:,} {name.replace('_', ' ')}" for name, figure in figures.items())
        terminalreporter.line(f"{promise}: {counted}")
    if KEPT and exitstatus == 0:
        write_noted()
