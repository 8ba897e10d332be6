"""The page in a real browser: a server as a process, and Debian's chromium, driven by playwright."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from typing_extensions import Self

__all__ = ["SIZES", "Served", "a_browser", "until"]

SIZES = {"wide": (1280, 800), "narrow": (360, 740)}
"""The two sizes that the page is looked at in, in CSS pixels."""

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]  # among them everything by which a browser asks somebody by itself
_ADDRESS = re.compile(r"http://[\d.]+:(\d+)/\S*")


class Served:
    """``semsearch serve`` as a process of its own, on a port that stays the same when it is started again."""

    def __init__(self, index: Path, *options: str) -> None:
        self._index = index
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, and wait until it can be asked."""
        command = [sys.executable, "-m", "semsearch", "serve", "--index", str(self._index), "--no-open"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port), *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if match := _ADDRESS.search(line):
                self.url, self._port = match[0], int(match[1])
                return
        raise AssertionError(f"the server said no address but {said}")

    def stop(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def a_browser() -> Iterator[Browser]:
    """Yield chromium; skip the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs a browser: there is no chromium on the path")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def until(page: Page, expression: str, seconds: float = 30) -> None:
    """Wait until a JavaScript expression is true. Playwright's own way needs ``eval``, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true in {seconds} s: {expression}"
        page.wait_for_timeout(30)
