"""Some articles of an index are changed, and all others stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from semsearch import (
    Article,
    CorpusError,
    EmbedderMismatchError,
    IndexCorruptError,
    IndexNotFoundError,
    build_index,
    update_index,
)
from semsearch.storage import open_generation
from tests.command import Run, runner
from tests.embedder import TokenWordEmbedder
from tests.index_files import live
from tests.test_building_unchanged import everything, written

ARTICLES = [Article(f"{n}", f"On day {n} the envoys met at the harbour.", title=f"Day {n}") for n in range(5)]
NEW = Article("new", "A ship came into the harbour at noon.")
CHANGED = dataclasses.replace(ARTICLES[2], text="On day 2 nobody met anybody else at the airport.")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build_index(ARTICLES, tmp_path / "index", embedder=TokenWordEmbedder())
    return tmp_path / "index"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def stored(index: Path) -> list[Article]:
    generation = open_generation(index)
    try:
        return [article for _, article in generation.archive.articles()]
    finally:
        generation.close()


def test_articles_take_the_place_of_those_with_their_ids_and_others_come_last(index: Path, tmp_path: Path) -> None:
    embedder = TokenWordEmbedder()
    report = update_index(index, add=[NEW, CHANGED], embedder=embedder)
    assert (report.articles, report.embedded, report.unchanged, report.problems) == (6, 2, False, ())
    assert sorted(embedder.embedded) == sorted([NEW.text, f"Day 2\n{CHANGED.text}"])
    expected = [*ARTICLES[:2], CHANGED, *ARTICLES[3:], NEW]
    assert stored(index) == expected
    build_index(expected, tmp_path / "afresh", embedder=TokenWordEmbedder())
    found, afresh = everything(index), everything(tmp_path / "afresh")
    assert (*found[:4], *found[5:]) == (*afresh[:4], *afresh[5:])  # all but the places


def test_articles_are_removed_and_an_id_that_is_not_there_is_named(index: Path) -> None:
    report = update_index(index, remove=["3", "0", "nobody"], embedder=TokenWordEmbedder())
    assert stored(index) == [ARTICLES[1], ARTICLES[2], ARTICLES[4]]
    assert [str(problem) for problem in report.problems] == ["nobody: is not in the index: there is nothing to remove"]


def test_what_is_both_removed_and_given_is_given(index: Path) -> None:
    update_index(index, add=[CHANGED], remove=["2"], embedder=TokenWordEmbedder())
    assert stored(index) == [*ARTICLES[:2], CHANGED, *ARTICLES[3:]]


def test_an_update_of_nothing_writes_nothing(index: Path) -> None:
    before = live(index)
    for add in ((), [ARTICLES[4], ARTICLES[1]]):
        assert update_index(index, add=add, embedder=TokenWordEmbedder()).unchanged
    assert live(index) == before


def test_the_choice_of_tokens_is_kept(tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder(), token_vectors=False)
    update_index(tmp_path, add=[NEW], embedder=TokenWordEmbedder())
    assert not (live(tmp_path) / "tokens").exists()


def test_an_index_of_another_version_is_split_again_and_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.storage.generations.__version__", "0.0.1")
    build_index(ARTICLES, tmp_path, embedder=TokenWordEmbedder())
    monkeypatch.undo()
    embedder = TokenWordEmbedder()
    update_index(tmp_path, add=[CHANGED], remove=["0"], embedder=embedder)
    assert stored(tmp_path) == [ARTICLES[1], CHANGED, *ARTICLES[3:]]
    assert embedder.embedded == [f"Day 2\n{CHANGED.text}"]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    written(tmp_path / "corpus", "day/days.jsonl", ARTICLES)
    for name in ("a.txt", "day/b.txt"):
        (tmp_path / "corpus" / name).write_text(
            f"A headline of {name}\n\nThe council met at noon, and went on till dawn.\n"
        )
    build_index(tmp_path / "corpus", tmp_path / "index", embedder=TokenWordEmbedder())
    return tmp_path / "corpus"


def test_a_file_keeps_its_id_whichever_folder_is_named(corpus: Path) -> None:
    index = corpus.parent / "index"
    (corpus / "day" / "b.txt").write_text("A headline\n\nThe council will not meet again before the summer.\n")
    (corpus / "day" / "c.txt").write_text("A headline\n\nThe river rose by a metre in the night of the storm.\n")
    before = [article.id for article in stored(index)]
    for source in (corpus / "day" / "b.txt", corpus / "day"):
        update_index(index, add=source, embedder=TokenWordEmbedder())
    assert [article.id for article in stored(index)] == [*before, "day/c.txt"]
    # A rebuild of all has nothing left to embed.
    embedder = TokenWordEmbedder()
    build_index(corpus, index, embedder=embedder)
    assert embedder.embedded == []


def test_a_rebuild_after_an_update_is_of_the_files_again(corpus: Path) -> None:
    index = corpus.parent / "index"
    expected = everything(index)
    update_index(index, add=[NEW, CHANGED], remove=["a.txt"], embedder=TokenWordEmbedder())
    assert "a.txt" not in {article.id for article in stored(index)}
    build_index(corpus, index, embedder=TokenWordEmbedder())
    assert everything(index) == expected


# --- what is refused --------------------------------------------------------------------------------------------------


def test_without_an_index_there_is_nothing_to_update(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError):
        update_index(tmp_path / "none", add=[NEW], embedder=TokenWordEmbedder())
    assert not (tmp_path / "none").exists()


def test_an_update_that_cannot_be_leaves_the_index_as_it_was(index: Path) -> None:
    files = sorted(index.rglob("*"))
    embedder = TokenWordEmbedder()
    with pytest.raises(CorpusError, match=r"^articles\[1\]: has the id 'new' of articles\[0\]"):
        update_index(index, add=[NEW, NEW], embedder=embedder)
    with pytest.raises(CorpusError, match="no article would be left"):
        update_index(index, remove=[article.id for article in ARTICLES], embedder=embedder)
    with pytest.raises(CorpusError, match="no such file"):
        update_index(index, add=index / "nothing", embedder=embedder)
    with pytest.raises(TypeError, match=r"not one id: give \['3'\]"):
        update_index(index, remove="3", embedder=embedder)
    with pytest.raises(EmbedderMismatchError, match="rebuild-index"):
        update_index(index, add=[NEW], embedder=TokenWordEmbedder(fingerprint="another"))
    assert sorted(index.rglob("*")) == files
    assert stored(index) == ARTICLES


def test_a_damaged_index_is_not_updated(index: Path) -> None:
    path = live(index) / "articles.sqlite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IndexCorruptError) as error:
        update_index(index, add=[NEW], embedder=TokenWordEmbedder())
    assert error.value.path == path


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_puts_articles_in_and_takes_them_out(tmp_path: Path, tiny_model: Path, run: Run) -> None:
    written(tmp_path, "days.jsonl", ARTICLES)
    run("rebuild-index", tmp_path / "days.jsonl", "--index", tmp_path / "index", "--model", tiny_model)
    written(tmp_path, "more.jsonl", [NEW, CHANGED])
    ran = run(
        "update", tmp_path / "more.jsonl", "--remove", "0", "--remove", "4", "--index", tmp_path / "index", "--json"
    )
    assert ran.code == 0
    built = ran.only()
    assert (built["articles"], built["embedded"], built["unchanged"]) == (4, 2, False)
    assert stored(tmp_path / "index") == [ARTICLES[1], CHANGED, ARTICLES[3], NEW]
    ran = run("update", "--remove", "0", "--index", tmp_path / "index", "--no-json")
    assert ran.code == 1
    assert "4 articles indexed in" in ran.out
    assert "nothing had changed" in ran.out
    assert ran.err.endswith("not indexed: 0: is not in the index: there is nothing to remove\n")


def test_the_command_without_anything_to_do_is_refused(run: Run) -> None:
    ran = run("update")
    assert ran.code == 2
    assert "name what to put into the index, or what to --remove" in ran.err
