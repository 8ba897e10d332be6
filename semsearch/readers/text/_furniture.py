"""What a news page puts around its text, told from one line: buttons, time stamps, bylines, reading times.

Every line is tested only up to a bounded length, so that no input makes a pattern slow.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Furniture", "dateline_source", "is_button", "is_dateline", "read_furniture"]

_LONGEST = 120
"""Characters of a line; longer ones are text. What stands on one line of a page, all labels with it, is shorter."""
_DATELINE_LENGTH = 200


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split("|"))


_BUTTONS = _phrases(
    """
    save|share|print|print this page|email|e-mail|tweet|post|pin|like|follow|follow us|subscribe|sign in|sign up
    |log in|register|menu|search|home|news|close|copy link|copy|link copied|share this|share this article
    |share on facebook|share on twitter|share on x|share on linkedin|share on whatsapp|share via email|facebook
    |twitter|x|linkedin|whatsapp|telegram|reddit|pinterest|instagram|comments|comment|leave a comment|add a comment
    |view comments|read more|read later|listen|listen to article|play|download|download pdf|bookmark|advertisement
    |advertisment|sponsored|skip to content|skip to main content|back to top|related articles|related|more news
    |most read|newsletter|sign up for our newsletter|cookie settings|accept cookies|accept all|a a|font size|text size
    |reading time|min read
    """
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = re.compile(
    r"(?<!\d)(?:\d{4}([-/.])\d{1,2}\1\d{1,2}"
    r"|\d{1,2}([-/.])\d{1,2}\2\d{4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.?[ -]?(?:of )?{_MONTH},?[ -]?\d{{4}}"
    rf"|{_MONTH} ?\d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?:(?<![\w.:])|(?<=\bT))(?:\d{1,2}[:.h]\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?[ap]\.?m\b\.?)"
    r"(?![:\d])(?: ?Z\b)?(?:(?: ?\(?(?:GMT|UTC))? ?[+-]\d{1,2}(?::?\d\d)?(?!\d))?",
    re.IGNORECASE,
)
_STAMP_WORDS = _phrases(
    """
    published|updated|posted|modified|created|issued|first|last|date|time|on|at|local|t|z|am|pm|mon
    |monday|tue|tues|tuesday|wed|wednesday|thu|thur|thurs|thursday|fri|friday|sat|saturday|sun|sunday
    |utc|gmt|et|est|edt|ct|cst|cdt|mt|mst|mdt|pt|pst|pdt|bst|ist|cet|cest|eet|eest|wet|west
    |msk|amt|gst|pkt|sgt|hkt|jst|kst|aest|aedt|acst|awst|nzst|nzdt|sast|wib
    """
)
_RELATIVE = re.compile(
    r"(?:(?:first |last )?(?:published|updated|posted|modified):? )?"
    r"(?:(?:about )?(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|several|a few) ?"
    r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?|mos?|months?|y|yrs?|years?) ago"
    r"|just now)",
    re.IGNORECASE,
)
_READING_TIME = re.compile(
    r"\d{1,3}[ -]?(?:mins?|minutes?)\.?[ -](?:read|listen|watch|video)(?:ing)?(?: time)?"
    r"|(?:estimated )?(?:reading|read) time:? \d{1,3} ?(?:mins?|minutes?)",
    re.IGNORECASE,
)
_BYLINE = re.compile(r"(?:(?:written|reported|edited|story|report|words|text) )?by:? (?P<names>\S.*)", re.IGNORECASE)
_NAME_LINKS = _phrases("and|&|with|for|of|in|at|the|de|da|di|du|del|della|van|von|der|den|la|le|bin|ibn|al|el|y")
_BYLINE_WORDS = 14
_SEPARATOR = re.compile(r" ?[|·•] ?| [–—-] ")

_MONTH_DAY = rf"(?i:{_MONTH}\s\d{{1,2}}|\d{{1,2}}\s{_MONTH})(?:,?\s\d{{4}})?"
_DATELINE = re.compile(
    # YEREVAN, JANUARY 7, ARMENPRESS.
    rf"[A-Z][A-Z .'’-]+(?:,\s[A-Z][\w .]+)?,\s{_MONTH_DAY},\s(?P<agency>[A-Z][A-Z0-9 .&-]*[A-Z0-9])[.:](?:\s|$)"
    # LONDON, March 3 (Reuters) - / PARIS (AP) — / Berlin (dpa) –
    r"|(?P<place>[A-Z][\w.'’-]+(?:[ ,/]+[A-Z][\w.'’-]+)*?)"
    rf"(?P<date>,\s{_MONTH_DAY})?\s\((?P<wire>[\w .&/-]{{2,30}})\)\s?[–—-]",
)
_AGENCIES = _phrases(
    """
    aap|adnkronos|afp|agerpres|aki|anadolu|anadolu agency|ani|ansa|ap|apa|aps|arka|armenpress
    |associated press|azertac|bbc|belga|belta|bernama|bloomberg|bns|bta|cnn|cna|cp|ctk|ddp|dpa|dw
    |efe|epd|europa press|hina|ians|ina|interfax|ips|irna|jiji|jiji press|kcna|kna|kuna|kyodo
    |kyodo news|kyodonews|lusa|map|mena|meta|mti|mtva|nan|ntb|pa|pa media|pap|petra|pti|reuters
    |rfe/rl|ria|ria novosti|ritzau|sana|sapa|sda|sid|sita|spa|sta|stt|tanjug|tap|tass
    |the associated press|the canadian press|tt|ukrinform|un news|unian|upi|wafa|wam|xinhua|yonhap
    """
)


class Furniture(NamedTuple):
    """What a line that is no text says: the ``day`` of a stamp as it stands there, and the ``author`` of a byline."""

    day: str | None = None
    author: str | None = None


def is_button(line: str) -> bool:
    """Whether the line is the label of a button or link: ``Save``, ``Share on Facebook``."""
    return len(line) <= _LONGEST and " ".join(line.split()).casefold().strip(" :|·•") in _BUTTONS


def read_furniture(line: str) -> Furniture | None:
    """Return what the line says if nothing on it is text, else None.

    Several such things may share the line: ``By Jane Doe | 7 January 2022 | 5 min read``.
    """
    if len(line) > _LONGEST:
        return None
    line = " ".join(line.split())
    whole = _read_part(line)
    if whole is not None:
        return whole
    parts = [_read_part(part) for part in _SEPARATOR.split(line.strip(" |·•–—-")) if part]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return Furniture(
        next((part.day for part in known if part.day), None), next((part.author for part in known if part.author), None)
    )


def _read_part(part: str) -> Furniture | None:
    if is_button(part) or _RELATIVE.fullmatch(part) or _READING_TIME.fullmatch(part):
        return Furniture()
    byline = _BYLINE.fullmatch(part)
    if byline is not None and _are_names(byline["names"]):
        return Furniture(author=byline["names"].rstrip(" ,:"))
    return _read_stamp(part)


def _read_stamp(part: str) -> Furniture | None:
    """Read a day, a clock or both if there is nothing else on it but labels, weekdays and time zones."""
    day = _DAY.search(part)
    rest = _CLOCK.sub(" ", _DAY.sub(" ", part))
    if (day is None and (rest == part or ":" not in part)) or any(
        word.casefold() not in _STAMP_WORDS for word in _words(rest)
    ):
        return None
    return Furniture(day=None if day is None else day.group())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", re.sub(r"(?i)\b([ap])\.m\b\.?", r"\1m", text))


def _are_names(names: str) -> bool:
    """Whether these are names, places and papers, one of them at least: no word of a sentence, no stop at the end."""
    words = names.replace(",", " ").split()
    named = [word for word in words if word.casefold() not in _NAME_LINKS]
    return (
        0 < len(named) <= len(words) <= _BYLINE_WORDS
        and words[0] in named
        and all(word[0].isupper() for word in named)
        and names[-1] not in ".!?"
        and not any(character.isdigit() for character in names)
    )


def is_dateline(line: str) -> bool:
    """Whether the line begins with place and agency: ``YEREVAN, JANUARY 7, ARMENPRESS.`` or ``PARIS (AP) —``."""
    return dateline_source(line) is not None


def dateline_source(line: str) -> str | None:
    """Return the agency that a dateline at the beginning of the line names.

    A name and a bracket are not enough, ``Smith (Labour) - the only one`` has them too: there must be a date, or a
    known agency, or a place in capitals and after it a short name that the place does not abbreviate.
    """
    match = _DATELINE.match(line[:_DATELINE_LENGTH])
    if match is None:
        return None
    if match["agency"] is not None:
        return match["agency"].strip()
    place, wire = match["place"], match["wire"].strip()
    words = re.split(r"[ /-]+", wire)
    is_known = wire.casefold() in _AGENCIES
    is_name = len(words) <= 3 and all(word[:1].isupper() for word in words)
    is_spelled_out = "".join(word[:1] for word in words).casefold() == place.replace(".", "").casefold()
    if is_known or (is_name and not is_spelled_out and (match["date"] is not None or place.isupper())):
        return wire
    return None
