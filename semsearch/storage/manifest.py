"""The manifest: what a generation is made of, and how each of its files must look."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch.embedders import EmbedderSpec
from semsearch.errors import IndexCorruptError, IndexFormatError
from semsearch.languages import NAMES
from semsearch.records import FieldNames, FileGlobs, is_unicode

__all__ = [
    "FORMAT_VERSION",
    "Counts",
    "FileRecord",
    "Manifest",
    "parse_count",
    "parse_embedder",
    "parse_manifest",
    "parse_shares",
]

FORMAT_VERSION = 1
"""Rises when a reader of the old format could not read the new one. ``index/README.md`` describes each."""

_MOST = 2**63
_LONGEST_SHOWN = 100
_NAMED = tuple(FieldNames().by_field())
_FILE_NAME = re.compile(r"(?!.*\.\.)(?!(?:.*/)?\.$)(?:[a-z0-9][a-z0-9_-]*/)*[a-z0-9.][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file's size in bytes, its SHA-256 in hexadecimal, and its CRC-32, which is quicker to check."""

    bytes: int
    sha256: str
    crc32: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a generation holds. ``truncated_tokens`` counts the tokens that no vector has seen; it is meant to be 0."""

    articles: int
    passages: int
    tokens: int
    truncated_tokens: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a generation but its content.

    Attributes:
        created: When it was committed, ISO 8601 in UTC.
        written_by: The version of semsearch that wrote it.
        embedder: What its vectors were made with.
        precision: What these were computed in, one of :data:`~semsearch.embedders.PRECISIONS`; None if it is not known.
        target_tokens: The length that long paragraphs were split to.
        token_vectors: Whether the vectors of tokens are kept, where the embedder gives them.
        keep: How many generations before it are kept.
        fields: What the columns of its corpus are called, where they were named.
        globs: Which files of its corpus are wanted.
        dense_spec: How the vectors are searched: ``Flat``, or how ``dense.codes`` is made, as a faiss factory string.
        languages: Which share of its articles is of which language, by its code, the largest first.
        counts: What it holds.
        files: A record for each of its files but the manifest itself.
        format: The format's version.
    """

    created: str
    written_by: str
    embedder: EmbedderSpec
    precision: str | None
    target_tokens: int
    token_vectors: bool
    keep: int
    fields: FieldNames
    globs: FileGlobs
    dense_spec: str
    languages: Mapping[str, float]
    counts: Counts
    files: Mapping[str, FileRecord]
    format: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON, for people too."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a manifest and check everything that it says for type and range. ``path`` is for the errors.

    Raises:
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If it is not a manifest.
    """
    try:
        fields = json.loads(data)
        version = fields["format"]
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise IndexFormatError(
                f"{path}: the index has format {_shown(version)}, this semsearch reads up to {FORMAT_VERSION}: "
                "update semsearch, or rebuild the index with 'semsearch rebuild-index CORPUS'"
            )
        return Manifest(
            created=_typed(fields, "created", str),
            written_by=_typed(fields, "written_by", str),
            embedder=parse_embedder(fields["embedder"]),
            precision=_optional(fields, "precision"),
            target_tokens=parse_count(fields, "target_tokens"),
            token_vectors=_flag(fields, "token_vectors"),
            keep=parse_count(fields, "keep"),
            fields=_field_names(fields["fields"]),
            globs=_file_globs(fields["globs"]),
            dense_spec=_typed(fields, "dense_spec", str),
            languages=parse_shares(fields, "languages"),
            counts=Counts(**{name: parse_count(fields["counts"], name) for name in Counts.__dataclass_fields__}),
            files={_file_name(name): _file_record(record) for name, record in fields["files"].items()},
            format=parse_count(fields, "format"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorruptError(path, f"is not a manifest ({type(error).__name__}: {error})") from None


def _typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {_shown(value)}")
    if isinstance(value, str) and not is_unicode(value):
        raise ValueError(f"{name} is no text: {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return repr(value)[:_LONGEST_SHOWN]


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    value: str | None = None if fields[name] is None else _typed(fields, name, str)
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {_shown(value)}")
    return value


def parse_count(fields: Mapping[str, Any], name: str) -> int:
    """Return a number that counts something; a TypeError or ValueError if it is none."""
    value: int = _typed(fields, name, int)
    if not 0 <= value <= _MOST:
        raise ValueError(f"{name} is {_shown(value)}")
    return value


def parse_shares(fields: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the shares of languages, the largest first; a TypeError or ValueError if they are none."""
    shares = _typed(fields, name, dict)
    if not all(code in NAMES and type(share) is float and 0 <= share <= 1 for code, share in shares.items()):
        raise ValueError(f"{name} is {_shown(shares)}")
    return {code: shares[code] for code in sorted(shares, key=lambda code: (-shares[code], code))}


def _positive(fields: Mapping[str, Any], name: str) -> int:
    value = parse_count(fields, name)
    if value == 0:
        raise ValueError(f"{name} is 0")
    return value


def parse_embedder(fields: Mapping[str, Any]) -> EmbedderSpec:
    """Return what is said of an embedder; a KeyError, TypeError or ValueError if that is nonsense."""
    return EmbedderSpec(
        name=_typed(fields, "name", str),
        fingerprint=_typed(fields, "fingerprint", str),
        dimension=_positive(fields, "dimension"),
        max_tokens=parse_count(fields, "max_tokens"),
        query_prompt=_typed(fields, "query_prompt", str),
        passage_prompt=_typed(fields, "passage_prompt", str),
        revision=_optional(fields, "revision"),
    )


def _file_globs(fields: Mapping[str, Any]) -> FileGlobs:
    return FileGlobs(tuple(_typed(fields, "include", list)), tuple(_typed(fields, "exclude", list)))


def _field_names(fields: Mapping[str, Any]) -> FieldNames:
    names = {field: _typed(fields, field, list) for field in _NAMED}
    for field, given in names.items():
        if not all(isinstance(name, str) for name in given):
            raise TypeError(f"{field} is {_shown(given)}")
    return FieldNames(table=_optional(fields, "table"), **names)


def _file_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):  # never a path: an index from elsewhere must not lead out of its folder
        raise ValueError(f"a file named {_shown(name)}")
    return name


def _file_record(record: Mapping[str, Any]) -> FileRecord:
    return FileRecord(parse_count(record, "bytes"), _typed(record, "sha256", str), parse_count(record, "crc32"))
