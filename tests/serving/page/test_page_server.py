"""The page and its server: one that is gone and back, busy, asks for a token, or has a newer index."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import semsearch
from tests.serving.browser import Served, until
from tests.serving.page.conftest import Open, Watch

TOKEN = "a-token-of-the-tests-0123456789"  # noqa: S105 - it opens what the tests start


@pytest.fixture
def small_index(tmp_path: Path) -> Path:
    index = tmp_path / "small-index"
    text = "The harbour master resigned on Monday.\n\nHis deputy takes over the port until the summer."
    article = semsearch.Article(id="harbour", title="Harbour", text=text, published=dt.date(2021, 1, 2), source="Wire")
    semsearch.build_index([article], index)
    return index


@pytest.fixture
def own(small_index: Path) -> Iterator[Served]:
    """A server that the test may end."""
    with Served(small_index) as server:
        yield server


def test_a_server_that_is_gone_is_asked_again_until_it_is_back(visit: Open, watch: Watch, own: Served) -> None:
    watch.refusals_are_expected = True
    page = visit(url=own.url + "?q=harbour")
    expect(page.locator(".hit").first).to_be_visible()
    own.stop()
    page.get_by_label("Question").fill("who takes over")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("The server does not answer. It is asked again by itself.")
    expect(page.locator("#live")).to_contain_text("The server does not answer.")
    expect(page.get_by_label("Question")).to_be_focused()
    expect(page.locator(".hit").first).to_be_visible()  # what was found is still there to read
    own.start()
    expect(notice).to_have_count(0, timeout=60_000)
    expect(page.locator(".hit mark").first).to_contain_text("takes over")


def test_a_newer_index_is_told_and_shown_when_one_wants_it(
    visit: Open, watch: Watch, own: Served, small_index: Path
) -> None:
    watch.refusals_are_expected = True  # the article that was taken out
    page = visit(url=own.url + "?q=harbour+master&article=harbour")
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator("#article .block").first).to_be_visible()
    newer = semsearch.Article(id="new", title="A new harbour master", text="The harbour master is Ada Quist since May.")
    semsearch.update_index(small_index, add=[newer], remove=["harbour"])
    until(page, "document.dispatchEvent(new Event('visibilitychange')), document.querySelector('.notice') !== null")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("The index was updated: what is shown may have changed.")
    expect(page.locator(".hit")).not_to_contain_text(["Ada Quist"])
    notice.get_by_role("button", name="Show it anew").click()
    expect(page.locator(".hit").first).to_contain_text("Ada Quist")
    expect(page.locator("#article-title")).to_have_text("This article is not in the index")
    expect(notice).to_have_count(0)


def test_who_asks_too_often_is_asked_to_wait_and_then_answered(visit: Open, watch: Watch, small_index: Path) -> None:
    watch.refusals_are_expected = True
    with Served(small_index, "--rate", "0.25") as server:  # one request in four seconds: the page makes three at once
        page = visit(url=server.url + "?q=who+takes+over")
        expect(page.locator(".notice")).to_contain_text("The server is busy")
        expect(page.locator(".hit mark").first).to_contain_text("takes over the port", timeout=60_000)
        expect(page.locator(".notice")).to_have_count(0, timeout=60_000)


def test_without_the_token_the_page_says_how_to_get_in(
    visit: Open, watch: Watch, small_index: Path, tmp_path: Path
) -> None:
    watch.refusals_are_expected = True
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with Served(small_index, "--token-file", str(file)) as server:
        base = re.sub(r"\?.*", "", server.url)
        page = visit(url=base + "?q=harbour")
        expect(page.locator("body")).to_contain_text(re.compile("token"))
        page.goto(f"{base}?token={TOKEN}&q=harbour")
        expect(page.locator(".hit").first).to_contain_text("harbour master")
        assert TOKEN not in page.url
        page.reload()
        expect(page.locator(".hit").first).to_be_visible()


def test_a_link_opened_from_elsewhere_is_the_state_it_says(browser: Browser, own: Served) -> None:
    page = browser.new_page()
    page.goto(own.url + "?q=deputy&source=Wire&since=2020&k=oops&mode=none&at=9-1&explain=yes&article=harbour")
    expect(page.locator("#article-title")).to_have_text("Harbour")
    expect(page.get_by_role("button", name="Remove source Wire")).to_be_visible()
    expect(page.locator(".hit").first).to_contain_text("deputy")
    page.close()
