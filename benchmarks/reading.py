"""What reading and splitting cost by format, beside embedding, and how much memory a large file takes.

    python -m benchmarks.reading CORPUS [--copies 4] [--name NAME] [--pages FOLDER]

The articles of CORPUS are written in each format, as often as ``--copies`` says, each time with other ids. Then each
file is read in a process of its own, on one thread: to articles alone, and to passages in an archive, which is all that
a build does before it embeds, counting every token with the default model's tokenizer. Some of the passages are
embedded on one thread too: reading bounds no build where its rate is many times that. Last, files ten times as large
are read to their end, and the most memory that takes is set beside that of the small ones. Web pages cannot be made of
articles: those of ``--pages`` are read as they are. Raw figures go to ``benchmarks/results/reading.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.costs import table
from benchmarks.machine import describe
from benchmarks.measuring import in_new_process, peak_memory, use_one_thread, write_result

if TYPE_CHECKING:
    import semsearch

__all__ = ["WRITERS", "read_alone", "reading_table", "split_all", "write_copies"]

_TIMES = 10
"""How much larger the large files are."""
_EMBEDDED = 200  # passages
_TOKENS = 100
"""A passage's, where rates of different corpora are compared."""
_ROUNDS = 3

Record = dict[str, str]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", help="a folder or file of articles")
    parser.add_argument("--copies", type=int, default=4, help="how often each article is written")
    parser.add_argument("--pages", type=Path, help="a folder of saved web pages, to be read as well")
    parser.add_argument("--name", help="what to call the corpus (default: its own name)")
    arguments = parser.parse_args(argv)
    use_one_thread()
    path = Path(arguments.corpus)
    name = arguments.name or (path.parent.name if path.name == "corpus.jsonl" else path.stem)
    machine = describe()
    embedding = in_new_process(_embed, arguments.corpus)
    formats: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in WRITERS:
            small, large = Path(folder, f"small-{kind}"), Path(folder, f"large-{kind}")
            in_new_process(write_copies, arguments.corpus, kind, small, arguments.copies)
            in_new_process(write_copies, arguments.corpus, kind, large, arguments.copies * _TIMES)
            formats[kind] = {
                **_read(small),
                "reading a large one": in_new_process(read_alone, large),
            }
            _print(kind, formats[kind], embedding)
        if arguments.pages is not None:
            formats["web pages"] = _read(arguments.pages)
            _print("web pages", formats["web pages"], embedding)
    result = {
        "command": f"python -m benchmarks.reading {path.name} --copies {arguments.copies} --name {name}"
        + ("" if arguments.pages is None else " --pages FOLDER"),
        "machine": machine,
        "corpus": name,
        "embedding": embedding,
        "formats": formats,
    }
    print(f"raw figures: {write_result('reading', result)}")


# --- files ------------------------------------------------------------------------------------------------------------


def write_copies(corpus: str, kind: str, folder: Path, copies: int) -> None:
    """Write every article of a corpus so often, in files of a format."""
    import semsearch

    folder.mkdir()
    articles = list(semsearch.read_articles(corpus))
    records = (
        {"id": f"{copy}-{number}", "title": article.title, "text": article.text}
        for copy in range(copies)
        for number, article in enumerate(articles)
    )
    WRITERS[kind](folder, records)


def _write_text(folder: Path, records: Iterator[Record]) -> None:
    for number, record in enumerate(records):
        below = folder / f"{number // 1000}"
        below.mkdir(exist_ok=True)
        (below / f"{number}.txt").write_text(f"{record['title']}\n\n{record['text']}\n", encoding="utf-8")


def _write_json_lines(folder: Path, records: Iterator[Record]) -> None:
    with (folder / "a.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _write_json(folder: Path, records: Iterator[Record]) -> None:
    with (folder / "a.json").open("w", encoding="utf-8") as file:
        for number, record in enumerate(records):
            file.write((",\n" if number else "[\n") + json.dumps(record, ensure_ascii=False))
        file.write("\n]\n")


def _write_csv(folder: Path, records: Iterator[Record]) -> None:
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "title", "text"])
        writer.writeheader()
        writer.writerows(records)


def _write_parquet(folder: Path, records: Iterator[Record]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in ("id", "title", "text")])
    with pq.ParquetWriter(folder / "a.parquet", schema) as writer:
        while rows := list(islice(records, 10_000)):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _write_sqlite(folder: Path, records: Iterator[Record]) -> None:
    with closing(sqlite3.connect(folder / "a.sqlite")) as connection:
        connection.execute("CREATE TABLE articles (id TEXT PRIMARY KEY, title TEXT, text TEXT)")
        connection.executemany("INSERT INTO articles VALUES (:id, :title, :text)", records)
        connection.commit()


WRITERS: Mapping[str, Callable[[Path, Iterator[Record]], None]] = {
    "text files": _write_text,
    "JSON lines": _write_json_lines,
    "JSON": _write_json,
    "CSV": _write_csv,
    "Parquet": _write_parquet,
    "SQLite": _write_sqlite,
}
"""How records are written to a folder, by what the format is called."""


def _read(folder: Path) -> dict[str, Any]:
    return {
        "reading": [in_new_process(read_alone, folder) for _ in range(_ROUNDS)],
        "reading and splitting": [in_new_process(split_all, folder) for _ in range(_ROUNDS)],
    }


# --- figures ----------------------------------------------------------------------------------------------------------


def read_alone(folder: Path) -> dict[str, Any]:
    """Read all articles and forget them."""
    import semsearch

    cpu = time.process_time()
    articles = sum(1 for _ in semsearch.read_articles(folder))
    return {
        "articles": articles,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "cpu_seconds": round(time.process_time() - cpu, 4),
        "peak_rss_bytes": peak_memory(),
    }


def split_all(folder: Path, embedder: semsearch.Embedder | None = None) -> dict[str, Any]:
    """Do what a build does before it embeds: read all articles, split them, count their tokens, and store them."""
    import semsearch
    from semsearch.building._articles import ArticlesWriter
    from semsearch.building._corpus import portions
    from semsearch.records import FileGlobs
    from semsearch.storage.archive import ArchiveWriter

    embedder = embedder or semsearch.load_embedder()
    embedder.count_tokens(["to begin with"])
    with tempfile.TemporaryDirectory() as scratch:
        archive, log = ArchiveWriter(Path(scratch)), semsearch.ReadingLog(raises=True)
        cpu = time.process_time()
        articles = ArticlesWriter(archive, None, embedder, log, lambda _: None)
        articles.add_all(portions(folder, log, {}, fields=semsearch.FieldNames(), globs=FileGlobs()))
        archive.close()
        return {
            "articles": archive.articles,
            "passages": archive.passages,
            "tokens": archive.tokens,
            "cpu_seconds": round(time.process_time() - cpu, 4),
        }


def _embed(corpus: str) -> dict[str, Any]:
    """Embed some passages of a corpus on one thread, as a build does."""
    import semsearch
    from semsearch.embedders import TokenEmbedder
    from semsearch.passages import split_article

    embedder = semsearch.load_embedder()
    texts: list[str] = []
    for article in semsearch.read_articles(corpus):
        texts += [passage.text for passage in split_article(article, embedder.count_tokens, limit=200)]
        if len(texts) >= _EMBEDDED:
            break
    assert isinstance(embedder, TokenEmbedder)  # noqa: S101 - for the type checker
    embedder.embed_passages_with_tokens(texts[:8])
    cpu = time.process_time()
    embedder.embed_passages_with_tokens(texts)
    return {
        "passages": len(texts),
        "tokens": sum(embedder.count_tokens(texts)),
        "cpu_seconds": round(time.process_time() - cpu, 4),
    }


def _rate(run: Mapping[str, Any]) -> float:
    """Return passages of a hundred tokens in a CPU second."""
    return float(run["tokens"] / _TOKENS / run["cpu_seconds"])


def reading_table(result: Mapping[str, Any]) -> str:
    """Return what each format costs to read and to split, beside embedding, and the most memory of a large file."""
    rows = []
    for kind, found in result["formats"].items():
        best = max(map(_rate, found["reading and splitting"]))
        rows.append(
            [
                kind,
                f"{max(run['articles'] / run['cpu_seconds'] for run in found['reading']):,.0f}",
                f"{best:,.0f}",
                f"{best / _rate(result['embedding']):.1f}",
                *(
                    f"{run['peak_rss_bytes'] >> 20} of {run['bytes'] >> 20}" if run else ""
                    for run in (found["reading"][0], found.get("reading a large one"))
                ),
            ]
        )
    head = [
        f"{result['corpus']} as",
        "articles read a CPU-second",
        f"passages of {_TOKENS} tokens read and split",
        "times embedding",
        "MiB at most, of MiB of files",
        "of ten times as much",
    ]
    return table(head, rows)


def _print(kind: str, found: Mapping[str, Any], embedding: Mapping[str, Any]) -> None:
    best = max(map(_rate, found["reading and splitting"]))
    alone = max(run["articles"] / run["cpu_seconds"] for run in found["reading"])
    runs = [found["reading"][0], *([found["reading a large one"]] if "reading a large one" in found else [])]
    memory = [f"{run['peak_rss_bytes'] >> 20} MiB for {run['bytes'] >> 20} MiB of files" for run in runs]
    print(
        f"{kind:<12} {alone:8,.0f} articles read, {best:6,.0f} passages of {_TOKENS} tokens split a CPU-second, "
        f"{best / _rate(embedding):4.1f} times embedding; {', '.join(memory)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
