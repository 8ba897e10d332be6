"""The open index: every way of asking it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from semsearch.addresses import is_address, shown
from semsearch.dense import unit_rows
from semsearch.embedders import Embedder, Reranker, load_embedder, load_reranker
from semsearch.errors import (
    ArticleNotFoundError,
    EmbedderMismatchError,
    EngineAuthError,
    EngineError,
    EngineUnavailableError,
)
from semsearch.hits import ArticleHits, Hits, ManyHits
from semsearch.passages import find_paragraphs
from semsearch.records import Article, ArticleHit, Hit, SourceSummary, is_unicode
from semsearch.searching._generation import GenerationSource
from semsearch.searching._hits import HitMaker
from semsearch.searching._questions import Question, ask
from semsearch.searching._request import DEFAULT_K, Request, SearchOptions, check_count, check_queries
from semsearch.searching._retrieval import CANDIDATES, Ranked, Retrieval
from semsearch.searching._source import Allowed, Source
from semsearch.searching._texts import PassageTexts
from semsearch.selection import Chosen, group_by_article, select
from semsearch.storage import Manifest, open_generation

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self, Unpack

__all__ = ["Searcher", "open_index"]

_SPARE = 2  # times as many candidates as hits are looked at first, as some will be folded or be of the same article
_GROWTH = 4
_LEAST = CANDIDATES  # are looked at then, at least: a hit has its duplicates however few hits are wanted
_RERANKED = 30  # candidates that a reranker reads at least
_ATTEMPTS = 3  # at a question while an index in an engine is updated

_T = TypeVar("_T")


class Searcher:
    """An open index. It answers from the generation that was live when it was opened, and may be used by threads.

    Use it as a context manager, or :meth:`close` it.
    """

    def __init__(self, source: Source, embedder: Embedder, reranker: Reranker | None = None) -> None:
        self._source = source
        self._embedder = embedder
        self._reranker = reranker
        self._texts = PassageTexts(source, embedder)
        self._retrieval = Retrieval(source, embedder, self._texts)
        self._hit_maker = HitMaker(source, embedder, self._texts)
        self._lock = threading.Lock()
        self._sources: tuple[int, list[SourceSummary]] | None = None  # and of how many passages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self._source)

    def __contains__(self, article: str) -> bool:
        """Return whether the article with this id is in the index."""
        return self._article_row(article) is not None

    @property
    def manifest(self) -> Manifest:
        """The index's model, counts, settings and files."""
        return self._source.manifest

    @property
    def embedder(self) -> Embedder:
        """What embeds the questions."""
        return self._embedder

    def search(self, query: str, k: int = DEFAULT_K, **options: Unpack[SearchOptions]) -> Hits:
        """Return the passages that answer ``query`` best, best first: see :meth:`search_many`."""
        return self.search_many([query], k, **options)[0]

    def search_many(self, queries: Sequence[str], k: int = DEFAULT_K, **options: Unpack[SearchOptions]) -> ManyHits:
        """Return for each query the passages that answer it best, best first.

        There are ``k`` of them, or as many as the index has that match the filter and the query's phrases, unless
        ``min_score`` or ``max_per_article`` leave fewer, duplicates are folded, or the mode is ``lexical`` and fewer
        share a word with the query.

        Args:
            queries: What is asked for. Words between quotation marks must be found as they stand.
            k: How many passages.
            **options: See :class:`~semsearch.SearchOptions`.

        Raises:
            ValueError: If a query is blank or opens a quotation mark that none closes, or an option makes no sense: an
                unknown mode, a filter that cannot be read or names a field that no article has.
        """
        check_queries(queries)
        request = Request.of(k, options)
        if not queries:
            return ManyHits()
        questions = ask(queries, request, self._embedder, self._source.terms("passages"))
        found = [_asked_again(partial(self._answer, question, request)) for question in questions]
        return ManyHits(Hits(hits, query=query) for query, hits in zip(queries, found, strict=True))

    def search_articles(
        self, query: str, k: int = DEFAULT_K, *, passages: int = 3, **options: Unpack[SearchOptions]
    ) -> ArticleHits:
        """Return the articles that answer ``query`` best by their best passages, each with up to ``passages`` of them.

        Args:
            query: What is asked for.
            k: How many articles.
            passages: How many passages of each.
            **options: See :class:`~semsearch.SearchOptions`.

        Raises:
            ValueError: As :meth:`search_many`.
        """
        check_queries([query])
        check_count("passages", passages)
        request = Request.of(k, options)
        (question,) = ask([query], request, self._embedder, self._source.terms("passages"))
        found = _asked_again(lambda: self._answer_by_article(question, request, passages))
        return ArticleHits(found, query=query)

    def _answer_by_article(self, question: Question, request: Request, passages: int) -> list[ArticleHit]:
        allowed = self._source.allowed(request.filter, question.query.phrases)
        everything = replace(request, k=sys.maxsize)  # so that what comes later can still be of the best articles
        k = request.k
        depth = self._spare(k * passages)
        while True:
            ranked = self._above(self._rank(question, request, depth, allowed), request)
            groups = group_by_article(self._select(ranked, everything), k, passages_per_article=passages)
            if len(groups) == k or ranked.complete:
                break
            depth *= _GROWTH
        chosen = [one for group in groups for one in group.passages]
        ranks = [rank for group in groups for rank in range(1, len(group.passages) + 1)]
        hits = self._hit_maker.hits(chosen, ranks, ranked, question, request)
        answers, at = [], 0
        for rank, group in enumerate(groups, start=1):
            own = tuple(hits[at : at + len(group.passages)])
            answers.append(ArticleHit(rank, group.score, own[0].article, own))
            at += len(own)
        return answers

    def similar(
        self, article: str, k: int = DEFAULT_K, *, paragraph: int | None = None, **options: Unpack[SearchOptions]
    ) -> Hits:
        """Return passages of other articles that are most like an article, or like one paragraph of it.

        They are ranked by the cosine of their vectors with the article's, which is the mean of its passages', or with
        the paragraph's. Each is the best one of its article unless ``max_per_article`` says otherwise.

        Args:
            article: The article's id.
            k: How many passages.
            paragraph: The paragraph's number, as hits have it.
            **options: See :class:`~semsearch.SearchOptions`; the mode is ``dense``.

        Raises:
            ArticleNotFoundError: If there is no such article; it is a ValueError.
            ValueError: If it has no such paragraph, or an option makes no sense.
        """
        options.setdefault("mode", "dense")
        options.setdefault("max_per_article", 1)
        request = Request.of(k, options)
        if request.mode != "dense":
            raise ValueError(f"what is similar is found by vectors: the mode must be dense, not {request.mode!r}")
        if paragraph is not None:
            check_count("paragraph", paragraph)
        return Hits(_asked_again(lambda: self._similar(article, paragraph, request)))

    def _similar(self, article: str, paragraph: int | None, request: Request) -> list[Hit]:
        row = self._require_article(article)
        if paragraph is None:
            (embedding,) = self._source.article_vectors(np.array([row]))
        else:
            (embedding,) = unit_rows(self._source.vectors(self._paragraph(row, paragraph)).mean(axis=0)[None])
        others = self._source.allowed(request.filter, (), without=row)
        ranked, chosen = self._choose(
            lambda depth: self._retrieval.nearest(embedding, depth, others, request.recall), request
        )
        return self._hit_maker.hits(chosen, range(1, len(chosen) + 1), ranked, None, request)

    def article(self, article: str) -> Article:
        """Return the article with this id.

        Raises:
            ArticleNotFoundError: If there is none.
        """
        return _asked_again(lambda: self._source.article(self._require_article(article)))

    def sources(self) -> list[SourceSummary]:
        """Return what the index has of each source, that with the most articles first.

        What has no source stands among them as None. It takes to go through all articles, so it is remembered as long
        as there are as many passages: an index in an engine may change while it is open.
        """
        count = len(self)
        with self._lock:
            if self._sources is None or self._sources[0] != count:
                found = _asked_again(self._source.sources)
                found.sort(key=lambda one: (-one.articles, one.source is None, one.source or ""))
                self._sources = (count, found)
            return list(self._sources[1])

    def close(self) -> None:
        """Let go of the index's files, or of the connections to its engine."""
        self._source.close()

    def _answer(self, question: Question, request: Request) -> list[Hit]:
        allowed = self._source.allowed(request.filter, question.query.phrases)
        ranked, chosen = self._choose(lambda depth: self._rank(question, request, depth, allowed), request)
        return self._hit_maker.hits(chosen, range(1, len(chosen) + 1), ranked, question, request)

    def _rank(self, question: Question, request: Request, depth: int, allowed: Allowed) -> Ranked:
        if self._reranker is None:
            return self._retrieval.rank(question, request.mode, depth, allowed, request.recall)
        depth = max(depth, _RERANKED)
        ranked = self._retrieval.rank(question, request.mode, depth, allowed, request.recall)
        rows = np.sort(ranked.rows[:depth])
        if len(rows) == 0:
            return ranked
        scores = self._reranker.score(question.query.text, self._texts.embedded(rows.tolist()))
        order = np.argsort(-scores, kind="stable")
        scores = np.asarray(scores[order], dtype=np.float64)
        return Ranked(rows[order], scores, {"reranker": scores}, ranked.complete and len(rows) == len(ranked.rows))

    def _choose(self, rank: Callable[[int], Ranked], request: Request) -> tuple[Ranked, list[Chosen]]:
        """Choose ``k`` passages from as deep a ranking as that takes."""
        plain = not (request.fold_duplicates or request.max_per_article or request.diversity)
        depth = request.k if plain else self._spare(request.k)
        while True:
            found = rank(depth)
            ranked = self._above(found, request)
            chosen = self._select(ranked, request)
            if len(chosen) == request.k or ranked.complete:
                return ranked, chosen
            depth *= _GROWTH

    def _spare(self, count: int) -> int:
        """Return how many candidates to look at first for so many passages; not many more if they must be reranked."""
        return max(count * _SPARE, 0 if self._reranker else _LEAST)

    def _above(self, ranked: Ranked, request: Request) -> Ranked:
        """Leave out what is below the least score that is wanted: deeper down there is nothing better."""
        if request.min_score is None:
            return ranked
        count = int(np.count_nonzero(ranked.scores >= request.min_score))
        return Ranked(
            ranked.rows[:count],
            ranked.scores[:count],
            {name: part[:count] for name, part in ranked.parts.items()},
            complete=ranked.complete or count < len(ranked.rows),
        )

    def _select(self, ranked: Ranked, request: Request) -> list[Chosen]:
        return select(
            ranked.rows,
            ranked.scores,
            request.k,
            articles=self._source.article_of(ranked.rows),
            vectors_of=self._source.vectors,
            texts_of=self._texts.plain,
            fold_duplicates=request.fold_duplicates,
            max_per_article=request.max_per_article,
            diversity=request.diversity,
        )

    def _require_article(self, article: str) -> int:
        row = self._article_row(article)
        if row is None:
            raise ArticleNotFoundError(article)
        return row

    def _article_row(self, article: object) -> int | None:
        # SQLite takes a number for the text that it is written as, and refuses what is not Unicode.
        if not isinstance(article, str) or not is_unicode(article):
            return None
        return self._source.article_row(article)

    def _paragraph(self, row: int, paragraph: int) -> NDArray[np.int64]:
        """Return the rows of those of an article's passages that have something of the paragraph, or its number."""
        stored = self._source.passages(self._source.passages_of(row).tolist())
        article = next(iter(stored.values())).article
        bodies = [(one.start, one.end) for one in find_paragraphs(article.text) if not one.is_heading]
        bodies = bodies or [(0, len(article.text))]
        if paragraph > len(bodies):
            raise ValueError(
                f"article {article.id!r} has no paragraph {paragraph}: they are numbered from 1 to {len(bodies)}"
            )
        start, end = bodies[paragraph - 1]
        return np.array(
            [
                row
                for row, (passage, _) in sorted(stored.items())
                if passage.paragraph == paragraph or (passage.start < end and start < passage.end)
            ]
        )


def _asked_again(answer: Callable[[], _T]) -> _T:
    """Answer a question, once more where an update of an engine took out what had been found a moment before."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return answer()
        except (EngineAuthError, EngineUnavailableError):  # noqa: PERF203 - at most twice
            raise
        except EngineError:
            continue
    return answer()


def open_index(
    index: str | os.PathLike[str] = "index",
    *,
    embedder: Embedder | str | os.PathLike[str] | None = None,
    reranker: Reranker | str | os.PathLike[str] | None = None,
) -> Searcher:
    """Open an index for searching.

    Args:
        index: The index's folder, or its address in an engine: ``postgresql://host/database?index=name``,
            ``milvus://host:19530/name``.
        embedder: What the index was built with, if it is not found by the name that the index knows: a model's folder
            that has moved, or an :class:`~semsearch.Embedder` of your own.
        reranker: What has the last word on the best candidates, at least 30: the name or folder of a
            sentence-transformers cross-encoder, or a :class:`~semsearch.Reranker` of your own. Scores are then its own.

    Raises:
        IndexNotFoundError: If there is no index there.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If a file of it is missing or damaged. It names the file.
        EmbedderMismatchError: If ``embedder`` is not what the index was built with.
        ModelNotFoundError: If the model is not on this machine.
        EngineError: If the engine refuses; :class:`~semsearch.EngineUnavailableError` if it cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(contextlib.closing(_open_source(index)))
        built_with = source.manifest.embedder
        if embedder is None:
            embedder = load_embedder(built_with.name, revision=built_with.revision)
        elif isinstance(embedder, str | os.PathLike):
            embedder = load_embedder(embedder)
        if (embedder.spec.fingerprint, embedder.spec.dimension) != (built_with.fingerprint, built_with.dimension):
            raise EmbedderMismatchError(
                f"the index in {shown(index)} was built with {built_with.name!r} ({built_with.fingerprint[:12]}), not "
                f"with {embedder.spec.name!r} as it is here ({embedder.spec.fingerprint[:12]}): "
                "name that model, or rebuild the index with 'semsearch rebuild-index CORPUS'"
            )
        if isinstance(reranker, str | os.PathLike):
            reranker = load_reranker(reranker)
        searcher = Searcher(source, embedder, reranker)
        stack.pop_all()
        return searcher


def _open_source(index: str | os.PathLike[str]) -> Source:
    """Open the folder, or connect to the engine."""
    if not is_address(index):
        generation = open_generation(Path(index))
        with contextlib.ExitStack() as stack:
            stack.callback(generation.close)
            source = GenerationSource(generation)
            stack.pop_all()
            return source
    from semsearch.engines import open_engine
    from semsearch.searching._engine import EngineSource

    engine = open_engine(os.fspath(index))
    with contextlib.ExitStack() as stack:
        stack.callback(engine.close)
        remote = EngineSource(engine)
        stack.pop_all()
        return remote
