"""What the tests of frameworks share."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

import semsearch

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # before anything imports it
os.environ["LANGSMITH_TRACING"] = "false"


@pytest.fixture(scope="session")
def archive() -> list[semsearch.Article]:
    """Three articles, with fields that are missing, nested, and named as something else is."""
    return [
        semsearch.Article(
            id="2022/mission",
            title="CSTO mission expected to be brief",
            text="The mission will be short, the secretary general said.\n\nIt rests on Article 4 of the treaty.",
            published=dt.date(2022, 1, 7),
            source="Northgate Wire",
            url="https://example.org/mission",
            metadata={"desk": "world", "title": "internal title", "section": {"name": "Security"}, "words": 18},
        ),
        semsearch.Article(
            id="2021/budget",
            title="Who pays for peacekeeping",
            text="Troop contributors are paid from assessed contributions of all member states.",
            published=dt.date(2021, 6, 30),
            source="Harbour Post",
            metadata={"desk": "economy", "words": 11, "tags": ["money", "peace"]},
        ),
        semsearch.Article(id="undated", text="A ferry crossed the river before dawn without any lights."),
    ]


@pytest.fixture(scope="session")
def archive_index(tmp_path_factory: pytest.TempPathFactory, archive: list[semsearch.Article]) -> Path:
    """The index of these articles. Read it, never write to it."""
    index = tmp_path_factory.mktemp("archive") / "index"
    semsearch.build_index(archive, index)
    return index
