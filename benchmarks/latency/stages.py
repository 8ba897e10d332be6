"""Which stage of a query costs what: the package's own functions, timed where they stand.

While :func:`timed_stages` holds, each function that is named notes the CPU time that it takes, less that of the stages
within it, so that the times add up to the query's. A function that is gone is an error: code that has moved must not
look like code that costs nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["STAGES", "StageClock", "query_stages", "timed_stages"]

STAGES: dict[str, tuple[str, ...]] = {
    "model": (),  # the methods of whatever embeds the query: see query_stages
    "reading": ("semsearch.searching._questions:ask",),
    "dense": ("semsearch.dense:DenseIndex.search",),
    "lexical": ("semsearch.lexical:LexicalIndex.search",),
    "late interaction": ("semsearch.tokens:TokenStore.max_similarities",),
    "scores": ("semsearch.searching._retrieval:Retrieval.rank",),
    "folding": ("semsearch.selection:select",),
    "hits": ("semsearch.searching._hits:HitMaker.hits",),
}
"""The stages of a query, and the functions that each begins with, ``module:name`` or ``module:Class.method``."""

_EMBEDDING = ("embed_queries", "embed_query_with_tokens")


class StageClock:
    """Adds up what each stage takes, in seconds of this process's CPU time, less the stages within it.

    Args:
        now: The clock.

    Attributes:
        seconds: By stage.
    """

    def __init__(self, now: Callable[[], float] = time.process_time) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._now = now
        self._entered: list[str] = []
        self._since = 0.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of this block as that of a stage."""
        self._switch()
        self._entered.append(name)
        try:
            yield
        finally:
            self._switch()
            self._entered.pop()

    def _switch(self) -> None:
        now = self._now()
        if self._entered:
            self.seconds[self._entered[-1]] += now - self._since
        self._since = now

    def take(self) -> dict[str, float]:
        """Return what was added up, and begin anew."""
        taken, self.seconds = dict(self.seconds), defaultdict(float)
        return taken


def query_stages() -> dict[str, tuple[str, ...]]:
    """Return :data:`STAGES`, as the model the methods of all classes of embedders that are loaded now."""
    found = tuple(
        f"{module.__name__}:{kind.__name__}.{name}"
        for module in _modules()
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and not getattr(kind, "_is_protocol", False)
        for name in _EMBEDDING
        if name in vars(kind)
    )
    return {**STAGES, "model": found}


@contextlib.contextmanager
def timed_stages(clock: StageClock, stages: Mapping[str, Iterable[str]]) -> Iterator[None]:
    """Have the functions of ``stages`` tell ``clock``.

    Raises:
        LookupError: If a function is not there.
    """
    with contextlib.ExitStack() as stack:
        for stage, functions in stages.items():
            for function in functions:
                stack.enter_context(_timed(function, stage, clock))
        yield


@contextlib.contextmanager
def _timed(name: str, stage: str, clock: StageClock) -> Iterator[None]:
    """Time a function wherever the package has it, or a method of a class."""
    module, _, path = name.partition(":")
    kind, _, attribute = path.rpartition(".")
    owner: Any = importlib.import_module(module)
    owner = vars(owner).get(kind) if kind else owner
    function = None if owner is None else vars(owner).get(attribute)
    if not callable(function):
        raise LookupError(f"{name}, which the stage {stage!r} begins with, is not there: name what is there now")

    @functools.wraps(function)
    def timed(*arguments: Any, **options: Any) -> Any:
        with clock.stage(stage):
            return function(*arguments, **options)

    places = [owner] if kind else [other for other in _modules() if vars(other).get(attribute) is function]
    for place in places:
        setattr(place, attribute, timed)
    try:
        yield
    finally:
        for place in places:
            setattr(place, attribute, function)


def _modules() -> list[Any]:
    """Return the package's modules that are loaded: some have imported a function of another one by its name."""
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "semsearch"]
