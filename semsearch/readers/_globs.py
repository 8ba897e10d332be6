"""Which files of a folder are wanted, by patterns like those of a ``.gitignore``."""

from __future__ import annotations

from semsearch.records import FileGlobs

__all__ = ["Choice"]


class Choice:
    """Tells the files that are wanted from the others.

    Paths are those below the source, with ``/``, whatever the system's separator is.

    Raises:
        ValueError: If a pattern is none.
    """

    def __init__(self, globs: FileGlobs) -> None:
        include = exclude = None
        if globs:
            from pathspec import GitIgnoreSpec

            include = GitIgnoreSpec.from_lines(globs.include) if globs.include else None
            exclude = GitIgnoreSpec.from_lines(globs.exclude) if globs.exclude else None
        self._include, self._exclude = include, exclude

    def takes(self, path: str) -> bool:
        """Whether the file is wanted."""
        if self._exclude is not None and self._exclude.match_file(path):
            return False
        return self._include is None or self._include.match_file(path)

    def enters(self, folder: str) -> bool:
        """Whether anything in the folder may be wanted."""
        return self._exclude is None or not self._exclude.match_file(f"{folder}/")
