"""What a message has besides what its sender wrote: the messages that it answers, the signature, a newsletter's links.

Each line is looked at on its own and up to a bounded length, so that no input makes a pattern slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Part", "is_forward", "parted", "without_cited_markup"]

_LONGEST = 300
_SIGNATURE_LINES = 15
"""What follows two dashes and is longer is the rest of a message that has a line of dashes."""
_ATTRIBUTION_LINES = 3
_WROTE = re.compile(
    r"(?:wrote|writes|said|schrieb(?:en)?|hat geschrieben|a écrit|écrivait|escribió|ha scritto|escreveu|schreef|skrev"
    r"|napisał\(?a?\)?|пишет|писал\(?а?\)?|написал\(?а?\)?|yazdı|كتب|写道|のメッセージ)\b[^:：]{0,80}[:：]$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"-{2,} ?(?:original message|original appointment|ursprüngliche nachricht|originalnachricht|message d'origine"
    r"|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht"
    r"|исходное сообщение|пересылаемое сообщение) ?-{2,}",
    re.IGNORECASE,
)
_HEADER = re.compile(r"\*?(?:from|von|de|da|van|от|发件人|差出人) ?:\*? ?\S", re.IGNORECASE)
_SENT = re.compile(
    r"\*?(?:sent|date|gesendet|datum|envoyé|enviado|fecha|inviato|data|verzonden|отправлено|дата|发送时间|送信日時)"
    r"[^:]{0,20}:\*? ?\S",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"(?:fwd?|wg|tr|i|rv|enc|doorst|пересл)\s*:", re.IGNORECASE)
_LINKS = re.compile(
    r"unsubscribe|manage (?:your )?(?:preferences|subscription)|update (?:your )?preferences"
    r"|(?:view|read|open)\b.{0,30}\bbrowser|view (?:it |this )?online|forward to a friend|add us to your address book"
    r"|vom newsletter abmelden|newsletter abbestellen|im browser (?:an|öffnen|lesen)|se désabonner|se désinscrire"
    r"|(?:version|voir).{0,30}(?:en ligne|navigateur)|darse de baja|cancelar (?:la )?suscripción"
    r"|ver en (?:el|tu) navegador|annulla l'iscrizione|отписаться",
    re.IGNORECASE,
)
_LONGEST_LINKS = 120
"""Characters of a paragraph that offers links; a longer one says something besides."""
_CITED = re.compile(r"<blockquote|gmail_quote|divRplyFwdMsg|moz-cite-prefix", re.IGNORECASE)
_CITED_ELEMENTS = (
    "//blockquote[@type='cite' or @cite]"
    "|//*[contains(concat(' ', @class, ' '), ' gmail_quote ') or contains(@class, 'moz-cite-prefix')]"
    "|//*[@id='divRplyFwdMsg' or @id='appendonsend']"
    "|//*[@id='divRplyFwdMsg']/following-sibling::*"
)


class Part(NamedTuple):
    """Lines of a message that follow each other, and why they are no part of its article; ``""`` if they are."""

    text: str
    reason: str = ""


def is_forward(subject: str) -> bool:
    """Whether a subject says that the message passes another one on, which is then what it says."""
    return bool(_FORWARD.match(subject[:_LONGEST].lstrip()))


def parted(text: str, *, forwards: bool = False) -> list[Part]:
    """Part the text of a message into what its sender wrote, and what not.

    Where nothing would be left, or the message ``forwards`` another one, quotations are what it says.
    """
    lines = text.split("\n")
    reasons = [""] * len(lines)
    _mark_signature(lines, reasons)
    if not forwards:
        _mark_quotes(lines, reasons)
        _mark_original(lines, reasons)
    for number, line in enumerate(lines):
        if not reasons[number] and len(line) <= _LONGEST_LINKS and _LINKS.search(line):
            reasons[number] = "links of a newsletter"
    if not any(line.strip() and not reason for line, reason in zip(lines, reasons, strict=True)):
        return [Part(text)]
    return list(_runs(lines, reasons))


def _runs(lines: list[str], reasons: list[str]) -> Iterator[Part]:
    start = 0
    for number in range(1, len(lines) + 1):
        if number == len(lines) or reasons[number] != reasons[start]:
            yield Part("\n".join(lines[start:number]), reasons[start])
            start = number


def _mark_signature(lines: list[str], reasons: list[str]) -> None:
    for number in range(len(lines) - 1, max(-1, len(lines) - 2 - _SIGNATURE_LINES), -1):
        if lines[number].rstrip() == "--":
            reasons[number:] = ["signature"] * (len(lines) - number)
            return


def _mark_quotes(lines: list[str], reasons: list[str]) -> None:
    """Mark lines that begin with ``>``, blank ones between them, and the line above that says who wrote them."""
    last = -1  # the last line that was marked
    for number, line in enumerate(lines):
        if reasons[number]:
            return
        if not line.startswith(">"):
            continue
        if last >= 0 and not any(map(str.strip, lines[last + 1 : number])):
            start = last + 1
        else:
            start = _attribution(lines, number)
        reasons[start : number + 1] = ["quoted"] * (number + 1 - start)
        last = number


def _attribution(lines: list[str], number: int) -> int:
    """Return where the lines begin that say who wrote what is quoted from line ``number`` on; that, if none do."""
    end = number
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and lines[start - 1].strip() and end - start < _ATTRIBUTION_LINES:
        start -= 1
        said = " ".join(line.strip()[:_LONGEST] for line in lines[start:end])
        is_whole = not start or not lines[start - 1].strip()
        if _WROTE.search(said[-_LONGEST:]) and (is_whole or _begins_attribution(said)):
            return start
    return number


def _begins_attribution(said: str) -> bool:
    return said.partition(" ")[0].lower() in {"on", "am", "le", "el", "il", "em", "op", "den", "dnia"}


def _mark_original(lines: list[str], reasons: list[str]) -> None:
    """Mark the message that is answered, which some programs append as it is: from its head on."""
    for number, line in enumerate(lines):
        if _ORIGINAL.search(line[:_LONGEST]) or _is_head(lines, number):
            reasons[number:] = ["quoted"] * (len(lines) - number)
            return


def _is_head(lines: list[str], number: int) -> bool:
    """Whether a line says who sent a message, and one of the next two when."""
    return bool(_HEADER.match(lines[number][:_LONGEST])) and any(
        _SENT.match(line[:_LONGEST]) for line in lines[number + 1 : number + 3]
    )


def without_cited_markup(markup: str) -> tuple[str, list[str]]:
    """Return HTML without the messages that it quotes, and the text of these."""
    if not _CITED.search(markup):
        return markup, []
    from lxml import etree, html

    try:
        page = html.document_fromstring(markup.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))
        cited = [element for element in page.xpath(_CITED_ELEMENTS) if element.getparent() is not None]
        texts = []
        for element in cited:
            texts.append(" ".join("".join(element.itertext()).split()))
            element.drop_tree()
        return (html.tostring(page, encoding="unicode"), texts) if page.text_content().strip() else (markup, [])
    except (etree.LxmlError, ValueError):
        return markup, []
