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
    from typing_extensions import Self

    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import CorpusDatasetType, QueryDatasetType, RetrievalOutputType, TopRankedDocumentsType

    from semsearch.embedders import Embedder, Reranker
    from semsearch.searching import Searcher

__all__ = ["SearchModel"]

_MOST_IN_A_FILTER = 1000
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
            precision = None
        self._embedder: Embedder = embedder
        self._reranker = reranker
        self._token_vectors = token_vectors
        self._folder = None if folder is None else Path(folder)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._searcher: Searcher | None = None
        self._options: dict[str, Any] = {
            "mode": "hybrid",
            "fold_duplicates": False,
            "phrases": False,
            "evidence": False,
            **options,
        }
        self.mteb_model_meta = self._meta(name, precision)

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
