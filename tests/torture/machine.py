"""Everything that can be done to an index, in any order, with the model beside it."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray

from semsearch import (
    Article,
    BuildReport,
    CorpusError,
    Progress,
    Searcher,
    build_index,
    open_index,
    parse_filter,
    update_index,
    verify_index,
)
from tests.torture.model import (
    FILTERS,
    OFF,
    QUERIES,
    WORDS_OFF,
    Snapshot,
    Words,
    fast_folder,
    random_article,
    require,
    require_ranking,
    rows_of,
)

__all__ = ["DONE", "IndexMachine"]

DONE: Counter[str] = Counter()
"""How much was done by all machines: examples, steps, and answers that were compared."""

_IDS = [f"a{number}" for number in range(16)]
_FILES = [f"f{number}.jsonl" for number in range(5)]
_SEEDS = st.integers(0, 1 << 16)
_SOME_ARTICLES = st.dictionaries(st.sampled_from(_IDS), _SEEDS, max_size=5)
_MOST_OPEN = 3
_HYBRID_OFF = WORDS_OFF / 4  # words are a sixth of it


class Question(NamedTuple):
    """What is asked; recall is of dense searches."""

    words: str
    mode: str
    k: int
    where: str | None
    phrase: str | None
    recall: float

    @property
    def text(self) -> str:
        return self.words if self.phrase is None else f'{self.words} "{self.phrase}"'

    @property
    def plain(self) -> str:
        """The text without the marks."""
        return self.text.replace('"', "")

    def allowed(self, then: Snapshot) -> NDArray[np.bool_]:
        wanted = None if self.where is None else parse_filter(self.where)
        return then.allowed(wanted, [] if self.phrase is None else [self.phrase])

    def names_what_is_nowhere(self, then: Snapshot) -> bool:
        """Whether the filter names a field that no article has."""
        there = {name for article in then.articles for name in article.metadata}
        return any(name in (self.where or "") and name not in there for name in ("section", "rating"))


_QUESTIONS = st.builds(
    Question,
    words=st.sampled_from(QUERIES),
    mode=st.sampled_from(["dense", "lexical"]),
    k=st.sampled_from([1, 2, 5, 9, 100]),
    where=st.sampled_from([*[None] * 9, *FILTERS]),
    phrase=st.sampled_from([*[None] * 8, "treaty", "the capital", "peace talks", "müller"]),
    recall=st.sampled_from([1.0, 0.9, 0.9]),
)


class CrashError(Exception):
    """In the middle of a build."""


class FailingWords(Words):
    """Fails when it has embedded a few times."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self._left = calls

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._left -= 1
        if self._left < 0:
            raise CrashError
        return super().embed_passages(texts)


def failing_after(calls: int) -> Callable[[Progress], None]:
    left = iter(range(calls))

    def report(progress: Progress) -> None:
        if next(left, None) is None:
            raise CrashError

    return report


def articles_until(count: int, articles: Sequence[Article]) -> Iterator[Article]:
    yield from articles[:count]
    raise CrashError


class IndexMachine(RuleBasedStateMachine):
    """An index, up to three searchers that were opened at different times, and what each must answer."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=fast_folder(), ignore_cleanup_errors=True)
        self.index = Path(self._folder.name, "index")
        self.corpus = Path(self._folder.name, "corpus")
        self.corpus.mkdir()
        self.files: dict[str, list[Article]] = {}
        self.now = Snapshot([random_article("a0", 0)])
        self.open: list[tuple[Searcher, Snapshot]] = []
        self._asked_an_earlier_one = False

    @initialize(articles=st.dictionaries(st.sampled_from(_IDS), _SEEDS, min_size=6, max_size=16), tokens=st.booleans())
    def build_first(self, articles: dict[str, int], tokens: bool) -> None:
        made = [random_article(*each) for each in articles.items()]
        self.now = Snapshot(made, tokens=tokens)
        self._check_report(build_index(made, self.index, embedder=Words(), token_vectors=tokens))

    @invariant()
    def count_steps(self) -> None:
        DONE["steps"] += 1

    def teardown(self) -> None:
        DONE["examples"] += 1
        for searcher, _ in self.open:
            searcher.close()
        self._folder.cleanup()

    # --- changes ------------------------------------------------------------------------------------------------------

    @rule(add=_SOME_ARTICLES, remove=st.sets(st.sampled_from(_IDS), max_size=4))
    def update(self, add: dict[str, int], remove: set[str]) -> None:
        self._update([random_article(*each) for each in add.items()], remove)

    @rule(seed=_SEEDS)
    def add_one(self, seed: int) -> None:
        self._update([random_article(_IDS[seed % len(_IDS)], seed)], ())

    @rule(number=st.integers(0, 50))
    def remove_one_that_is_there(self, number: int) -> None:
        self._update([], [self.now.articles[number % len(self.now.articles)].id])

    @rule(number=st.integers(0, 50), title=st.sampled_from(["", "Another title", "Peace talks"]))
    def change_a_title(self, number: int, title: str) -> None:
        old = self.now.articles[number % len(self.now.articles)]
        self._update([Article(old.id, old.text, title, old.published, old.source, old.url, old.metadata)], ())

    @rule(seed=_SEEDS, changed=_SOME_ARTICLES, tokens=st.sampled_from([None, None, None, True, False]))
    def rebuild_in_another_order(self, seed: int, changed: dict[str, int], tokens: bool | None) -> None:
        articles = {**self.now.by_id, **{each: random_article(each, changed[each]) for each in changed}}
        shuffled = Random(seed).sample(list(articles.values()), len(articles))
        tokens = self.now.tokens if tokens is None else tokens
        report = build_index(iter(shuffled), self.index, embedder=Words(), token_vectors=tokens)
        self.now = Snapshot(shuffled, tokens=tokens)
        self._check_report(report)

    @rule()
    def rebuild_the_same(self) -> None:
        before = (self.index / "CURRENT").read_bytes()
        places = build_index(self.now.articles, self.index, embedder=Words())  # they may have been read elsewhere
        self._check_report(places)
        before = before if places.unchanged else (self.index / "CURRENT").read_bytes()
        report = build_index(self.now.articles, self.index, embedder=Words())
        require(report.unchanged, "a build of the same articles wrote something")
        require((self.index / "CURRENT").read_bytes() == before, "a build that changed nothing made a generation")

    @rule(name=st.sampled_from(_FILES), articles=st.lists(_SEEDS, max_size=4))
    def write_a_file(self, name: str, articles: list[int]) -> None:
        if not articles:
            self.files.pop(name, None)
            (self.corpus / name).unlink(missing_ok=True)
            return
        self.files[name] = [random_article(f"{name[:2]}-{at}", seed) for at, seed in enumerate(articles)]
        (self.corpus / name).write_text("".join(_line(article) for article in self.files[name]))

    @rule()
    def build_of_files(self) -> None:
        articles = self._of_files()
        if not articles:
            self._require_refused(lambda: build_index(self.corpus, self.index, embedder=Words()))
            return
        report = build_index(self.corpus, self.index, embedder=Words())
        self.now = Snapshot(articles, tokens=self.now.tokens)
        self._check_report(report)

    @rule(remove=st.sets(st.sampled_from(_IDS), max_size=2))
    def update_of_files(self, remove: set[str]) -> None:
        self._update(self._of_files(), remove, add=self.corpus)

    @rule(
        how=st.sampled_from(["embedder", "progress", "articles"]),
        after=st.integers(0, 5),
        add=st.dictionaries(st.sampled_from(_IDS), _SEEDS, min_size=1, max_size=5),
        whole=st.booleans(),
    )
    def crash(self, how: str, after: int, add: dict[str, int], whole: bool) -> None:
        """An exception in the middle of a build, unless the build is through before."""
        added = [random_article(*each) for each in add.items()]
        given: Iterable[Article] = articles_until(after, added) if how == "articles" else added
        embedder = FailingWords(after) if how == "embedder" else Words()
        progress = failing_after(after) if how == "progress" else None
        before = (self.index / "CURRENT").read_bytes()
        expected: Snapshot | None = self.now
        with contextlib.suppress(CrashError):
            if whole:
                build_index(given, self.index, embedder=embedder, progress=progress)
                expected = Snapshot(added, tokens=self.now.tokens)
            else:
                update_index(self.index, add=given, embedder=embedder, progress=progress)
                expected = _updated(self.now, added, ())
        if expected is self.now:
            require((self.index / "CURRENT").read_bytes() == before, "a build that failed was committed")
            DONE["crashes"] += 1
        require(how != "articles" or expected is self.now, "a build whose articles could not be read was committed")
        assert expected is not None
        self.now = expected
        self._check_now()

    # --- questions ----------------------------------------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        if self.open:
            self.open.pop()[0].close()
        self._check_now()

    @rule()
    def verify(self) -> None:
        require(all(check.problem is None for check in verify_index(self.index)), "the index is damaged")
        left = {path.name for path in self.index.iterdir()} - {"CURRENT", "generations", "writer.lock", "partial"}
        require(not left, f"{left} was left")
        require(len(list((self.index / "generations").iterdir())) <= 2, "old generations were left")

    @rule(number=st.integers(0, 3))
    def look(self, number: int) -> None:
        self._look(*self._searcher(number))

    @rule(number=st.integers(0, 3), questions=st.lists(_QUESTIONS, min_size=1, max_size=8))
    def ask(self, number: int, questions: list[Question]) -> None:
        searcher, then = self._searcher(number)
        self._look_for_articles(searcher, then)
        for question in questions:
            self._ask(searcher, then, question)

    @rule(number=st.integers(0, 3), questions=st.lists(_QUESTIONS, min_size=1, max_size=4))
    def ask_as_an_index_built_anew(self, number: int, questions: list[Question]) -> None:
        searcher, then = self._searcher(number)
        self._look_for_articles(searcher, then)
        with self._fresh(then) as fresh:
            for question in questions:
                self._ask_both(searcher, fresh, then, question)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _look(self, searcher: Searcher, then: Snapshot) -> None:
        self._look_for_articles(searcher, then)
        require(len(searcher) == len(then), f"there are {len(searcher)} passages, not {len(then)}")
        counts = searcher.manifest.counts
        require((counts.articles, counts.passages) == (len(then.articles), len(then)), "the counts are others")
        for mode in ("dense", "lexical"):
            self._ask(searcher, then, Question("treaty talks", mode, 100, None, None, 1.0))
        self._ask(searcher, then, Question("storm", "dense", 3, FILTERS[0], "peace", 1.0))

    @staticmethod
    def _look_for_articles(searcher: Searcher, then: Snapshot) -> None:
        for article in (*_IDS, "f0-0", "f1-0", "f2-1"):
            require((article in searcher) == (article in then.by_id), f"{article!r} is there, or not, unlike the model")

    def _ask(self, searcher: Searcher, then: Snapshot, question: Question) -> None:
        """Compare a search by vectors or by words with the model's."""
        search = functools.partial(
            searcher.search,
            question.text,
            question.k,
            mode=question.mode,
            where=question.where,
            fold_duplicates=False,
            recall=question.recall,
            evidence=False,
        )
        if question.names_what_is_nowhere(then):
            self._require_value_error(search)
            return
        is_dense = question.mode == "dense"
        scores, ties = then.dense(question.plain) if is_dense else then.lexical(question.plain)
        by_row = {row: float(scores[row]) for row in np.flatnonzero(question.allowed(then)).tolist()}
        found = rows_of(search(), then)
        if not is_dense:
            by_row = {row: score for row, score in by_row.items() if score > 0}
        elif question.recall < 1:  # others may be nearer than some of these
            require(len(found) == min(question.k, len(by_row)), "the search by codes found too few or too many")
            by_row = {row: by_row[row] for row, _ in found if row in by_row}
        require_ranking(found, by_row, question.k, off=OFF if is_dense else WORDS_OFF, ties=ties)
        self._compared()

    def _ask_both(self, searcher: Searcher, fresh: Searcher, then: Snapshot, question: Question) -> None:
        """Compare hybrid search, and what else is made of it, with an index that was never changed."""
        text, k, where = question.text, question.k, question.where
        if question.names_what_is_nowhere(then):
            self._require_value_error(lambda: searcher.search(text, k, where=where))
            return
        every = dict(rows_of(fresh.search(text, len(then), where=where, fold_duplicates=False), then))
        require(set(every) == set(np.flatnonzero(question.allowed(then)).tolist()), "the filter leaves other passages")
        require_ranking(
            rows_of(searcher.search(text, k, where=where, fold_duplicates=False), then), every, k, off=_HYBRID_OFF
        )
        hits, expected = (one.search(text, k, where=where) for one in (searcher, fresh))
        groups, expected_groups = (one.search_articles(text, k, where=where) for one in (searcher, fresh))
        similar, expected_similar = (one.similar(then.articles[0].id, k) for one in (searcher, fresh))
        scores = [one.score for one in [*hits, *similar]] + [group.score for group in groups]
        scores_expected = [one.score for one in [*expected, *expected_similar]]
        scores_expected += [group.score for group in expected_groups]
        require(len(scores) == len(scores_expected), "there are more or fewer hits than in an index built anew")
        np.testing.assert_allclose(scores, scores_expected, rtol=0, atol=_HYBRID_OFF)
        evidence, evidence_expected = ({_place(hit): hit.evidence for hit in some} for some in (hits, expected))
        same = evidence.keys() & evidence_expected.keys()
        require(all(evidence[each] == evidence_expected[each] for each in same), "another sentence answers best")
        self._compared()

    def _update(self, articles: list[Article], remove: Iterable[str], add: object = None) -> None:
        remove = sorted(remove)
        given: Any = articles if add is None else add
        expected = _updated(self.now, articles, remove)
        if expected is None:
            self._require_refused(lambda: update_index(self.index, add=given, remove=remove, embedder=Words()))
            return
        report = update_index(self.index, add=given, remove=remove, embedder=Words())
        unknown = [each for each in remove if each not in self.now.by_id]
        require([problem.place for problem in report.problems] == unknown, "other problems than what is not there")
        self.now = expected
        self._check_report(report)

    def _check_report(self, report: BuildReport) -> None:
        counts = (report.articles, report.passages)
        require(counts == (len(self.now.articles), len(self.now)), f"the report counts {counts}")
        require(report.embedded <= report.passages, "more was embedded than there is")
        self._check_now()

    def _check_now(self) -> None:
        """Open the index as it is now, and look at all of it."""
        self._asked_an_earlier_one = False
        self._look(*self._latest())

    def _require_refused(self, build: Callable[[], object]) -> None:
        before = (self.index / "CURRENT").read_bytes()
        try:
            build()
        except CorpusError:
            require((self.index / "CURRENT").read_bytes() == before, "a build that was refused was committed")
        else:
            require(False, "a build of nothing was not refused")

    def _require_value_error(self, search: Callable[[], object]) -> None:
        try:
            search()
        except ValueError:
            self._compared()
        else:
            require(False, "a field that no article has was not refused")

    def _of_files(self) -> list[Article]:
        return [article for name in sorted(self.files) for article in self.files[name]]

    def _searcher(self, number: int) -> tuple[Searcher, Snapshot]:
        """Give a searcher that was opened before, the oldest first, or one of the index as it is now."""
        self._asked_an_earlier_one = number < len(self.open) and self.open[number][1] is not self.now
        return self.open[number] if self._asked_an_earlier_one else self._latest()

    def _latest(self) -> tuple[Searcher, Snapshot]:
        if not self.open or self.open[-1][1] is not self.now:
            self.open.append((open_index(self.index, embedder=Words()), self.now))
            if len(self.open) > _MOST_OPEN:
                self.open.pop(0)[0].close()
        return self.open[-1]

    @contextlib.contextmanager
    def _fresh(self, then: Snapshot) -> Iterator[Searcher]:
        """Give an index of the same articles that was never changed."""
        folder = Path(self._folder.name, "fresh")
        build_index(then.articles, folder, embedder=Words(), token_vectors=then.tokens)
        with open_index(folder, embedder=Words()) as searcher:
            yield searcher
        shutil.rmtree(folder)

    def _compared(self) -> None:
        DONE["answers"] += 1
        DONE["by earlier generations"] += self._asked_an_earlier_one


def _updated(before: Snapshot, add: Sequence[Article], remove: Iterable[str]) -> Snapshot | None:
    """What is left and added of it, in its order; None if nothing is."""
    new = {article.id: article for article in add}
    kept = [new.pop(old.id, old) for old in before.articles if old.id in new or old.id not in set(remove)]
    articles = [*kept, *new.values()]
    return Snapshot(articles, tokens=before.tokens) if articles else None


def _line(article: Article) -> str:
    fields = {
        "_id": article.id,
        "title": article.title,
        "text": article.text,
        "source": article.source,
        "published": None if article.published is None else article.published.isoformat(),
        "metadata": article.metadata,
    }
    return json.dumps(fields) + "\n"


def _place(hit: Any) -> tuple[str, int]:
    return hit.article.id, hit.passage.start
