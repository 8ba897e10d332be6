"""Sentences by the rules of a text's language: abbreviations, initials and dates end none."""

from __future__ import annotations

import pytest

from semsearch import Article
from semsearch.passages import split_article
from semsearch.sentences import find_sentences
from tests.embedder import WordEmbedder

SENTENCES = {
    "en": [
        "Mr. Smith of the U.S. Treasury came at 5 p.m. on Friday.",
        "He named two articles, e.g. the fourth of the treaty.",
        "Who pays for it?",
        "“We do,” said Dr. Jones.",
    ],
    "de": [
        "Das gilt z. B. für die Truppe, d. h. für alle.",
        "Am 3. Mai kam Dr. Müller mit rd. 2.500 Mann nach Berlin.",
        "Wer zahlt das?",
        "Der 1. FC Köln usw. zahlen nicht!",
        "Er lebte im 19. Jh. auf dem Land.",
    ],
    "fr": [
        "M. Dupont est arrivé à Paris avec Mme. Curie.",
        "L’accord, cf. l’article 4, date du 3 mai 2022.",
        "Qui paie ?",
        "J. Martin et le Dr. Petit, dit-on, ont payé.",
    ],
    "es": [
        "El Sr. García llegó a EE. UU. ayer por la noche.",
        "¿Quién paga la misión de los soldados?",
        "La Sra. Pérez y J. Ruiz no lo saben.",
        "¡Nadie lo sabe!",
    ],
    "ru": [
        "Войска, т. е. миротворцы, прибыли утром.",
        "По данным на 7 января 2022 г. решение принято.",
        "А. С. Пушкин жил в г. Москве на ул. Арбат.",
        "Кто за это платит?",
    ],
    "ar": [
        "وصلت القوات أمس إلى العاصمة.",
        "من يدفع تكاليف البعثة؟",
        "قال د. أحمد إن المهمة قصيرة.",
    ],
    "zh": ["部队昨天抵达首都。", "谁来支付费用？", "发言人说，任务很短。", "太好了！"],
    "ja": ["部隊は昨日首都に到着した。", "誰が払うのか？", "大統領は短い任務だと述べた。"],
}
WITHOUT_SPACES = {"ja", "zh"}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_are_found_by_the_rules_of_their_language(language: str) -> None:
    text = ("" if language in WITHOUT_SPACES else " ").join(SENTENCES[language])

    assert [text[start:end] for start, end in find_sentences(text, language)] == SENTENCES[language]


@pytest.mark.parametrize("language", SENTENCES)
def test_the_language_of_a_text_is_found_out_where_nobody_says_it(language: str) -> None:
    text = ("" if language in WITHOUT_SPACES else " ").join(SENTENCES[language] * 3)

    assert find_sentences(text) == find_sentences(text, language)


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("stated", [True, False])
def test_a_long_paragraph_is_split_between_the_sentences_of_its_language(language: str, stated: bool) -> None:
    joint = "" if language in WITHOUT_SPACES else " "
    article = Article(
        "a", joint.join(SENTENCES[language] * 12), metadata={"language": f"{language}-XX"} if stated else {}
    )

    def count(texts: list[str]) -> list[int]:
        return [len(text) for text in texts] if language in WITHOUT_SPACES else WordEmbedder().count_tokens(texts)

    passages = split_article(article, count, limit=200, target=60)  # type: ignore[arg-type]

    assert len(passages) >= 3
    ends = {end for _, end in find_sentences(article.text, language)}
    assert {passage.end for passage in passages} <= ends


def test_a_stated_language_that_is_none_is_as_good_as_no_statement() -> None:
    text = " ".join(SENTENCES["de"] * 12)
    split = [
        split_article(Article("a", text, metadata=stated), WordEmbedder().count_tokens, limit=200, target=60)
        for stated in ({"language": ["de", "en"]}, {"language": "klingon"}, {"language": 7}, {})
    ]

    assert split[0] == split[1] == split[2] == split[3]
