"""The whole of a search as a model of MTEB; needs the extra ``mteb``.

>>> import mteb
>>> from semsearch.integrations.mteb import SearchModel
>>> mteb.evaluate(SearchModel(), tasks=[mteb.get_task("SciFact")])
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch._version import __version__
from semsearch.integrations._index import check_options, missing
from semsearch.records import Article

try:
    from mteb.models import ModelMeta
except ImportError as error:
    raise missing(__name__, "mteb") from error

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import CorpusDatasetType, QueryDatasetType, RetrievalOutputType, TopRankedDocumentsType
    from typing_extensions import Self

    from semsearch.embedders import Embedder, Reranker
    from semsearch.searching import Searcher

__all__ = ["SearchModel"]

_MOST_IN_A_FILTER = 1000
_SPARE = 100
_DEFAULTS = {"mode": "hybrid", "fold_duplicates": False, "phrases": False, "evidence": False}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class SearchModel:
    """A search, from reading to ranking, as MTEB's ``SearchProtocol`` has it.

    The corpus of a task is indexed in a folder, and each query is answered with the articles whose best passages rank
    highest. It is the ranking that is measured: nothing is folded, and quotation marks in a query are only that.

    Args:
        embedder: An :class:`~semsearch.Embedder`, or the name or folder of a sentence-transformers model;
            :data:`~semsearch.DEFAULT_MODEL` if it is None.
        reranker: As for :func:`~semsearch.open_index`.
        precision: As for :func:`~semsearch.build_index`.
        token_vectors: As for :func:`~semsearch.build_index`.
        folder: Where indexes are kept, one for each task, split and subset, so that a second run finds what has not
            changed; in a temporary folder, and only until the next corpus, if it is None.
        name: What the results call the model: ``organisation/name``.
        **options: Of :class:`~semsearch.SearchOptions`, such as ``mode="dense"``.

    Raises:
        ValueError: If there is no such option.
        ModelNotFoundError: If the model is not on this machine.
    """

    def __init__(
        self,
        embedder: Embedder | str | os.PathLike[str] | None = None,
        *,
        reranker: Reranker | str | os.PathLike[str] | None = None,
        precision: str | None = None,
        token_vectors: bool | None = None,
        folder: str | os.PathLike[str] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        from semsearch.embedders import DEFAULT_MODEL, load_embedder

        check_options(options)
        if embedder is None or isinstance(embedder, str | os.PathLike):
            embedder = load_embedder(embedder or DEFAULT_MODEL, precision=precision)
        elif precision is not None:
            raise ValueError("precision is for a model that is named: an embedder has its own")
        self._embedder: Embedder = embedder
        self._reranker = reranker
        self._token_vectors = token_vectors
        self._folder = None if folder is None else Path(folder)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._searcher: Searcher | None = None
        self._options: dict[str, Any] = {**_DEFAULTS, **options}
        self.mteb_model_meta = self._meta(name, precision)
        """What MTEB files the results under; other settings are another experiment."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index, and remove it if it is a temporary one."""
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def index(
        self,
        corpus: CorpusDatasetType,
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        **_: Any,
    ) -> None:
        """Index the corpus of a task in place of the last one.

        Args:
            corpus: Its documents: ``id``, ``text`` and, where they have one, ``title``.
            task_metadata: Names the task.
            hf_split: Names its split.
            hf_subset: Names its subset.

        Raises:
            SemsearchError: As :func:`~semsearch.build_index`.
        """
        from semsearch.building import build_index
        from semsearch.searching import open_index

        self.close()
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="semsearch-mteb-")
            folder = Path(self._temporary.name)
        else:
            folder = self._folder / _name("-".join([task_metadata.name, hf_split, hf_subset]))
        build_index(_articles(corpus), folder, embedder=self._embedder, token_vectors=self._token_vectors)
        self._searcher = open_index(folder, embedder=self._embedder, reranker=self._reranker)

    def search(
        self,
        queries: QueryDatasetType,
        *,
        top_k: int,
        top_ranked: TopRankedDocumentsType | None = None,
        **_: Any,
    ) -> RetrievalOutputType:
        """Answer the queries of a task.

        Args:
            queries: ``id`` and ``text``; a conversation is the text of its turns, an ``instruction`` comes after it.
            top_k: How many documents a query, at most.
            top_ranked: For each query the documents that are to be ranked, in a task of reranking; none of one that is
                not named.

        Returns:
            For each query the scores of the documents found. No two are the same: what has no order of its own would
            be put in that of the ids.

        Raises:
            ValueError: If there is no index yet.
        """
        if self._searcher is None:
            raise ValueError("there is no index to be searched: MTEB calls index() first")
        return {
            query["id"]: self._answer(
                _query_text(query), top_k, None if top_ranked is None else top_ranked.get(query["id"], [])
            )
            for query in queries
        }

    def _answer(self, query: str, top_k: int, among: Sequence[str] | None) -> dict[str, float]:
        from semsearch.filters import Field

        assert self._searcher is not None  # noqa: S101 - for the type checker
        if not query.strip() or (among is not None and not among):
            return {}
        k, options = top_k, self._options
        if among is not None and len({*among}) <= _MOST_IN_A_FILTER:
            # Ids that differ by case alone are the same to a filter.
            k, options = len(among) + _SPARE, {**options, "where": Field(("id",)).isin(among)}
        elif among is not None:
            k = self._searcher.manifest.counts.articles
        found = self._searcher.search_articles(query, k, passages=1, **options)
        wanted = None if among is None else {*among}
        ranked = [(one.article.id, one.score) for one in found if wanted is None or one.article.id in wanted]
        return _distinct(ranked[:top_k])

    def _meta(self, name: str | None, precision: str | None) -> ModelMeta:
        """Return what MTEB wants to know of a model, all of it known here: it asks no hub."""
        spec, mode = self._embedder.spec, self._options["mode"]
        reranker = getattr(self._reranker, "name", self._reranker)
        settings = {
            **self._options,
            "reranker": None if reranker is None else str(reranker),
            "precision": precision,
            "token_vectors": self._token_vectors,
        }
        return ModelMeta(
            loader=None,
            name=name or f"semsearch/{_name(spec.name)}",
            revision=f"{__version__}-{spec.fingerprint[:12]}",
            release_date=None,
            languages=None,
            n_parameters=None,
            memory_usage_mb=None,
            max_tokens=spec.max_tokens,
            embed_dim=spec.dimension,
            license=None,
            open_weights=None,
            public_training_code=None,
            public_training_data=None,
            framework=[],
            similarity_fn_name=None,
            use_instructions=None,
            training_datasets=None,
            model_type=["sparse" if mode == "lexical" else "dense" if mode == "dense" else "hybrid"],
            experiment_kwargs={
                key: value for key, value in settings.items() if value not in (None, _DEFAULTS.get(key))
            },
        )


def _name(text: str) -> str:
    """Return a text as a name of files and models."""
    return _NOT_IN_A_NAME.sub("-", text).strip("-.") or "unnamed"


def _articles(corpus: CorpusDatasetType) -> Iterator[Article]:
    """Give the documents of a corpus as articles. Of one that has no text the title is the text."""
    for document in corpus:
        title, text = _clean(document.get("title") or ""), _clean(document.get("text") or "")
        yield Article(id=document["id"], text=text, title=title) if text.strip() else Article(document["id"], title)


def _clean(text: str) -> str:
    """Return a text without what no article can have, and some collections do."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _query_text(query: Mapping[str, Any]) -> str:
    """Return what is asked: a text, or the turns of a conversation, and an instruction after it."""
    text = query["text"]
    if not isinstance(text, str):
        turns = [text] if isinstance(text, Mapping) else text
        text = "\n".join(turn if isinstance(turn, str) else str(turn.get("content", "")) for turn in turns)
    return _clean(" ".join(part for part in (text, query.get("instruction")) if part))


def _distinct(ranked: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the scores of a ranking, each below the one before it even as trec_eval keeps them, in 32 bits."""
    scores: dict[str, float] = {}
    last = np.float32(np.inf)
    for article, score in ranked:
        last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
        scores[article] = float(last)
    return scores
