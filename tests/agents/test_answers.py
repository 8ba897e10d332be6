"""What is cut of an answer, and what is said of what was cut."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import semsearch
from semsearch.agents._answers import Found, Passages
from semsearch.agents._rendering import passages_text
from semsearch.records import Article, Evidence, Hit, Passage
from tests.agents.clients import ask, in_memory, run


def long_hit() -> Hit:
    text = "A sentence of the report. " * 400
    article = Article(id="report", text=text, metadata={"pages": [[0, "vii"]]})
    copies = tuple(Hit(1, 0.4, Passage(text, 1, 0, len(text)), Article(id=f"copy {n}", text=text)) for n in range(13))
    return Hit(1, 0.5, Passage(text, 3, 0, len(text)), article, Evidence(text, 0, len(text)), copies)


def test_a_long_passage_is_cut_and_says_so() -> None:
    found = Found.of(long_hit())
    text = long_hit().passage.text
    assert (found.passage.text, found.passage.is_cut) == (text[:4000], True)
    assert (found.passage.start, found.passage.end) == (0, len(text))
    assert found.evidence is not None
    assert found.evidence.text == text[:4000]
    assert [copy.article.id for copy in found.duplicates] == [f"copy {n}" for n in range(10)]
    assert found.more_duplicates == 3
    assert found.citation == "report, page vii, paragraph 3"
    shown = passages_text(Passages(hits=[found], how_to_go_on="Go on."))
    assert f"characters 0 to {len(text)}, of which the first 4,000 are shown" in shown
    assert f"\n{text[:4000]} …\n" in shown
    assert "the same is in: copy 0, copy 1, " in shown
    assert "copy 9 and 3 more\n" in shown


def test_of_many_sources_the_largest_are_told(tmp_path: Path) -> None:
    articles = [
        Article(id=f"{n}-{copy}", text="A text.", source=f"Source {n}", published=dt.date(2020, 1, 1 + copy))
        for n in range(205)
        for copy in range(2 if n == 7 else 1)
    ]
    semsearch.build_index(articles, tmp_path / "index")

    async def work() -> None:
        async with in_memory(tmp_path / "index") as client:
            answer, text = await ask(client, "list_sources")
        assert answer["sources"][0] == {
            "source": "Source 7",
            "articles": 2,
            "first": "2020-01-01",
            "last": "2020-01-02",
        }
        assert (len(answer["sources"]), answer["more_sources"], answer["articles"]) == (200, 5, 206)
        assert (answer["first"], answer["last"]) == ("2020-01-01", "2020-01-02")
        assert text.endswith("\n5 more sources have fewer articles.")

    run(work)
