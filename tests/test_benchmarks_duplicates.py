"""The copies that the folding of near duplicates is measured with, and what is counted of them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks.copies import BOTH_WAYS, GOES_ON, REPEATS, UPDATES, Source
from benchmarks.duplicates import ALIKE, TEMPLATES, Pair, is_folded, judge, make_pairs, read_sources, template_pairs
from semsearch import Article, build_index
from semsearch.selection import repeated_share
from tests.embedder import WordEmbedder

TEXT = (
    "The labour ministry in Oslo said on Monday that 1,250 people had found work. “It’s a start,” the minister said. "
    "About seven towns still have no programme of their own. Talks with the unions go on until 14 May."
)
AFTER = "The opposition called it too little. It wants the scheme to cover all of the north by the end of the decade."
SOURCE = Source(0, "economy", "Norway finds work", TEXT, AFTER, "A harbour was closed. Its ships lie elsewhere now.")


def made(kind: str, source: Source = SOURCE, *, seed: int = 1) -> str:
    copy = {**REPEATS, **UPDATES, **GOES_ON}[kind](random.Random(seed), source)
    assert copy is not None
    return copy


@pytest.mark.parametrize("kind", REPEATS)
def test_a_copy_says_nothing_else(kind: str) -> None:
    for seed in (0, 1, 2, 3, 5):  # by chance 4 edits no word
        copy = made(kind, seed=seed)
        assert (copy == TEXT) == (kind == "another headline")
        assert repeated_share(copy, TEXT) > (0.5 if "added" in kind or "edited" in kind or "several" in kind else 0.8)


@pytest.mark.parametrize("kind", UPDATES)
def test_an_update_has_another_number(kind: str) -> None:
    for seed in range(5):
        assert repeated_share(made(kind, seed=seed), TEXT) == 0


@pytest.mark.parametrize("kind", GOES_ON)
def test_what_goes_on_has_as_much_of_the_next_passage(kind: str) -> None:
    text = made(kind)
    assert text.endswith(AFTER)
    assert "Talks with the unions" in text
    assert ("1,250" in text) == kind.startswith("all")


def test_each_kind_does_what_it_is_called() -> None:
    assert made("American spelling") == TEXT.replace("labour", "labor").replace("programme", "program")
    assert made("typography") == TEXT.replace("“", '"').replace("”", '"').replace("’", "'")
    assert made("numbers without commas") == TEXT.replace("1,250", "1250")
    assert made("dateline").endswith(f" {TEXT}")
    assert made("byline and dateline").startswith("By ")
    assert TEXT.startswith(made("one half of it")) or TEXT.endswith(made("one half of it"))
    assert len(made("a sentence cut")) < len(TEXT) < len(made("a sentence added"))


@pytest.mark.parametrize("kind", [*REPEATS, *UPDATES, *GOES_ON])
def test_where_there_is_nothing_to_do_there_is_no_copy(kind: str) -> None:
    copy = {**REPEATS, **UPDATES, **GOES_ON}[kind](random.Random(1), Source(0, "", "", "Nothing"))
    always = {"another headline", "dateline", "byline and dateline", "several of these"}
    edited = {"3 % of the words edited", "8 % of the words edited"}
    assert (copy is not None) == (kind in always) or (kind in edited)


def test_the_sources_are_the_passages_with_what_stands_around_them(tmp_path: Path) -> None:
    texts = [
        f"Paragraph {number} of this article has a few words of its own, and then it stops." for number in range(3)
    ]
    articles = [Article("a/one", "\n\n".join(texts), title="One"), Article("b/two", texts[0], title="Two")]
    build_index(articles, tmp_path, embedder=WordEmbedder())
    sources, vectors = read_sources(tmp_path)
    assert vectors.shape == (4, 64)
    assert sources == [
        Source(0, "a", "One", texts[0], texts[1], texts[2]),
        Source(0, "a", "One", texts[1], texts[2], ""),
        Source(0, "a", "One", texts[2], "", texts[0]),
        Source(1, "b", "Two", texts[0], "", ""),
    ]


def test_the_pairs_are_the_same_each_time_and_only_of_different_articles() -> None:
    words = WordEmbedder()
    sources = [SOURCE, SOURCE._replace(text=f"{TEXT} And more."), SOURCE._replace(article=1, text=f"{TEXT} Or less.")]
    vectors = words.embed_passages([source.text for source in sources])
    first, again = (list(make_pairs(sources, vectors, 2, words)) for _ in range(2))
    assert [pair[:3] for pair in first] == [pair[:3] for pair in again]
    kinds = [pair.kind for pair in first]
    assert {*REPEATS, *UPDATES, *GOES_ON} <= set(kinds)
    assert sum(kind.endswith(": the original") for kind in kinds) == sum(kind in BOTH_WAYS for kind in kinds)
    alike = {(pair.leader, pair.text) for pair in first if pair.kind == ALIKE}
    one, more, other = (source.text for source in sources)
    assert alike == {(one, other), (more, other), (other, one), (other, more)}


def test_a_template_is_filled_in_two_ways_and_each_stands_first_once() -> None:
    pairs = template_pairs(WordEmbedder())
    assert {pair.kind for pair in pairs} == {TEMPLATES}
    assert [pair.leader for pair in pairs[::2]] == [pair.text for pair in pairs[1::2]]
    assert all(pair.leader != pair.text for pair in pairs)
    assert not any(set("{|}") & set(pair.text) for pair in pairs)


@pytest.mark.parametrize(("cosine", "folded"), [(0.41, True), (0.39, False)])
def test_a_copy_is_folded_if_it_is_near_enough_to_be_read(cosine: float, folded: bool) -> None:
    vectors = np.array([[1, 0], [cosine, (1 - cosine**2) ** 0.5]], dtype=np.float32)
    assert is_folded(Pair("another headline", TEXT, TEXT, vectors)) is folded


def test_what_is_folded_is_counted_by_kind_and_threshold() -> None:
    near, far = np.array([[1, 0], [1, 0]], dtype=np.float32), np.array([[1, 0], [0, 1]], dtype=np.float32)
    pairs = [
        Pair("another headline", TEXT, TEXT, near),
        Pair("another headline", TEXT, TEXT, far),
        Pair("one half of it: the original", TEXT, AFTER, near),
        Pair("another number", TEXT, TEXT.replace("14", "15"), near),
        Pair(TEMPLATES, TEXT, TEXT, near),
        Pair("all of it and what follows", TEXT, f"{TEXT} {AFTER}", near),
    ]
    found = judge(pairs)
    assert found["pairs"] == {"repeats": 3, "updates": 2, "goes on": 1}
    assert found["kinds"]["another headline"] == {"group": "repeats", "pairs": 2, "folded": 1}
    assert found["kinds"]["another number"] == {"group": "updates", "pairs": 1, "folded": 0}
    assert list(found["kinds"]) == [
        *("another headline", "one half of it: the original", "another number", TEMPLATES, "all of it and what follows")
    ]
    share = repeated_share(f"{TEXT} {AFTER}", TEXT)
    assert 0.5 < share < 0.8
    for row in found["thresholds"]:
        assert row["recall"] == pytest.approx(1 / 3)
        assert row["recall_by_words"] == pytest.approx(2 / 3)
        assert row["precision"] == 1 / 2
        assert row["folded"] == {"repeats": 1, "updates": 1, "goes on": int(share >= row["threshold"])}
