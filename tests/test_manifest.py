"""The manifest: what is written is read again, and nothing else is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch import EmbedderSpec, FieldNames, IndexCorruptError, IndexFormatError
from semsearch.languages import NAMES
from semsearch.records import FileGlobs
from semsearch.storage import FORMAT_VERSION, Counts, FileRecord, Manifest
from semsearch.storage.manifest import parse_manifest

PATH = Path("generations/20220107T120000-000000/manifest.json")
MANIFEST = Manifest(
    created="2022-01-07T12:00:00+00:00",
    written_by="0.1.0",
    precision="float32",
    embedder=EmbedderSpec(
        name="acme/tiny",
        fingerprint="f" * 64,
        dimension=384,
        max_tokens=254,
        query_prompt="ask: ",
        passage_prompt="tell me: ",
        revision="0" * 40,
    ),
    target_tokens=120,
    token_vectors=True,
    keep=1,
    fields=FieldNames(text=("abstract", "body"), published="pub_date", table="posts"),
    globs=FileGlobs(include=("*.html", "2024/"), exclude=("drafts/",)),
    dense_spec="PQ96x4fs",
    languages={"de": 0.5, "en": 0.333},
    counts=Counts(articles=2, passages=5, tokens=400, truncated_tokens=0),
    files={"articles.sqlite": FileRecord(8192, "a" * 64, 7), "dense.codes": FileRecord(100, "b" * 64, 8)},
)

TEXTS = st.text()
PATTERNS = st.text(min_size=1).filter(str.strip)
COUNTS = st.integers(0, 2**63)
MANIFESTS = st.builds(
    Manifest,
    created=st.text(),
    written_by=st.text(),
    embedder=st.builds(
        EmbedderSpec,
        name=st.text(),
        fingerprint=st.text(),
        dimension=st.integers(1, 2**63),
        max_tokens=COUNTS,
        query_prompt=st.text(),
        passage_prompt=st.text(),
        revision=st.none() | st.text(),
    ),
    target_tokens=COUNTS,
    token_vectors=st.booleans(),
    keep=COUNTS,
    fields=st.builds(FieldNames, text=st.lists(TEXTS, max_size=3), id=TEXTS, table=st.none() | TEXTS),
    globs=st.builds(FileGlobs, st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=3)),
    dense_spec=st.text(),
    languages=st.dictionaries(st.sampled_from(sorted(NAMES)), st.floats(0, 1)),
    counts=st.builds(Counts, COUNTS, COUNTS, COUNTS, COUNTS),
    files=st.dictionaries(
        st.from_regex(r"([a-z0-9][a-z0-9_-]*/)*\.?([a-z0-9_-]+\.)*[a-z0-9][a-z0-9_-]*", fullmatch=True).filter(
            lambda name: not name.startswith(("_", "-")) and "/_" not in name and "/-" not in name
        ),
        st.builds(FileRecord, COUNTS, st.text(), COUNTS),
    ),
)

Route = tuple[str, ...]  # of keys, from the whole of the JSON to one value in it


def routes(value: object, route: Route = ()) -> Iterator[Route]:
    """Every value of a JSON object but the object itself: what holds others, too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*route, key)
            yield from routes(inner, (*route, key))


def at(fields: Any, route: Route) -> Any:
    for key in route:
        fields = fields[key]
    return fields


def changed(route: Route, value: object) -> bytes:
    fields = copy.deepcopy(FIELDS)
    at(fields, route[:-1])[route[-1]] = value
    return json.dumps(fields).encode()


def without(route: Route) -> bytes:
    fields = copy.deepcopy(FIELDS)
    del at(fields, route[:-1])[route[-1]]
    return json.dumps(fields).encode()


FIELDS: dict[str, Any] = json.loads(MANIFEST.to_bytes())
ROUTES = list(routes(FIELDS))
FILES: list[Route] = [("files", name) for name in FIELDS["files"]]  # which files there are is not the manifest's rule
LANGUAGES: list[Route] = [("languages", code) for code in FIELDS["languages"]]  # nor which languages
HOSTILE: list[object] = [None, True, -1, 1.5, "5", [], {}, [1], {"a": 1}]


def assert_is_no_manifest(content: bytes) -> None:
    with pytest.raises(IndexCorruptError) as error:
        parse_manifest(content, PATH)
    assert error.value.path == PATH
    assert str(PATH) in str(error.value)
    assert error.value.exit_code == 4


@given(MANIFESTS)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert parse_manifest(manifest.to_bytes(), PATH) == manifest


def test_a_manifest_is_json_that_people_can_read() -> None:
    assert FIELDS["format"] == FORMAT_VERSION
    assert FIELDS["embedder"]["query_prompt"] == "ask: "
    assert FIELDS["counts"] == {"articles": 2, "passages": 5, "tokens": 400, "truncated_tokens": 0}
    assert FIELDS["files"]["articles.sqlite"] == {"bytes": 8192, "sha256": "a" * 64, "crc32": 7}
    assert MANIFEST.to_bytes().count(b"\n") > 20


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in FILES + LANGUAGES], ids=".".join)
def test_a_manifest_without_one_of_its_fields_is_none(route: Route) -> None:
    assert_is_no_manifest(without(route))


@pytest.mark.parametrize("route", ROUTES, ids=".".join)
def test_a_manifest_with_a_value_of_another_type_is_none(route: Route) -> None:
    for value in HOSTILE:
        if not is_right(route, value):
            assert_is_no_manifest(changed(route, value))


def is_right(route: Route, value: object) -> bool:
    if value is None:
        return route in {("embedder", "revision"), ("precision",), ("fields", "table")}
    if isinstance(value, dict):
        return route in {("files",), ("languages",)} and not value
    return type(value) is type(at(FIELDS, route)) and value != -1


@pytest.mark.parametrize(("code", "share"), [("xx", 0.5), ("German", 0.5), ("de", 1.001), ("de", -0.5), ("de", 1)])
def test_a_share_of_no_language_and_one_that_is_none_are_refused(code: str, share: float) -> None:
    assert_is_no_manifest(changed(("languages", code), share))


@pytest.mark.parametrize(
    "name",
    [
        "../CURRENT",
        "/etc/passwd",
        "a\\b",
        "..",
        ".",
        "a/.",
        "",
        "CON",
        "dense.codes\n",
        "c:d",
        "ä",
        "a/../b",
        "a/..",
        "a/../../CURRENT",
        "./a",
        "/a",
        "a/",
        "a//b",
        ".a/b",
        "a\n/b",
    ],
)
def test_a_file_that_could_lie_outside_its_generation_is_refused(name: str) -> None:
    assert_is_no_manifest(changed(("files", name), {"bytes": 1, "sha256": "a" * 64, "crc32": 2}))


@pytest.mark.parametrize("name", ["lexical/articles/meta.json", "lexical/passages/.managed.json", "tokens/2.u8"])
def test_a_file_in_a_folder_of_its_generation_is_accepted(name: str) -> None:
    assert parse_manifest(changed(("files", name), {"bytes": 1, "sha256": "a" * 64, "crc32": 2}), PATH).files == {
        **MANIFEST.files,
        name: FileRecord(1, "a" * 64, 2),
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"1",
        b'"format"',
        b"[]",
        b"{}",
        b"\xff\xfe\xfd",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"format": 1e999}',
        b'{"format": ' + b"1" * 5000 + b"}",
        MANIFEST.to_bytes()[:-3],
        MANIFEST.to_bytes() + MANIFEST.to_bytes(),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_something_else_than_json_of_a_manifest_is_refused(content: bytes) -> None:
    assert_is_no_manifest(content)


@pytest.mark.parametrize("content", [changed(("format",), FORMAT_VERSION + 1), b'{"format": 99}'])
def test_a_newer_format_is_not_called_damaged(content: bytes) -> None:
    newer = json.loads(content)["format"]
    with pytest.raises(IndexFormatError, match=f"has format {newer}, this semsearch reads up to {FORMAT_VERSION}"):
        parse_manifest(content, PATH)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dimension", 0),
        ("dimension", 2**70),
        ("name", "\ud800"),
        ("max_tokens", -1),
        ("query_prompt", "x" * 10**6 + "\udfff"),
    ],
)
def test_an_embedder_that_there_cannot_be_is_refused_in_few_words(name: str, value: object) -> None:
    fields = json.loads(MANIFEST.to_bytes())
    fields["embedder"][name] = value
    with pytest.raises(IndexCorruptError, match=f"is not a manifest .*{name} is") as error:
        parse_manifest(json.dumps(fields).encode(), PATH)
    assert len(str(error.value)) < 400
