"""Models and archives of several languages: compiled, indexed, asked; a warning where a model does not read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from semsearch import Article, build_index, open_index, repair_index, update_index
from semsearch.embedders import language_warning, languages_of_model
from semsearch.queries import Query, parse_query
from semsearch.storage import read_manifest
from tests.command import Run, runner
from tests.embedder import WordEmbedder
from tests.models import make_model, unigram_tokenizer
from tests.test_compiling import as_the_library_runs_it, assert_agrees, compiled
from tests.test_sentences import SENTENCES

ARTICLES = {
    "de": "Die Soldaten schützen seit gestern die Häuser der Stadt, wie der Minister am Abend sagte.",
    "en": "The soldiers have protected the houses of the town since yesterday, as the minister said.",
    "fr": "Les soldats protègent depuis hier les maisons de la ville, a déclaré le ministre dans la soirée.",
    "es": "Los soldados protegen desde ayer las casas de la ciudad, según dijo el ministro por la tarde.",
    "ru": "Солдаты со вчерашнего дня защищают дома города, сообщил вечером министр обороны республики.",
    "ar": "يحمي الجنود منازل المدينة منذ أمس، كما قال الوزير مساء اليوم في مؤتمر صحفي.",
    "zh": "部长晚间表示，士兵从昨天起保护城里的房屋和其他重要的国家设施。",
    "ja": "兵士たちは昨日から町の家々を守っていると、大臣は夕方に述べた。",
}
ASKED = {
    "de": "Haus Soldat",
    "en": "soldier protecting a house",
    "fr": "soldat protégeant une maison",
    "es": "soldado que protegía la casa",
    "ru": "солдатами защищаемый дом",
    "ar": "للوزير والمدينة",
    "zh": "保护房屋",
    "ja": "家を守る兵士",
}
"""Other forms of words of the articles, as people ask."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture(scope="module")
def tokenizer_texts() -> list[str]:
    return [*ARTICLES.values(), *(sentence for sentences in SENTENCES.values() for sentence in sentences)]


@pytest.fixture(scope="module", params=["bert", "xlm-roberta"])
def multilingual(
    request: pytest.FixtureRequest,
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer_texts: list[str],
) -> Path:
    """A model as multilingual-e5-small and paraphrase-multilingual-MiniLM-L12-v2 are, and as bge-m3 is."""
    return make_model(
        tiny_model,
        tmp_path_factory.mktemp(request.param),
        request.param,
        pooling="mean" if request.param == "bert" else "cls",
        tokenizer=unigram_tokenizer(tokenizer_texts),
        prompts={"query": "query: ", "document": "passage: "},
    )


@pytest.fixture(scope="module")
def index(multilingual: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("multilingual") / "index"
    others = [Article(f"other-{at}", text) for at, texts in enumerate(SENTENCES.values()) for text in [" ".join(texts)]]
    build_index([*(Article(code, text) for code, text in ARTICLES.items()), *others], index, embedder=multilingual)
    return index


# --- models ---------------------------------------------------------------------------------------------------------


def test_a_multilingual_model_is_compiled_and_agrees_with_the_library(
    multilingual: Path, tokenizer_texts: list[str]
) -> None:
    embedder = compiled(multilingual)
    texts = [*tokenizer_texts, "", "🚀 ﬁ Ⅳ", "word " * 400, "字" * 300]

    assert (embedder.spec.query_prompt, embedder.spec.passage_prompt) == ("query: ", "passage: ")
    assert_agrees(embedder, as_the_library_runs_it(multilingual), texts)


def test_the_words_of_a_question_are_without_marks_and_chinese_ones_are_its_tokens(multilingual: Path) -> None:
    embedder = compiled(multilingual)

    marked = embedder.embed_query_with_tokens("(soldiers), “houses”?")
    chinese = embedder.embed_query_with_tokens("士兵保护房屋")

    assert marked.texts == ["soldiers", "houses"]
    assert "".join(chinese.texts) == "士兵保护房屋"
    assert len(chinese.texts) > 1
    assert sorted({word for word in chinese.words if word is not None}) == list(range(len(chinese.texts)))


def test_passages_fit_a_multilingual_model_in_every_language(multilingual: Path, tmp_path: Path) -> None:
    long = [Article(code, " ".join([*SENTENCES[code], ARTICLES[code]] * 20)) for code in ARTICLES]

    report = build_index(long, tmp_path / "index", embedder=multilingual)

    assert report.truncated_tokens == 0
    assert report.passages > 2 * len(long)
    assert set(report.languages) == set(ARTICLES)


# --- questions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ARTICLES)
def test_an_article_is_found_by_other_forms_of_its_words(index: Path, code: str) -> None:
    with open_index(index) as searcher:
        (hit, *_) = searcher.search(ASKED[code], k=3, mode="lexical")

    assert hit.article.id == code


@pytest.mark.parametrize("code", ARTICLES)
def test_an_article_is_found_by_its_own_text(index: Path, code: str) -> None:
    with open_index(index) as searcher:
        (hit, *_) = searcher.search(ARTICLES[code], k=3, explain=True)

    assert hit.article.id == code
    assert hit.evidence is not None
    assert hit.article.text[hit.evidence.start : hit.evidence.end] == hit.evidence.text
    assert hit.explanation is not None
    assert all(word.word == word.word.strip() and word.found == word.found.strip() for word in hit.explanation.words)


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("Häuser der Stadt", "de"),
        ("HAUSER DER STADT", "de"),
        ("maisons de la ville", "fr"),
        ("защищают дома", "ru"),
        ("منازل المدينة", "ar"),
        ("重要的国家设施", "zh"),
        ("町の家々", "ja"),
        ("守っている", "ja"),
    ],
)
def test_a_phrase_is_found_in_every_script(index: Path, phrase: str, code: str) -> None:
    with open_index(index) as searcher:
        assert [hit.article.id for hit in searcher.search(f'"{phrase}"', k=5, mode="lexical")] == [code]
        backwards = phrase[::-1]
        assert list(searcher.search(f'"{backwards}"', k=5, mode="lexical")) == []


def terms_are_made_for(index: Path) -> set[str]:
    (generation,) = [index / "generations" / (index / "CURRENT").read_text().split()[0]]
    found = {(generation / "lexical" / unit / "languages.json").read_text() for unit in ("articles", "passages")}
    assert len(found) == 1
    return set(json.loads(found.pop()))


def answers(index: Path, words: WordEmbedder) -> list[list[tuple[str, float]]]:
    with open_index(index, embedder=words) as searcher:
        return [[(hit.article.id, hit.score) for hit in searcher.search(ASKED[code], mode="lexical")] for code in ASKED]


def test_an_update_that_changes_the_languages_gives_what_a_rebuild_gives(
    words: WordEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.lexical._FEWEST", 1)
    monkeypatch.setattr("semsearch.lexical._MOST_CHANGED", 1.0)
    index = tmp_path / "index"
    german = [Article(f"de-{number}", f"{ARTICLES['de']} {number}") for number in range(12)]
    others = [Article(code, ARTICLES[code]) for code in ("en", "fr", "ru")]
    build_index(german, index, embedder=words)
    assert terms_are_made_for(index) == {"de"}

    update_index(index, add=others[:1], embedder=words)  # one of 13 is not a tenth
    assert terms_are_made_for(index) == {"de"}
    update_index(index, add=others[1:], remove=[f"de-{number}" for number in range(3, 12)], embedder=words)

    build_index([*german[:3], *others], tmp_path / "anew", embedder=words)
    assert terms_are_made_for(index) == terms_are_made_for(tmp_path / "anew") == {"de", "en", "fr", "ru"}
    assert answers(index, words) == answers(tmp_path / "anew", words)


def test_a_repair_makes_the_words_of_the_same_languages_anew(words: WordEmbedder, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index([Article(code, ARTICLES[code]) for code in ("de", "ru")], index, embedder=words)
    before = answers(index, words)
    (damaged, *_) = index.rglob("lexical/passages/languages.json")
    damaged.write_bytes(b'["en"]')

    report = repair_index(index)

    assert report.mended == ("lexical/passages/languages.json",)
    assert terms_are_made_for(index) == {"de", "ru"}
    assert answers(index, words) == before
    assert read_manifest(index)[1].languages == {"de": 0.5, "ru": 0.5}


@pytest.mark.parametrize(
    ("query", "text", "phrases"),
    [
        ("关于“国家设施”的报道", "关于国家设施的报道", ("国家设施",)),
        ('关于"国家设施"的报道', "关于国家设施的报道", ("国家设施",)),
        ("“町の家々”を守る«兵士»", "町の家々を守る兵士", ("町の家々", "兵士")),
        ('5" pipes', '5" pipes', ()),
    ],
)
def test_phrases_need_no_spaces_around_them_where_words_have_none(query: str, text: str, phrases: tuple[str]) -> None:
    assert parse_query(query) == Query(text, phrases)


# --- the warning ----------------------------------------------------------------------------------------------------


def with_card(model: Path, folder: Path, card: str) -> Path:
    copy = Path(shutil.copytree(model, folder / "model"))
    (copy / "README.md").write_text(card, encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        ("---\nlanguage: en\n---\n# A model\n", {"en"}),
        ("---\nlicense: mit\nlanguage:\n- multilingual\n- en\n- no\n- pt-br\n- xx\n---\n", {"en", "no", "pt"}),
        ("---\nlanguage: multilingual\n---\n", None),
        ("---\nlanguage: [multilingual, en]\n---\n", None),
        ("---\nlicense: mit\n---\nlanguage: en\n", None),
        ("# A model\n\n---\nlanguage: en\n---\n", None),
        ("---\nlanguage: en\n", None),
        ("---\n[language\n---\n", None),
        ("---\n- language\n---\n", None),
        ("---\nlanguage: {en: 1}\n---\n", None),
        ("", None),
    ],
)
def test_a_models_languages_are_those_of_its_card(
    tiny_model: Path, tmp_path: Path, card: str, languages: set[str] | None
) -> None:
    found = languages_of_model(str(with_card(tiny_model, tmp_path, card)))
    assert found == (None if languages is None else frozenset(languages))


def test_the_default_model_reads_english() -> None:
    assert languages_of_model("all-MiniLM-L6-v2") == frozenset({"en"})
    assert languages_of_model("sentence-transformers/all-MiniLM-L6-v2") == frozenset({"en"})


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_card_of_a_model_in_the_hubs_cache_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    inside = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}
    for name in inside:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    kept = tmp_path / inside[variable] / "models--acme--reader"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    (kept / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (kept / "snapshots" / ("0" * 40) / "README.md").write_text("---\nlanguage: fr\n---\n")

    assert languages_of_model("acme/reader") == frozenset({"fr"})
    assert languages_of_model("acme/writer") is None


@pytest.mark.parametrize("name", ["words", "acme/nothing-here", "/nowhere/at/all", "", "a/../../b", "\0"])
def test_a_model_that_is_not_here_says_nothing_of_its_languages(name: str) -> None:
    assert languages_of_model(name) is None
    assert language_warning({"de": 1.0}, name) is None


def test_articles_that_the_model_does_not_read_are_warned_of_with_a_model_that_does() -> None:
    model = "all-MiniLM-L6-v2"

    assert language_warning({"en": 0.91, "de": 0.09}, model) is None
    assert language_warning({}, model) is None
    assert language_warning({"de": 0.5, "en": 0.4}, model) == (
        "50% of the articles are German, which all-MiniLM-L6-v2 does not read, so that they are found by their words "
        "alone: 'hf download sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2', and rebuild the index with "
        "--model paraphrase-multilingual-MiniLM-L12-v2"
    )
    several = language_warning({"de": 0.5, "fr": 0.3, "en": 0.2}, model)
    assert several is not None
    assert several.startswith("50% of the articles are German, 30% French, which")
    assert str(language_warning({"zh": 0.96}, model)).startswith("nearly all of the articles are Chinese, which")
    assert str(language_warning({"ta": 0.5, "de": 0.5}, model)).endswith("with --model intfloat/multilingual-e5-small")


def test_a_build_and_the_status_warn_and_go_on(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    english = with_card(tiny_model, tmp_path, "---\nlanguage: en\n---\n")
    (tmp_path / "news").mkdir()
    for code in ("de", "en"):
        (tmp_path / "news" / f"{code}.txt").write_text(ARTICLES[code], encoding="utf-8")
    index = tmp_path / "index"
    warning = f"50% of the articles are German, which {english} does not read"

    built = run("rebuild-index", tmp_path / "news", "--index", index, "--model", english)
    again = run("rebuild-index", tmp_path / "news", "--index", index)
    status = run("status", "--index", index, "--no-json")

    assert (built.code, again.code, status.code) == (0, 0, 0)
    assert built.err.startswith(f"warning: {warning}")
    assert again.err.startswith(f"warning: {warning}")
    assert status.err.startswith(f"warning: {warning}")
    assert "languages   English 50%, German 50%" in status.out or "languages   German 50%, English 50%" in status.out
    (line,) = run("status", "--index", index).lines()
    assert line["languages"] == {"de": 0.5, "en": 0.5}
    assert [text.startswith(warning) for text in line["warnings"]] == [True]
    (line,) = built.lines()
    assert line["languages"] == {"de": 0.5, "en": 0.5}
    assert [text.startswith(warning) for text in line["warnings"]] == [True]


def test_a_model_that_reads_the_articles_is_not_warned_of(multilingual: Path, tmp_path: Path) -> None:
    reads = "".join(f"- {code}\n" for code in ARTICLES)
    model = with_card(multilingual, tmp_path, f"---\nlanguage:\n- multilingual\n{reads}---\n")

    report = build_index([Article(code, text) for code, text in ARTICLES.items()], tmp_path / "i", embedder=model)

    assert report.warnings == ()
    assert report.languages == dict.fromkeys(sorted(ARTICLES), 0.125)


def test_a_language_that_an_article_states_counts_if_it_is_one(words: WordEmbedder, tmp_path: Path) -> None:
    short = [
        Article("a", "Hafen zu", metadata={"language": "de-AT"}),
        Article("b", "Port ouvert", metadata={"language": "fr"}),
        Article("c", "Port ouvert", metadata={"language": "klingon"}),
        Article("d", "Port ouvert", metadata={"language": ["fr"]}),
    ]

    assert build_index(short, tmp_path / "i", embedder=words).languages == {"de": 0.25, "fr": 0.25}
