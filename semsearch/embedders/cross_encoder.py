"""Any sentence-transformers cross-encoder, as the last stage of a ranking."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semsearch.embedders._model import missing_weights, quiet
from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["CrossEncoderReranker", "load"]

_BATCH = 16


class CrossEncoderReranker:
    """A reranker that runs a cross-encoder in this process. Satisfies :class:`~semsearch.embedders.Reranker`.

    Args:
        model: A cross-encoder with one label: how well a text answers.
        name: What to call it.
    """

    def __init__(self, model: CrossEncoder, name: str) -> None:
        self._lock = threading.Lock()
        self._model = model
        self.name = name

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Say how well each text answers ``query``: ``(len(texts),)`` float64, from 0 to 1 by most models."""
        if not texts:
            return np.empty(0)
        with self._lock:
            scores = self._model.predict(
                [(query, text) for text in texts], batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(scores, dtype=np.float64).reshape(len(texts))


def load(name: str, folder: Path) -> CrossEncoderReranker:
    """Load the cross-encoder in ``folder``, called ``name``.

    Raises:
        ModelNotFoundError: If there is none, or not the whole of it, or it gives more than one score for a text.
    """
    from sentence_transformers import CrossEncoder

    try:
        with quiet() as warnings:
            model = CrossEncoder(str(folder), local_files_only=True, trust_remote_code=False)
        missing = missing_weights("\n".join(warnings))
        if missing:  # a bi-encoder loads, and would answer at random
            raise ValueError(f"its files lack the weights {missing[0]}: is it a cross-encoder?")
        if model.num_labels != 1:
            raise ValueError(f"it gives {model.num_labels} scores for a text, not one")
    except Exception as error:  # the library raises whatever a damaged file provokes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelNotFoundError(
            f"what is in {folder} cannot be loaded as the cross-encoder {name!r} ({reason}): name another one"
        ) from error
    return CrossEncoderReranker(model, name)
