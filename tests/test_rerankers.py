"""Cross-encoders that have the last word: which are loaded, and how they order what was found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsearch import Article, Hit, ModelNotFoundError, Reranker, Searcher, build_index, load_reranker, open_index
from semsearch.searching import MODES
from tests.command import Run, runner
from tests.embedder import TokenWordEmbedder, WordEmbedder

SENTENCE = "Report {0} of the harbour says that on day v{0} the ships came in late because of w{0}."
ARTICLES = [
    Article(f"{n}", SENTENCE.format(n), title=f"Harbour {n}" if n % 2 else "", metadata={"number": n})
    for n in range(130)
]


@pytest.fixture(scope="session")
def tiny_cross_encoder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder of a few thousand random weights, saved to a folder."""
    return save_cross_encoder(tiny_model, tmp_path_factory.mktemp("tiny-cross-encoder") / "model", labels=1)


def save_cross_encoder(tiny_model: Path, folder: Path, *, labels: int) -> Path:
    """Save a model of random weights that reads two texts and gives ``labels`` scores."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(2)
    config = BertConfig.from_pretrained(tiny_model, num_labels=labels)
    config.initializer_range = 1.0  # weights that are large enough to tell texts apart
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


class LastWord:
    """A reranker whose scores can be worked out by hand: the number of the report, or its negative. It keeps count."""

    name = "last word"

    def __init__(self, sign: int = 1) -> None:
        self.sign = sign
        self.asked: list[str] = []
        self.read: list[list[str]] = []

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        assert texts, "there is nothing to score"
        self.asked.append(query)
        self.read.append(list(texts))
        return np.array([self.sign * int(text.split("Report ")[1].split()[0]) for text in texts], dtype=np.float64)


@pytest.fixture(scope="module", params=[WordEmbedder, TokenWordEmbedder])
def indexed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WordEmbedder]:
    embedder: WordEmbedder = request.param()
    index = tmp_path_factory.mktemp("index")
    build_index(ARTICLES, index, embedder=embedder)
    return index, embedder


@pytest.fixture
def reranked(indexed: tuple[Path, WordEmbedder]) -> Iterator[tuple[LastWord, Searcher]]:
    reranker = LastWord()
    with open_index(indexed[0], embedder=indexed[1], reranker=reranker) as searcher:
        yield reranker, searcher


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.article.id for hit in hits]


# --- loading ----------------------------------------------------------------------------------------------------------


def test_a_cross_encoder_is_loaded_once_and_gives_a_score_for_each_text(tiny_cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder

    reranker: Reranker = load_reranker(tiny_cross_encoder)
    assert load_reranker(str(tiny_cross_encoder)) is reranker
    assert reranker.name == str(tiny_cross_encoder)
    texts = ["A ship came in.", "", "平和", "Nothing else was known. " * 100]
    scores = reranker.score("ships", texts)
    assert scores.dtype == np.float64
    assert scores.shape == (4,)
    own = CrossEncoder(str(tiny_cross_encoder), local_files_only=True).predict([("ships", text) for text in texts])
    np.testing.assert_allclose(scores, own, rtol=0, atol=1e-5)
    assert len(set(scores.round(6))) == 4
    assert reranker.score("ships", []).shape == (0,)
    # A score depends on its own text, not on those beside it.
    alone = [float(reranker.score("ships", [text])[0]) for text in texts]
    np.testing.assert_allclose(scores, alone, rtol=0, atol=1e-5)


def test_a_bi_encoder_is_no_cross_encoder(tiny_model: Path) -> None:
    for folder in (str(tiny_model), "all-MiniLM-L6-v2"):
        with pytest.raises(ModelNotFoundError, match="cannot be loaded as the cross-encoder") as error:
            load_reranker(folder)
        assert "is it a cross-encoder?" in str(error.value)
        assert folder in str(error.value)
        assert "\n" not in str(error.value)


def test_a_cross_encoder_with_two_labels_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = save_cross_encoder(tiny_model, tmp_path / "two", labels=2)
    with pytest.raises(ModelNotFoundError, match="it gives 2 scores for a text, not one"):
        load_reranker(folder)


def test_a_folder_without_a_whole_model_is_named(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    broken = Path(shutil.copytree(tiny_cross_encoder, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"no weights")
    for folder in (tmp_path / "empty", broken):
        with pytest.raises(ModelNotFoundError, match="cannot be loaded as the cross-encoder") as error:
            load_reranker(folder)
        assert str(folder) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "must not be blank"),
        ("  ", "must not be blank"),
        ("./no-such-folder", "no model in the folder './no-such-folder'"),
        ("acme/no-such-model", "'hf download acme/no-such-model' brings it"),
        ("not a name!", "neither a folder nor the name of a hub model"),
    ],
)
def test_a_reranker_that_is_not_here_is_an_error_with_a_remedy(name: str, message: str) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        load_reranker(name)


def test_an_index_whose_reranker_is_not_here_is_not_opened(indexed: tuple[Path, WordEmbedder], tmp_path: Path) -> None:
    import psutil

    with pytest.raises(ModelNotFoundError, match="no model in the folder"):
        open_index(indexed[0], embedder=indexed[1], reranker=tmp_path / "gone")
    assert [file.path for file in psutil.Process().open_files() if file.path.endswith(".sqlite")] == []


# --- ranking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_hits_are_ordered_by_the_rerankers_scores(reranked: tuple[LastWord, Searcher], mode: str) -> None:
    reranker, searcher = reranked
    hits = searcher.search("report of the harbour", 10, mode=mode, fold_duplicates=False, explain=True)
    (texts,) = reranker.read
    numbers = sorted((int(text.split("Report ")[1].split()[0]) for text in texts), reverse=True)
    assert [hit.article.metadata["number"] for hit in hits] == numbers[:10]
    assert [hit.score for hit in hits] == numbers[:10]
    assert [hit.rank for hit in hits] == list(range(1, 11))
    for hit in hits:
        assert hit.explanation is not None
        assert hit.explanation.parts == {"reranker": hit.score}
        assert hit.evidence is not None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("k", "read"), [(1, 30), (7, 30), (30, 30), (31, 31), (100, 100)])
def test_it_reads_the_best_thirty_or_as_many_as_are_wanted(
    reranked: tuple[LastWord, Searcher], indexed: tuple[Path, WordEmbedder], mode: str, k: int, read: int
) -> None:
    reranker, searcher = reranked
    query = "report w17 of the harbour"
    hits = searcher.search(query, k, mode=mode, fold_duplicates=False)
    assert len(hits) == k
    (texts,) = reranker.read
    assert len(texts) == read
    with open_index(indexed[0], embedder=indexed[1]) as plain:
        best = plain.search(query, read, mode=mode, fold_duplicates=False)
    # It reads what was embedded: the title, and the passage.
    assert sorted(texts) == sorted(f"{hit.article.title}\n{hit.passage.text}".lstrip() for hit in best)
    assert set(ids(hits)) <= set(ids(best))


@pytest.mark.parametrize("mode", MODES)
def test_beyond_what_it_reads_at_first_there_is_everything(reranked: tuple[LastWord, Searcher], mode: str) -> None:
    _, searcher = reranked
    hits = searcher.search("report of the harbour", 10**4, mode=mode, fold_duplicates=False)
    assert ids(hits) == [f"{n}" for n in range(129, -1, -1)]


def test_equal_scores_come_in_the_order_of_the_corpus(indexed: tuple[Path, WordEmbedder]) -> None:
    with open_index(indexed[0], embedder=indexed[1], reranker=LastWord(sign=0)) as searcher:
        hits = searcher.search("report of the harbour", 200, fold_duplicates=False)
        assert ids(hits) == [f"{n}" for n in range(130)]


@pytest.mark.parametrize("mode", MODES)
def test_filters_and_phrases_come_before_it(reranked: tuple[LastWord, Searcher], mode: str) -> None:
    reranker, searcher = reranked
    where = "number < 30 and number != 28"
    assert ids(searcher.search("report of the harbour", 3, mode=mode, where=where)) == ["29", "27", "26"]
    assert all(int(text.split("Report ")[1].split()[0]) < 30 for texts in reranker.read for text in texts)
    assert ids(searcher.search('report "w9"', mode=mode)) == ["9"]
    assert searcher.search("report", mode=mode, where="number > 1000") == []
    assert searcher.search_articles("report", mode=mode, where="number > 1000") == []


@pytest.mark.parametrize("mode", MODES)
def test_a_least_score_is_one_of_its_scores(reranked: tuple[LastWord, Searcher], mode: str) -> None:
    _, searcher = reranked
    hits = searcher.search("report of the harbour", 130, mode=mode, fold_duplicates=False, min_score=100)
    assert ids(hits) == [f"{n}" for n in range(129, 99, -1)]


def test_articles_are_reranked_and_what_is_similar_is_not(reranked: tuple[LastWord, Searcher]) -> None:
    reranker, searcher = reranked
    answers = searcher.search_articles("report of the harbour", 5, fold_duplicates=False)
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    assert [answer.score for answer in answers] == [answer.article.metadata["number"] for answer in answers]
    reranker.read.clear()
    hits = searcher.similar("7")
    assert reranker.read == []
    assert -1 <= hits[0].score <= 1.001


def test_it_is_asked_for_the_words_without_quotation_marks(reranked: tuple[LastWord, Searcher]) -> None:
    reranker, searcher = reranked
    searcher.search('says "of the harbour" w3')
    searcher.search('says "of the harbour" w3', phrases=False)
    assert reranker.asked == ["says of the harbour w3", 'says "of the harbour" w3']


def test_duplicates_are_folded_in_its_order(tmp_path: Path, words: WordEmbedder) -> None:
    text = "Report 7 of the harbour: the ships came in late because of the storm that night."
    build_index([*(Article(f"copy{n}", text) for n in range(3)), *ARTICLES[:5]], tmp_path, embedder=words)
    with open_index(tmp_path, embedder=words, reranker=LastWord()) as searcher:
        hit = searcher.search("ships came in late because of the storm", 3)[0]
    assert (hit.score, hit.article.id) == (7, "copy0")
    assert [(copy.article.id, copy.score, copy.rank) for copy in hit.duplicates] == [("copy1", 7, 1), ("copy2", 7, 1)]


# --- a real one -------------------------------------------------------------------------------------------------------


def test_a_cross_encoder_orders_what_was_found(indexed: tuple[Path, WordEmbedder], tiny_cross_encoder: Path) -> None:
    query = "report of the harbour"
    reranker = load_reranker(tiny_cross_encoder)
    with open_index(indexed[0], embedder=indexed[1], reranker=tiny_cross_encoder) as searcher:
        answers = [searcher.search(query, 12, mode=mode, fold_duplicates=False, where="number < 12") for mode in MODES]
    for hits in answers:
        assert len(hits) == 12
        assert ids(hits) == ids(answers[0])
        texts = [f"{hit.article.title}\n{hit.passage.text}".strip() for hit in hits]
        np.testing.assert_allclose([hit.score for hit in hits], reranker.score(query, texts), rtol=0, atol=1e-4)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len({round(hit.score, 5) for hit in hits}) > 3


def test_the_command_has_one(tmp_path: Path, tiny_model: Path, tiny_cross_encoder: Path, run: Run) -> None:
    build_index(ARTICLES[:8], tmp_path / "index", embedder=tiny_model)
    query = ["query", "ships came in", "-k", 8, "--no-fold", "--index", tmp_path / "index", "--json"]
    plain = run(*query).lines()
    lines = run(*query, "--reranker", tiny_cross_encoder, "--explain").lines()
    texts = {a.id: f"{a.title}\n{a.text}".strip() for a in ARTICLES[:8]}
    scores = load_reranker(tiny_cross_encoder).score("ships came in", list(texts.values()))
    expected = dict(zip(texts, scores, strict=True))
    for line in lines:
        assert line["score"] == pytest.approx(expected[line["article"]["id"]], abs=1e-5)
        assert line["explanation"]["parts"] == {"reranker": line["score"]}
    assert [line["score"] for line in lines] == sorted((line["score"] for line in lines), reverse=True)
    assert sorted(line["article"]["id"] for line in lines) == sorted(line["article"]["id"] for line in plain)
    assert [line["score"] for line in plain] != [line["score"] for line in lines]
    filtered = run(*query, "--reranker", tiny_cross_encoder, "--where", "number in (2, 5)").lines()
    assert [line["article"]["id"] for line in filtered] == [
        line["article"]["id"] for line in lines if line["article"]["metadata"]["number"] in (2, 5)
    ]
    assert {line["score"] for line in filtered} <= {line["score"] for line in lines}


@pytest.mark.parametrize("name", ["", "./gone", "acme/gone"])
def test_the_command_says_that_a_reranker_is_not_here(tmp_path: Path, tiny_model: Path, run: Run, name: str) -> None:
    build_index(ARTICLES[:2], tmp_path / "index", embedder=tiny_model)
    ran = run("query", "ships", "--index", tmp_path / "index", "--reranker", name)
    assert ran.code == ModelNotFoundError.exit_code == 6
    assert "model" in ran.failure()


def test_the_command_says_that_a_bi_encoder_is_no_reranker(tmp_path: Path, tiny_model: Path, run: Run) -> None:
    build_index(ARTICLES[:2], tmp_path / "index", embedder=tiny_model)
    ran = run("query", "ships", "--index", tmp_path / "index", "--reranker", tiny_model)
    assert ran.code == 6
    assert "is it a cross-encoder?" in ran.failure()
