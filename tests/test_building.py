"""The rebuild: what is in the index, what the report says, and what is embedded again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import (
    Article,
    BuildReport,
    CorpusError,
    IndexNotFoundError,
    Progress,
    SemsearchError,
    build_index,
    open_index,
    read_articles,
)
from semsearch.storage import open_generation
from tests.embedder import WordEmbedder
from tests.index_files import answers, files_of, generations, live

FORCE = Article(
    "force",
    "The first soldiers landed at the airport in the evening.\n\n"
    "They guard the power station, the airport and the seat of the government.",
    title="Peacekeepers arrive",
    published=dt.date(2022, 1, 7),
)
TREATY = Article("treaty", "Under article four of the treaty an attack on one member is an attack on all of them.")
FORCE_TEXTS = [f"Peacekeepers arrive\n{paragraph}" for paragraph in FORCE.text.split("\n\n")]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def embeddings(index: Path) -> NDArray[np.float16]:
    generation = open_generation(index)
    try:
        return np.array(generation.embeddings)
    finally:
        generation.close()


def contents(index: Path) -> dict[str, bytes]:
    """The vectors; the archive also says where each article came from."""
    return {name: (live(index) / name).read_bytes() for name in ("embeddings.npy",)}


# --- what is indexed --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of all formats."""
    folder = tmp_path / "news"
    (folder / "2022").mkdir(parents=True)
    (folder / "2022" / "force.md").write_text(
        f"---\ntitle: {FORCE.title}\ndate: 2022-01-07\nsource: The Agency\ndesk: world\n---\n\n{FORCE.text}\n"
    )
    (folder / "notes.txt").write_text(f"A headline\n\n{TREATY.text}\n")
    (folder / "more.jsonl").write_text(
        '{"_id": "j1", "title": "Budget", "text": "Parliament passed a budget of four million for its schools."}\n'
        '{"_id": "j2", "title": "", "text": "The rocket reached its orbit nine minutes after it had lifted off."}\n'
    )
    return folder


def test_an_index_of_articles_is_the_index_of_their_files(folder: Path, tmp_path: Path, words: WordEmbedder) -> None:
    from_files = build_index(folder, tmp_path / "one", embedder=words)
    from_articles = build_index(list(read_articles(folder)), tmp_path / "two", embedder=words)
    assert (from_files.articles, from_files.tokens) == (from_articles.articles, from_articles.tokens) == (4, 70)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    with open_index(tmp_path / "one", embedder=words) as one, open_index(tmp_path / "two", embedder=words) as two:
        for query in ("attack on a member", "soldiers", "rocket"):
            assert one.search(query) == two.search(query)


def test_several_sources_are_indexed_one_after_the_other(folder: Path, index: Path, words: WordEmbedder) -> None:
    sources: list[str | Path] = [folder / "more.jsonl", str(folder / "2022")]
    report = build_index(sources, index, embedder=words)
    assert report.articles == 3
    assert [text.split()[0] for text in words.embedded] == ["Budget", "The", "Peacekeepers", "Peacekeepers"]


def test_articles_are_consumed_once(index: Path, words: WordEmbedder) -> None:
    assert build_index(iter([FORCE, TREATY]), index, embedder=words).articles == 2


def test_a_passage_is_embedded_with_the_title_of_its_article(index: Path, words: WordEmbedder) -> None:
    build_index([FORCE, TREATY], index, embedder=words)
    assert sorted(words.embedded) == sorted([*FORCE_TEXTS, TREATY.text])


def test_row_i_of_the_vectors_is_passage_i(index: Path, words: WordEmbedder) -> None:
    # Longer and shorter texts in turn, as texts are sorted by length before they are embedded.
    texts = [" ".join(f"w{number}x{word}" for word in range(8 + number * 7 % 50)) for number in range(150)]
    build_index([Article(f"{number}", text) for number, text in enumerate(texts)], index, embedder=words)
    np.testing.assert_array_equal(embeddings(index), words.embed_queries(texts).astype(np.float16))


def test_vectors_are_unit_rows(index: Path) -> None:
    class Tall(WordEmbedder):
        def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.asarray(super().embed_queries(texts) * 1000, dtype=np.float32)

    build_index([FORCE, TREATY], index, embedder=Tall())
    lengths = np.linalg.norm(embeddings(index).astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, np.ones(3), atol=5e-4)  # what float16 leaves of a unit row


def test_a_text_of_no_meaning_to_the_embedder_has_a_zero_row(index: Path) -> None:
    class Silent(WordEmbedder):
        def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.zeros((len(texts), self.spec.dimension), np.float32)

    build_index([TREATY], index, embedder=Silent())
    assert not embeddings(index).any()


def test_a_megabyte_in_one_paragraph_is_indexed_to_its_end(index: Path) -> None:
    words = WordEmbedder(dimension=256)
    sentence = "The committee met again and said that the talks on the budget would go on next week. "
    paragraph = sentence * (1_000_000 // len(sentence)) + "A comet was seen above Reykjavik at dawn."
    report = build_index([Article("long", paragraph), TREATY], index, embedder=words)
    assert report.tokens == len(paragraph.split()) + len(TREATY.text.split())
    assert report.truncated_tokens == 0
    assert max(words.count_tokens(words.embedded)) <= words.spec.max_tokens
    assert " ".join(words.embedded).count("committee") == paragraph.count("committee")
    with open_index(index, embedder=words) as searcher:
        first, *_ = searcher.search("comet above Reykjavik")
    assert first.passage.text.endswith("A comet was seen above Reykjavik at dawn.")
    assert (first.article.id, first.passage.end) == ("long", len(paragraph))


@pytest.mark.parametrize("text", ["x" * 1_000_000, "12.5 " * 50_000, "a,b;" * 100_000])
def test_a_megabyte_without_a_sentence_is_indexed_to_its_end(index: Path, text: str) -> None:
    class Characters(WordEmbedder):
        """A token is a character, and a text is embedded as what it ends with."""

        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            return [len(text) for text in texts]

        def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().embed_queries([text[-1:] for text in texts])

    characters = Characters()
    report = build_index([Article("long", text)], index, embedder=characters)
    assert report.truncated_tokens == 0
    assert max(map(len, characters.embedded)) <= characters.spec.max_tokens
    with open_index(index, embedder=characters) as searcher:
        hits = searcher.search("x", len(searcher), fold_duplicates=False)
        spans = sorted((hit.passage.start, hit.passage.end) for hit in hits)
    assert (spans[0][0], spans[-1][1]) == (0, len(text.rstrip()))
    between = "".join(text[end:start] for (_, end), (start, _) in pairwise(spans))
    assert between.strip() == ""


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_no_text_is_beyond_the_embedders_limit(index: Path, limit: int) -> None:
    words = WordEmbedder(max_tokens=limit)
    talks = Article("talks", "Talks went on, " * 25, title="A headline of some six words")  # the title counts, too
    report = build_index([FORCE, TREATY, talks], index, embedder=words)
    assert max(words.count_tokens(words.embedded)) <= limit
    assert report.truncated_tokens == 0
    bodies = [text.split("\n")[-1] for text in words.embedded]
    assert sorted(" ".join(bodies).split()) == sorted(f"{FORCE.text} {TREATY.text} {talks.text}".split())


def test_an_embedder_that_reads_nothing_is_refused(index: Path) -> None:
    with pytest.raises(SemsearchError, match="words reads 0 tokens: too few"):
        build_index([TREATY], index, embedder=WordEmbedder(max_tokens=0))
    with pytest.raises(IndexNotFoundError):
        open_index(index, embedder=WordEmbedder())


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_says_what_was_done(folder: Path, index: Path, words: WordEmbedder) -> None:
    (folder / "photo.jpeg").write_bytes(b"\xff\xd8")
    (folder / "empty.txt").write_text(" \n")
    report = build_index(folder, index, embedder=words)
    generation = live(index)
    assert report == BuildReport(
        index=str(index),
        generation=generation.name,
        model="words",
        articles=4,
        passages=5,
        embedded=5,
        tokens=sum(words.count_tokens(words.embedded)),
        truncated_tokens=0,
        problems=report.problems,
        notes=(),
        ignored={".jpeg": 1},
        bytes=sum((generation / name).stat().st_size for name in files_of(generation)),
        seconds=report.seconds,
        languages=report.languages,
    )
    assert report.tokens == 2 + 10 + 2 + 13 + 2 + 18 + 1 + 10 + 12  # titles and paragraphs, counted by hand
    assert [problem.place for problem in report.problems] == [str(folder / "empty.txt")]
    assert "no text" in report.problems[0].reason


def test_progress_is_reported_from_the_model_to_the_last_passage(index: Path, words: WordEmbedder) -> None:
    articles = [Article(f"{number}", f"{TREATY.text} {number}") for number in range(100)]
    reports: list[Progress] = []
    build_index(articles, index, embedder=words, progress=reports.append)
    stages = list(dict.fromkeys(report.stage for report in reports))
    assert stages == ["loading the model", "reading articles", "embedding passages", "writing the index"]
    reading, embedding = ([report for report in reports if report.stage == stage] for stage in stages[1:3])
    assert [report.done for report in reading] == list(range(101))
    assert [(report.done, report.total) for report in embedding] == [(0, 100), (64, 100), (100, 100)]


# --- what is embedded again -------------------------------------------------------------------------------------------


CHANGES: list[tuple[str, list[Article], list[str]]] = [
    ("nothing", [FORCE, TREATY], []),
    ("the order", [TREATY, FORCE], []),
    ("an id", [Article("moved", FORCE.text, title=FORCE.title), TREATY], []),
    ("an article less", [TREATY], []),
    ("an article more", [FORCE, Article("new", "Something new happened in the capital."), TREATY], ["Something new"]),
    ("a paragraph", [Article("force", f"{FORCE.text}\n\nThey left on a cold winter day in January.",
                             title=FORCE.title), TREATY], ["Peacekeepers arrive\nThey left"]),
    ("a title", [Article("force", FORCE.text, title="They came"), TREATY], ["They came\nThe first", "They came\nThey"]),
]  # fmt: skip


@pytest.mark.parametrize(("articles", "new"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_only_what_changed_is_embedded_again(
    index: Path, tmp_path: Path, words: WordEmbedder, articles: list[Article], new: list[str]
) -> None:
    build_index([FORCE, TREATY], index, embedder=words)
    words.embedded.clear()
    report = build_index(articles, index, embedder=words)
    assert report.embedded == len(words.embedded) == len(new)
    assert all(text.startswith(start) for text, start in zip(sorted(words.embedded), new, strict=True))
    build_index(articles, tmp_path / "afresh", embedder=words)
    assert contents(index) == contents(tmp_path / "afresh")


def test_all_is_embedded_again_with_another_embedder(index: Path, words: WordEmbedder) -> None:
    build_index([FORCE, TREATY], index, embedder=WordEmbedder(fingerprint="other"))
    assert build_index([FORCE, TREATY], index, embedder=words).embedded == 3
    assert sorted(words.embedded) == sorted([*FORCE_TEXTS, TREATY.text])


def test_nothing_is_taken_from_a_damaged_index(index: Path, words: WordEmbedder) -> None:
    build_index([FORCE, TREATY], index, embedder=words)
    expected = contents(index)
    vectors = live(index) / "embeddings.npy"
    vectors.write_bytes(vectors.read_bytes()[:-2] + b"\x12\x34")
    assert build_index([FORCE, TREATY], index, embedder=words).embedded == 3
    assert contents(index) == expected


def test_the_model_of_the_index_that_is_there_is_kept(index: Path, tiny_model: Path) -> None:
    assert build_index([FORCE], index, embedder=tiny_model).model == str(tiny_model)
    report = build_index([FORCE, TREATY], index)
    assert (report.model, report.embedded) == (str(tiny_model), 1)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def built(index: Path, words: WordEmbedder) -> Path:
    """An index that must answer as before when a build has failed."""
    build_index([FORCE, TREATY], index, embedder=words)
    return index


@pytest.fixture
def before(built: Path) -> Callable[[], None]:
    """Asserts that the index is as it was."""
    files, expected = sorted(built.rglob("*")), answers(built)

    def check() -> None:
        assert sorted(built.rglob("*")) == files
        assert answers(built) == expected

    return check


def test_articles_with_one_id_are_refused_and_both_are_named(
    built: Path, words: WordEmbedder, before: Callable[[], None]
) -> None:
    twice = [FORCE, TREATY, Article("force", "Another article.")]
    with pytest.raises(CorpusError, match=r"^articles\[2\]: has the id 'force' of articles\[0\]: give one") as error:
        build_index(twice, built, embedder=words)
    assert error.value.place == "articles[2]"
    before()


def test_files_and_lines_with_one_id_are_refused_and_both_are_named(
    built: Path, tmp_path: Path, words: WordEmbedder, before: Callable[[], None]
) -> None:
    lines = ['{"_id": "a", "text": "One text."}', '{"_id": "b", "text": "Two."}', '{"_id": "a", "text": "Three."}']
    (tmp_path / "one.jsonl").write_text("\n".join(lines[:2]))
    (tmp_path / "two.jsonl").write_text("\n" + lines[2])
    with pytest.raises(CorpusError) as error:
        build_index([tmp_path / "one.jsonl", tmp_path / "two.jsonl"], built, embedder=words)
    assert error.value.place == f"{tmp_path / 'two.jsonl'}:2"
    assert f"has the id 'a' of {tmp_path / 'one.jsonl'}:1:" in str(error.value)
    before()


def test_a_folder_without_an_article_is_refused(
    built: Path, tmp_path: Path, words: WordEmbedder, before: Callable[[], None]
) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.jpeg").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"no article in it, only files that are not read: 1 \.jpeg") as error:
        build_index(tmp_path / "corpus", built, embedder=words)
    assert error.value.place == str(tmp_path / "corpus")
    before()


@pytest.mark.parametrize(
    ("articles", "reason"),
    [
        ([], r"^the corpus: there is no article in it$"),
        (
            [Article("a", ""), Article("b", " \n\n ")],
            r"nothing in it can be indexed: articles\[0\]: .* \(and 1 more\)$",
        ),
    ],
)
def test_articles_without_a_text_are_refused(
    built: Path, words: WordEmbedder, before: Callable[[], None], articles: list[Article], reason: str
) -> None:
    with pytest.raises(CorpusError, match=reason):
        build_index(articles, built, embedder=words)
    before()


def test_a_corpus_that_cannot_be_read_at_all_is_refused_with_its_first_problem(
    built: Path, tmp_path: Path, words: WordEmbedder, before: Callable[[], None]
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"_id": "a", "text": \n{"_id"\n')
    with pytest.raises(CorpusError, match=rf"nothing in it can be indexed: {tmp_path / 'bad.jsonl'}:1.*and 1 more"):
        build_index(tmp_path / "bad.jsonl", built, embedder=words)
    before()


def test_a_first_build_that_fails_leaves_no_index(index: Path, words: WordEmbedder) -> None:
    with pytest.raises(CorpusError):
        build_index([], index, embedder=words)
    with pytest.raises(IndexNotFoundError):
        open_index(index, embedder=words)
    assert generations(index) == []


def test_an_empty_article_is_a_problem_and_the_others_are_indexed(index: Path, words: WordEmbedder) -> None:
    report = build_index([FORCE, Article("empty", "\n"), TREATY], index, embedder=words)
    assert [str(problem) for problem in report.problems] == ["articles[1]: is empty: there is no text to index"]
    assert {article for article, _, _ in answers(index)} == {"force", "treaty"}


def test_an_article_that_cannot_be_stored_is_a_problem_and_the_others_are_indexed(
    index: Path, words: WordEmbedder
) -> None:
    report = build_index([FORCE, Article("odd", "Some text.", metadata={"x": {1, 2}}), TREATY], index, embedder=words)
    assert [problem.place for problem in report.problems] == ["articles[1]"]
    assert "not JSON" in report.problems[0].reason
    assert (report.articles, report.passages, report.tokens) == (2, 3, 45)


@pytest.mark.parametrize("corpus", [5, None, [5], [FORCE, None], [b"bytes"]])
def test_what_is_no_corpus_is_refused(
    built: Path, words: WordEmbedder, before: Callable[[], None], corpus: object
) -> None:
    with pytest.raises(
        TypeError, match=r"a corpus is a path, a table or an iterable|is (int|NoneType|bytes), not an Article"
    ):
        build_index(cast("list[Article]", corpus), built, embedder=words)
    before()


def test_an_index_that_would_replace_a_file_is_refused(tmp_path: Path, words: WordEmbedder) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="name a folder for the index"):
        build_index([FORCE], tmp_path / "file", embedder=words)
    assert (tmp_path / "file").read_text() == "mine"


WRONG: list[tuple[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]]] = [
    ("a row too few", lambda rows: rows[:-1]),
    ("a row too many", lambda rows: np.concatenate([rows, rows[:1]])),
    ("a component too many", lambda rows: np.ones((len(rows), 65), np.float32)),
    ("no rows but numbers", lambda rows: rows[:, 0]),
    ("a number that is none", lambda rows: np.where(np.arange(64) == 3, np.float32(np.nan), rows)),
    ("an infinite number", lambda rows: np.where(np.arange(64) == 3, np.float32(np.inf), rows)),
]


@pytest.mark.parametrize("wrong", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_vectors_that_cannot_be_right_are_not_committed(
    built: Path, before: Callable[[], None], wrong: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    class Wrong(WordEmbedder):
        def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return wrong(super().embed_passages(texts))

    with pytest.raises(Exception, match=r"the embedder return(s|ed)"):
        build_index([FORCE, TREATY], built, embedder=Wrong(fingerprint="wrong"))
    before()
