"""The page: the whole article, and links to every state."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.serving.browser import until
from tests.serving.page.articles import EMOJI, HEBREW, HOSTILE, LONG
from tests.serving.page.conftest import Open, Watch

QUESTION = "which treaty allows the deployment to Kazakhstan"


def is_seen(page: Page, one: Locator) -> bool:
    """Whether all of an element is in the visible part of the article."""
    box, pane = one.bounding_box(), page.locator("#article").bounding_box()
    assert box is not None
    assert pane is not None
    return pane["y"] <= box["y"] and box["y"] + box["height"] <= pane["y"] + pane["height"]


def test_an_article_opens_at_the_passage_and_closing_returns(visit: Open) -> None:
    page = visit(q=QUESTION)
    link = page.locator(".hit a.title").nth(1)
    marked = page.locator(".hit").nth(1).locator("mark").text_content()
    title = link.text_content() or ""
    link.click()
    expect(page.locator("#article-title")).to_have_text(title)
    expect(page.locator("#article-title")).to_be_focused()
    expect(page.locator("#article mark")).to_have_text(marked or "")
    assert is_seen(page, page.locator("#article mark"))
    expect(page.locator(".hit").nth(1)).to_have_attribute("aria-current", "true")
    expect(page).to_have_title(f"{title} – {QUESTION} – semsearch")
    page.keyboard.press("Escape")
    expect(page.locator("#article")).to_be_hidden()
    expect(link).to_be_focused()


def test_every_state_has_a_link(visit: Open) -> None:
    page = visit(q=QUESTION)
    page.locator(".hit a.title").first.click()
    expect(page.locator("#article mark")).to_be_visible()
    marked = page.locator("#article mark").text_content() or ""
    other = visit(url=page.url)
    expect(other.locator("#article mark")).to_have_text(marked)
    assert is_seen(other, other.locator("#article mark"))
    expect(other.locator(".hit[aria-current=true]")).to_have_count(1)
    expect(other.get_by_label("Question")).to_have_value(QUESTION)


def test_back_and_forward_go_through_what_was_seen(visit: Open) -> None:
    page = visit(q="volcano")
    expect(page.locator(".hit").first).to_be_visible()
    page.get_by_label("Question").fill("ferry cancelled")
    expect(page.locator(".hit").first).to_contain_text("Ferry")
    page.locator(".hit a.title").first.click()
    expect(page.locator("#article-title")).to_contain_text("Ferry")
    page.go_back()
    expect(page.locator("#article")).to_be_hidden()
    expect(page.locator(".hit a.title").first).to_be_focused()
    page.go_back()
    expect(page.get_by_label("Question")).to_have_value("volcano")
    expect(page.locator(".hit").first).to_contain_text("volcano")
    page.go_forward()
    page.go_forward()
    expect(page.locator("#article-title")).to_contain_text("Ferry")
    expect(page.get_by_label("Question")).to_have_value("ferry cancelled")


def test_reload_and_back_return_to_where_one_was(visit: Open) -> None:
    page = visit(q="peacekeeping force", k=50)
    expect(page.locator(".hit")).to_have_count(50)
    page.locator(".hit a.title").nth(30).scroll_into_view_if_needed()
    until(page, "history.state?.kept?.list > 500")
    before = page.evaluate("scrollY")
    page.reload()
    expect(page.locator(".hit")).to_have_count(50)
    until(page, f"Math.abs(scrollY - {before}) < 3")
    page.locator(".hit a.title").nth(30).click()
    expect(page.locator("#article .block").first).to_be_visible()
    page.locator("#article").evaluate("pane => pane.scrollTop = pane.scrollHeight")
    until(page, "history.state?.kept?.article?.block > 2")
    last = page.locator("#article .block").last
    where = "document.querySelector('#article-text').lastChild.getBoundingClientRect().top"
    place = page.evaluate(where)
    page.reload()
    expect(last).to_be_in_viewport()
    until(page, f"Math.abs({where} - {place}) < 3")
    page.go_back()
    until(page, f"Math.abs(scrollY - {before}) < 3")


def test_one_steps_through_the_passages_found_in_the_article(visit: Open) -> None:
    page = visit(q="Kazakhstan deployment Zas", k=100)
    links = page.locator(".hit a.title", has_text="CSTO deployment to Kazakhstan gathers pace")
    expect(links.nth(2)).to_be_visible()
    links.first.click()
    step = page.locator("#step")
    expect(step).to_have_text(re.compile(r"^\d+ of \d+$"))
    here, total = map(int, (step.text_content() or "").split(" of "))
    assert total == links.count()
    if here == total:
        page.get_by_role("button", name="Previous").click()
        here -= 1
        expect(step).to_have_text(f"{here} of {total}")
    page.get_by_role("button", name="Next").click()
    expect(step).to_have_text(f"{here + 1} of {total}")
    current = page.locator("#article .block[aria-current=true]").first
    assert is_seen(page, current)
    assert page.locator("#article .block.found").count() >= total  # a line beside them, and no underlines
    assert page.locator("#article .words .found").count() == 0
    page.go_back()  # stepping adds nothing to the history
    expect(page.locator("#article")).to_be_hidden()


def test_headings_are_headings_and_paragraphs_have_numbers(visit: Open) -> None:
    page = visit(article="csto-kazakhstan-deployment.md")
    expect(page.get_by_role("heading", name="A force from five countries", exact=True)).to_be_visible()
    numbers = page.locator("#article .number").all_text_contents()
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    page.get_by_role("link", name="Paragraph 4", exact=True).click()
    expect(page.locator("#article .block[aria-current=true] .number")).to_have_text("4")
    page.get_by_role("button", name="More like paragraph 4").click()
    expect(page.locator("#count")).to_contain_text("like paragraph 4 of")
    expect(page.locator("#article")).to_be_hidden()


def test_offsets_are_code_points_whatever_the_text(visit: Open) -> None:
    page = visit(q="lava lake measured with thermometers on kites")
    hit = page.locator(".hit", has_text="𝔄 day at the 🌋 volcano")
    marked = hit.locator("mark").text_content() or ""
    hit.locator("a.title").click()
    expect(page.locator("#article mark")).to_have_text(marked)
    page.goto(page.url.split("?")[0] + f"?article={EMOJI}&at=0-3&mark=3-4")
    expect(page.locator("#article .here")).to_have_text("👩‍🔬")  # three code points, five units
    expect(page.locator("#article mark")).to_have_text("🌋")
    page.goto(page.url.split("?")[0] + f"?article={EMOJI}&at=9000-9010")
    expect(page.locator("#article-note")).to_contain_text("The article has changed")


def test_right_to_left_text_runs_right_to_left(visit: Open) -> None:
    page = visit(article=HEBREW)
    for place in ("#article-title", "#article .block p.words"):
        expect(page.locator(place).first).to_have_css("direction", "rtl")
    facts = page.locator("#article-facts")
    expect(facts.locator("bdi").first).to_have_css("direction", "rtl")
    places = facts.locator("> *").evaluate_all("facts => facts.map(fact => fact.getBoundingClientRect().left)")
    assert places == sorted(places)  # the page runs as it runs, with the dots between what they are between
    expect(facts.locator(".source")).to_have_css("direction", "ltr")


def test_in_a_passage_that_runs_both_ways_each_paragraph_runs_its_own(visit: Open) -> None:
    page = visit(q="interpreter translated word by word")
    passage = page.locator(".hit", has_text="Both ways").locator(".passage")
    expect(passage).to_contain_text("מילה.")
    ends = passage.evaluate(
        """passage => {
            const walker = document.createTreeWalker(passage, NodeFilter.SHOW_TEXT);
            const ends = [];
            while (walker.nextNode()) {
                if (!walker.currentNode.length) continue;
                const range = document.createRange();
                range.selectNodeContents(walker.currentNode);
                const whole = range.getBoundingClientRect();
                range.setStart(walker.currentNode, walker.currentNode.length - 1);
                const last = range.getBoundingClientRect();
                ends.push(last.left - whole.left < 2 ? "left" : whole.right - last.right < 2 ? "right" : "inside");
            }
            return ends;
        }"""
    )
    assert ends == ["right", "left"]


def test_hostile_texts_stay_texts(visit: Open, watch: Watch) -> None:
    watch.refusals_are_expected = True  # what is hostile is no filter either
    page = visit(q="volcano erupted observers", explain=1)
    hit = page.locator(".hit", has_text="The volcano erupted")
    expect(hit.locator("a.title")).to_have_text(HOSTILE)
    expect(hit.locator(".source")).to_have_text(f"Source {HOSTILE}")
    expect(hit.get_by_role("link", name=re.compile("Original"))).to_have_count(0)
    hit.locator("a.title").click()
    expect(page.locator("#article-title")).to_have_text(HOSTILE)
    expect(page.locator("#article .heading")).to_have_text(HOSTILE)
    expect(page.locator("#article-facts")).to_contain_text(HOSTILE)
    page.get_by_role("button", name="More like this article").click()
    expect(page.locator("#count q")).to_have_text(HOSTILE)
    page.get_by_role("button", name="Sources").click()
    expect(page.locator(".sources label").filter(has_text=HOSTILE)).to_have_count(1)
    other = visit(q=HOSTILE, source=HOSTILE, where=f"source = '{HOSTILE}'", like="")
    expect(other.locator("#chips")).to_contain_text(HOSTILE)
    for seen in (page, other):
        assert seen.locator("img, main script, #article script").count() == 0
        assert "semsearch" in seen.title()


def test_two_thousand_paragraphs_open_at_the_one_that_answers(visit: Open) -> None:
    page = visit(q="saxophone quartet from Ghent", size="narrow")
    page.locator(".hit a.title").first.click()
    expect(page.locator("#article .block")).to_have_count(2000)
    mark = page.locator("#article mark")
    expect(mark).to_contain_text("saxophone quartet")
    expect(mark).to_be_in_viewport()
    expect(page.locator("#article .block").first).to_have_css("content-visibility", "auto")
    assert parse_qs(urlsplit(page.url).query)["article"] == [LONG]
    page.get_by_role("button", name="Copy quotation").last.click()
    expect(page.locator("#live")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[1] == "— Minutes of two thousand items, paragraph 1500"


def test_in_a_paragraph_longer_than_the_screen_one_can_copy_where_the_passage_is(visit: Open) -> None:
    page = visit(q="zeppelin hangar burned down during the night", size="narrow")
    page.locator(".hit a.title").first.click()
    expect(page.locator("#article mark")).to_be_in_viewport()
    assert page.locator("#article .block").evaluate("block => block.offsetHeight > 3 * innerHeight")
    copy = page.locator("#article").get_by_role("button", name="Copy quotation")
    expect(copy).to_be_in_viewport(ratio=1)
    copy.click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert "zeppelin hangar" in page.evaluate("navigator.clipboard.readText()")


def test_a_table_keeps_its_lines_among_the_passages(visit: Open) -> None:
    page = visit(q="budget of the town for roads and schools")
    hit = page.locator(".hit", has_text="Budget table")
    expect(hit.locator(".lines")).to_have_css("white-space-collapse", "preserve-breaks")
    expect(hit.locator(".lines")).to_contain_text("| roads | 1,200 |")


def test_a_title_of_a_whole_page_leaves_room_for_its_passage(visit: Open) -> None:
    page = visit(q="procurement of helicopters delayed", size="narrow")
    title = page.locator(".hit a.title", has_text="On the question whether").first
    lines = title.evaluate("title => title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight)")
    assert 5.5 < lines < 6.5
    title.click()
    whole = page.locator("#article-title")
    assert whole.evaluate("title => title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight)") > 10


def test_an_article_that_is_not_there(visit: Open, watch: Watch) -> None:
    watch.refusals_are_expected = True
    page = visit(article="no/such <b>article</b>")
    expect(page.locator("#article-title")).to_have_text("This article is not in the index")
    expect(page.locator("#article-note")).to_contain_text("“no/such <b>article</b>”")


def test_nothing_is_wider_than_the_screen(visit: Open) -> None:
    for state in (
        {"q": "glassblower"},
        {"q": "volcano", "article": "words"},
        {"q": HOSTILE * 3, "source": HOSTILE * 9},
    ):
        page = visit(size="narrow", **state)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("document.querySelector('#article').scrollWidth") <= 360
