"""Files inside a file: what they are called, and how each is read by its own format, as deep as files are in files.

Whatever is wrong with a member is a problem of that member, named ``news.zip/a/b.html``; the next one is read. Names
are data: none is a path on the disk, and nothing is unpacked to where a name says.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from semsearch.readers._budget import MOST_NESTED, Budget, UnpackError
from semsearch.readers._formats import Format, format_of, pass_over
from semsearch.readers._log import HIDDEN, Located, Origin, ReadingLog
from semsearch.readers._packed import Metered, buffered

__all__ = ["Members", "UniqueNames", "drain", "is_too_deep", "outermost", "read_member"]

_IN_MEMORY = 8 << 20
_MOST_SOUGHT = 1 << 30
"""Bytes of a member that is read here and there and so is kept meanwhile, in a temporary file without a name."""
_CHUNK = 1 << 16
_LONGEST_NAME = 1000
"""Characters; a file system allows 255 for each folder, a ZIP archive 65,535 for all."""


def outermost(stream: BinaryIO, origin: Origin) -> tuple[BinaryIO, Origin]:
    """Return the stream and the origin of a file with a budget: its own if it is in another file, else a new one.

    What is read of the outermost file, from its begin to its end, pays for what is unpacked from it.
    """
    if origin.budget is not None:
        return stream, origin
    budget = Budget()
    return buffered(Metered(stream, budget)), origin._replace(budget=budget)


def drain(stream: BinaryIO) -> None:
    """Read what is left of a file: only of a file that was read to its end it is known whether it has changed."""
    while stream.read(_CHUNK):
        pass


def is_too_deep(origin: Origin, log: ReadingLog) -> bool:
    """Whether a file is in so many others that those in it are not read; then that is logged."""
    if origin.budget is None or origin.budget.depth < MOST_NESTED:
        return False
    log.problem(origin.place, f"what is in it is not read: it is in {MOST_NESTED} files within each other, unpack them")
    return True


class UniqueNames:
    """Tells names apart that are the same: the second one gets a number."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Return ``name``, or ``name~2`` if there was one before."""
        while name in self._known:
            self._known[name] += 1
            name = f"{name}~{self._known[name]}"
        self._known[name] = 1
        return name


class Members:
    """The members of an archive, one after the other.

    Attributes:
        origin: The archive's, with a budget.
    """

    def __init__(self, origin: Origin, log: ReadingLog) -> None:
        assert origin.budget is not None  # noqa: S101 - for the type checker
        self.origin = origin
        self._budget = origin.budget
        self._log = log
        self._names = UniqueNames()
        self._count = 0
        self._links = 0

    @property
    def is_over(self) -> bool:
        """Whether no more of them are to be read: too much was packed."""
        return self._budget.is_over

    def accept(self, name: str) -> Origin | None:
        """Return the origin of a member; count it and return None if it is hidden or of no format.

        Raises:
            UnpackError: If there are too many members.
        """
        self._count += 1
        self._budget.add_member()
        parts = _parts_of(name)
        if not parts:
            self._log.problem(self.origin.place, f"a member has no name that could be cited: {name[:100]!r}")
            return None
        if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
            self._log.ignored[HIDDEN] += 1
            return None
        if format_of(parts[-1]) is None:
            pass_over(parts[-1], self._log)
            return None
        below = self._names.unique("/".join(parts))
        return self.origin._replace(place=f"{self.origin.place}/{below}", id=f"{self.origin.id}/{below}")

    def pass_over_link(self) -> None:
        """Count a member that is a link, a pipe or a device."""
        self._links += 1

    def end(self) -> None:
        """Say what was not read on purpose and is no file of another kind, and whether there was none at all."""
        if self._links:
            many = "1 link or device in it was" if self._links == 1 else f"{self._links:,} links and devices in it were"
            self._log.note(self.origin.place, f"{many} not read")
        elif not self._count:
            self._log.problem(self.origin.place, "is empty: there is no file in it")


def _parts_of(name: str) -> list[str]:
    """Return the folders and the name of a member, none if they are none.

    Names come from other systems and from those who mean harm: backslashes part them as slashes do, nothing leads
    upwards, and bytes that are no UTF-8 are written out.
    """
    text = name.replace("\\", "/").replace("\x00", "").encode("utf-8", "backslashreplace").decode()
    parts = [part for part in text.split("/") if part.strip() not in {"", ".", ".."}]
    return parts if len(text) <= _LONGEST_NAME else []


def read_member(name: str, opened: Callable[[], BinaryIO], origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of a file that is in another one.

    Args:
        name: What it is called; the suffix says its format.
        opened: Opens it, to be read once from its begin to its end; may raise an OSError, as may the stream.
        origin: Its own, with the budget of the outermost file.
        log: Takes problems, and counts the member if it is of no format.
    """
    form, budget = format_of(name), origin.budget
    assert budget is not None  # noqa: S101 - for the type checker
    if form is None:
        pass_over(name, log)
        return
    budget.depth += 1
    try:
        yield from _read(form, opened, origin, log)
    except OSError as error:
        log.problem(origin.place, f"cannot be read ({error.strerror or error})")
    finally:
        budget.depth -= 1


def _read(form: Format, opened: Callable[[], BinaryIO], origin: Origin, log: ReadingLog) -> Iterator[Located]:
    if not form.seeks:
        yield from form(opened(), origin, log)
        return
    with contextlib.closing(_to_seek_in(opened())) as copy:
        yield from form(copy, origin, log)


def _to_seek_in(stream: BinaryIO) -> BinaryIO:
    """Return a copy of the stream that can be sought in: in memory, or on the disk where nothing names it.

    Raises:
        UnpackError: If it is too large.
    """
    beginning = stream.read(_IN_MEMORY)
    if len(beginning) < _IN_MEMORY:
        return io.BytesIO(beginning)
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed by the caller
    try:
        copy.write(beginning)
        size = len(beginning)
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > _MOST_SOUGHT:
                raise UnpackError(f"is larger than {_MOST_SOUGHT >> 30} GiB: unpack it")
            copy.write(chunk)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy
