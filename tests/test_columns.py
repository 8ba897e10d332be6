"""Names of columns: those that are known, those that are given, and those that an index keeps."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from semsearch import (
    Article,
    CorpusError,
    FieldNames,
    ReadingLog,
    build_index,
    compare_corpus,
    read_articles,
    update_index,
)
from semsearch.readers._fields import KNOWN_NAMES
from semsearch.storage import open_generation, read_manifest
from tests.command import Run, build_with_words, runner
from tests.embedder import WordEmbedder

RECORD = {
    "id": 3,
    "title": "A title",
    "headline": "A headline",
    "text": "A text.",
    "lead": "A lead.",
    "body": ["A body.", "Of two parts."],
    "date": "2020-01-01",
    "day": "2022-01-07",
    "meta": {"by": "Northgate Wire", "n": {"deep": "x"}},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' folder is the current one, so that places are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def read(records: list[Any], **fields: Any) -> tuple[list[Article], list[str]]:
    Path("a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    log = ReadingLog()
    articles = list(read_articles("a.jsonl", log=log, fields=FieldNames(**fields)))
    return articles, [*map(str, log.problems), *log.notes]


# --- what is given


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"id": "3", "title": "A title", "text": "A text.", "published": dt.date(2020, 1, 1), "source": None}),
        ({"title": "headline"}, {"title": "A headline", "text": "A text."}),
        ({"text": "lead"}, {"text": "A lead."}),
        ({"text": ("lead", "body")}, {"text": "A lead.\n\nA body.\n\nOf two parts."}),
        ({"text": "body"}, {"text": "A body.\n\nOf two parts."}),
        ({"published": "day"}, {"published": dt.date(2022, 1, 7)}),
        ({"source": "meta.by"}, {"source": "Northgate Wire"}),
        ({"id": "-"}, {"id": "a.jsonl:1"}),
        ({"id": "-", "title": "-"}, {"id": "a.jsonl:1", "title": ""}),
        ({"title": ("-", "headline")}, {"title": "A headline"}),
    ],
)
def test_a_field_is_what_its_column_holds(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    (article,), said = read([RECORD], **fields)
    assert {name: getattr(article, name) for name in expected} == expected
    assert said == []


def test_what_no_field_is_made_of_is_metadata() -> None:
    (article,), _ = read([RECORD], title="headline", text="lead", source="meta.by", published="day")
    assert article.metadata == {
        "title": "A title",
        "text": "A text.",
        "body": ["A body.", "Of two parts."],
        "date": "2020-01-01",
        "meta": {"n": {"deep": "x"}},
    }


def test_the_first_column_with_a_value_counts_and_the_texts_that_there_are() -> None:
    articles, said = read(
        [{"a": "", "b": "B", "x": "X.", "y": None}, {"a": "A", "b": "B", "y": "Y."}], title=("a", "b"), text=("x", "y")
    )
    assert [(article.title, article.text) for article in articles] == [("B", "X."), ("A", "Y.")]
    assert said == []


@pytest.mark.parametrize("name", KNOWN_NAMES["text"])
def test_a_text_is_known_by_its_names(name: str) -> None:
    articles, said = read([{name: "A text.", "n": 1}])
    assert articles == [Article("a.jsonl:1", "A text.", metadata={"n": 1})]
    assert said == []


def test_what_is_called_like_a_text_and_is_none_is_metadata() -> None:
    articles, said = read([{"article": 17, "abstract": "A text.", "content": {"a": 1}}])
    assert articles == [Article("a.jsonl:1", "A text.", metadata={"article": 17, "content": {"a": 1}})]
    assert said == []


def test_documents_have_the_known_names_as_well() -> None:
    Path("a.md").write_text("---\ntitle: A title\ndate: 2022-01-07\nbody: no text\n---\nA text.")
    (article,) = read_articles("a.md", fields=FieldNames(title="headline", text="body"))
    assert (article.title, article.text, article.published) == ("A title", "A text.", dt.date(2022, 1, 7))
    assert article.metadata == {"body": "no text"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": ["a"] * 21}, "text has 21 names: 20 are the most"),
        ({"title": "\ud800"}, "the name of a column for title is not Unicode"),
        ({"table": "\ud800"}, "the name of a column for table is not Unicode"),
    ],
)
def test_names_that_no_column_can_have_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldNames(**given)


def test_names_are_one_or_several_and_empty_ones_are_none() -> None:
    assert FieldNames(text="a") == FieldNames(text=["a", ""])
    assert not FieldNames(text="", table="")
    assert FieldNames(table="a")
    assert {FieldNames(text="a"), FieldNames(text=("a",))} == {FieldNames(text=iter(["a"]))}


@pytest.mark.parametrize(
    ("value", "day"),
    [
        (1641556800, dt.date(2022, 1, 7)),
        ("1641556800", dt.date(2022, 1, 7)),
        (1641556800.25, dt.date(2022, 1, 7)),
        (1641556800000, dt.date(2022, 1, 7)),
        (100000000, None),  # before 1990: it may be anything
        (9999999999, None),  # to come
        (9999999999999, None),
        (20220107, None),
        ("16415568000", None),
    ],
)
def test_seconds_and_milliseconds_are_a_day(value: object, day: dt.date | None) -> None:
    (article,), said = read([{"text": "A text.", "created_at": value}])
    assert article.published == day
    why = "is to come" if str(value).startswith("9999") else "cannot be read"
    assert said == ([] if day else [f"a.jsonl:1: the date {str(value)!r} {why}, kept as metadata"])


# --- what is missing


def test_a_column_that_no_record_has_is_a_problem_that_lists_those_that_there_are() -> None:
    articles, said = read([{"text": "One.", "a": 1}, {"text": "Two.", "b": 2}], title="headlin", published="b")
    assert [article.text for article in articles] == ["One.", "Two."]
    assert said == [
        "a.jsonl: there is no column 'headlin' for --title: the columns are text, a, b",
        "a.jsonl:2: the date '2' cannot be read, kept as metadata",
    ]


def test_a_text_that_no_record_has_is_said_once() -> None:
    assert read([{"blurb": "One."}] * 50) == (
        [],
        ["a.jsonl: there is no text that is known by its name: say which of blurb it is with --text COLUMN"],
    )
    assert read([{"blurb": "One."}] * 50, text="body") == (
        [],
        ["a.jsonl: there is no column 'body' for --text: the columns are blurb"],
    )


def test_that_only_titles_are_read_is_noted_where_something_else_may_be_the_text() -> None:
    articles, said = read([{"title": "One", "blurb": "A text."}])
    assert [article.text for article in articles] == ["One"]
    what = "there is no text that is known by its name: say which of blurb it is with --text COLUMN"
    assert said == [f"a.jsonl: only titles are indexed: {what}"]
    assert read([{"title": "One", "date": "2022-01-07"}])[1] == []


def test_records_without_a_text_are_named_if_others_have_one() -> None:
    articles, said = read([{"id": "x"}, {"text": "Two."}, {"id": "y"}])
    assert [article.id for article in articles] == ["a.jsonl:2"]
    assert said == [f"a.jsonl:{n}: is empty: there is no text to index" for n in (1, 3)]


@pytest.mark.parametrize("suffix", ["csv", "db"])
def test_a_table_without_a_text_is_not_read_and_its_columns_are_listed(suffix: str) -> None:
    if suffix == "csv":
        Path("a.csv").write_text("title,blurb\nOne,A text.\n")
    else:
        with closing(sqlite3.connect("a.db")) as db:
            db.executescript("CREATE TABLE t (title, blurb); INSERT INTO t VALUES ('One', 'A text.')")
    log = ReadingLog()
    assert list(read_articles(f"a.{suffix}", log=log)) == []
    (problem,) = log.problems
    assert problem.reason.endswith("say which of title, blurb it is with --text COLUMN")
    assert [article.text for article in read_articles(f"a.{suffix}", fields=FieldNames(text="blurb"))] == ["A text."]


# --- what an index keeps


def write_csv() -> None:
    Path("news").mkdir(exist_ok=True)
    Path("news/a.csv").write_text("lead,body,day\nThe lead.,The body.,2022-01-07\nSecond lead.,Second body.,\n")
    Path("news/b.txt").write_text("A plain text of some words.")


def texts_of(index: str) -> list[str]:
    with closing(open_generation(Path(index))) as generation:
        return [article.text for _, article in generation.archive.articles()]


def test_an_index_keeps_the_names_of_columns_until_it_is_told_others(words: WordEmbedder) -> None:
    write_csv()
    names = FieldNames(text=("lead", "body"), published="day", table="posts")
    first = build_index("news", "index", embedder=words, fields=names)
    assert texts_of("index")[0] == "The lead.\n\nThe body."
    assert read_manifest(Path("index"))[1].fields == names

    again = build_index("news", "index", embedder=words)
    assert again.unchanged
    assert again.generation == first.generation
    assert not compare_corpus("news", "index")

    other = build_index("news", "index", embedder=words, fields=FieldNames(text="lead"))
    assert texts_of("index")[0] == "The lead."
    assert (other.articles, other.unchanged) == (3, False)

    known = build_index("news", "index", embedder=words, fields=FieldNames())
    assert texts_of("index")[0] == "The body."
    assert not read_manifest(Path("index"))[1].fields
    assert (known.articles, known.problems) == (3, ())


def test_a_file_is_read_anew_with_other_names_only(words: WordEmbedder) -> None:
    write_csv()
    build_index("news", "index", embedder=words)
    with closing(open_generation(Path("index"))) as generation:
        before = {file.id: file.digest for file in generation.archive.files().values()}
    drift = compare_corpus("news", "index", fields=FieldNames(text="lead"))
    assert drift.changed == ("a.csv", "b.txt")
    build_index("news", "index", embedder=words, fields=FieldNames(text="lead"))
    with closing(open_generation(Path("index"))) as generation:
        after = {file.id: file.digest for file in generation.archive.files().values()}
    assert {name for name in before if before[name] != after[name]} == {"a.csv", "b.txt"}


def test_an_update_reads_with_the_names_that_the_index_keeps_and_goes_on_keeping_them(words: WordEmbedder) -> None:
    write_csv()
    names = FieldNames(text="lead")
    build_index("news", "index", embedder=words, fields=names)
    Path("news/c.csv").write_text("lead,body\nThird lead.,Third body.\n")
    update_index("index", add="news/c.csv", embedder=words)
    assert texts_of("index")[-1] == "Third lead."
    update_index("index", add="news/c.csv", embedder=words, fields=FieldNames(text="body"))
    assert texts_of("index")[-1] == "Third body."
    assert read_manifest(Path("index"))[1].fields == names
    build_index("news", "index", embedder=words)
    assert texts_of("index")[-1] == "Third lead."


def test_a_corpus_whose_columns_nobody_knows_is_an_error_that_names_them(words: WordEmbedder) -> None:
    Path("a.csv").write_text("blurb\nA text.\n")
    with pytest.raises(CorpusError, match="say which of blurb it is with --text COLUMN"):
        build_index("a.csv", "index", embedder=words)


# --- the command


def test_the_options_name_columns(run: Run, tiny_model: Path) -> None:
    Path("a.jsonl").write_text(json.dumps(RECORD | {"link": "u", "by": "Wire", "nr": 17}) + "\n")
    options = ["--text", "lead", "--text", "text", "--title", "headline", "--date", "day", "--id", "nr"]
    options += ["--source", "by", "--url", "link"]
    assert run("rebuild-index", "a.jsonl", "--model", tiny_model, *options).code == 0
    with closing(open_generation(Path("index"))) as generation:
        ((_, article),) = generation.archive.articles()
    assert (article.id, article.title, article.text) == ("17", "A headline", "A lead.\n\nA text.")
    assert (article.published, article.source, article.url) == (dt.date(2022, 1, 7), "Wire", "u")
    assert run("status", "a.jsonl").code == 0
    assert run("status", "a.jsonl", "--text", "").code == 7
    shown = " ".join(run("status", "--no-json").out.split())
    named = "id: nr; title: headline; text: lead, text; published: day; source: by; url: link"
    assert f"columns {named}" in shown
    assert run("status").only()["fields"]["text"] == ["lead", "text"]
    assert run("rebuild-index", "a.jsonl").only()["unchanged"]
    assert run("rebuild-index", "a.jsonl", "--text", "", "--no-json").out.startswith("1 articles indexed in index")
    with closing(open_generation(Path("index"))) as generation:
        ((_, article),) = generation.archive.articles()
    assert (article.id, article.text) == ("3", "A text.")


def test_the_table_of_a_database_is_named(run: Run, tiny_model: Path) -> None:
    with closing(sqlite3.connect("a.db")) as db:
        db.executescript("CREATE TABLE a (text); CREATE TABLE b (text); INSERT INTO b VALUES ('In b.')")
    assert run("rebuild-index", "a.db", "--model", tiny_model).code == 1
    assert run("rebuild-index", "a.db", "--model", tiny_model, "--table", "b").code == 0
    Path("c.csv").write_text("text\nOne.\n")
    assert run("update", "c.csv", "--text", "nothing").code == 1


def test_too_many_columns_are_wrong_usage(run: Run) -> None:
    ended = run("rebuild-index", "a.csv", *["--text", "a"] * 21)
    assert ended.code == 2
    assert "text has 21 names: 20 are the most" in ended.err


def test_what_printed_text_still_does_where_it_is_no_column(run: Run) -> None:
    word_index = build_with_words(Path("words"))
    assert run("verify", "-i", word_index, "--text").out == run("verify", "-i", word_index, "--no-json").out
    assert "--text" not in run("verify", "--help").out
