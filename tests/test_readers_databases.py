"""Parquet, Arrow and SQLite files to articles, also of those that are damaged or mean harm."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import sqlite3
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from semsearch import Article, FieldNames, ReadingLog, read_articles
from semsearch.readers import FORMATS
from semsearch.readers._log import Origin

ROWS: dict[str, Any] = {
    "id": ["x", "y"],
    "headline": ["Bridge shut", None],
    "content": ["It is closed.", "It came down."],
    "date": [dt.date(2022, 1, 7), None],
    "tags": [["city", "river"], None],
    "price": [Decimal("12.50"), Decimal(3)],
    "read_at": pa.array([1_641_556_800_000_000_000, None], pa.timestamp("ns")),
    "thumbnail": [b"\x89PNG", b""],
    "embedding": [[0.5, 0.25], [1.0, 2.0]],
    "image": [{"bytes": b"\x89PNG", "path": "a.png"}, None],
}
ARTICLES = [
    Article(
        "x",
        "It is closed.",
        title="Bridge shut",
        published=dt.date(2022, 1, 7),
        metadata={"tags": ["city", "river"], "price": 12.5, "read_at": "2022-01-07T12:00:00"},
    ),
    Article("y", "It came down.", metadata={"price": 3}),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' folder is the current one, so that places are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(name: str, **fields: Any) -> tuple[list[Article], list[str]]:
    log = ReadingLog()
    articles = list(read_articles(name, log=log, fields=FieldNames(**fields)))
    return articles, [*map(str, log.problems), *log.notes]


def write_table(name: str, table: pa.Table) -> None:
    if name.endswith(".parquet"):
        pq.write_table(table, name)
    elif name.endswith(".feather"):
        feather.write_feather(table, name)
    else:
        with pa.OSFile(name, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)


# --- Parquet and Arrow

EVERY_KIND = pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow"])


@EVERY_KIND
def test_a_row_of_a_table_is_an_article(name: str) -> None:
    write_table(name, pa.table(ROWS))
    assert read(name) == (ARTICLES, [])


@EVERY_KIND
def test_a_row_without_an_id_is_numbered_in_its_file(name: str) -> None:
    write_table(name, pa.table({"text": [f"Text {n}." for n in range(1000)]}))
    articles, said = read(name)
    assert [article.id for article in articles] == [f"{name}:{n}" for n in range(1, 1001)]
    assert said == []


@EVERY_KIND
def test_what_is_left_out_of_a_table_can_be_asked_for(name: str) -> None:
    write_table(name, pa.table(ROWS))
    log = ReadingLog(dropped=[])
    list(read_articles(name, log=log))
    assert log.dropped is not None
    assert [tuple(each) for each in log.dropped] == [
        (name, "thumbnail, embedding, image", "columns of bytes or of vectors")
    ]


@EVERY_KIND
def test_columns_of_a_table_are_named_also_within_others(name: str) -> None:
    write_table(name, pa.table({"meta": [{"lead": "One.", "n": 1}], "body": ["Two."], "text": ["no"]}))
    articles, said = read(name, text=("meta.lead", "body"), id="meta.n")
    assert articles == [Article("1", "One.\n\nTwo.", metadata={"meta": {}, "text": "no"})]
    assert said == []


@EVERY_KIND
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.99])
def test_a_table_that_is_cut_off_is_a_problem(name: str, share: float) -> None:
    write_table(name, pa.table({"text": [f"Text {n}." for n in range(5000)]}))
    raw = Path(name).read_bytes()
    Path(name).write_bytes(raw[: int(len(raw) * share)])
    articles, said = read(name)
    assert len(articles) < 5000 or name == "a.arrow"  # of a stream the end says nothing
    assert len(said) == 1
    assert said[0].startswith(f"{name}: is damaged, or no such file, not read from here on (")


@EVERY_KIND
def test_no_damage_to_a_table_is_more_than_a_problem(name: str) -> None:
    write_table(name, pa.table(ROWS))
    raw = Path(name).read_bytes()
    for at in range(0, len(raw), 13):
        broken = raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :]
        # No checksum says that a text is another one; what is said is that it is no table any more.
        articles = list(FORMATS[Path(name).suffix](io.BytesIO(broken), Origin("a", "a"), ReadingLog()))
        assert len(articles) <= 2


def test_a_day_that_no_calendar_has_does_not_cost_the_others() -> None:
    days = pa.array([19_000, 2**31 - 1], pa.date32())
    write_table("a.parquet", pa.table({"text": ["One.", "Two."], "date": days}))
    articles, _ = read("a.parquet")
    assert [article.text for article in articles] == ["One.", "Two."]


def test_a_group_of_rows_is_not_read_as_a_whole() -> None:
    text = pa.array(["word " * 2000] * 20_000)  # 200 MB in one group, and little in the file
    write_table("a.parquet", pa.table({"text": text}))
    before = pa.total_allocated_bytes()
    with Path("a.parquet").open("rb") as file:
        articles = FORMATS[".parquet"](file, Origin("a", "a"), ReadingLog(raises=True))
        for _ in range(1000):
            next(articles)
        assert pa.total_allocated_bytes() - before < 50 << 20
        articles.close()  # type: ignore[attr-defined]


LONG = "word " * (1 << 20)  # 5 MiB


def test_a_long_text_that_stands_in_every_row_is_in_memory_a_few_times() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array([LONG]))
    pq.write_table(pa.table({"text": column}), "a.parquet", dictionary_pagesize_limit=64 << 20, store_schema=False)
    assert Path("a.parquet").stat().st_size < 1 << 20  # and stands for 250 GB
    before = pa.total_allocated_bytes()
    with Path("a.parquet").open("rb") as file:
        articles = FORMATS[".parquet"](file, Origin("a", "a"), ReadingLog(raises=True))
        assert {len(next(articles).article.text) for _ in range(600)} == {len(LONG)}
        assert pa.total_allocated_bytes() - before < 100 << 20
        articles.close()  # type: ignore[attr-defined]


def test_a_column_that_a_few_bytes_stand_for_is_a_problem() -> None:
    pq.write_table(pa.table({"text": [LONG] * 60}), "a.parquet", compression="zstd", use_dictionary=False)
    articles, (said,) = read("a.parquet")
    assert articles == []
    assert "300 MiB are packed into " in said


def test_without_the_library_what_brings_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table("a.parquet", pa.table(ROWS))
    Path("b.csv").write_text("text\nOne.\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # how Python keeps what cannot be imported
    log = ReadingLog()
    assert [article.text for article in read_articles(".", log=log)] == ["One."]
    assert [str(problem) for problem in log.problems] == [
        'a.parquet: needs "parquet" support: pip install "semsearch[parquet]"'
    ]


# --- SQLite


@contextlib.contextmanager
def database(name: str = "a.db") -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(name)) as connection:
        yield connection
        connection.commit()


def test_a_row_of_the_only_table_with_a_text_is_an_article() -> None:
    with database() as db:
        db.executescript(
            "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('a');"
            "CREATE TABLE posts (nr INTEGER PRIMARY KEY, title, body, date, section, thumbnail BLOB);"
            "INSERT INTO posts VALUES (7, 'Bridge shut', 'It is closed.', '2022-01-07', 'city', x'8950');"
            "INSERT INTO posts VALUES (9, NULL, 'It came down.', '', NULL, NULL);"
        )
    assert read("a.db") == (
        [
            Article(
                "a.db:7",
                "It is closed.",
                title="Bridge shut",
                published=dt.date(2022, 1, 7),
                metadata={"nr": 7, "section": "city"},
            ),
            Article("a.db:9", "It came down.", metadata={"nr": 9}),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("columns", "ids"),
    [
        ("text", ["a.db:1", "a.db:2"]),
        ("id, text", ["x", "y"]),
        ("slug PRIMARY KEY, text", ["a.db:x", "a.db:y"]),
        ("slug, text, PRIMARY KEY (slug, text)", ["a.db:x/One.", "a.db:y/Two."]),
        ("slug PRIMARY KEY, text) WITHOUT ROWID; CREATE TABLE n (n", ["a.db:x", "a.db:y"]),
        ("rowid, text", ["a.db:1", "a.db:2"]),
    ],
)
def test_an_id_is_a_column_or_the_primary_key_or_the_rows_number(columns: str, ids: list[str]) -> None:
    with database() as db:
        db.executescript(f"CREATE TABLE posts ({columns})")
        names = [row[1] for row in db.execute("PRAGMA table_info(posts)")]
        for values in (("x", "One."), ("y", "Two.")):
            inserted = {1: "INSERT INTO posts VALUES (?)", 2: "INSERT INTO posts VALUES (?, ?)"}[len(names)]
            db.execute(inserted, values[-len(names) :])
    articles, said = read("a.db")
    assert ([article.id for article in articles], said) == (ids, [])


def test_of_several_tables_one_is_named() -> None:
    with database() as db:
        db.executescript(
            "CREATE TABLE a (text); INSERT INTO a VALUES ('One.');"
            'CREATE TABLE "b c""d" (text); INSERT INTO "b c""d" VALUES (\'Two.\');'
        )
    assert read("a.db") == (
        [],
        ['a.db: more than one table has a text: say which of a, b c"d it is with --table NAME'],
    )
    articles, said = read("a.db", table='b c"d')
    assert ([article.text for article in articles], said) == (["Two."], [])
    assert read("a.db", table="c")[1] == ["a.db: there is no table 'c' for --table: the tables are a, b c\"d"]


def test_a_database_without_a_text_lists_what_there_is() -> None:
    with database() as db:
        db.executescript("CREATE TABLE a (n, blurb); INSERT INTO a VALUES (1, 'One.')")
    what = "there is no text that is known by its name: say which of n, blurb it is with --text COLUMN"
    assert read("a.db") == ([], [f"a.db:a: {what}"])
    assert [article.text for article in read("a.db", text="blurb")[0]] == ["One."]


def test_what_a_database_would_run_is_not_run() -> None:
    with database() as db:
        db.executescript(
            "CREATE TABLE posts (text, n INT, shout GENERATED ALWAYS AS (hex(zeroblob(n * n))) VIRTUAL);"
            "INSERT INTO posts (text, n) VALUES ('One.', 3);"
            "CREATE VIEW texts AS WITH RECURSIVE r(text) AS (SELECT 'x' UNION ALL SELECT text FROM r) SELECT * FROM r;"
            "CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT RAISE(FAIL, 'no'); END;"
        )
    articles, said = read("a.db")
    assert ([(article.text, article.metadata) for article in articles], said) == ([("One.", {"n": 3})], [])
    assert read("a.db", table="texts") == (
        [],
        ["a.db: there is no table 'texts' for --table: the tables are posts"],
    )


def test_a_full_text_table_is_not_read_but_the_table_beside_it_is() -> None:
    with database() as db:
        try:
            db.execute("CREATE VIRTUAL TABLE search USING fts5(text)")
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no fts5")
        db.execute("INSERT INTO search VALUES ('In the index.')")
        db.execute("CREATE TABLE posts (text)")
        db.execute("INSERT INTO posts VALUES ('One.')")
    articles, said = read("a.db")
    assert ([article.text for article in articles], said) == (["One."], [])


def test_what_is_in_the_log_of_a_database_is_noted_and_nothing_is_written() -> None:
    with contextlib.closing(sqlite3.connect("a.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE posts (text)")
        db.execute("INSERT INTO posts VALUES ('One.')")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("INSERT INTO posts VALUES ('Two.')")
        before = {path.name: path.read_bytes() for path in Path().iterdir()}
        articles, said = read("a.db")
        assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    assert [article.text for article in articles] == ["One."]
    assert said == ["a.db: what is in its -wal file is not read: close the program that writes to it"]


def test_text_that_is_not_utf_8_is_read() -> None:
    with database() as db:
        db.execute("CREATE TABLE posts (text)")
        db.execute("INSERT INTO posts VALUES (CAST(x'636166e9' AS TEXT))")
    assert [article.text for article in read("a.db")[0]] == ["café"]


def test_a_database_that_is_no_file_is_read_from_a_copy() -> None:
    with database() as db:
        db.execute("CREATE TABLE posts (text)")
        db.execute("INSERT INTO posts VALUES ('One.')")
    stream = io.BytesIO(Path("a.db").read_bytes())
    articles = list(FORMATS[".db"](stream, Origin("news.zip/a.db", "a.db"), ReadingLog(raises=True)))
    assert [(article.place, article.article.id) for article in articles] == [("news.zip/a.db:posts:1", "a.db:1")]


def test_another_programs_db_file_is_a_note_and_another_sqlite_file_a_problem() -> None:
    for name in ("Thumbs.db", "a.sqlite"):
        Path(name).write_bytes(b"\xd0\xcf\x11\xe0" * 1000)
    log = ReadingLog()
    assert list(read_articles(".", log=log)) == []
    assert log.notes == ["Thumbs.db: not read: it is no SQLite file"]
    assert [str(problem) for problem in log.problems] == ["a.sqlite: not read: it is no SQLite file"]


def test_a_damaged_database_is_read_or_reported() -> None:
    with database() as db:
        db.execute("CREATE TABLE posts (title, text)")
        db.executemany("INSERT INTO posts VALUES (?, ?)", [(f"Title {n}", f"Text {n}. " * 40) for n in range(60)])
    raw = Path("a.db").read_bytes()
    for at in [*range(16, 200, 3), *range(200, len(raw), 97)]:
        broken = raw[:at] + bytes([raw[at] ^ 0x5A]) + raw[at + 1 :]
        log = ReadingLog()
        articles = list(FORMATS[".sqlite"](io.BytesIO(broken), Origin("a", "a"), log))
        assert len(articles) <= 60
        assert len(articles) == 60 or log.problems


def test_pages_that_lead_in_circles_end() -> None:
    with database() as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("CREATE TABLE posts (text)")
        db.executemany("INSERT INTO posts VALUES (?)", [(f"Text {n}. " * 20,) for n in range(300)])
    raw = bytearray(Path("a.db").read_bytes())
    for start in range(512, len(raw), 512):
        if raw[start] == 5:  # an inner page: all its children become its last one
            last = raw[start + 8 : start + 12]
            for cell in range(int.from_bytes(raw[start + 3 : start + 5], "big")):
                pointer = start + 12 + 2 * cell
                at = start + int.from_bytes(raw[pointer : pointer + 2], "big")
                raw[at : at + 4] = last
    log = ReadingLog()
    articles = list(FORMATS[".sqlite"](io.BytesIO(bytes(raw)), Origin("a", "a"), log))
    assert len(articles) < 300
    assert [problem.reason for problem in log.problems] == [
        "is damaged, not read from here on (its rows are not in their order)"
    ]
