"""The formats that are read, by the suffixes that name them; a module of one is imported when a file of it is read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, cast

from semsearch.readers._log import Located, Origin, ReadFormat, ReadingLog

__all__ = ["FORMATS", "PACKED", "Format", "format_of", "pass_over", "pass_over_kind", "suffix_of", "unpacked_name"]


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


_PLAIN = Format("text.plain", "read_plain")
_PDF = Format("pdf", "read_pdf", seeks=True)
_WORD = Format("documents.word", "read_word", seeks=True)
_OPEN_DOCUMENT = Format("documents.opendocument", "read_opendocument", seeks=True)
_EPUB = Format("documents.epub", "read_epub", seeks=True)
_RTF = Format("documents.rtf", "read_rtf")
_RESTRUCTURED_TEXT = Format("documents.restructuredtext", "read_restructuredtext")
_MARKDOWN = Format("text.markdown", "read_markdown")
_JSON_LINES = Format("tables.jsonlines", "read_jsonlines")
_JSON = Format("tables.jsonfile", "read_json")
_DELIMITED = Format("tables.delimited", "read_delimited")
_PARQUET = Format("tables.columnar", "read_parquet", seeks=True)
_ARROW = Format("tables.columnar", "read_arrow", seeks=True)
_SQLITE = Format("tables.sqlite", "read_sqlite", seeks=True)
_ZIP = Format("archives", "read_zip", seeks=True)
_TAR = Format("archives", "read_tar")
_MESSAGE = Format("mail", "read_message")
_MAILBOX = Format("mail", "read_mailbox")
_EMLX = Format("mail", "read_emlx")
_FEED = Format("feeds", "read_feed")
_WARC = Format("warc", "read_warc")
_COMPRESSED = Format("archives", "read_compressed")
_HTML = Format("html", "read_html")

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".txt": _PLAIN,
        ".text": _PLAIN,
        ".md": _MARKDOWN,
        ".markdown": _MARKDOWN,
        ".jsonl": _JSON_LINES,
        ".ndjson": _JSON_LINES,
        ".json": _JSON,
        ".csv": _DELIMITED,
        ".tsv": _DELIMITED,
        ".parquet": _PARQUET,
        ".arrow": _ARROW,
        ".feather": _ARROW,
        ".sqlite": _SQLITE,
        ".sqlite3": _SQLITE,
        ".db": _SQLITE,
        ".eml": _MESSAGE,
        ".mbox": _MAILBOX,
        ".emlx": _EMLX,
        **dict.fromkeys((".rss", ".atom", ".rdf", ".xml"), _FEED),
        ".warc": _WARC,
        ".warc.gz": _WARC,
        ".zip": _ZIP,
        **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"), _TAR),
        ".html": _HTML,
        ".htm": _HTML,
        ".xhtml": _HTML,
        ".pdf": _PDF,
        ".docx": _WORD,
        ".odt": _OPEN_DOCUMENT,
        ".epub": _EPUB,
        ".rtf": _RTF,
        ".rst": _RESTRUCTURED_TEXT,
    }
)
_MOST_KINDS = 500
"""Of files that are counted; an archive may have a million members with a suffix of its own each."""
PACKED = frozenset({".gz", ".bz2", ".xz"})
"""After another suffix they say how the file is packed: ``news.jsonl.gz``."""


def suffix_of(name: str) -> str:
    """Return the suffix that says what a file is, in lower case: ``".tar.gz"`` where it is a format, else ``".gz"``."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes[-2:]]
    double = "".join(suffixes)
    return double if double in FORMATS else "".join(suffixes[-1:])


def format_of(name: str) -> Format | None:
    """Return the format of a file that is called ``name``, or None if it is not read."""
    suffix = suffix_of(name)
    if suffix in PACKED and suffix_of(unpacked_name(name)) in FORMATS:
        return _COMPRESSED
    return FORMATS.get(suffix)


def unpacked_name(name: str) -> str:
    """Return what a packed file is called when it is unpacked: ``news.jsonl`` for ``news.jsonl.gz``."""
    return PurePath(name).stem


def pass_over(name: str, log: ReadingLog) -> None:
    """Count a file of a kind that is not read: by its suffix, or its name if it has none."""
    pass_over_kind((suffix_of(name) or PurePath(name).name).encode("utf-8", "backslashreplace").decode(), log)


def pass_over_kind(kind: str, log: ReadingLog) -> None:
    """Count what is not read by its kind; there are not too many of them."""
    log.ignored[kind if kind in log.ignored or len(log.ignored) < _MOST_KINDS else "of other kinds"] += 1
