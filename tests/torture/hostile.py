"""Corpora that mean harm, each built in a child with little memory and time: ``python -m tests.torture.hostile``.

Arguments: a folder, the number of seconds that a child has, what is broken of semsearch, and the names of corpora. For
each corpus a line of JSON is printed: an :class:`Outcome`. Whatever a corpus holds, the two good articles beside it
must be found, each of its files be read or reported, nothing outside it be opened, and no error but semsearch's end it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import semsearch.building
import semsearch.lexical
import semsearch.searching  # noqa: F401 - whatever the children need is imported once
from semsearch import SemsearchError, build_index, open_index
from semsearch.readers import FORMATS, ReadingLog, _sources, _text
from semsearch.readers.tables import jsonlines
from semsearch.readers.text import markdown
from semsearch.storage import open_generation
from tests.embedder import WordEmbedder
from tests.torture.figures import scaled

__all__ = ["BREAKS", "CORPORA", "MEMORY", "UNITS", "Outcome"]

MEMORY = 3 << 30
"""Bytes of addresses that a child has; half a gigabyte of it is libraries."""
M = 1 << 20
LONG_TITLE = scaled(M, 10 * M)
GOOD = {"good.txt": "The treaty was signed at the border.", "z/good.md": "The harvest was poor by the river."}


@dataclass
class Outcome:
    """What came of a corpus.

    Attributes:
        corpus: Its name.
        wrong: What should not have been, in words.
        refused: Sources that ended with an error of semsearch's.
        read: Articles that were indexed.
        reported: Problems and notes.
        outside: Files outside the corpus that were opened.
        seconds: Of computing.
        megabytes: Of memory, at most.
    """

    corpus: str
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    read: int = 0
    reported: int = 0
    outside: int = 0
    seconds: float = 0.0
    megabytes: int = 0


# --- corpora ----------------------------------------------------------------------------------------------------------


def _front_matter(*lines: str) -> str:
    return "\n".join(["---", *lines, "---", "The text."])


def _laughs(entry: str) -> str:
    lines = [f"a{n}: &a{n} {entry.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 10)]
    return _front_matter("a0: &a0 {x: y}", *lines)


def _record(**fields: object) -> str:
    return json.dumps({"text": "The text.", **fields}, ensure_ascii=False)


def _deep(name: str, depth: int) -> str:
    return f'{{"text": "The text.", "{name}": {"[" * depth}{"]" * depth}}}'


PASSAGES = "\n\n".join(["The talks on the border went on for a day."] * scaled(500, 3000))
NUMBERS = ["9" * 5000, "0x" + "f" * 100_000, "1" + ":1" * 50_000, "1" + ":1" * 50_000 + ".5", "1e999", ".nan", "-.inf"]
CONTROLS = "\x01\x08\x7f\x85\u200b\u202e\u2066\u2028\ufeff\ufffe\U000e0001"
FILES: dict[str, dict[str, str | bytes]] = {
    "aliases": {"lists.md": _laughs("[{}]"), "merged.md": _laughs("{{<<: [{}]}}")},
    "aliases in circles": {f"{n}.md": _front_matter(f"{n}: &a [*a]") for n in ("title", "date", "id", "x", "metadata")},
    "long numbers": {
        f"{at}-{name}.md": _front_matter(f"{name}: {number}")
        for at, number in enumerate(NUMBERS)
        for name in ("title", "date", "id", "x")
    },
    "deep YAML": {
        "flow.md": _front_matter("x: " + "[" * 100_000),
        "block.md": _front_matter("x:", *(" " * depth + "- " for depth in range(1500))),
        "dashes.md": _front_matter("x: " + "- " * 50_000),
        "keys.md": _front_matter("x: " + "? " * 50_000),
    },
    "YAML tags": {
        f"{at}.md": _front_matter(f"x: {tag}")
        for at, tag in enumerate(
            ["!!python/object/apply:os.system [id]", "!!binary '&'", "!!set {a}", "!!bool x", "!!int {a: b}", "!x y"]
        )
    },
    "much YAML": {
        "keys.md": _front_matter(*(f"k{n}: v" for n in range(scaled(10_000, 100_000)))),
        "a.md": _front_matter("a: " + "b" * M),
    },
    "deep JSON": {
        "d.jsonl": "\n".join(
            ["[" * 100_000, '{"a":' * 100_000]
            + [_deep(name, depth) for name in ("title", "date", "x") for depth in (90, 480, 990)]
        )
    },
    "much JSON": {
        "keys.jsonl": _record(**{f"k{n}": n for n in range(100_000)}),
        "list.jsonl": _record(x=[[]] * 300_000),
    },
    "numbers in JSON": {
        "n.jsonl": '{"text": "T.", "x": 1e999, "date": NaN, "title": Infinity}\n'
        + "\n".join(f'{{"text": "T.", "{name}": {"9" * digits}}}' for name in ("x", "date") for digits in (4000, 6000))
        + "\n" + _record(x="0" * 9000 + "1", date="99999999999999 Jan 2024", id="0" * 5000)
    },
    "surrogates and NUL": {
        "s.jsonl": "\n".join(
            f'{{"text": "The text.", "{name}": "{bad}"}}'
            for name in ("_id", "title", "date", "source", "x", "text", "metadata")
            for bad in ("\\ud800", "\\u0000", "\\udfff\\ud800")
        ),
        "key.jsonl": '{"text": "T.", "\\ud800": 1, "\\u0000": 2}\n{"text": "T.", "metadata": {"\\udc00": {"a": 1}}}',
        "nul.txt": b"The\x00text", "nul.md": b"---\ntitle: \x00\n---\n", "only.txt": b"\x00" * 100_000,
    },
    "bytes": {
        f"{at}{suffix}": data
        for suffix in FORMATS
        for at, data in enumerate(
            [
                b"", b"\xff", b"\xff\xfe", b"\xff\xfe\x00", b"\xef\xbb\xbf", b"\xfe\xff\xd8\x00", b"caf\xe9 " * 1000,
                b"\x80" * 100_000, b"\xff\xfe\x00\x00\x00\x00\x11\x00", bytes(range(256)) * 100, b"---", b"---\n---",
                b"\r" * 10_000, b"{" * 10_000,
            ]
        )
    },
    "controls": {
        "c.txt": f"The {CONTROLS} text.\n\n{CONTROLS}",
        "c.md": f"The {CONTROLS} text.\n\n{CONTROLS}",
        "c.jsonl": _record(title=CONTROLS, _id=CONTROLS, **{CONTROLS: CONTROLS}),
    },
    "large fields": {
        "id.jsonl": _record(_id="a" * M), "source.jsonl": _record(source="a " * M), "url.jsonl": _record(url="a" * M),
        "key.jsonl": _record(**{"k" * M: 1}), "date.jsonl": _record(date="2024-01-01 " + "1" * M),
    },
    "large titles": {
        "word.jsonl": _record(title="t" * LONG_TITLE),
        "words.jsonl": _record(title="long " * (LONG_TITLE // 5)),
        "a.md": f"# {'t ' * (LONG_TITLE // 2)}\n\nThe text.",
        # Titles that would stand before each of many passages.
        "often.jsonl": _record(title="long " * (LONG_TITLE // 5), text=PASSAGES),
        "a word often.jsonl": _record(title="t" * M, text=PASSAGES),
    },
    "tiny files": {f"{n % 50}/{n}.txt": f"Text {n}." for n in range(2000)},
}  # fmt: skip
UNITS = [
    "a", " ", "a\n", "a\n\n", ".", ".\"", "“", "你好。", "\n", "  \n", "a, ", " - ", "# a\n", "= \n", "- a\n", "Mr. ",
    "By John\n", "Share\n\n", "é", "e\u0301", "[(", "| ", "12:30 ", "1 May ", "A. B. ", "\u2028", "\t",
]  # fmt: skip
"""What a text is filled with: each may be where a pattern takes a time that grows with the square."""


def _repeated(corpus: Path, outside: Path) -> None:
    size = scaled(8_000, 500_000)
    for at, unit in enumerate(UNITS):
        text = unit * (size // len(unit))
        _put(corpus / f"{at}.txt", text)
        _put(corpus / f"{at}.md", f"Words before it {'word ' * 400}{text} end")


def _sparse(corpus: Path, outside: Path) -> None:
    """Files without a line end, of nothing: 50 MB, or a gigabyte."""
    for suffix in FORMATS:
        for name, begin in (("nul", b""), ("letters", b"a"), ("marked", b"\xff\xfea"), ("object", b'{"text": "')):
            with (corpus / f"{name}{suffix}").open("wb") as file:
                file.write(begin)
                file.truncate(scaled(50 * M, 1 << 30))


def _links(corpus: Path, outside: Path) -> list[Path | str]:
    (corpus / "file.txt").symlink_to(outside / "secret.txt")
    (corpus / "folder").symlink_to(outside)
    (corpus / "up").symlink_to("..")
    (corpus / "circle").symlink_to(corpus)
    (corpus / "z" / "circle").symlink_to(corpus)
    (corpus / "self.txt").symlink_to(corpus / "self.txt")
    (corpus / "nothing.md").symlink_to(outside / "nothing.md")
    patterns = ("*", "**", "**/*", "*/*.txt", "**/secret.txt", "**/**/**/*.txt", "up/*", "[fz]*/*", "[fz]*/secr*")
    return [corpus, *(f"{corpus}/{pattern}" for pattern in patterns), corpus / "self.txt"]


def _devices(corpus: Path, outside: Path) -> list[Path | str]:
    (corpus / "zero.txt").symlink_to("/dev/zero")
    (corpus / "z" / "random.jsonl").symlink_to("/dev/urandom")
    return [corpus, f"{corpus}/**/*", corpus / "zero.txt"]


def _special(corpus: Path, outside: Path) -> list[Path | str]:
    os.mkfifo(corpus / "pipe.txt")
    os.mkfifo(corpus / "z" / "pipe.jsonl")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(corpus)  # the name of a socket is short
        listening.bind("socket.md")
        os.chdir(here)
    with contextlib.suppress(OSError):  # where this is not allowed
        os.mknod(corpus / "zero.txt", 0o20666, os.makedev(1, 5))
    return [
        corpus,
        f"{corpus}/*",
        f"{corpus}/**/*",
        corpus / "pipe.txt",
        corpus / "socket.md",
        "/dev/zero",
        "/dev/stdin",
    ]


def _closed(corpus: Path, outside: Path) -> list[Path | str]:
    _put(corpus / "closed" / "a.txt", "The text.")
    _put(corpus / "closed.jsonl", "{}")
    (corpus / "closed").chmod(0)
    (corpus / "closed.jsonl").chmod(0)
    _drop_capabilities()
    return [corpus, f"{corpus}/**/*.txt", corpus / "closed", corpus / "closed.jsonl"]


def _names(corpus: Path, outside: Path) -> list[Path | str]:
    for name in (
        b"caf\xe9.txt",
        b"caf\xe9",
        b"a\nb.txt",
        b"\x1b[31m.md",
        b"-",
        b"*.txt",
        b"[a].md",
        b"a\\b.txt",
        b" .txt",
    ):
        path = os.path.join(os.fsencode(corpus), name)  # noqa: PTH118 - bytes
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"The text of a file.")
    folder = os.fsdecode(os.path.join(os.fsencode(corpus), b"\xff\xfe"))  # noqa: PTH118
    _put(Path(folder) / "a.jsonl", _record(id="of its own"))
    (Path(folder) / "empty.jsonl").touch()
    _put(corpus / f"{'n' * 250}.txt", "The text.")
    return [corpus, folder, f"{corpus}/*", f"{folder}/*"]


def _deep_folders(corpus: Path, outside: Path) -> None:
    path = f"{corpus}/d"
    for _ in range(1800):
        os.mkdir(path)  # noqa: PTH102
        path += "/d"
    with open(f"{path[:-2]}/a.txt", "w") as file:  # noqa: PTH123
        file.write("The text.")


def _arguments(corpus: Path, outside: Path) -> list[Path | str]:
    return [
        "", " ", "\x00", f"{corpus}\x00", f"{corpus}/\ud800", "\ud800/*", "*\ud800", "a" * 100_000, "a/" * 100_000,
        "*" * 5000, "[" * 5000, f"{corpus}/{'*a' * 2000}", f"{corpus}/{'?' * 5000}",
        f"{corpus}/[z-a]*", f"{corpus}/[!]*", f"{corpus}/[[]*", f"{corpus}/**/" + "**/" * 30 + "*.nothing",
        f"{corpus}/nothing/../../nothing",
        f"{corpus}/good.txt/..", f"{corpus}/good.txt/", f"{corpus}/good.txt/*", "~nobody/*", "file:///etc/passwd",
        "http://localhost/*", "\\\\host\\share",
    ]  # fmt: skip


CORPORA: dict[str, Callable[[Path, Path], list[Path | str] | None]] = {
    "repeated": _repeated,
    "sparse files": _sparse,
    "links": _links,
    "special files": _special,
    "links to devices": _devices,
    "closed": _closed,
    "names": _names,
    "deep folders": _deep_folders,
    "arguments": _arguments,
}


def _files_of(name: str) -> Callable[[Path, Path], None]:
    def put(corpus: Path, outside: Path) -> None:
        for file, content in FILES[name].items():
            _put(corpus / file, content)

    return put


CORPORA |= {name: _files_of(name) for name in FILES}


def _put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _drop_capabilities() -> None:
    """Let root be kept out by modes as others are."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
            raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")


# --- what the harness must notice -------------------------------------------------------------------------------------


def _without(module: Any, name: str, instead: object) -> Callable[[], None]:
    return lambda: setattr(module, name, instead)


def _by_suffix(path: Path, log: ReadingLog) -> bool:
    return path.suffix in FORMATS


def _any_size() -> None:
    for module in (_text, jsonlines):
        module.MOST_BYTES = 1 << 40  # type: ignore[attr-defined]


BREAKS: dict[str, Callable[[], None]] = {
    "": lambda: None,
    "whatever has the suffix is read": _without(_sources, "_is_wanted", _by_suffix),
    "aliases stand for anything": _without(markdown, "_written_out", lambda *_: 0),
    "a file may have any size": _any_size,
    "problems are kept to oneself": _without(ReadingLog, "problem", lambda *_: None),
    "folders are walked by os.walk": _without(
        _sources, "_walk", lambda root, _: ((Path(here), folders, files) for here, folders, files in os.walk(root))
    ),
}


# --- a child ----------------------------------------------------------------------------------------------------------


def _build_all(name: str, folder: Path, seconds: int, pipe: int) -> None:
    """Build each source of a corpus, and tell what came of it."""
    corpus, outside = folder / "corpus", folder / "outside"
    for file, text in GOOD.items():
        _put(corpus / file, text)
    _put(outside / "secret.txt", "The secret.")
    outcome = Outcome(name)
    sources = CORPORA[name](corpus, outside) or [corpus]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    opened: list[str] = []
    within = os.path.realpath(outside)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and os.path.realpath(arguments[0]).startswith(within):
            opened.append(arguments[0])

    sys.addaudithook(watch)
    for at, source in enumerate(sources):
        try:
            _build(source, folder / f"index-{at}", outcome, good=source == corpus)
        except SemsearchError:  # noqa: PERF203
            outcome.refused += 1
        except BaseException as error:  # noqa: BLE001 - of a child nothing else may be left
            outcome.wrong.append(f"{str(source)[:100]!r} ended with {type(error).__name__}: {str(error)[:200]}")
    outcome.outside = len(opened)
    outcome.wrong += [f"opened {path}" for path in opened]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    outcome.seconds = usage.ru_utime + usage.ru_stime
    outcome.megabytes = usage.ru_maxrss >> 10
    _tell(outcome, pipe)


def _build(source: Path | str, index: Path, outcome: Outcome, *, good: bool) -> None:
    report = build_index(source, index, embedder=WordEmbedder())
    with contextlib.closing(open_generation(index)) as generation:
        places = list(generation.archive.known.places)
    outcome.read += len(places)
    told = [str(problem) for problem in report.problems] + list(report.notes)
    outcome.reported += len(told)
    if not good:
        return
    with open_index(index, embedder=WordEmbedder()) as searcher:
        for file, text in GOOD.items():
            found = [hit.article.id for hit in searcher.search(text, k=1)]
            if found != [file]:
                outcome.wrong.append(f"{file} is not found")
    known = {place[:end] for place in places for end in (*(at.start() for at in _PARTS.finditer(place)), len(place))}
    for path in _all_files(str(source)):
        shown = path.encode("utf-8", "backslashreplace").decode()
        if path not in known and not any(line.startswith(shown) for line in told) and _holds_something(path):
            outcome.wrong.append(f"{shown[-100:]!r} is neither read nor reported")


_PARTS = re.compile(r"[:/#]")
"""What is between a file and an article in it."""


def _holds_something(path: str) -> bool:
    """Whether there is more in a file than a byte order mark and white space."""
    return bool(Path(path).read_bytes().strip(b"\xef\xbb\xbf\xff\xfe\r\n\t "))


def _all_files(folder: str) -> Iterable[str]:
    """Yield the regular files below a folder that have one of the suffixes; links are not followed."""
    waiting = [folder]
    while waiting:
        with contextlib.suppress(PermissionError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix in FORMATS:
                    yield entry.path


def _tell(outcome: Outcome, pipe: int) -> None:
    os.write(pipe, json.dumps(vars(outcome)).encode()[: 1 << 15])


def _judge(name: str, folder: Path, seconds: int) -> dict[str, Any]:
    """Build a corpus in a fork, which is killed when its time is over."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _build_all(name, folder, seconds, writing)
        except BaseException as error:  # noqa: BLE001
            _tell(Outcome(name, [f"{type(error).__name__}: {error}"]), writing)
        os._exit(0)
    os.close(writing)
    started = time.monotonic()
    ready = select.select([reading], [], [], seconds * 10)[0]  # a machine that is busy takes longer than it computes
    told = os.read(reading, 1 << 16) if ready else b""
    os.close(reading)
    if not told:
        os.kill(pid, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if told:
        return dict(json.loads(told))
    return vars(Outcome(name, [f"ended with {ended} after {time.monotonic() - started:.0f} s"]))


def main(folder: Path, seconds: int, broken: str, names: list[str]) -> None:
    """Build the corpora of these names, one after the other."""
    BREAKS[broken]()
    for at, name in enumerate(names):
        print(json.dumps(_judge(name, folder / str(at), seconds)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
