"""Writes the index of the present format: see the package."""

from __future__ import annotations

import tempfile
from pathlib import Path

from semsearch.storage import FORMAT_VERSION
from tests.formats import fixture_of, write_fixture

with tempfile.TemporaryDirectory() as scratch:
    fixture_of(FORMAT_VERSION).write_bytes(write_fixture(Path(scratch)))
