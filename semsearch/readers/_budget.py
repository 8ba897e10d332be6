"""How much may be unpacked of one file of a corpus, however its members are packed, repeated and nested.

A few kilobytes can stand for terabytes. What is spent on a file is therefore bounded by what it is on the disk: time
and memory grow with its size, whatever it says of itself.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

__all__ = ["FREE", "MOST_MEMBERS", "MOST_NESTED", "RATIO", "Budget", "UnpackError"]

FREE = 64 << 20
"""Bytes that may be unpacked of any file."""
RATIO = 100
"""So many times its size may be unpacked of a file beyond that; text packs to a fifth of its size, seldom to less than
a fiftieth. What is packed in what is packed counts twice."""
MOST_MEMBERS = 1_000_000
"""Of a file and of those in it. The names are kept, a hundred bytes each, so that no two articles have one id."""
MOST_NESTED = 3
"""A report in an archive that is attached to a message of a mailbox, say; beyond there is no archive of articles."""


class UnpackError(OSError):
    """A member that cannot be unpacked; ``strerror`` says why, as with a file of the system's."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EIO, reason)


@dataclass(slots=True)
class Budget:
    """What was read and unpacked of one file of a corpus.

    Attributes:
        earned: Bytes of the file itself that were read.
        spent: Bytes that were unpacked from it, and from what was in it.
        members: How many there were until now.
        depth: How many members within each other are being read.
    """

    earned: int = 0
    spent: int = 0
    members: int = 0
    depth: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more of the file is to be read."""
        return self.spent > FREE + RATIO * self.earned or self.members > MOST_MEMBERS

    def spend(self, count: int) -> None:
        """Take ``count`` bytes into account that were unpacked.

        Raises:
            UnpackError: If it is too much for this file.
        """
        self.spent += count
        if self.is_over:
            raise UnpackError(f"more is packed in it than {RATIO} times its size: not read from here on")

    def add_member(self) -> None:
        """Take a member into account.

        Raises:
            UnpackError: If there are too many of them.
        """
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise UnpackError(f"has more than {MOST_MEMBERS:,} members: not read from here on, split it")
