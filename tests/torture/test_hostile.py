"""Nothing that is read breaks in, stops the machine or loses what is beside it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from semsearch import Article, field, parse_filter
from semsearch.filters import Filter
from semsearch.passages import split_article
from semsearch.queries import parse_query
from semsearch.readers import FORMATS, ReadingLog
from semsearch.readers._log import Origin
from semsearch.storage import Archive, content_digest
from tests.conftest import ROOT
from tests.embedder import WordEmbedder
from tests.test_archive_filters import write
from tests.torture.figures import LONG, note, scaled

PROMISE = "hostile input"
SECONDS = scaled(60, 600)  # of computing that a child has for a corpus
EXAMPLES = scaled(60, 10_000)
fuzzed = settings(
    max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None, report_multiple_bugs=LONG
)


# --- corpora in a child -----------------------------------------------------------------------------------------------


def build(
    folder: Path, names: Sequence[str], broken: str = "", seconds: int = SECONDS, module: str = "tests.torture.hostile"
) -> list[dict[str, Any]]:
    run = subprocess.run(
        [sys.executable, "-m", module, str(folder / "corpora"), str(seconds), broken, *names],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):  # what is deeper than the stack pytest could not remove
        subprocess.run([*command, str(folder / "corpora")], check=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


linux = pytest.mark.skipif(sys.platform != "linux", reason="limits memory and makes files as Linux does")


@linux
def test_no_corpus_harms(tmp_path: Path) -> None:
    from tests.torture.hostile import CORPORA

    outcomes = build(tmp_path, list(CORPORA))
    totals = {figure: sum(outcome[figure] for outcome in outcomes) for figure in ("refused", "read", "reported")}
    note(
        PROMISE,
        corpora=len(outcomes),
        articles_read=totals["read"],
        files_and_lines_reported=totals["reported"],
        arguments_refused=totals["refused"],
        files_opened_outside=sum(outcome["outside"] for outcome in outcomes),
        megabytes_at_most=max(outcome["megabytes"] for outcome in outcomes),
    )
    assert {outcome["corpus"]: outcome["wrong"] for outcome in outcomes if outcome["wrong"]} == {}
    assert [outcome["corpus"] for outcome in outcomes] == list(CORPORA)


@linux
@pytest.mark.parametrize(
    ("broken", "corpus", "wrong"),
    [
        ("whatever has the suffix is read", "links", "opened "),
        ("whatever has the suffix is read", "special files", "ended with "),
        ("aliases stand for anything", "aliases", "ended with "),
        ("problems are kept to oneself", "surrogates and NUL", "is neither read nor reported"),
        ("folders are walked by os.walk", "deep folders", "ended with RecursionError"),
    ],
)
def test_a_corpus_that_harms_is_noticed(tmp_path: Path, broken: str, corpus: str, wrong: str) -> None:
    if broken == "folders are walked by os.walk" and sys.version_info >= (3, 12):
        pytest.skip("os.walk calls itself before Python 3.12 only")
    (outcome,) = build(tmp_path, [corpus], broken, seconds=2)
    assert any(wrong in line for line in outcome["wrong"])


# --- parsers ----------------------------------------------------------------------------------------------------------

PIECES = [
    "---\n", "...\n", "- ", "? ", ": ", "&a ", "*a", "<<: ", "!!binary ", "!!set ", "!!timestamp ", "!!python/none ",
    "|\n", ">-\n", "[", "]", "{", "}", ",", '"', "'", "\\", "\\ud800", "\\u0000", "#", "# ", "===\n", "\n", "\r",
    "\n\n", "\t", " ", "%YAML 1.1\n", "title: ", "date: ", "id: ", "text: ", "metadata: ", '{"text": "', '"_id": ',
    '"date": ', '"metadata": {', "null", "NaN", "-Infinity", "1e999", "9" * 30, "9" * 5000, "0x" + "f" * 5000,
    "1:1:1", "2024-02-30", "0000-00-00", "3 4 May 2022", "99:99", "By Jane Doe\n", "LONDON (AP) - ", "7 min read",
    "Share", "The talks went on. ", "word " * 300, "“", "”", "。", "\x00", "\x1b$B", "\u2028", "\u202e", "\ufeff",
    "\U0010ffff", "\x85", "text,title,id\n", ';"', '","', '""', '[{"text": "', '"}', '{"a": [',
]  # fmt: skip
SPACE = b" \t\r\n"
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=25).map("".join)
files = st.tuples(
    texts, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "gb18030"]), st.binary(max_size=3)
).map(lambda parts: parts[0].encode(parts[1], "replace") + parts[2])


def check_file(data: bytes, suffix: str) -> None:
    """Read a file: it is read or reported, and what is read can be stored and is split without loss."""
    log = ReadingLog()
    found = [article for _, article in FORMATS[suffix](io.BytesIO(data), Origin("file", "file"), log)]
    if suffix in {".csv", ".json"}:
        assert found or log.problems or data.strip(SPACE)  # a table or array may be empty, a file may not
    elif suffix != ".jsonl":
        assert len(found) + len(log.problems) == 1
    elif data.isascii():
        assert len(found) + len(log.problems) == sum(bool(line.strip()) for line in data.decode().split("\n"))
    for article in found:
        with contextlib.suppress(ValueError):  # which a build reports: half of a surrogate pair, that JSON can write
            content_digest(article)
        passages = split_article(article, WordEmbedder().count_tokens, limit=250)
        assert "".join("".join(passage.text for passage in passages).split()) == "".join(article.text.split())


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl", ".json", ".csv"])
def test_a_file_is_read_or_reported(suffix: str) -> None:
    @seed(7)
    @fuzzed
    @given(files)
    def check(data: bytes) -> None:
        check_file(data, suffix)

    check()
    note(PROMISE, files_made_up=EXAMPLES)


def test_a_real_file_that_is_spoilt_is_read_or_reported(corpus: Path) -> None:
    random = Random(8)
    shared = ROOT.parent / "shared" / "datasets"  # where it is there
    paths = [
        *sorted(corpus.rglob("*.md"))[:40],
        *sorted(shared.rglob("*.txt"))[:40],
        *sorted(shared.rglob("*.jsonl"))[:6],
    ]
    for _ in range(EXAMPLES * 2):
        path = random.choice(paths)
        with path.open("rb") as file:
            data = bytearray(file.read(20_000))
        for _ in range(random.randint(1, 5)):
            at = random.randrange(len(data) + 1)
            spoilt: list[bytes] = [b"", random.randbytes(2), random.choice(PIECES).encode(), bytes(data[at : at + 500])]
            data[at : at + random.choice([0, 1, 100])] = random.choice(spoilt)
        for suffix in (".txt", ".md", ".jsonl"):
            check_file(bytes(data), suffix)
    note(PROMISE, real_files_spoilt=EXAMPLES * 2)


# --- queries and filters ----------------------------------------------------------------------------------------------


@seed(9)
@fuzzed
@given(texts)
def test_a_query_is_read_or_refused(text: str) -> None:
    try:
        query = parse_query(text)
    except ValueError as error:
        assert "quotation mark" in str(error)  # noqa: PT017
    else:
        assert all(phrase in " ".join(query.text.split()) for phrase in query.phrases)


WORDS = [
    "and ", "or ", "not ", "has ", "in ", "(", ")", ",", "=", "<=", "'", '"', ".", "source ", "n ", "metadata.",
    "2024-02-30 ", "1e309 ", "%", "; DROP TABLE articles",
]  # fmt: skip
CLAUSES = [
    "x = 1 ", "n > 0 ", "not x in (1, 2, true) ", "has x ", "(x = 1e308 or n <= 2024) ", "x = '\U0010ffff' ",
    "published > 2024 ",
    "x = " + "0" * 5000 + "1 ", "n != -9223372036854775809 ", "metadata.x.x < 2024-05 ", 'id = "%" ', 'title = "" ',
]  # fmt: skip
VALUES = [
    "0" * 5000 + "1",
    "9" * 5000,
    "1e999",
    "",
    "\U0010ffff",
    "2024-99-99",
    10**30,
    -(2**63),
    1.5,
    True,
    None,
    [[]],
    {"x": {}},
    "\x00",
]
filters = st.lists(st.sampled_from(CLAUSES), min_size=1, max_size=5).map(" and ".join) | st.lists(
    st.sampled_from([*WORDS, *CLAUSES]) | st.text(max_size=3), max_size=10
).map("".join)


def test_a_filter_is_refused_or_answered(tmp_path: Path) -> None:
    articles = [Article(str(at), "T", metadata={"x": value, "n": [value]}) for at, value in enumerate(VALUES)]
    archive = Archive(write(tmp_path, articles))
    answered = 0

    @seed(10)
    @fuzzed
    @given(filters)
    def check(text: str) -> None:
        nonlocal answered
        try:
            filter_ = parse_filter(text)
        except ValueError:
            return
        answered += 1
        try:
            assert set(archive.matching_articles(filter_)) <= set(range(len(articles)))
        except ValueError as error:
            assert str(error).startswith("no article has a field")  # noqa: PT017
        assert parse_filter(str(filter_)) == filter_

    check()
    archive.close()
    note(PROMISE, filters_made_up=EXAMPLES, of_them_answered=answered)


@pytest.mark.parametrize(
    "text", ["(" * 100_000, "not " * 25_000, "x = 1 and " * 20_000, "x in (" + "1," * 50_000, "'" * 100_001]
)
def test_a_filter_that_is_a_bomb_is_refused(text: str) -> None:
    for part in (text, text[:9_999]):
        with pytest.raises(ValueError, match=r"cannot be read|has at most|nested too deeply|too many values"):
            parse_filter(part)


def test_a_filter_made_in_python_is_no_bomb() -> None:
    filter_: Filter = field("x") == 1
    for _ in range(25):
        filter_ = ~(filter_ & (field("y") == 2))
    with pytest.raises(ValueError, match="nested too deeply"):
        ~(filter_ & (field("y") == 2))
