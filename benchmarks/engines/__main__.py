"""An index in a folder, in PostgreSQL and in Milvus, on the same passages in one run, and beside their own clients.

    python -m benchmarks.engines [--sizes 1000 10000 ...] [--side NAME]... [--queries 200] [--short]

At each size each side is filled, in batches of a thousand passages, and flushed; then all are asked for the vectors
nearest to the same queries in turn, through our layer and by hand, that is by psycopg and pymilvus alone; then with
filters, and what was found is compared with exact search; then for whole hybrid searches of an open index. Servers are
the tests' own, on this machine, and share its cores.

Vectors are passages of two dictionaries (``apt-get install dict-wn dict-gcide``), embedded by the default model and
kept in the cache: the first run takes as long as embedding 100,000 passages takes. With ``--short`` they are mixtures
of those of the sample archive, of which a graph finds less. Texts are made. Raw figures go to
``benchmarks/results/engines.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

import semsearch
from benchmarks.engines.passages import SHARES, Archive, make_archive
from benchmarks.engines.sides import SIDES, Side, why_not
from benchmarks.machine import describe
from benchmarks.measuring import percentile, rounded, use_one_thread, write_result

CACHE = Path(__file__).resolve().parents[1] / ".cache"
_SIZES = (1_000, 3_000, 10_000, 30_000, 60_000, 100_000)
_K = 10
_FILTERED_QUERIES = 50
_SEARCHES = 50


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="passages, thousands of them")
    parser.add_argument("--side", action="append", choices=SIDES, help="only this one (may be given several times)")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--short", action="store_true", help="vectors of the sample archive, and mixtures of them")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors are kept")
    parser.add_argument("--name", default="engines", help="what to call its result")
    arguments = parser.parse_args(argv)
    if any(size < 1 or size % 1_000 for size in arguments.sizes):
        parser.error("--sizes are thousands of passages")
    use_one_thread()
    names = arguments.side or list(SIDES)
    skipped = {name: reason for name in names if (reason := why_not(name)) is not None}
    machine = describe()
    kind, archive, queries = _make(max(arguments.sizes), arguments.queries, arguments.cache, short=arguments.short)
    with tempfile.TemporaryDirectory() as folder:
        versions, measured = _measure(
            [name for name in names if name not in skipped], archive, queries, sorted(arguments.sizes), Path(folder)
        )
    sizes = " ".join(map(str, arguments.sizes))
    result = {
        "command": f"python -m benchmarks.engines --sizes {sizes} --queries {arguments.queries}"
        + " --short" * arguments.short,
        "machine": machine,
        "skipped": skipped,
        "versions": versions,
        "vectors": kind,
        "k": _K,
        "engines": {name: {"sizes": figures} for name, figures in measured.items()},
    }
    print(f"raw figures: {write_result(arguments.name, result)}")


def _make(passages: int, queries: int, cache: Path, *, short: bool) -> tuple[str, Archive, NDArray[np.float32]]:
    """Return what vectors there are, as many passages as are wanted with them, and queries."""
    from benchmarks.ann.vectors import dictionary, sample_archive, synthesise

    if short:
        with tempfile.TemporaryDirectory() as folder:
            source = sample_archive(Path(folder))
    else:
        source = dictionary(cache, max(passages, _SIZES[-1]))
    vectors, kind = np.asarray(source.vectors[:passages]), source.name
    if len(vectors) < passages:
        kind = f"{kind}, {passages - len(vectors):,} of them mixtures"
        vectors = synthesise(vectors, passages)[np.random.default_rng(1).permutation(passages)]
    asked = source.queries[:: max(1, len(source.queries) // queries)][:queries]
    asked = np.asarray(asked / np.linalg.norm(asked, axis=1, keepdims=True), dtype=np.float32)
    return kind, make_archive(vectors, _questions(_SEARCHES)), asked


def _questions(count: int) -> list[str]:
    """Return questions to the sample archive: their words are in the passages, too."""
    lines = (CACHE.parent / "corpus-queries" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]


def _measure(
    names: Sequence[str], archive: Archive, queries: NDArray[np.float32], sizes: Sequence[int], folder: Path
) -> tuple[dict[str, str], dict[str, list[dict[str, Any]]]]:
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        sides: list[Side] = []
        for name in names:
            place = folder / name
            place.mkdir()
            sides.append(stack.enter_context(SIDES[name](place)))
        for size in sizes:
            part = archive.first(size)
            found = _measure_size(sides, part, queries)
            for side in sides:
                one = {"passages": size, "tokens": part.tokens, **found[side.name]}
                measured[side.name].append(one)
                _print(side.name, one)
                side.clear()
        return {side.name: side.version for side in sides}, measured


def _measure_size(sides: Sequence[Side], archive: Archive, queries: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {side.name: {} for side in sides}
    spec = semsearch.load_embedder().spec
    for side in sides:
        side.prepare(archive, spec)
        with _costs(side) as costs:
            side.fill(archive)
        found[side.name]["upsert"] = costs
        with _costs(side) as costs:
            side.flush()
        found[side.name]["flush"] = costs
        size, parts = side.disk()
        found[side.name] |= {"disk_bytes": size, "disk_parts": parts}
    exact = _exact(archive, queries, None)
    searches = _ask_in_turn(sides, queries)
    for side in sides:
        for name, seconds in _server_each(side, queries).items():
            searches[side.name][name]["server_cpu_seconds"] = seconds
    for side in sides:
        search = searches[side.name]
        search["recall"] = _recall(search.pop("rows"), exact)
        found[side.name]["search"] = search
        found[side.name]["filters"] = _filtered(side, archive, queries[:_FILTERED_QUERIES])
        found[side.name]["server_rss_bytes"] = _resident(side)
    for side in sides:
        side.publish()
    for name, search in _search_in_turn(sides, _questions(_SEARCHES)).items():
        found[name]["hybrid"] = search
    return found


def _search_in_turn(sides: Sequence[Side], questions: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Ask whole questions of all sides, embedded by the real model, in another order each time."""
    clocks = ("wall_seconds", "cpu_seconds", "server_cpu_seconds")
    found: dict[str, dict[str, list[float]]] = {side.name: {clock: [] for clock in clocks} for side in sides}
    with contextlib.ExitStack() as stack:
        searchers = [(side, stack.enter_context(semsearch.open_index(side.address))) for side in sides]
        for _, searcher in searchers:
            searcher.search(questions[0], _K)
        for number, question in enumerate(questions):
            for at in range(len(searchers)):
                side, searcher = searchers[(number + at) % len(searchers)]
                server, wall, cpu = _server_seconds(side), time.perf_counter(), time.process_time()
                searcher.search(question, _K)
                found[side.name]["cpu_seconds"].append(time.process_time() - cpu)
                found[side.name]["wall_seconds"].append(time.perf_counter() - wall)
                found[side.name]["server_cpu_seconds"].append(_server_seconds(side) - server)
    return {name: {clock: rounded(each) for clock, each in seconds.items()} for name, seconds in found.items()}


def _ask_in_turn(sides: Sequence[Side], queries: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """Ask each query of all sides, through our layer and by hand, in another order each time."""
    turns = [(side, hand) for side in sides for hand in (False, True) if not hand or side.by_hand is not None]
    times: dict[tuple[str, bool], dict[str, list[float]]] = {
        (side.name, hand): {"wall_seconds": [], "cpu_seconds": []} for side, hand in turns
    }
    rows: dict[str, list[NDArray[np.int64]]] = {side.name: [] for side in sides}
    for warm in queries[:3]:
        for side, hand in turns:
            _ask(side, warm, hand=hand)
    orders = np.random.default_rng(0)  # any: whoever asks an engine second finds what it needs in its caches
    for query in queries:
        for at in orders.permutation(len(turns)).tolist():
            side, hand = turns[at]
            wall, cpu = time.perf_counter(), time.process_time()
            answer = _ask(side, query, hand=hand)
            times[side.name, hand]["cpu_seconds"].append(time.process_time() - cpu)
            times[side.name, hand]["wall_seconds"].append(time.perf_counter() - wall)
            if answer is not None:
                rows[side.name].append(answer)
    return {
        side.name: {
            "rows": rows[side.name],
            **{
                "by hand" if hand else "ours": {
                    clock: rounded(seconds) for clock, seconds in times[side.name, hand].items()
                }
                for one, hand in turns
                if one is side
            },
        }
        for side in sides
    }


def _server_each(side: Side, queries: NDArray[np.float32]) -> dict[str, float]:
    """Return the server's CPU seconds of a search, through our layer and by hand, asked in blocks in turn."""
    modes = [False] if side.by_hand is None else [False, True]
    taken = dict.fromkeys(modes, 0.0)
    for block in (modes, modes[::-1]):
        for hand in block:
            before = _server_seconds(side)
            for query in queries:
                _ask(side, query, hand=hand)
            taken[hand] += _server_seconds(side) - before
    each = {hand: round(seconds / (2 * len(queries)), 6) for hand, seconds in taken.items()}
    return {"by hand" if hand else "ours": seconds for hand, seconds in each.items()}


def _ask(side: Side, query: NDArray[np.float32], *, hand: bool) -> NDArray[np.int64] | None:
    if not hand:
        return side.search(query, _K, None)
    assert side.by_hand is not None  # noqa: S101 - or it would have no turn
    side.by_hand(query, _K)
    return None


def _filtered(side: Side, archive: Archive, queries: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Ask with filters that leave less and less."""
    found = []
    for field in SHARES:
        allowed = archive.allowed(field)
        if not allowed.any():
            continue
        exact = _exact(archive, queries, allowed)
        side.search(queries[0], _K, field)
        seconds, rows = [], []
        for query in queries:
            started = time.perf_counter()
            rows.append(side.search(query, _K, field))
            seconds.append(time.perf_counter() - started)
        found.append(
            {
                "field": field,
                "passages": int(allowed.sum()),
                "recall": _recall(rows, exact),
                "wall_seconds": rounded(seconds),
            }
        )
    return found


def _exact(
    archive: Archive, queries: NDArray[np.float32], allowed: NDArray[np.bool_] | None
) -> list[NDArray[np.int64]]:
    from benchmarks.ann.vectors import exact_neighbours

    rows = exact_neighbours(queries, archive.vectors, _K, allowed)
    return [one[one >= 0] for one in rows]


def _recall(found: Sequence[NDArray[np.int64]], exact: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of the exact nearest that was found."""
    hits = sum(len(np.intersect1d(one, true)) for one, true in zip(found, exact, strict=True))
    return round(hits / sum(len(true) for true in exact), 4)


@contextlib.contextmanager
def _costs(side: Side) -> Iterator[dict[str, float]]:
    """Measure what a block takes: by the clock, of this process and of the server's."""
    costs: dict[str, float] = {}
    wall, cpu, server = time.perf_counter(), time.process_time(), _server_seconds(side)
    yield costs
    costs["wall_seconds"] = round(time.perf_counter() - wall, 4)
    costs["cpu_seconds"] = round(time.process_time() - cpu, 4)
    costs["server_cpu_seconds"] = round(_server_seconds(side) - server, 4)


def _server_seconds(side: Side) -> float:
    """Return the CPU seconds of a side's server; of processes that have ended as well, if their parent has not."""
    total = 0.0
    for process in side.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _resident(side: Side) -> int | None:
    """Return the memory of a server: what each of its processes has alone, and its share of what they have together."""
    if not side.processes():
        return None
    total = 0
    for process in side.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total


def _print(name: str, one: Mapping[str, Any]) -> None:
    ours, hand = one["search"]["ours"], one["search"].get("by hand")
    said = [
        f"{name:>9} {one['passages']:>8,}",
        f"{one['passages'] / one['upsert']['wall_seconds']:,.0f} passages/s",
        f"flush {one['flush']['wall_seconds']:.1f} s",
        f"{one['disk_bytes'] / one['passages']:,.0f} bytes",
        f"{1000 * percentile(ours['wall_seconds'], 50):.2f} ms",
        f"recall {one['search']['recall']}",
        " ".join(f"{each['field']} {each['recall']}" for each in one["filters"]),
        f"hybrid {1000 * percentile(one['hybrid']['wall_seconds'], 50):.1f} ms",
    ]
    if hand is not None:
        said.insert(5, f"by hand {1000 * percentile(hand['wall_seconds'], 50):.2f} ms")
    print(", ".join(said), flush=True)


if __name__ == "__main__":
    main()
