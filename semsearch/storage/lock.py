"""One writer an index."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path

from semsearch.errors import IndexLockedError
from semsearch.storage._files import writing

__all__ = ["writer_lock"]


@contextlib.contextmanager
def writer_lock(index: Path) -> Iterator[None]:
    """Hold the index for writing. The operating system lets go of it when the process ends, however it ends.

    Raises:
        IndexLockedError: At once, if another writer holds it. It names that process.
        IndexWriteError: If the lock's file cannot be made.
    """
    # Imported here, as who only reads needs neither.
    import socket

    import filelock

    lock = filelock.FileLock(index / "writer.lock", timeout=0, thread_local=False)
    holder = index / "writer.json"
    with writing(index / "writer.lock"):
        try:
            lock.acquire()
        except filelock.Timeout:
            raise _locked(index, holder) from None
    try:
        about = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        }
        with contextlib.suppress(OSError):  # it is for people: what is locked is locked without it
            holder.write_text(json.dumps(about) + "\n", encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def _locked(index: Path, holder: Path) -> IndexLockedError:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        pid = int(about["pid"])
        who = f"process {pid} on {about['host']} since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        pid, who = None, "another process"
    return IndexLockedError(f"{index} is being written by {who}: wait until it is done, or end it", pid)
