"""Nothing that is in a file leads out of it, or makes of little much: archives, messages, feeds, web archives."""

from __future__ import annotations

import bz2
import gzip
import io
import mailbox
from collections.abc import Iterator
from email.message import EmailMessage
from html import escape
from pathlib import Path
from random import Random

import pytest

from semsearch import ReadingLog
from semsearch.passages import split_article
from semsearch.readers._formats import format_of
from semsearch.readers._log import Origin
from semsearch.storage import content_digest
from tests.embedder import WordEmbedder
from tests.reading import tar_of, zip_of
from tests.test_readers_warc import page, warc
from tests.torture.figures import note, scaled
from tests.torture.test_hostile import PROMISE, build, linux

MODULE = "tests.torture.containers"
DAMAGED = scaled(15, 1_000)  # files of each kind


@linux
def test_no_container_harms(tmp_path: Path) -> None:
    from tests.torture.containers import CORPORA

    outcomes = build(tmp_path, list(CORPORA), module=MODULE)
    note(
        PROMISE,
        corpora=len(outcomes),
        articles_read=sum(outcome["read"] for outcome in outcomes),
        files_and_lines_reported=sum(outcome["reported"] for outcome in outcomes),
        files_opened_outside=sum(outcome["outside"] for outcome in outcomes),
    )
    assert {outcome["corpus"]: outcome["wrong"] for outcome in outcomes if outcome["wrong"]} == {}
    assert [outcome["corpus"] for outcome in outcomes] == list(CORPORA)


@linux
@pytest.mark.parametrize(
    ("broken", "corpus", "wrong"),
    [
        ("anything is unpacked", "gzip bombs", "ended with "),
        ("a message may have any parts", "messages", "ended with "),
        ("text is decoded by any name", "messages", "ended with "),
        ("members are passed over", "names of members", "is neither read nor reported"),
    ],
)
def test_a_container_that_harms_is_noticed(tmp_path: Path, broken: str, corpus: str, wrong: str) -> None:
    (outcome,) = build(tmp_path, [corpus], broken, seconds=15, module=MODULE)
    assert any(wrong in line for line in outcome["wrong"])


# --- real ones that are spoilt ----------------------------------------------------------------------------------------


def real(corpus: Path, scratch: Path) -> dict[str, bytes]:
    """Return a container of each kind, made of articles."""
    articles = {path.name: path.read_text(encoding="utf-8") for path in sorted(corpus.rglob("*.md"))[:12]}
    texts = list(articles.items())
    records = "".join(f'{{"title": "{name}", "text": "Text of {name}."}}\n' for name, _ in texts)
    members: dict[str, bytes | str] = {**articles, "more/records.jsonl": records, "more/again.zip": zip_of(articles)}
    box = mailbox.mbox(scratch / "in.mbox")
    messages = [message(name, text, articles) for name, text in texts]
    for one in messages:
        box.add(one)
    box.close()
    items = "".join(
        f"<item><title>{name}</title><description>{escape(text)}</description></item>" for name, text in texts
    )
    pages = [page(text.encode(), url=f"https://example.org/{name}") for name, text in texts]
    packed = [
        page(gzip.compress(text.encode()), url=f"https://example.org/{n}", Content_Encoding="gzip") for n, text in texts
    ]
    entries = "".join(
        f"<entry><id>{name}</id><content type='html'>{escape(text)}</content></entry>" for name, text in texts
    )
    return {
        "a.zip": zip_of(members),
        "a.tar": tar_of(members),
        "a.tar.gz": tar_of(members, "gz"),
        "a.tar.bz2": tar_of(members, "bz2"),
        "a.tar.xz": tar_of(members, "xz"),
        "a.jsonl.gz": gzip.compress(records.encode()),
        "a.md.bz2": bz2.compress(texts[0][1].encode()),
        "a.eml": messages[0].as_bytes(),
        "a.mbox": (scratch / "in.mbox").read_bytes(),
        "a.rss": f"<rss><channel><title>Wire</title>{items}</channel></rss>".encode(),
        "a.atom": f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title>{entries}</feed>'.encode(),
        "a.warc": warc(*pages, *packed),
        "a.warc.gz": warc(*pages, *packed, name="a.warc.gz"),
    }


def message(name: str, text: str, articles: dict[str, str]) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["Date"] = (
        f"On {name}",
        "Ä. Reader <a@example.org>",
        "Fri, 07 Jan 2022 10:00:00 +0100",
    )
    made.set_content(text)
    made.add_alternative(
        f"<html><body><p>{escape(text)}</p><blockquote type=cite>Old</blockquote></body></html>", subtype="html"
    )
    made.add_attachment(
        zip_of(dict(list(articles.items())[:2])), maintype="application", subtype="zip", filename="all.zip"
    )
    made.add_attachment(text.encode(), maintype="text", subtype="plain", filename=f"{name}.txt")
    return made


def spoilt(data: bytes, random: Random) -> Iterator[bytes]:
    """Yield the file with some bytes changed, cut out, doubled or put in, or cut off, over and over."""
    pieces = [
        b"",
        b"\x00" * 8,
        b"\xff" * 8,
        b"\n",
        b"\r\n\r\n",
        b"99999999999",
        b"From a Fri Jan  7 10:00:00 2022\n",
        b"&a;",
        b"<",
        b"]]>",
    ]
    while True:
        changed = bytearray(data)
        for _ in range(random.choice([1, 1, 2, 5, 30])):
            at = random.randrange(len(changed) + 1)
            instead = random.choice(
                [random.choice(pieces), random.randbytes(random.randint(1, 8)), bytes(changed[at : at + 300])]
            )
            changed[at : at + random.choice([0, 1, len(instead), 100])] = instead
        yield bytes(changed[: random.randrange(len(changed) + 1)] if random.random() < 0.2 else changed)


def check(name: str, data: bytes) -> tuple[int, int]:
    """Read a file: it is read or reported, and what is read can be stored and is split without loss."""
    log, form = ReadingLog(dropped=[]), format_of(name)
    assert form is not None
    stream = io.BytesIO(data) if form.seeks else io.BufferedReader(io.BytesIO(data))
    articles = [article for _, article in form(stream, Origin(name, name), log)]
    assert articles or log.problems or log.notes or log.ignored or not data
    assert all(
        problem.place == name or problem.place.startswith((f"{name}/", f"{name}#", f"{name}:"))
        for problem in log.problems
    )
    for article in articles:
        content_digest(article)
        passages = split_article(article, WordEmbedder().count_tokens, limit=250)
        assert "".join("".join(passage.text for passage in passages).split()) == "".join(article.text.split())
    ids = [article.id for article in articles]
    assert len(set(ids)) == len(ids)
    return len(articles), len(log.problems)


def test_a_real_container_that_is_spoilt_is_read_or_reported(corpus: Path, tmp_path: Path) -> None:
    read = reported = 0
    for name, data in real(corpus, tmp_path).items():
        articles, problems = check(name, data)
        assert articles >= 1
        assert problems == 0
        for _, changed in zip(range(DAMAGED), spoilt(data, Random(name)), strict=False):
            articles, problems = check(name, changed)
            read += articles
            reported += problems
    assert read > DAMAGED
    assert reported > DAMAGED
    note(PROMISE, containers_spoilt=DAMAGED * 13)


@pytest.mark.parametrize(
    "name", ["a.zip", "a.tar", "a.eml", "a.mbox", "a.rss", "a.warc", "a.warc.gz", "a.jsonl.gz", "a.emlx"]
)
def test_noise_is_reported(name: str) -> None:
    random = Random(name)
    for _ in range(DAMAGED):
        articles, problems = check(name, random.randbytes(random.randint(1, 3000)))
        assert articles == 0
        assert problems >= 1
