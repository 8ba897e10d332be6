"""Everything that can go wrong in semsearch and is not a programming mistake.

A wrong *argument* is a :class:`ValueError` that states what was given and what was expected. Everything else that
semsearch itself can tell you about is a :class:`SemsearchError`::

    SemsearchError                     exit code
    ├── CorpusError                    1   an article, a file or a record that cannot be read
    ├── IndexNotFoundError             3   there is no index in that folder
    ├── IndexFormatError               3   the index was written by a newer semsearch
    ├── EmbedderMismatchError          3   the index was built with another embedder
    ├── IndexCorruptError              4   a file of the index is missing or damaged
    ├── IndexWriteError                1   a file of the index cannot be written: the disk is full, say
    ├── IndexLockedError               5   another process is writing to the index
    ├── ArticleNotFoundError           2   the index has no article with that id (also a ValueError)
    ├── ModelNotFoundError             6   the embedding model is not on this machine
    └── EngineError                    8   the engine that keeps the index refuses something
        ├── EngineAuthError            8   it does not know this user, or lets them do too little
        └── EngineUnavailableError     8   it cannot be reached, or does not answer in time

Each message names the file (and line, where there is one) and the remedy. ``exit_code`` is what the ``semsearch``
command ends with; ``docs/commands.md`` lists the codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ArticleNotFoundError",
    "CorpusError",
    "EmbedderMismatchError",
    "EngineAuthError",
    "EngineError",
    "EngineUnavailableError",
    "IndexCorruptError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexNotFoundError",
    "IndexWriteError",
    "ModelNotFoundError",
    "SemsearchError",
    "WordsMissingWarning",
]


class SemsearchError(Exception):
    """The base of every error that semsearch raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come back from another process as it is: Exception would call the class with the message alone."""
        return _again, (type(self), self.args, vars(self))


def _again(kind: type[SemsearchError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> SemsearchError:
    error = kind.__new__(kind, *arguments)
    vars(error).update(attributes)
    return error


class CorpusError(SemsearchError):
    """An article cannot be read, or the corpus as a whole cannot be indexed.

    ``place`` says where: a file, a file and line (``news.jsonl:17``) or an entry of an iterable (``articles[3]``).
    """

    def __init__(self, place: str, reason: str) -> None:
        shown = place.encode("utf-8", "backslashreplace").decode()  # a file's name may be what no terminal can show
        super().__init__(f"{shown}: {reason}")
        self.place = place
        self.reason = reason


class IndexNotFoundError(SemsearchError):
    """There is no index in the folder that was named."""

    exit_code = 3


class IndexFormatError(SemsearchError):
    """The index has a format that this version of semsearch does not read."""

    exit_code = 3


class EmbedderMismatchError(SemsearchError):
    """The index was built with another embedder; its vectors cannot be compared with this one's."""

    exit_code = 3


class IndexCorruptError(SemsearchError):
    """A file of the index is missing, damaged or does not belong to the others. ``path`` names it."""

    exit_code = 4

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; rebuild the index with 'semsearch rebuild-index CORPUS'")
        self.path = path
        self.reason = reason


class IndexWriteError(SemsearchError):
    """A file of the index cannot be written. ``path`` names it; what was committed before stays as it is.

    The error of the operating system is its ``__cause__``.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class IndexLockedError(SemsearchError):
    """Another process is writing to the index. ``pid`` is that process, where it is known."""

    exit_code = 5

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class ArticleNotFoundError(SemsearchError, ValueError):
    """The index has no article with the id that was named: a wrong argument, and what a program may want to catch."""

    exit_code = 2

    def __init__(self, article: str) -> None:
        super().__init__(f"the index has no article {article!r}: name the id of one, as hits have it")
        self.article = article


class ModelNotFoundError(SemsearchError):
    """The embedding model is not on this machine, or what is there is not a model."""

    exit_code = 6


class EngineError(SemsearchError):
    """The engine that keeps the index refuses something, or what it holds is no index. ``address`` says where it is."""

    exit_code = 8

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class EngineAuthError(EngineError):
    """The engine does not know the user, or does not let them do what is needed."""


class EngineUnavailableError(EngineError):
    """The engine cannot be reached, is restarting, or did not answer in time: the same can be tried again."""


class WordsMissingWarning(UserWarning):
    """An index in an engine cannot be searched by words at the moment, so that it is ranked without them."""
