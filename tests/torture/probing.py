"""A process of its own that opens an index, asks everything of it, and says what came of it: it may end, tests do not.

``python -m tests.torture.probing`` reads a request a line and answers each with a line, both JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NamedTuple

import numpy as np
import pytest
from typing_extensions import Self

from semsearch import Article, Searcher, SemsearchError, lexical, open_index, update_index, verify_index
from semsearch.storage import Archive, _current, _intact, _rows, generations, verifying
from semsearch.storage._rows import CheckedRows
from semsearch.tokens import TokenStore
from tests.conftest import ROOT
from tests.embedder import TokenWordEmbedder

__all__ = ["QUESTION", "SABOTAGES", "Finding", "Prober", "few_are_many"]

SECONDS = 60
"""After which a request that is not answered ends the process; fewer where that is what is waited for."""

_FEW_SECONDS = 3

SPARE_BYTES = 2 << 30
"""Of memory, beyond what the process has to begin with."""

QUESTION = "the envoys of the harbour signed the treaty"

_SEARCHES: dict[str, Callable[[Searcher], Any]] = {
    "hybrid": lambda searcher: searcher.search(QUESTION, 10, explain=True),
    "nearest by codes": lambda searcher: searcher.search(QUESTION, 1, mode="dense", recall=0.9, evidence=False),
    "a filter": lambda searcher: searcher.search("guards at the bridge", 5, where="source = Agency1 or n > 20"),
    "words": lambda searcher: searcher.search(QUESTION, 10, mode="lexical"),
    "a phrase": lambda searcher: searcher.search('"signed the treaty"', 5),
    "similar": lambda searcher: searcher.similar("article 7", 5),
    "articles": lambda searcher: searcher.search_articles("soldiers at the airport", 5),
    "all": lambda searcher: searcher.search(QUESTION, max(len(searcher), 1), fold_duplicates=False),
    "all vectors": lambda searcher: searcher.search(QUESTION, max(len(searcher), 1), mode="dense"),
}


class Finding(NamedTuple):
    """What came of one index.

    Attributes:
        problems: The paths that ``verify_index`` has a problem with, or the error that it raised names.
        outcome: ``error`` for one of the library's, ``answers``, or what else there was: the exception or the end.
        path: The file that the error names.
        message: What the error says.
        answers: What the searches found, if all of them did.
    """

    problems: list[str]
    outcome: str
    path: str = ""
    message: str = ""
    answers: dict[str, Any] | None = None


@contextlib.contextmanager
def few_are_many() -> Iterator[None]:
    """Treat a small index as a large one: with codes, and each row is checked when it is first read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.dense.FLAT_ROWS", 20)
        patch.setattr("semsearch.dense._FEW", 5)
        patch.setattr("semsearch.lexical._FEWEST", 1)
        patch.setattr("semsearch.dense._RARE", 1000)
        patch.setattr(generations, "_LARGE", 1000)
        patch.setattr(generations, "_LARGE_VECTORS", 1000)
        yield


# --- what can be broken -----------------------------------------------------------------------------------------------

_require_intact = _intact.require_intact
_read_current = _current.read_current


def _require_no_content(path: Path, record: Any, *, content: bool = True, sha256: bool = False) -> None:
    _require_intact(path, record, content=content and sha256, sha256=sha256)


def _require_no_sha256(path: Path, record: Any, *, content: bool = True, sha256: bool = False) -> None:
    _require_intact(path, record, content=content and not sha256, sha256=False)


def _require_any_size(path: Path, record: Any, *, content: bool = True, sha256: bool = False) -> None:
    if record is not None and path.is_file():
        record = dataclasses.replace(record, bytes=path.stat().st_size)
    _require_intact(path, record, content=content, sha256=sha256)


def _require_what_is_there(path: Path, record: Any, *, content: bool = True, sha256: bool = False) -> None:
    if path.exists():
        _require_intact(path, record, content=content, sha256=sha256)


def _current_of_any_manifest(index: Path) -> tuple[str, str]:
    generation, _ = _read_current(index)
    manifest = index / "generations" / generation / "manifest.json"
    return generation, hashlib.sha256(manifest.read_bytes()).hexdigest()


def _do_nothing(*_: object) -> None:
    pass


def _say_yes(*_: object) -> bool:
    return True


def _take_spans(self: Any, segments: Any, spans: Any, codec: Any, *, check: Any = None) -> None:
    self.segments, self.spans, self.codec, self._check = segments, spans, codec, check


def _take_documents(folder: Path) -> tuple[Any, int]:
    pairs = np.fromfile(folder / "documents.i4", dtype="<i4").reshape(-1, 2).astype(np.int64)
    return pairs[1:], int(pairs[0, 0])


def _end(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_REQUIRE = [generations, verifying]  # those who ask

SABOTAGES: dict[str, tuple[list[Any], str, object]] = {
    "no checksum when opening": (_REQUIRE, "require_intact", _require_no_content),
    "no checksum when verifying": (_REQUIRE, "require_intact", _require_no_sha256),
    "no size": (_REQUIRE, "require_intact", _require_any_size),
    "no look for what is missing": (_REQUIRE, "require_intact", _require_what_is_there),
    "no checksum of a row": ([CheckedRows], "require", _do_nothing),
    "no checksum of the manifest": ([_current], "read_current", _current_of_any_manifest),
    "no look at spans": ([TokenStore], "__init__", _take_spans),
    "no look at the rows of documents": ([lexical], "_read_documents", _take_documents),
    "no look at the schema": ([Archive], "_check_schema", _do_nothing),
    "no look at components": ([_rows], "are_components", _say_yes),
    "no look at panics": ([lexical], "_panics_as_errors", contextlib.nullcontext),
    "no look at what is no file": ([_intact], "stat", SimpleNamespace(S_ISREG=_say_yes)),
    "a crash": ([_current], "read_current", _end),
}
"""What a process does not do, by its name: objects, their attribute, and what stands there instead."""


# --- the process ------------------------------------------------------------------------------------------------------


def _hit(hit: Any) -> Any:
    """Return all that a hit says, as JSON has it."""
    passage, article = hit.passage, hit.article
    answer = [hit.rank, hit.score, article.id, article.title, str(article.published), article.source, article.url]
    answer += [json.dumps(dict(article.metadata)), article.text, passage.text, passage.paragraph, passage.start]
    answer += [passage.end, repr(hit.evidence), repr(hit.explanation), [_hit(each) for each in hit.duplicates]]
    return answer


def _answers(searcher: Searcher) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for name, search in _SEARCHES.items():
        try:
            found = search(searcher)
        except ValueError as error:
            if not str(error).startswith(("no article has a field", "the index has no article")):
                raise
            answers[name] = str(error)  # what is asked for is not there
            continue
        answers[name] = [
            _hit(each) if hasattr(each, "passage") else [each.score, *map(_hit, each.hits)] for each in found
        ]
    return answers


def _problems(index: Path) -> tuple[list[str], str]:
    try:
        return [str(check.path) for check in verify_index(index) if check.problem is not None], ""
    except SemsearchError as error:
        return [str(getattr(error, "path", error))], ""
    except BaseException as error:  # noqa: BLE001 - the engine's panics are no Exception
        return [], f"verify_index: {type(error).__name__}: {error}"


def look(index: Path, *, verify: bool = True) -> Finding:
    """Verify an index, open it and ask everything of it."""
    problems, unexpected = _problems(index) if verify else ([], "")
    if unexpected:
        return Finding(problems, unexpected)
    try:
        with open_index(index, embedder=TokenWordEmbedder()) as searcher:
            return Finding(problems, "answers", answers=_answers(searcher))
    except SemsearchError as error:
        return Finding(problems, "error", str(getattr(error, "path", "")), str(error))
    except BaseException as error:  # noqa: BLE001 - as above
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return Finding(problems, f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")


def change(index: Path) -> Finding:
    """Put an article into an index, which keeps of the others what it can."""
    try:
        update_index(
            index, add=[Article("one more", "One more article about the harbour.")], embedder=TokenWordEmbedder()
        )
        problems, unexpected = _problems(index)
        return Finding(problems, unexpected or ("damaged" if problems else "built"))
    except SemsearchError as error:
        return Finding([], "error", str(getattr(error, "path", "")), str(error))
    except BaseException as error:  # noqa: BLE001 - as above
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return Finding([], f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, FileNotFoundError):  # Linux alone says what it has
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + SPARE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _main() -> None:
    import faiss

    np.seterr(all="ignore")  # of files that lie: overflows say nothing
    faiss.omp_set_num_threads(1)
    _limit_memory()
    for line in sys.stdin:
        request = json.loads(line)
        if hasattr(signal, "alarm"):
            signal.alarm(SECONDS if request["sabotage"] is None else _FEW_SECONDS)
        with contextlib.ExitStack() as stack:
            if request["small"]:
                stack.enter_context(few_are_many())
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            if request["sabotage"] is not None:
                objects, attribute, instead = SABOTAGES[request["sabotage"]]
                for each in objects:
                    patch.setattr(each, attribute, instead)
            index = Path(request["index"])
            finding = change(index) if request["change"] else look(index, verify=request["verify"])
        sys.stdout.write(json.dumps(finding) + "\n")
        sys.stdout.flush()


# --- who asks it ------------------------------------------------------------------------------------------------------


class Prober:
    """Asks the process, and starts another when it has ended.

    Attributes:
        crashes: How often it has.
    """

    def __init__(self) -> None:
        self.crashes = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end()

    def look(self, index: Path, *, small: bool = True, sabotage: str | None = None, verify: bool = True) -> Finding:
        """Return what comes of ``index``: its end is one outcome more."""
        return self._ask({"index": str(index), "small": small, "sabotage": sabotage, "verify": verify, "change": False})

    def change(self, index: Path) -> Finding:
        """Return what comes of an update of ``index``: ``built``, an error, or what must not be."""
        return self._ask({"index": str(index), "small": True, "sabotage": None, "verify": False, "change": True})

    def _ask(self, request: dict[str, Any]) -> Finding:
        process = self._process = self._process or self._start()
        pipe: IO[str] | None = process.stdin
        assert pipe is not None
        assert process.stdout is not None
        pipe.write(json.dumps(request) + "\n")
        pipe.flush()
        line = process.stdout.readline()
        if line:
            return Finding(*json.loads(line))
        self.crashes += 1
        return Finding([], f"the process ended with {self._end()}")

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.torture.probing"],
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _end(self) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        with contextlib.suppress(BrokenPipeError):
            process.communicate()
        return process.returncode


if __name__ == "__main__":
    _main()
