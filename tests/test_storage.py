"""The index on disk: what was committed is there, and what is damaged is named and never searched."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from semsearch import (
    Article,
    IndexCorruptError,
    IndexFormatError,
    IndexNotFoundError,
    Passage,
    build_index,
    open_index,
    verify_index,
)
from semsearch.storage import open_generation, read_manifest, write_generation
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.index_files import (
    GENERATION_FILES,
    LEXICAL_PATTERNS,
    TOKEN_FILES,
    answers,
    file_of,
    files_of,
    forge,
    generations,
    live,
)

ARTICLES = [
    Article("force", "The peacekeepers guard the airport and the power station of the city.", title="Peacekeepers"),
    Article("treaty", "Under article four an attack on one member is an attack on all.\n\nAll members signed it."),
]
OTHERS = [
    Article("budget", "Parliament passed a budget of four million for schools and for the roads.", title="Budget"),
    Article(
        "rocket", "The rocket lifted off at dawn, and reached its orbit in nine minutes.\n\nIt carried two probes."
    ),
]


@pytest.fixture
def index(tmp_path: Path, words: WordEmbedder) -> Path:
    build_index(ARTICLES, tmp_path / "index", embedder=words)
    return tmp_path / "index"


@pytest.fixture
def tokens_index(tmp_path: Path) -> Path:
    build_index(ARTICLES, tmp_path / "tokens-index", embedder=TokenWordEmbedder())
    return tmp_path / "tokens-index"


ALL_FILES = [*GENERATION_FILES, *TOKEN_FILES, *LEXICAL_PATTERNS, "manifest.json"]
SOME_FILES = [
    *[*GENERATION_FILES, *TOKEN_FILES, "manifest.json"],
    *["lexical/articles/*.idx", "lexical/passages/*.term", "lexical/passages/meta.json"],
]
# What other texts of like lengths leave as it is: the rotation, the numbers of rows, and what is stored: nothing.
ALIKE = {
    "token_rotation.npy",
    "lexical/articles/*.pos",  # has nothing: phrases are found in passages
    *(name for name in LEXICAL_PATTERNS if name.endswith("languages.json")),
    *(name for name in LEXICAL_PATTERNS if name.endswith((".fast", ".fieldnorm", ".store"))),
}


def assert_corrupt(index: Path, path: Path, reason: str) -> None:
    """Opening ``index`` names ``path``, what is wrong with it, and the remedy."""
    with pytest.raises(IndexCorruptError, match=reason) as error:
        open_index(index, embedder=TokenWordEmbedder())
    assert error.value.path == path
    assert str(path) in str(error.value)
    assert "semsearch rebuild-index" in str(error.value)
    assert error.value.exit_code == 4


# --- what a build leaves ----------------------------------------------------------------------------------------------


def test_current_vouches_for_the_manifest_and_the_manifest_for_every_file(index: Path) -> None:
    name, checksum = (index / "CURRENT").read_text().split()
    manifest = (index / "generations" / name / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == checksum
    assert json.loads(manifest)["files"] == {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "crc32": zlib.crc32(content)}
        for name, content in ((name, (live(index) / name).read_bytes()) for name in files_of(live(index)))
    }
    assert sorted(path.name for path in live(index).iterdir()) == sorted(
        [*GENERATION_FILES, "lexical", "manifest.json"]
    )


def test_a_generation_has_the_files_of_tokens_if_its_embedder_gives_them(index: Path, tokens_index: Path) -> None:
    both = [(index, []), (tokens_index, TOKEN_FILES)]
    for folder, expected in ((live(path), names) for path, names in both):
        patterns = [*GENERATION_FILES, *expected, *LEXICAL_PATTERNS]
        names = [file_of(folder, pattern).relative_to(folder).as_posix() for pattern in patterns]
        locks = [f"lexical/{unit}/.tantivy-meta.lock" for unit in ("articles", "passages")]
        assert files_of(folder) == sorted([*names, *locks])
        assert [(folder / lock).stat().st_size for lock in locks] == [0, 0]


def test_the_manifest_tells_what_the_generation_was_made_of(index: Path, words: WordEmbedder) -> None:
    name, manifest = read_manifest(index)
    assert name == live(index).name
    assert manifest.embedder == words.spec
    assert (manifest.counts.articles, manifest.counts.passages) == (2, 2)
    assert (manifest.target_tokens, manifest.dense_spec, manifest.format) == (120, "Flat", 1)
    age = dt.datetime.now(dt.timezone.utc) - dt.datetime.fromisoformat(manifest.created)
    assert dt.timedelta(seconds=-1) <= age < dt.timedelta(hours=1)


def test_the_live_generation_and_the_one_before_it_stay(index: Path, words: WordEmbedder) -> None:
    names = [live(index).name]
    for number in range(3):
        build_index([*ARTICLES, Article(f"new {number}", "Something new.")], index, embedder=words)
        names.append(live(index).name)
        assert generations(index) == names[-2:]
    assert names == sorted(set(names))


def test_a_writer_that_does_not_commit_leaves_nothing(index: Path) -> None:
    before, expected = sorted(index.rglob("*")), answers(index)
    with write_generation(index) as writer:
        archive = writer.begin()
        archive.add(OTHERS[0], "here", [Passage(OTHERS[0].text, 1, 0, len(OTHERS[0].text))], [bytes(16)])
        with writer.write_rows(archive.rows_before, 64, None) as rows:
            rows.add(np.ones((1, 64), np.float16), None)
    assert sorted(index.rglob("*")) == before
    assert answers(index) == expected


def test_what_killed_writers_left_is_removed_by_the_next_one(index: Path, words: WordEmbedder) -> None:
    shutil.copytree(live(index), index / "generations" / "99991231T235959-999999")  # all but committed
    (index / "generations" / "20000101T000000-000000").mkdir()  # hardly begun
    (index / "CURRENT.new").write_text("half of a li")
    before = live(index).name
    build_index(OTHERS, index, embedder=words)
    assert generations(index) == [before, live(index).name]
    assert sorted(path.name for path in index.iterdir()) == ["CURRENT", "generations", "writer.lock"]


def test_what_semsearch_did_not_write_is_not_removed(index: Path, words: WordEmbedder, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("keep me")
    (index / "generations" / "notes").mkdir()
    (index / "generations" / "20000101T000000-000000").symlink_to(tmp_path / "notes")
    for articles in (OTHERS, ARTICLES):
        build_index(articles, index, embedder=words)
    assert (index / "generations" / "notes").is_dir()
    assert (tmp_path / "notes" / "todo.txt").read_text() == "keep me"


# --- readers while others write ---------------------------------------------------------------------------------------


def test_a_reader_keeps_answering_while_rebuilds_pass(index: Path, words: WordEmbedder) -> None:
    first = live(index)
    with open_index(index, embedder=words) as searcher:
        expected = searcher.search("attack on the airport")
        for articles in (ARTICLES[:1], OTHERS):
            build_index(articles, index, embedder=words)
            assert searcher.search("attack on the airport") == expected
        assert not first.exists() or os.name == "nt"  # Windows keeps files that are open
        assert searcher.search("attack on the airport") == expected
    assert {hit_id for hit_id, _, _ in answers(index)} == {"budget", "rocket"}


def test_an_open_generation_is_whole_whatever_rebuilds_pass(index: Path, words: WordEmbedder) -> None:
    embeddings = (live(index) / "embeddings.npy").read_bytes()
    generation = open_generation(index)
    try:
        for articles in (ARTICLES[:1], OTHERS):
            build_index(articles, index, embedder=words)
        assert embeddings.endswith(generation.embeddings.tobytes())
        assert len(generation.dense_index()) == len(generation.embeddings) == 2
        assert generation.archive.passages([0])[0].article == ARTICLES[0]
    finally:
        generation.close()


def test_an_index_can_be_opened_at_any_moment_of_a_rebuild(index: Path, words: WordEmbedder) -> None:
    built = threading.Event()

    def keep_opening() -> list[set[str]]:
        seen = []
        while True:
            seen.append({article_id for article_id, _, _ in answers(index)})
            if built.is_set():
                return seen

    with ThreadPoolExecutor(1) as thread:
        reader = thread.submit(keep_opening)
        try:
            for number in range(20):
                build_index([OTHERS, ARTICLES][number % 2], index, embedder=words)
        finally:
            built.set()
    assert all(ids in ({"force", "treaty"}, {"budget", "rocket"}) for ids in reader.result())


# --- no index, and CURRENT --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [open_index, verify_index, read_manifest, open_generation])
def test_where_there_is_no_index_the_error_names_the_folder_and_the_remedy(
    tmp_path: Path, use: Callable[[Path], object]
) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(IndexNotFoundError, match="semsearch rebuild-index") as error:
            use(folder)
        assert str(folder) in str(error.value)
        assert error.value.exit_code == 3


def test_an_index_without_current_is_not_one(index: Path) -> None:
    (index / "CURRENT").unlink()
    with pytest.raises(IndexNotFoundError, match="no file CURRENT"):
        open_index(index, embedder=WordEmbedder())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "20220107T120000-000000",
        f"20220107T120000-000000 {'x' * 64}",
        f"../elsewhere {'0' * 64}\n",
        f"/tmp {'0' * 64}\n",  # noqa: S108 - a path is just what must not be taken
        "\x00" * 88,
        "ä",
    ],
)
def test_a_current_that_names_no_generation_is_damaged(index: Path, content: str) -> None:
    (index / "CURRENT").write_text(content, encoding="utf-8")
    assert_corrupt(index, index / "CURRENT", "does not name a generation and its checksum")


def test_a_flipped_bit_of_current_is_noticed_wherever_it_is(index: Path, words: WordEmbedder) -> None:
    build_index(OTHERS, index, embedder=words)  # so that there is another generation to be taken for the live one
    content = (index / "CURRENT").read_bytes()
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            (index / "CURRENT").write_bytes(damaged)
            with pytest.raises(IndexCorruptError) as error:
                open_index(index, embedder=words)
            assert error.value.path.name in {"CURRENT", "manifest.json"}


def test_current_with_the_line_ends_of_windows_is_read(index: Path) -> None:
    expected = answers(index)
    (index / "CURRENT").write_bytes((index / "CURRENT").read_bytes().replace(b"\n", b"\r\n"))
    assert answers(index) == expected


# --- damaged files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_missing_file_is_named(tokens_index: Path, name: str) -> None:
    path = file_of(live(tokens_index), name)
    path.unlink()
    assert_corrupt(tokens_index, path, "is missing")


@pytest.mark.parametrize("name", SOME_FILES)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="without its last byte"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut in half"),
        pytest.param(lambda _: b"", id="emptied"),
        pytest.param(lambda content: content + b"\x00", id="longer"),
        pytest.param(lambda content: bytes(len(content)), id="zeroed"),  # what a disk may hold after a power cut
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_named(
    tokens_index: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    path = file_of(live(tokens_index), name)
    path.write_bytes(damage(path.read_bytes()))
    assert_corrupt(tokens_index, path, "is damaged")


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_flipped_bit_is_noticed_and_its_file_named(tokens_index: Path, name: str) -> None:
    path = file_of(live(tokens_index), name)
    content = path.read_bytes()
    count = 12 if name.startswith("lexical/") else 60  # there are many of them
    positions = {0, len(content) - 1, *range(7, len(content), max(1, len(content) // count))}
    for position in sorted(positions):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        assert_corrupt(tokens_index, path, "is damaged")


@pytest.mark.parametrize("name", [name for name in ALL_FILES if name not in ALIKE])
def test_a_file_of_another_generation_is_noticed_and_named(tokens_index: Path, name: str) -> None:
    before = live(tokens_index)
    build_index(OTHERS, tokens_index, embedder=TokenWordEmbedder())  # as many articles and passages of other texts
    path = file_of(live(tokens_index), name)
    shutil.copyfile(file_of(before, name), path)
    assert_corrupt(tokens_index, path, "is damaged")


def test_a_damaged_index_is_mended_by_a_rebuild(index: Path, words: WordEmbedder) -> None:
    expected = answers(index)
    (live(index) / "embeddings.npy").write_bytes(b"")
    build_index(ARTICLES, index, embedder=words)
    assert answers(index) == expected


def test_an_index_of_a_newer_format_is_not_called_damaged(index: Path) -> None:
    forge(index, lambda fields: fields.update(format=2))
    for use in (open_index, verify_index):
        with pytest.raises(IndexFormatError, match="has format 2, this semsearch reads up to 1") as error:
            use(index)
        assert str(live(index) / "manifest.json") in str(error.value)
        assert error.value.exit_code == 3


# --- what is no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json", "embeddings.npy", "lexical/passages/.tantivy-meta.lock"])
def test_a_folder_in_the_place_of_a_file_is_named(index: Path, name: str) -> None:
    path = index / name if name == "CURRENT" else live(index) / name
    path.unlink()
    path.mkdir()
    assert_corrupt(index, path, "is not a file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
@pytest.mark.parametrize("name", ["CURRENT", "manifest.json", "lexical/passages/.tantivy-meta.lock"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(index: Path, name: str) -> None:
    path = index / name if name == "CURRENT" else live(index) / name
    path.unlink()
    os.mkfifo(path)
    assert_corrupt(index, path, "is not a file")


@pytest.mark.parametrize("name", ["lexical", "tokens"])
def test_a_file_in_the_place_of_a_folder_is_named(tokens_index: Path, name: str) -> None:
    folder = live(tokens_index) / name
    shutil.rmtree(folder)
    folder.write_text("no folder")
    with pytest.raises(IndexCorruptError, match="cannot be read") as error:
        open_index(tokens_index, embedder=TokenWordEmbedder())
    assert folder in error.value.path.parents
    assert {check.problem for check in verify_index(tokens_index) if folder in check.path.parents} == {
        error.value.reason
    }


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_that_leads_to_itself_is_named(index: Path) -> None:
    path = live(index) / "passages.npy"
    path.unlink()
    path.symlink_to(path.name)
    assert_corrupt(index, path, "cannot be read")


@pytest.mark.parametrize(("name", "size"), [("CURRENT", 2000), ("manifest.json", (16 << 20) + 1)])
def test_what_nothing_vouches_for_yet_is_not_read_endlessly(index: Path, name: str, size: int) -> None:
    path = index / name if name == "CURRENT" else live(index) / name
    os.truncate(path, size)
    assert_corrupt(index, path, r"is damaged \(it has more than")


def test_counts_of_removed_words_that_are_not_in_the_manifest_are_not_read(index: Path) -> None:
    path = live(index) / "lexical" / "passages" / "removed.u8"
    path.write_bytes(bytes(16))
    with pytest.raises(IndexCorruptError, match="is not in the manifest") as error:
        open_index(index, embedder=WordEmbedder())
    assert error.value.path == path
    assert [check.path for check in verify_index(index) if check.problem] == [path]
