"""What passages are embedded in: chosen, remembered, and kept by rebuilds."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsearch import Article, build_index, load_embedder
from semsearch.storage import read_manifest

ARTICLES = [Article(f"{number}", f"A treaty of {number} articles was signed by its members.") for number in range(5)]
MORE = [*ARTICLES, Article("new", "The mission left the islands in the spring of that year.")]


def precision_of(index: Path) -> str | None:
    return read_manifest(index)[1].precision


def test_a_build_takes_the_fastest_precision_that_gives_the_same_vectors_and_says_so(
    tiny_model: Path, tmp_path: Path
) -> None:
    embedder = load_embedder(tiny_model)
    build_index(ARTICLES, tmp_path, embedder=tiny_model)
    assert precision_of(tmp_path) == embedder.precision  # type: ignore[attr-defined]
    assert precision_of(tmp_path) in {"float32", "bfloat16"}


def test_another_precision_embeds_everything_again(tiny_model: Path, tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=tiny_model, precision="float32")
    again = build_index(ARTICLES, tmp_path, embedder=tiny_model, precision="int8")
    assert (again.embedded, precision_of(tmp_path)) == (len(ARTICLES), "int8")


def test_a_rebuild_without_a_precision_keeps_that_of_the_index(tiny_model: Path, tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=tiny_model, precision="int8")
    assert build_index(ARTICLES, tmp_path).unchanged
    assert build_index(MORE, tmp_path).embedded == 1
    assert precision_of(tmp_path) == "int8"


def test_the_precision_of_an_embedder_that_is_given_is_its_own(tiny_model: Path, tmp_path: Path) -> None:
    build_index(ARTICLES, tmp_path, embedder=load_embedder(tiny_model, precision="int8"))
    assert precision_of(tmp_path) == "int8"
    with pytest.raises(ValueError, match="an embedder that is given has its precision"):
        build_index(ARTICLES, tmp_path, embedder=load_embedder(tiny_model), precision="float32")
    again = build_index(ARTICLES, tmp_path, embedder=load_embedder(tiny_model, precision="float32"))
    assert (again.embedded, precision_of(tmp_path)) == (len(ARTICLES), "float32")


def test_an_unknown_precision_is_refused_with_those_that_there_are(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of float32, bfloat16, int8, not 'float16'"):
        build_index(ARTICLES, tmp_path, embedder=tiny_model, precision="float16")
