"""Hears when an index in an engine says that its words are found by nobody now."""

from __future__ import annotations

import warnings
from typing import Any

from semsearch.errors import WordsMissingWarning

__all__ = ["WordsMissing"]


class WordsMissing:
    """Listens for :class:`~semsearch.WordsMissingWarning`, which is said once for each opened index, in any thread."""

    def __init__(self) -> None:
        self.heard = 0
        self._show_others = warnings.showwarning
        warnings.simplefilter("always", WordsMissingWarning)
        self._listener = self._show  # one object, so that it can be told whether it is still the one that is asked
        warnings.showwarning = self._listener

    def _show(self, message: Warning | str, category: type[Warning], *place: Any, **where: Any) -> None:
        if issubclass(category, WordsMissingWarning):
            self.heard += 1
        self._show_others(message, category, *place, **where)

    def close(self) -> None:
        """Listen no longer, unless somebody else has come between."""
        if warnings.showwarning is self._listener:
            warnings.showwarning = self._show_others
