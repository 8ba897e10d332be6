"""The language of a text, of a corpus, and what an index makes of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.languages import (
    FUNCTION_WORDS,
    NAMES,
    analysed_languages,
    detect_language,
    language_code,
    language_shares,
)
from tests.test_encodings_detected import TEXTS
from tests.test_multilingual import ARTICLES
from tests.test_sentences import SENTENCES

MORE = {
    "ca": "El secretari va explicar divendres que els soldats protegeixen els edificis amb la policia, i la vila.",
    "da": "Soldaterne beskytter vigtige bygninger, og de bliver i byen, til der er ro igen, sagde ministeren der.",
    "fa": "دبیرکل روز جمعه گفت که نیروهای پاسدار صلح از ساختمان‌های مهم شهر محافظت می‌کنند و چند روز می‌مانند.",
    "fi": "Pääsihteeri kertoi perjantaina, että joukot ovat jo kaupungissa ja että ne suojelevat tärkeitä rakennuksia.",
    "id": "Sekretaris jenderal mengatakan bahwa pasukan itu akan melindungi gedung yang penting di kota dan tidak.",
    "nl": "De secretaris zei dat de soldaten de gebouwen van de stad beschermen en dat zij er niet lang blijven.",
    "no": "Soldatene beskytter viktige bygninger, og de blir ikke lenge i byen, sa ministeren etter møtet på fredag.",
    "bg": "Генералният секретар обясни в петък правното основание за разполагането на миротворческите сили в града.",
    "sr": "Генерални секретар је у петак објаснио правни основ за ћутање и распоређивање мировних снага у граду.",
    "hi": "महासचिव ने शुक्रवार को शांति सेना की तैनाती का कानूनी आधार समझाया और कहा कि मिशन छोटा होगा।",
    "ur": "سیکرٹری جنرل نے جمعے کو امن فوج کی تعیناتی کی قانونی بنیاد بتائی اور کہا کہ یہ مشن مختصر ہے۔",
    "vi": "Tổng thư ký đã giải thích cơ sở pháp lý của việc này và nói rằng các binh sĩ bảo vệ những tòa nhà này.",
}


FEW_COMMON_WORDS = {"cs", "hu", "pl", "tr"}  # in the text that there is: too few for certainty


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *(
            (language.partition("-")[0], text)
            for language, text in {**TEXTS, **MORE}.items()
            if language not in FEW_COMMON_WORDS
        ),
        *ARTICLES.items(),
        *((language, " ".join(sentences)) for language, sentences in SENTENCES.items()),
    ],
)
def test_the_language_of_a_text_is_known(language: str, text: str) -> None:
    assert detect_language(text) == language
    assert detect_language(text.upper()) == language
    assert detect_language(text * 100) == language


@pytest.mark.parametrize(
    "text", ["", " ", "42", "Tesla", "Los Angeles Los Angeles Los Angeles Lakers", "да", "税", "🚀" * 50, "x" * 500]
)
def test_what_is_not_certain_is_of_no_language(text: str) -> None:
    assert detect_language(text) is None


@given(st.text())
def test_any_text_is_of_a_known_language_or_of_none(text: str) -> None:
    assert detect_language(text) in {None, *NAMES}


@pytest.mark.parametrize(
    ("name", "language"), [("xquad-de", "de"), ("xquad-en", "en"), ("time", "en"), ("scifact", "en")]
)
def test_few_texts_of_the_collections_have_no_language_and_none_another(shared: Path, name: str, language: str) -> None:
    lines = (shared / "datasets" / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:400]
    texts = [json.loads(line)["text"] for line in lines]
    found = Counter(map(detect_language, texts))

    assert found[language] >= 0.98 * len(texts)
    assert set(found) <= {language, None}


def test_few_parts_of_texts_are_taken_for_another_language(shared: Path) -> None:
    chance = random.Random(1)
    wrong = right = 0
    for name, language in (("xquad-de", "de"), ("xquad-en", "en")):
        lines = (shared / "datasets" / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        for _ in range(1000):
            text = chance.choice(texts)
            start = chance.randrange(max(1, len(text) - 250))
            found = detect_language(text[start : start + 250])
            right += found == language
            wrong += found not in {language, None}
    assert wrong <= 2
    assert right >= 1880


def test_common_words_are_words_in_lower_case() -> None:
    for language, words in FUNCTION_WORDS.items():
        assert len(set(words)) == len(words) >= 20, language
        assert [word for word in words if not word.isalpha() or word != word.lower()] == []


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("de", "de"),
        ("DE-at", "de"),
        (" pt_BR ", "pt"),
        ("nb", "no"),
        ("zh-Hant-TW", "zh"),
        ("German", None),
        ("deu", None),
        ("xx", None),
        ("", None),
        (None, None),
        (7, None),
        (["de"], None),
        ("de" * 1000, None),
    ],
)
def test_a_stated_language_is_a_code_that_is_known(stated: object, code: str | None) -> None:
    assert language_code(stated) == code


def test_shares_are_of_all_texts_and_a_statement_goes_before_what_is_seen() -> None:
    texts = [(None, TEXTS["de"]), ("fr", TEXTS["de"]), ("German", TEXTS["de"]), (None, "42")]

    assert language_shares(texts) == {"de": 0.5, "fr": 0.25}
    assert list(language_shares([(None, TEXTS["en"]), *texts])) == ["de", "en", "fr"]
    assert language_shares([]) == {}


def test_an_index_knows_the_forms_of_words_of_the_languages_of_a_tenth_of_its_articles() -> None:
    assert analysed_languages({}) == ("en",)
    assert analysed_languages({"de": 0.5, "fr": 0.05}) == ("de",)
    assert analysed_languages({"de": 0.5, "fr": 0.06}) == ("de", "fr")  # of those whose language is known
    assert analysed_languages({"de": 0.02}) == ("de", "en")  # the others may be English
    assert analysed_languages({"en": 0.9, "de": 0.1}) == ("de", "en")
    assert analysed_languages({"en": 0.91, "de": 0.09}) == ("en",)
    assert analysed_languages({"ja": 0.5, "zh": 0.5}) == ("ja", "zh")
