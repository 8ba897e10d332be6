"""Copies of a story are near enough by the default model's vectors for their texts to be compared."""

from __future__ import annotations

import numpy as np

import semsearch
from tests.test_selection import BUDGET, COPIES, FERRY, STORM, UPDATES, Archive, folded, rows_of


def test_with_the_default_model_copies_under_other_headlines_are_found() -> None:
    headlines = [
        "At least 12 dead as ferry sinks off Morana",
        "Ferry disaster: overloaded ship goes down in storm",
        "World news in brief",
        "",
    ]
    # A headline says more of a single sentence's vector than the sentence does.
    copies = [copy for name, copy in COPIES.items() if name != "one sentence"] + [FERRY] * len(headlines)
    texts = [*copies, BUDGET, UPDATES["more dead"], STORM]
    contexts = [f"{headline}\n" if headline else "" for headline in headlines]
    before = [contexts[row % len(contexts)] for row in range(len(texts))]
    embedder = semsearch.load_embedder()
    vectors = embedder.embed_passages([title + text for title, text in zip(before, texts, strict=True)])
    chosen = Archive(texts, vectors.astype(np.float32)).select(10)
    assert rows_of(chosen) == [0, len(copies), len(copies) + 1, len(copies) + 2]
    assert folded(chosen) == {0: list(range(1, len(copies)))}
