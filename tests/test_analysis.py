"""Texts to terms, language by language: which words meet, and which do not."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from semsearch.analysis import Analyzer
from semsearch.languages import NAMES
from semsearch.lexical import LexicalIndex

EIGHT = ("ar", "de", "en", "es", "fr", "ja", "ru", "zh")

MEETING = [
    ("en", "peacekeepers landing", "Peacekeeper landed"),
    ("de", "Häuser", "Haus"),
    ("de", "Straße", "STRASSE"),
    ("de", "Größe", "Groesse"),
    ("de", "München", "Muenchen"),
    ("de", "Regierungen", "Regie\u00adrung"),
    ("fr", "L’article", "articles"),
    ("fr", "qu'il déploie", "déploiement"),
    ("fr", "présidents", "president"),
    ("es", "canciones", "canción"),
    ("es", "naciones", "nacion"),
    ("it", "dell’articolo", "articoli"),
    ("ru", "войсками", "Войска"),
    ("ru", "ёлка", "елка"),
    ("ru", "зелёный", "зелёный".replace("ё", "е\u0308")),
    ("ru", "за\u0301мок", "замок"),
    ("ar", "المعاهدة", "معاهدات"),
    ("ar", "والكتاب", "كتاب"),
    ("ar", "أحمد", "احمد"),
    ("ar", "مُعَاهَدَة", "معاهدة"),
    ("ar", "كتـــاب", "كتاب"),
    ("ar", "١٢٣", "123"),
    ("el", "συνθήκης", "ΣΥΝΘΗΚΗ"),
    ("tr", "İstanbul", "istanbul"),
    ("ja", "ﾃﾞｰﾀ", "データ"),
    ("ja", "ＮＡＴＯ", "NATO"),
    ("zh", "税", "税收增加"),
    ("en", "café", "cafe\u0301"),
]
"""Of each pair every term of the first is one of the second."""


@pytest.mark.parametrize("languages", ["its own", "all"])
@pytest.mark.parametrize(("language", "one", "other"), MEETING)
def test_forms_of_a_word_meet(languages: str, language: str, one: str, other: str) -> None:
    if languages == "all" and language not in EIGHT:
        pytest.skip(f"{NAMES[language]} is none of the eight")
    analyzer = Analyzer([language] if languages == "its own" else EIGHT)
    if languages == "all" and ("’" in one or "'" in one):
        pytest.skip("the particles of one language are words of the others")

    assert analyzer.terms(one) != []
    assert set(analyzer.terms(one)) <= set(analyzer.terms(other))


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "Haus", "Hase"),
        ("fr", "ville", "village"),
        ("ru", "война", "воин"),
        ("ar", "كتاب", "مكتب"),
        ("zh", "中国", "国中"),
    ],
)
def test_other_words_do_not_meet(language: str, one: str, other: str) -> None:
    analyzer = Analyzer([language])

    assert not set(analyzer.terms(one)[:1]) & set(analyzer.terms(other)[:1])


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the of and"),
        ("de", "der die das und für über"),
        ("fr", "le la les des l’ d’ où à"),
        ("es", "el la los las de del y"),
        ("ru", "и в не на что"),
        ("ar", "في من على إلى الذي"),
        ("ro", "și în care"),
        ("tr", "ve bir için"),
    ],
)
def test_stop_words_are_no_terms(language: str, words: str) -> None:
    terms = Analyzer([language]).terms(words)

    assert len(terms) <= 1  # the engine's list lacks "où"


def test_a_word_that_is_a_stop_word_in_another_language_stays_a_word() -> None:
    both = Analyzer(["de", "en"])

    assert both.terms("war") == ["war"]  # which German passes over
    assert both.terms("die") == both.terms("dies") != []
    assert Analyzer(["de"]).terms("war") == []
    assert both.languages == ("de", "en")


def test_two_languages_give_a_word_one_term() -> None:
    both = Analyzer(["de", "en"])

    for words in ("houses", "Häuser", "running", "deployments", "Regierungen"):
        assert len(both.terms(words)) == 1


def test_signs_are_taken_in_pairs_and_han_signs_alone_too() -> None:
    analyzer = Analyzer(["ja"])

    assert analyzer.terms("憲法とは") == ["憲法", "法と", "とは", "憲", "法"]
    assert analyzer.terms("iPhoneの発売") == ["iphon", "の発", "発売", "発", "売"]
    assert analyzer.terms("カ") == ["カ"]
    assert analyzer.words("憲法とは、NATOの") == ["憲", "法", "と", "は", "nato", "の"]


def test_words_of_indian_scripts_are_whole() -> None:
    assert Analyzer(["hi"]).terms("हिन्दी में लिखा") == ["हिन्दी", "में", "लिखा"]


def test_words_as_they_stand_keep_their_forms_but_for_accents_and_ways_to_write_a_letter() -> None:
    analyzer = Analyzer(EIGHT)

    assert analyzer.words("Die Häuser der Straße") == ["die", "hauser", "der", "strasse"]
    assert analyzer.words("Ёлки зелёные") == ["елки", "зеленые"]
    assert analyzer.words("إلى الأمام") == ["الي", "الامام"]
    assert analyzer.words("Οι Έλληνες") == ["οι", "ελληνεσ"]


@pytest.mark.parametrize("languages", [(), ("xx",), ("de", "German"), ("",)])
def test_languages_that_are_not_known_are_refused(languages: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="there is no analysis for the languages"):
        Analyzer(languages)


@given(st.text(), st.sampled_from([("en",), ("de", "en"), EIGHT, ("th", "vi", "hi", "el", "tr", "fa")]))
def test_any_text_has_terms_without_spaces_that_stay_what_they_are(text: str, languages: tuple[str, ...]) -> None:
    analyzer = Analyzer(languages)
    for terms in (analyzer.terms(text), analyzer.words(text)):
        assert [term for term in terms if not term or term.split() != [term]] == []
    assert analyzer.terms(text) == Analyzer(tuple(reversed(languages))).terms(text)
    assert analyzer.terms(unicodedata.normalize("NFD", text)) == analyzer.terms(unicodedata.normalize("NFC", text))


# --- English, as it was before there were others ----------------------------------------------------------------


def english() -> tantivy.TextAnalyzer:
    """The engine's own chain, which indexed whole texts before there was an analysis of several languages."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@pytest.mark.parametrize(
    ("name", "others"), [("time", 0), ("cranfield", 0), ("scifact", 0), ("adi", 0), ("xquad-en", 5)]
)
def test_english_texts_have_the_terms_that_they_always_had(shared: Path, name: str, others: int) -> None:
    before, analyzer = english(), Analyzer()
    different = 0
    for file in ("corpus.jsonl", "queries.jsonl"):
        for line in (shared / "datasets" / name / file).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            text = f"{record.get('title') or ''}\n{record['text']}"
            different += analyzer.terms(text) != list(before.analyze(text))
    assert different == others  # texts with Greek and Chinese words in them


# --- in an index ------------------------------------------------------------------------------------------------


def test_an_index_asks_as_it_was_built(tmp_path: Path) -> None:
    texts = ["Die Häuser der Stadt", "Ein Haus am See", "Das Dorf"]
    LexicalIndex.build(tmp_path / "de", texts, languages=("de",))
    LexicalIndex.build(tmp_path / "en", texts)

    assert LexicalIndex.open(tmp_path / "de").search("haus", 5)[0].tolist() == [0, 1]
    assert LexicalIndex.open(tmp_path / "en").search("haus", 5)[0].tolist() == [1]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'["xx"]', b"[1]", b'"de"', b"[" * 100_000, None])
def test_an_index_of_no_language_is_refused(tmp_path: Path, content: bytes | None) -> None:
    LexicalIndex.build(tmp_path / "words", ["one"])
    path = tmp_path / "words" / "languages.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=r"languages|Expecting value"):
        LexicalIndex.open(tmp_path / "words")


def test_an_index_is_not_updated_for_other_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.lexical._FEWEST", 1)
    texts = [f"Haus Nummer {number}" for number in range(20)]
    LexicalIndex.build(tmp_path / "before", texts, languages=("de",))

    def update(folder: str, languages: tuple[str, ...]) -> bool:
        return LexicalIndex.update(
            tmp_path / folder,
            tmp_path / "before",
            np.append(np.arange(20), -1),
            texts=lambda rows: ["Häuser am See"] * len(rows),
            removed=[],
            link=lambda source, target: target.hardlink_to(source),
            languages=languages,
        )

    assert not update("english", ("en",))
    assert not (tmp_path / "english").exists()
    assert update("german", ("de",))
    assert LexicalIndex.open(tmp_path / "german").search("häuser", 30)[0].tolist()[:1] == [20]
