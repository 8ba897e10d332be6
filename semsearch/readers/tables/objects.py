"""What a program has in hand to articles: dicts, tables of pandas, Polars and Arrow, datasets of Hugging Face.

None of these libraries is imported: what is given is asked for what such tables have.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from semsearch.readers._log import Located, Origin, ReadingLog
from semsearch.readers.tables._records import FewWords, Record, articles_of, columns_fit
from semsearch.records import FieldNames

__all__ = ["Frame", "RowReader", "Table", "articles_of_mappings", "articles_of_table", "table_of"]

_ROWS = 1000
"""That are taken from a table at a time, as dicts."""
_EMPTY_TYPES = frozenset({"NAType", "NaTType"})  # of pandas


class Frame(Protocol):
    """A table of pandas, Polars or Arrow, as far as all of them agree."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""


class RowReader(Protocol):
    """Batches of an Arrow table, one after the other."""

    def read_next_batch(self) -> Any:
        """Read a batch."""


class Table(NamedTuple):
    """A table: its columns, and its rows as dicts, to be read once."""

    columns: list[str]
    rows: Iterator[Mapping[str, Any]]


def table_of(corpus: object) -> Table | None:
    """Return the table that ``corpus`` is, of whichever library, or None if it is none that is known.

    Raises:
        TypeError: If it would have to be computed or chosen from first.
    """
    kind = type(corpus).__name__
    if isinstance(corpus, Mapping):
        raise TypeError(
            f"a corpus is an iterable of articles or dicts, not one {kind}: give [it], or one of its datasets"
        )
    if kind == "LazyFrame":
        raise TypeError("a LazyFrame has no rows yet: give what its collect() returns")
    given: Any = corpus
    if hasattr(given, "iloc") and hasattr(given, "columns"):
        return Table([str(name) for name in given.columns], _rows_of_pandas(given))
    if hasattr(given, "iter_rows") and hasattr(given, "columns"):
        return Table(list(given.columns), given.iter_rows(named=True, buffer_size=_ROWS))
    if hasattr(given, "schema") and hasattr(given, "to_pylist"):  # an Arrow table, or a batch of one
        return Table(list(given.schema.names), _rows_of_arrow(given))
    if hasattr(given, "schema") and hasattr(given, "read_next_batch"):
        return Table(list(given.schema.names), (row for batch in given for row in _rows_of_arrow(batch)))
    return None


def articles_of_table(table: Table, fields: FieldNames, log: ReadingLog) -> Iterator[Located]:
    """Yield an article a row; the place of one is ``articles[17]``, its id the number if no column has one."""
    few = FewWords(log)
    origin = _origin(fields)
    if columns_fit(table.columns, origin, few):
        records = _records(enumerate(table.rows), origin, few, is_wanted=_is_filled)
        yield from articles_of(records, origin, few, known=True)
    few.finish(origin.place)


def articles_of_mappings(
    entries: Iterable[tuple[int, Mapping[str, Any]]], fields: FieldNames, log: ReadingLog
) -> Iterator[Located]:
    """Yield an article for each of some numbered dicts, otherwise as :func:`articles_of_table`."""
    few = FewWords(log)
    origin = _origin(fields)
    yield from articles_of(_records(entries, origin, few), origin, few)
    few.finish(origin.place)


def _origin(fields: FieldNames) -> Origin:
    return Origin("articles", "articles", fields)


def _is_filled(value: Any) -> bool:
    return value is not None and value != ""


def _records(
    entries: Iterable[tuple[int, Mapping[str, Any]]],
    origin: Origin,
    log: ReadingLog,
    *,
    is_wanted: Callable[[Any], bool] = lambda _: True,
) -> Iterator[Record]:
    for number, entry in entries:
        here = Origin(f"{origin.place}[{number}]", str(number), origin.fields)
        try:
            record = {str(name): _plain(value) for name, value in entry.items() if not isinstance(value, bytes)}
        except RecursionError:
            log.problem(here.place, "a field is nested too deeply, or holds itself")
            continue
        yield here, {name: value for name, value in record.items() if is_wanted(value)}


def _plain(value: Any) -> Any:
    """Return a value as Python and JSON have it; what says that there is none (NaN, NaT, NA) is None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    kind = type(value)
    if kind.__name__ in _EMPTY_TYPES or (isinstance(value, Decimal) and value.is_nan()):
        return None
    if isinstance(value, dt.date | dt.time | Decimal):
        return value
    if kind.__module__ == "numpy":
        if kind.__name__ == "datetime64":
            value = value.astype("datetime64[us]")  # in nanoseconds it would become a number
        return _plain(value.tolist())
    return value


def _rows_of_pandas(frame: Any) -> Iterator[Mapping[str, Any]]:
    names = [str(name) for name in frame.columns]
    for start in range(0, len(frame), _ROWS):
        part = frame.iloc[start : start + _ROWS]
        # Column by column, as a row of a frame turns whole numbers beside a fraction into fractions.
        columns = [part.iloc[:, number].tolist() for number in range(len(names))]
        yield from (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _rows_of_arrow(given: Any) -> Iterator[Mapping[str, Any]]:
    from semsearch.readers.tables.columnar import rows_of

    batches = given.to_batches(max_chunksize=_ROWS) if hasattr(given, "to_batches") else [given]
    for batch in batches:
        yield from rows_of(batch)
