"""The exit codes, each provoked for real; 130 is in ``test_cli_processes``."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT, Run, article_ids, build_with_words, flip_a_bit, generation, runner, write_news

HOLD_THE_LOCK = """\
import sys
from pathlib import Path
from semsearch.storage.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_news(tmp_path / "news")


@pytest.fixture
def word_index(tmp_path: Path) -> Path:
    return build_with_words(tmp_path / "word-index")


@pytest.fixture
def index(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> Path:
    """The index of ``news``, built by the command."""
    index = tmp_path / "news-index"
    assert run("rebuild-index", news, "--index", index, "--model", tiny_model).code == 0
    return index


# --- exit code 1: failed, or not all read -----------------------------------------------------------------------


def test_a_file_that_is_not_utf8_is_named_and_the_rest_indexed(
    run: Run, news: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (news / "torn.txt").write_bytes("Un café à la crème.\n".encode() + b"Et un th\xe9\xff.\n")
    ran = run("rebuild-index", news, "--index", tmp_path / "index", "--model", tiny_model)
    (problem,) = ran.only()["problems"]
    assert ran.code == 1
    assert problem["place"] == str(news / "torn.txt")
    assert problem["reason"].startswith("is not valid UTF-8 (byte 31, line 2)")
    assert ran.err == f"not indexed: {problem['place']}: {problem['reason']}\n"
    assert article_ids(tmp_path / "index") == ["abroad/almaty.md", "bridge.txt", "comet", "moon"]


def test_a_line_of_broken_json_is_named_and_the_rest_indexed(
    run: Run, news: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (news / "broken.jsonl").write_text('{"_id": "a", "text": "The first line is whole."}\n{"_id": "b",\n')
    ran = run("rebuild-index", news / "broken.jsonl", "-i", tmp_path / "index", "-m", tiny_model)
    assert ran.code == 1
    assert ran.err.startswith(f"not indexed: {news / 'broken.jsonl'}:2: is not a JSON object on one line (")
    assert article_ids(tmp_path / "index") == ["a"]


def test_files_of_other_kinds_are_counted_on_stderr(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> None:
    for name in ("a.exe", "b.exe", "c.jpg"):
        (news / name).touch()
    ran = run("rebuild-index", news, "-i", tmp_path / "index", "-m", tiny_model)
    assert (ran.code, ran.err) == (0, "note: 3 files were passed over: 2 .exe, 1 .jpg\n")
    assert ran.only()["ignored"] == {".exe": 2, ".jpg": 1}


def test_of_many_notes_the_first_ten_are_shown(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> None:
    for number in range(12):
        (news / f"link-{number:02}.txt").symlink_to(news / "bridge.txt")
    ran = run("rebuild-index", news, "-i", tmp_path / "index", "-m", tiny_model)
    notes = [f"{news}/link-{number:02}.txt: not read: links inside a corpus are not followed" for number in range(12)]
    shown = [*(f"note: {note}" for note in notes[:10]), "note: 2 more like these (--json lists all)"]
    assert (ran.code, ran.err.splitlines()) == (0, shown)
    assert ran.only()["notes"] == notes


def test_an_empty_corpus_fails(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = run("rebuild-index", tmp_path / "empty", "-i", tmp_path / "index", "-m", tiny_model)
    assert ran.code == 1
    assert "there is no article in it" in ran.failure()
    assert run("status", "-i", tmp_path / "index").code == 3


def test_a_corpus_that_does_not_exist_fails_and_the_index_stays(run: Run, index: Path, tmp_path: Path) -> None:
    before = (index / "CURRENT").read_bytes()
    ran = run("rebuild-index", tmp_path / "absent", "--index", index)
    assert ran.code == 1
    assert ran.failure().startswith(f"{tmp_path / 'absent'}: no such file or folder: ")
    assert (index / "CURRENT").read_bytes() == before
    assert article_ids(index) == ["abroad/almaty.md", "bridge.txt", "comet", "moon"]


def test_articles_with_one_id_are_refused_and_both_places_named(run: Run, news: Path, index: Path) -> None:
    (news / "twin.jsonl").write_text('{"_id": "moon", "text": "Another text under the same name."}\n')
    ran = run("rebuild-index", news, "--index", index)
    assert ran.code == 1
    assert f"{news / 'twin.jsonl'}:1: has the id 'moon' of {news / 'landings.jsonl'}:1: " in ran.failure()
    assert article_ids(index) == ["abroad/almaty.md", "bridge.txt", "comet", "moon"]


def test_a_folder_that_cannot_be_made_is_named(run: Run, news: Path) -> None:
    ran = run("rebuild-index", news, "--index", news / "bridge.txt" / "index")
    assert ran.code == 1
    assert ran.failure().startswith(f"{news / 'bridge.txt'}")
    assert ran.failure().endswith("cannot be written (Not a directory): name another folder and build again")


# --- exit code 2: wrong usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serach"], "No such command 'serach'"),
        (["query"], "Missing argument 'TEXT...'"),
        (["query", ""], "the query is blank"),
        (["query", " \t ", "\n"], "the query is blank"),
        (["query", "x", "-k", "0"], "0 is not in the range x>=1"),
        (["query", "x", "-k", "-3"], "-3 is not in the range x>=1"),
        (["query", "x", "-k", "ten"], "'ten' is not a valid integer range"),
        (["query", "x", "--colour"], "No such option"),
        (["verify", "extra"], "unexpected extra argument"),
        (["verify", "--index"], "requires an argument"),
        (["status", "--index", __file__], "is a file"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str], message: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_query_that_is_not_unicode_is_wrong_usage(run: Run, index: Path) -> None:
    # Bytes on the command line that the locale cannot decode arrive as halves of surrogate pairs.
    ran = run("query", "caf\udce9", "--index", index)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_no_command_is_wrong_usage_and_shows_the_help(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == run("--help").out


# --- exit code 3: no index, or one of another kind --------------------------------------------------------------


@pytest.mark.parametrize("command", [["query", "x"], ["status"], ["verify"]])
def test_no_index_ends_with_3(run: Run, tmp_path: Path, command: list[str]) -> None:
    ran = run(*command, "--index", tmp_path / "absent")
    assert ran.code == 3
    assert ran.failure() == (
        f"there is no index in {tmp_path / 'absent'} (no file CURRENT): build one with 'semsearch rebuild-index CORPUS'"
    )
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("command", [["query", "x"], ["status"], ["verify"]])
def test_an_index_of_a_newer_format_ends_with_3(run: Run, word_index: Path, command: list[str]) -> None:
    path = generation(word_index) / "manifest.json"
    data = json.dumps({**json.loads(path.read_text()), "format": 99}).encode()
    path.write_bytes(data)
    (word_index / "CURRENT").write_text(f"{path.parent.name} {hashlib.sha256(data).hexdigest()}\n")
    ran = run(*command, "--index", word_index)
    assert ran.code == 3
    assert f"{path}: the index has format 99, this semsearch reads up to 1: update semsearch" in ran.failure()


def test_another_model_than_the_index_was_built_with_ends_with_3(run: Run, word_index: Path, tiny_model: Path) -> None:
    ran = run("query", "x", "--index", word_index, "--model", tiny_model)
    assert ran.code == 3
    assert f"was built with 'words' (words), not with '{tiny_model}'" in ran.failure()


# --- exit code 4: damaged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["articles.sqlite", "embeddings.npy"])
def test_a_flipped_bit_ends_with_4_and_the_file_is_named(run: Run, word_index: Path, name: str) -> None:
    path = generation(word_index) / name
    flip_a_bit(path)
    verified = run("verify", "--index", word_index)
    assert verified.code == 4
    assert {check["path"]: check["problem"] for check in verified.lines() if check["problem"]} == {
        str(path): "is damaged (its checksum is not the one in the manifest)"
    }
    asked = run("query", "x", "--index", word_index)
    assert asked.code == 4
    assert asked.failure().startswith(f"{path}: is damaged")
    assert asked.failure().endswith("rebuild the index with 'semsearch rebuild-index CORPUS'")


@pytest.mark.parametrize("command", [["query", "x"], ["status"], ["verify"]])
@pytest.mark.parametrize("name", ["CURRENT", "manifest.json"])
def test_a_flipped_bit_in_what_names_the_files_ends_with_4(
    run: Run, word_index: Path, command: list[str], name: str
) -> None:
    path = word_index / name if name == "CURRENT" else generation(word_index) / name
    flip_a_bit(path)
    ran = run(*command, "--index", word_index)
    assert ran.code == 4
    # A digit of the checksum in CURRENT that is another digit now looks like a manifest that was changed.
    assert re.search(
        r"(manifest\.json: is damaged \(its checksum is not the one in CURRENT\)"
        r"|CURRENT: does not name a generation and its checksum); rebuild the index",
        ran.failure(),
    )


@pytest.mark.parametrize("name", ["articles.sqlite", "embeddings.npy", "manifest.json"])
def test_a_missing_file_ends_with_4_and_is_named(run: Run, word_index: Path, name: str) -> None:
    path = generation(word_index) / name
    path.unlink()
    assert run("verify", "--index", word_index).code == 4
    asked = run("query", "x", "--index", word_index)
    missing = "is missing, and CURRENT names it" if name == "manifest.json" else "is missing"
    assert (asked.code, asked.failure().partition(";")[0]) == (4, f"{path}: {missing}")


def test_a_damaged_index_is_mended_by_a_rebuild(run: Run, news: Path, index: Path, tiny_model: Path) -> None:
    flip_a_bit(generation(index) / "embeddings.npy")
    assert run("verify", "--index", index).code == 4
    assert run("rebuild-index", news, "--index", index).only()["embedded"] == 5
    assert run("verify", "--index", index).code == 0


# --- exit codes 5 and 6 -----------------------------------------------------------------------------------------


@pytest.fixture
def writer(index: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which writes to ``index`` until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate(timeout=60)


def test_an_index_that_another_process_writes_ends_with_5_and_still_answers(
    run: Run, news: Path, index: Path, writer: subprocess.Popen[str]
) -> None:
    ran = run("rebuild-index", news, "--index", index)
    assert ran.code == 5
    assert ran.failure().startswith(f"{index} is being written by process {writer.pid} on ")
    assert run("query", "probe", "-k", 1, "--index", index).code == 0
    writer.communicate(timeout=60)
    assert run("rebuild-index", news, "--index", index).code == 0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no-such-model", "'hf download sentence-transformers/no-such-model' brings it"),
        ("nobody/no-such-model", "'hf download nobody/no-such-model' brings it"),
        ("./no-such-folder", "there is no model in the folder './no-such-folder'"),
        ("what is this?", "'sentence-transformers/what is this?' is neither a folder nor the name of a hub model"),
        (str(Path(__file__).parent), "is no whole model"),
        ("", "a model's name must not be blank"),
    ],
)
def test_a_model_that_is_not_here_ends_with_6(run: Run, news: Path, index: Path, model: str, message: str) -> None:
    before = (index / "CURRENT").read_bytes()
    ran = run("rebuild-index", news, "--index", index, "--model", model)
    assert ran.code == 6
    assert message in ran.failure()
    assert (index / "CURRENT").read_bytes() == before


def test_a_query_whose_model_is_not_here_ends_with_6(run: Run, word_index: Path) -> None:
    ran = run("query", "x", "--index", word_index)
    assert ran.code == 6
    assert "the model sentence-transformers/words is not on this machine" in ran.failure()


def test_patterns_choose_files_and_are_kept(run: Run, news: Path, tiny_model: Path, tmp_path: Path) -> None:
    (news / ".draft.txt").touch()
    (news / "photo.jpg").touch()
    total = sum(path.is_file() for path in news.rglob("*.*"))
    ran = run("rebuild-index", news, "-i", tmp_path / "index", "-m", tiny_model, "--include", "*.md", "--no-json")
    assert ran.code == 0
    assert f"{total - len(list(news.rglob('*.md')))} files were passed over: " in ran.err.replace(
        "1 excluded", "excluded"
    )
    again = run("rebuild-index", news, "-i", tmp_path / "index", "--json")
    assert (again.code, again.only()["unchanged"]) == (0, True)
    status = run("status", news, "-i", tmp_path / "index", "--no-json")
    assert (status.code, "files       include *.md\n" in status.out) == (0, True)
    assert run("status", news, "-i", tmp_path / "index", "--include", "*").code == 7


def test_what_is_no_pattern_is_wrong_usage(run: Run, news: Path, tmp_path: Path) -> None:
    for pattern in ("", "!"):
        ran = run("rebuild-index", news, "-i", tmp_path / "index", "--exclude", pattern)
        assert (ran.code, "--include, --exclude" in ran.err) == (2, True)
