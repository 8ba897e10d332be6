"""The page for everybody: by the keyboard alone, by a screen reader, on a small screen, in both themes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.serving.browser import SIZES, until
from tests.serving.page.conftest import Open, Watch

QUESTION = "which treaty allows the deployment to Kazakhstan"
ARTICLE = "csto-kazakhstan-deployment.md"
STATES: dict[str, dict[str, Any]] = {
    "nothing asked": {},
    "passages": {"q": "ferry to the northern islands cancelled", "explain": 1},
    "filtered": {"q": "mission", "since": "2016", "source": ["Northgate Wire", ""], "each": 1},
    "like": {"like": ARTICLE, "paragraph": 5},
    "an article": {"q": QUESTION, "article": ARTICLE, "at": "1314-1977", "mark": "1314-1570"},
    "nothing found": {"q": '"no such words" mission', "since": "2016"},
    "refused": {"q": "mission", "where": "colour >= 3"},
    "no such article": {"article": "nowhere"},
}


def violations(page: Page) -> list[str]:
    """What axe finds wrong, with where: everything in the light, and in the dark what is different there, contrast."""
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += page.evaluate("axe.run({runOnly: ['color-contrast'], resultTypes: ['violations']})")["violations"]
    page.emulate_media(color_scheme="light")
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("size", list(SIZES))
def test_axe_finds_nothing_wrong_in_any_state_in_either_theme(visit: Open, watch: Watch, size: str) -> None:
    watch.refusals_are_expected = True
    page = visit(size=size)
    base = page.url
    for name, state in STATES.items():
        page.goto(f"{base}?{urlencode(state, doseq=True)}")
        page.wait_for_load_state("networkidle")
        for summary in page.locator("summary").all()[:2]:
            summary.click()
        assert (name, violations(page)) == (name, [])
    page.goto(base)
    for panel in ("Dates", "Sources", "More"):
        page.get_by_role("button", name=panel, exact=True).click()
        assert (panel, violations(page)) == (panel, [])
    page.get_by_role("button", name="Keys").click()
    assert ("keys", violations(page)) == ("keys", [])


def test_axe_would_find_what_is_wrong(visit: Open) -> None:
    page = visit()
    page.wait_for_load_state("networkidle")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    page.evaluate("document.documentElement.style.setProperty('--muted', 'light-dark(#5e5b54, #333)')")
    assert {one.partition(":")[0] for one in violations(page)} >= {"html-has-lang", "color-contrast"}


def test_everything_can_be_done_by_keys(visit: Open) -> None:
    page = visit()
    keys = page.keyboard
    keys.type(QUESTION)
    links = page.locator(".hit a.title")
    expect(links.nth(2)).to_be_visible()
    keys.press("ArrowDown")
    expect(links.nth(0)).to_be_focused()
    keys.press("j")
    keys.press("ArrowDown")
    expect(links.nth(2)).to_be_focused()
    keys.press("k")
    expect(links.nth(1)).to_be_focused()
    second = links.nth(1).text_content() or ""
    keys.press("Enter")
    expect(page.locator("#article-title")).to_have_text(second)
    expect(page.locator("#article-title")).to_be_focused()
    keys.press("j")
    expect(page.locator(".hit").nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator("#article-title")).to_have_text(links.nth(2).text_content() or "")
    keys.press("Escape")
    expect(links.nth(2)).to_be_focused()
    keys.press("c")
    expect(page.locator("#live")).to_have_text("Copied")
    keys.press("m")
    expect(page.locator("#count")).to_contain_text("like paragraph")
    keys.press("/")
    expect(page.get_by_label("Question")).to_be_focused()
    keys.press("?")
    expect(page.locator("#keys")).to_be_hidden()  # in the box it is a question mark
    keys.press("Tab")
    keys.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    keys.press("Enter")
    expect(page.locator("#panel-dates")).to_be_visible()  # the focus was back where it had been


def test_the_arrow_goes_to_the_first_passage_of_what_was_just_written(visit: Open) -> None:
    page = visit(q="volcano erupted")
    first = page.locator(".hit a.title").first
    expect(first).to_be_visible()
    page.get_by_label("Question").fill("zeppelin hangar burned down")
    page.keyboard.press("ArrowDown")  # before it was asked
    expect(first).to_have_text("A transcript without paragraphs")
    expect(first).to_be_focused()


def test_the_focus_does_not_fall_off_the_page_with_the_passage_that_had_it(visit: Open) -> None:
    page = visit(q="volcano erupted")
    page.locator(".hit a.title").first.focus()
    page.get_by_label("Question").fill("zeppelin hangar burned down")
    expect(page.locator(".hit a.title").first).to_have_text("A transcript without paragraphs")
    page.locator(".hit a.title").last.focus()
    page.go_back()
    expect(page.get_by_label("Question")).to_have_value("volcano erupted")
    expect(page.locator(".hit a.title").first).to_be_focused()


def test_a_panel_closes_by_escape_and_the_focus_is_on_its_switch(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Dates").press("Enter")
    page.get_by_label("Since").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Since")).to_be_hidden()
    expect(page.get_by_role("button", name="Dates")).to_be_focused()


def test_keys_of_a_single_sign_can_be_turned_off(visit: Open) -> None:
    page = visit(q="volcano")
    links = page.locator(".hit a.title")
    links.nth(0).focus()
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Keys that are a single sign work").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    links.nth(0).focus()
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()


def test_on_a_small_screen_an_article_covers_the_page_and_gives_it_back(visit: Open) -> None:
    page = visit(size="narrow", q=QUESTION)
    link = page.locator(".hit a.title").nth(1)
    link.click()
    expect(page.locator("#article-title")).to_be_focused()
    assert page.locator("#column").evaluate("column => column.inert")
    for _ in range(80):  # the tab key never reaches what is covered
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#column')") is None
    page.get_by_role("button", name="Close").click()
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    assert not page.locator("#column").evaluate("column => column.inert")


def test_at_four_hundred_per_cent_the_page_is_a_column(visit: Open) -> None:
    page = visit(q=QUESTION, article=ARTICLE, at="1314-1977")
    page.set_viewport_size({"width": 320, "height": 200})  # what is left of 1280 by 800 at 400 %
    expect(page.locator("#article .block[aria-current=true]")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.locator("#article").evaluate("pane => pane.scrollWidth") <= 320
    assert page.locator(".bar").evaluate("bar => getComputedStyle(bar).position") == "static"
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".hit").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_theme_is_the_system_s_until_one_chooses_and_the_choice_is_kept(visit: Open) -> None:
    page = visit(theme="dark")
    switch = page.get_by_role("button", name="Dark")
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(23, 24, 26)"
    switch.click()
    page.reload()
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(252, 251, 248)"
    switch.click()  # as the system: nothing is kept any more
    assert page.evaluate("localStorage.length") == 0
    page.emulate_media(color_scheme="light")
    expect(switch).to_have_attribute("aria-pressed", "false")


def test_landmarks_and_headings_tell_the_page(visit: Open) -> None:
    page = visit(q=QUESTION, article=ARTICLE)
    expect(page.get_by_role("search", name="Search the archive")).to_be_visible()
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_role("region", name="10 passages")).to_be_visible()
    expect(page.get_by_role("region", name=re.compile("CSTO deployment to Kazakhstan"))).to_be_visible()
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3')].filter(h => h.checkVisibility()).map(h => h.tagName)"
    )
    assert levels[:3] == ["H1", "H2", "H3"]
    assert page.locator("html").get_attribute("lang") == "en"


def test_what_is_printed_is_the_article_or_the_passages(visit: Open) -> None:
    page = visit(q=QUESTION)
    expect(page.locator(".hit").first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".hit .passage").first).to_be_visible()
    expect(page.locator("#search")).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator(".hit a.title").first.click()
    expect(page.locator("#article mark")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator("#article-title")).to_be_visible()
    expect(page.locator(".hit").first).to_be_hidden()
    page = visit(article="ferry/1")
    expect(page.locator("#article .number").first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator("#article .number").first).to_be_visible()  # by which it is cited
    address = page.get_by_role("link", name=re.compile("^Original"))
    expect(address).to_be_visible()
    told = address.evaluate("link => getComputedStyle(link, '::after').content")
    assert "https://example.org/ferry/1" in told
    expect(page.get_by_role("button", name="Copy link")).to_be_hidden()


def test_with_forced_colours_the_mark_is_still_marked(visit: Open) -> None:
    page = visit(q=QUESTION)
    page.emulate_media(forced_colors="active")
    colours = page.locator(".hit mark").first.evaluate(
        "mark => [getComputedStyle(mark).backgroundColor, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours[0] not in {colours[1], "rgba(0, 0, 0, 0)"}


def test_nothing_moves_for_who_wants_nothing_to_move(visit: Open) -> None:
    page = visit(q=QUESTION)
    until(page, "matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert page.locator("#busy").evaluate("busy => getComputedStyle(busy, '::after').animationName") == "none"
