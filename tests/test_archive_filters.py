"""Filters over an archive: SQL finds the articles that plain Python finds, quickly, and nothing gets into the SQL."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, Filter, IndexCorruptError, Passage, field, parse_filter
from semsearch.filters import And, Not, Or
from semsearch.storage import Archive, ArchiveWriter, _where
from tests.filters_random import matches, random_articles, random_filter


def write(path: Path, articles: Sequence[Article]) -> Path:
    writer = ArchiveWriter(path)
    for article in articles:
        writer.add(article, "here", [Passage("T", 1, 0, 1)], [bytes(16)])
    writer.close()
    return path


@contextlib.contextmanager
def archive_of(path: Path, articles: Sequence[Article]) -> Iterator[Archive]:
    archive = Archive(write(path, articles))
    try:
        yield archive
    finally:
        archive.close()


NEWS = [
    Article(
        "news/1.md", "Text.", "Mandate renewed", None, "Reuters", "https://x.org/1",
        {"section": "Politics", "tags": ["UN", "Mali"], "words": 350, "edition": {"name": "Late", "no": 2}},
    ),
    Article(
        "news/2.md", "Text.", "", None, "AP", None,
        {"section": "Sports", "words": "1200", "lead": True, "url": "u"},
    ),
    Article(
        "news/3.md", "Text.", "Élection", None, None, None,
        {"section": None, "tags": [], "updated": "2024-05-17 10:00"},
    ),
    Article("news/4.md", "Text.", "Budget", None, "reuters", None, {"lead": False, "tags": "UN", "source": "dpa"}),
]  # fmt: skip
DAYS = ["2023-12-31", "2024-01-01", "2024-05-01", "2024-05-31", "2024-06-01", "2024-12-31", "2025-01-01"]


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive_of(tmp_path_factory.mktemp("news"), NEWS) as archive:
        yield archive


# --- SQL and Python agree ---------------------------------------------------------------------------------------


@settings(max_examples=250)
@given(seed=st.integers(0, 2**32))
def test_sql_finds_the_articles_that_python_finds(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    random = Random(seed)
    articles = random_articles(random)
    with archive_of(tmp_path_factory.mktemp("random"), articles) as archive:
        for _ in range(8):
            filter_ = random_filter(random, articles)
            if articles and any(article.metadata for article in articles):
                expected = [row for row, article in enumerate(articles) if matches(filter_, article)]
                assert archive.matching_articles(filter_) == expected, str(filter_)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("source = reuters", [0, 3]),
        ("source != Reuters", [1, 2]),
        ("not has source", [2]),
        ("has title", [0, 2, 3]),
        ("has url", [0]),
        ("title = 'MANDATE Renewed'", [0]),
        ("title = 'e\u0301LECTION'", [2]),
        ("id in (news/2.md, news/4.md, news/9.md)", [1, 3]),
        ("id > news/3.md", [3]),
        ("section = politics", [0]),
        ("section != politics", [1, 2, 3]),
        ("has section", [0, 1]),
        ("tags = un", [0, 3]),
        ("tags in (Mali, UN) and not tags = Mali", [3]),
        ("has tags", [0, 3]),
        ("words > 300", [0, 1]),
        ("words = 1200.0", [1]),
        ("words = '1200'", [1]),
        ("words = '350'", []),
        ("lead = true", [1]),
        ("lead = false", [3]),
        ("lead != true", [0, 2, 3]),
        ("has lead", [1, 3]),
        ("edition.name = late and metadata.edition.no = 2", [0]),
        ("edition = Late", []),
        ("has edition", [0]),
        ("metadata.url = u", [1]),
        ("metadata.source = DPA", [3]),
        ("updated = 2024-05", [2]),
        ("updated >= 2024 and updated < 2024-05-18", [2]),
        ("updated > 2024", []),
    ],
)
def test_a_filter_finds(news: Archive, text: str, rows: list[int]) -> None:
    assert news.matching_articles(parse_filter(text)) == rows


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("published = 2024", DAYS[1:6]),
        ("published = 2024-05", DAYS[2:4]),
        ("date = 2024-05-31", DAYS[3:4]),
        ("published > 2024", DAYS[6:]),
        ("published >= 2024", DAYS[1:]),
        ("published < 2024-05", DAYS[:2]),
        ("published <= 2024-05", DAYS[:4]),
        ("published > 2024-05", DAYS[4:]),
        ("published in (2023, 2024-06, 2025-01-01)", [DAYS[0], DAYS[4], DAYS[6]]),
        ("published != 2024", [DAYS[0], DAYS[6], "none"]),
        ("not published < 2025", [DAYS[6], "none"]),
        ("not has published", ["none"]),
    ],
)
def test_a_partial_date_is_the_whole_period(tmp_path: Path, text: str, days: list[str]) -> None:
    articles = [Article(day, "Text.", published=dt.date.fromisoformat(day)) for day in DAYS] + [
        Article("none", "Text.")
    ]
    with archive_of(tmp_path, articles) as archive:
        assert [articles[row].id for row in archive.matching_articles(parse_filter(text))] == days


# --- a field that there is not ----------------------------------------------------------------------------------


def test_a_field_that_no_article_has_is_named_with_the_one_that_is_meant(news: Archive) -> None:
    with pytest.raises(ValueError, match="no article has a field sectoin; is section meant") as error:
        news.matching_articles(parse_filter("has title and sectoin = Politics"))
    assert str(error.value) == (
        "no article has a field sectoin; is section meant? The fields are edition, edition.name, edition.no, id, lead, "
        "metadata.source, metadata.url, published, section, source, tags, title, updated, url, words"
    )
    with pytest.raises(ValueError, match=r"no article has a field zzz\. The fields are edition, "):
        news.matching_articles(field("zzz").exists())
    with pytest.raises(ValueError, match=r"no article has a field edition\.nome; is edition\.name meant\?"):
        news.matching_articles(field("edition.nome") == 1)
    with pytest.raises(ValueError, match="no article has a field Source; is source meant"):
        news.matching_articles(field("Source") == "AP")
    with pytest.raises(ValueError, match=r"no article has a field section\.name"):
        news.matching_articles(field("section.name") == "AP")


def test_of_many_fields_the_first_are_named(tmp_path: Path) -> None:
    articles = [Article("a", "Text.", metadata={f"field {number:04}": number}) for number in (1,)]
    articles += [Article(f"{number}", "Text.", metadata={f"field {number:04}": number}) for number in range(2, 1501)]
    with archive_of(tmp_path, articles) as archive:
        with pytest.raises(ValueError, match=r", \"field 0020\" and 1,485 more$"):
            archive.matching_articles(field("x") == 1)
        assert archive.matching_articles(field("'field 1500'") == 1500) == [1499]


def test_a_field_that_is_null_everywhere_is_known(tmp_path: Path) -> None:
    with archive_of(tmp_path, [Article("a", "Text.", metadata={"x": None})]) as archive:
        assert archive.matching_articles(parse_filter("x = 1")) == []
        assert archive.matching_articles(parse_filter("not has x")) == [0]


# --- nothing gets into the SQL, and nothing breaks it -----------------------------------------------------------


def test_nothing_of_a_filter_stands_in_its_sql() -> None:
    query = _where.matching(
        (field("'na\"me'") == "te'xt") & field("source").isin(["Reuters", "AP"]) & (field("w") > 271828)
    )
    for word in ("na", "te'xt", "Reuters", "AP", "271828"):
        assert word not in query.sql.replace("a.metadata", "")
    assert query.constants == '["te\'xt", "na\\"me", ["reuters", "ap"], 271828, "w"]'
    other = (field("x") == "y") & field("source").isin(["dpa", "AFP"]) & (field("w") > 0)
    assert _where.matching(other).sql == query.sql


def leaf(number: int) -> Filter:
    return field("b.c").isin([number, "x", True, 2024])


def nested(levels: int) -> Filter:
    """Parentheses in parentheses, with something in each to the left and to the right."""
    found = leaf(0)
    for level in range(levels):
        found = (field("a") == level) & (found | ~leaf(level)) if level % 2 else (found | leaf(level)) & has_b()
    return found


def has_b() -> Filter:
    return field("b").exists()


def wide_and_deep() -> Filter:
    found = leaf(0)
    for level in range(48):
        found = (Or if level % 2 else And)((*(field("a") == 100 * level + number for number in range(20)), found))
    return found


@pytest.mark.parametrize(
    "make",
    [
        lambda: nested(50),
        lambda: ~nested(48),
        lambda: nested(40) & ~nested(40) | nested(20),
        wide_and_deep,
        lambda: Or(tuple(field("a") == number for number in range(1000))),
        lambda: And(tuple(field("a") != number for number in range(1000))),
        lambda: And(tuple(~leaf(number) for number in range(250))),
        lambda: field("a").isin([*range(500), *map(str, range(500))]),
        lambda: field("published").isin(range(1000, 2000)),
        lambda: field("a").isin(range(1000, 2000)),
        lambda: Not(field("a").exists()),
    ],
)
def test_the_largest_filters_are_answered(tmp_path: Path, make: Callable[[], Filter]) -> None:
    filter_ = make()
    articles = [Article(f"{n}", "Text.", metadata={"a": n, "b": {"c": n}}) for n in range(0, 1200, 50)]
    with archive_of(tmp_path, articles) as archive:
        expected = [row for row, article in enumerate(articles) if matches(filter_, article)]
        assert archive.matching_articles(filter_) == expected


def test_a_path_of_20_names_is_followed(tmp_path: Path) -> None:
    metadata: dict[str, object] = {"x": 5}
    for _ in range(19):
        metadata = {"x": metadata}
    with archive_of(tmp_path, [Article("a", "Text.", metadata=metadata)]) as archive:
        assert archive.matching_articles(parse_filter(".".join("x" * 20) + " = 5")) == [0]


def test_metadata_that_sqlite_cannot_look_into_is_refused(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path)
    depth = 3000
    text = '{"x": ' + "[" * depth + "]" * depth + "}"
    assert sqlite3.connect(":memory:").execute("SELECT json_valid(?)", (text,)).fetchone() == (0,)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.storage.archive._to_json", lambda _: text)  # as newer Pythons can
        with pytest.raises(ValueError, match=r"the metadata of article 'a' is not JSON \(nested too deeply"):
            writer.add(Article("a", "Text.", metadata={"x": 1}), "here", [], [])
    writer.discard()


def test_what_is_no_filter_is_refused(news: Archive) -> None:
    with pytest.raises(ValueError, match=r"expected a semsearch\.Filter, not 'source = AP'"):
        news.matching_articles("source = AP")  # type: ignore[arg-type]


def test_metadata_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, NEWS)
    with contextlib.closing(sqlite3.connect(path / "articles.sqlite")) as connection, connection:
        connection.execute("UPDATE articles SET metadata = '{' WHERE row = 1")
    archive = Archive(path)
    with contextlib.closing(archive):
        for text in ("words = 1200", "nothing = 1"):
            with pytest.raises(IndexCorruptError, match="malformed JSON") as error:
                archive.matching_articles(parse_filter(text))
            assert error.value.path == path / "articles.sqlite"


# --- what it costs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("published = 2024-05", "SEARCH a USING COVERING INDEX articles_filtered (published>? AND published<?)"),
        ("source = AP and not words > 5", "SCAN a USING COVERING INDEX articles_filtered"),
        ("edition.name = Late or source in (a, b)", "SCAN a USING COVERING INDEX articles_filtered"),
    ],
)
def test_a_filter_reads_an_index_and_not_the_texts(news: Archive, text: str, plan: str) -> None:
    query = _where.matching(parse_filter(text))
    assert plan in [step[3] for step in news._fetch(f"EXPLAIN QUERY PLAN {query.sql}", [query.constants])]


def test_a_text_that_is_a_number_of_thousands_of_zeros_costs_no_filter(tmp_path: Path) -> None:
    # Python reads no such integer, and SQLite cannot say what a function of Python's raised.
    articles = [Article(f"{zeros}", "T", metadata={"n": "0" * zeros + "7"}) for zeros in (0, 5000)]
    with archive_of(tmp_path, articles) as archive:
        assert archive.matching_articles(field("n") == 7) == [0, 1]
        assert archive.matching_articles(field("n") > 7) == []
