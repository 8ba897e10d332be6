"""What a plan consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Basis", "EngineName", "Estimate", "Plan", "Scale", "Setting"]

Basis = Literal["measured", "fit", "source", "arithmetic"]
"""What a figure is from."""

EngineName = Literal["embedded", "postgres", "milvus"]
"""Where an index is: ``embedded`` is a folder."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a plan.

    Attributes:
        name: What it is of: ``disk``, or ``disk: vectors`` for a part of that.
        value: The figure.
        low: What it may be instead, at least.
        high: And at most.
        unit: What it is counted in.
        basis: What it is from.
        note: How it comes about, for people.
        link: Where that is explained.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    basis: Basis
    note: str
    link: str


class Setting(NamedTuple):
    """A setting that the plan assumes, and why."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an archive will need.

    Attributes:
        passages: How many there are.
        tokens_per_passage: Of each on the average, its title among them.
        dimension: Of the vectors.
        token_vectors: Whether the codes of tokens are kept.
        engine: Where the index is: ``embedded`` is a folder.
        cores: That embed and load.
        memory: Bytes of a machine.
        replicas: How many copies of the index answer.
        estimates: The figures.
        settings: What they assume.
        warnings: What breaks, first things first.
    """

    passages: float
    tokens_per_passage: float
    dimension: int
    token_vectors: bool
    engine: EngineName
    cores: int
    memory: float
    replicas: int
    estimates: tuple[Estimate, ...]
    settings: tuple[Setting, ...]
    warnings: tuple[str, ...]

    def estimate(self, name: str) -> Estimate:
        """Return an estimate by its name.

        Raises:
            KeyError: If the plan has none of that name.
        """
        for one in self.estimates:
            if one.name == name:
                return one
        raise KeyError(f"no estimate {name!r}: there are {', '.join(one.name for one in self.estimates)}")


@dataclass(frozen=True, slots=True)
class Scale:
    """What a plan is asked for, and the sizes that follow from it at once, in bytes.

    Attributes:
        passages: As in a :class:`Plan`, and all others.
    """

    passages: float
    tokens_per_passage: float
    dimension: int
    token_vectors: bool
    cores: int
    memory: float
    replicas: int

    @property
    def tokens(self) -> float:
        """Of all passages."""
        return self.passages * self.tokens_per_passage

    @property
    def vectors(self) -> float:
        """In float16."""
        return self.passages * 2 * self.dimension

    @property
    def all_codes(self) -> float:
        """Two bits a component of each token's vector, whether they are kept or not."""
        return self.tokens * self.dimension / 4

    @property
    def codes(self) -> float:
        """Those that are kept."""
        return self.all_codes if self.token_vectors else 0.0

    @property
    def usable(self) -> float:
        """Of a machine's memory: the rest is the system's, connections, what an update takes."""
        return USABLE * self.memory

    def counted(self, of: str) -> float:
        """Return how many there are of what a cost grows with."""
        return {"passages": self.passages, "tokens": self.tokens}.get(of, 1.0)


USABLE = 0.75
