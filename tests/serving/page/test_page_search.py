"""The page: what is asked, what is found, and what is said where nothing is."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.serving.browser import Served, until
from tests.serving.page.conftest import Open, Watch


def said(page: Page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def test_the_first_thing_shown_is_what_there_is_to_search(visit: Open) -> None:
    page = visit()
    expect(page.locator("#instead .lead")).to_have_text(
        re.compile(r"^\d+ articles in [\d,]+ passages from [12]\d sources, .* \d{4} to .* \d{4}\.$")
    )
    expect(page.get_by_label("Question")).to_be_focused()
    expect(page.locator("#index-name")).to_have_text("page-index")


def test_it_answers_as_one_types_and_the_box_keeps_the_focus(visit: Open) -> None:
    page = visit()
    page.keyboard.type("which treaty allows the deployment to Kazakhstan")
    first = page.locator(".hit").first
    expect(first).to_contain_text("Collective Security Treaty")
    expect(page.get_by_label("Question")).to_be_focused()
    expect(page.locator("#live")).to_have_text("10 passages")
    expect(first.locator("mark")).to_have_count(1)
    expect(first.locator(".facts")).to_have_text(re.compile(r"\w+ \w+.*\d{1,2} \w+ \d{4}.*paragraph \d+"))
    assert said(page) == {"q": ["which treaty allows the deployment to Kazakhstan"]}
    assert page.evaluate("history.length") == 3  # the empty tab, the page, and one entry for all of what was typed


def test_words_are_asked_when_they_are_complete_and_not_each_of_their_letters(visit: Open) -> None:
    page = visit()
    page.wait_for_load_state("networkidle")
    page.clock.install()
    page.clock.pause_at("2030-01-01")
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(parse_qs(urlsplit(request.url).query).get("q", [])))
    typed = "volcano erupted o"
    for key in typed:
        page.keyboard.type(key)
        page.clock.run_for(150)
    assert asked == ["volcano ", "volcano erupted "]
    page.clock.run_for(150)
    until(page, f"document.title.includes({typed!r})")
    assert asked == ["volcano ", "volcano erupted ", typed]


def test_the_mark_is_the_sentence_that_answers_to_the_letter(visit: Open, served: Served) -> None:
    page = visit(q="lava lake measured thermometers")
    api = page.request.get(f"{served.url}api/v1/search?q=lava+lake+measured+thermometers").json()
    (hit,) = [hit for hit in api["hits"] if hit["article"]["id"] == "emoji"]
    mine = page.locator(".hit", has_text="𝔄 day at the 🌋 volcano")
    expect(mine.locator("mark")).to_have_text(hit["evidence"]["text"])
    assert mine.locator(".passage").text_content() == hit["passage"]["text"].replace("\n\n", "")
    assert "🔥" in hit["evidence"]["text"]


def test_an_answer_that_comes_too_late_is_dropped(visit: Open) -> None:
    page = visit()
    dropped = []
    page.on("requestfailed", lambda request: dropped.append(request.url))
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 700, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    with page.expect_request(re.compile("q=volcano(&|$)")):
        page.keyboard.type("volcano")
    page.keyboard.type(" ferry")
    expect(page.locator(".hit").first).to_contain_text(re.compile("ferry", re.IGNORECASE))
    assert [parse_qs(urlsplit(url).query)["q"] for url in dropped] == [["volcano"]]
    assert said(page)["q"] == ["volcano ferry"]


def test_what_is_being_composed_is_not_asked(visit: Open) -> None:
    page = visit()
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    keyboard = page.context.new_cdp_session(page)
    for part in ("か", "かざ", "火山"):
        keyboard.send("Input.imeSetComposition", {"text": part, "selectionStart": len(part), "selectionEnd": len(part)})
    page.wait_for_timeout(400)  # longer than the page waits for the next key
    assert asked == []
    keyboard.send("Input.insertText", {"text": "火山"})
    page.wait_for_url(re.compile("q="))
    assert said(page) == {"q": ["火山"]}


def test_duplicates_are_folded(visit: Open) -> None:
    page = visit(q="ferry to the northern islands cancelled")
    first = page.locator(".hit").first
    expect(first.locator("summary")).to_have_text("2 more say the same")
    expect(first.locator(".copies li").first).to_be_hidden()
    first.locator("summary").click()
    expect(first.locator(".copies a")).to_have_text([re.compile(r"Ferry cancelled, report \d")] * 2)
    first.locator(".copies a").first.click()
    expect(page.locator("#article-title")).to_have_text(re.compile(r"Ferry cancelled, report \d"))


def test_filters_narrow_down_and_chips_take_them_away(visit: Open) -> None:
    page = visit(q="mission")
    page.get_by_role("button", name="Dates").click()
    page.get_by_label("Since").fill("2022")
    page.get_by_label("Since").press("Tab")
    expect(page.get_by_role("button", name="Remove since 2022")).to_be_visible()
    expect(page.locator(".hit time").first).to_be_visible()
    until(page, "[...document.querySelectorAll('.hit time')].every(t => t.dateTime >= '2022')")
    page.get_by_role("button", name="Sources").click()
    page.get_by_label("Find a source").fill("north")
    expect(page.locator(".sources li")).to_have_count(1)
    page.get_by_role("checkbox", name="Northgate Wire").check()
    until(page, "[...document.querySelectorAll('.hit .source')].every(s => s.textContent == 'Northgate Wire')")
    assert said(page) == {"q": ["mission"], "since": ["2022"], "source": ["Northgate Wire"]}
    page.get_by_role("button", name="Remove source Northgate Wire").click()
    expect(page.get_by_role("button", name="Remove since 2022")).to_be_focused()
    page.get_by_role("button", name="Remove since 2022").click()
    expect(page.get_by_label("Question")).to_be_focused()
    expect(page.locator("#chips")).to_be_hidden()
    assert said(page) == {"q": ["mission"]}


def test_sources_stay_where_they_are_while_one_ticks_them(visit: Open) -> None:
    page = visit(q="report")
    switch = page.get_by_role("button", name="Sources", exact=True)
    switch.click()
    names = page.locator(".sources label")
    listed = names.all_text_contents()
    boxes = page.locator(".sources input")
    for number in (5, 6):
        boxes.nth(number).click()
        expect(page.locator("#chips li")).to_have_count(number - 4)
    expect(names).to_have_text(listed)
    expect(boxes.nth(6)).to_be_focused()
    page.locator("#chips button").first.click()
    expect(boxes.nth(5)).not_to_be_checked()
    switch.click()
    switch.click()  # opened again, it has what is chosen first
    expect(boxes.first).to_be_checked()
    expect(names.first).to_have_text(listed[6])


def test_articles_without_a_source_can_be_asked_for(visit: Open) -> None:
    page = visit(q="glacier", source="")
    expect(page.get_by_role("button", name="Remove source No source")).to_be_visible()
    expect(page.locator(".hit .title").first).to_have_text("untitled")
    expect(page.locator(".hit .source")).to_have_count(0)


def test_a_date_that_is_none_is_said_at_its_field(visit: Open) -> None:
    page = visit(q="mission")
    page.get_by_role("button", name="Dates").click()
    page.get_by_label("Until").fill("2022-02-30")
    page.get_by_label("Until").press("Enter")
    expect(page.locator("#until-error")).to_have_text("“2022-02-30” is no date: write 2020, 2020-03 or 2020-03-15.")
    expect(page.get_by_label("Until")).to_have_attribute("aria-invalid", "true")
    assert "until" not in said(page)


def test_a_filter_that_cannot_be_read_is_said_at_its_field(visit: Open, watch: Watch) -> None:
    watch.refusals_are_expected = True
    page = visit(q="mission", where="colour >= 3")
    expect(page.locator("#where-error")).to_contain_text("No article has a field colour.")
    expect(page.get_by_label("Filter", exact=True)).to_have_value("colour >= 3")
    page.get_by_label("Filter", exact=True).fill("has author")
    page.get_by_label("Filter", exact=True).press("Enter")
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator("#where-error")).to_be_hidden()


def test_a_quotation_mark_without_partner_is_a_mistake_only_when_one_is_done(visit: Open, watch: Watch) -> None:
    watch.refusals_are_expected = True
    page = visit()
    page.keyboard.type('rules for "peacekeeping forc')
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator("#query-error")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#query-error")).to_contain_text("has no partner")
    page.keyboard.type('e"')
    expect(page.locator(".hit").first).to_contain_text("peacekeeping force")
    expect(page.locator("#query-error")).to_be_hidden()


def test_where_nothing_is_found_there_is_a_remedy(visit: Open) -> None:
    page = visit(q='"no such words" mission', since="2016")
    expect(page.get_by_role("heading", name="No passages")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("No passages")
    page.get_by_role("button", name="Search without quotation marks").click()
    expect(page.locator(".hit").first).to_be_visible()
    assert said(page) == {"q": ["no such words mission"], "since": ["2016"]}
    page = visit(q="mission", until="1950")
    page.get_by_role("button", name="Search without filters").click()
    expect(page.locator(".hit").first).to_be_visible()
    assert said(page) == {"q": ["mission"]}


def test_more_passages_are_shown_and_the_focus_is_on_the_first_new_one(visit: Open) -> None:
    page = visit(q="mission of the peacekeeping force")
    page.get_by_role("button", name="More passages").click()
    expect(page.locator(".hit")).to_have_count(20)
    expect(page.locator(".hit").nth(10).locator("a.title")).to_be_focused()
    assert said(page)["k"] == ["20"]


def test_more_like_this(visit: Open) -> None:
    page = visit(q="ferry to the northern islands cancelled")
    page.locator(".hit").first.get_by_role("button", name="More like this").click()
    expect(page.locator("#count")).to_have_text(re.compile(r"passages? like paragraph 1 of Ferry cancelled, report \d"))
    expect(page.locator("#results")).to_be_focused()
    assert said(page)["paragraph"] == ["1"]
    page.get_by_role("button", name=re.compile("Remove like Ferry")).click()
    expect(page.locator("#instead .lead")).to_be_visible()
    page.go_back()
    expect(page.locator("#count")).to_contain_text("like paragraph 1")
    page.reload()
    expect(page.locator("#count")).to_have_text(re.compile(r"like paragraph 1 of Ferry cancelled, report \d"))


def test_a_quotation_is_copied_with_where_it_is_from(visit: Open) -> None:
    page = visit(q="lava lake measured with thermometers on kites")
    mine = page.locator(".hit", has_text="𝔄 day at the 🌋 volcano")
    mine.get_by_role("button", name="Copy quotation").click()
    expect(mine.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    quote, origin, url = copied.split("\n")
    assert quote == f"“{mine.locator('mark').text_content()}”"
    assert origin == "— 𝔄 day at the 🌋 volcano, Cobalt Press Agency, 4 February 2021, paragraph 1"
    assert url == "https://example.org/volcano?a=1&b=2"


def test_only_addresses_of_the_web_are_links(visit: Open) -> None:
    page = visit(q="volcano erupted lava")
    link = page.locator(".hit", has_text="𝔄 day at the").get_by_role("link", name=re.compile("^Original"))
    expect(link).to_have_attribute("href", "https://example.org/volcano?a=1&b=2")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator(".hit", has_text="The volcano erupted")).to_be_visible()
    assert page.evaluate("[...document.links].filter(a => !/^https?:$/.test(a.protocol)).length") == 0


def test_each_passage_can_be_explained(visit: Open) -> None:
    page = visit(q="glacier retreat")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_label("Explain each passage").check()
    first = page.locator(".hit").first
    first.locator(".why summary").click()
    expect(first.get_by_role("rowheader", name="glacier", exact=True)).to_be_visible()
    assert said(page)["explain"] == ["1"]
