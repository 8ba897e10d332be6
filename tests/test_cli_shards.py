"""The commands about shards: what they do, and what they print for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semsearch.shards import read_shard_info
from tests.command import ENVIRONMENT, Run, article_ids, runner, write_news
from tests.test_cli_output import normalised, stripped


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


EMBEDDED = """\
4 articles embedded into {shards}
  shards      1, of which {0} were there
  passages    5, of which {1} embedded now
  tokens      333 indexed, 0 truncated
  not read    1
  languages   English 50%
  model       {model}
  size        SIZE
  time        TIME
"""
LOADED = """\
4 articles loaded into {index}
  shards      1, of which 1 loaded now
  passages    5
  tokens      333 indexed, 0 truncated
  languages   English 50%
  model       {model}
  generation  GENERATION
  time        TIME
"""
EXPORTED = """\
4 articles of {index} written to {exported}
  shards      1
  passages    5
  generation  GENERATION
  size        SIZE
  time        TIME
"""


def test_shards_are_reported_like_this(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    news, shards, index, exported = (tmp_path / name for name in ("news", "shards", "index", "exported"))
    write_news(news)
    (news / "empty.txt").touch()
    problem = f"not indexed: {news / 'empty.txt'}: is empty: there is no text to index\n"
    for there, now in [(0, 5), (1, 0)]:
        ran = run("embed-shards", news, "--shards", shards, "--model", tiny_model, "--no-json")
        assert (ran.code, ran.err) == (1, problem)
        assert normalised(stripped(ran.out)) == EMBEDDED.format(there, now, shards=shards, model=tiny_model)
    ran = run("load-shards", shards, "--index", index, "--no-json")
    assert (ran.code, ran.err) == (0, "")
    assert normalised(stripped(ran.out)) == LOADED.format(index=index, model=tiny_model)
    ran = run("export-shards", "--index", index, "--shards", exported, "--no-json")
    assert (ran.code, ran.err) == (0, "")
    assert normalised(stripped(ran.out)) == EXPORTED.format(index=index, exported=exported)
    assert run("load-shards", exported, "--index", tmp_path / "again").code == 0
    assert article_ids(tmp_path / "again") == article_ids(index)


def test_programs_get_json(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    news, shards, index = tmp_path / "news", tmp_path / "shards", tmp_path / "index"
    write_news(news)
    options = ["--shards", shards, "--model", tiny_model, "--passages", 1, "--workers", 2, "--precision", "float32"]
    embedded = run("embed-shards", news, *options, "--no-token-vectors", "--exclude", "bridge.txt").only()
    assert embedded.pop("seconds") >= 0
    assert embedded.pop("bytes") == sum(path.stat().st_size for path in shards.iterdir())
    assert embedded == {
        "type": "embed",
        "version": 3,
        "folder": str(shards),
        "model": str(tiny_model),
        "shards": 3,
        "unchanged": 0,
        "articles": 3,
        "passages": 4,
        "embedded": 4,
        "tokens": embedded["tokens"],
        "truncated_tokens": 0,
        "problems": [],
        "notes": [],
        "ignored": {"excluded": 1},
        "languages": {"en": 0.667},
        "warnings": [],
    }
    info = read_shard_info(min(shards.iterdir()))
    assert (info.precision, info.rotation) == ("float32", None)
    loaded = run("load-shards", *sorted(shards.iterdir()), "--index", index).only()
    assert loaded.pop("seconds") >= 0
    assert loaded == {
        "type": "load",
        "version": 3,
        "index": str(index),
        "generation": loaded["generation"],
        "model": str(tiny_model),
        "shards": 3,
        "loaded": 3,
        "articles": 3,
        "passages": 4,
        "tokens": embedded["tokens"],
        "truncated_tokens": 0,
        "unchanged": False,
        "languages": {"en": 0.667},
        "warnings": [],
    }
    exported = run("export-shards", "--index", index, "--shards", tmp_path / "exported").only()
    assert exported.pop("seconds") >= 0
    assert exported.pop("bytes") == (tmp_path / "exported" / "000000.parquet").stat().st_size
    assert exported == {
        "type": "export",
        "version": 3,
        "index": str(index),
        "generation": loaded["generation"],
        "folder": str(tmp_path / "exported"),
        "shards": 1,
        "articles": 3,
        "passages": 4,
    }


def test_columns_are_named(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"key": 7, "words": "Some text about the treaty."}]))
    shards = tmp_path / "shards"
    embed = ["embed-shards", tmp_path / "a.json", "--shards", shards, "--model", tiny_model]
    assert run(*embed, "--text", "words", "--id", "key").only()["articles"] == 1
    run("load-shards", shards, "--index", tmp_path / "index")
    assert article_ids(tmp_path / "index") == ["7"]


def test_what_is_wrong_is_said_in_a_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    ran = run("load-shards", tmp_path / "x.parquet", "--index", tmp_path / "index")
    assert ran.code == 1
    assert ran.failure().startswith(f"{tmp_path / 'x.parquet'}: is no shard, or damaged")
    ran = run("export-shards", "--index", tmp_path / "none", "--shards", tmp_path / "shards")
    assert ran.code == 3
    ran = run("load-shards", tmp_path / "x.parquet", "--index", "redis://host/x")
    assert ran.code == 2
