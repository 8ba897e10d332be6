"""The plan: what is enough, the figures of that, how it is set, and what breaks."""

from __future__ import annotations

import math
from typing import get_args

from semsearch.planning._advice import settings_of, warnings_of
from semsearch.planning._figures import estimates_of
from semsearch.planning._records import EngineName, Plan, Scale
from semsearch.planning._sizes import DIMENSION, memory_of

__all__ = ["EMBEDDED_MOST", "POSTGRES_MOST", "plan_for"]

EMBEDDED_MOST = 3e6
"""Passages of a folder: three times what was measured."""

POSTGRES_MOST = 5e7
"""Vectors of one server: of more, builds of days were reported (docs/scale.md)."""

_TOKENS = 115.0  # of a passage of news with its title: benchmarks/synthetic.py


def plan_for(
    passages: float,
    *,
    tokens_per_passage: float = _TOKENS,
    dimension: int = DIMENSION,
    token_vectors: bool = True,
    engine: EngineName | None = None,
    cores: int = 16,
    memory: float = 64e9,
    replicas: int = 1,
) -> Plan:
    """Say what an archive will need.

    Args:
        passages: How many it has.
        tokens_per_passage: Of each on the average, its title among them.
        dimension: Of the vectors. Whatever it is, times of embedding are those of the default model.
        token_vectors: Whether the codes of tokens are kept.
        engine: Where the index is to be; None for the simplest that is enough.
        cores: That embed and load.
        memory: Bytes of a machine.
        replicas: How many copies of the index answer.

    Raises:
        ValueError: If a number is not positive, or there is no such engine.
    """
    scale = Scale(passages, tokens_per_passage, dimension, token_vectors, cores, memory, replicas)
    for name in ("passages", "tokens_per_passage", "dimension", "cores", "memory", "replicas"):
        value = getattr(scale, name)
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be a positive number, not {value}")
    if engine is not None and engine not in get_args(EngineName):
        raise ValueError(f"engine must be one of {', '.join(get_args(EngineName))}, not {engine!r}")
    chosen = engine or _enough(scale)
    estimates = tuple(estimates_of(scale, chosen))
    return Plan(
        passages=passages,
        tokens_per_passage=tokens_per_passage,
        dimension=dimension,
        token_vectors=token_vectors,
        engine=chosen,
        cores=cores,
        memory=memory,
        replicas=replicas,
        estimates=estimates,
        settings=tuple(settings_of(scale, chosen)),
        warnings=tuple(warnings_of(scale, chosen, {one.name: one for one in estimates})),
    )


def _enough(scale: Scale) -> EngineName:
    """Return the simplest engine that is enough."""
    if scale.passages <= EMBEDDED_MOST and scale.replicas == 1:
        return "embedded"
    if scale.passages <= POSTGRES_MOST and memory_of(scale, "postgres")[0].value <= scale.usable:
        return "postgres"
    return "milvus"
