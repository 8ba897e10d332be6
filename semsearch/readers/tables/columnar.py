"""Tables by column: Parquet and Arrow files, a row an article."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from semsearch.errors import CorpusError
from semsearch.readers._extras import missing
from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers._text import MOST_BYTES, too_large
from semsearch.readers.tables._records import FewWords, Record, articles_of, columns_fit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_arrow", "read_parquet", "require_no_bomb", "rows_of"]

_ROWS = 16
"""Of a batch. More are no faster to speak of, and one long text that stands in every row is as often in memory."""
_BUFFER = 1 << 20
_BOMB = 64 << 20
"""Bytes of a group of rows; fewer fill no memory, however few bytes they are packed into."""
_PACKED = 200
"""How many bytes one byte may stand for in a larger one; of texts it is ten, of those that are much alike thirty."""
_LONG = 64  # bits
_LARGEST_STRUCTURE = 64 << 20
"""Bytes that the description of a Parquet file may take; one of a million row groups takes as much."""


def read_parquet(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a row, batch by batch; columns of bytes and of vectors are not read.

    Without a column for the id it is the file's and the row's number, from 1. Empty fields are left out.
    """
    yield from _read(stream, origin, log, _parquet)


def read_arrow(stream: BinaryIO, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a row of an Arrow file (Feather among them) or stream, otherwise as :func:`read_parquet`."""
    yield from _read(stream, origin, log, _ipc)


class _Table(NamedTuple):
    """A file that was opened: what columns it has, and a function from those that are wanted to its batches."""

    schema: pa.Schema
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]


def _read(stream: BinaryIO, origin: Origin, log: ReadingLog, opened: Callable[[BinaryIO], _Table]) -> Iterator[Located]:
    few = FewWords(log)
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError:
        log.problem(origin.place, missing("parquet"))
        return
    try:
        yield from _articles(opened(stream), origin, few)
    except CorpusError:
        raise  # of the log, which was told to
    except Exception as error:  # noqa: BLE001 - what is damaged provokes whatever it may
        reason = " ".join(str(error).split()) or type(error).__name__
        few.problem(origin.place, f"is damaged, or no such file, not read from here on ({reason[:300]})")
    few.finish(origin.place)


def _articles(table: _Table, origin: Origin, log: ReadingLog) -> Iterator[Located]:
    named = {name.split(".")[0] for names in origin.fields.by_field().values() for name in names}
    unread = [field.name for field in table.schema if field.name not in named and _is_no_text(field.type)]
    columns = [name for name in dict.fromkeys(table.schema.names) if name not in unread]
    if not columns_fit(columns, origin, log):
        return
    if unread:
        log.drop(origin.place, ", ".join(unread), "columns of bytes or of vectors")
    rows = (row for batch in table.batches(columns) for row in rows_of(batch))
    yield from articles_of(_records(rows, origin, log), origin, log, known=True)


def _records(rows: Iterator[dict[str, Any]], origin: Origin, log: ReadingLog) -> Iterator[Record]:
    for number, row in zip(count(1), rows, strict=False):
        here = origin.part(number)
        if any(isinstance(value, str) and len(value) > MOST_BYTES for value in row.values()):
            too_large(here.place, log)
        else:
            yield here, row


def rows_of(batch: pa.RecordBatch | pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch, without what is empty in them."""
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None and value != ""}


def _values(column: Any) -> list[Any]:
    """Return a column's values as Python has them; of times in nanoseconds it has none."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):  # what stands in many rows is one value, however long
        numbers = column.indices.to_pylist()
        words = {number: column.dictionary[number].as_py() for number in set(numbers) if number is not None}
        return [words.get(number) for number in numbers]
    if pa.types.is_duration(kind):
        column = column.cast(pa.int64())
    elif pa.types.is_time64(kind):
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError, LookupError):
        if not pa.types.is_temporal(kind):
            raise
        # A day that no calendar has, or a time zone that nobody knows: the others of the batch are days.
        values = column.cast(pa.int64() if kind.bit_width == _LONG else pa.int32()).to_pylist()
    return values


def _is_no_text(kind: Any) -> bool:
    """Whether a column holds bytes (images) or lists of numbers (vectors), of which nothing could be said in JSON."""
    import pyarrow.types as types

    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return True
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return types.is_floating(kind.value_type) or _is_no_text(kind.value_type)
    return types.is_struct(kind) and any(_is_no_text(field.type) for field in kind)


def _parquet(stream: BinaryIO) -> _Table:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(
        stream,
        buffer_size=_BUFFER,
        pre_buffer=False,
        thrift_string_size_limit=_LARGEST_STRUCTURE,
        thrift_container_size_limit=_LARGEST_STRUCTURE // 16,
    )
    require_no_bomb(file.metadata, stream.seek(0, os.SEEK_END))
    return _Table(
        file.schema_arrow, lambda columns: file.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False)
    )


def require_no_bomb(metadata: Any, size: int) -> None:
    """Raise a ValueError of rows that a few bytes of a file of this size stand for: a page is unpacked as a whole.

    What the metadata say of each column is not asked for: where they are damaged, that ends the process.
    """
    for number in range(metadata.num_row_groups):
        unpacked = metadata.row_group(number).total_byte_size
        if unpacked > max(_BOMB, _PACKED * size):
            raise ValueError(f"{unpacked >> 20} MiB are packed into {size >> 10} KiB")


def _ipc(stream: BinaryIO) -> _Table:
    import pyarrow as pa

    try:
        file = pa.ipc.open_file(stream)
    except pa.ArrowInvalid:
        stream.seek(0)
        parts = pa.ipc.open_stream(stream)
        return _Table(parts.schema, lambda columns: _selected(parts, columns))
    batches = (file.get_batch(number) for number in range(file.num_record_batches))
    return _Table(file.schema, lambda columns: _selected(batches, columns))


def _selected(batches: Iterable[pa.RecordBatch], columns: Collection[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        batch.validate(full=True)  # what is no valid text is an error here, and not a crash later
        yield batch.select([number for number, name in enumerate(batch.schema.names) if name in columns])
