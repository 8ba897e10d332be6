"""A source as the user names it to the files that it means, none outside it."""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from semsearch.errors import CorpusError
from semsearch.readers._formats import FORMATS, PACKED, format_of, pass_over
from semsearch.readers._globs import Choice
from semsearch.readers._log import EXCLUDED, HIDDEN, INDEX, Origin, ReadingLog
from semsearch.records import FileGlobs, is_unicode

__all__ = ["SourceFile", "find_files", "id_prefixes", "root_of"]


class SourceFile(NamedTuple):
    """A file to read, and what to call it."""

    path: Path
    origin: Origin


def id_prefixes(sources: Sequence[str]) -> list[str]:
    """Return for each source what makes its ids differ from those of the others: ``"y21/"`` and ``"y22/"``.

    It is the name of the folder that the source's ids are relative to, with those above it as far as it takes to tell
    all such folders apart. Sources in one folder need none.
    """
    # Not resolved: a folder is called what the user calls it.
    roots = [Path(os.path.abspath(root_of(source))).parts[1:] for source in sources if source != "-"]  # noqa: PTH100
    different = set(roots)
    if len(different) < 2:
        return [""] * len(sources)
    depth = next(depth for depth in itertools.count(1) if len({root[-depth:] for root in different}) == len(different))
    prefixes = ("".join(f"{name}/" for name in root[-depth:]) for root in roots)
    return ["" if source == "-" else next(prefixes) for source in sources]


def root_of(source: str) -> str:
    """Return the folder that the ids of a source's files are relative to."""
    if "\x00" in source or os.path.isdir(source):  # noqa: PTH112
        return source
    if not os.path.exists(source) and glob.has_magic(source):  # noqa: PTH110
        return str(_root_of_pattern(source))
    return str(Path(source).parent)


def _root_of_pattern(pattern: str) -> Path:
    parts = Path(pattern).parts
    return Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])


def find_files(
    source: str,
    log: ReadingLog,
    *,
    prefix: str = "",
    globs: FileGlobs = FileGlobs(),  # noqa: B008 - it is frozen
) -> Iterator[SourceFile]:
    """Yield the regular files that ``source`` names and that are of a format that is read, sorted by path.

    ``prefix`` stands before each id. Of a folder or a glob only those are taken that ``globs`` want.

    Links inside a folder or a glob are not followed: they lead out of the corpus, in circles, or to a file that is
    read anyway. Each is logged.

    Raises:
        CorpusError: If ``source`` does not exist, is no folder or regular file, or names a single file of a format
            that is not read.
    """
    _require_name(source)
    path = Path(source)
    if os.path.isdir(source):  # noqa: PTH112 - unlike Path.is_dir, no error for a name that no file can have
        files = _files_below(path, log, Choice(globs))
    elif os.path.exists(source):  # noqa: PTH110
        if not path.is_file():
            raise CorpusError(source, "is neither a folder nor a regular file")
        if format_of(path.name) is None:
            packed = ", ".join(sorted(PACKED))
            raise CorpusError(
                source, f"cannot be read: the formats are {', '.join(sorted(FORMATS))}; packed they end with {packed}"
            )
        files = iter([SourceFile(path, Origin(source, path.name))])
    elif glob.has_magic(source):
        files = _files_matching(source, log, Choice(globs))
    else:
        raise CorpusError(source, "no such file or folder: name a folder, a file, a glob or '-' for standard input")
    for found, origin in files:
        if is_unicode(origin.place):
            yield SourceFile(found, origin._replace(id=prefix + origin.id))
        else:
            log.problem(origin.place, "its name is not UTF-8, and an article could not be cited by it: rename it")


def _require_name(source: str) -> None:
    """Raise a CorpusError of what no file or folder can be called."""
    if not source:
        raise CorpusError(repr(source), "a path must not be empty: name a folder, a file, a glob or '-'")
    if "\x00" in source:
        raise CorpusError(repr(source), "a path must not contain NUL characters")
    try:
        os.fsencode(source)
    except UnicodeEncodeError:
        raise CorpusError(repr(source), "is no name that a file can have") from None


def _files_below(root: Path, log: ReadingLog, choice: Choice) -> Iterator[SourceFile]:
    def unreadable(error: OSError) -> None:
        log.problem(str(error.filename), f"the folder cannot be read ({error.strerror})")

    for here, subfolders, names in _walk(root, unreadable):
        folder = here.relative_to(root).as_posix()
        below = "" if folder == "." else f"{folder}/"
        own = [name for name in subfolders if not _is_of_page(name, names)]
        subfolders[:] = [name for name in own if _is_entered(here / name, below + name, log, choice)]
        for name in names:
            path = here / name
            if not choice.takes(below + name):
                log.ignored[EXCLUDED] += 1
            elif _is_wanted(path, log):
                yield SourceFile(path, Origin(str(path), below + name))


def _is_entered(path: Path, below: str, log: ReadingLog, choice: Choice) -> bool:
    """Whether the files of a folder are looked at; if it is hidden or excluded it is counted as one."""
    if not choice.enters(below):
        log.ignored[EXCLUDED] += 1
        return False
    if path.name.startswith("."):
        log.ignored[HIDDEN] += 1
        return False
    if _is_link(path, log):
        return False
    if _is_index(path):
        log.ignored[INDEX] += 1
        return False
    return True


def _is_index(folder: Path) -> bool:
    """Whether a folder is an index, be it one that is being made: its files are texts and tables, and no articles."""
    # Unlike Path's these functions raise no error where a folder may not be looked into.
    if not os.path.isdir(folder / "generations"):  # noqa: PTH112
        return False
    return any(os.path.exists(folder / name) for name in ("CURRENT", "writer.lock"))  # noqa: PTH110


def _is_of_page(folder: str, files: Sequence[str]) -> bool:
    """Whether a browser saved what belongs to a page in this folder: ``harbour_files`` beside ``harbour.html``."""
    page = folder.removesuffix("_files")
    return page != folder and any(f"{page}{suffix}" in files for suffix in (".html", ".htm", ".xhtml"))


def _walk(root: Path, unreadable: Callable[[OSError], None]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder with the names of its subfolders and of its files, sorted; what is taken off is not entered.

    Before Python 3.12 ``os.walk`` calls itself for each level, and ends where the stack does.
    """
    waiting = [root]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError as error:
            unreadable(error)
            continue
        subfolders = [name for name, is_folder in found if is_folder]
        yield here, subfolders, [name for name, is_folder in found if not is_folder]
        waiting += [here / name for name in reversed(subfolders)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _matches(pattern: str) -> list[str]:
    """Return what ``glob.glob`` does, but do not walk through links with ``**``: two in a circle never end."""
    head, double, tail = pattern.partition("**")
    if not double or not (head == "" or head.endswith("/")) or not (tail == "" or tail.startswith("/")):
        return sorted(glob.glob(pattern))  # noqa: PTH207 - Path.glob takes no absolute pattern
    found: set[str] = set()
    for base in glob.glob(head) if head else ["."]:  # noqa: PTH207
        for folder, subfolders, _ in _walk(Path(base), lambda _: None):
            subfolders[:] = [n for n in subfolders if not n.startswith(".") and not (folder / n).is_symlink()]
            found.update(_matches(str(Path(glob.escape(str(folder)), tail.lstrip("/") or "*"))))
    return sorted(os.path.normpath(path) if not head else path for path in found)


def _files_matching(pattern: str, log: ReadingLog, choice: Choice) -> Iterator[SourceFile]:
    root = _root_of_pattern(pattern)
    found = False
    for match in _matches(pattern):
        path = Path(match)
        if path.is_dir() and not path.is_symlink():
            continue
        found = True
        below = path.relative_to(root).as_posix()
        if not choice.takes(below):
            log.ignored[EXCLUDED] += 1
        elif any(_is_index(root / folder) for folder in path.relative_to(root).parents):
            log.ignored[INDEX] += 1
        elif not _reached_by_link(path, root, log) and _is_wanted(path, log):
            yield SourceFile(path, Origin(match, below))
    if not found:
        raise CorpusError(pattern, "no file matches this pattern")


def _reached_by_link(path: Path, root: Path, log: ReadingLog) -> bool:
    """Whether a folder between ``root`` and ``path`` is a link: a glob follows those."""
    for folder in reversed(path.relative_to(root).parents):
        if folder != Path() and (root / folder).is_symlink():
            log.note(str(path), f"not read: {root / folder} is a link")
            return True
    return False


def _is_wanted(path: Path, log: ReadingLog) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        log.problem(str(path), f"cannot be read ({error.strerror})")
        return False
    if stat.S_ISLNK(mode):
        return not _is_link(path, log)
    if path.name.startswith("."):
        log.ignored[HIDDEN] += 1
        return False
    if format_of(path.name) is None:
        pass_over(path.name, log)
        return False
    if not stat.S_ISREG(mode):
        log.note(str(path), "not read: it is no regular file")
        return False
    return True


def _is_link(path: Path, log: ReadingLog) -> bool:
    if path.is_symlink():
        log.note(str(path), "not read: links inside a corpus are not followed")
        return True
    return False
