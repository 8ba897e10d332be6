"""Whatever is done to an index, it answers as a list of articles and numpy do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from numpy.typing import NDArray

from semsearch import Article, Searcher
from semsearch.building import _build
from semsearch.building._articles import ArticlesWriter, update_articles
from semsearch.dense import DenseIndex
from semsearch.lexical import LexicalIndex
from semsearch.searching._generation import GenerationSource
from semsearch.searching._retrieval import Ranked, Retrieval
from semsearch.storage import GenerationWriter
from tests.test_lexical_update import Text, assert_same, built, text, update
from tests.torture.figures import LONG, note, scaled
from tests.torture.machine import DONE, IndexMachine
from tests.torture.model import tiny_thresholds


def run_machine(examples: int, steps: int, *, derandomize: bool) -> None:
    run_state_machine_as_test(
        IndexMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=derandomize,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # to shrink what is found can take longer than all of it
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_sequence_of_operations_agrees_with_the_model() -> None:
    DONE.clear()
    with tiny_thresholds():
        run_machine(scaled(5, 500), scaled(25, 50), derandomize=not LONG)
    assert DONE["answers"] > scaled(30, 5000)
    note(
        "any sequence of operations, against a model",
        sequences=DONE["examples"],
        steps=DONE["steps"],
        builds_that_crashed=DONE["crashes"],
        answers_compared=DONE["answers"],
        of_them_by_earlier_generations=DONE["by earlier generations"],
        disagreements=0,
    )


def test_words_that_are_updated_over_and_over_are_those_of_an_index_built_anew(tmp_path: Path) -> None:
    """With the package's own thresholds, which its answers depend on."""
    random = Random(11)
    texts = [text(random) for _ in range(1100)]
    built(tmp_path / "0", texts)
    updates = scaled(6, 300)
    for number in range(1, updates + 1):
        new = changed(texts, random)
        before, folder = tmp_path / f"{number - 1}", tmp_path / f"{number}"
        if not update(folder, before, texts, new):
            built(folder, new)
        texts = new
        if number % 5 == 1 or number == updates:
            assert_same(LexicalIndex.open(folder), built(tmp_path / f"{number} afresh", texts), random)
    note("words that are updated over and over", updates=updates, disagreements=0)


def changed(texts: Sequence[Text], random: Random) -> list[Text]:
    """Some texts less, some more, in another order now and then; of one kind or of several."""
    share = random.choice([0.0, 0.001, 0.02, 0.1]) if len(texts) > 1050 else 0.0
    new = [one for one in texts if random.random() >= share]
    for _ in range(random.choice([0, 1, 20, 120]) if len(new) < 1300 else 0):
        new.insert(random.choice([len(new), random.randrange(len(new))]), text(random, random.choice([3, 40, 200])))
    if random.random() < 0.2:
        at = random.randrange(len(new))
        new = [*new[at:], *new[:at]]
    return new


# --- what the machine must find ---------------------------------------------------------------------------------------


def forget_removals(patch: pytest.MonkeyPatch) -> None:
    def broken(articles: Any, before: Any, add: object, remove: Sequence[str], log: Any, **others: Any) -> None:
        kept = [each for each in remove if each not in before.known.ids]
        update_articles(articles, before, add, kept, log, **others)

    patch.setattr(_build, "update_articles", broken)


def forget_changes(patch: pytest.MonkeyPatch) -> None:
    def broken(self: ArticlesWriter, article: Article) -> bool:
        return article.id in self._rows

    patch.setattr(ArticlesWriter, "is_as_before", broken)


def forget_what_was_removed_of_the_words(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("semsearch.lexical._read_removed", lambda _, __: np.empty((0, 2), dtype="<u8"))


def lose_texts_where_words_are_gathered(patch: pytest.MonkeyPatch) -> None:
    original = LexicalIndex.update.__func__  # type: ignore[attr-defined]

    def broken(cls: type[LexicalIndex], /, *folders: Any, texts: Callable[..., Iterable[Text]], **others: Any) -> bool:
        def first(rows: NDArray[np.int64]) -> Iterator[Text]:
            """The texts, and of those that updates added before another one's in their place."""
            new = set(np.flatnonzero(folders[2] < 0).tolist())
            yield from (one if row in new else ("", "") for row, one in zip(rows.tolist(), texts(rows), strict=True))

        return bool(original(cls, *folders, texts=first, **others))

    patch.setattr(LexicalIndex, "update", classmethod(broken))


def find_a_neighbour(patch: pytest.MonkeyPatch) -> None:
    original = DenseIndex.search

    def broken(self: DenseIndex, *asked: Any, **options: Any) -> Any:
        found = original(self, *asked, **options)
        for rows, _ in found:
            others = np.setdiff1d(np.arange(len(self)), rows)
            rows[-1:] = others[:1] if len(others) else rows[-1:]
        return found

    patch.setattr(DenseIndex, "search", broken)


def take_vectors_from_another_row(patch: pytest.MonkeyPatch) -> None:
    original = GenerationWriter.write_rows

    def broken(self: GenerationWriter, rows_before: NDArray[np.int64], *others: Any) -> Any:
        old = np.flatnonzero(rows_before >= 0)
        rows_before[old[-2:]] = rows_before[old[-2:]][::-1]
        return original(self, rows_before, *others)

    patch.setattr(GenerationWriter, "write_rows", broken)


def filter_after_the_search(patch: pytest.MonkeyPatch) -> None:
    original = Retrieval.rank

    def broken(self: Retrieval, question: Any, mode: str, depth: int, allowed: Any, recall: float = 1) -> Ranked:
        ranked = original(self, question, mode, depth, None, recall)
        if allowed is None:
            return ranked
        kept = allowed[ranked.rows]
        parts = {name: part[kept] for name, part in ranked.parts.items()}
        return Ranked(ranked.rows[kept], ranked.scores[kept], parts, complete=True)

    patch.setattr(Retrieval, "rank", broken)


def find_phrases_anywhere(patch: pytest.MonkeyPatch) -> None:
    original = GenerationSource.allowed
    patch.setattr(GenerationSource, "allowed", lambda self, wanted, _, **others: original(self, wanted, (), **others))


def commit_a_build_that_failed(patch: pytest.MonkeyPatch) -> None:
    """What was read before the failure is taken for all there is."""
    original = ArticlesWriter.add_all

    def broken(self: ArticlesWriter, portions: Any) -> None:
        try:
            original(self, portions)
        except Exception:
            if not self.count:
                raise

    patch.setattr(ArticlesWriter, "add_all", broken)


def answer_from_the_live_generation(patch: pytest.MonkeyPatch) -> None:
    """A searcher that looks for the articles of its generation in the one that is live."""
    newest: dict[str, Any] = {}
    original = Searcher.__init__

    def broken(self: Searcher, source: Any, *others: Any) -> None:
        original(self, source, *others)
        newest[str(source._generation.folder.parent)] = source._generation.archive

    def contains(self: Searcher, article: str) -> bool:
        return newest[str(cast(Any, self._source)._generation.folder.parent)].article_row(article) is not None

    patch.setattr(Searcher, "__init__", broken)
    patch.setattr(Searcher, "__contains__", contains)


@pytest.mark.parametrize(
    "break_it",
    [
        forget_removals,
        forget_changes,
        forget_what_was_removed_of_the_words,
        lose_texts_where_words_are_gathered,
        find_a_neighbour,
        take_vectors_from_another_row,
        filter_after_the_search,
        find_phrases_anywhere,
        commit_a_build_that_failed,
        answer_from_the_live_generation,
    ],
    ids=lambda break_it: break_it.__name__.replace("_", " "),
)
def test_the_machine_finds_what_is_broken(break_it: Callable[[pytest.MonkeyPatch], None]) -> None:
    DONE.clear()
    with tiny_thresholds() as patch:
        break_it(patch)
        with pytest.raises(AssertionError):
            run_machine(40, 25, derandomize=True)
    note("breaks that the model is to notice", breaks=1, noticed=1, steps_until_then=DONE["steps"])
