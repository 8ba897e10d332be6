"""An index that stays open while newer generations of it are published."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import semsearch
from semsearch.errors import IndexCorruptError
from semsearch.records import Article, SourceSummary


def _articles(*names: str) -> list[Article]:
    return [Article(id=name, text=f"The {name} crossed the river before dawn.") for name in names]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    semsearch.build_index(_articles("convoy"), tmp_path / "index")
    return tmp_path / "index"


def _ids(live: semsearch.LiveIndex, query: str = "who crossed the river") -> list[str]:
    with live.searcher() as searcher:
        return sorted(hit.article.id for hit in searcher.search(query))


def test_a_newer_generation_is_taken_when_it_is_asked_for(index: Path) -> None:
    with semsearch.LiveIndex(index) as live:
        first = live.generation
        assert not live.refresh()
        semsearch.build_index(_articles("convoy", "ferry"), index)
        assert _ids(live) == ["convoy"]
        assert live.refresh()
        assert _ids(live) == ["convoy", "ferry"]
        assert live.generation == semsearch.list_generations(index)[0].id != first
        assert not live.refresh()


def test_who_is_in_the_middle_keeps_the_generation_that_they_began_with(index: Path) -> None:
    with semsearch.LiveIndex(index) as live:
        with live.searcher() as before:
            for count in range(3):  # more generations than are kept
                semsearch.build_index(_articles("convoy", *(f"ferry {n}" for n in range(count + 1))), index)
                assert live.refresh()
            assert [hit.article.id for hit in before.search("who crossed the river")] == ["convoy"]
            assert before.article("convoy").text == "The convoy crossed the river before dawn."
            with live.searcher() as now:
                assert now is not before
        with pytest.raises(Exception, match=r"closed|Cannot operate"):  # by the last that left
            before.article("convoy")


def test_a_model_is_loaded_once_for_generations_that_it_is_the_same_for(index: Path) -> None:
    with semsearch.LiveIndex(index) as live:
        with live.searcher() as searcher:
            before = searcher.embedder
        semsearch.build_index(_articles("convoy", "ferry"), index)
        live.refresh()
        with live.searcher() as searcher:
            assert searcher.embedder is before


def test_a_damaged_generation_leaves_the_one_that_answers(index: Path) -> None:
    with semsearch.LiveIndex(index) as live:
        semsearch.build_index(_articles("convoy", "ferry"), index)
        newest = semsearch.list_generations(index)[0].id
        archive = index / "generations" / newest / "articles.sqlite"
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        archive.write_bytes(data)
        with pytest.raises(IndexCorruptError, match="articles"):
            live.refresh()
        assert _ids(live) == ["convoy"]


def test_nobody_waits_and_nothing_fails_while_generations_are_published(index: Path) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()
    asked = [0] * 4

    def ask(number: int) -> None:
        try:
            while not stop.is_set():
                assert _ids(live)[0] == "convoy"
                asked[number] += 1
        except BaseException as error:  # noqa: BLE001 - is what the test is about
            failures.append(error)

    with semsearch.LiveIndex(index) as live:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for count in range(6):
            semsearch.build_index(_articles("convoy", *(f"ferry {n}" for n in range(count + 1))), index)
            live.refresh()
        stop.set()
        for thread in threads:
            thread.join()
        assert len(_ids(live)) == 7
    assert failures == []
    assert min(asked) > 0


def test_an_article_is_read_by_its_id(index: Path) -> None:
    with semsearch.open_index(index) as searcher:
        assert searcher.article("convoy") == _articles("convoy")[0]
        for missing in ("nothing", "", "half \ud800"):
            with pytest.raises(semsearch.ArticleNotFoundError, match="the index has no article"):
                searcher.article(missing)


def test_sources_come_with_their_days_the_largest_first(tmp_path: Path) -> None:
    import datetime as dt

    articles = [
        Article(id="1", text="One.", source="Reuters", published=dt.date(2020, 5, 1)),
        Article(id="2", text="Two.", source="Reuters", published=dt.date(2019, 1, 2)),
        Article(id="3", text="Three.", source="Reuters"),
        Article(id="4", text="Four."),
        Article(id="5", text="Five.", source="AP"),
    ]
    semsearch.build_index(articles, tmp_path / "index")
    with semsearch.open_index(tmp_path / "index") as searcher:
        expected = [
            SourceSummary("Reuters", 3, dt.date(2019, 1, 2), dt.date(2020, 5, 1)),
            SourceSummary("AP", 1, None, None),
            SourceSummary(None, 1, None, None),
        ]
        assert searcher.sources() == expected
        searcher.sources().clear()
        assert searcher.sources() == expected
