"""Messages and mailboxes: what the sender wrote, and what came with it."""

from __future__ import annotations

import datetime as dt
import mailbox
import tracemalloc
from email.message import EmailMessage
from pathlib import Path

import pytest

from semsearch import Article, ReadingLog
from semsearch.readers._budget import Budget
from semsearch.readers._log import Origin
from semsearch.readers._packed import Metered, buffered
from semsearch.readers.mail import _mbox, _mime, read_mailbox
from tests.reading import problems, read, texts, zip_of

DAY = dt.date(2022, 1, 7)


def message(
    text: str = "The mission is brief.", subject: str = "A mission", html: str = "", **headers: str
) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    given = {"From": "Jane Doe <jane@example.org>", "Date": "Fri, 07 Jan 2022 23:30:00 -0500", **headers}
    for name, value in given.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def one(folder: Path, content: bytes | EmailMessage, name: str = "a.eml") -> Article:
    articles, log = read(folder, name, content if isinstance(content, bytes) else content.as_bytes())
    assert log.problems == []
    (article,) = articles
    return article


def body(folder: Path, text: str, subject: str = "A mission") -> str:
    return one(folder, message(text, subject)).text


# --- fields


def test_a_message_is_an_article(tmp_path: Path) -> None:
    made = message(To="Bob <bob@example.org>, carol@example.org", Message_ID="<1@example.org>")

    assert one(tmp_path, made) == Article(
        id="a.eml",
        text="The mission is brief.",
        title="A mission",
        published=DAY,  # where the sender is
        source="Jane Doe",
        metadata={
            "author": "Jane Doe",
            "address": "jane@example.org",
            "to": "Bob, carol@example.org",
            "message_id": "1@example.org",
        },
    )


def test_a_list_is_the_source_of_its_messages(tmp_path: Path) -> None:
    article = one(tmp_path, message(List_Id="Northgate Briefing <briefing.example.org>"))

    assert (article.source, article.metadata["author"]) == ("Northgate Briefing", "Jane Doe")


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (b"Subject: =?utf-8?q?=C3=84rger?= =?utf-8?b?IMO8YmVyIMOWbA==?=\n", "Ärger über Öl"),
        (b"Subject: =?iso-8859-1?q?caf=E9?=\n", "café"),
        ("Subject: Ärger\n".encode(), "Ärger"),
        ("Subject: Ärger\n".encode("cp1252"), "Ärger"),
        (b"Subject: =?nonsense?q?cafe?=\n", "cafe"),
        (b"Subject: a\n folded\n\tsubject\n", "a folded subject"),
    ],
)
def test_headers_are_decoded(tmp_path: Path, raw: bytes, title: str) -> None:
    assert one(tmp_path, raw + b"\nThe text.").title == title


def test_a_date_in_the_future_is_none(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.eml", b"Date: Fri, 07 Jan 2122 23:30:00 -0500\n\nThe text.")

    assert [article.published for article in articles] == [None]
    assert log.notes == ["a.eml: the date 'Fri, 07 Jan 2122 23:30:00 -0500' is in the future, not kept"]


def test_a_date_that_is_none_is_kept_and_noted(tmp_path: Path) -> None:
    articles, log = read(tmp_path, "a.eml", b"Date: some day\n\nThe text.")

    assert [(article.published, article.metadata["published"]) for article in articles] == [(None, "some day")]
    assert log.notes == ["a.eml: the date 'some day' cannot be read, kept as metadata"]


# --- text


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "koi8-r"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_text_is_decoded_as_it_says(tmp_path: Path, charset: str, encoding: str) -> None:
    made = message()
    text = "Миссия будет короткой." if charset == "koi8-r" else "Ärger über Öl, naïve Männer."
    made.set_content(text, charset=charset, cte=encoding)

    assert one(tmp_path, made).text == text


@pytest.mark.parametrize("charset", ["nonsense", "punycode", "zip", "us-ascii", ""])
def test_text_that_does_not_say_what_it_is_in_is_detected(tmp_path: Path, charset: str) -> None:
    text = "Der Bürgermeister sagte über die Straße, es gäbe für die Stadt Köln keine größere Freude als ein Fest.\n"
    text += "Die Gäste kämen von überall her, müde, aber glücklich, und würden am Abend wieder nach Hause fahren."
    head = f"Subject: a\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n".encode()

    for encoding, notes in (("utf-8", []), ("cp1252", ["a.eml: read as Windows-1252"])):
        articles, log = read(tmp_path, "a.eml", head + text.encode(encoding))
        assert [article.text for article in articles] == [text.strip()]
        assert log.notes == notes


def test_lines_that_flow_are_joined(tmp_path: Path) -> None:
    made = message()
    made.set_content("The mission \nis brief.\n\nIt ends \ntoday.\n", params={"format": "flowed"})

    assert one(tmp_path, made).text == "The mission is brief.\n\nIt ends today."


PAGE = """<html><head><style>p {}</style><title>x</title></head><body>
<div style="display:none">A teaser.</div><table><tr><td><table><tr><td><h1>The Weekly</h1></td></tr>
<tr><td><p>The first <b>paragraph</b> says much of the treaty.</p><p>The second says more.</p></td></tr>
</table></td></tr><tr><td><a href="u">Unsubscribe</a></td></tr></table><img src="http://tracker.example.org/x.gif"></body></html>"""
LETTER = "The Weekly\n\nThe first paragraph says much of the treaty.\n\nThe second says more."


def test_a_newsletter_is_its_text(tmp_path: Path) -> None:
    made = message()
    made.set_content(PAGE, subtype="html")
    assert one(tmp_path, made).text == LETTER

    stub = message("View this email in your browser", html=PAGE)
    assert one(tmp_path, stub).text == LETTER


def test_the_plain_text_is_preferred_where_it_is_one(tmp_path: Path) -> None:
    made = message("The first paragraph says much of the treaty. The second says more.", html=PAGE)

    assert one(tmp_path, made).text == "The first paragraph says much of the treaty. The second says more."


# --- what is left out


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, 3 Jan 2022 at 10:00, Bob <bob@example.org> wrote:\n\n> How long?\n>\n> Tell me.",
        "On Mon, 3 Jan 2022 at 10:00,\nBob <bob@example.org>\nwrote:\n> How long?",
        "Am 03.01.2022 um 10:00 schrieb Bob:\n> Wie lange?",
        "Le lun. 3 janv. 2022 à 10:00, Bob <bob@example.org> a écrit :\n\n> Combien de temps ?",
        "> How long?\n> Tell me.",
        "-----Original Message-----\nFrom: Bob\nSent: Monday\nTo: Jane\n\nHow long?",
        "-----Ursprüngliche Nachricht-----\nVon: Bob\n\nWie lange?",
        "From: Bob <bob@example.org>\nSent: Monday, January 3, 2022\nTo: Jane\nSubject: How long\n\nHow long?",
        "Von: Bob\nGesendet: Montag\nAn: Jane\n\nWie lange?",
        "-- \nJane Doe\nThe Paper",
        "--\nJane Doe",
    ],
)
def test_quoted_messages_and_signatures_are_left_out(tmp_path: Path, quoted: str) -> None:
    made = message(f"A month or so.\n\n{quoted}\n")
    articles, log = read(tmp_path, "a.eml", made.as_bytes())

    assert [article.text for article in articles] == ["A month or so."]
    assert log.dropped is not None
    assert [(drop.place, drop.text) for drop in log.dropped] == [("a.eml", quoted)]
    assert {drop.reason for drop in log.dropped} <= {"quoted", "signature"}


def test_answers_between_quotations_stay(tmp_path: Path) -> None:
    text = "> How long?\n\nA month.\n\n> And who pays?\n\nNobody knows."

    assert body(tmp_path, text) == "A month.\n\nNobody knows."


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("> All of it\n> is quoted.", "A mission"),
        ("For you.\n\n---------- Forwarded message ---------\nFrom: Bob\nDate: Monday\n\nHow long?", "Fwd: How long"),
        ("For you.\n\nFrom: Bob\nSent: Monday\n\nHow long?", "WG: Wie lange"),
        ("She wrote: the mission is brief.", "A mission"),
        ("One.\n\n-- \n" + "A line of the text.\n" * 20 + "The end.", "A mission"),
        ("From: here we go.\n\nOn we go.", "A mission"),
    ],
)
def test_what_is_the_message_is_not_left_out(tmp_path: Path, text: str, subject: str) -> None:
    assert body(tmp_path, text, subject) == text


def test_a_quoted_message_in_html_is_left_out(tmp_path: Path) -> None:
    made = message()
    made.set_content(
        '<p>A month or so.</p><div class="gmail_quote"><div>On Monday Bob wrote:</div><p>How long?</p></div>',
        subtype="html",
    )
    articles, log = read(tmp_path, "a.eml", made.as_bytes())

    assert [article.text for article in articles] == ["A month or so."]
    assert log.dropped is not None
    assert [drop.text for drop in log.dropped] == ["On Monday Bob wrote:How long?"]


# --- attachments


def test_what_is_attached_is_read_by_its_format(tmp_path: Path) -> None:
    made = message()
    made.add_attachment(b"The report.", maintype="text", subtype="plain", filename="Bericht Ü.txt")
    made.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg")
    made.add_attachment(zip_of({"in/a.md": "# A\n\nZipped."}), maintype="application", subtype="zip", filename="c.zip")
    made.add_attachment(message("Passed on.", "Inner"))
    made.add_attachment(b"Again.", maintype="text", subtype="plain", filename="../../Bericht Ü.txt")

    articles, log = read(tmp_path, "a.eml", made.as_bytes())

    assert texts(articles) == {
        "a.eml": "The mission is brief.",
        "a.eml/Bericht Ü.txt": "The report.",
        "a.eml/c.zip/in/a.md": "Zipped.",
        "a.eml/part-4.eml": "Passed on.",
        "a.eml/Bericht Ü.txt~2": "Again.",
    }
    assert (log.problems, log.ignored) == ([], {".jpg": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["a.eml"]


def test_messages_in_messages_are_read_three_deep(tmp_path: Path) -> None:
    made = message("Text 0.")
    for depth in range(1, 6):
        outer = message(f"Text {depth}.")
        outer.add_attachment(made)
        made = outer

    articles, log = read(tmp_path, "a.eml", made.as_bytes())

    assert [article.text for article in articles] == ["Text 5.", "Text 4.", "Text 3.", "Text 2."]
    assert "what is in it is not read: it is in 3 files within each other" in problems(log)[0]


# --- mailboxes


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "made" / "in.mbox"
    path.parent.mkdir()
    kept = mailbox.mbox(path)
    for number in range(5):
        kept.add(message(f"Text {number}.\n\nFrom here on, it is quiet.\n", f"Subject {number}"))
    kept.close()
    return path


def test_a_mailbox_is_its_messages(tmp_path: Path, box: Path) -> None:
    articles, log = read(tmp_path, "in.mbox", box.read_bytes())

    assert texts(articles) == {f"in.mbox#{n + 1}": f"Text {n}.\n\nFrom here on, it is quiet." for n in range(5)}
    assert [article.title for article in articles] == [f"Subject {number}" for number in range(5)]
    assert (log.problems, log.notes) == ([], [])


def test_a_mailbox_with_other_line_ends_is_the_same(tmp_path: Path, box: Path) -> None:
    same = box.read_bytes().replace(b"\n", b"\r\n")

    assert read(tmp_path, "in.mbox", same)[0] == read(tmp_path, "in.mbox", box.read_bytes())[0]


def test_a_sentence_that_begins_with_from_ends_no_message(tmp_path: Path) -> None:
    raw = b"From a@b Fri Jan  7 10:00:00 2022\nSubject: a\n\nText.\n\nFrom 2022 on it is quiet.\n"

    assert texts(read(tmp_path, "a.mbox", raw)[0]) == {"a.mbox#1": "Text.\n\nFrom 2022 on it is quiet."}


def test_a_broken_message_is_named_and_the_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mbox, "MOST_MESSAGE", 2000)
    line = b"From a@b Fri Jan  7 10:00:00 2022\n"
    raw = line + b"nothing\n" + line + b"Subject: long\n\n" + b"x" * 3000 + b"\n" + line + b"Subject: a\n\nText.\n"

    articles, log = read(tmp_path, "a.mbox", raw)

    assert texts(articles) == {"a.mbox#3": "Text."}
    assert problems(log) == [
        "a.mbox#1: is no message: it says neither who sent it, nor when, nor a subject",
        "a.mbox#2: is larger than 0 MiB: save it by itself",
    ]


class Endless:
    """The same bytes over and over."""

    def __init__(self, part: bytes) -> None:
        self.part = part

    def read(self, size: int, /) -> bytes:
        part, self.part = self.part[:size], self.part[size:] + self.part[:size]
        return part


def test_a_mailbox_is_read_as_it_comes() -> None:
    part = (b"From a@b Fri Jan  7 10:00:00 2022\nSubject: a\n\n" + b"Text. " * 100 + b"\n\n") * 20
    endless = Metered(Endless(part), Budget())
    log = ReadingLog()
    articles = read_mailbox(buffered(endless), Origin("a.mbox", "a.mbox"), log)
    next(articles)
    tracemalloc.start()
    for _ in range(2000):
        next(articles)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 4 << 20
    assert log.problems == []


# --- what is none


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.eml", b"", "is no message"),
        ("a.eml", b"hello world", "is no message"),
        ("a.eml", b"\x00" * 1000, "is no message"),
        ("a.mbox", b"hello world", "is no mailbox: it does not begin with 'From '"),
        ("a.emlx", b"hello world", "is no message of Mail's"),
        ("a.emlx", b"99999999999\nSubject: a\n\nText.", "is no message of Mail's"),
    ],
)
def test_what_is_no_message_is_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    articles, log = read(tmp_path, name, content)

    assert articles == []
    assert len(log.problems) == 1
    assert reason in problems(log)[0]


def test_an_encrypted_message_is_named(tmp_path: Path) -> None:
    kinds = (
        "Content-Type: application/pkcs7-mime\n\nMIAG",
        'Content-Type: multipart/encrypted; boundary="b"\n\n--b\n\nx\n--b--',
        "\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----",
    )
    for kind in kinds:
        articles, log = read(tmp_path, "a.eml", f"Subject: a\n{kind}")
        assert articles == []
        assert problems(log) == ["a.eml: is encrypted: save it decrypted"]


def test_a_message_of_apples_is_read_by_its_length(tmp_path: Path) -> None:
    raw = message().as_bytes()

    assert one(tmp_path, b"%d\n" % len(raw) + raw + b"<plist></plist>", "a.emlx").text == "The mission is brief."


def test_parts_and_their_depth_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nText.\n" * 2001 + b"--b--"
    deep = b"Subject: a\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(101)
    )
    for raw in (many, deep):
        articles, log = read(tmp_path, "a.eml", raw)
        assert articles == []
        assert "parts" in problems(log)[0]
    monkeypatch.setattr(_mime, "_MOST_COMPARED", 10)
    assert "too much for its size" in problems(read(tmp_path, "a.eml", message(html=PAGE).as_bytes())[1])[0]
