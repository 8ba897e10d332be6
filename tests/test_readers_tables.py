"""JSON and CSV files to articles: what is a record in them, where it stands, and what is said of the others."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch import Article, FieldNames, ReadingLog, read_articles
from semsearch.readers import FORMATS
from semsearch.readers._log import Origin
from semsearch.readers._text import MOST_BYTES
from semsearch.readers.tables._json import JsonText

Read = Callable[..., "tuple[list[Article], list[str]]"]
UNCLOSED = "has a quotation mark that is never closed, not read from here on: close it, or double it if it is text"
LONG = 5 << 20  # characters of an article: four of them are more than is read at once


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read one file of a name and content: its articles, and the problems and notes. Places are short."""
    monkeypatch.chdir(tmp_path)

    def read_file(name: str, content: str | bytes, **fields: str) -> tuple[list[Article], list[str]]:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        log = ReadingLog()
        articles = list(read_articles(name, log=log, fields=FieldNames(**fields)))
        return articles, [*map(str, log.problems), *log.notes]

    return read_file


class Endless(io.RawIOBase):
    """A file that is made as it is read, and knows how much of it was."""

    def __init__(self, begin: bytes, record: bytes, records: int) -> None:
        self._parts = self._make(begin, record, records)
        self._rest = b""
        self.read_until_now = 0

    def _make(self, begin: bytes, record: bytes, records: int) -> Iterator[bytes]:
        yield begin
        for _ in range(records):
            yield record

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while len(self._rest) < len(buffer) and (part := next(self._parts, None)) is not None:
            self._rest += part
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.read_until_now += count
        return count


# --- JSON


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('[{"text": "One."}, {"text": "Two."}]', ["One.", "Two."]),
        ('\n [\n{"text": "One."}\n,\n{"text": "Two."}\n]\n', ["One.", "Two."]),
        ('{"text": "One."}', ["One."]),
        ('{"text": "One.", "authors": [{"text": "no article"}]}', ["One."]),
        ('{"count": 2, "articles": [{"text": "One."}, {"text": "Two."}]}', ["One.", "Two."]),
        ('{"response": {"results": [{"body": "One."}], "facets": [{"n": 1}]}}', ["One."]),
        ('{"text": "One."}\n{"text": "Two."}\n', ["One.", "Two."]),
        ('{"text":\n"One."}{\n"text": "Two."}', ["One.", "Two."]),
        ("[]", []),
    ],
)
def test_the_records_of_a_json_file_are_articles(read: Read, content: str, texts: list[str]) -> None:
    articles, said = read("a.json", content)
    assert [article.text for article in articles] == texts
    assert said == []


def test_a_record_of_a_json_file_is_numbered(read: Read) -> None:
    articles, _ = read("a.json", '[{"text": "One."}, {"id": "x", "text": "Two."}, {"text": "Three."}]')
    assert [article.id for article in articles] == ["a.json:1", "x", "a.json:3"]


@pytest.mark.parametrize(
    ("content", "texts", "said"),
    [
        ("", [], "a.json: is empty: there is no JSON in it"),
        ("17", [], "a.json:1: is JSON, but int instead of an object with a text"),
        (
            '[{"text": "One."},\n{"text": Two}]',
            ["One."],
            "a.json, line 2: is not JSON (Expecting value, column 10), not read from here on",
        ),
        (
            '[{"text": "One."} {"text": "Two."}]',
            ["One."],
            "a.json, line 1: is not JSON (Expecting ',' or ']', column 19), not read from here on",
        ),
        (
            '[{"text": "One."}',
            ["One."],
            "a.json, line 1: is not JSON (Expecting ',' or ']', column 18), not read from here on",
        ),
        (
            '[{"text": "One."}]\n[1]',
            ["One."],
            "a.json, line 2: is not JSON (Extra data, column 1), not read from here on",
        ),
        (
            '{"text": "One."}\n{"text": Two.}\n{"text": "Three."}\n',
            ["One.", "Three."],
            "a.json, line 2: is not a JSON object on one line (Expecting value, column 10)",
        ),
        ('[{"text": "One."}, ["Two."]]', ["One."], "a.json:2: is JSON, but list instead of an object with a text"),
        (
            '{"a": [{"text": "One."}], "b": {"c": [{"text": "Two."}]}}',
            [],
            "a.json: holds several arrays of objects: say which of a, b.c it is with --table NAME",
        ),
    ],
)
def test_what_is_wrong_with_a_json_file_is_said_with_its_line(
    read: Read, content: str, texts: list[str], said: str
) -> None:
    articles, words = read("a.json", content)
    assert [article.text for article in articles] == texts
    assert words == [said]


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, '[{"text": "a", "n": ' + "9" * 5000 + "}]"])
def test_json_that_is_too_much_is_a_problem_or_read(read: Read, content: str) -> None:
    articles, said = read("a.json", content)
    # How many digits a number may have depends on the version of Python.
    assert len(articles) + len(said) == 1


def test_one_of_several_arrays_is_named(read: Read) -> None:
    content = '{"a": [{"text": "One."}], "b": {"c": [{"text": "Two."}]}}'
    articles, said = read("a.json", content, table="b.c")
    assert ([article.text for article in articles], said) == (["Two."], [])
    articles, said = read("a.json", content, table="d")
    assert articles == []
    assert said == ["a.json: there is no array of objects 'd' for --table: those that there are: a, b.c"]


def test_of_an_object_that_is_larger_than_an_article_the_array_is_streamed(read: Read) -> None:
    records = [{"text": letter * LONG} for letter in "abcd"]
    others = {"total": 12, "ok": True, "facets": [{"n": 1}, {"n": 2}], "request": {"pages": [1, 2], "next": None}}
    articles, said = read("a.json", json.dumps({**others, "answer": {"docs": records}, "end": -1.5}))
    assert [article.text[:2] for article in articles] == ["aa", "bb", "cc", "dd"]
    assert said == []
    articles, said = read("a.json", json.dumps({"docs": records, "more": [{"text": "e"}]}))
    assert len(articles) == 4
    assert said == ["a.json: holds more arrays of objects, more: only docs was read, --table names one"]
    articles, said = read("a.json", json.dumps({"docs": records, "more": [{"text": "e"}]}), table="more")
    assert ([article.text for article in articles], said) == (["e"], [])


def test_an_object_of_an_array_that_is_larger_than_an_article_is_a_problem(read: Read) -> None:
    articles, said = read("a.json", json.dumps([{"text": "One."}, {"text": "a" * (MOST_BYTES + (2 << 20))}]))
    assert [article.text for article in articles] == ["One."]
    assert said == ["a.json, line 1: is larger than 16 MiB, which no article is: split it"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.integers(1, 7),
    st.sampled_from([None, 1]),
)
def test_a_value_is_the_same_in_whatever_pieces_it_comes(value: object, size: int, indent: int | None) -> None:
    written = json.dumps([value, value], indent=indent)
    text = JsonText(iter([written[at : at + size] for at in range(0, len(written), size)]))
    assert read_array(text) == [value, value]


def read_array(text: JsonText) -> list[object]:
    values = list(text.array())
    text.end()
    return values


@pytest.mark.parametrize("written", ["[1, 2", "[1 2]", '["a]', "[tru]", "[1,]", "[1]]", '["\\ud8"]', "{1: 2}"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_mistake_is_found_at_the_same_place_in_whatever_pieces_the_text_comes(written: str, size: int) -> None:
    whole, pieces = (
        JsonText(iter([written[at : at + step] for at in range(0, len(written), step)])) for step in (1000, size)
    )
    mistakes = []
    for text in (whole, pieces):
        with pytest.raises(ValueError, match="column") as error:
            read_array(text)
        mistakes.append((str(error.value), text.line))
    assert mistakes[0] == mistakes[1]


# --- CSV


def test_a_row_is_an_article_and_other_columns_are_metadata(read: Read) -> None:
    articles, said = read(
        "a.csv",
        "title,body,date,section\r\n"
        '"Bridge, shut","The bridge is closed.\r\n\r\nIt opens in ""spring"".",2022-01-07,city\r\n'
        "\r\n"
        "Probe,It came down.,,\r\n",
    )
    assert articles == [
        Article(
            "a.csv:2",
            'The bridge is closed.\n\nIt opens in "spring".',
            title="Bridge, shut",
            published=dt.date(2022, 1, 7),
            metadata={"section": "city"},
        ),
        Article("a.csv:6", "It came down.", title="Probe"),
    ]
    assert said == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_the_delimiter_is_what_parts_the_rows_alike(read: Read, delimiter: str, suffix: str) -> None:
    rows = [("id", "text"), ("x", "One; two, and three"), ("y", "Four | five, six"), ("z", "Seven")]
    quoted = "\n".join(delimiter.join(f'"{field}"' for field in row) for row in rows)
    articles, said = read(f"a.{suffix}", quoted)
    assert [(article.id, article.text) for article in articles] == rows[1:]
    assert said == []


def test_a_table_of_one_column_is_read(read: Read) -> None:
    articles, said = read("a.csv", "text\nOne of them\nTwo\n")
    assert ([article.text for article in articles], said) == (["One of them", "Two"], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_in_its_encoding(read: Read, encoding: str) -> None:
    text = (
        "Die Brücke über den Fluss bleibt bis zum Frühjahr für größere Fahrzeuge gesperrt, sagte ein Sprecher der "
        "Behörde. "
        "Für Fußgänger ist sie geöffnet. Die Kosten können höher ausfallen als zunächst geschätzt, hieß es später."
    )
    articles, said = read("a.csv", f"id;text\nä;{text}\n".encode(encoding))
    assert [(article.id, article.text) for article in articles] == [("ä", text)]
    assert said == (["a.csv: read as Windows-1252"] if encoding == "cp1252" else [])


@pytest.mark.parametrize(
    ("content", "ids", "said"),
    [
        ("", [], "a.csv: is empty: there is no row in it"),
        ("\n\n", [], "a.csv: is empty: there is no row in it"),
        (
            "id,text\nx,One\ny,Two,three\nz,Four\n",
            ["x", "z"],
            "a.csv:3: has 3 fields, the first row names 2: is a field with separators or line ends not quoted?",
        ),
        (
            "id,text\nx\nz,Four\n",
            ["z"],
            "a.csv:2: has 1 fields, the first row names 2: is a field with separators or line ends not quoted?",
        ),
        (
            'id,text\nx,"He said "yes" to it"\nz,Four\n',
            ["z"],
            "a.csv:2: is not a row (',' expected after '\"'): a quotation mark within a quoted field must be doubled",
        ),
        (
            'id,text\nx,One\ny,"Two\nz,Four\n',
            ["x"],
            f"a.csv:3: {UNCLOSED}",
        ),
        ("id,text\nx,One\ny, \nz,Four\n", ["x", "z"], "a.csv:3: is empty: there is no text to index"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(read: Read, content: str, ids: list[str], said: str) -> None:
    articles, words = read("a.csv", content)
    assert ([article.id for article in articles], words) == (ids, [said])


def test_what_stands_after_the_last_column_may_be_empty(read: Read) -> None:
    articles, said = read("a.csv", "id,text\nx,One,,\n")
    assert ([article.text for article in articles], said) == (["One"], [])


def test_columns_of_one_name_and_of_none_are_told_apart(read: Read) -> None:
    articles, said = read("a.csv", "text,tag,tag,\nOne,a,b,c\n")
    assert [article.metadata for article in articles] == [{"tag": "a", "tag (3)": "b", "column 4": "c"}]
    assert said == []


def test_a_field_may_be_as_long_as_an_article(read: Read) -> None:
    articles, said = read("a.csv", "id,text\nx," + "a" * 500_000 + "\n")
    assert ([len(article.text) for article in articles], said) == ([500_000], [])


def test_a_quotation_mark_that_none_closes_does_not_take_the_whole_file_into_memory(read: Read) -> None:
    articles, said = read("a.csv", 'id,text\nx,One\ny,"Two\n' + "z,Four and some more\n" * 1_000_000)
    assert [article.id for article in articles] == ["x"]
    assert len(said) == 1
    assert said[0].startswith("a.csv:3: has a quotation mark that is never closed")


def test_of_a_million_problems_a_thousand_are_kept(read: Read) -> None:
    articles, said = read("a.csv", "id,text\nx,One\n" + "a,b,c\n" * 5000)
    assert len(articles) == 1
    assert len(said) == 1001
    assert said[-1] == "a.csv: 4,000 more records could not be read"


# --- however large


@pytest.mark.parametrize(
    ("suffix", "begin", "record"),
    [
        (".csv", "id,text\n", f"x,{'word ' * 2000}\n"),
        (".json", "[", json.dumps({"text": "word " * 2000}) + ","),
        (".json", "", json.dumps({"text": "word " * 2000}) + "\n"),
        (".json", '{"meta": {"pages": 3}, "answer": {"docs": [', json.dumps({"text": "word " * 2000}) + ",\n"),
        (".jsonl", "", json.dumps({"text": "word " * 2000}) + "\n"),
    ],
)
def test_the_first_article_is_there_before_the_file_is_read_to_its_end(suffix: str, begin: str, record: str) -> None:
    file = Endless(begin.encode(), record.encode(), 10_000)  # 100 MB
    articles = FORMATS[suffix](io.BufferedReader(file), Origin("a", "a"), ReadingLog(raises=True))  # type: ignore[type-var]
    assert len(next(articles).article.text) == 10_000
    assert file.read_until_now < 20 << 20
