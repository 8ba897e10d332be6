"""A file of a name and content, read; and archives to read."""

from __future__ import annotations

import io
import os
import tarfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from semsearch import Article, ReadingLog, read_articles

__all__ = ["Members", "problems", "read", "tar_of", "texts", "zip_of"]

Members = Mapping[str, bytes | str] | Sequence[tuple[str, bytes | str]]


def read(folder: Path, name: str, content: bytes | str) -> tuple[list[Article], ReadingLog]:
    """Read one file; its folder is the current one meanwhile, so that places are short."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(_bytes(content))
    log = ReadingLog(dropped=[])
    before = Path.cwd()
    os.chdir(folder)
    try:
        return list(read_articles(name, log=log)), log
    finally:
        os.chdir(before)


def texts(articles: Sequence[Article]) -> dict[str, str]:
    return {article.id: article.text for article in articles}


def problems(log: ReadingLog) -> list[str]:
    return [str(problem) for problem in log.problems]


def zip_of(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", method) as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, content in _pairs(members):
            archive.writestr(name, _bytes(content))
    return packed.getvalue()


def tar_of(members: Members, packing: str = "", format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{packing}", format=format) as archive:  # type: ignore[call-overload]
        for name, content in _pairs(members):
            info = tarfile.TarInfo(name)
            info.size = len(_bytes(content))
            archive.addfile(info, io.BytesIO(_bytes(content)))
    return packed.getvalue()


def _pairs(members: Members) -> list[tuple[str, bytes | str]]:
    return list(members.items()) if isinstance(members, Mapping) else list(members)


def _bytes(content: bytes | str) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
