"""An archive for the page: some of the sample articles, and everything that could go wrong on a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import semsearch

__all__ = ["EMOJI", "HEBREW", "HOSTILE", "LONG", "page_articles"]

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&amp;"
EMOJI = "emoji"
HEBREW = "hebrew"
LONG = "long"


def page_articles(corpus: Path) -> Iterator[semsearch.Article]:
    """Yield them."""
    yield from semsearch.read_articles(corpus / "peacekeeping")
    yield semsearch.Article(
        id=f"hostile/{HOSTILE}",
        title=HOSTILE,
        text=f"## {HOSTILE}\n\nThe volcano erupted while {HOSTILE} was being written down by the observers.",
        published=dt.date(2021, 2, 3),
        source=f"Source {HOSTILE}",
        url="javascript:document.title='owned'",
        metadata={"author": HOSTILE},
    )
    yield semsearch.Article(
        id=EMOJI,
        title="𝔄 day at the 🌋 volcano",
        text=(
            "👩‍🔬🌋 Researchers 𝔄𝔅ℭ met at the rim. 🌋 The lava lake 🔥 was measured with thermometers on kites. "
            "They went home 🏠 in the evening.\n\nThe next day 🌄 nobody came."
        ),
        published=dt.date(2021, 2, 4),
        source="Cobalt Press Agency",
        url="https://example.org/volcano?a=1&b=2",
    )
    yield semsearch.Article(
        id=HEBREW,
        title="כותרת בעברית",
        text="ראש הממשלה נאם בכנסת על תקציב המדינה. הדיון נמשך עד הלילה.\n\nהאופוזיציה הצביעה נגד.",
        published=dt.date(2020, 5, 6),
        source="הארץ",
    )
    yield semsearch.Article(
        id="both-ways",
        title="Both ways",
        text="The interpreter translated (word by word).\n\nהמתורגמן תרגם מילה במילה.",
    )
    yield semsearch.Article(id="untitled", title="", text="A glacier retreated by forty metres in a single summer.")
    yield semsearch.Article(id="words", title="W" * 300, text=f"The glassblower {'x' * 3000} kept silent about it.")
    copied = "The ferry to the northern islands was cancelled after its engine had failed twice within a week."
    for day in (1, 2, 3):
        yield semsearch.Article(
            id=f"ferry/{day}",
            title=f"Ferry cancelled, report {day}",
            text=copied,
            published=dt.date(2022, 3, day),
            source="Wire <b>A</b>",
            url=f"https://example.org/ferry/{day}",
        )
    lines = [f"Item {number}: noted." for number in range(1, 2001)]
    lines[1499] = "Item 1500: the saxophone quartet from Ghent was thanked by everybody for its concert."
    yield semsearch.Article(id=LONG, title="Minutes of two thousand items", text="\n\n".join(lines))
    speech = [f"Sentence {number} of the hearing concerned the budget of the harbour." for number in range(300)]
    speech[150] = "The zeppelin hangar in Friedrichshafen burned down during the night."
    yield semsearch.Article(id="speech", title="A transcript without paragraphs", text=" ".join(speech))
    table = "| post | 2020 |\n| --- | --- |\n| roads | 1,200 |\n| schools | 9,000 |"
    yield semsearch.Article(
        id="table", title="Budget table", text=f"Budget of the town\n\n{table}\n\nAll in thousands."
    )
    subject = "the very long title of a very long report about the procurement of helicopters " * 6
    yield semsearch.Article(
        id="title",
        title=f"On the question whether {subject}",
        text="The procurement of helicopters was delayed by nine years. Nobody had read the contract.",
    )
    for number in range(12):  # so many sources that they are worth searching
        yield semsearch.Article(
            id=f"small/{number}",
            title=f"Note {number}",
            text=f"Harvest report number {number}.",
            source=f"Paper {number}",
        )
