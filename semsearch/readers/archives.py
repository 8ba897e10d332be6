"""ZIP and tar archives, and single files that are packed: each member is read by the format that its suffix names.

Nothing is unpacked to disk but, for as long as it is read, a member that must be sought in. Encrypted members, links,
devices, and what stands for far more than its size are not read; each is said.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO, cast

from semsearch.readers._budget import UnpackError
from semsearch.readers._formats import unpacked_name
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._members import Members, drain, is_too_deep, outermost, read_member
from semsearch.readers._packed import TOO_DENSE, Ending, Unpacking, buffered, is_bomb, unpacked

__all__ = ["read_compressed", "read_tar", "read_zip"]

_MOST_DIRECTORY = 32 << 20
"""Bytes of a ZIP archive's list of its members, 300,000 of them with names as they are: zipfile makes 20 times that of
it."""
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
"""Of packing; an LZMA member may ask for 4 GiB before it gives a byte."""
_ENCRYPTED = 0x1
_MOST_HEADER = 1 << 20
"""Bytes of what stands before a tar member: its name and attributes, which tarfile reads as a whole."""
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip


def read_compressed(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of a file that was packed by gzip, bzip2 or xz: ``news.jsonl.gz``, read as ``news.jsonl``."""
    if is_too_deep(origin, log):
        return
    stream, inner = outermost(stream, origin)
    assert inner.budget is not None  # noqa: S101 - for the type checker
    name = unpacked_name(PurePath(origin.place).name)
    budget = inner.budget
    yield from read_member(name, lambda: unpacked(stream, budget), inner, log)
    if origin.budget is None and not budget.is_over:
        drain(stream)


def read_zip(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of the members of a ZIP archive, in the order of its list."""
    if is_too_deep(origin, log):
        return
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    outer = origin
    _, origin = outermost(stream, origin)
    assert origin.budget is not None  # noqa: S101 - for the type checker
    if outer.budget is None:
        origin.budget.earned += size
    try:
        archive = zipfile.ZipFile(cast(BinaryIO, _BoundedReads(stream)))
    except Exception as error:  # noqa: BLE001 - what zipfile raises of a damaged archive is not stated
        log.problem(origin.place, f"is damaged, or no ZIP archive ({_said(error)})")
        return
    with archive:
        members = Members(origin, log)
        try:
            for info in archive.infolist():
                yield from _read_zip_member(archive, info, members, log)
                if members.is_over:
                    break
            members.end()
        except UnpackError as error:
            log.problem(origin.place, str(error.strerror))


def _read_zip_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, members: Members, log: ReadingLog
) -> Iterator[Located]:
    if info.is_dir():
        return
    kind = stat.S_IFMT(info.external_attr >> 16)  # as Unix has it, 0 where another system made the archive
    if kind not in {0, stat.S_IFREG}:
        members.pass_over_link()
        return
    member = members.accept(info.filename)
    if member is None:
        return
    if info.flag_bits & _ENCRYPTED:
        log.problem(member.place, "is encrypted: unpack the archive with its password")
    elif info.compress_type not in _METHODS:
        log.problem(member.place, f"is packed by a method that is not read ({info.compress_type}): unpack the archive")
    elif is_bomb(info.file_size, info.compress_size):
        log.problem(member.place, TOO_DENSE)
    else:
        yield from read_member(info.filename, lambda: _open_zip_member(archive, info, member), member, log)


def _open_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, member: Origin) -> BinaryIO:
    assert member.budget is not None  # noqa: S101 - for the type checker
    try:
        opened = archive.open(info)
    except Exception as error:  # noqa: BLE001 - as above
        raise UnpackError(f"is damaged: {_said(error)}") from None
    return buffered(Unpacking(opened, member.budget, lambda: info.compress_size))


class _BoundedReads(io.RawIOBase):
    """A file that zipfile reads; its list of members is read at once, and is refused if it is too long."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _MOST_DIRECTORY:
            raise UnpackError("its list of members is too long: split it")
        return self._stream.read(-1 if size is None else size)


def read_tar(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield the articles of the members of a tar archive, packed or not, in their order."""
    if is_too_deep(origin, log):
        return
    outer = origin
    stream, origin = outermost(stream, origin)
    assert origin.budget is not None  # noqa: S101 - for the type checker
    members = Members(origin, log)
    last = ""
    try:
        archive = _open_tar(unpacked(stream, origin.budget))
        while (info := _next_of(archive)) is not None:
            last = f" after {info.name[:100]!r}"
            yield from _read_tar_member(archive, info, members, log)
            if members.is_over:
                break
        members.end()
        if outer.budget is None and not members.is_over:
            drain(stream)
    except OSError as error:
        log.problem(origin.place, f"{error.strerror or error}{last}")


class _TarInfo(tarfile.TarInfo):
    """A member's header, or one that stands before it: those that ask for much memory are refused."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and not 0 <= self.size <= _MOST_HEADER:
            raise UnpackError("is damaged: a member's name has no end")
        return cast(tarfile.TarInfo, super()._proc_member(archive))  # type: ignore[misc]


def _open_tar(stream: BinaryIO) -> tarfile.TarFile:
    try:
        return tarfile.open(
            fileobj=cast(BinaryIO, Ending(stream)), mode="r|", tarinfo=_TarInfo, errors="surrogateescape"
        )
    except Exception as error:  # noqa: BLE001 - tarfile raises whatever a number that is none provokes
        raise _damaged(error) from None


def _next_of(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    archive.members = []  # type: ignore[attr-defined]  # it keeps every header, of which a large archive has millions
    try:
        return archive.next()
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(error) from None


def _damaged(error: Exception) -> OSError:
    if isinstance(error, OSError) and error.strerror:
        return error
    return UnpackError(f"is damaged, or no tar archive ({_said(error)})")


def _read_tar_member(
    archive: tarfile.TarFile, info: tarfile.TarInfo, members: Members, log: ReadingLog
) -> Iterator[Located]:
    if info.isdir():
        return
    if not info.isreg():
        members.pass_over_link()
        return
    member = members.accept(info.name)
    if member is None:
        return
    if info.issparse():
        log.problem(member.place, "is not read: it is a sparse file, most of which is not there")
        return
    opened = archive.extractfile(info)
    assert opened is not None and member.budget is not None  # noqa: S101, PT018 - for the type checker
    stream = buffered(Unpacking(cast(BinaryIO, opened), member.budget, lambda: info.size))
    yield from read_member(info.name, lambda: stream, member, log)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
