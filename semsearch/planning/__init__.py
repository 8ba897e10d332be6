"""What an archive of a certain size will need: disk, memory, time, machines; pure functions over what was measured.

    >>> from semsearch.planning import plan_for
    >>> plan = plan_for(1e7, memory=128e9)
    >>> plan.engine, plan.estimate("disk").value

Every estimate says what it is from: ``measured`` at that size, a ``fit`` through measurements at several sizes, a
``source`` that others have published, or ``arithmetic`` on numbers of these kinds. ``docs/scale.md`` has the sources,
and what each figure is worth.
"""

from __future__ import annotations

from semsearch.planning._fits import Fit, fits
from semsearch.planning._plan import plan_for
from semsearch.planning._records import Basis, EngineName, Estimate, Plan, Setting
from semsearch.planning._sample import CorpusSample, sample_corpus

__all__ = [
    "Basis",
    "CorpusSample",
    "EngineName",
    "Estimate",
    "Fit",
    "Plan",
    "Setting",
    "fits",
    "plan_for",
    "sample_corpus",
]
