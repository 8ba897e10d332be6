"""Hits as HTML: whatever an article says stays text."""

from __future__ import annotations

from lxml import html

from semsearch.hits import ArticleHits, Hits, ManyHits
from semsearch.records import Article, ArticleHit
from tests.hits.articles import full, hit, hostile


def table_of(found: Hits | ArticleHits | ManyHits) -> html.HtmlElement:
    return html.fragment_fromstring(found._repr_html_(), create_parent="div")


def texts(parts: list[html.HtmlElement]) -> list[str]:
    return [" ".join(part.text_content().split()) for part in parts]


def test_a_row_has_rank_score_article_and_passage_with_the_answer_marked() -> None:
    page = table_of(Hits([full(), hit(2)], query="who guards"))
    assert texts(page.xpath(".//caption")) == ["2 passages for “who guards”"]
    assert texts(page.xpath(".//th[@scope='col']")) == ["Rank", "Score", "Article", "Passage"]
    first, second = page.xpath(".//tbody/tr")
    assert texts(first.xpath("./td")) == [
        "1",
        "1.000",
        "PeacekeepersNorthgate Wire · 1743-02-28",
        "The council sent soldiers. They guard the airport.paragraph 1, page iv · 2 near duplicates",
    ]
    assert texts(first.xpath(".//mark")) == ["They guard the airport."]
    (link,) = first.xpath(".//a")
    assert link.get("href") == "https://example.org/a?b=1&c=2"
    assert link.get("rel") == "noopener noreferrer"
    assert second.xpath(".//mark | .//a") == []
    assert texts(second.xpath("./td"))[2] == "a2"  # an article without a title is called by its id


def test_hostile_texts_are_shown_and_nothing_else() -> None:
    page = table_of(Hits([hostile()], query="<script>alert('query')</script>"))
    assert {element.tag for element in page.iter()} == {
        *("div", "style", "table", "caption", "thead", "tbody", "tr", "th", "td", "mark"),
    }
    assert {name for element in page.iter() for name in element.attrib} == {"class", "dir", "scope"}
    (row,) = page.xpath(".//tbody/tr")
    shown = row.text_content()
    for part in ("<script>alert('passage')</script>", "<img src=x onerror=alert(1)>", "<script>alert('title')"):
        assert part in shown
    assert texts(page.xpath(".//mark")) == ["</mark><b>The answer</b> & \ufffdturned round\ufffd stands here."]
    assert "page <b>1</b>" in shown
    assert "<script>alert('query')</script>" in page.xpath(".//caption")[0].text_content()


def test_a_link_that_is_not_of_the_web_or_breaks_out_is_none() -> None:
    for url in (
        "javascript:alert(1)",
        "data:text/html,x",
        "https://x\" onclick='y",
        "https://x\n.y",
        "//x",
        "file:///x",
    ):
        article = Article(id="a", text="Text.", url=url)
        assert table_of(Hits([hit(1, article=article)])).xpath(".//a") == [], url


def test_of_a_long_passage_what_surrounds_the_answer_is_shown() -> None:
    text = "Nothing here. " * 400 + "This is the answer. " + "Nothing there. " * 400
    page = table_of(Hits([hit(1, text, evidence="This is the answer.")]))
    (passage,) = page.xpath(".//*[contains(@class, 'semsearch-passage')]")
    shown = passage.text_content()
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) == 1500 + 4
    assert shown[2:-2] in text
    assert texts(page.xpath(".//mark")) == ["This is the answer."]
    plain = table_of(Hits([hit(1, text)])).xpath(".//*[contains(@class, 'semsearch-passage')]")[0].text_content()
    assert plain == text[:1500] + " …"
    whole = "A sentence. " * 125
    (passage,) = table_of(Hits([hit(1, whole)])).xpath(".//*[contains(@class, 'semsearch-passage')]")
    assert passage.text_content() == whole


def test_an_answer_at_either_end_of_a_long_passage_is_shown() -> None:
    for text in ("First of all. " + "x y z. " * 1000, "x y z. " * 1000 + "Last of all."):
        evidence = "First of all." if text.startswith("First") else "Last of all."
        page = table_of(Hits([hit(1, text, evidence=evidence)]))
        assert texts(page.xpath(".//mark")) == [evidence]


def test_a_long_list_says_how_much_is_not_shown() -> None:
    page = table_of(Hits([hit(rank) for rank in range(1, 61)], query="q"))
    assert len(page.xpath(".//tbody/tr")) == 50
    assert texts(page.xpath(".//p")) == ["10 more passages are not shown here: to_pandas() has all."]
    assert texts(page.xpath(".//caption")) == ["60 passages for “q”"]


def test_many_queries_are_shown_with_fewer_passages_each() -> None:
    for queries, each in ((2, 50), (10, 10), (20, 5), (60, 3)):
        page = table_of(ManyHits(Hits(map(hit, range(1, 61)), query=f"q{number}") for number in range(queries)))
        assert len(page.xpath(".//table")) == min(queries, 50)
        assert {len(table.xpath("./tbody/tr")) for table in page.xpath(".//table")} == {each}
        assert texts(page.xpath(".//p"))[0] == f"{60 - each} more passages are not shown here: to_pandas() has all."
    assert texts(page.xpath(".//p"))[-1] == "10 more queries are not shown here: to_pandas() has all."


def test_where_nothing_was_found_it_says_so() -> None:
    assert texts([table_of(Hits(query="a < b"))]) == ["Nothing was found for “a < b”."]
    assert texts([table_of(Hits())]) == ["Nothing was found."]
    assert texts([table_of(ArticleHits(query="a"))]) == ["Nothing was found for “a”."]


def test_articles_and_several_queries_are_tables_too() -> None:
    articles = [ArticleHit(1, 0.75, full().article, (full(), hit(2))), ArticleHit(2, 0.5, hit(1).article, (hit(1),))]
    rows = table_of(ArticleHits(articles, query="q")).xpath(".//tbody/tr")
    assert [texts(row.xpath("./td"))[0] for row in rows] == ["1", "", "2"]
    many = table_of(ManyHits([Hits([hit(1)], query="a"), Hits(query="b")]))
    assert texts(many.xpath(".//caption | .//p")) == ["1 passage for “a”", "Nothing was found for “b”."]
