"""Words that a tokenizer would read as one unknown token."""

from __future__ import annotations

import random
import string
from pathlib import Path

import semsearch
from semsearch.passages import readable


def test_words_of_up_to_a_hundred_characters_are_left_as_they_are() -> None:
    assert readable("a " + "b" * 100 + "\n\nc") == "a " + "b" * 100 + "\n\nc"


def test_a_longer_word_is_parted_at_each_hundredth_character() -> None:
    assert readable("a" * 201) == "a" * 100 + " " + "a" * 100 + " a"


def test_two_long_words_are_told_apart_by_the_default_model(tmp_path: Path) -> None:
    generator = random.Random(5)
    one, other = ("".join(generator.choices(string.ascii_lowercase, k=2000)) for _ in range(2))
    articles = [semsearch.Article("one", one), semsearch.Article("other", other)]
    report = semsearch.build_index(articles, tmp_path)
    assert report.truncated_tokens == 0
    assert report.tokens > 1000  # some for each hundred letters, not one for a word
    with semsearch.open_index(tmp_path) as searcher:
        for article in articles:
            hit = searcher.search(article.text[300:380], k=1, mode="dense")[0]
            assert hit.article.id == article.id
            assert hit.score < 0.99
