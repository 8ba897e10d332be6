"""The large files: their rows are checked when they are read, and a rebuild shares the segments of tokens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from semsearch import Article, IndexCorruptError, build_index, open_index, verify_index
from semsearch.storage import Generation, generations, open_generation
from tests.embedder import TokenWordEmbedder
from tests.index_files import file_of, live

ARTICLES = [
    Article(f"{number}", f"On day {number} the envoys met at the harbour to talk about article {number} of the treaty.")
    for number in range(40)
]


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search by codes, as large indexes do: where all vectors are searched, all are checked when one is opened."""
    monkeypatch.setattr("semsearch.dense.FLAT_ROWS", 20)


@pytest.fixture
def embedder() -> TokenWordEmbedder:
    return TokenWordEmbedder()


@pytest.fixture
def index(tmp_path: Path, embedder: TokenWordEmbedder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index whose vectors and tokens are too large to be read when it is opened."""
    build_index(ARTICLES, tmp_path / "index", embedder=embedder)
    monkeypatch.setattr(generations, "_LARGE", 1000)
    monkeypatch.setattr(generations, "_LARGE_VECTORS", 1000)
    return tmp_path / "index"


def damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.unlink()  # generations share segments
    path.write_bytes(content)


def segments(index: Path) -> list[str]:
    return sorted(path.name for path in (live(index) / "tokens").iterdir())


def codes(generation: Generation) -> list[bytes]:
    """The codes of each passage's tokens."""
    assert generation.tokens is not None
    return [generation.tokens.codes_of(row).tobytes() for row in range(len(generation.tokens))]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["embeddings.npy", "tokens/*.u8"])
def test_a_damaged_row_is_noticed_when_it_is_read_and_no_other(index: Path, name: str) -> None:
    path = file_of(live(index), name)
    damage(path, path.stat().st_size - 1)
    generation = open_generation(index)
    try:
        assert generation.tokens is not None
        read = generation.embeddings_of if name == "embeddings.npy" else generation.tokens.codes_of
        for row in range(39):
            read(np.array([row]) if name == "embeddings.npy" else row)  # type: ignore[arg-type]
        with pytest.raises(IndexCorruptError, match=r"is damaged \(the checksum of passage 39 is another\)") as error:
            read(np.array([0, 39]) if name == "embeddings.npy" else 39)  # type: ignore[arg-type]
        assert error.value.path == path
    finally:
        generation.close()


@pytest.mark.parametrize("name", ["embeddings.npy", "tokens/*.u8"])
@pytest.mark.parametrize("at", [-1, -700, -1500])
def test_a_search_that_meets_damage_says_so(index: Path, embedder: TokenWordEmbedder, name: str, at: int) -> None:
    path = file_of(live(index), name)
    damage(path, path.stat().st_size + at)
    with open_index(index, embedder=embedder) as searcher, pytest.raises(IndexCorruptError) as error:
        searcher.search("the envoys met at the harbour", k=40, fold_duplicates=False)
    assert error.value.path == path


@pytest.mark.parametrize("name", ["embeddings.npy", "keys.npy", "tokens/*.u8"])
def test_verifying_reads_every_byte(index: Path, name: str) -> None:
    path = file_of(live(index), name)
    damage(path, path.stat().st_size // 2)
    assert [check.path for check in verify_index(index) if check.problem is not None] == [path]


@pytest.mark.parametrize("name", ["embeddings.npy", "keys.npy", "tokens/*.u8"])
def test_a_rebuild_takes_nothing_from_a_damaged_file(index: Path, embedder: TokenWordEmbedder, name: str) -> None:
    path = file_of(live(index), name)
    damage(path, path.stat().st_size // 2)
    report = build_index(ARTICLES, index, embedder=embedder)
    assert (report.embedded, report.unchanged) == (40, False)
    assert all(check.problem is None for check in verify_index(index))


def test_a_large_file_of_another_size_is_noticed_when_the_index_is_opened(index: Path) -> None:
    path = file_of(live(index), "tokens/*.u8")
    path.write_bytes(path.read_bytes()[:-16])
    with pytest.raises(IndexCorruptError, match=r"is damaged \(\d+ bytes, \d+ were written\)") as error:
        open_generation(index)
    assert error.value.path == path


# --- segments ---------------------------------------------------------------------------------------------------------


def assert_as_built_afresh(index: Path, articles: Sequence[Article]) -> None:
    afresh = index.parent / "afresh" / live(index).name
    build_index(articles, afresh, embedder=TokenWordEmbedder())
    one, other = open_generation(index), open_generation(afresh)
    try:
        np.testing.assert_array_equal(one.embeddings, other.embeddings)
        np.testing.assert_array_equal(one.checks, other.checks)
        assert codes(one) == codes(other)
    finally:
        one.close()
        other.close()


def test_a_rebuild_links_what_there_was_and_writes_what_is_new(index: Path, embedder: TokenWordEmbedder) -> None:
    before = live(index)
    new = [Article("new", "A ship came into the harbour at noon."), *ARTICLES[:20], *ARTICLES[21:]]
    build_index(new, index, embedder=embedder)
    old_segment, new_segment = segments(index)
    assert [old_segment] == sorted(path.name for path in (before / "tokens").iterdir())
    assert (live(index) / "tokens" / old_segment).samefile(before / "tokens" / old_segment)
    assert (live(index) / "tokens" / new_segment).stat().st_size == 8 * 16
    assert_as_built_afresh(index, new)


def test_where_links_fail_segments_are_copied(
    index: Path, embedder: TokenWordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    before = live(index)
    build_index(ARTICLES[1:], index, embedder=embedder)
    (name,) = segments(index)
    assert not (live(index) / "tokens" / name).samefile(before / "tokens" / name)
    assert all(check.problem is None for check in verify_index(index))
    assert_as_built_afresh(index, ARTICLES[1:])


def test_a_segment_lives_on_when_the_generation_that_it_was_written_for_is_removed(
    index: Path, embedder: TokenWordEmbedder
) -> None:
    first = live(index)
    for count in (39, 38, 37):
        build_index(ARTICLES[:count], index, embedder=embedder)
    assert not first.exists()
    assert segments(index) == [f"{first.name.lower()}.u8"]
    assert all(check.problem is None for check in verify_index(index))
    assert_as_built_afresh(index, ARTICLES[:37])


def test_a_segment_of_much_garbage_is_written_again_without_it(index: Path, embedder: TokenWordEmbedder) -> None:
    build_index(ARTICLES[:30], index, embedder=embedder)  # a quarter of the segment is garbage
    assert segments(index) < [live(index).name.lower()]
    build_index(ARTICLES[:20], index, embedder=embedder)
    assert segments(index) == [f"{live(index).name.lower()}.u8"]
    (segment,) = (live(index) / "tokens").iterdir()
    assert segment.stat().st_size == sum(16 * len(article.text.split()) for article in ARTICLES[:20])
    assert embedder.embedded == [article.text for article in sorted(ARTICLES, key=lambda a: len(a.text))]
    assert_as_built_afresh(index, ARTICLES[:20])


def test_small_segments_are_written_together_when_there_are_many(index: Path, embedder: TokenWordEmbedder) -> None:
    articles, counts = list(ARTICLES), []
    for number in range(12):
        articles.insert(3 * number, Article(f"new {number}", "A ship came into the harbour. " * (number + 1)))
        build_index(articles, index, embedder=embedder)
        counts.append(len(segments(index)))
        if counts[-1] in {2, 5}:
            assert_as_built_afresh(index, articles)
    assert counts == [2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8, 5]
    assert len(embedder.embedded) == len(articles)
