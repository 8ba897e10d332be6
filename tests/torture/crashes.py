"""A layer below a build that knows what a disk may hold at each of its steps, if the machine stops there.

The build really runs. At each call that may change a file the layer looks at the folder as the system has it, so that
what SQLite and tantivy write by themselves is seen as well; and it keeps what was asked to be brought to the disk: of a
file its content at its last fsync, of a folder its entries at its last. What a crash leaves is made up from both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

__all__ = ["RETURNED", "Contents", "Point", "Recorder", "Sync", "put_back"]

STEPS = {
    *("open", "write", "flush", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "flock", "link", "close"),
    *("connect", "execute", "executemany", "executescript"),  # SQLite's
    *("Index", "writer", "commit", "wait_merging_threads", "delete_documents_by_query"),  # tantivy's
}
"""What a call of C is named that may change a file."""

_ROOT = 0

RETURNED = "the end, as all was done"
"""The last step."""

Contents = dict[str, tuple[int, bytes]]
"""What a disk holds: for each file, by its path, who it is (two paths may be one file) and its bytes; folders end in /.

Who a folder is does not matter to whom puts it back, but does to the layer.
"""


class Sync(NamedTuple):
    """What one fsync brought to the disk.

    Attributes:
        node: Of which file or folder.
        path: Where that was.
        content: The bytes of a file, or the entries of a folder.
    """

    node: int
    path: str
    content: bytes | dict[str, int]


class Point(NamedTuple):
    """A step of a build.

    Attributes:
        step: What is called next.
        folders: The entries of each folder as the system has them.
        files: The bytes of each file that is or was there, as the system has them.
        syncs: Every fsync until now.
        known_folders: Which of them are folders, also of those that are not there any more.
    """

    step: str
    folders: dict[int, dict[str, int]]
    files: dict[int, bytes]
    syncs: tuple[Sync, ...]
    known_folders: frozenset[int]

    def killed(self) -> Contents:
        """Return what is there when the process is killed here: all that the system has."""
        return self._contents(self.folders, self.files)

    def after_power_loss(self, *, without: Sync | None = None, single: bool = False) -> Iterator[tuple[str, Contents]]:
        """Yield what may be there when power is lost here, and which of what was not on the disk got there after all.

        Args:
            without: An fsync that is taken never to have happened.
            single: Also each entry of a folder by itself, whether it got there alone or it alone did not.
        """
        synced_files: dict[int, bytes] = {}
        synced_folders: dict[int, dict[str, int]] = {}
        for sync in self.syncs:
            if sync is without:
                continue
            if isinstance(sync.content, dict):
                synced_folders[sync.node] = sync.content
            else:
                synced_files[sync.node] = sync.content
        nothing = {node: synced_files.get(node, b"") for node in self.files}
        zeros = {node: synced_files.get(node, bytes(len(data))) for node, data in self.files.items()}
        torn = {
            node: data if synced_files.get(node) == data else data[: len(data) // 2]
            for node, data in self.files.items()
        }
        yield "nothing", self._contents(synced_folders, nothing)
        yield "names, no contents", self._contents(self.folders, nothing)
        yield "names, contents of zeros", self._contents(self.folders, zeros)
        yield "names, contents torn in half", self._contents(self.folders, torn)
        yield "contents, no names", self._contents(synced_folders, self.files)
        for node, entries in self.folders.items():
            synced = synced_folders.get(node, {})
            if entries == synced:
                continue
            yield "names in one folder", self._contents({**synced_folders, node: entries}, nothing)
            yield "all but names in one folder", self._contents({**self.folders, node: synced}, self.files)
            changed = [name for name in entries.keys() | synced.keys() if entries.get(name) != synced.get(name)]
            for name in sorted(changed) if single and len(changed) > 1 else ():
                alone, all_but = _with(synced, name, entries), _with(entries, name, synced)
                yield "one name", self._contents({**synced_folders, node: alone}, nothing)
                yield "all but one name", self._contents({**self.folders, node: all_but}, self.files)

    def _contents(self, folders: Mapping[int, Mapping[str, int]], files: Mapping[int, bytes]) -> Contents:
        contents: Contents = {}

        def add(node: int, path: str) -> None:
            for name, child in folders.get(node, {}).items():
                if child in self.known_folders:
                    contents[f"{path}{name}/"] = (child, b"")
                    add(child, f"{path}{name}/")
                else:
                    contents[f"{path}{name}"] = (child, files[child])

        add(_ROOT, "")
        return contents


def _with(entries: Mapping[str, int], name: str, others: Mapping[str, int]) -> dict[str, int]:
    """Return entries, with what ``others`` has under a name."""
    rest = {other: node for other, node in entries.items() if other != name}
    return rest | ({name: others[name]} if name in others else {})


class Recorder:
    """Watches a folder while something writes into it.

    Attributes:
        points: The steps at which anything was different from the step before, and the end.
        steps: How many steps there were.
    """

    def __init__(self, root: Path, after: Point | None = None) -> None:
        """Watch ``root``, with all that is in it on the disk.

        With ``after`` it is made to hold what was there when a process was killed at that point, as far on the disk as
        it was then.
        """
        self.points: list[Point] = []
        self.steps = 0
        self._root = root
        self._busy = False
        self._pool: dict[bytes, bytes] = {}
        self._nodes: dict[int, int] = {}  # inode to node: inodes are used again, nodes are not
        self._paths: dict[int, str] = {}
        self._known_folders: set[int] = {_ROOT}
        self._folders: dict[int, dict[str, int]] = {}
        self._files: dict[int, bytes] = {}
        self._syncs: list[Sync] = []
        self._next = 1
        if after is None:
            self._look()
            self._syncs = [Sync(node, self._paths[node], entries) for node, entries in self._folders.items()]
            self._syncs += [Sync(node, self._paths[node], data) for node, data in self._files.items()]
        else:
            self._nodes = put_back(after.killed(), root)
            self._known_folders |= after.known_folders
            self._files = dict(after.files)
            self._syncs = list(after.syncs)
            self._next = 1 + max([*after.files, *after.known_folders])
            self._look()
        self._before = len(self._syncs)

    @property
    def syncs(self) -> list[Sync]:
        """Every fsync that was seen."""
        return self._syncs[self._before :]

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Take a point before each step of the block, and one when it is left."""
        fsync = os.fsync

        def seen(descriptor: int) -> None:
            fsync(descriptor)
            self._synced(os.fstat(descriptor))

        def step(frame: FrameType, event: str, function: Any) -> None:
            if event == "c_call" and not self._busy and function.__name__ in STEPS:
                self.steps += 1
                self._take(function.__name__)

        os.fsync = seen  # type: ignore[assignment]
        sys.setprofile(step)
        try:
            yield
        finally:
            sys.setprofile(None)
            os.fsync = fsync
        self._take(RETURNED)

    def _synced(self, found: os.stat_result) -> None:
        self._busy = True
        self._look()
        node = self._nodes.get(found.st_ino)
        if node is not None:
            content = self._folders[node] if stat.S_ISDIR(found.st_mode) else self._files[node]
            self._syncs.append(Sync(node, self._paths[node], content))
        self._busy = False

    def _take(self, step: str) -> None:
        self._look()
        files, syncs = dict(self._files), tuple(self._syncs)
        point = Point(step, self._folders, files, syncs, frozenset(self._known_folders))
        last = self.points[-1] if self.points else None
        if last is None or step == RETURNED or last[1:4] != point[1:4]:
            self.points.append(point)

    def _look(self) -> None:
        """Read what is there now. What an engine removes in the meantime is not."""
        seen: dict[int, int] = {self._root.stat().st_ino: _ROOT}
        self._folders, self._paths = {}, {_ROOT: "/"}
        waiting = [(_ROOT, self._root, "")]
        while waiting:
            node, folder, path = waiting.pop()
            entries: dict[str, int] = {}
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
                for entry in found:
                    with contextlib.suppress(FileNotFoundError):
                        inode, is_folder = entry.inode(), entry.is_dir(follow_symlinks=False)
                        data = b"" if is_folder or inode in seen else Path(entry.path).read_bytes()
                        child = seen.get(inode) or self._node(inode, is_folder=is_folder)
                        if is_folder:
                            waiting.append((child, Path(entry.path), f"{path}{entry.name}/"))
                        elif inode not in seen:
                            self._files[child] = self._pool.setdefault(data, data)
                        seen[inode] = child
                        entries[entry.name] = child
                        self._paths[child] = f"{path}{entry.name}" + "/" * is_folder
            self._folders[node] = entries
        self._nodes = seen

    def _node(self, inode: int, *, is_folder: bool) -> int:
        node = self._nodes.get(inode)
        if node is None or is_folder != (node in self._known_folders):
            node, self._next = self._next, self._next + 1
        if is_folder:
            self._known_folders.add(node)
        return node


def put_back(contents: Contents, root: Path, only: AbstractSet[str] | None = None) -> dict[int, int]:
    """Make the empty folder ``root`` hold ``contents``, or some paths of them. Returns who each inode is."""
    nodes: dict[int, int] = {}
    first: dict[int, Path] = {}
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for path, (node, data) in contents.items():
        if only is not None and path not in only:
            continue
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        elif node in first:
            os.link(first[node], target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            first[node] = target
        nodes[target.stat().st_ino] = node
    return nodes
