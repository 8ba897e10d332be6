"""The formats that are read, by the suffixes that name them; a module of one is imported when a file of it is read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, cast

from semsearch.readers._log import Located, Origin, ReadFormat, ReadingLog

__all__ = ["FORMATS", "Format", "format_of", "suffix_of"]


class Format(NamedTuple):
    """A format: a function of one of the modules beside this one.

    Attributes:
        module: The module's name.
        function: The function's, a :data:`ReadFormat`.
        seeks: Whether it reads here and there in a file (a PDF, a database), not from its begin to its end.
    """

    module: str
    function: str
    seeks: bool = False

    def __call__(self, stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
        """Yield the articles of an open file, which must be one to seek in if the format :attr:`seeks`."""
        module = importlib.import_module(f"semsearch.readers.{self.module}")
        return cast(ReadFormat, getattr(module, self.function))(stream, origin, log)


_PLAIN = Format("plain", "read_plain")
_PDF = Format("pdf", "read_pdf", seeks=True)
_WORD = Format("word", "read_word", seeks=True)
_OPEN_DOCUMENT = Format("opendocument", "read_opendocument", seeks=True)
_EPUB = Format("epub", "read_epub", seeks=True)
_RTF = Format("rtf", "read_rtf")
_RESTRUCTURED_TEXT = Format("restructuredtext", "read_restructuredtext")
_MARKDOWN = Format("markdown", "read_markdown")
_JSON_LINES = Format("jsonlines", "read_jsonlines")

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".txt": _PLAIN,
        ".text": _PLAIN,
        ".md": _MARKDOWN,
        ".markdown": _MARKDOWN,
        ".jsonl": _JSON_LINES,
        ".ndjson": _JSON_LINES,
        ".pdf": _PDF,
        ".docx": _WORD,
        ".odt": _OPEN_DOCUMENT,
        ".epub": _EPUB,
        ".rtf": _RTF,
        ".rst": _RESTRUCTURED_TEXT,
    }
)


def suffix_of(name: str) -> str:
    """Return the suffix that says what a file is, in lower case: ``".tar.gz"`` where it is a format, else ``".gz"``."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes[-2:]]
    double = "".join(suffixes)
    return double if double in FORMATS else "".join(suffixes[-1:])


def format_of(name: str) -> Format | None:
    """Return the format of a file that is called ``name``, or None if it is not read."""
    return FORMATS.get(suffix_of(name))
