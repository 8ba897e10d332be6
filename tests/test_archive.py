"""The archive of texts: what is written is read again, and what is not an archive is named."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, IndexCorruptError, Passage
from semsearch.storage import Archive, ArchiveWriter

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, st.lists, max_leaves=4)
ARTICLES = st.builds(
    Article,
    id=TEXTS.filter(str.strip),
    text=TEXTS.filter(bool),
    title=TEXTS,
    published=st.none() | st.dates(),
    source=st.none() | TEXTS,
    url=st.none() | TEXTS,
    metadata=st.dictionaries(TEXTS, JSON, max_size=3),
)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Archive]:
    archive = Archive(path)
    try:
        yield archive
    finally:
        archive.close()


def key(number: int, passage: int = 0) -> bytes:
    return (b"%d/%d" % (number, passage)).ljust(16)


def write(path: Path, articles: int = 3) -> None:
    """``articles`` articles of one passage each."""
    writer = ArchiveWriter(path)
    for number in range(articles):
        text = f"The text of article {number}."
        writer.add(Article(f"{number}", text), f"place {number}", [Passage(text, 1, 0, len(text))], [key(number)])
    writer.close()


@settings(max_examples=40)
@given(articles=st.lists(ARTICLES, min_size=1, max_size=3, unique_by=lambda article: article.id), at=st.data())
def test_articles_and_passages_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, articles: list[Article], at: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("archive")
    writer = ArchiveWriter(path)
    expected: list[tuple[Passage, Article]] = []
    for number, article in enumerate(articles):
        start = at.draw(st.integers(0, len(article.text) - 1))
        end = at.draw(st.integers(start + 1, len(article.text)))
        passages = [Passage(article.text[start:end], 1, start, end), Passage(article.text, 2, 0, len(article.text))]
        writer.add(article, f"place {number}", passages, [key(number, p.paragraph) for p in passages])
        assert writer.place_of(article.id) == f"place {number}"
        expected += [(passage, article) for passage in passages]
    writer.close()
    with reading(path) as archive:
        assert archive.counts() == (len(articles), len(expected))
        assert archive.passages(range(len(expected))) == dict(enumerate(expected))
        expected_keys = b"".join(key(n, p) for n in range(len(articles)) for p in (1, 2))
        assert archive.passage_keys().tobytes() == expected_keys
        archive.check()


def test_more_rows_than_one_statement_takes_are_read(tmp_path: Path) -> None:
    write(tmp_path, 1200)
    with reading(tmp_path) as archive:
        found = archive.passages(range(1199, -1, -1))
    assert [found[row].article.id for row in range(1200)] == [str(row) for row in range(1200)]
    assert [found[row].passage.text for row in range(1200)] == [f"The text of article {row}." for row in range(1200)]


def test_a_row_that_is_asked_for_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path)
    with reading(tmp_path) as archive:
        assert list(archive.passages([2, 1, 2])) == [1, 2]
        assert archive.passages([]) == {}


def test_a_row_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    with reading(tmp_path) as archive, pytest.raises(IndexCorruptError, match="has no passage 7") as error:
        archive.passages([0, 7])
    assert error.value.path == tmp_path / "passages.npy"


@pytest.mark.parametrize("metadata", [{"x": object()}, {"x": float("nan")}, {"x": "\ud800"}, {("a", "b"): 1}])
def test_metadata_that_is_not_json_is_refused_and_nothing_of_it_stored(
    tmp_path: Path, metadata: dict[str, object]
) -> None:
    writer = ArchiveWriter(tmp_path)
    with pytest.raises(ValueError, match="metadata of article 'a' is not JSON"):
        writer.add(Article("a", "Text.", metadata=metadata), "here", [Passage("Text.", 1, 0, 5)], [key(0)])
    assert writer.place_of("a") is None
    writer.close()
    with reading(tmp_path) as archive:
        assert archive.counts() == (0, 0)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE articles SET published = 'yesterday' WHERE row = 1",
        "UPDATE articles SET metadata = '{' WHERE row = 1",
        "UPDATE articles SET metadata = '[]' WHERE row = 1",
        "UPDATE articles SET id = '' WHERE row = 1",
        "UPDATE articles SET text = X'FF' WHERE row = 1",
        "UPDATE articles SET text = SUBSTR(text, 1, LENGTH(text) - 9) WHERE row = 1",
        "UPDATE articles SET text = 'text' WHERE row = 1",
        "DELETE FROM articles WHERE row = 1",
        "DROP TABLE articles",
    ],
)
def test_what_is_no_passage_of_an_article_is_not_returned_as_one(tmp_path: Path, forgery: str) -> None:
    write(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "articles.sqlite")) as connection, connection:
        connection.execute(forgery)
    with pytest.raises(IndexCorruptError) as error, reading(tmp_path) as archive:
        archive.passages([1])
    assert error.value.path == tmp_path / "articles.sqlite"


def test_a_schema_that_is_no_text_is_damage(tmp_path: Path) -> None:
    # SQLite's message repeats it, and the message is then what cannot be decoded.
    write(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "articles.sqlite")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET name = CAST(X'80' AS TEXT), sql = 'CREATE' WHERE name = 'files'")
    with pytest.raises(IndexCorruptError, match="cannot be read") as error, reading(tmp_path):
        pass
    assert error.value.path == tmp_path / "articles.sqlite"


def test_an_archive_is_opened_whatever_its_path_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "100% ?mode=rw&x=#1 ü"
    folder.mkdir()
    write(folder)
    with reading(folder) as archive:
        assert archive.counts() == (3, 3)


def test_an_archive_cannot_be_written_to_by_its_readers(tmp_path: Path) -> None:
    write(tmp_path)
    with reading(tmp_path) as archive, pytest.raises(sqlite3.OperationalError, match="readonly"):
        archive._connection.execute("DELETE FROM articles")
