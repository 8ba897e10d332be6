"""A corpus to shards: the same wherever it is done, however often, and whoever is killed meanwhile."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from semsearch import Article, CorpusError, EngineError, FieldNames, IndexCorruptError, Progress, SemsearchError
from semsearch.building._corpus_shards import embed_corpus, shard_corpus
from semsearch.building._shards import CorpusPart, Unembedded, embed_shard
from semsearch.passages import TARGET_TOKENS
from semsearch.shards import read_shard, read_shard_info
from semsearch.storage import content_digest
from semsearch.tokens import TokenCodec
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder, WordEmbedder

PARAGRAPH = "The talks on treaty {} went on in the capital, and nobody said when they would come to an end.\n\n"
ARTICLES = [
    Article(f"article {number}", PARAGRAPH.format(number) * (1 + number % 5), f"Talks {number}") for number in range(60)
]


def passages_of(path: Path) -> list[tuple[str, str]]:
    return [
        (entry.article.id, entry.article.text[batch.starts[at] : batch.ends[at]])
        for batch in read_shard(path)
        for entry in batch.articles
        for at in np.flatnonzero(batch.rows >> 20 == entry.row)
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


# --- one shard --------------------------------------------------------------------------------------------------


def test_a_shard_has_what_a_build_would_have(tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    report = embed_shard(ARTICLES, tmp_path / "one.parquet", embedder=embedder)
    info = read_shard_info(tmp_path / "one.parquet")
    passages = passages_of(tmp_path / "one.parquet")
    assert (report.articles, report.passages, report.embedded) == (60, len(passages), len(passages))
    assert (info.counts.articles, info.counts.passages) == (60, len(passages))
    assert (info.embedder, info.target_tokens, info.precision) == (embedder.spec, TARGET_TOKENS, None)
    assert info.languages == {"en": 1.0}
    (batch,) = read_shard(tmp_path / "one.parquet")
    assert [entry.article for entry in batch.articles] == ARTICLES
    assert [entry.place for entry in batch.articles][:2] == ["articles[0]", "articles[1]"]
    text = f"Talks 0\n{passages[0][1]}"
    assert np.allclose(batch.vectors[0], embedder.embed_queries([text])[0], atol=1e-3)
    assert np.array_equal(batch.codes[0], TokenCodec.create(64).encode(embedder.embed_queries(text.split())))
    assert sum(entry.tokens for entry in batch.articles) == report.tokens == info.counts.tokens


def test_a_shard_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    file = tmp_path / "corpus" / "a.jsonl"
    file.write_text('{"id": "a", "text": "One two three."}\n{"id": "b"}\n')
    embedder, target = WordEmbedder(), tmp_path / "one.parquet"
    first = embed_shard(tmp_path / "corpus", target, embedder=embedder)
    assert (first.articles, first.embedded, first.unchanged, len(first.problems)) == (1, 1, False, 1)
    before = target.stat()
    embedder.embedded.clear()
    second = embed_shard(tmp_path / "corpus", target, embedder=embedder)
    assert (second.articles, second.embedded, second.unchanged) == (1, 0, True)
    assert [str(problem) for problem in second.problems] == [str(problem) for problem in first.problems]
    assert embedder.embedded == []
    assert target.stat() == before

    file.write_text('{"id": "a", "text": "One two four."}\n')
    third = embed_shard(tmp_path / "corpus", target, embedder=embedder)
    assert (third.embedded, third.problems) == (1, ())
    assert passages_of(target) == [("a", "One two four.")]


@pytest.mark.parametrize(
    "change",
    [
        {"embedder": WordEmbedder(fingerprint="other")},
        {"embedder": TokenWordEmbedder(fingerprint="words")},
        {"fields": FieldNames(title="head")},
        {"include": ["*.jsonl"]},
    ],
)
def test_what_is_asked_for_otherwise_is_made_again(tmp_path: Path, change: Mapping[str, Any]) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "One two three.", "head": "Numbers"}\n')
    for options, unchanged in [({}, False), ({}, True), (change, False), (change, True), ({}, False)]:
        report = embed_shard(tmp_path / "a.jsonl", tmp_path / "one.parquet", **{"embedder": WordEmbedder(), **options})
        assert report.unchanged == unchanged, options


def test_a_damaged_shard_is_made_again(tmp_path: Path) -> None:
    target = tmp_path / "one.parquet"
    embed_shard(ARTICLES, target, embedder=WordEmbedder())
    whole = target.read_bytes()
    target.write_bytes(whole[:1000])
    assert not embed_shard(ARTICLES, target, embedder=WordEmbedder()).unchanged
    assert target.read_bytes() == whole


def test_token_vectors_can_be_left_out(tmp_path: Path) -> None:
    for name, given in [("with", True), ("without", False)]:
        embed_shard(ARTICLES[:1], tmp_path / name, embedder=TokenWordEmbedder(), token_vectors=given)
    assert read_shard_info(tmp_path / "with").codec is not None
    assert read_shard_info(tmp_path / "without").codec is None
    (batch,) = read_shard(tmp_path / "without")
    assert all(own.size == 0 for own in batch.codes)


def test_what_cannot_be_stored_is_a_problem(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(1500):
        deep = {"in": deep}
    articles = [
        Article("no JSON", "Text.", metadata={"a": object()}),
        Article("twice", "Text.", metadata={1: "a", "1": "b"}),  # type: ignore[dict-item]
        Article("deep", "Text.", metadata=deep),
        Article("empty", " "),
        Article("good", "Text.", metadata={"a": [1, {"b": (2, 3)}]}),
    ]
    report = embed_shard(articles, tmp_path / "one.parquet", embedder=WordEmbedder())
    assert [problem.place for problem in report.problems] == [f"articles[{number}]" for number in range(4)]
    assert [problem.reason.split("(")[0].strip() for problem in report.problems] == [
        "the metadata of article 'no JSON' is not JSON",
        "the metadata of article 'twice' has two fields of one name",
        "the metadata of article 'deep' is not JSON",
        "is empty: there is no text to index",
    ]
    assert passages_of(tmp_path / "one.parquet") == [("good", "Text.")]


def test_two_articles_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"articles\[1\]: has the id 'a' of articles\[0\]"):
        embed_shard([Article("a", "One."), Article("a", "Two.")], tmp_path / "one", embedder=WordEmbedder())
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder"):
        embed_shard(tmp_path / "none", tmp_path / "one", embedder=WordEmbedder())


class Before:
    """What a shard has, by the ids and digests of its articles."""

    def __init__(self, path: Path) -> None:
        self.codec = read_shard_info(path).codec
        self._batches = list(read_shard(path))
        self.asked: list[str] = []

    def take(
        self, articles: Sequence[Unembedded]
    ) -> dict[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]]:
        found = {}
        for at, article in enumerate(articles):
            self.asked.append(article.id)
            for batch in self._batches:
                for row, key in enumerate(batch.keys):
                    if key.tobytes() in article.keys:
                        passage = list(article.keys).index(key.tobytes())
                        found[at, passage] = (batch.vectors[row], batch.codes[row])
        return found


@pytest.mark.parametrize("kind", [WordEmbedder, TokenWordEmbedder])
def test_what_is_known_is_not_embedded_again(tmp_path: Path, kind: type[WordEmbedder]) -> None:
    old = [Article("a", "One two three.\n\n" + PARAGRAPH), Article("b", "Four five six.")]
    new = [Article("a", "One two three.\n\n" + PARAGRAPH + "Seven eight nine ten eleven twelve and thirteen."), old[1]]
    embed_shard(old, tmp_path / "old", embedder=kind())
    embedder = kind()
    report = embed_shard(new, tmp_path / "new", embedder=embedder, known=Before(tmp_path / "old"))
    assert embedder.embedded == ["Seven eight nine ten eleven twelve and thirteen."]
    assert (report.passages, report.embedded) == (3, 1)
    embed_shard(new, tmp_path / "anew", embedder=kind())
    assert (tmp_path / "new").read_bytes() == (tmp_path / "anew").read_bytes()


def test_memory_is_taken_for_a_portion(tmp_path: Path) -> None:
    """Of more passages than are embedded together, those before are written when the next are read."""
    read: list[int] = []

    def articles() -> Any:
        for number in range(5000):
            read.append(number)
            yield Article(f"{number}", f"The passage of number {number} stands here.")

    embedder = WordEmbedder()
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"id": a.id, "text": a.text}) + "\n" for a in articles()))
    done: list[int] = []
    embed_shard(
        tmp_path / "a.jsonl",
        tmp_path / "one",
        embedder=embedder,
        progress=lambda progress: done.append(progress.done) if progress.stage.startswith("embed") else None,
    )
    assert done == [2048, 4096, 5000]
    batches = list(read_shard(tmp_path / "one"))
    assert [len(batch.articles) for batch in batches] == [1024, 1024, 1024, 1024, 904]
    assert [entry.article.id for batch in batches for entry in batch.articles] == [str(n) for n in range(5000)]


# --- a corpus ---------------------------------------------------------------------------------------------------


def test_a_corpus_is_cut_where_its_articles_say(tmp_path: Path) -> None:
    parts = list(shard_corpus(ARTICLES, passages_per_shard=24))
    assert [located.article for part in parts for located in part.articles] == ARTICLES
    assert 4 <= len(parts) <= 12
    assert [int(part.name[:6]) for part in parts] == list(range(len(parts)))
    assert parts == list(shard_corpus(iter(ARTICLES), passages_per_shard=24))
    more = [*ARTICLES[:3], Article("new", "One more."), *ARTICLES[3:]]
    places = {part.name[7:] for part in shard_corpus(more, passages_per_shard=24)}
    assert len({part.name[7:] for part in parts} - places) == len(parts)  # the places of all are others: articles[4]
    located = [{"id": a.id, "text": a.text, "title": a.title} for a in more]
    for name, rows in [("old", [row for row in located if row["id"] != "new"]), ("new", located)]:
        (tmp_path / name).mkdir()
        for row in rows:
            (tmp_path / name / f"{row['id']}.txt").write_text(row["text"])
    old, new = (
        {
            tuple(each.article.id for each in part.articles)
            for part in shard_corpus(tmp_path / name, passages_per_shard=24)
        }
        for name in ("old", "new")
    )
    assert 1 <= len(old - new) <= 2


def test_a_corpus_is_embedded_once(tmp_path: Path) -> None:
    for article in ARTICLES:
        (tmp_path / "corpus" / f"{article.id}.txt").parent.mkdir(exist_ok=True)
        (tmp_path / "corpus" / f"{article.id}.txt").write_text(article.text)
    embedder, folder = WordEmbedder(), tmp_path / "shards"
    seen: list[Progress] = []
    options: dict[str, Any] = {"passages_per_shard": 24, "embedder": embedder}
    first = embed_corpus(tmp_path / "corpus", folder, progress=seen.append, **options)
    assert (first.articles, first.shards, first.unchanged) == (60, len(contents(folder)), 0)
    assert first.passages == first.embedded == len(embedder.embedded) == seen[-1].done
    before, files = contents(folder), {entry.name: entry.stat().st_ino for entry in folder.iterdir()}
    embedder.embedded.clear()
    second = embed_corpus(tmp_path / "corpus", folder, **options)
    assert (second.shards, second.unchanged, second.embedded) == (first.shards, first.shards, 0)
    assert contents(folder) == before

    (tmp_path / "corpus" / "article 00.txt").write_text("One more than there were before, and that is all.")
    (folder / "000007-0123456789abcdef.parquet").write_bytes(b"of an earlier corpus")
    (folder / "mine.txt").write_text("is left alone")
    third = embed_corpus(tmp_path / "corpus", folder, **options)
    assert third.articles == 61
    assert third.unchanged >= third.shards - 2
    kept = {entry.name: entry.stat().st_ino for entry in folder.iterdir()}
    assert len(set(kept.values()) & set(files.values())) == third.unchanged
    assert (folder / "mine.txt").read_text() == "is left alone"
    assert sorted(int(name[:6]) for name in kept if name != "mine.txt") == list(range(third.shards))
    embed_corpus(tmp_path / "corpus", tmp_path / "anew", **options)
    assert {name: data for name, data in contents(folder).items() if name != "mine.txt"} == contents(tmp_path / "anew")


def test_a_corpus_without_an_article_says_why(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is empty"):
        embed_corpus([Article("a", " ")], tmp_path / "shards", embedder=WordEmbedder())
    with pytest.raises(CorpusError, match="no article"):
        embed_corpus([], tmp_path / "shards", embedder=WordEmbedder())


def test_ids_of_different_parts_are_compared(tmp_path: Path) -> None:
    articles = [*ARTICLES, Article("article 3", "Again.")]
    with pytest.raises(CorpusError, match=r"articles\[60\]: has the id 'article 3' of another article"):
        embed_corpus(articles, tmp_path / "shards", passages_per_shard=24, embedder=WordEmbedder())


@pytest.mark.parametrize(("option", "value"), [("passages_per_shard", 0), ("workers", 0)])
def test_numbers_below_one_are_refused(tmp_path: Path, option: str, value: int) -> None:
    options: dict[str, Any] = {option: value, "embedder": WordEmbedder()}
    with pytest.raises(ValueError, match=f"{option} must be at least 1"):
        embed_corpus(ARTICLES, tmp_path / "shards", **options)


# --- by several processes ---------------------------------------------------------------------------------------


class DyingEmbedder(TokenWordEmbedder):
    """Is killed with its process, once, in the middle of the shard that has article 31."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark = mark

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("treaty 31 " in text for text in texts):
            try:
                self.mark.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_passages(texts)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    embed_corpus(ARTICLES, folder, passages_per_shard=30, embedder=TokenWordEmbedder())
    found = contents(folder)
    assert 4 <= len(found) <= 8
    return found


def test_plain_processes_one_of_which_is_killed(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    options: dict[str, Any] = {"passages_per_shard": 30, "workers": 2, "embedder": DyingEmbedder(tmp_path / "mark")}
    with pytest.raises(SemsearchError, match="was ended from outside"):
        embed_corpus(ARTICLES, tmp_path / "shards", **options)
    half = contents(tmp_path / "shards")
    complete = {name: data for name, data in half.items() if name.endswith(".parquet")}
    assert len(complete) < len(undisturbed)
    assert complete.items() <= undisturbed.items()
    assert any(name.endswith(".new") for name in half)  # what the killed one left
    report = embed_corpus(ARTICLES, tmp_path / "shards", **options)
    assert (report.unchanged, report.shards) == (len(complete), len(undisturbed))
    assert contents(tmp_path / "shards") == undisturbed


ABANDONED = """
import os, signal, sys
from pathlib import Path
from tests.test_embed_shards import ARTICLES, SlowEmbedder, embed_corpus

if __name__ == "__main__":
    embed_corpus(ARTICLES, sys.argv[1], passages_per_shard=30, workers=2, embedder=SlowEmbedder(Path(sys.argv[2])))
"""


class SlowEmbedder(TokenWordEmbedder):
    """Says which process it is in, and takes its time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        (self.folder / str(os.getpid())).touch()
        time.sleep(60)
        return super().embed_passages(texts)


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    (tmp_path / "script.py").write_text(ABANDONED)
    arguments = [tmp_path / "script.py", tmp_path / "shards", tmp_path / "pids"]
    with subprocess.Popen([sys.executable, *arguments], env=os.environ | {"PYTHONPATH": str(ROOT)}) as script:
        while len(list((tmp_path / "pids").iterdir())) < 2:
            assert script.poll() is None
            time.sleep(0.05)
        workers = [psutil.Process(int(path.name)) for path in (tmp_path / "pids").iterdir()]
        script.kill()
    _, alive = psutil.wait_procs(workers, timeout=50)
    assert alive == []


def parts_of(folder: Path) -> tuple[list[CorpusPart], list[Path]]:
    parts = list(shard_corpus(ARTICLES, passages_per_shard=30))
    return parts, [folder / part.name for part in parts]


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs distributed")
@pytest.mark.filterwarnings("default")
def test_dask_of_which_a_worker_is_killed(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    import dask
    from distributed import Client, LocalCluster

    parts, targets = parts_of(tmp_path / "shards")
    embedder = DyingEmbedder(tmp_path / "mark")
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        reports = client.gather(client.map(embed_shard, parts, targets, embedder=embedder))
    assert (tmp_path / "mark").exists()
    assert [report.articles for report in reports] == [len(part.articles) for part in parts]
    assert contents(tmp_path / "shards") == undisturbed


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")
@pytest.mark.filterwarnings("default")
def test_ray_of_which_a_worker_is_killed(
    tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # workers import this module
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    parts, targets = parts_of(tmp_path / "shards")
    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    try:
        embed: Any = ray.remote(embed_shard)
        embedder = DyingEmbedder(tmp_path / "mark")
        ray.get([embed.remote(*each, embedder=embedder) for each in zip(parts, targets, strict=True)])
    finally:
        ray.shutdown()
    assert (tmp_path / "mark").exists()
    assert contents(tmp_path / "shards") == undisturbed


def test_errors_come_back_from_other_processes_as_they_are() -> None:
    from multiprocessing.reduction import ForkingPickler

    for error in [
        CorpusError("a.txt:3", "is empty"),
        IndexCorruptError(Path("x"), "is damaged"),
        EngineError("milvus://x", "says no"),
        SemsearchError("no"),
    ]:
        again = ForkingPickler.loads(bytes(ForkingPickler.dumps(error)))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_an_article_comes_back_from_another_process_as_it_is() -> None:
    from multiprocessing.reduction import ForkingPickler

    (part,) = shard_corpus([Article("a", "One.", metadata={"b": 1})])
    again: CorpusPart = ForkingPickler.loads(bytes(ForkingPickler.dumps(part)))
    assert again == part
    assert content_digest(again.articles[0].article) == content_digest(part.articles[0].article)
