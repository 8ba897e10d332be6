"""A rebuild costs what changed: files that are the same are not read, articles not split, passages not embedded."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Article, BuildReport, CorpusError, build_index, open_index, verify_index
from semsearch.building import _articles
from semsearch.passages import split_article
from semsearch.readers import CorpusFile
from semsearch.storage import open_generation
from tests.embedder import TokenWordEmbedder
from tests.index_files import live

TITLES = ["Talks", "A ship", "Budget"]
WORDS = [
    "envoys",
    "treaty",
    "harbour",
    "airport",
    "budget",
    "schools",
    "winter",
    "soldiers",
    "council",
    "river",
    "vote",
]


def text(random: Random) -> str:
    return "\n\n".join(" ".join(random.choices(WORDS, k=12)) + "." for _ in range(random.randint(1, 4)))


def written(folder: Path, name: str, articles: Sequence[Article]) -> None:
    """Write articles to a file of JSON lines."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"_id": a.id, "title": a.title, "text": a.text} | dict(a.metadata)) for a in articles]
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def articles() -> list[Article]:
    random = Random(4)
    return [Article(f"{number}", text(random), title=f"Talks of day {number}") for number in range(12)]


@pytest.fixture
def folder(tmp_path: Path, articles: list[Article]) -> Path:
    written(tmp_path / "corpus", "a.jsonl", articles[:6])
    written(tmp_path / "corpus", "b/b.jsonl", articles[6:])
    (tmp_path / "corpus" / "c.txt").write_text("A headline\n\nA ship came into the harbour at noon on Friday.\n")
    return tmp_path / "corpus"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are parsed."""
    names: list[str] = []
    original = CorpusFile.read

    def noted(file: CorpusFile, log: object) -> Iterator[object]:
        names.append(Path(file.origin.place).name)
        return original(file, log)  # type: ignore[arg-type]

    monkeypatch.setattr(CorpusFile, "read", noted)
    return names


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the articles that are split."""
    ids: list[str] = []
    original = split_article

    def noted(article: Article, *rest: object, **options: object) -> object:
        ids.append(article.id)
        return original(article, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(_articles, "split_article", noted)
    return ids


def build(corpus: object, index: Path, embedder: TokenWordEmbedder | None = None) -> BuildReport:
    return build_index(corpus, index, embedder=embedder or TokenWordEmbedder())  # type: ignore[arg-type]


# --- nothing changed --------------------------------------------------------------------------------------------------


def test_where_nothing_changed_nothing_is_written_and_the_report_is_the_same(
    folder: Path, tmp_path: Path, read: list[str], split: list[str]
) -> None:
    first = build(folder, tmp_path / "index")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "generations").rglob("*")}
    assert (read, len(split)) == (["a.jsonl", "c.txt", "b.jsonl"], 13)
    again = build(folder, tmp_path / "index")
    assert again == dataclasses.replace(first, embedded=0, unchanged=True, seconds=again.seconds)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "generations").rglob("*")} == files
    assert (len(read), len(split)) == (3, 13)


def test_files_that_were_only_touched_or_written_again_are_unchanged(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path / "index")
    for path in folder.rglob("*.*"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert build(folder, tmp_path / "index").unchanged


def test_a_change_that_keeps_size_and_time_is_noticed(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path / "index")
    path = folder / "c.txt"
    before = path.stat()
    path.write_text(path.read_text().replace("noon", "dawn"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    report = build(folder, tmp_path / "index")
    assert (report.embedded, report.unchanged) == (1, False)


def test_what_a_file_had_problems_or_notes_with_is_said_again(folder: Path, tmp_path: Path, read: list[str]) -> None:
    with (folder / "a.jsonl").open("a") as stream:
        stream.write('\nno JSON\n{"_id": "empty", "text": "", "title": ""}')
    old = "Ein Schiff läuft am Freitag in den Häfen der Küste ein. Die Prüfung der größeren Schiffe dauert länger.\n"
    (folder / "old.txt").write_bytes((old * 4).encode("cp1252"))
    first = build(folder, tmp_path / "index")
    assert (len(first.problems), len(first.notes)) == (2, 1)
    read.clear()
    again = build(folder, tmp_path / "index")
    assert list(map(str, again.problems)) == list(map(str, first.problems))
    assert (again.notes, again.unchanged) == (first.notes, True)
    assert read == ["a.jsonl", "old.txt"]


def test_articles_of_a_program_are_unchanged_if_they_are_equal(tmp_path: Path, articles: list[Article]) -> None:
    build(articles, tmp_path / "index")
    assert build(iter(list(articles)), tmp_path / "index").unchanged
    assert not build(articles[:-1], tmp_path / "index").unchanged
    assert not build([articles[1], articles[0], *articles[2:-1]], tmp_path / "index").unchanged


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"}, {"source": "AP"}, {"url": "u"}, {"metadata": {"a": 1}}, {"metadata": {"a": "1"}},
        {"published": dt.date(2022, 1, 7)}, {"source": ""}, {"id": "new"},
    ],
)  # fmt: skip
def test_every_field_of_an_article_counts(tmp_path: Path, articles: list[Article], change: dict[str, object]) -> None:
    build(articles, tmp_path / "index")
    changed = [dataclasses.replace(articles[0], **change), *articles[1:]]  # type: ignore[arg-type]
    assert not build(changed, tmp_path / "index").unchanged
    with open_index(tmp_path / "index", embedder=TokenWordEmbedder()) as searcher:
        found = {hit.article.id: hit.article for hit in searcher.search(articles[0].text, k=50, fold_duplicates=False)}
    assert found[changed[0].id] == changed[0]


def test_another_embedder_or_choice_of_tokens_makes_another_index(tmp_path: Path, articles: list[Article]) -> None:
    index = tmp_path / "index"
    build(articles, index)
    report = build_index(articles, index, embedder=TokenWordEmbedder(), token_vectors=False)
    assert (report.unchanged, report.embedded) == (False, 0)
    report = build_index(articles, index, embedder=TokenWordEmbedder(fingerprint="another"))
    assert (report.unchanged, report.embedded) == (False, report.passages)


def test_a_damaged_index_is_not_left_as_it_is(tmp_path: Path, articles: list[Article]) -> None:
    build(articles, tmp_path / "index")
    expected = (live(tmp_path / "index") / "articles.sqlite").read_bytes()
    (live(tmp_path / "index") / "articles.sqlite").write_bytes(expected[:-1] + b"x")
    assert not build(articles, tmp_path / "index").unchanged
    assert (live(tmp_path / "index") / "articles.sqlite").read_bytes() == expected


def test_another_version_reads_and_splits_again_and_keeps_the_vectors(
    folder: Path, tmp_path: Path, read: list[str], split: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.storage.generations.__version__", "0.0.1")
    build(folder, tmp_path / "index")
    monkeypatch.undo()
    embedder = TokenWordEmbedder()
    read.clear()
    assert not build(folder, tmp_path / "index", embedder).unchanged
    assert embedder.embedded == []


# --- something changed ------------------------------------------------------------------------------------------------


def test_only_files_that_changed_are_read_and_only_articles_that_changed_are_split(
    folder: Path, tmp_path: Path, articles: list[Article], read: list[str], split: list[str]
) -> None:
    build(folder, tmp_path / "index")
    read.clear()
    split.clear()
    changed = dataclasses.replace(
        articles[8], text=articles[8].text + "\n\nThe vote is due on Friday at noon or later."
    )
    written(folder, "b/b.jsonl", [*articles[6:8], changed, *articles[9:]])
    embedder = TokenWordEmbedder()
    report = build(folder, tmp_path / "index", embedder)
    assert (read, split) == (["b.jsonl"], ["8"])
    assert embedder.embedded == ["Talks of day 8\nThe vote is due on Friday at noon or later."]
    assert report.embedded == 1


def test_two_files_with_one_id_are_refused_also_if_one_is_known(
    folder: Path, tmp_path: Path, articles: list[Article]
) -> None:
    build(folder, tmp_path / "index")
    for name, earlier, later in (("z/z.jsonl", "b.jsonl:3", "z.jsonl:1"), ("0.jsonl", "0.jsonl:1", "b.jsonl:3")):
        written(folder, name, [articles[8]])
        with pytest.raises(CorpusError, match=r"has the id '8' of") as error:
            build(folder, tmp_path / "index")
        assert error.value.place.endswith(later)
        assert f"{earlier}: give one" in str(error.value)
        (folder / name).unlink()


def test_places_are_those_of_the_last_build(tmp_path: Path, articles: list[Article]) -> None:
    build(articles, tmp_path / "index")
    build(articles[1:], tmp_path / "index")
    generation = open_generation(tmp_path / "index")
    try:
        assert generation.archive.known.places == [f"articles[{number}]" for number in range(11)]
    finally:
        generation.close()


def test_the_words_of_many_articles_are_not_indexed_again(tmp_path: Path) -> None:
    random = Random(9)
    many = [Article(f"{number}", text(random), title=f"Talks of day {number}") for number in range(1100)]
    build(many, tmp_path / "index")
    before = live(tmp_path / "index")
    many[700] = Article("new", text(random))
    del many[3:9]
    build(many, tmp_path / "index")
    for unit in ("articles", "passages"):
        (shared,) = (before / "lexical" / unit).glob("*.idx")
        assert shared.samefile(live(tmp_path / "index") / "lexical" / unit / shared.name)
        assert len(list((live(tmp_path / "index") / "lexical" / unit).glob("*.idx"))) == 2
    build(many, tmp_path / "afresh")
    assert all(check.problem is None for check in verify_index(tmp_path / "index"))
    found, expected = everything(tmp_path / "index"), everything(tmp_path / "afresh")
    assert found[:-1] == expected[:-1]
    for one, other in zip(found[-1], expected[-1], strict=True):
        assert [hit[:2] for hit in one] == [hit[:2] for hit in other]
        np.testing.assert_allclose([hit[2] for hit in one], [hit[2] for hit in other], atol=1e-5)


# --- any sequence of changes ------------------------------------------------------------------------------------------


class Corpus:
    """Files of articles, edited at random."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self._random = Random(seed)
        self._files: dict[str, list[Article]] = {}
        self._number = 0
        for name in ("a.jsonl", "b.jsonl", "d/c.jsonl"):
            self._files[name] = [self._article() for _ in range(self._random.randint(1, 5))]

    def _article(self) -> Article:
        self._number += 1
        return Article(f"id {self._number}", text(self._random), title=self._random.choice(TITLES))

    def edit(self) -> None:
        name = self._random.choice(list(self._files))
        own = self._files[name]
        at = self._random.randrange(len(own))
        match self._random.randrange(7):
            case 0:
                own.insert(at, self._article())
            case 1:
                own[at] = dataclasses.replace(own[at], text=own[at].text + "\n\n" + text(self._random))
            case 2:
                own[at] = dataclasses.replace(own[at], metadata={"n": self._random.randrange(3)})
            case 3 if len(own) > 1:
                del own[at]
            case 4:
                self._random.shuffle(own)
            case 5:
                self._files[f"{self._random.randrange(100)}.jsonl"] = self._files.pop(name)
            case 6:
                own[at] = dataclasses.replace(own[at], title=self._random.choice(TITLES))

    def write(self) -> None:
        for path in self.folder.rglob("*.jsonl"):
            path.unlink()
        for name, articles in self._files.items():
            written(self.folder, name, articles)


def everything(index: Path) -> tuple[Any, ...]:
    """All that a search can find."""
    generation = open_generation(index)
    try:
        assert generation.tokens is not None
        rows = range(len(generation.embeddings))
        stored = (
            generation.archive.passages(rows),
            np.array(generation.embeddings).tobytes(),
            [generation.tokens.codes_of(row).tobytes() for row in rows],
            generation.archive.files(),
            generation.archive.known.places,
            generation.manifest.counts,
        )
    finally:
        generation.close()
    with open_index(index, embedder=TokenWordEmbedder()) as searcher:
        queries = ("envoys treaty", "a comet above the river", '"harbour"', "budget")
        hits = [[(hit.passage, hit.article, hit.score) for hit in searcher.search(q, k=30)] for q in queries]
    return (*stored, hits)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), edits=st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_a_rebuild_gives_what_a_build_gives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, edits: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("edits")
    corpus = Corpus(folder / "corpus", seed)
    corpus.write()
    build(folder / "corpus", folder / "index")
    for number, count in enumerate(edits):
        for _ in range(count):
            corpus.edit()
        corpus.write()
        build(folder / "corpus", folder / "index")
        build(folder / "corpus", folder / f"afresh {number}")
        assert everything(folder / "index") == everything(folder / f"afresh {number}")
