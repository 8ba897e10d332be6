"""An index that follows its corpus: a rebuild whenever files have changed and come to rest."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.building._build import build_index
from semsearch.building._report import BuildReport, silent
from semsearch.embedders import Embedder, load_embedder
from semsearch.errors import CorpusError, IndexLockedError, SemsearchError
from semsearch.readers import format_of, require_sources, root_of
from semsearch.records import FieldNames, ReportProgress
from semsearch.storage import read_manifest

if TYPE_CHECKING:
    from watchfiles import Change

__all__ = ["watch_corpus"]

_WAKE = 1000  # milliseconds between two looks whether to stop, or to try again
_LONGEST_BURST = 30  # times the rest that files must have come to; then what is at rest is looked for
_LONGEST_WAIT = 300.0  # seconds; then a file that never comes to rest (a log) is taken as it is


def watch_corpus(
    corpus: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    index: str | os.PathLike[str] = "index",
    *,
    embedder: str | os.PathLike[str] | None = None,
    settle: float = 2.0,
    fields: FieldNames | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    progress: Callable[[], AbstractContextManager[ReportProgress]] | None = None,
    stop: threading.Event | None = None,
) -> Iterator[BuildReport | SemsearchError]:
    """Build the index of a corpus, and again whenever its files have changed.

    Changes that follow each other are taken in together, when no file has changed for ``settle`` seconds: a file that
    is being written is left alone until it is complete, or for five minutes. A build costs what has changed.

    Args:
        corpus: A folder or glob, or several; or files.
        index: The index's folder; it may lie in the corpus.
        embedder: The name or folder of a model, as for :func:`build_index`.
        settle: Seconds.
        fields: What the columns of records are called, as for :func:`build_index`.
        include: Which files are wanted, likewise.
        exclude: Which are not.
        progress: Gives for each build what is called with its :class:`Progress`.
        stop: Ends this when it is set, between two builds.

    Yields:
        What each build did that changed something, the first one in any case; or why it failed. The index is then as it
        was. A build that could not be because another process writes to the index is tried again by itself.

    Raises:
        CorpusError: If the corpus does not exist, or is both folders and files.
        SemsearchError: If watchfiles is not installed.
    """
    try:
        import watchfiles
    except ModuleNotFoundError:
        raise SemsearchError("following a folder needs the extra: 'pip install semsearch[watch]'") from None
    sources = [os.fspath(source) for source in ([corpus] if isinstance(corpus, str | os.PathLike) else corpus)]
    roots, are_files = _roots(sources)
    builder = _Builder(sources, Path(index), embedder, fields, include, exclude, progress)
    wanted = _Wanted(Path(index))
    stop = stop or threading.Event()
    is_first = is_due = True
    while not stop.is_set():
        if not all(map(os.path.exists, roots)):  # it was removed, or its disk is not there: it may come back
            is_due = True
            stop.wait(_WAKE / 1000)
            continue
        waiting_since: float | None = None
        for changes in watchfiles.watch(
            *roots,
            watch_filter=wanted,
            step=int(settle * 1000),
            debounce=int(settle * 1000 * _LONGEST_BURST),
            rust_timeout=_WAKE,
            yield_on_timeout=True,
            recursive=not are_files,
            stop_event=stop,
        ):
            is_due = is_due or bool(changes)
            now = time.monotonic()
            waiting_since = waiting_since or now
            if not is_due or (now - waiting_since < _LONGEST_WAIT and _are_moving(changes, settle)):
                if not is_due:
                    waiting_since = None
                continue
            outcome = builder.build()
            is_due, waiting_since = isinstance(outcome, IndexLockedError), None
            if is_first or isinstance(outcome, SemsearchError) or not outcome.unchanged:
                yield outcome
            is_first = False
            if not all(map(os.path.exists, roots)):
                break


def _roots(sources: Sequence[str]) -> tuple[list[str], bool]:
    """Return the folders to look at, and whether it is for files in them alone.

    A file is looked at through its folder: what replaces it is another file of its name.
    """
    if "-" in sources:
        raise CorpusError("standard input", "cannot be followed: name a folder")
    require_sources(*sources)
    are_files = [os.path.isfile(source) for source in sources]  # noqa: PTH113
    if any(are_files) and not all(are_files):
        raise CorpusError(sources[are_files.index(True)], "is a file beside folders: follow folders, or files")
    return list(dict.fromkeys(root_of(source) for source in sources)), all(are_files)


class _Wanted:
    """Whether a change may be one of the corpus: not of the index, of what is hidden, or of a format not read."""

    def __init__(self, index: Path) -> None:
        self._index = os.path.realpath(index)

    def __call__(self, _: Change, path: str) -> bool:
        real = os.path.realpath(path)
        if real == self._index or real.startswith(self._index + os.sep):
            return False
        name = os.path.basename(path)  # noqa: PTH119
        # Of what is gone nobody knows whether it was a folder.
        return not name.startswith(".") and (format_of(name) is not None or not os.path.isfile(path))  # noqa: PTH113


def _are_moving(changes: Iterable[tuple[Change, str]], settle: float) -> bool:
    """Whether one of the files was written to since less than ``settle`` seconds."""
    for _, path in changes:
        with contextlib.suppress(OSError):
            if 0 <= time.time() - os.stat(path).st_mtime < settle / 2:  # noqa: PTH116
                return True
    return False


class _Builder:
    """Builds the index, with a model that stays loaded."""

    def __init__(
        self,
        sources: Sequence[str],
        index: Path,
        model: str | os.PathLike[str] | None,
        fields: FieldNames | None,
        include: Iterable[str] | None,
        exclude: Iterable[str] | None,
        progress: Callable[[], AbstractContextManager[ReportProgress]] | None,
    ) -> None:
        self._sources = list(sources)
        self._index = index
        self._model = model
        self._fields = fields
        self._include = None if include is None else tuple(include)
        self._exclude = None if exclude is None else tuple(exclude)
        self._progress = progress or (lambda: contextlib.nullcontext(silent))
        self._embedder: Embedder | None = None

    def build(self) -> BuildReport | SemsearchError:
        """Build, or say why that cannot be."""
        try:
            require_sources(*self._sources)
            with self._progress() as report:
                built = build_index(
                    self._sources,
                    self._index,
                    embedder=self._embedder or self._model,
                    fields=self._fields,
                    include=self._include,
                    exclude=self._exclude,
                    progress=report,
                )
            self._embedder = self._embedder or self._loaded()
        except SemsearchError as error:
            return error
        return built

    def _loaded(self) -> Embedder:
        """Load the index's model as the index has it, so that no later build waits for it."""
        _, manifest = read_manifest(self._index)
        spec = manifest.embedder
        return load_embedder(self._model or spec.name, revision=spec.revision, precision=manifest.precision)
