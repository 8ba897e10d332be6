"""The ``semsearch`` command run in this process, and a small archive for it to work on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import semsearch
from semsearch.cli import main
from tests.embedder import WordEmbedder

ALMATY = """\
---
title: Peacekeepers fly to Almaty
date: 2022-01-07
source: Northgate Wire
url: https://example.org/almaty
author: Helena Marsh
---

The council sent soldiers on the request of the president.

They guard the airport and stay for some weeks only.
"""
BRIDGE = """\
Bridge closed for repairs

The old bridge over the river stays shut until the spring of next year.
"""
MOON = {"_id": "moon", "title": "Probe lands on the moon", "text": "A small probe came down near the southern pole."}
COMET = {"_id": "comet", "title": "Comet reached", "text": "The lander bounced twice and came to rest in the shade."}
LANDINGS = f"{json.dumps(MOON)}\n{json.dumps(COMET)}\n"
ENVIRONMENT = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "SEMSEARCH_INDEX")
"""What the command reads from the environment: tests begin without it."""


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    def only(self) -> dict[str, Any]:
        """The one JSON line on standard output."""
        (line,) = self.lines()
        return line

    def failure(self) -> str:
        """The message of a command that failed: one line on standard error, and nothing on standard output."""
        assert self.out == ""
        assert self.err.startswith("semsearch: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("semsearch: ").rstrip("\n")


Run = Callable[..., Ran]


def run_main(*arguments: object) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command and captures what it prints."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run_main(*arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


def write_news(folder: Path) -> Path:
    """Write a corpus of four articles, five passages, in three formats."""
    (folder / "abroad").mkdir(parents=True)
    (folder / "abroad" / "almaty.md").write_text(ALMATY, encoding="utf-8")
    (folder / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    (folder / "landings.jsonl").write_text(LANDINGS, encoding="utf-8")
    return folder


def build_with_words(index: Path) -> Path:
    """Build an index of two articles that ``status`` and ``verify`` can read, as they need no model."""
    articles = [semsearch.Article(record["_id"], record["text"], title=record["title"]) for record in (MOON, COMET)]
    semsearch.build_index(articles, index, embedder=WordEmbedder())
    return index


def generation(index: Path) -> Path:
    """The folder of the only generation."""
    (folder,) = (index / "generations").iterdir()
    return folder


def flip_a_bit(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def article_ids(index: Path) -> list[str]:
    """The articles that an index finds."""
    with semsearch.open_index(index) as searcher:
        return sorted({hit.article.id for hit in searcher.search("anything", k=100)})
