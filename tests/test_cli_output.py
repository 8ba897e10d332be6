"""What the commands print: for people, letter by letter; for programs, against the schema."""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import semsearch
from tests.command import ENVIRONMENT, Run, build_with_words, flip_a_bit, generation, run_main, runner, write_news
from tests.conftest import ROOT
from tests.index_files import files_of

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "hit.schema.json").read_text(encoding="utf-8"))
LONG = {
    "_id": "wire/7",
    "title": "Peacekeepers of six countries fly to Almaty at the request of the president",
    "text": "The council sent soldiers on the request of the president, who named Articles 2 and 4 of the treaty.",
    "date": "2022-01-07",
    "source": "Northgate Wire",
    "url": "https://example.org/almaty",
}
BARE = {"_id": "notes/bare.txt", "text": "An article without a title, a date or a source still has its place."}
HITS = """\
  1 Peacekeepers of six countries fly to Almaty at the {0}
    request of the president
    Northgate Wire · 2022-01-07 · paragraph 1 ·
    https://example.org/almaty
    The council sent soldiers on the request of the
    president, who named Articles 2 and 4 of the treaty.

  2 notes/bare.txt                                     {1}
    paragraph 1 · notes/bare.txt
    An article without a title, a date or a source still has
    its place.

"""
WIDE_HIT = """\
  1 Peacekeepers of six countries fly to Almaty at the request of the president                {0}
    Northgate Wire · 2022-01-07 · paragraph 1 · https://example.org/almaty
    The council sent soldiers on the request of the president, who named Articles 2 and 4 of the
    treaty.

"""
REPORT = """\
4 articles indexed in {index}
  passages    5, of which 5 embedded now
  tokens      333 indexed, 0 truncated
  not indexed 1
  languages   English 50%
  model       {model}
  size        SIZE
  time        TIME
"""
STATUS = """\
index in {index}
  articles    2
  passages    2
  tokens      27 indexed, 0 truncated
  languages   English 50%
  model       words (64 dimensions)
  size        SIZE
  of which    nothing is vectors of tokens: there are none
  generation  GENERATION
  written     WHEN by semsearch {version}, format 1
"""
VERIFIED = """\
ok      {folder}/manifest.json  {0} bytes
ok      {folder}/articles.sqlite  {1} bytes
ok      {folder}/passages.npy  {2} bytes
ok      {folder}/keys.npy  {3} bytes
{verdict}{folder}/embeddings.npy  {4} bytes{problem}
ok      {folder}/checks.npy  {5} bytes
"""
VERIFIED_WORDS = "ok      {folder}/{name}  {size:,} bytes\n"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def word_index(tmp_path: Path) -> Path:
    return build_with_words(tmp_path / "word-index")


def write_jsonl(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def two_hits(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of an article with everything and one with nothing but a text."""
    folder = tmp_path_factory.mktemp("two")
    semsearch.build_index(write_jsonl(folder / "two.jsonl", LONG, BARE), folder / "index", embedder=tiny_model)
    return folder / "index"


def stripped(text: str) -> str:
    """Without the spaces that fill lines up to the width."""
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def normalised(text: str) -> str:
    text = re.sub(r"(?m)^(  size        )[\d.,]+ MB, [\d,]+ bytes a passage$", r"\1SIZE", text)
    text = re.sub(r"(?m)^(  time        )\d+\.\d s$", r"\1TIME", text)
    text = re.sub(r"\d{8}T\d{6}-\d{6}", "GENERATION", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "WHEN", text)


# --- for people -------------------------------------------------------------------------------------------------


def test_hits_are_printed_like_this_at_60_columns(run: Run, two_hits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    question = LONG["text"]
    scores = [f"{hit['score']:.3f}" for hit in run("query", question, "--index", two_hits).lines()]
    printed = run("query", question, "--index", two_hits, "--no-json")
    assert (printed.code, printed.err) == (0, "")
    assert stripped(printed.out) == HITS.format(*scores)


def test_lines_are_no_longer_than_100_characters(run: Run, two_hits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    (score,) = [f"{hit['score']:.3f}" for hit in run("query", LONG["text"], "-k", 1, "--index", two_hits).lines()]
    printed = run("query", LONG["text"], "-k", 1, "--index", two_hits, "--no-json").out
    assert stripped(printed) == WIDE_HIT.format(score)
    assert max(map(len, printed.splitlines())) == 100


@pytest.mark.parametrize(
    "title", ["维和部队应总统请求飞往阿拉木图" * 4, "archive/" + "a-long-name-" * 8 + ".txt"], ids=["Chinese", "path"]
)
def test_a_title_that_has_no_spaces_is_wrapped_and_not_cut(
    run: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    semsearch.build_index([semsearch.Article("7", "Some text.", title=title)], tmp_path / "i", embedder=tiny_model)
    printed = run("query", "text", "--index", tmp_path / "i", "--no-json").out
    score = printed.splitlines()[0].split()[-1]
    assert "".join(printed.partition("paragraph 1")[0].replace(score, "").split()) == f"1{title}"


def test_a_build_reports_like_this(run: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")  # paths are not wrapped: they are there to be copied
    news, index = write_news(tmp_path / "news"), tmp_path / "index"
    (news / "empty.txt").touch()
    ran = run("rebuild-index", news, "--index", index, "--model", tiny_model, "--no-json")
    assert (ran.code, ran.err) == (1, f"not indexed: {news / 'empty.txt'}: is empty: there is no text to index\n")
    assert normalised(ran.out) == REPORT.format(index=index, model=tiny_model)


def test_status_is_printed_like_this(run: Run, word_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    ran = run("status", "--index", word_index, "--no-json")
    assert (ran.code, ran.err) == (0, "")
    assert normalised(ran.out) == STATUS.format(index=word_index, version=semsearch.__version__)


@pytest.mark.parametrize("damaged", [False, True])
def test_verify_is_printed_like_this(
    run: Run, word_index: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    folder = generation(word_index)
    names = ("manifest.json", "articles.sqlite", "passages.npy", "keys.npy", "embeddings.npy", "checks.npy")
    sizes = [f"{(folder / name).stat().st_size:,}" for name in names]
    verdict, problem, remedy = "ok      ", "", ""
    if damaged:
        flip_a_bit(folder / "embeddings.npy")
        verdict, problem = "DAMAGED ", "  is damaged (its checksum is not the one in the manifest)"
        remedy = "Mend it with 'semsearch rebuild-index CORPUS'.\n"
    ran = run("verify", "--index", word_index, "--no-json")
    assert (ran.code, ran.err) == (4 if damaged else 0, "")
    words = [
        VERIFIED_WORDS.format(folder=folder, name=name, size=(folder / name).stat().st_size)
        for name in files_of(folder)
        if name.startswith("lexical/")
    ]
    expected = VERIFIED.format(*sizes, folder=folder, verdict=verdict, problem=problem) + "".join(words) + remedy
    assert ran.out == expected


# --- for programs -----------------------------------------------------------------------------------------------


def validate(hit: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(hit)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema


def objects(schema: dict[str, Any], path: str = "hit") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a hit whose fields are known, with its path; [] are the elements of a list."""
    schema = resolved(schema)
    if "properties" in schema:
        yield path, schema
        for name, field in schema["properties"].items():
            yield from objects(field, f"{path}.{name}")
    if schema.get("type") == "array":
        yield from objects(schema["items"], f"{path}[]")


def test_the_schema_is_a_schema_that_describes_every_field_and_admits_no_other() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [path for path, _ in objects(SCHEMA)] == [
        *["hit", "hit.passage", "hit.evidence"],
        *["hit.duplicates[]", "hit.duplicates[].passage", "hit.duplicates[].article"],
        *["hit.explanation", "hit.explanation.words[]", "hit.article"],
    ]
    for _, schema in objects(SCHEMA):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for field in [schema, *schema["properties"].values()]:
            assert {"type", "const", "$ref"} & field.keys()
            assert re.fullmatch(r"[A-Z].*[^.]", field["title"])
            assert re.fullmatch(r"[A-Z].*\.", field["description"])


def test_hits_of_the_real_archive_are_what_the_schema_says(run: Run, corpus_index: Path, corpus: Path) -> None:
    texts = {article.id: article.text for article in semsearch.read_articles(corpus)}
    for question in ("legal basis for deployment", "Wie viele Soldaten schickt Armenien?", "1897"):
        hits = run("query", question, "-k", 50, "--explain", "--index", corpus_index).lines()
        assert [hit["rank"] for hit in hits] == list(range(1, 51))
        assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
        for hit in hits:
            validate(hit)
            assert (hit["type"], hit["version"], hit["query"]) == ("hit", 3, question)
            for part in (hit["passage"], hit["evidence"]):
                assert texts[hit["article"]["id"]][part["start"] : part["end"]] == part["text"]
            assert hit["evidence"]["text"] in hit["passage"]["text"]
            assert sum(hit["explanation"]["parts"].values()) == pytest.approx(hit["score"], abs=1e-5)
            assert sum(word["weight"] for word in hit["explanation"]["words"]) < 1 + 1e-5


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("how did Kenya's police get to Haiti", "peacekeeping/haiti-kenya-mission.md"),
        ("how the mirror of the Webb telescope is kept in the shade", "space/webb-sunshield-deployment.md"),
        ("container ship stuck in the Suez canal", "transport/ever-given-refloated.md"),
    ],
)
def test_the_article_that_answers_comes_first(run: Run, corpus_index: Path, question: str, article: str) -> None:
    assert run("query", question, "-k", 1, "--index", corpus_index).only()["article"]["id"] == article


def test_an_article_with_nothing_but_a_text_is_what_the_schema_says(run: Run, two_hits: Path) -> None:
    hits = {hit["article"]["id"]: hit for hit in run("query", "anything", "--index", two_hits).lines()}
    for hit in hits.values():
        validate(hit)
    assert hits["notes/bare.txt"]["article"] == {
        "id": "notes/bare.txt", "title": "", "published": None, "source": None, "url": None, "metadata": {},
    }  # fmt: skip
    assert hits["wire/7"]["article"] == {
        "id": "wire/7",
        "title": LONG["title"],
        "published": "2022-01-07",
        "source": "Northgate Wire",
        "url": "https://example.org/almaty",
        "metadata": {},
    }
    assert hits["wire/7"]["passage"] == {"text": LONG["text"], "paragraph": 1, "start": 0, "end": len(LONG["text"])}


def test_metadata_of_every_kind_comes_out_as_it_went_in(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    metadata = {"tags": ["a", "ü"], "page": 7, "share": 0.25, "draft": False, "editor": None, "geo": {"lat": 43.2}}
    corpus = write_jsonl(tmp_path / "m.jsonl", {**BARE, "metadata": metadata})
    assert run("rebuild-index", corpus, "-i", tmp_path / "index", "-m", tiny_model).code == 0
    hit = run("query", "anything", "-i", tmp_path / "index").only()
    validate(hit)
    assert hit["article"]["metadata"] == metadata


def test_text_outside_ascii_is_printed_as_it_is(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    text = "Тоқаев · “ok” — 平和 🕊 e\u0301"
    article = semsearch.Article("й", text, published=dt.date(2022, 1, 7))
    semsearch.build_index([article], tmp_path / "index", embedder=tiny_model)
    ran = run("query", "平和", "-i", tmp_path / "index")
    assert text in ran.out
    assert '"query": "平和"' in ran.out
    assert ran.only()["passage"]["text"] == text


@pytest.fixture(scope="module")
def copies_index(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of an article, a copy of it, and another one."""
    folder = tmp_path_factory.mktemp("copies")
    corpus = write_jsonl(folder / "copies.jsonl", LONG, {**LONG, "_id": "wire/8", "source": "Meridian Dispatch"}, BARE)
    semsearch.build_index(corpus, folder / "index", embedder=tiny_model)
    return folder / "index"


@pytest.fixture
def full_hit(run: Run, copies_index: Path) -> dict[str, Any]:
    """A hit that has everything."""
    hit = run("query", "council president", "-k", 1, "--explain", "--index", copies_index, "--article", "wire/7",
              "--article", "wire/8").only()  # fmt: skip
    validate(hit)
    return hit


def test_a_hit_has_its_duplicates_and_its_explanation(full_hit: dict[str, Any]) -> None:
    assert full_hit["article"]["id"] == "wire/7"
    (duplicate,) = full_hit["duplicates"]
    assert duplicate["article"] == {**full_hit["article"], "id": "wire/8", "source": "Meridian Dispatch"}
    assert duplicate["passage"] == full_hit["passage"]
    assert 0 < duplicate["score"] <= full_hit["score"]
    assert [word["word"] for word in full_hit["explanation"]["words"]] == ["council", "president"]


def test_a_hit_of_an_article_with_pages_names_the_page(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "a.jsonl", {"text": LONG["text"], "pages": [[0, "iv"], [len(LONG["text"]), "1"]]})
    run("rebuild-index", corpus, "--index", tmp_path / "index", "-m", tiny_model)
    hits = run("query", "council president", "--no-fold", "--index", tmp_path / "index").lines()
    for hit in hits:
        validate(hit)
    assert {hit["page"] for hit in hits} == {"iv"}
    assert hits[0]["article"]["metadata"] == {}
    assert "paragraph 1, page iv" in run("query", "council president", "--text", "--index", tmp_path / "index").out


def test_what_was_not_asked_for_is_null_and_what_there_is_none_of_is_empty(run: Run, two_hits: Path) -> None:
    hit = run("query", "anything", "-k", 1, "--mode", "dense", "--index", two_hits).only()
    validate(hit)
    assert (hit["evidence"], hit["duplicates"], hit["explanation"]) == (None, [], None)  # no word of it is there


def test_what_is_similar_is_what_the_schema_says_without_a_query(run: Run, copies_index: Path) -> None:
    hits = run("similar", "wire/7", "--explain", "--index", copies_index).lines()
    for hit in hits:
        validate(hit)
        assert hit["query"] is None
        assert hit["evidence"] is None
        assert list(hit["explanation"]) == ["parts", "words"]
        assert hit["explanation"]["parts"] == {"dense": hit["score"]}
        assert hit["explanation"]["words"] == []
    assert [hit["article"]["id"] for hit in hits] == ["wire/8", "notes/bare.txt"]


def test_article_hits_hold_hits_as_the_schema_says(run: Run, copies_index: Path) -> None:
    question = "council president"
    lines = run("query", question, "--by-article", "--explain", "--no-fold", "--index", copies_index).lines()
    assert [line["rank"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert list(line) == ["type", "version", "query", "rank", "score", "article", "hits"]
        assert (line["type"], line["version"], line["query"]) == ("article_hit", 3, question)
        assert line["score"] == line["hits"][0]["score"]
        for rank, hit in enumerate(line["hits"], start=1):
            validate({"type": "hit", "version": 3, "query": question, "rank": rank, **hit, "article": line["article"]})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["type"], "build"),
        (["version"], 1),
        (["rank"], 0),
        (["rank"], 1.5),
        (["score"], "0.5"),
        (["query"], " "),
        (["passage", "start"], -1),
        (["passage", "paragraph"], 0),
        (["passage", "row"], 3),
        (["evidence"], LONG["text"]),
        (["evidence", "start"], -1),
        (["evidence", "score"], 0.5),
        (["duplicates"], None),
        (["duplicates", 0, "score"], None),
        (["duplicates", 0, "rank"], 1),
        (["duplicates", 0, "passage", "row"], 3),
        (["duplicates", 0, "article", "id"], " "),
        (["explanation"], {}),
        (["explanation", "parts"], {}),
        (["explanation", "parts", "dense"], "much"),
        (["explanation", "words", 0, "word"], ""),
        (["explanation", "words", 0, "weight"], -0.5),
        (["explanation", "words", 0, "rank"], 1),
        (["article", "id"], ""),
        (["article", "published"], "7 January 2022"),
        (["article", "title"], None),
        (["article", "metadata"], []),
        (["extra"], 1),
    ],
)
def test_the_schema_refuses_what_is_not_a_hit(full_hit: dict[str, Any], path: list[Any], value: object) -> None:
    hit = copy.deepcopy(full_hit)
    *parents, name = path
    inner: Any = hit
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(hit)


# --- which of the two -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "verify"])
def test_without_a_terminal_it_is_json_lines(run: Run, word_index: Path, command: str) -> None:
    assert run(command, "-i", word_index).out == run(command, "-i", word_index, "--json").out
    assert run(command, "-i", word_index, "--no-json").out != run(command, "-i", word_index, "--json").out


def test_of_text_and_json_the_last_counts(run: Run, word_index: Path) -> None:
    assert run("status", "-i", word_index, "--no-json", "--json").only()["type"] == "status"
    assert run("status", "-i", word_index, "--json", "--no-json").out.startswith("index in ")


# --- whatever the encoding --------------------------------------------------------------------------------------


def printed_as(encoding: str, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[int, bytes]:
    """Run the command with a standard output of this encoding, as the locale or Windows may have it."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        code = run_main(*arguments)
    stream.flush()
    return code, raw.getvalue()


@pytest.fixture(scope="module")
def cyrillic_index(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("cyrillic") / "index"
    article = semsearch.Article("1", "President Тоқаев asked for help.", source="Été · ТАСС")
    semsearch.build_index([article], index, embedder=tiny_model)
    return index


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_json_says_the_same_in_every_encoding(
    cyrillic_index: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    code, data = printed_as(encoding, monkeypatch, "query", "Тоқаев", "--index", cyrillic_index, "--json")
    hit = json.loads(data)  # in UTF-8, or escaped
    assert (code, hit["query"]) == (0, "Тоқаев")
    assert hit["passage"]["text"] == "President Тоқаев asked for help."
    assert hit["article"]["source"] == "Été · ТАСС"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_text_is_printed_as_far_as_the_encoding_goes(
    cyrillic_index: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    code, data = printed_as(encoding, monkeypatch, "query", "Тоқаев", "--index", cyrillic_index, "--no-json")
    assert code == 0
    assert b"President " in data
    assert b" asked for help." in data


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="file names are Unicode on this system")
@pytest.mark.parametrize("form", ["--json", "--no-json"])
def test_a_name_that_is_not_unicode_is_printed_all_the_same(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    news = write_news(tmp_path / "news")
    (news / os.fsdecode(b"caf\xe9.txt")).write_text("The name of this file is not Unicode.")
    index = tmp_path / os.fsdecode(b"ind\xe9x")
    code, data = printed_as("utf-8", monkeypatch, "rebuild-index", news, "-i", index, "-m", tiny_model, form)
    assert code == 1
    assert b"ind" in data
    if form == "--json":
        report = json.loads(data)
        assert report["index"] == str(index)
        assert [problem["place"] for problem in report["problems"]] == [str(news / os.fsdecode(b"caf\xe9.txt"))]
