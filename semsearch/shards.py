"""Shards: articles with their passages, embedded, in a Parquet file that any program can read.

A row is a passage; those of an article follow each other, and whole articles are in one shard. ``docs/shards.md`` lists
the columns. What all rows share, as which embedder made the vectors, stands in the file's own metadata. A shard is
written under another name and renamed, so that one that is there is whole.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import hashlib
import json
import math
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from semsearch._version import __version__
from semsearch.engines import MOST_PASSAGES, Batch, EngineArticle, first_passage
from semsearch.engines._conditions import metadata_names
from semsearch.errors import CorpusError, IndexWriteError
from semsearch.languages import detect_language, language_code
from semsearch.readers.tables.columnar import require_no_bomb
from semsearch.records import Article
from semsearch.storage import Counts, content_digest
from semsearch.storage._files import make_folder, sync_folder, writing
from semsearch.storage.manifest import parse_count, parse_embedder, parse_shares
from semsearch.tokens import TokenCodec

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from semsearch.embedders import EmbedderSpec

__all__ = [
    "SHARD_FORMAT",
    "SUFFIX",
    "ShardInfo",
    "ShardWriter",
    "read_ids",
    "read_shard",
    "read_shard_info",
    "require_pyarrow",
]

SHARD_FORMAT = 1
"""Rises when a reader of the old format could not read the new one."""

SUFFIX = ".parquet"

_ABOUT = b"semsearch"
_ROTATION = b"semsearch.rotation"
_MOST_FIELDS = 1000
"""So many fields of metadata are listed; of more, nothing is said of which there are."""
_MOST_SHOWN = 100  # problems that are described
_LONGEST_SHOWN = 500  # characters of one
_REPEATED = 4096
"""Characters of an article's field that stands in the row of each passage; of a longer one it is in the first alone."""
_ROWS = 512  # that are read at a time
_PORTION = 1024  # passages of a batch, or those of one article
_LARGEST_STRUCTURE = 64 << 20  # bytes that the description of a file may take
_KEY_BYTES = 16
_ROUNDING = 2e-3  # by which what is of length 1 may be longer or shorter
_BEGINNING = 3  # passages of an article by which its language is told
_STATED = "language"
_MOST_TOKENS = 1 << 16  # of a passage, as tokens.TokenStore has it
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """What a shard is.

    Attributes:
        source: What identifies what it was made of, and how.
        embedder: What its vectors were made with.
        precision: What these were computed in; None if it is not known.
        target_tokens: The length that long paragraphs were split to.
        rotation: What the tokens are coded with, ``(dimension, dimension)`` float32 by row, as bytes; None if no tokens
            are kept.
        counts: What it holds.
        languages: Which share of its articles is of which language, by its code, the largest first.
        fields: The paths of all fields of its articles' metadata, sorted; None if they are too many to be listed.
        problems: How many things that should have become an article did not.
        shown: The first of these problems: where, and why.
        notes: How many things were read, but not as they stand.
        written_by: The version of semsearch that wrote it.
    """

    source: str
    embedder: EmbedderSpec
    precision: str | None
    target_tokens: int
    rotation: bytes | None
    counts: Counts
    languages: Mapping[str, float]
    fields: tuple[tuple[str, ...], ...] | None
    problems: int = 0
    shown: tuple[tuple[str, str], ...] = ()
    notes: int = 0
    written_by: str = __version__

    @property
    def identity(self) -> str:
        """What identifies what it holds: shards of the same articles, embedded alike, have the same."""
        about = (self.source, asdict(self.embedder), self.precision, self.target_tokens, asdict(self.counts))
        kept = "" if self.rotation is None else hashlib.sha256(self.rotation).hexdigest()
        return hashlib.blake2b(_to_json((*about, kept)).encode(), digest_size=_KEY_BYTES).hexdigest()

    @property
    def codec(self) -> TokenCodec | None:
        """What decodes its tokens; None if none are kept."""
        if self.rotation is None:
            return None
        dimension = self.embedder.dimension
        return TokenCodec(np.frombuffer(self.rotation, dtype="<f4").reshape(dimension, dimension))


def require_pyarrow() -> None:
    """Raise a CorpusError that says what to install, where what reads and writes shards is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise CorpusError("shards", 'need "parquet" support: pip install "semsearch[parquet]"') from None


def _schema(dimension: int, *, codes: bool) -> Any:
    import pyarrow as pa

    def field(name: str, kind: Any, *, nullable: bool = False) -> Any:
        return pa.field(name, kind, nullable=nullable)

    vector = pa.list_(pa.float16(), dimension)
    return pa.schema(
        [
            field("id", pa.string()),
            field("title", pa.string(), nullable=True),
            field("published", pa.date32(), nullable=True),
            field("source", pa.string(), nullable=True),
            field("url", pa.string(), nullable=True),
            field("metadata", pa.string(), nullable=True),
            field("place", pa.string(), nullable=True),
            field("digest", pa.binary(_KEY_BYTES)),
            field("tokens", pa.int64()),
            field("truncated", pa.int64()),
            field("article_text", pa.string(), nullable=True),
            field("article_vector", vector, nullable=True),
            field("paragraph", pa.int64()),
            field("start", pa.int64()),
            field("end", pa.int64()),
            field("text", pa.string()),
            field("key", pa.binary(_KEY_BYTES)),
            field("vector", vector),
            field("codes", pa.binary(), nullable=not codes),
        ]
    )


# --- writing ----------------------------------------------------------------------------------------------------


class ShardWriter:
    """Writes a shard, portion by portion; it is there after :meth:`close`, and if that is not reached, nothing is."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embedder: EmbedderSpec,
        precision: str | None,
        target_tokens: int,
        rotation: NDArray[np.float32] | None,
    ) -> None:
        """Begin it; the arguments are the attributes of :class:`ShardInfo`.

        Raises:
            CorpusError: If pyarrow is not installed.
            IndexWriteError: If the folder cannot be written to.
        """
        require_pyarrow()
        import pyarrow.parquet as pq

        self._path = Path(path)
        self._embedder, self._precision, self._target_tokens = embedder, precision, target_tokens
        self._rotation = None if rotation is None else np.ascontiguousarray(rotation, dtype="<f4").tobytes()
        self._articles = self._passages = self._tokens = self._truncated = 0
        self._fields: set[tuple[str, ...]] | None = set()
        self._languages: Counter[str | None] = Counter()  # articles of each; None where that is not certain
        self._schema = _schema(embedder.dimension, codes=rotation is not None)
        make_folder(self._path.parent)
        # A name of its own: whoever else makes the same shard at the same time, be it elsewhere, writes another file.
        self._temporary = self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex[:12]}.new")
        with writing(self._temporary):
            self._stream = self._temporary.open("xb")
        self._writer = pq.ParquetWriter(
            self._stream,
            self._schema,
            compression="zstd",
            write_page_checksum=True,
            use_dictionary=["id", "title", "published", "source", "url", "metadata", "place", "digest"],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def add(self, batch: Batch) -> None:
        """Append whole articles with their passages; the numbers of their rows are not kept.

        Raises:
            ValueError: If the batch does not fit together.
            IndexWriteError: If the disk is full or broken.
        """
        if not batch.articles:
            return
        table = self._table(batch)
        with writing(self._temporary):
            self._writer.write_table(table, row_group_size=len(table))
        start = 0
        for entry in batch.articles:
            self._articles += 1
            self._passages += entry.passages
            self._tokens += entry.tokens
            self._truncated += entry.truncated
            self._add_fields(entry.article)
            passages = range(start, min(start + _BEGINNING, start + entry.passages))
            text = "\n".join(entry.article.text[batch.starts[at] : batch.ends[at]] for at in passages)
            self._languages[language_code(entry.article.metadata.get(_STATED)) or detect_language(text)] += 1
            start += entry.passages

    def close(self, source: str, *, problems: Sequence[CorpusError] = (), notes: int = 0) -> ShardInfo:
        """Wait until the shard is on the disk, and give it its name.

        Args:
            source: As :attr:`ShardInfo.source`.
            problems: What is not in it and should be.
            notes: How many things were read, but not as they stand.

        Raises:
            IndexWriteError: If the disk is full or broken.
        """
        shares = {code: round(n / self._articles, 3) for code, n in self._languages.items() if code is not None}
        info = ShardInfo(
            source=source,
            embedder=self._embedder,
            precision=self._precision,
            target_tokens=self._target_tokens,
            rotation=self._rotation,
            counts=Counts(self._articles, self._passages, self._tokens, self._truncated),
            languages={code: shares[code] for code in sorted(shares, key=lambda code: (-shares[code], code))},
            fields=None if self._fields is None else tuple(sorted(self._fields)),
            problems=len(problems),
            shown=tuple((each.place[:_LONGEST_SHOWN], each.reason[:_LONGEST_SHOWN]) for each in problems[:_MOST_SHOWN]),
            notes=notes,
        )
        with writing(self._temporary):
            self._writer.add_key_value_metadata(_described(info))
            self._writer.close()
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
        self._publish()
        return info

    def discard(self) -> None:
        """Let go of what was written and not closed, whatever state it is in."""
        if not self._stream.closed:
            with contextlib.suppress(Exception):  # closing writes what was not yet, for which there may be no space
                self._writer.close()
            with contextlib.suppress(OSError):
                self._stream.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _publish(self) -> None:
        try:
            with writing(self._path):
                self._temporary.replace(self._path)
        except IndexWriteError as error:
            # Another process was quicker, and took this one's file for one that was left behind.
            if not (isinstance(error.__cause__, FileNotFoundError) and self._path.exists()):
                raise
        sync_folder(self._path.parent)
        for left in self._path.parent.glob(f"{_escaped(self._path.name)}.*.new"):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)

    def _add_fields(self, article: Article) -> None:
        if self._fields is not None:
            self._fields.update(metadata_names(article))
            if len(self._fields) > _MOST_FIELDS:
                self._fields = None

    def _table(self, batch: Batch) -> Any:
        import pyarrow as pa

        counts = np.array([entry.passages for entry in batch.articles], dtype=np.int64)
        self._require_fitting(batch, counts)
        of = np.repeat(np.arange(len(counts)), counts).tolist()  # the article of each passage
        first = np.zeros(len(of), dtype=bool)
        first[np.cumsum(counts) - counts] = True
        articles = [entry.article for entry in batch.articles]

        def column(values: Sequence[Any], name: str, longest: float = _REPEATED) -> Any:
            """Return an article's values by passage; what is long by its first passage alone."""
            kept = [not isinstance(value, str) or len(value) <= longest for value in values]
            rows = [values[at] if head or kept[at] else None for at, head in zip(of, first, strict=True)]
            return pa.array(rows, type=self._schema.field(name).type)

        texts = [articles[at].text[a:b] for at, a, b in zip(of, batch.starts, batch.ends, strict=True)]
        heads = np.zeros((len(of), self._embedder.dimension), dtype=np.float16)
        heads[first] = [entry.vector for entry in batch.articles]
        codes = batch.codes if self._rotation is not None else [None] * len(of)
        columns = [
            column([article.id for article in articles], "id", math.inf),
            column([article.title for article in articles], "title"),
            column([article.published for article in articles], "published"),
            column([article.source for article in articles], "source"),
            column([article.url for article in articles], "url"),
            column([_to_json(dict(article.metadata)) for article in articles], "metadata"),
            column([entry.place for entry in batch.articles], "place"),
            column([entry.digest for entry in batch.articles], "digest"),
            column([entry.tokens for entry in batch.articles], "tokens"),
            column([entry.truncated for entry in batch.articles], "truncated"),
            column([article.text for article in articles], "article_text", -1),
            _vectors(heads, ~first),
            pa.array(batch.paragraphs, type=pa.int64()),
            pa.array(batch.starts, type=pa.int64()),
            pa.array(batch.ends, type=pa.int64()),
            pa.array(texts, type=pa.string()),
            pa.array([key.tobytes() for key in batch.keys], type=pa.binary(_KEY_BYTES)),
            _vectors(np.ascontiguousarray(batch.vectors, dtype=np.float16)),
            pa.array([None if own is None else own.tobytes() for own in codes], type=pa.binary()),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _require_fitting(self, batch: Batch, counts: NDArray[np.int64]) -> None:
        passages, dimension = int(counts.sum()), self._embedder.dimension
        if (counts < 1).any() or batch.vectors.shape != (passages, dimension):
            raise ValueError(
                f"expected {passages} passages, some of each article, and vectors of {dimension} components, got "
                f"{batch.vectors.shape}"
            )
        if self._rotation is not None:
            size = dimension // 4
            if any(own.ndim != 2 or own.shape[1] != size or len(own) == 0 for own in batch.codes):
                raise ValueError(f"expected the codes of each passage's tokens, of {size} bytes each")


def _vectors(vectors: NDArray[np.float16], missing: NDArray[np.bool_] | None = None) -> Any:
    import pyarrow as pa

    mask = None if missing is None else pa.array(missing)
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1], mask=mask)


def _escaped(name: str) -> str:
    """Return a pattern that a name alone matches."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _described(info: ShardInfo) -> dict[bytes, bytes]:
    about = {
        "format": SHARD_FORMAT,
        "written_by": info.written_by,
        "source": info.source,
        "embedder": asdict(info.embedder),
        "precision": info.precision,
        "target_tokens": info.target_tokens,
        "rotation": None if info.rotation is None else hashlib.sha256(info.rotation).hexdigest(),
        "counts": asdict(info.counts),
        "languages": dict(info.languages),
        "fields": info.fields,
        "problems": info.problems,
        "shown": info.shown,
        "notes": info.notes,
    }
    described = {_ABOUT: _to_json(about).encode()}
    if info.rotation is not None:
        described[_ROTATION] = base64.b64encode(info.rotation)
    return described


# --- reading ----------------------------------------------------------------------------------------------------


def read_shard_info(path: str | os.PathLike[str]) -> ShardInfo:
    """Return what a shard is, without reading what it holds.

    Raises:
        CorpusError: If it is not there, or no shard.
    """
    with _opened(Path(path)) as (_, info):
        return info


def read_shard(path: str | os.PathLike[str], first_article: int = 0) -> Iterator[Batch]:
    """Yield what a shard holds, in portions of whole articles, whose rows count from ``first_article`` on.

    Everything that is yielded was checked: that it is of the kinds that it must be, that vectors are finite and of
    length 1 and passages are where they say in their articles. Memory is taken for one portion, or one article.

    Raises:
        CorpusError: If it is not there, no shard, or damaged.
    """
    place = Path(path)
    with _opened(place) as (file, info):
        row = first_article
        counts = [0, 0, 0, 0]
        for batch in _portions(_articles(file, info), info, first_article):
            row += len(batch.articles)
            counts[0] += len(batch.articles)
            counts[1] += len(batch.rows)
            counts[2] += sum(entry.tokens for entry in batch.articles)
            counts[3] += sum(entry.truncated for entry in batch.articles)
            yield batch
        if Counts(*counts) != info.counts:
            raise CorpusError(
                str(place), f"is damaged: it holds {Counts(*counts)}, and says of itself that it holds {info.counts}"
            )


def read_ids(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the ids of a shard's articles, in their order, without reading what they hold.

    Raises:
        CorpusError: If it is not there, no shard, or damaged.
    """
    with _opened(Path(path)) as (file, _):
        before = None
        for batch in file.iter_batches(batch_size=_ROWS, columns=["id"], use_threads=False):
            batch.validate(full=True)
            for article_id in batch.column("id").to_pylist():
                if article_id != before:
                    yield _text(article_id)
                before = article_id


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, ShardInfo]]:
    """Open a shard; whatever goes wrong with it until the block is left is an error that names it."""
    require_pyarrow()
    import pyarrow as pa

    try:
        with path.open("rb") as stream:
            file = _file_of(stream)
            yield file, _info(file)
    except FileNotFoundError:
        raise CorpusError(str(path), "does not exist") from None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        missing = "its description lacks " if isinstance(error, KeyError) else ""
        reason = missing + (" ".join(str(error).split()) or type(error).__name__)
        raise CorpusError(str(path), f"is no shard, or damaged: {reason[:300]}") from None


def _file_of(stream: BinaryIO) -> Any:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(
        stream,
        buffer_size=1 << 20,
        pre_buffer=False,
        page_checksum_verification=True,
        thrift_string_size_limit=_LARGEST_STRUCTURE,
        thrift_container_size_limit=_LARGEST_STRUCTURE // 16,
    )
    require_no_bomb(file.metadata, os.fstat(stream.fileno()).st_size)
    return file


def _info(file: Any) -> ShardInfo:
    described = file.metadata.metadata or {}
    if _ABOUT not in described:
        raise ValueError("it is a Parquet file without the metadata 'semsearch'")
    about = json.loads(described[_ABOUT])
    if not isinstance(about, dict):
        raise ValueError("its metadata 'semsearch' is no object")
    version = parse_count(about, "format")
    if version > SHARD_FORMAT:
        raise ValueError(f"it has format {version}, this semsearch reads up to {SHARD_FORMAT}: update semsearch")
    embedder = parse_embedder(about["embedder"])
    rotation = None
    if about["rotation"] is not None:
        rotation = _rotation(described[_ROTATION], str(about["rotation"]), embedder.dimension)
    precision = about["precision"]
    if precision is not None and not isinstance(precision, str):
        raise TypeError("precision is no text")
    info = ShardInfo(
        source=_text(about["source"]),
        embedder=embedder,
        precision=precision,
        target_tokens=parse_count(about, "target_tokens"),
        rotation=rotation,
        counts=Counts(**{name: parse_count(about["counts"], name) for name in Counts.__dataclass_fields__}),
        languages=parse_shares(about, "languages"),
        fields=None if about["fields"] is None else tuple(tuple(map(_text, path)) for path in about["fields"]),
        problems=parse_count(about, "problems"),
        shown=tuple((_text(place), _text(reason)) for place, reason in about["shown"]),
        notes=parse_count(about, "notes"),
        written_by=_text(about["written_by"]),
    )
    _require_schema(file.schema_arrow, info)
    return info


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:100]!r} is no text")
    value.encode()
    return value


def _rotation(encoded: bytes, digest: str, dimension: int) -> bytes:
    try:
        rotation = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("its rotation is not base64") from None
    if len(rotation) != 4 * dimension * dimension or hashlib.sha256(rotation).hexdigest() != digest:
        raise ValueError("its rotation is damaged")
    if dimension % 4 or not np.isfinite(np.frombuffer(rotation, dtype="<f4")).all():
        raise ValueError("its rotation is none")
    return rotation


def _require_schema(schema: Any, info: ShardInfo) -> None:
    """Raise a ValueError if a column is missing, or of another kind; others may be there, in any order."""
    import pyarrow as pa

    for field in _schema(info.embedder.dimension, codes=info.rotation is not None):
        at = schema.get_all_field_indices(field.name)
        if len(at) != 1:
            raise ValueError(f"it has no column {field.name}" if not at else f"it has two columns {field.name}")
        found, wanted = schema.field(at[0]).type, field.type
        if pa.types.is_fixed_size_list(wanted):
            same = pa.types.is_fixed_size_list(found) and (found.list_size, found.value_type) == (
                wanted.list_size,
                wanted.value_type,
            )
        else:
            same = found == wanted
        if not same:
            raise ValueError(f"its column {field.name} is {found}, not {wanted}")


class _Row(NamedTuple):
    """A passage as it was read, and the article's fields if it is its first."""

    id: str
    head: dict[str, Any] | None
    vector_of_article: NDArray[np.float16] | None
    paragraph: int
    start: int
    end: int
    text: str
    key: bytes
    vector: NDArray[np.float16]
    codes: bytes | None


_HEAD = ("title", "published", "source", "url", "metadata", "place", "digest", "tokens", "truncated", "article_text")


def _rows(file: Any, info: ShardInfo) -> Iterator[_Row]:
    names = [field.name for field in _schema(info.embedder.dimension, codes=False)]
    for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
        batch.validate(full=True)  # what is no valid text is an error here, and not a crash later
        columns = {name: batch.column(name) for name in names}
        first = columns["article_text"].is_valid().to_numpy(zero_copy_only=False)
        vectors = _matrix(columns["vector"], info)
        heads = columns["article_vector"]
        if not np.array_equal(heads.is_valid().to_numpy(zero_copy_only=False), first):
            raise ValueError("vectors of articles stand elsewhere than the texts of these")
        of_articles = iter(_matrix(heads.filter(columns["article_text"].is_valid()), info))
        plain = {
            name: columns[name].to_pylist() for name in ("id", "paragraph", "start", "end", "text", "key", "codes")
        }
        in_heads = {name: columns[name].filter(columns["article_text"].is_valid()).to_pylist() for name in _HEAD}
        entries = iter([dict(zip(_HEAD, values, strict=True)) for values in zip(*in_heads.values(), strict=True)])
        for at in range(len(vectors)):
            values = {name: plain[name][at] for name in plain}
            if any(values[name] is None for name in plain if name != "codes"):
                raise ValueError("a passage has an empty field")
            yield _Row(
                head=next(entries) if first[at] else None,
                vector_of_article=next(of_articles) if first[at] else None,
                vector=vectors[at],
                **values,
            )


def _matrix(column: Any, info: ShardInfo) -> NDArray[np.float16]:
    """Return the vectors of a column, and see that they are of length 1, or zeros."""
    values = column.flatten()
    if column.null_count or values.null_count:
        raise ValueError("a vector is empty")
    vectors = values.to_numpy(zero_copy_only=False).reshape(-1, info.embedder.dimension)
    if vectors.dtype != np.float16 or len(vectors) != len(column):
        raise ValueError("a column of vectors is damaged")
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    if not ((np.abs(lengths - 1) <= _ROUNDING) | (lengths == 0)).all():
        raise ValueError("a vector is not of length 1")
    return np.asarray(vectors)


def _articles(file: Any, info: ShardInfo) -> Iterator[list[_Row]]:
    """Yield the rows of one article after the other."""
    rows: list[_Row] = []
    for row in _rows(file, info):
        if row.head is not None:
            if rows and row.id == rows[0].id:
                raise ValueError(f"two articles have the id {row.id[:100]!r}")
            if rows:
                yield rows
            rows = []
        elif not rows or row.id != rows[0].id:
            raise ValueError(f"the first passage of the article {row.id[:100]!r} has no text of the article")
        if len(rows) >= MOST_PASSAGES:
            raise ValueError(f"the article {row.id[:100]!r} has more than {MOST_PASSAGES:,} passages")
        rows.append(row)
    if rows:
        yield rows


def _portions(articles: Iterator[list[_Row]], info: ShardInfo, first_article: int) -> Iterator[Batch]:
    waiting: list[list[_Row]] = []
    count, row = 0, first_article
    for rows in articles:
        waiting.append(rows)
        count += len(rows)
        if count >= _PORTION:
            yield _batch(waiting, info, row)
            row += len(waiting)
            waiting, count = [], 0
    if waiting:
        yield _batch(waiting, info, row)


def _batch(articles: list[list[_Row]], info: ShardInfo, first_article: int) -> Batch:
    entries = [_entry(rows, first_article + at) for at, rows in enumerate(articles)]
    rows = [row for some in articles for row in some]
    numbers = [np.arange(entry.passages, dtype=np.int64) + first_passage(entry.row) for entry in entries]
    return Batch(
        articles=entries,
        rows=np.concatenate(numbers),
        paragraphs=np.array([row.paragraph for row in rows], dtype=np.int64),
        starts=np.array([row.start for row in rows], dtype=np.int64),
        ends=np.array([row.end for row in rows], dtype=np.int64),
        keys=np.frombuffer(b"".join(row.key for row in rows), dtype=np.uint8).reshape(-1, _KEY_BYTES),
        vectors=np.stack([row.vector for row in rows]),
        codes=[_codes(row, info) for row in rows],
    )


def _codes(row: _Row, info: ShardInfo) -> NDArray[np.uint8]:
    if info.rotation is None:
        if row.codes is not None:
            raise ValueError("it has codes of tokens, and does not say how to read them")
        return np.empty((0, 0), dtype=np.uint8)
    size = info.embedder.dimension // 4
    if not row.codes or len(row.codes) % size or len(row.codes) > size * _MOST_TOKENS:
        raise ValueError(f"the codes of a passage of the article {row.id[:100]!r} are damaged")
    return np.frombuffer(row.codes, dtype=np.uint8).reshape(-1, size)


def _entry(rows: list[_Row], number: int) -> EngineArticle:
    head, vector = rows[0].head, rows[0].vector_of_article
    assert head is not None and vector is not None  # noqa: S101, PT018 - for the type checker
    metadata = json.loads(_text(head["metadata"]))
    published = head["published"]
    article = Article(
        id=rows[0].id,
        text=head["article_text"],
        title=_text(head["title"]),
        published=published if isinstance(published, dt.date) else None,
        source=head["source"],
        url=head["url"],
        metadata=metadata,
    )
    digest = head["digest"]
    if digest != content_digest(article):
        raise ValueError(f"the article {article.id[:100]!r} is not the one that its digest was made of")
    for row in rows:
        if row.paragraph < 1 or not 0 <= row.start < row.end <= len(article.text):
            raise ValueError(f"a passage of the article {article.id[:100]!r} lies outside of it")
        if article.text[row.start : row.end] != row.text:
            raise ValueError(f"a passage of the article {article.id[:100]!r} is not what is there in it")
    tokens, truncated = head["tokens"], head["truncated"]
    if tokens is None or truncated is None or tokens < 0 or truncated < 0:
        raise ValueError(f"the counts of the article {article.id[:100]!r} are none")
    return EngineArticle(number, article, _text(head["place"]), digest, len(rows), tokens, truncated, vector)
