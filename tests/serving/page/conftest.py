"""One server for all tests of the page, a browser for each module, a fresh profile for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

import semsearch
from tests.serving.browser import SIZES, Served, a_browser
from tests.serving.page.articles import page_articles

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def page_index(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    index = tmp_path_factory.mktemp("page") / "page-index"
    semsearch.build_index(list(page_articles(corpus)), index)
    return index


@pytest.fixture(scope="session")
def served(page_index: Path) -> Iterator[Served]:
    with Served(page_index) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while playwright drives a browser, this thread has a loop, in which no other test could run.
    with a_browser() as chromium:
        yield chromium


class Watch:
    """What a page did that it must not do."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.errors: list[str] = []
        self.refusals_are_expected = False

    def follow(self, page: Page) -> None:
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
        )
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if not (self.refusals_are_expected and message.text.startswith("Failed to load resource")):
            self.errors.append(message.text)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def visit(browser: Browser, served: Served, watch: Watch) -> Iterator[Open]:
    """Open the page in a state, in a profile of its own; afterwards it must have asked nobody else, nor complained."""
    contexts = []

    def visiting(*, size: str = "wide", theme: str = "light", url: str | None = None, **state: Any) -> Page:
        width, height = SIZES[size]
        options: dict[str, Any] = {"color_scheme": theme, "reduced_motion": "reduce", "locale": "en-GB"}
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        watch.follow(page)
        query = urlencode(state, doseq=True)
        page.goto(url or (served.url + (f"?{query}" if query else "")))
        return page

    yield visiting
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert len(watch.hosts) <= 1
