"""What an index is, wherever it is, without opening it for a search."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from semsearch.addresses import is_address
from semsearch.engines._address import open_engine
from semsearch.storage import KeptGeneration, Manifest, list_generations, read_manifest

__all__ = ["IndexDescription", "describe_index"]


class IndexDescription(NamedTuple):
    """What an index is.

    Attributes:
        generation: The id of the live generation, or the name of the version that is live in an engine.
        manifest: Its model, counts and settings; that of an engine lists no files.
        kept: The complete generations of a folder.
    """

    generation: str
    manifest: Manifest
    kept: list[KeptGeneration]


def describe_index(index: str | os.PathLike[str] = "index") -> IndexDescription:
    """Read what an index is.

    Args:
        index: Its folder, or its address in an engine.

    Raises:
        IndexNotFoundError: If there is none.
        IndexFormatError: If a newer semsearch wrote it.
        IndexCorruptError: If what names its live generation, or the manifest, is missing or damaged.
        EngineError: If the engine cannot be asked.
    """
    if not is_address(index):
        return IndexDescription(*read_manifest(Path(index)), list_generations(index))
    from semsearch.engines.state import read_manifest as read_manifest_of

    with contextlib.closing(open_engine(os.fspath(index))) as engine:
        live = engine.live()
        return IndexDescription(live.name, read_manifest_of(live), [])
