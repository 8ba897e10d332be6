"""A build that was killed: what it had embedded is not embedded again by the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, build_index, verify_index
from semsearch.building import _embedding
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder, WordEmbedder
from tests.test_building_unchanged import everything

SHARD = 50
ARTICLES = [Article(f"{n}", f"Soldiers reached the airport on day {n} of the month.\n\nThey left in the evening of day "
                    f"{n}, all of them.") for n in range(90)]  # fmt: skip

# Waits in the fourth shard until it gets a signal.
STOPPING = """
import sys
from tests.embedder import TokenWordEmbedder
from tests.test_building_resumed import ARTICLES, SHARD
from semsearch.building import _embedding, build_index

class Stopping(TokenWordEmbedder):
    def embed_passages(self, texts):
        if len(self.embedded) >= 3 * SHARD:
            print("here", flush=True)
            sys.stdin.read()
        return super().embed_passages(texts)

_embedding.SHARD = SHARD
build_index(ARTICLES, sys.argv[1], embedder=Stopping())
"""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_embedding, "SHARD", SHARD)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """An index whose first build was killed after three of four shards."""
    index = tmp_path / "index"
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING, str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
    assert process.returncode in {-signal.SIGKILL, 1}
    return index


def parts(index: Path) -> list[Path]:
    return sorted((index / "partial").rglob("*.rows"))


def test_what_a_killed_build_had_finished_is_not_embedded_again(killed: Path, tmp_path: Path) -> None:
    assert len(parts(killed)) == 3
    embedder = TokenWordEmbedder()
    report = build_index(ARTICLES, killed, embedder=embedder)
    assert report.embedded == len(embedder.embedded) == 180 - 3 * SHARD
    assert sorted(path.name for path in killed.iterdir()) == ["CURRENT", "generations", "writer.lock"]
    build_index(ARTICLES, tmp_path / "afresh", embedder=TokenWordEmbedder())
    assert everything(killed) == everything(tmp_path / "afresh")
    assert all(check.problem is None for check in verify_index(killed))


@pytest.mark.parametrize("number", range(3))
def test_a_part_that_is_missing_is_embedded_again_and_no_other_is_taken_for_it(
    killed: Path, tmp_path: Path, number: int
) -> None:
    parts(killed)[number].unlink()
    report = build_index(ARTICLES, killed, embedder=TokenWordEmbedder())
    assert report.embedded == 180 - 2 * SHARD
    build_index(ARTICLES, tmp_path / "afresh", embedder=TokenWordEmbedder())
    assert everything(killed) == everything(tmp_path / "afresh")


def test_another_corpus_takes_what_it_has_in_common(killed: Path) -> None:
    embedder = TokenWordEmbedder()
    new = Article("new", "A ship came into the harbour at noon.")
    assert build_index([new, *ARTICLES[20:60]], killed, embedder=embedder).embedded == 1
    assert embedder.embedded == [new.text]


def test_a_part_that_is_damaged_is_embedded_again(killed: Path, tmp_path: Path) -> None:
    first, second, third = parts(killed)
    content = first.read_bytes()
    first.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    second.write_bytes(second.read_bytes()[:-1])
    third.write_bytes(b"")
    assert build_index(ARTICLES, killed, embedder=TokenWordEmbedder()).embedded == 180
    build_index(ARTICLES, tmp_path / "afresh", embedder=TokenWordEmbedder())
    assert everything(killed) == everything(tmp_path / "afresh")


@pytest.mark.parametrize(
    ("embedder", "token_vectors"),
    [
        (TokenWordEmbedder(fingerprint="another"), True),
        (TokenWordEmbedder(dimension=32), True),
        (TokenWordEmbedder(), False),
        (WordEmbedder(), True),
    ],
)
def test_another_embedder_or_choice_of_tokens_takes_nothing(
    killed: Path, embedder: WordEmbedder, token_vectors: bool
) -> None:
    report = build_index(ARTICLES, killed, embedder=embedder, token_vectors=token_vectors)
    assert report.embedded == 180
    assert parts(killed) == []


def test_a_build_that_raises_is_gone_on_with_too(tmp_path: Path) -> None:
    class Broken(WordEmbedder):
        def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if len(self.embedded) >= 2 * SHARD:
                raise KeyboardInterrupt
            return super().embed_passages(texts)

    with pytest.raises(KeyboardInterrupt):
        build_index(ARTICLES, tmp_path, embedder=Broken())
    assert len(parts(tmp_path)) == 2
    embedder = WordEmbedder()
    assert build_index(ARTICLES, tmp_path, embedder=embedder).embedded == len(embedder.embedded) == 180 - 2 * SHARD
