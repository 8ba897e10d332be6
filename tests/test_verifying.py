"""``verify_index``: a verdict on every file, and on whether they fit together."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, EmbedderMismatchError, IndexCorruptError, build_index, open_index, verify_index
from semsearch.lexical import LexicalIndex
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.index_files import (
    GENERATION_FILES,
    LEXICAL_PATTERNS,
    TOKEN_FILES,
    answers,
    file_of,
    files_of,
    forge,
    forge_checksums,
    live,
)

ARTICLES = [
    Article("force", "The peacekeepers guard the airport and the power station of the city.", title="Peacekeepers"),
    Article("treaty", "Under article four an attack on one member is an attack on all.\n\nAll members signed it."),
]


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder) -> Path:
    build_index(ARTICLES, tmp_path / "index", embedder=words)
    return tmp_path / "index"


@pytest.fixture
def tokens_index(tmp_path: Path) -> Path:
    build_index(ARTICLES, tmp_path / "tokens-index", embedder=TokenWordEmbedder())
    return tmp_path / "tokens-index"


def problems(index: Path) -> dict[str, str]:
    return {check.path.name: check.problem for check in verify_index(index) if check.problem is not None}


def test_an_index_as_it_was_written_has_no_problem(index: Path) -> None:
    checks = verify_index(index)
    folder = live(index)
    assert {check.path: (check.bytes, check.problem) for check in checks} == {
        folder / name: ((folder / name).stat().st_size, None) for name in ["manifest.json", *files_of(folder)]
    }


@pytest.mark.parametrize("name", [*GENERATION_FILES, *TOKEN_FILES, *LEXICAL_PATTERNS])
def test_a_damaged_file_is_told_from_the_others(tokens_index: Path, name: str) -> None:
    path = file_of(live(tokens_index), name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    reason = "is damaged (its checksum is not the one in the manifest)"
    assert [(check.path, check.problem) for check in verify_index(tokens_index) if check.problem] == [(path, reason)]


def test_every_damaged_file_has_its_own_verdict(index: Path) -> None:
    folder = live(index)
    size = (folder / "articles.sqlite").stat().st_size
    (folder / "articles.sqlite").write_bytes(b"short")
    (folder / "embeddings.npy").unlink()
    assert problems(index) == {
        "articles.sqlite": f"is damaged (5 bytes, {size} were written)",
        "embeddings.npy": "is missing",
    }
    assert {check.path.name: check.bytes for check in verify_index(index)}["embeddings.npy"] == 0


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json"])
def test_without_a_manifest_nothing_can_be_checked(index: Path, name: str) -> None:
    path = index / name if name == "CURRENT" else live(index) / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(IndexCorruptError) as error:
        verify_index(index)
    assert error.value.path == path


def test_verifying_changes_nothing(index: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in index.rglob("*")}
    expected = answers(index)
    verify_index(index)
    assert {path: path.stat().st_mtime_ns for path in index.rglob("*")} == before
    assert answers(index) == expected


# --- files whose checksums are right, and which do not belong together ------------------------------------------------


def sql(statement: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(folder / "articles.sqlite")) as connection, connection:
            connection.execute(statement)

    return change


def embeddings(rows: NDArray[Any]) -> Callable[[Path], None]:
    return array("embeddings.npy", rows)


def array(name: str, rows: NDArray[Any]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, rows)


def passages(*rows: list[int]) -> Callable[[Path], None]:
    return array("passages.npy", np.array(rows, dtype=np.uint32))


def pickled(folder: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}, {}], dtype=object), allow_pickle=True)
    (folder / "embeddings.npy").write_bytes(stream.getvalue())


def content(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


FORGERIES = [
    pytest.param("embeddings.npy", embeddings(np.ones((3, 64), np.float16)), id="a vector too many"),
    pytest.param("embeddings.npy", embeddings(np.ones((2, 63), np.float16)), id="vectors of another length"),
    pytest.param("embeddings.npy", embeddings(np.ones((2, 64), np.float32)), id="vectors of another type"),
    pytest.param("embeddings.npy", pickled, id="pickled objects"),
    pytest.param("embeddings.npy", content("embeddings.npy", b"text"), id="no numpy file"),
    pytest.param("embeddings.npy", content("embeddings.npy", b""), id="an empty numpy file"),
    pytest.param("articles.sqlite", sql("DELETE FROM articles WHERE row = 1"), id="an article too few"),
    pytest.param("articles.sqlite", sql("UPDATE articles SET row = 7 WHERE row = 1"), id="a gap in the rows"),
    pytest.param("articles.sqlite", sql("DROP TABLE articles"), id="no articles"),
    pytest.param("passages.npy", passages([0, 1, 0, 9]), id="a passage too few"),
    pytest.param("passages.npy", passages([0, 1, 0, 9], [0, 1, 10, 19]), id="an article without a passage"),
    pytest.param("passages.npy", passages([1, 1, 0, 9], [0, 1, 0, 9]), id="articles in another order"),
    pytest.param("passages.npy", passages([0, 1, 0, 9], [2, 1, 0, 9]), id="an article left out"),
    pytest.param("checks.npy", array("checks.npy", np.ones((3, 2), np.uint32)), id="a checksum too many"),
    pytest.param("checks.npy", array("checks.npy", np.ones((2, 1), np.uint32)), id="checksums of one file"),
    pytest.param("articles.sqlite", content("articles.sqlite", b"text" * 1000), id="no database"),
]


@pytest.mark.parametrize(("name", "change"), FORGERIES)
def test_a_generation_that_does_not_fit_together_is_not_opened(
    index: Path, name: str, change: Callable[[Path], object]
) -> None:
    change(live(index))
    forge_checksums(index)
    with pytest.raises(IndexCorruptError) as error:
        open_index(index, embedder=WordEmbedder())
    assert error.value.path == live(index) / name


@pytest.mark.parametrize(("name", "change"), FORGERIES)
def test_a_generation_that_does_not_fit_together_has_a_problem(
    index: Path, name: str, change: Callable[[Path], object]
) -> None:
    change(live(index))
    forge_checksums(index)
    assert list(problems(index)) == [name]


@pytest.mark.parametrize("span", [(0, 100000), (2**32 - 1, 10), (9, 9), (10, 9)])
def test_a_passage_outside_its_article_has_a_problem(index: Path, span: tuple[int, int]) -> None:
    passages([0, 1, 0, 9], [1, 1, *span])(live(index))
    forge_checksums(index)
    assert problems(index) == {"passages.npy": "has a passage outside its article (row 1)"}


@pytest.mark.parametrize("name", GENERATION_FILES)
def test_a_file_that_is_not_in_the_manifest_is_not_trusted(index: Path, name: str) -> None:
    forge(index, lambda fields: fields["files"].pop(name))
    assert problems(index) == {name: "is not in the manifest"}
    with pytest.raises(IndexCorruptError, match="is not in the manifest") as error:
        open_index(index, embedder=WordEmbedder())
    assert error.value.path == live(index) / name


# --- what newer generations have besides ------------------------------------------------------------------------------


def spans(*rows: list[int]) -> Callable[[Path], None]:
    return array("token_spans.npy", np.array(rows))


def rotation(rows: int, columns: int) -> Callable[[Path], None]:
    return array("token_rotation.npy", np.ones((rows, columns), np.float32))


def segment(data: bytes) -> Callable[[Path], object]:
    return lambda folder: file_of(folder, "tokens/*.u8").write_bytes(data)


def lexical(unit: str, count: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        shutil.rmtree(folder / "lexical" / unit)
        LexicalIndex.build(folder / "lexical" / unit, ["a text"] * count)

    return change


TOKEN_FORGERIES = [
    pytest.param("token_spans.npy", spans([0, 0, 1], [0, 1, 99]), id="a passage beyond the end"),
    pytest.param("token_spans.npy", spans([0, 0, 1], [1, 0, 1]), id="a passage in a segment that is not there"),
    pytest.param("token_spans.npy", spans([0, 0, 1], [0, 1, 0]), id="a passage without a token"),
    pytest.param("token_spans.npy", spans([0, 0, 1]), id="a passage too few"),
    pytest.param(
        "token_rotation.npy", array("token_rotation.npy", np.eye(32, dtype=np.float32)), id="a small rotation"
    ),
    pytest.param(
        "token_rotation.npy", array("token_rotation.npy", np.ones((32, 64), np.float32)), id="a rotation of two sizes"
    ),
    pytest.param(
        "tokens/*.u8", lambda folder: file_of(folder, "tokens/*.u8").write_bytes(b"x" * 17), id="half a token"
    ),
    pytest.param("tokens/*.u8", lambda folder: file_of(folder, "tokens/*.u8").write_bytes(b""), id="no tokens"),
    pytest.param("token_spans.npy", content("token_spans.npy", b"text"), id="spans that are no numpy file"),
]


@pytest.mark.parametrize(("name", "change"), TOKEN_FORGERIES)
def test_tokens_that_do_not_fit_together_are_named(
    tokens_index: Path, name: str, change: Callable[[Path], object]
) -> None:
    change(live(tokens_index))
    forge_checksums(tokens_index)
    path = file_of(live(tokens_index), name)
    with pytest.raises(IndexCorruptError) as error:
        open_index(tokens_index, embedder=TokenWordEmbedder())
    assert error.value.path == path
    assert list(problems(tokens_index)) == [path.name]


LEXICAL_FORGERIES = [
    pytest.param("articles", lexical("articles", 3), id="an article too many"),
    pytest.param("passages", lexical("passages", 1), id="a passage too few"),
    pytest.param("articles", content("lexical/articles/meta.json", b"{}"), id="a meta.json that says nothing"),
]


@pytest.mark.parametrize(("unit", "change"), LEXICAL_FORGERIES)
def test_a_lexical_index_that_does_not_fit_is_named(index: Path, unit: str, change: Callable[[Path], object]) -> None:
    change(live(index))
    forge_checksums(index)
    with pytest.raises(IndexCorruptError) as error:
        open_index(index, embedder=WordEmbedder())
    assert error.value.path == live(index) / "lexical" / unit


@pytest.mark.parametrize(("unit", "change"), LEXICAL_FORGERIES)
def test_a_lexical_index_that_does_not_fit_has_a_problem(
    index: Path, unit: str, change: Callable[[Path], object]
) -> None:
    change(live(index))
    forge_checksums(index)
    checks = [check for check in verify_index(index) if check.problem is not None]
    assert checks != []
    assert all(check.path.is_relative_to(live(index) / "lexical" / unit) for check in checks)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0, -2.0])
def test_vectors_that_are_not_of_length_1_are_named(index: Path, value: float) -> None:
    path = live(index) / "embeddings.npy"
    vectors = np.load(path)
    vectors[1, 3] = value
    np.save(path, vectors)
    forge_checksums(index)
    assert problems(index) == {"embeddings.npy": "holds vectors that are not of length 1"}
    with open_index(index, embedder=WordEmbedder()) as searcher, pytest.raises(IndexCorruptError) as error:
        searcher.search("attack on the airport")
    assert error.value.path == path


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.0])
def test_a_rotation_that_is_none_is_named(tokens_index: Path, value: float) -> None:
    path = live(tokens_index) / "token_rotation.npy"
    rotation = np.load(path)
    rotation[5, 5] = value
    np.save(path, rotation)
    forge_checksums(tokens_index)
    assert list(problems(tokens_index)) == ["token_rotation.npy"]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE articles RENAME TO old; CREATE VIEW articles AS SELECT * FROM old",
        "CREATE TRIGGER spoil AFTER INSERT ON articles BEGIN DELETE FROM files; END",
        "CREATE TABLE people (name)",
        "CREATE INDEX folded ON articles (printf('%s', id))",
        "DROP INDEX articles_filtered",
        "ALTER TABLE articles ADD COLUMN more TEXT DEFAULT 'x'",
    ],
)
def test_a_database_of_other_tables_is_not_asked(index: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(live(index) / "articles.sqlite")) as connection:
        connection.executescript(statement)
    forge_checksums(index)
    assert problems(index) == {"articles.sqlite": "has other tables than an index"}
    with pytest.raises(IndexCorruptError, match="has other tables than an index"):
        open_index(index, embedder=WordEmbedder())


def test_vectors_of_another_length_than_the_embedders_are_not_compared(index: Path) -> None:
    vectors = np.load(live(index) / "embeddings.npy")
    np.save(live(index) / "embeddings.npy", vectors[:, :32])
    forge_checksums(index)
    forge(index, lambda fields: fields["embedder"].update(dimension=32))
    with pytest.raises(EmbedderMismatchError):
        open_index(index, embedder=WordEmbedder())
