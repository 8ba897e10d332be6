"""The index that answers: kept open, looked after for newer generations, and asked for bytes of JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from semsearch._version import __version__
from semsearch.addresses import is_address
from semsearch.as_json import article_json, hit_json
from semsearch.errors import EngineUnavailableError, SemsearchError
from semsearch.passages import find_paragraphs
from semsearch.records import Hit, page_at
from semsearch.searching import LiveIndex, Searcher
from semsearch.serving._cache import Cache
from semsearch.serving._words import WordsMissing

__all__ = ["Archive", "Question", "as_bytes"]

_LOG = logging.getLogger("semsearch.serving")
LEAST_FOR_ENGINES = 10.0  # seconds between two questions to an engine whether there is something new
_NO_WORDS = (
    "the ranking knows nothing of words now, as no index of them as they are is on the server: "
    "'semsearch repair' makes it"
)


class Question(Protocol):
    """All that an answer depends on but the index; equal ones have equal answers."""

    @property
    def query(self) -> str | None:
        """As it was asked, if words were."""

    def __repr__(self) -> str:
        """Return all of it, so that those which say the same are the same."""


class Archive:
    """A live index and what is known of it. Threads may share it.

    Args:
        index: The index's folder, its address in an engine, or one that is open; it is closed with this.
        refresh: The seconds between two looks for a newer generation.
        cache_bytes: The bytes of answers that are kept.

    Raises:
        SemsearchError: As :func:`~semsearch.open_index`.
    """

    def __init__(self, index: str | os.PathLike[str] | LiveIndex, *, refresh: float, cache_bytes: int) -> None:
        self._words = WordsMissing()
        with contextlib.ExitStack() as stack:
            stack.callback(self._words.close)
            self._live = index if isinstance(index, LiveIndex) else LiveIndex(index)
            stack.pop_all()
        self.cache = Cache(cache_bytes)
        self._heard_before = 0  # this generation was opened
        self._failure: SemsearchError | OSError | None = None
        self._ended = threading.Event()
        self._every = max(refresh, LEAST_FOR_ENGINES) if is_address(self._live.index) else refresh
        self._thread = threading.Thread(target=self._follow, name="semsearch-refresh", daemon=True)
        self._thread.start()

    @property
    def generation(self) -> str:
        """The id of the generation that answers."""
        return self._live.generation

    @property
    def is_reachable(self) -> bool:
        """Whether the engine could be reached when it was last asked; always so of a folder."""
        return not isinstance(self._failure, EngineUnavailableError)

    @property
    def warnings(self) -> list[str]:
        """What makes answers other than they should be."""
        found = []
        if self._words.heard > self._heard_before:
            found.append(_NO_WORDS)
        if self._failure is not None:
            found.append(
                f"a newer generation cannot be opened ({type(self._failure).__name__}): this one answers until it can; "
                "the server's log says more"
            )
        return found

    def known(self, question: Question) -> bytes | None:
        """Return the answer if the generation that answers now was asked the same before."""
        return self.cache.get(_key(self.generation, question))

    def answer(self, question: Question, ask: Callable[[Searcher], list[Hit]]) -> bytes:
        """Ask the index; return the hits as JSON without its last brace, so that something can be added.

        Raises:
            ValueError: If the question makes no sense.
            SemsearchError: If the index cannot answer.
        """
        with self._current() as (generation, searcher):
            hits = ask(searcher)
        told = self.warnings
        answer = as_bytes(
            {
                "query": question.query,
                "generation": generation,
                "warnings": told,
                "hits": [{"rank": hit.rank, **hit_json(hit), "article": article_json(hit.article)} for hit in hits],
            }
        )[:-1]
        if not told:
            self.cache.put(_key(generation, question), answer)
        return answer

    def article(self, article_id: str) -> bytes:
        """Return an article and its paragraphs.

        Raises:
            ArticleNotFoundError: If there is none with this id.
        """
        with self._current() as (generation, searcher):
            article = searcher.article(article_id)
        paragraphs, number = [], 0
        for one in find_paragraphs(article.text):
            number += not one.is_heading
            paragraphs.append(
                {
                    "number": None if one.is_heading else number,
                    "start": one.start,
                    "end": one.end,
                    "heading": one.is_heading,
                    "page": page_at(article, one.start),
                }
            )
        return as_bytes(
            {
                "generation": generation,
                "article": article_json(article),
                "text": article.text,
                "paragraphs": paragraphs,
            }
        )

    def sources(self) -> bytes:
        """Return what the index has of each source."""
        with self._current() as (generation, searcher):
            found = searcher.sources()
        sources = [
            {
                "source": one.source,
                "articles": one.articles,
                "first": None if one.first is None else one.first.isoformat(),
                "last": None if one.last is None else one.last.isoformat(),
            }
            for one in found
        ]
        return as_bytes({"generation": generation, "sources": sources})

    def status(self) -> bytes:
        """Return what answers."""
        with self._current() as (generation, searcher):
            manifest = searcher.manifest
        return as_bytes(
            {
                "version": __version__,
                "index": _name_of(self._live.index),
                "generation": generation,
                "model": _last_part(manifest.embedder.name),
                "articles": manifest.counts.articles,
                "passages": manifest.counts.passages,
                "languages": dict(manifest.languages),
                "created": manifest.created,
                "keeps_token_vectors": manifest.token_vectors,
                "warnings": self.warnings,
            }
        )

    def refresh(self) -> None:
        """Open a newer generation if there is one; what goes wrong is said in the log, once, and in the warnings."""
        heard = self._words.heard
        try:
            opened = self._live.refresh()
        except (SemsearchError, OSError) as error:
            if str(error) != str(self._failure):
                _LOG.warning("generation %s goes on answering: %s", self.generation, error)
            self._failure = error
            return
        if self._failure is not None:
            _LOG.info("the newest generation can be opened again")
        self._failure = None
        if opened:
            self._heard_before = heard
            self.cache.clear()
            _LOG.info("generation %s answers now", self.generation)

    def close(self) -> None:
        """Let go of the index once nobody is in the middle of a search."""
        self._ended.set()
        self._thread.join()
        self._live.close()
        self._words.close()

    def _follow(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.refresh()
            except Exception:  # noqa: BLE001, PERF203 - whatever it is, the generation that answers goes on
                _LOG.exception("the search for a newer generation has failed")

    @contextlib.contextmanager
    def _current(self) -> Iterator[tuple[str, Searcher]]:
        """Yield the generation that answers now, and what asks it."""
        while True:
            generation = self._live.generation
            with self._live.searcher() as searcher:
                if self._live.generation == generation:  # no newer one came in between
                    yield generation, searcher
                    return


def _key(generation: str, question: Question) -> bytes:
    """Return what an answer is kept by: of one length, as a question may be far longer than its answer."""
    return hashlib.sha256(f"{generation}\0{question!r}".encode("utf-8", "backslashreplace")).digest()


def as_bytes(value: dict[str, Any]) -> bytes:
    """Return JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _name_of(index: str) -> str:
    """Return what an index is called, and not where it is."""
    if not is_address(index):
        return Path(index).resolve().name
    from semsearch.engines import parse_address

    return parse_address(index).name


def _last_part(model: str) -> str:
    """Return what a model is called: its name in a hub, or of the path of a folder the last part."""
    return Path(model).name if Path(model).is_absolute() else model
