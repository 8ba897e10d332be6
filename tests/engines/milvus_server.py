"""A Milvus server of the tests' own, on ports of this machine that are free.

It comes with the package ``milvus``: Milvus 2.3.5 in one process, with what it needs beside it embedded. It is ready
after half a minute. It is killed and never asked to stop: that may hang for many minutes, and a crash loses nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode

from typing_extensions import Self

__all__ = ["PASSWORD", "USER", "MilvusServer", "why_not"]

USER, PASSWORD = "root", "Milvus"
"""Of a server that asks for them: who may do everything, as Milvus has it when it is new."""

_STARTS_WITHIN = 180.0
_SETTINGS = {
    "etcd_log_level": "warn",
    # How often it looks for what there is to load, in milliseconds: a tenth of what is usual.
    "queryCoord.checkInterval": 100,
    "queryCoord.distPullInterval": 50,
    "queryCoord.checkHandoffInterval": 500,
}


def why_not() -> str | None:
    """Return why no server can be started; None if one can."""
    if importlib.util.find_spec("pymilvus") is None:
        return "needs the client of Milvus: pip install 'semsearch[milvus]'"
    if importlib.util.find_spec("milvus") is None:
        return "needs a Milvus server: pip install milvus==2.3.5 brings one"
    return None


class MilvusServer:
    """A server in a folder of its own, which it leaves nothing of: ``with MilvusServer() as server``.

    Its address and its data stay the same when it is killed and started again.
    """

    def __init__(self, *, users: bool = False, settings: Mapping[str, str | int | bool] | None = None) -> None:
        """Make its folder.

        Args:
            users: Whether it lets in only whom it knows: :data:`USER` with :data:`PASSWORD`.
            settings: Of its configuration, by the names of the package's template or the paths in the file.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="semsearch-milvus-"))
        self._settings = {**_SETTINGS, "authorization_enabled": users, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        self.users = users
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    # --- its life ---

    def start(self, *, wait: bool = True) -> None:
        """Start it, and return when it answers; at once if not told to ``wait``."""
        if self.running:
            return
        programs = _programs()
        environment = os.environ | {
            "DEPLOY_MODE": "STANDALONE",
            "ETCD_CONFIG_PATH": str(self._folder / "etcd.yaml"),
            "LD_LIBRARY_PATH": str(programs),
            "MILVUS_RUN_DIR": str(self._folder / "run"),
        }
        self._configure()
        environment["METRICS_PORT"] = str(self._ports["metrics"])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [programs / "milvus", "run", "standalone"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return when it answers."""
        end = time.monotonic() + _STARTS_WITHIN
        while (error := self._greet()) is not None:
            if not self.running or time.monotonic() > end:
                log = self.log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the server does not answer ({error}): {log[-2000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again on the same data."""
        self.kill()
        self.start()

    def suspend(self) -> None:
        """Let it answer nothing any more, though connections stay: until :meth:`resume`."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def remove(self) -> None:
        """Kill it, and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self._folder / "log"

    # --- what is in it ---

    def address(
        self, name: str = "semsearch", *, user: str | None = None, password: str | None = None, **options: object
    ) -> str:
        """Return the address of an index in it."""
        if self.users and user is None:
            user, password = USER, PASSWORD
        secret = "" if password is None else f":{quote(password, safe='')}"
        who = "" if user is None else f"{quote(user, safe='')}{secret}@"
        query = f"?{urlencode(options)}" if options else ""
        return f"milvus://{who}127.0.0.1:{self.port}/{name}{query}"

    def client(self) -> Any:
        """Return a client of one who may do everything; close it."""
        from pymilvus import MilvusClient

        token = f"{USER}:{PASSWORD}" if self.users else ""
        return MilvusClient(f"http://127.0.0.1:{self.port}", token=token, dedicated=True)

    # --- how it is made ---

    def _configure(self) -> None:
        """Write its configuration; ports are chosen once."""
        package = _package()
        config = package.MilvusServerConfig(data_dir=str(self._folder))
        if not self._ports:
            names = [name for name in config.configurable_items if name.endswith("_port")]
            self._ports = dict(zip(["metrics", "peer", *names], _free_ports(len(names) + 2), strict=True))
            self.port = self._ports["proxy_port"]
        for name, value in {**self._settings, **self._ports}.items():
            config.set(name, value)
        config.resolve_storage()
        config.set("etcd_log_path", str(self._folder / "etcd.log"))
        config.write_config()
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd_port", "peer"))
        (self._folder / "etcd.yaml").write_text(
            f"name: default\ndata-dir: {self._folder / 'data' / 'etcd.data'}\n"
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\ninitial-cluster: default={peer}\n"
            "log-level: warn\nquota-backend-bytes: 4294967296\nauto-compaction-mode: revision\n"
            "auto-compaction-retention: '1000'\n",
            encoding="utf-8",
        )

    def _greet(self) -> Exception | None:
        """Return what is in the way of an answer."""
        from pymilvus.exceptions import MilvusException

        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['metrics']}/healthz", timeout=10) as answer:
                if b"OK" not in answer.read():
                    return RuntimeError("it is not healthy")
            client = self.client()
            try:
                client.list_collections(timeout=10)
            finally:
                client.close()
        except (OSError, MilvusException) as error:
            return error
        return None


def _package() -> Any:
    import milvus

    package: ModuleType = milvus
    return package


def _programs() -> Path:
    """Return the folder with the programs, which are unpacked once on this machine."""
    package = _package()
    place = Path(tempfile.gettempdir(), f"semsearch-milvus-programs-{package.__version__}-{os.getuid()}")
    if not place.exists():
        unpacked = Path(tempfile.mkdtemp(prefix="semsearch-milvus-programs-"))
        package._initialize_data_files(str(unpacked))
        with contextlib.suppress(OSError):  # another process was faster
            unpacked.rename(place)
        shutil.rmtree(unpacked, ignore_errors=True)
    return place / "bin"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as probes:
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in found]
