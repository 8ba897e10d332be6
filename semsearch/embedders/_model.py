"""A folder to the model in it: whole, or refused."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import ModelNotFoundError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["load_model", "missing_weights", "quiet"]

_TOKENIZER_FILES = ("tokenizer*.json", "vocab*", "*.model", "*.spm")
# What transformers 5 says of a weight that no file has, a row of a table; and what transformers 4 says, a list of them.
_MISSING_ROW = re.compile(r"^(\S.*?) *\| *(?:\x1b\[[\d;]*m)?MISSING\b", re.MULTILINE)
_MISSING_LIST = re.compile(r"newly initialized: \[(.*?)\]", re.DOTALL)


def load_model(name: str, folder: Path) -> SentenceTransformer:
    """Load the model in ``folder``, called ``name``.

    Raises:
        ModelNotFoundError: If there is none, or not the whole of it, or none that loads without running code from it.
    """
    from sentence_transformers import SentenceTransformer

    # Without one, the library makes up a tokenizer to which every word is unknown.
    if not any(any(folder.rglob(pattern)) for pattern in _TOKENIZER_FILES):
        raise ModelNotFoundError(
            f"what is in {folder} is no whole model {name!r} (no tokenizer): save or download it again"
        )
    try:
        with quiet() as warnings:
            model = SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False)
        _require_all_weights(model, missing_weights("\n".join(warnings)))
    except Exception as error:  # the library raises whatever a damaged file provokes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelNotFoundError(
            f"what is in {folder} cannot be loaded as the model {name!r} ({reason}): save or download it again"
        ) from error
    return model


def missing_weights(report: str) -> list[str]:
    """Return the weights that no file has, by what transformers logs when it has put random numbers in their place.

    Only transformers knows: weights are stored once for two that are tied, under older names, or behind a prefix.
    """
    listed = [name.strip(" '\"\n") for names in _MISSING_LIST.findall(report) for name in names.split(",")]
    return [*_MISSING_ROW.findall(report), *filter(None, listed)]


def _require_all_weights(model: SentenceTransformer, missing: list[str]) -> None:
    """Refuse a model that would answer at random."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    # Where sentence-transformers pools tokens itself, a model's own pooler is not asked; many files lack its weights.
    pools = any(isinstance(module, Pooling) for module in model.modules())
    lacking = [name for name in missing if not (pools and "pooler" in name.split("."))]
    if lacking:
        raise ValueError(f"its files lack the weights {lacking[0]}")


@contextlib.contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep the libraries' own progress bars and advice off the user's terminal while a model loads.

    Yields:
        What transformers would have warned of meanwhile, as far as it concerns weights.
    """
    from transformers.utils import logging as transformers_logging

    warnings: list[str] = []
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread == thread:
            warnings.append(record.getMessage())
        return record.levelno >= logging.ERROR

    bars = transformers_logging.is_progress_bar_enabled()
    weights = logging.getLogger("transformers.modeling_utils")
    loggers = [logging.getLogger("transformers"), logging.getLogger("sentence_transformers"), weights]
    levels = [logger.level for logger in loggers]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for logger in loggers:
        logger.setLevel(logging.WARNING if logger is weights else logging.ERROR)
    weights.addFilter(keep)
    try:
        yield warnings
    finally:
        weights.removeFilter(keep)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
