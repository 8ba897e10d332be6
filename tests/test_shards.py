"""Shards: what is written is read, and what is damaged is an error that names the file."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semsearch import Article, CorpusError, EmbedderSpec, IndexWriteError
from semsearch.dense import mean_direction, unit_rows
from semsearch.engines import Batch, EngineArticle, article_of, first_passage
from semsearch.shards import ShardInfo, ShardWriter, read_shard, read_shard_info
from semsearch.storage import Counts, content_digest
from semsearch.tokens import TokenCodec

SPEC = EmbedderSpec("words", "f" * 64, 8, 250, "ask: ", "tell: ", "main")
CODEC = TokenCodec.create(8)
TREATIES = "The mandate rests on the treaties.\n\nIt was renewed in spring, and again in the autumn of that year."
ARTICLES = [
    Article("a", TREATIES, "Mandate", dt.date(2024, 5, 1), "Agency", "https://x.example/a", {"desk": {"name": "eu"}}),
    Article("b/ü", "Über die Brücke geht der Weg, und das ist nicht der einzige Weg.", metadata={"language": "de"}),
    Article("c", "one " * 3000, "Long " * 1500, metadata={"pages": [[0, "1"]] * 600}),
]


def spans(article: Article) -> list[tuple[int, int]]:
    if article.id == "a":
        cut = article.text.index("\n\n")
        return [(0, cut), (cut + 2, len(article.text))]
    if article.id == "c":
        return [(at, at + 3) for at in range(0, 12_000, 4)]
    return [(0, len(article.text))]


def batch_of(articles: Sequence[Article], first: int = 0, *, codes: bool = True) -> Batch:
    random = np.random.default_rng(len(articles))
    entries: list[EngineArticle] = []
    rows, paragraphs, ends, starts, keys, vectors, tokens = [], [], [], [], [], [], []
    for number, article in enumerate(articles, start=first):
        own = unit_rows(random.standard_normal((len(spans(article)), 8)).astype(np.float32)).astype(np.float16)
        digest = content_digest(article)
        entries.append(
            EngineArticle(number, article, f"x:{number}", digest, len(own), 7 * len(own), number, mean_direction(own))
        )
        for at, (start, end) in enumerate(spans(article)):
            rows.append(first_passage(number) + at)
            paragraphs.append(at + 1)
            starts.append(start)
            ends.append(end)
            keys.append(random.integers(0, 256, 16, dtype=np.uint8))
            vectors.append(own[at])
            count = int(random.integers(1, 5)) if codes else 0
            tokens.append(random.integers(0, 256, (count, 2 if codes else 0), dtype=np.uint8))
    numbers = {"rows": rows, "paragraphs": paragraphs, "starts": starts, "ends": ends}
    return Batch(
        entries,
        **{name: np.array(each, dtype=np.int64) for name, each in numbers.items()},
        keys=np.stack(keys),
        vectors=np.stack(vectors),
        codes=tokens,
    )


def write(path: Path, *batches: Batch, codes: bool = True, spec: EmbedderSpec = SPEC) -> ShardInfo:
    rotation = CODEC.rotation if codes else None
    with ShardWriter(path, embedder=spec, precision="bfloat16", target_tokens=120, rotation=rotation) as shard:
        for batch in batches:
            shard.add(batch)
        return shard.close("s", problems=[CorpusError("x:3", "is empty")], notes=2)


def flat(batches: Sequence[Batch]) -> list[tuple[Any, ...]]:
    """Everything that batches hold, in a form that compares."""
    found: list[tuple[Any, ...]] = []
    for batch in batches:
        numbers = (batch.rows, batch.paragraphs, batch.starts, batch.ends)
        passages = list(zip(*(each.tolist() for each in numbers), strict=True))
        for entry in batch.articles:
            own = [at for at, row in enumerate(batch.rows) if article_of(int(row)) == entry.row]
            assert len(own) == entry.passages
            found.append(
                (
                    entry.row, entry.article, dict(entry.article.metadata), entry.place, entry.digest, entry.tokens,
                    entry.truncated, entry.vector.tobytes(), [passages[at] for at in own], batch.keys[own].tobytes(),
                    batch.vectors[own].tobytes(), [batch.codes[at].tolist() for at in own],
                )
            )  # fmt: skip
    return found


@pytest.mark.parametrize("codes", [True, False])
def test_what_is_written_is_read(tmp_path: Path, codes: bool) -> None:
    path = tmp_path / "new" / "one.parquet"
    info = write(path, batch_of(ARTICLES[:2], codes=codes), batch_of(ARTICLES[2:], 2, codes=codes), codes=codes)
    assert [entry.name for entry in path.parent.iterdir()] == ["one.parquet"]
    expected = flat([batch_of(ARTICLES[:2], codes=codes), batch_of(ARTICLES[2:], 2, codes=codes)])
    assert flat(list(read_shard(path))) == expected
    assert read_shard_info(path) == info
    assert info == ShardInfo(
        "s",
        SPEC,
        "bfloat16",
        120,
        CODEC.rotation.tobytes() if codes else None,
        Counts(3, 3003, 3003 * 7, 3),
        {"de": 0.333, "en": 0.333},
        (("metadata", "desk"), ("metadata", "desk", "name"), ("metadata", "language"), ("metadata", "pages")),
        1,
        (("x:3", "is empty"),),
        2,
    )
    codec = info.codec
    assert (codec is not None) == codes
    assert codec is None or np.array_equal(codec.rotation, CODEC.rotation)


def test_rows_count_from_where_they_are_told_to(tmp_path: Path) -> None:
    write(tmp_path / "one.parquet", batch_of(ARTICLES[:2]))
    (batch,) = read_shard(tmp_path / "one.parquet", 1 << 40)
    assert [entry.row for entry in batch.articles] == [1 << 40, (1 << 40) + 1]
    assert batch.rows.tolist() == [1 << 60, (1 << 60) + 1, first_passage((1 << 40) + 1)]


def test_the_same_articles_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, batch_of(ARTICLES))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_any_program_reads_a_shard(tmp_path: Path) -> None:
    write(tmp_path / "one.parquet", batch_of(ARTICLES))
    table = pq.read_table(tmp_path / "one.parquet")
    assert table["id"].to_pylist()[:4] == ["a", "a", "b/ü", "c"]
    assert table["title"].to_pylist()[:2] == ["Mandate", "Mandate"]
    assert table["title"].to_pylist()[3:5] == [ARTICLES[2].title, None]  # long: once
    assert table["text"].to_pylist()[1] == TREATIES[table["start"][1].as_py() : table["end"][1].as_py()]
    assert table["article_text"].to_pylist()[:2] == [TREATIES, None]
    assert json.loads(table["metadata"][1].as_py()) == {"desk": {"name": "eu"}}
    assert table.schema.field("vector").type == pa.list_(pa.float16(), 8)


def test_a_shard_of_no_article_is_one(tmp_path: Path) -> None:
    info = write(tmp_path / "none.parquet")
    assert info.counts == Counts(0, 0, 0, 0)
    assert list(read_shard(tmp_path / "none.parquet")) == []


def test_what_is_not_closed_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with ShardWriter(tmp_path / "x", embedder=SPEC, precision=None, target_tokens=1, rotation=None) as shard:
            shard.add(batch_of(ARTICLES[:1], codes=False))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_goes_when_the_shard_is_there(tmp_path: Path) -> None:
    left, other = tmp_path / "one[1].parquet.abc.new", tmp_path / "one.parquet.abc.new"
    left.write_bytes(b"x")
    other.write_bytes(b"x")
    write(tmp_path / "one[1].parquet", batch_of(ARTICLES))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["one.parquet.abc.new", "one[1].parquet"]


def test_two_who_write_the_same_shard_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    slow = ShardWriter(path, embedder=SPEC, precision="bfloat16", target_tokens=120, rotation=CODEC.rotation)
    slow.add(batch_of(ARTICLES))
    info = write(path, batch_of(ARTICLES))
    assert slow.close("s", problems=[CorpusError("x:3", "is empty")], notes=2) == info
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.parquet"]
    assert flat(list(read_shard(path))) == flat([batch_of(ARTICLES)])


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexWriteError, match="file"):
        write(tmp_path / "file" / "one.parquet")


def test_a_batch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of 16 components"):
        write(tmp_path / "one", batch_of(ARTICLES), spec=EmbedderSpec("w", "f", 16, 9), codes=False)
    with pytest.raises(ValueError, match="of 2 bytes each"):
        write(tmp_path / "one", batch_of(ARTICLES, codes=False))
    assert list(tmp_path.iterdir()) == []


# --- damaged ----------------------------------------------------------------------------------------------------


def table_of(path: Path) -> pa.Table:
    """The whole shard, with its metadata."""
    metadata = dict(pq.ParquetFile(path).metadata.metadata)
    del metadata[b"ARROW:schema"]
    return pq.read_table(path).replace_schema_metadata(metadata)


def changed(path: Path, **columns: Any) -> Path:
    """Write the shard again with other values, by column: a function of the list of the values, or an array."""
    table = table_of(path)
    for name, change in columns.items():
        at = table.schema.get_field_index(name)
        field = table.schema.field(name)
        array = pa.array(change(table[name].to_pylist()), type=field.type) if callable(change) else change
        table = table.set_column(at, pa.field(name, array.type), array)
    pq.write_table(table, path)
    return path


def first(value: Any) -> Any:
    return lambda values: [value, *values[1:]]


def second(value: Any) -> Any:
    return lambda values: [values[0], value, *values[2:]]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"end": first(10**6)}, "outside"),
        ({"start": first(-1)}, "outside"),
        ({"start": second(0)}, "is not what is there"),
        ({"paragraph": first(0)}, "outside"),
        ({"text": first("Another")}, "is not what is there"),
        ({"id": second("z")}, "first passage of the article 'z'"),
        ({"id": first("")}, "first passage"),
        ({"title": first("Another")}, "digest"),
        ({"title": first(None)}, "no text"),
        ({"digest": first(b"x" * 16)}, "digest"),
        ({"metadata": first("[1]")}, "mapping"),
        ({"metadata": first("{")}, "Expecting"),
        ({"metadata": first(None)}, "no text"),
        ({"place": first(None)}, "no text"),
        ({"published": first(None)}, "digest"),
        ({"tokens": first(-1)}, "counts"),
        ({"tokens": first(None)}, "counts"),
        ({"tokens": first(1)}, "says of itself"),
        ({"article_text": first(None)}, "elsewhere"),
        ({"article_text": second("x")}, "elsewhere"),
        ({"article_text": first("a\0b")}, "NUL"),
        ({"vector": first([1.0] * 8)}, "length 1"),
        ({"vector": first([float("nan")] * 8)}, "length 1"),
        ({"vector": first(None)}, "empty"),
        ({"vector": first([None] * 8)}, "empty"),
        ({"article_vector": first([0.5] * 8)}, "length 1"),
        ({"article_vector": second([1.0] + [0.0] * 7)}, "elsewhere"),
        ({"codes": first(b"xyz")}, "codes"),
        ({"codes": first(None)}, "codes"),
        ({"codes": first(b"")}, "codes"),
        ({"key": first(None)}, "empty field"),
        ({"key": pa.array([b"x"] * 3)}, "column key is binary"),
        ({"vector": pa.array([[1.0] + [0.0] * 8] * 3, pa.list_(pa.float16(), 9))}, "column vector is"),
        ({"vector": pa.array([[1.0] + [0.0] * 7] * 3, pa.list_(pa.float32(), 8))}, "column vector is"),
        ({"start": pa.array([0.0] * 3)}, "column start is double"),
    ],
)
def test_what_is_damaged_is_an_error_that_names_the_file(tmp_path: Path, columns: Any, reason: str) -> None:
    path = tmp_path / "one.parquet"
    write(path, batch_of(ARTICLES[:2]))
    with pytest.raises(CorpusError, match=reason) as raised:
        list(read_shard(changed(path, **columns)))
    assert raised.value.place == str(path)


def test_text_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    write(path, batch_of(ARTICLES[:2]))
    raw = pa.array([b"\xff\xfe", b"x", b"y"]).view(pa.string())
    with pytest.raises(CorpusError, match=r"one\.parquet"):
        list(read_shard(changed(path, title=raw)))


def described(path: Path, change: Any) -> Path:
    table = table_of(path)
    metadata = dict(table.schema.metadata)
    about = json.loads(metadata[b"semsearch"])
    change(about, metadata)
    if metadata[b"semsearch"] == table.schema.metadata[b"semsearch"]:
        metadata[b"semsearch"] = json.dumps(about).encode()
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda about, _: about.update(format=2), "format 2.*update semsearch"),
        (lambda about, _: about.update(format="1"), "format is '1'"),
        (lambda about, _: about.pop("embedder"), "lacks 'embedder'"),
        (lambda about, _: about["embedder"].update(dimension=0), "dimension is 0"),
        (lambda about, _: about["embedder"].update(dimension=12), "rotation is damaged"),
        (lambda about, _: about.update(rotation="0" * 64), "rotation is damaged"),
        (lambda about, _: about.update(rotation=None), "codes of tokens"),
        (lambda about, _: about["counts"].update(articles=5), "says of itself"),
        (lambda about, _: about.update(languages={"xx": 0.5}), "languages"),
        (lambda about, _: about.update(fields=[["metadata", 1]]), "no text"),
        (lambda about, _: about.update(precision=1), "precision"),
        (lambda _, metadata: metadata.update({b"semsearch.rotation": b"?"}), "base64"),
        (lambda _, metadata: metadata.pop(b"semsearch.rotation"), "lacks"),
        (lambda _, metadata: metadata.update({b"semsearch": b"[1]"}), "no object"),
        (lambda _, metadata: metadata.update({b"semsearch": b"\xff"}), "damaged"),
    ],
)
def test_a_description_that_is_none_is_an_error(tmp_path: Path, change: Any, reason: str) -> None:
    path = tmp_path / "one.parquet"
    write(path, batch_of(ARTICLES[:2]))
    with pytest.raises(CorpusError, match=reason) as raised:
        list(read_shard(described(path, change)))
    assert raised.value.place == str(path)


def test_a_file_that_unpacks_to_much_more_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    write(path, batch_of(ARTICLES[:2]))
    table = table_of(path)
    at = table.schema.get_field_index("article_text")
    pq.write_table(
        table.set_column(at, "article_text", pa.array(["a" * 80_000_000, None, "b"])), path, compression="zstd"
    )
    assert path.stat().st_size < 400_000
    with pytest.raises(CorpusError, match="MiB are packed into"):
        read_shard_info(path)


def test_other_files_are_no_shards(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "table.parquet")
    (tmp_path / "text.parquet").write_text("PAR1")
    (tmp_path / "empty.parquet").write_bytes(b"")
    for name, reason in [
        ("table", "without the metadata"), ("text", "is no shard"), ("empty", "is no shard"), ("none", "not exist"),
    ]:  # fmt: skip
        with pytest.raises(CorpusError, match=reason):
            read_shard_info(tmp_path / f"{name}.parquet")
    with pytest.raises(CorpusError, match="is no shard"):
        read_shard_info(tmp_path)


def test_wherever_a_byte_is_flipped_or_the_file_ends_it_is_an_error_or_the_same(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    write(path, batch_of(ARTICLES[:2]))
    whole, expected = path.read_bytes(), flat(list(read_shard(path)))
    wrong = 0
    for at in np.random.default_rng(1).integers(0, len(whole), 300).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << (at % 8))]) + whole[at + 1 :])
        with contextlib.suppress(CorpusError):
            wrong += flat(list(read_shard(path))) != expected
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at])
        with pytest.raises(CorpusError):
            list(read_shard(path))
    assert wrong == 0
