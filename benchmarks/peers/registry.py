"""Who takes part: each peer's packages, how many tokens it reads, and its modes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["HERE", "PEERS", "SETTINGS", "Peer"]

HERE = Path(__file__).parent
SETTINGS = ("articles", "passages")


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer, and what the suite must know of it.

    Attributes:
        name: What it is called here: ``requirements-NAME.txt`` is installed for it, ``run_NAME.py`` runs it.
        packages: What is compared, whose versions are noted.
        modes: What its script writes runs of.
        reads: How many tokens of a text it embeds when it is given this model's folder, special ones included.
        splits: Whether it splits documents by default, as ``split_NAME.py`` does.
        torch: Whether its packages need torch, which must be installed before them.
    """

    name: str
    packages: tuple[str, ...]
    modes: tuple[str, ...]
    reads: int = 256
    splits: bool = False
    torch: bool = False

    @property
    def requirements(self) -> Path:
        """The versions that it runs at."""
        return HERE / f"requirements-{self.name}.txt"

    @property
    def scripts(self) -> tuple[str, ...]:
        """The modules that run in its environment."""
        return (f"run_{self.name}", *((f"split_{self.name}",) if self.splits else ()))


PEERS = {
    peer.name: peer
    for peer in (
        Peer("plain", ("faiss-cpu",), ("dense",)),
        Peer("txtai", ("txtai",), ("dense", "hybrid"), reads=512, torch=True),
        Peer("lancedb", ("lancedb",), ("dense", "hybrid", "hybrid-linear")),
        Peer(
            "llamaindex",
            ("llama-index-core", "llama-index-retrievers-bm25", "bm25s"),
            ("dense", "hybrid", "hybrid-relative"),
            splits=True,
        ),
        Peer("chroma", ("chromadb",), ("dense",)),
    )
}
