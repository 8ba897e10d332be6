"""Web archives, as warcio writes them, and damaged."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import brotli
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from semsearch import Article
from semsearch.readers.warc import _http
from semsearch.readers.warc import _records as _warc
from tests.reading import problems, read, texts, zip_of

PLAIN = "text/plain; charset=utf-8"
both = pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])


Page = tuple[str, str, list[tuple[str, str]], bytes]


def page(body: bytes, kind: str = PLAIN, url: str = "https://e.org/a", status: str = "200 OK", **headers: str) -> Page:
    return url, status, [("Content-Type", kind), *((n.replace("_", "-"), v) for n, v in headers.items())], body


def warc(*pages: Page, name: str = "a.warc", date: str = "2022-01-07T10:00:00Z") -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # warcio leaves its files to be closed by themselves
        return written(pages, name, {"WARC-Date": date})


def written(pages: Sequence[Page], name: str, stated: dict[str, str]) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=name.endswith(".gz"))
    writer.write_record(writer.create_warcinfo_record(name, {"software": "tests"}))
    for url, status, headers, body in pages:
        asked = StatusAndHeaders("GET / HTTP/1.1", [], is_http_request=True)
        answer = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
        writer.write_request_response_pair(
            writer.create_warc_record(url, "request", http_headers=asked),
            writer.create_warc_record(
                url, "response", payload=io.BytesIO(body), http_headers=answer, warc_headers_dict=stated
            ),
        )
    return out.getvalue()


def ids(articles: Sequence[Article]) -> list[str]:
    return [article.id for article in articles]


@both
def test_a_page_is_an_article(tmp_path: Path, name: str) -> None:
    articles, log = read(
        tmp_path, name, warc(page(b"The first text."), page(b"The second.", url="http://e.org/b?c=d#e"), name=name)
    )

    assert articles == [
        Article(
            id=f"{name}#{url}",
            text=text,
            url=url,
            published=dt.date(2022, 1, 7),
            metadata={"published_from": "WARC-Date", "published_confidence": "weak"},
        )
        for url, text in (("https://e.org/a", "The first text."), ("http://e.org/b?c=d#e", "The second."))
    ]
    assert (log.problems, log.notes, log.ignored) == ([], [], {})


@both
def test_a_page_that_was_visited_again_has_a_number(tmp_path: Path, name: str) -> None:
    articles, log = read(tmp_path, name, warc(page(b"Before."), page(b"After."), name=name))

    assert texts(articles) == {f"{name}#https://e.org/a": "Before.", f"{name}#https://e.org/a~2": "After."}
    assert log.problems == []


def test_a_visit_in_the_future_is_no_date(tmp_path: Path) -> None:
    (article,) = read(tmp_path, "a.warc", warc(page(b"The text."), date="2122-01-07T10:00:00Z"))[0]

    assert (article.published, article.metadata) == (None, {})


def test_what_is_no_page_is_counted(tmp_path: Path) -> None:
    pages = [
        page(b"no", status="404 Not Found"),
        page(b"", status="301 Moved"),
        page(b"\x89PNG", "image/png"),
        page(b"x()", "application/javascript"),
        page(b"User-agent: *", url="https://e.org/robots.txt"),
        page(b"The text.", url="https://e.org/z"),
    ]

    articles, log = read(tmp_path, "a.warc", warc(*pages))

    assert ids(articles) == ["a.warc#https://e.org/z"]
    assert log.ignored == {"HTTP 404": 1, "HTTP 301": 1, "image/png": 1, "application/javascript": 1}
    assert (log.problems, log.notes) == ([], [])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content_Encoding": "gzip"}, gzip.compress(b"The text.")),
        ({"Content_Encoding": "GZIP"}, gzip.compress(b"The text.")),
        ({"Content_Encoding": "deflate"}, zlib.compress(b"The text.")),
        ({"Content_Encoding": "deflate"}, zlib.compress(b"The text.")[2:-4]),
        ({"Content_Encoding": "br"}, brotli.compress(b"The text.")),
        ({"Content_Encoding": "gzip"}, b"The text."),
        ({"Transfer_Encoding": "chunked"}, b"4\r\nThe \r\n5;x=y\r\ntext.\r\n0\r\n\r\n"),
        ({"Transfer_Encoding": "chunked"}, b"The text."),
        (
            {"Transfer_Encoding": "chunked", "Content_Encoding": "gzip"},
            b"1d\r\n" + gzip.compress(b"The text.") + b"\r\n0\r\n\r\n",
        ),
    ],
)
def test_a_page_is_unpacked(tmp_path: Path, headers: dict[str, str], body: bytes) -> None:
    articles, log = read(tmp_path, "a.warc.gz", warc(page(body, **headers), name="a.warc.gz"))

    assert [article.text for article in articles] == ["The text."]
    assert log.problems == []


def test_a_page_is_decoded_as_the_server_says(tmp_path: Path) -> None:
    pages = [
        page("Миссия".encode("koi8-r"), "text/plain; charset=koi8-r"),
        page("Миссия".encode(), "text/plain; charset=nonsense"),
    ]

    assert [article.text for article in read(tmp_path, "a.warc", warc(*pages))[0]] == ["Миссия", "Миссия"]


def test_pages_are_read_by_what_they_are(tmp_path: Path) -> None:
    feed = b"<rss><channel><title>Wire</title><item><guid>1</guid><link>https://e.org/1</link><title>T</title></item></channel></rss>"

    (article,) = read(tmp_path, "a.warc", warc(page(feed, "application/rss+xml", "https://e.org/feed")))[0]

    assert (article.id, article.url) == ("a.warc#https://e.org/feed#1", "https://e.org/1")


def test_an_archive_in_an_archive_is_read(tmp_path: Path) -> None:
    packed = zip_of({"b/a.warc.gz": warc(page(b"The text."), name="a.warc.gz")})

    assert texts(read(tmp_path, "a.zip", packed)[0]) == {"a.zip/b/a.warc.gz#https://e.org/a": "The text."}


# --- damage


def three(name: str) -> bytes:
    return warc(*(page(f"Text {n}.".encode(), url=f"https://e.org/{n}") for n in range(3)), name=name)


def test_after_a_damaged_record_the_next_is_read(tmp_path: Path) -> None:
    packed = bytearray(three("a.warc.gz"))
    starts = [at for at in range(len(packed)) if packed[at : at + 3] == b"\x1f\x8b\x08"]
    packed[starts[3] + 40] ^= 0xFF  # the second page: a record for the file, then two for each page

    articles, log = read(tmp_path, "a.warc.gz", bytes(packed))

    assert "a.warc.gz#https://e.org/2" in ids(articles)
    assert 1 <= len(log.problems) <= 2
    assert "is damaged" in problems(log)[0]


@pytest.mark.parametrize("length", ["0", "3", "99", "999999999999", "-1", "x", "9" * 30, ""])
def test_a_false_length_is_named(tmp_path: Path, length: str) -> None:
    packed = three("a.warc")
    at = packed.index(b"Content-Length: ", packed.index(b"https://e.org/1"))
    end = packed.index(b"\r\n", at)

    articles, log = read(tmp_path, "a.warc", packed[: at + 16] + length.encode() + packed[end:])

    assert "a.warc#https://e.org/0" in ids(articles)
    assert log.problems != []
    assert all(problem.place.startswith("a.warc") for problem in log.problems)


@both
def test_an_archive_that_is_cut_off_is_read_to_there(tmp_path: Path, name: str) -> None:
    packed = three(name)
    cuts, told = range(10, len(packed), 37), 0
    for cut in cuts:
        articles, log = read(tmp_path, name, packed[:cut])
        assert ids(articles) == [f"{name}#https://e.org/{n}" for n in range(len(articles))]
        assert len(log.problems) <= 1
        told += len(log.problems)
    assert told > len(cuts) * 0.8  # not where it is cut between two records


@both
@pytest.mark.parametrize("content", [b"", b"hello", b"\n" * 20_000, b"\x00" * 1000])
def test_what_is_no_web_archive_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    articles, log = read(tmp_path, name, content)

    assert articles == []
    assert problems(log)[-1] == f"{name}: is no web archive: there is no record in it"


def test_a_head_without_an_end_is_named(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.warc", b"WARC/1.0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n" + three("a.warc"))

    assert len(articles) == 3
    assert "its head has no end" in problems(log)[0]


def test_damage_in_too_many_places_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warc, "_MOST_DAMAGE", 3)
    articles, log = read(tmp_path, "a.warc", b"WARC/1.0\r\nContent-Length: x\r\n\r\n" * 10)

    assert articles == []
    assert len(log.problems) == 4
    assert problems(log)[-1] == "a.warc: is damaged in 3 places: not read from here on"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content_Encoding": "gzip"}, gzip.compress(b"\n" * (8 << 20))),
        ({"Content_Encoding": "deflate"}, zlib.compress(b"\n" * (8 << 20))),
        ({"Content_Encoding": "br"}, brotli.compress(b"\n" * (8 << 20))),
    ],
)
def test_what_stands_for_far_more_than_its_size_is_not_read(
    tmp_path: Path, headers: dict[str, str], body: bytes
) -> None:
    articles, log = read(tmp_path, "a.warc", warc(page(body, **headers), page(b"The text.", url="https://e.org/b")))

    assert ids(articles) == ["a.warc#https://e.org/b"]
    assert "a.warc#https://e.org/a: too much is packed in it" in problems(log)[0]


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br"])
def test_a_damaged_page_is_named(tmp_path: Path, packing: str) -> None:
    body = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[packing](b"The text." * 50)
    body = body[:10] + b"\xff" * 20 + body[30:]

    articles, log = read(
        tmp_path, "a.warc", warc(page(body, Content_Encoding=packing), page(b"T.", url="https://e.org/b"))
    )

    assert "a.warc#https://e.org/b" in ids(articles)
    assert len(log.problems) + len(articles) >= 2


def test_a_page_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import semsearch.readers.warc

    monkeypatch.setattr(semsearch.readers.warc, "MOST_BODY", 1000)
    pages = [page(b"x" * 200_000), page(b"The text.", url="https://e.org/b")]

    articles, log = read(tmp_path, "a.warc", warc(*pages))

    assert ids(articles) == ["a.warc#https://e.org/b"]
    assert "is larger than 0 MiB" in problems(log)[0]
    assert _http.MOST_BODY == 64 << 20
