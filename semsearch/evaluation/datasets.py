"""Judged queries: BEIR's layout, TREC's files, or one JSON-lines file of one's own."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from semsearch.errors import CorpusError
from semsearch.records import is_unicode

__all__ = ["Dataset", "load_dataset", "numbered_lines"]

_TOPIC = re.compile(r"(?is)<top>(.*?)(?=<top>|</top>|\Z)")
_TOPIC_FIELD = re.compile(r"(?s)<(\w+)>([^<]*)")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Queries and what answers them.

    Attributes:
        name: What to call it.
        queries: The text of each query that is judged, by query id.
        qrels: For each query the grade of each article that was judged, by article id; above 0 is relevant. In a
            dataset of passages the ids are the passages' beginnings instead.
        unit: ``"article"`` or ``"passage"``: what was judged.
        corpus: The articles that were judged, where the dataset has them with it.
        unjudged: Queries without a relevant article, which are left out.
        unanswerable: The text of each query that nothing should answer, by query id: what a threshold is for.
    """

    name: str
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]
    unit: str = "article"
    corpus: Path | None = None
    unjudged: tuple[str, ...] = ()
    unanswerable: Mapping[str, str] = field(default_factory=dict)


def load_dataset(path: str | os.PathLike[str], *, qrels: str | os.PathLike[str] | None = None) -> Dataset:
    """Load judged queries.

    Args:
        path: A folder in BEIR's layout (``queries.jsonl``, ``qrels/test.tsv`` and, where it has its articles with it,
            ``corpus.jsonl``); or a TREC topics file, with ``qrels``; or a JSON-lines file with a line for each query:
            its ``query``, and the id of the ``article`` that should come back, or the beginning of the passage that
            should (``passage``; several as ``relevant``, of which ``best`` counts more), or ``"answer": false`` if
            nothing should.
        qrels: The judgements, in TREC's four columns or BEIR's three, if they are not where the layout has them.

    Raises:
        CorpusError: If a file is missing or a line of it cannot be read, an id is there twice, or no query is judged.
    """
    path, qrels = Path(path), None if qrels is None else Path(qrels)
    if path.is_dir():
        queries = _read_queries(path / "queries.jsonl")
        corpus = path / "corpus.jsonl"
        judged = _read_qrels(qrels or _find_qrels(path / "qrels"))
        return _checked(Dataset(path.resolve().name, queries, judged, corpus=corpus if corpus.exists() else None), path)
    if not path.exists():
        raise CorpusError(str(path), "no such file or folder: name a folder in BEIR's layout or a file of queries")
    if qrels is not None:
        queries = _read_queries(path) if path.suffix == ".jsonl" else _read_topics(path)
        return _checked(Dataset(path.stem, queries, _read_qrels(qrels)), path)
    return _checked(_read_own(path), path)


def _checked(dataset: Dataset, path: Path) -> Dataset:
    """Leave out queries without a relevant article, and judgements of queries that are not there."""
    strangers = sorted(dataset.qrels.keys() - dataset.queries.keys())
    if strangers:
        raise CorpusError(str(path), f"judges {len(strangers)} queries that it does not have, {strangers[0]!r} first")
    relevant = {query for query, grades in dataset.qrels.items() if any(grade > 0 for grade in grades.values())}
    if not relevant:
        raise CorpusError(str(path), "no query has a relevant article")
    return replace(
        dataset,
        queries={query: text for query, text in dataset.queries.items() if query in relevant},
        qrels={query: grades for query, grades in dataset.qrels.items() if query in relevant},
        unjudged=tuple(query for query in dataset.queries if query not in relevant),
    )


def _find_qrels(folder: Path) -> Path:
    if (folder / "test.tsv").exists():
        return folder / "test.tsv"
    files = sorted(folder.glob("*.tsv"))
    if len(files) != 1:
        raise CorpusError(str(folder), f"has {len(files)} files of judgements and no test.tsv: name one with --qrels")
    return files[0]


def _read_queries(path: Path) -> dict[str, str]:
    queries: dict[str, str] = {}
    for place, record in _json_lines(path):
        query, text = record.get("_id", record.get("id")), record.get("text")
        if query is None or not isinstance(text, str) or not text.strip():
            raise CorpusError(place, "is not a query: it needs an '_id' and a 'text'")
        _add_query(queries, str(query), text, place)
    return queries


def _read_topics(path: Path) -> dict[str, str]:
    """Read TREC topics: XML, the older ``<top>`` without closing tags, or lines of number, tab and text."""
    queries: dict[str, str] = {}
    lines = list(numbered_lines(path))
    if any(line.strip().lower() == "<top>" for _, line in lines):
        return _read_tagged_topics(path, lines)
    if path.suffix == ".xml":
        try:
            topics = ET.parse(path).getroot().iter("topic")  # noqa: S314 - expat has limits against expansion
        except ET.ParseError as error:
            raise CorpusError(f"{path}:{error.position[0]}", f"is not XML ({error})") from None
        for number, topic in enumerate(topics, start=1):
            text = topic.findtext("title") or topic.findtext("query") or ""
            if not topic.get("number") or not text.strip():
                raise CorpusError(str(path), f"topic {number} has no number, or no <title> and no <query>")
            _add_query(queries, topic.get("number", ""), " ".join(text.split()), str(path))
        return queries
    for place, line in lines:
        query, tab, text = line.partition("\t")
        if not tab or not text.strip():
            raise CorpusError(place, "is not a topic: a number, a tab and the query's text")
        _add_query(queries, query.strip(), text.strip(), place)
    return queries


def _read_tagged_topics(path: Path, lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Read ``<top> <num> Number: 301 <title> text ... </top>``, as TREC had them until they became XML."""
    queries: dict[str, str] = {}
    text = "\n".join(line for _, line in lines)
    for number, topic in enumerate(_TOPIC.findall(text), start=1):
        fields = {tag.lower(): " ".join(content.split()) for tag, content in _TOPIC_FIELD.findall(topic)}
        query = re.sub(r"(?i)^number:\s*", "", fields.get("num", ""))
        title = re.sub(r"(?i)^topic:\s*", "", fields.get("title", ""))
        if not query or not title:
            raise CorpusError(str(path), f"topic {number} has no <num> or no <title>")
        _add_query(queries, query, title, str(path))
    return queries


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgements: BEIR's ``query-id corpus-id score`` under a header, or TREC's ``query 0 document grade``."""
    qrels: dict[str, dict[str, int]] = {}
    for place, line in numbered_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if columns[0] == "query-id":
            continue
        if len(columns) not in (3, 4):
            raise CorpusError(place, "is not a judgement: 'query article grade', or TREC's 'query 0 article grade'")
        query, article, grade = columns[0], columns[-2], columns[-1]
        try:
            value = int(grade)
        except ValueError:
            raise CorpusError(place, f"the grade {grade!r} is not a whole number") from None
        _add(qrels.setdefault(query, {}), article, value, place)
    return qrels


def _read_own(path: Path) -> Dataset:
    queries: dict[str, str] = {}
    unanswerable: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    units = set()
    for place, record in _json_lines(path):
        text = record.get("query")
        if not isinstance(text, str) or not text.strip():
            raise CorpusError(place, "has no 'query'")
        unit, grades = _own_judgements(record, place)
        if record.get("answer") is False:
            if grades:
                raise CorpusError(place, "says what should come back, and 'answer': false, that nothing should")
            query = str(record.get("_id", f"unanswerable {len(unanswerable) + 1}"))
            _add_query(unanswerable, query, text, place, others=queries)
            continue
        if not grades:
            raise CorpusError(
                place, "says neither which 'article' nor which 'passage' should come back, nor 'answer': false"
            )
        units.add(unit)
        query = str(record.get("_id", len(queries) + 1))
        _add_query(queries, query, text, place, others=unanswerable)
        qrels[query] = grades
    if len(units) > 1:
        raise CorpusError(str(path), "judges articles in some lines and passages in others: use one of them")
    unit = units.pop() if units else "article"
    return Dataset(path.stem, queries, qrels, unit=unit, unanswerable=unanswerable)


def _own_judgements(record: Mapping[str, Any], place: str) -> tuple[str, dict[str, int]]:
    """Return what should come back, articles or passages, and the grade of each."""
    named = {name: _several(record.get(name)) for name in ("article", "relevant", "passage", "best")}
    for name, values in named.items():
        for value in values:
            if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
                raise CorpusError(place, f"names {value!r} as {name!r}, which must be text that is not blank")
    if named["article"]:
        return "article", {str(article): 1 for article in named["article"]}
    grades = {str(passage): 1 for passage in [*named["relevant"], *named["passage"]]}
    grade_of_best = 2 if len(grades) > 1 else 1
    grades.update((str(passage), grade_of_best) for passage in named["best"])
    return "passage", grades


def _several(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _add_query(queries: dict[str, str], query: str, text: str, place: str, *, others: Mapping[str, str] = {}) -> None:
    """Add a query whose id is new to these and to ``others``."""
    if not is_unicode(text):
        raise CorpusError(place, "has half of a surrogate pair in the query, which is not text")
    if query in others:
        raise CorpusError(place, f"has the id {query!r} again")
    _add(queries, query, text, place)


def _add(entries: dict[str, Any], key: str, value: Any, place: str) -> None:
    if key in entries:
        raise CorpusError(place, f"has the id {key!r} again")
    entries[key] = value


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Give every line of a file that is not blank, after its place: the file and the line's number.

    Raises:
        CorpusError: If there is no such file, or it is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield f"{path}:{number}", line.rstrip("\r\n")
    except FileNotFoundError:
        raise CorpusError(str(path), "no such file") from None
    except UnicodeDecodeError as error:
        raise CorpusError(str(path), f"is not valid UTF-8 (byte {error.start})") from None


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, line in numbered_lines(path):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise CorpusError(place, f"is not a JSON object on one line ({error})") from None
        if not isinstance(record, dict):
            raise CorpusError(place, "is JSON, but not an object")
        yield place, record
