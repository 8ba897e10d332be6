"""Markdown and JSON lines to articles: fields, dates, and errors with file and line. Plain text has its own file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, ReadingLog, read_articles
from semsearch.readers._dates import parse_date

DAY = dt.date(2022, 1, 7)

TOO_LARGE = "is larger than 16 MiB, which no article is: split it"
Read = Callable[[str, "str | bytes"], tuple[list[Article], ReadingLog]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read one file of a name and content, with the log. Its folder is the current one, so that places are short."""
    monkeypatch.chdir(tmp_path)

    def read_file(name: str, content: str | bytes) -> tuple[list[Article], ReadingLog]:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        log = ReadingLog()
        return list(read_articles(name, log=log)), log

    return read_file


def article(**fields: Any) -> Article:
    return Article(**{"id": "a.jsonl:1", "text": "T.", **fields})


def problems(log: ReadingLog) -> list[str]:
    return [str(problem) for problem in log.problems]


# --- Markdown


def test_front_matter_gives_the_fields_and_the_body_stays_as_it_stands(read: Read) -> None:
    articles, log = read(
        "a.md",
        "---\n"
        "title: Arrival\n"
        "date: 2022-01-07\n"
        "source: Meridian\n"
        "url: https://example.org/a\n"
        "tags: [army, treaty]\n"
        "---\n"
        "\n"
        "The *troops* arrived.\n\n## Numbers\nThere were 2,500.\n",
    )

    assert articles == [
        Article(
            id="a.md",
            text="The *troops* arrived.\n\n## Numbers\nThere were 2,500.",
            title="Arrival",
            published=dt.date(2022, 1, 7),
            source="Meridian",
            url="https://example.org/a",
            metadata={"tags": ["army", "treaty"]},
        )
    ]
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        ("# Arrival\n\nThey came.", "Arrival", "They came."),
        ("\n\n#  Arrival of all ##\nThey came.", "Arrival of all", "They came."),
        ("---\ntitle: Arrival\n---\n# Arrival\n\nThey came.", "Arrival", "They came."),
        ("---\ntitle: Arrival  of\n---\n#  ARRIVAL of\n\nThey came.", "Arrival of", "They came."),
        ("---\ntitle: Arrival\n---\n# Another\n\nThey came.", "Arrival", "# Another\n\nThey came."),
        ("---\ntags: []\n---\n# Arrival\n\nThey came.", "Arrival", "They came."),
        ("## Numbers\n\nThey came.", "", "## Numbers\n\nThey came."),
        ("#hashtag\n\nThey came.", "", "#hashtag\n\nThey came."),
        ("They came.\n\n# Arrival", "", "They came.\n\n# Arrival"),
        ("---\n---\nThey came.", "", "They came."),
        ("---\n# a comment\n...\nThey came.", "", "They came."),
        ("---\ntitle: Arrival\n---", "Arrival", "Arrival"),
        ("# Arrival", "Arrival", "Arrival"),
        ("# C#\n\nIt has classes.", "C#", "It has classes."),
        ("# # #\n\nThey came.", "#", "They came."),
        ("#\n\nThey came.", "", "#\n\nThey came."),
        ("Arrival\n=======\n\nThey came.", "Arrival", "They came."),
        ("\n\nArrival of all\n   ==  \nThey came.", "Arrival of all", "They came."),
        ("---\ntitle: Arrival\n---\nArrival\n===\n\nThey came.", "Arrival", "They came."),
        ("---\ntitle: Arrival\n---\nAnother\n===\nThey came.", "Arrival", "Another\n===\nThey came."),
        ("Arrival\n===", "Arrival", "Arrival"),
        ("Arrival\n\n=====\nThey came.", "", "Arrival\n\n=====\nThey came."),
        ("Arrival\n    ===\nThey came.", "", "Arrival\n    ===\nThey came."),
        ("Arrival\n=== ===\nThey came.", "", "Arrival\n=== ===\nThey came."),
        ("> Arrival\n===\nThey came.", "", "> Arrival\n===\nThey came."),
        ("Numbers\n-------\nThey came.", "", "Numbers\n-------\nThey came."),
        # Dashes with no names between them are thematic breaks.
        ("---\njust words\n---\nText.", "", "---\njust words\n---\nText."),
        ("---\n- a\n- list\n---\nText.", "", "---\n- a\n- list\n---\nText."),
        ("---\n\nHe said: they came.\n\n---\nText.", "", "---\n\nHe said: they came.\n\n---\nText."),
        ("---\n\n# Arrival\n\n---\nText.", "", "---\n\n# Arrival\n\n---\nText."),
        ('---\n\n# a comment\n"title": Arrival\n---\nText.', "Arrival", "Text."),
        ("", "", ""),
        ("\ufeff---\ntitle: Arrival\n---\nThey came.", "Arrival", "They came."),
        ("---\r\ntitle: Arrival\r\n---\r\nThey\r\ncame.\r\n", "Arrival", "They\ncame."),
    ],
)
def test_the_title_is_the_front_matters_or_the_first_heading(read: Read, content: str, title: str, text: str) -> None:
    articles, log = read("a.md", content)

    assert [(article.title, article.text) for article in articles] == [(title, text)]
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("# " * 500_000 + "x", "# " * 499_999 + "x"),
        ("#" + " " * 1_000_000 + "x", "x"),
        ("# x" + " #" * 500_000 + " x", "x" + " #" * 500_000 + " x"),
        ("x\n" + "=" * 1_000_000, "x"),
    ],
    ids=["signs", "blanks", "closing", "underline"],
)
def test_the_longest_heading_takes_no_longer_than_it_is(read: Read, heading: str, title: str) -> None:
    articles, log = read("a.md", f"{heading}\n\nThey came.")

    # Not compared with ==, whose report on a megabyte takes a minute.
    assert [(len(a.title), hash(a.title), a.text) for a in articles] == [
        (len(expected := " ".join(title.split())), hash(expected), "They came.")
    ]
    assert log.problems == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("---\ntitle: Arrival\nsource: a: b\n---\nText.", "a.md:3"),
        ("---\ntitle: Arrival\ntags: [a,\n---\nText.", "a.md:4"),
        ("---\n\ttitle: Arrival\n---\nText.", "a.md:2"),
        ("---\n# a comment\n\ntitle: [\n---\nText.", "a.md:5"),
        ("---\ntitle: Arrival\nmotto: *unknown\n---\nText.", "a.md:3"),
        ("---\ntitle: Arrival\nbell: \x07\n---\nText.", "a.md:3"),
        ("---\ntitle: Arrival\nflag: !!python/name:os.system\n---\nText.", "a.md:3"),
    ],
)
def test_broken_front_matter_is_a_problem_with_its_line(read: Read, content: str, place: str) -> None:
    articles, log = read("a.md", content)

    assert articles == []
    assert [problem.place for problem in log.problems] == [place]
    assert "front matter" in log.problems[0].reason
    assert "\n" not in log.problems[0].reason


@pytest.mark.parametrize(
    "field",
    [
        "flag: !!bool perhaps",
        "when: !!timestamp soon",
        "count: !!int ''",
        "self: &a [*a]",
        "title: &a [*a]",
        "date: &a {a: *a}",
        "a: !!int {a: b}",
    ],
)
def test_front_matter_that_the_parser_trips_over_is_a_problem(read: Read, field: str) -> None:
    articles, log = read("a.md", f"---\ntitle: Arrival\n{field}\n---\nText.")

    assert articles == []
    assert [problem.place.partition(":")[0] for problem in log.problems] == ["a.md"]


@pytest.mark.parametrize("field", ["n", "title", "date"])
@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "1" + ":1" * 5000, "1" + ":1" * 5000 + ".5"])
def test_a_number_in_front_matter_that_is_too_long_is_text(read: Read, field: str, number: str) -> None:
    (article,), log = read("a.md", f"---\n{field}: {number}\n---\nText.")

    kept = "published" if field == "date" else field
    assert (article.title or article.metadata[kept]) == number
    assert log.problems == []


def test_aliases_in_front_matter_are_read(read: Read) -> None:
    (article,), _ = read("a.md", "---\na: &a [1, 2]\nb: *a\nc: &c {d: *a}\ne: {<<: *c, f: 3}\n---\nText.")

    assert article.metadata == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}, "e": {"d": [1, 2], "f": 3}}


@pytest.mark.parametrize("entry", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merged"])
def test_aliases_that_stand_for_too_much_are_a_problem(read: Read, entry: str) -> None:
    lines = [f"a{n}: &a{n} {entry.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 9)]
    articles, log = read("a.md", "\n".join(["---", "a0: &a0 {x: y}", *lines, "---", "Text."]))

    assert articles == []
    assert [problem.reason for problem in log.problems] == [
        "the front matter is not YAML (its aliases stand for too much)"
    ]


def test_front_matter_of_more_than_a_million_characters_is_a_problem(read: Read) -> None:
    articles, log = read("a.md", f"---\ntitle: {'a' * 1_000_000}\n---\nText.")

    assert articles == []
    assert [problem.reason for problem in log.problems] == ["the front matter has more than 1,000,000 characters"]


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_a_file_of_more_than_16_mib_is_a_problem(read: Read, name: str) -> None:
    articles, log = read(name, "a" * ((16 << 20) + 1))

    assert articles == []
    assert [problem.reason for problem in log.problems] == [TOO_LARGE]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_line_of_more_than_16_mib_is_a_problem_and_the_rest_is_read(read: Read, encoding: str) -> None:
    line = '{"text": "A line."}'
    articles, log = read("a.jsonl", "\n".join([line, "a" * ((16 << 20) + 1), line]).encode(encoding))

    assert [article.id for article in articles] == ["a.jsonl:1", "a.jsonl:3"]
    assert [(problem.place, problem.reason) for problem in log.problems] == [("a.jsonl:2", TOO_LARGE)]


def test_an_impossible_date_in_front_matter_does_not_cost_the_article(read: Read) -> None:
    articles, log = read("a.md", "---\ntitle: Arrival\ndate: 2022-02-30\n---\nText.")

    assert articles == [Article(id="a.md", text="Text.", title="Arrival", metadata={"published": "2022-02-30"})]
    assert log.notes == ["a.md: the date '2022-02-30' cannot be read, kept as metadata"]


def test_front_matter_that_is_never_closed_is_a_problem(read: Read) -> None:
    articles, log = read("a.md", "---\ntitle: Arrival\n\nThe troops arrived.\n")

    assert articles == []
    assert [problem.place for problem in log.problems] == ["a.md:1"]


# --- JSON lines


def test_beir_rows_are_articles(read: Read) -> None:
    articles, log = read(
        "corpus.jsonl",
        '{"_id": "4983", "title": "Arrival", "text": "They came.", "metadata": {}}\n'
        '{"_id": "5836", "title": "", "text": "They left.", "metadata": {"url": "https://x.org", "year": 2022}}\n',
    )

    assert articles == [
        Article(id="4983", text="They came.", title="Arrival"),
        Article(id="5836", text="They left.", url="https://x.org", metadata={"year": 2022}),
    ]
    assert (log.problems, log.notes) == ([], [])


def test_every_row_of_a_beir_collection_is_read_as_it_stands(shared: Path) -> None:
    corpus = shared / "datasets" / "adi" / "corpus.jsonl"
    rows = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines()]
    log = ReadingLog()

    articles = list(read_articles(corpus, log=log))

    assert [(a.id, a.title, a.text) for a in articles] == [
        (row["_id"], " ".join(row["title"].split()), row["text"] or row["title"]) for row in rows
    ]
    assert log.problems == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"text": "T."}', article()),
        ('{"id": 7, "body": "T.", "headline": "H"}', article(id="7", title="H")),
        ('{"_id": " x ", "text": "T."}', article(id="x")),
        ('{"title": "H"}', article(text="H", title="H")),
        ('{"title": "H", "text": null}', article(text="H", title="H")),
        ('{"text": "a\\r\\nb\\rc"}', article(text="a\nb\nc")),
        ('{"text": "T.", "title": " on \\n two  lines "}', article(title="on two lines")),
        ('{"text": "T.", "source": ["RIA", "TASS"]}', article(source="RIA, TASS")),
        ('{"text": "T.", "publisher": "RIA", "link": "u"}', article(source="RIA", url="u")),
        ('{"text": "T.", "source": "", "url": null}', article()),
        ('{"text": "\\ud83d\\ude00 \\u2014"}', article(text="😀 —")),
        ('{"text": "T.", "n": NaN, "m": {"i": [-Infinity]}}', article(metadata={"n": "nan", "m": {"i": ["-inf"]}})),
        ('{"text": "T.", "metadata": {"source": "RIA", "k": 1}, "k": 2}', article(source="RIA", metadata={"k": 2})),
        # Of two names of one field the first known one counts; the other is kept.
        ('{"_id": "x", "id": "y", "text": "T."}', article(id="x", metadata={"id": "y"})),
        ('{"_id": "", "id": "y", "text": "T."}', article(id="y")),
        ('{"text": "T.", "body": "B."}', article(metadata={"body": "B."})),
        (
            '{"text": "T.", "date": "2022-01-08", "published": "2022-01-07"}',
            article(published=DAY, metadata={"date": "2022-01-08"}),
        ),
    ],
)
def test_a_line_is_an_article(read: Read, line: str, expected: Article) -> None:
    articles, log = read("a.jsonl", line)

    assert articles == [expected]
    assert (log.problems, log.notes) == ([], [])


def test_id_title_and_text_are_not_looked_up_in_the_metadata(read: Read) -> None:
    articles, _ = read("a.jsonl", '{"text": "T.", "metadata": {"_id": "x", "title": "H", "body": "B."}}')

    assert articles == [Article("a.jsonl:1", "T.", metadata={"_id": "x", "title": "H", "body": "B."})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "T."', "is not a JSON object on one line (Expecting ',' delimiter, column 14)"),
        ('{"text": "T."} {"text": "T."}', "is not a JSON object on one line (Extra data, column 16)"),
        ("not JSON", "is not a JSON object on one line (Expecting value, column 1)"),
        ("[" * 100_000, "is not a JSON object on one line (too deep)"),
        ('["T."]', "is JSON, but list instead of an object with a text"),
        ('"T."', "is JSON, but str instead of an object with a text"),
        ("null", "is JSON, but NoneType instead of an object with a text"),
        ('{"text": 5}', "an article's text must be text, not int"),
        ('{"text": ["T."]}', "an article's text must be text, not list"),
        ('{"_id": " ", "text": "T."}', "an article's id must not be blank"),
        ('{"text": "a\\u0000b"}', "text contains a NUL character at offset 1: is this a binary file?"),
        ('{"text": "T.", "title": "\\u0000"}', "title contains a NUL character at offset 0: is this a binary file?"),
        ('{"text": "T\\ud83d"}', "text contains half of a surrogate pair, which is not text"),
        ('{"text": "\\ude00\\ud83d"}', "text contains half of a surrogate pair, which is not text"),
    ],
)
def test_a_line_that_is_no_article_is_named_and_the_rest_is_read(read: Read, line: str, reason: str) -> None:
    articles, log = read("a.jsonl", f'{{"text": "One."}}\n\n{line}\n{{"text": "Two."}}\n')

    assert articles == [Article("a.jsonl:1", "One."), Article("a.jsonl:4", "Two.")]
    assert problems(log) == [f"a.jsonl:3: {reason}"]


@pytest.mark.parametrize(
    "line",
    [
        f'{{"text": "T.", "n": {"9" * 5000}}}',  # more digits than Python converts
        f'{{"text": "T.", "n": {"[" * 700}{"]" * 700}}}',  # parsed, but too deep to walk
    ],
    ids=["digits", "depth"],
)
def test_a_line_that_is_too_much_is_named_or_read_and_the_rest_is_read(read: Read, line: str) -> None:
    articles, log = read("a.jsonl", f'{{"text": "One."}}\n{line}\n{{"text": "Two."}}\n')

    # What is too much depends on the version of Python.
    assert sorted([article.id for article in articles] + [problem.place for problem in log.problems]) == [
        "a.jsonl:1",
        "a.jsonl:2",
        "a.jsonl:3",
    ]
    assert [articles[0].text, articles[-1].text] == ["One.", "Two."]


@pytest.mark.parametrize("value", ['"free"', "7", "[1, 2]"])
def test_metadata_that_is_no_object_is_kept(read: Read, value: str) -> None:
    articles, _ = read("a.jsonl", f'{{"text": "T.", "metadata": {value}}}')

    assert [article.metadata for article in articles] == [{"metadata": json.loads(value)}]


def test_a_line_that_is_not_utf_8_is_named_and_the_rest_is_read(read: Read) -> None:
    articles, log = read("a.jsonl", b'{"text": "One."}\n{"text": "caf\xe9"}\n{"text": "Two."}\n')

    assert articles == [Article("a.jsonl:1", "One."), Article("a.jsonl:3", "Two.")]
    assert problems(log) == ["a.jsonl:2: is not valid UTF-8 (byte 13 of the line): convert the file to UTF-8"]


def test_of_lines_in_another_encoding_the_first_is_a_problem_and_the_others_are_counted(read: Read) -> None:
    lines = [b'{"text": "One."}', b'{"text": "caf\xe9"}', b'{"text": "\xc4rger"}', b'{"text": "Two."}', b"\xff", b"{"]
    articles, log = read("a.jsonl", b"\n".join(lines))

    assert articles == [Article("a.jsonl:1", "One."), Article("a.jsonl:4", "Two.")]
    assert problems(log) == [
        "a.jsonl:2: is not valid UTF-8 (byte 13 of the line): convert the file to UTF-8",
        "a.jsonl:6: is not a JSON object on one line (Expecting property name enclosed in double quotes, column 2)",
    ]
    assert log.notes == ["a.jsonl: 2 more lines are not valid UTF-8 and not read"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_json_lines_with_the_mark_of_another_unicode_encoding_are_read(read: Read, encoding: str) -> None:
    # Ċ and ਼ have the byte of a line end in UTF-16.
    text = '\ufeff{"text": "Ċ਼, 政府 😀"}\r\n\nbroken\n{"text": "Two."}'
    articles, log = read("a.jsonl", text.encode(encoding))

    assert articles == [Article("a.jsonl:1", "Ċ਼, 政府 😀"), Article("a.jsonl:4", "Two.")]
    assert [problem.place for problem in log.problems] == ["a.jsonl:3"]


def test_json_lines_in_utf_16_are_read_up_to_what_is_damaged(read: Read) -> None:
    raw = '\ufeff{"text": "One."}\n{"text": "Two."}\n'.encode("utf-16-le")
    articles, log = read("a.jsonl", raw + b"\x3d\xd8\n\x00" + raw[2:])

    assert articles == [Article("a.jsonl:1", "One."), Article("a.jsonl:2", "Two.")]
    assert problems(log) == [
        "a.jsonl:3: is not valid UTF-16, not read from here on: convert the file to UTF-8",
    ]


def test_json_lines_may_begin_with_a_mark_and_end_like_windows_lines(read: Read) -> None:
    articles, log = read("a.jsonl", b'\xef\xbb\xbf{"text": "One."}\r\n{"text": "Two."}')

    assert [article.text for article in articles] == ["One.", "Two."]
    assert log.problems == []


def test_a_separator_inside_a_json_text_does_not_end_the_line(read: Read) -> None:
    articles, _ = read("a.jsonl", '{"text": "One.\u2028Two.\x85Three."}\n')

    assert [article.text for article in articles] == ["One.\u2028Two.\x85Three."]


# --- dates


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2022-01-07", DAY),
        ("2022-01-07T11:19:00Z", DAY),
        ("2022-01-07T23:30:00-08:00", DAY),
        ("2022-01-07 11:19:00.123", DAY),
        ("7 January 2022", DAY),
        ("11:19, 7 January, 2022", DAY),
        ("January 7, 2022", DAY),
        ("Friday, January 7th, 2022", DAY),
        ("Fri, 07 Jan 2022 11:19:00 +0400", DAY),
        ("Jan. 7, 2022, 9:30 p.m.", DAY),
        ("7 January 2022 11:19 MSK", DAY),
        ("2022/01/07", DAY),
        ("13/02/2022", dt.date(2022, 2, 13)),
        ("02-13-2022", dt.date(2022, 2, 13)),
        ("7/7/2022", dt.date(2022, 7, 7)),
        ("29 February 2020", dt.date(2020, 2, 29)),
        ("1 June 1815", dt.date(1815, 6, 1)),
    ],
)
def test_a_date_that_names_one_day_is_read(text: str, day: dt.date) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2022", "January 2022", "7 January", "11:19", "Friday"),
        *("03/04/2022", "3.4.2022", "3-4-2022", "03 04 2022"),  # March in one country, April in another
        *("2022-02-30", "2022-13-01", "30 February 2022", "29 February 2022"),
        *("7 January 2022 to 8 January 2022", "3 4 May 2022", "2022-01-07" * 20),
    ],
)
def test_a_date_that_names_no_day_or_several_is_not_guessed(text: str) -> None:
    assert parse_date(text) is None


@settings(database=None, max_examples=500)
@given(
    st.lists(
        st.sampled_from(
            [*"0123456789:./-+, ", "2022", "1999", "Jan", "May", "am", "pm", "UTC", "MSK", "T", "Z", "²", "١"]
        )
    ).map("".join)
    | st.text(max_size=30).map("2022 {}".format)
)
def test_no_text_trips_the_date_parser(text: str) -> None:
    day = parse_date(text)

    assert day is None or type(day) is dt.date


@pytest.mark.parametrize("value", ["soon", 20220107, 2022, True, ["2022-01-07", "2022-01-08"]])
def test_a_date_that_cannot_be_read_is_kept_and_noted(read: Read, value: Any) -> None:
    articles, log = read("a.jsonl", json.dumps({"text": "T.", "date": value}))

    assert articles == [Article("a.jsonl:1", "T.", metadata={"published": str(value)})]
    assert log.notes == [f"a.jsonl:1: the date {str(value)!r} cannot be read, kept as metadata"]
