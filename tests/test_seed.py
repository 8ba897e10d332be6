"""The first real input: a news page as a reader saved it. It is no part of this repository."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import semsearch
from semsearch import Article, Passage, ReadingLog, read_articles
from semsearch.passages import CountTokens, find_paragraphs, split_article
from tests.embedder import WordEmbedder


def count_words(texts: Sequence[str]) -> list[int]:
    return WordEmbedder().count_tokens(texts)


def count_default(texts: Sequence[str]) -> list[int]:
    return semsearch.load_embedder().count_tokens(texts)


@pytest.fixture
def page(shared: Path) -> Path:
    (path,) = (shared / "seed").glob("*.txt")
    return path


@pytest.fixture
def article(page: Path) -> Article:
    log = ReadingLog()
    (article,) = read_articles(page, log=log)
    assert (log.problems, log.notes) == ([], [])
    return article


@pytest.fixture(params=[count_words, count_default])
def passages(article: Article, request: pytest.FixtureRequest) -> list[Passage]:
    count: CountTokens = request.param
    return split_article(article, count, limit=190)


def test_the_headline_date_and_source_are_the_pages(article: Article, page: Path) -> None:
    assert article.title == "CSTO Secretary-General expects Kazakhstan peacekeeping mission to last briefly"
    assert article.published == dt.date(2022, 1, 7)
    assert article.source == "ARMENPRESS"
    assert (article.id, article.url, article.metadata) == (page.name, None, {})


def test_the_text_is_the_page_from_its_dateline_on(article: Article, page: Path) -> None:
    saved = page.read_text(encoding="utf-8")

    assert article.text == saved[saved.index("YEREVAN, JANUARY 7, ARMENPRESS.") :].rstrip()


def test_the_page_has_15_paragraphs_and_no_heading(article: Article) -> None:
    paragraphs = find_paragraphs(article.text)

    assert [article.text[p.start : p.end] for p in paragraphs] == article.text.split("\n\n")
    assert [p.is_heading for p in paragraphs] == [False] * 15


def test_every_paragraph_is_a_passage_or_several(article: Article, passages: list[Passage]) -> None:
    paragraphs = article.text.split("\n\n")
    parts: dict[int, list[str]] = {}
    for passage in passages:
        parts.setdefault(passage.paragraph, []).append(passage.text)

    assert {number: " ".join(texts) for number, texts in parts.items()} == dict(enumerate(paragraphs, start=1))


def test_every_passage_is_the_text_between_its_offsets(article: Article, passages: list[Passage]) -> None:
    assert [article.text[passage.start : passage.end] for passage in passages] == [p.text for p in passages]


def test_no_passage_is_a_button_the_time_stamp_or_the_headline(article: Article, passages: list[Passage]) -> None:
    furniture = ("Save", "Share", "11:19", "7 January, 2022", article.title)

    assert [(words, p.text) for words in furniture for p in passages if words in p.text] == []


def test_the_passages_of_the_default_model_are_within_what_it_reads(article: Article) -> None:
    limit = semsearch.load_embedder().spec.max_tokens

    passages = split_article(article, count_default, limit=limit)

    # 180 is half as much again as the length that retrieves best: a paragraph up to there stays whole.
    assert max(count_default([passage.text for passage in passages])) <= 180 < limit


def test_every_judged_beginning_is_the_beginning_of_one_passage(shared: Path, passages: list[Passage]) -> None:
    lines = (shared / "seed" / "judgements.jsonl").read_text(encoding="utf-8").splitlines()
    judgements = [json.loads(line) for line in lines]
    judged = {beginning for judgement in judgements for beginning in [*judgement["relevant"], judgement["best"]]}

    assert {beginning: sum(p.text.startswith(beginning) for p in passages) for beginning in judged} == dict.fromkeys(
        judged, 1
    )
    assert len(judged) == 6
