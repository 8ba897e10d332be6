"""What a version of an index in an engine says of itself, in the texts that the engine keeps for it by name.

``manifest``, ``languages``, ``fields`` and ``rotation`` are for whoever searches; ``next_article`` and ``loaded`` for
whoever writes: the row of the next new article, and which shards are in it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from semsearch.engines._protocol import Collection
from semsearch.errors import EngineError, IndexCorruptError
from semsearch.languages import NAMES
from semsearch.storage.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from semsearch.tokens import TokenCodec

__all__ = [
    "Unfinished",
    "read_codec",
    "read_field_names",
    "read_languages",
    "read_loaded",
    "read_manifest",
    "read_next_article",
    "read_unfinished",
    "write_codec",
    "write_field_names",
    "write_languages",
    "write_loaded",
    "write_manifest",
    "write_next_article",
    "write_unfinished",
]

_MANIFEST = "manifest"
_LANGUAGES = "languages"
_FIELDS = "fields"
_ROTATION = "rotation"
_NEXT_ARTICLE = "next_article"
_LOADED = "loaded"
_UNFINISHED = "unfinished"
_MOST_ARTICLES = 1 << 43


# --- for whoever searches ---------------------------------------------------------------------------------------


def read_manifest(collection: Collection) -> Manifest:
    """Return what a version is: the manifest of an index without files, whose ``dense_spec`` names the engine.

    Raises:
        EngineError: If it says nothing of itself, as it is not complete, or nonsense.
        IndexFormatError: If a newer semsearch wrote it.
    """
    text = _required(collection, _MANIFEST)
    try:
        return parse_manifest(text.encode("utf-8", "surrogatepass"), Path(collection.name))
    except IndexCorruptError as error:
        raise EngineError(collection.name, error.reason) from None


def write_manifest(collection: Collection, manifest: Manifest) -> None:
    """Say what a version is."""
    collection.write_state(_MANIFEST, manifest.to_bytes().decode())


def read_languages(collection: Collection) -> tuple[str, ...]:
    """Return the codes of the languages that a version knows the forms of words of."""
    codes = _strings(collection, _LANGUAGES, _json(collection, _LANGUAGES))
    if not set(codes) <= NAMES.keys():
        raise _nonsense(collection, _LANGUAGES)
    return tuple(codes)


def write_languages(collection: Collection, languages: Iterable[str]) -> None:
    """Say which languages a version knows the forms of words of."""
    collection.write_state(_LANGUAGES, json.dumps(list(languages)))


def read_field_names(collection: Collection) -> set[tuple[str, ...]]:
    """Return the paths of the metadata fields that its articles have, or had."""
    paths = _json(collection, _FIELDS)
    if not isinstance(paths, list):
        raise _nonsense(collection, _FIELDS)
    return {tuple(_strings(collection, _FIELDS, path)) for path in paths}


def write_field_names(collection: Collection, paths: Iterable[tuple[str, ...]]) -> None:
    """Say which metadata fields its articles have."""
    collection.write_state(_FIELDS, json.dumps(sorted(paths), ensure_ascii=False))


def read_codec(collection: Collection) -> TokenCodec | None:
    """Return what its tokens are coded with; None if it keeps none."""
    encoded = collection.read_state(_ROTATION)
    if not encoded:
        return None
    import numpy as np

    from semsearch.tokens import TokenCodec

    dimension = read_manifest(collection).embedder.dimension
    try:
        rotation = np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4").reshape(dimension, dimension)
        if not np.isfinite(rotation).all():
            raise _nonsense(collection, _ROTATION)
        return TokenCodec(rotation)
    except (ValueError, binascii.Error):
        raise _nonsense(collection, _ROTATION) from None


def write_codec(collection: Collection, codec: TokenCodec | None) -> None:
    """Say what its tokens are coded with."""
    rotation = b"" if codec is None else codec.rotation.astype("<f4").tobytes()
    collection.write_state(_ROTATION, base64.b64encode(rotation).decode())


# --- for whoever writes -----------------------------------------------------------------------------------------


def read_next_article(collection: Collection) -> int:
    """Return the row that the next new article is to have: no row is given twice."""
    text = collection.read_state(_NEXT_ARTICLE) or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= _MOST_ARTICLES:
        raise _nonsense(collection, _NEXT_ARTICLE)
    return int(text)


def write_next_article(collection: Collection, row: int) -> None:
    """Say which row the next new article is to have."""
    collection.write_state(_NEXT_ARTICLE, str(row))


def read_loaded(collection: Collection) -> list[str]:
    """Return what identifies the shards that are in it, in their order; none if it was not loaded of any."""
    if not collection.read_state(_LOADED):
        return []
    return _strings(collection, _LOADED, _json(collection, _LOADED))


def write_loaded(collection: Collection, shards: Sequence[str]) -> None:
    """Say which shards are in it."""
    collection.write_state(_LOADED, json.dumps(list(shards)))


class Unfinished(NamedTuple):
    """A step of an update that is decided, and maybe not done: articles are in, those that they replace are not out.

    Attributes:
        next_article: The row of the next new article from then on.
        delete: The rows of the articles that go.
        manifest: What the version is then.
    """

    next_article: int
    delete: tuple[int, ...]
    manifest: Manifest


def read_unfinished(collection: Collection) -> Unfinished | None:
    """Return the step that is to be finished; None if there is none."""
    if not collection.read_state(_UNFINISHED):
        return None
    step = _json(collection, _UNFINISHED)
    try:
        rows = [step["next_article"], *step["delete"]]
        if not all(type(row) is int and 0 <= row < _MOST_ARTICLES for row in rows):
            raise _nonsense(collection, _UNFINISHED)
        manifest = parse_manifest(step["manifest"].encode("utf-8", "surrogatepass"), Path(collection.name))
    except (AttributeError, IndexCorruptError, KeyError, TypeError):
        raise _nonsense(collection, _UNFINISHED) from None
    return Unfinished(rows[0], tuple(rows[1:]), manifest)


def write_unfinished(collection: Collection, step: Unfinished | None) -> None:
    """Say which step is to be finished, or that none is."""
    text = ""
    if step is not None:
        manifest = step.manifest.to_bytes().decode()
        text = json.dumps({"next_article": step.next_article, "delete": step.delete, "manifest": manifest})
    collection.write_state(_UNFINISHED, text)


# --- what was read ----------------------------------------------------------------------------------------------


def _required(collection: Collection, name: str) -> str:
    text = collection.read_state(name)
    if text is None:
        raise EngineError(
            collection.name, f"says nothing of its {name}: build it with 'semsearch rebuild-index CORPUS'"
        )
    return text


def _json(collection: Collection, name: str) -> Any:
    try:
        return json.loads(_required(collection, name))
    except (ValueError, RecursionError):
        raise _nonsense(collection, name) from None


def _strings(collection: Collection, name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _nonsense(collection, name)
    return value


def _nonsense(collection: Collection, name: str) -> EngineError:
    return EngineError(
        collection.name, f"says nonsense of its {name}: build it anew with 'semsearch rebuild-index CORPUS'"
    )
