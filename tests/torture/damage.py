"""An index of two generations, and ways to damage any file of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from semsearch import Article, build_index
from tests.embedder import TokenWordEmbedder
from tests.index_files import files_of, live
from tests.torture.probing import few_are_many

__all__ = ["KINDS", "Damage", "build_generations", "damages", "harm", "mend", "previous"]

_WORDS = [
    *("soldiers", "envoys", "airport", "harbour", "treaty", "council", "attack", "member", "bridge", "river", "winter"),
    *("votes", "budget", "radar", "convoy", "minister", "border", "signed", "guards", "left", "reached", "talks"),
    *("city", "power", "station", "evening", "month", "article", "four", "five", "six"),
]


def articles(edition: int, count: int) -> list[Article]:
    """Return articles of an archive as it is in one of its editions: some come, some go, some are changed."""
    made = []
    for number in range(edition * count // 30, count + edition * count // 20):
        chance = random.Random(f"{number} {edition if number % 40 == 3 else 0}")
        paragraphs = [
            f"On day {number} " + " ".join(chance.choices(_WORDS, k=12)) + f". They signed the treaty of {number}."
            for _ in range(1 + number % 2)
        ]
        made.append(
            Article(
                f"article {number}",
                "\n\n".join(paragraphs),
                title=f"Report {number} " + " ".join(chance.choices(_WORDS, k=3)),
                source=f"Agency{number % 3}",
                url=f"https://example.org/{number}",
                metadata={"n": number, "section": "world" if number % 2 else "home"},
            )
        )
    return made


def build_generations(index: Path, *, count: int = 90, codes: bool = True) -> None:
    """Build an index twice: the second generation shares files with the first, has removed texts and two segments."""
    with few_are_many(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsearch.lexical._FEWEST", 10)
        if not codes:
            patch.setattr("semsearch.dense.FLAT_ROWS", 20_000)
        for edition in (0, 1):
            build_index(articles(edition, count), index, embedder=TokenWordEmbedder())


def previous(index: Path) -> Path:
    """Return the folder of the generation before the live one."""
    return min((index / "generations").iterdir())


# --- kinds of damage --------------------------------------------------------------------------------------------------

_Change = Callable[[bytes, random.Random], bytes]


def _flipped(content: bytes, chance: random.Random, times: int = 1) -> bytes:
    changed = bytearray(content)
    for _ in range(times if content else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _zeroed(content: bytes, chance: random.Random, page: int) -> bytes:
    at = page * chance.randrange(-(-len(content) // page) or 1)
    return content[:at] + bytes(len(content[at : at + page])) + content[at + page :]


_CHANGES: dict[str, _Change] = {
    "a flipped bit": _flipped,
    "flipped bits": lambda content, chance: _flipped(content, chance, chance.randint(2, 40)),
    "emptied": lambda _, __: b"",
    "one byte short": lambda content, _: content[:-1],
    "cut short": lambda content, chance: content[: chance.randrange(len(content) or 1)],
    "cut at a page": lambda content, chance: content[: 4096 * chance.randrange(-(-len(content) // 4096) or 1)],
    "bytes appended": lambda content, chance: content + chance.randbytes(chance.choice((1, 8, 16, 64, 4096))),
    "512 bytes zeroed": lambda content, chance: _zeroed(content, chance, 512),
    "4096 bytes zeroed": lambda content, chance: _zeroed(content, chance, 4096),
}
_EXCHANGES = ("exchanged with another", "the older generation's", "missing", "a folder", "a link to another")
KINDS = (*_CHANGES, *_EXCHANGES)


class Damage(NamedTuple):
    """What to do to which file of an index, by its name in it; ``seed`` says where in the file, or with which other."""

    kind: str
    name: str
    seed: int


def damages(index: Path, folder: Path, count: int) -> Iterator[Damage]:
    """Yield ``count`` damages to the files of a generation, and to CURRENT: all kinds to each file, over and over."""
    names = [(folder / name).relative_to(index).as_posix() for name in ["manifest.json", *files_of(folder)]]
    names += ["CURRENT"] if folder == live(index) else []
    every = [(kind, name) for kind in KINDS for name in sorted(names)]
    random.Random(0).shuffle(every)
    for number in range(count):
        yield Damage(*every[number % len(every)], number)


def harm(index: Path, damage: Damage) -> dict[Path, bytes]:
    """Damage an index. Returns what was in the files that are other ones now; none if it made no difference.

    Never in place, as generations share files.
    """
    path, chance = index / damage.name, random.Random(damage.seed)
    content = path.read_bytes()
    if damage.kind in _CHANGES:
        changed = _CHANGES[damage.kind](content, chance)
        return _replaced({path: content}, {path: changed})
    if damage.kind == "exchanged with another":
        other = _other(path, chance)
        return _replaced({path: content, other: other.read_bytes()}, {path: other.read_bytes(), other: content})
    if damage.kind == "the older generation's":
        older = _older(index, path)
        return {} if older is None else _replaced({path: content}, {path: older.read_bytes()})
    other = _other(path, chance)
    if damage.kind == "a link to another" and other.read_bytes() == content:
        return {}
    path.unlink()
    if damage.kind == "a folder":
        path.mkdir()
    elif damage.kind == "a link to another":
        path.symlink_to(other)
    return {path: content}


def mend(before: dict[Path, bytes]) -> None:
    """Put back what :func:`harm` has taken."""
    for path in before:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    for path, content in before.items():
        path.write_bytes(content)


def _replaced(before: dict[Path, bytes], after: dict[Path, bytes]) -> dict[Path, bytes]:
    if before == after:
        return {}
    for path, content in after.items():
        path.unlink()
        path.write_bytes(content)
    return before


def _other(path: Path, chance: random.Random) -> Path:
    """Return another file of the same generation, or of the index."""
    folder = next((folder for folder in path.parents if (folder / "manifest.json").exists()), path.parent)
    others = sorted(each for each in folder.rglob("*") if each.is_file() and each != path)
    return chance.choice(others)


def _older(index: Path, path: Path) -> Path | None:
    """Return the file of the generation before that has the same name, or suffix; an old CURRENT is a good one."""
    if path.name == "CURRENT":
        return None
    name = path.relative_to(live(index))
    same = previous(index) / name
    if same.exists():
        return same
    alike = sorted(same.parent.glob(f"*{name.suffix}"))
    return alike[0] if alike else None
