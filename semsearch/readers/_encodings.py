"""Which encoding bytes are in that are no UTF-8, where that is beyond doubt: what comes out must be a language's text.

chardet proposes encodings; none is believed that leaves letters where no language has them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from semsearch.languages import detect_language

__all__ = ["detect_encoding", "detect_utf16"]

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_MINIMUM_CONFIDENCE = 0.15
"""Below it the detector is guessing: damaged UTF-8, noise and a lone accent stay under it, see the tests."""

_PROPOSALS = 5  # that are looked at
_EXAMINED = 1 << 17  # characters, and twice as many bytes: more of them say nothing new
_FOREIGN = 0.2  # of a text's accented letters: names of other languages have no more
_MIXED = 0.1  # of the words beyond ASCII: so many may have letters of two scripts, as "COVIDом" has
_LATIN, _OTHERS = "A-Za-zÀ-ÖØ-öø-ɏ", "Ͱ-ΏΑ-ϿЀ-ԯא-תء-يก-๎"
_TWO_SCRIPTS = re.compile(f"[{_LATIN}][{_OTHERS}]|[{_OTHERS}][{_LATIN}]")
_RARE = re.compile("[Ā-ɏ]")  # beyond ISO 8859-1
_ALPHABETS = {
    language: frozenset(letters)
    for language, letters in {
        "ca": "àçéèíïóòúü·",
        "cs": "áčďéěíňóřšťúůýž",
        "da": "æøåéóá",
        "de": "äöüßé",
        "es": "áéíñóúüªº",
        "et": "äöõüšž",
        "fi": "äöåšž",
        "fr": "àâæçéèêëîïôœùûüÿ",
        "hr": "čćđšž",
        "hu": "áéíóöőúüű",
        "it": "àèéìíîòóùú",
        "lt": "ąčęėįšųūž",
        "lv": "āčēģīķļņšūž",
        "nl": "éëïóöüèêá",
        "no": "æøåéóòô",
        "pl": "ąćęłńóśźż",
        "pt": "áâãàçéêíóôõúüªº",
        "ro": "ăâîșțşţ",
        "sk": "áäčďéíĺľňóôŕšťúýž",
        "sl": "čšž",
        "sv": "åäöéà",
        "tr": "çğıöşüâîû\u0307",
    }.items()
}
"""The letters beyond ASCII of languages: Windows-1250 and ISO 8859-2, and others, are told apart by them."""

_COMMON_SIGNS = frozenset(
    "的一是在不了有和人这這中大为為上个個国國我以要他时時来來用们們生到作地于於出就分对對成会會可主发發年动動同工也能下过過子说說"
    "이다는을의에고가를은로도지한하사기서인그어자리나시일"
)
_COMMON_SHARE = 0.08  # of a text's signs, kana among them; of noise they are a hundredth
_LEAST_COMMON = 3  # different ones
_NOT_LATIN = re.compile("[^\t\n\r -~\xa0-ɏ\u2010-\u203a\u20ac]")
_LEAST_LATIN = 20  # characters; as many bytes as are noise are such seldom beyond any chance
_SIGNS_SHARE = 0.7  # of the letters: there may be names in Latin script among them


def detect_encoding(raw: bytes) -> tuple[str, str] | None:
    """Return the text and its encoding if the detector is sure of a language in it and the text is clean."""
    sequences = sum(len(match) for match in _UTF8_SEQUENCE.findall(raw))
    if sequences * 2 >= sum(byte >= 0x80 for byte in raw):
        return None  # UTF-8 with damage in it, not another encoding
    best: tuple[int, str, str] | None = None
    for number, encoding in enumerate(_proposed(raw)):
        try:
            text = raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        start = text[:_EXAMINED]
        language = detect_language(start)
        # Of a second choice more is asked: that it is in a language that is known.
        if _CONTROLS.search(text) or not _is_clean(start, language) or (number > 0 and language is None):
            continue
        foreign = _foreign_letters(language, start)
        if best is None or foreign < best[0]:
            best = foreign, text, encoding
        if foreign == 0:
            break
    if best is not None:
        return best[1:]
    encoding16 = detect_utf16(raw)
    return None if encoding16 is None else (raw.decode(encoding16), encoding16)


def detect_utf16(raw: bytes) -> str | None:
    """Return which UTF-16 without a mark ``raw`` is, ``utf-16-le`` or ``utf-16-be``; None if that is not certain.

    Where it has NUL bytes, those of ASCII characters, it is in no other encoding. Where it has none it is Chinese or
    Japanese, or not told from others with certainty.
    """
    found = [encoding for encoding in ("utf-16-le", "utf-16-be") if _is_text_in(encoding, raw)]
    return found[0] if len(found) == 1 else None


def _is_text_in(encoding: str, raw: bytes) -> bool:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    if _CONTROLS.search(text):
        return False
    start = text[:_EXAMINED]
    if any(unicodedata.category(character) in {"Cn", "Co"} for character in start):
        return False
    if len(start) >= _LEAST_LATIN and not _NOT_LATIN.search(start):
        return True
    language = detect_language(start)
    if language in {"ja", "ko", "zh"}:
        return _is_of_signs(start) and (b"\x00" in raw or language != "ko")
    return b"\x00" in raw and language is not None


def _is_of_signs(text: str) -> bool:
    """Whether a text is Chinese, Japanese or Korean beyond doubt: any two bytes are a sign, but seldom a common one."""
    letters = [character for character in text if character.isalpha()]
    signs = [letter for letter in letters if "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3"]
    common = [sign for sign in signs if sign in _COMMON_SIGNS or sign <= "\u30ff"]
    return (
        len(signs) >= _SIGNS_SHARE * len(letters)
        and len(common) >= _COMMON_SHARE * len(signs)
        and len(set(common)) >= _LEAST_COMMON
    )


def _proposed(raw: bytes) -> Iterator[str]:
    """Yield encodings that the detector thinks the bytes may be in, the likeliest first."""
    import chardet

    refused: list[str] = []
    for _ in range(_PROPOSALS):
        guess = chardet.detect(
            raw,
            encoding_era=chardet.EncodingEra.MODERN_WEB | chardet.EncodingEra.LEGACY_ISO,
            max_bytes=2 * _EXAMINED,
            exclude_encodings=refused or None,
        )
        encoding, confidence = guess["encoding"], guess["confidence"] or 0.0
        if encoding is None or confidence < _MINIMUM_CONFIDENCE or encoding in refused:
            return
        if not encoding.lower().startswith("utf"):
            yield encoding
        refused.append(encoding)


def _is_clean(text: str, language: str | None) -> bool:
    """Whether a text in this language, or one that is not known, has nothing in it that no text has."""
    if not _is_certain(text) or _mixes_scripts(text):
        return False
    letters = _letters_beyond_ascii(text)
    if language is None:  # then letters that few languages have must be those of one of these
        return not _RARE.search(text) or any(set(letters) <= alphabet for alphabet in _ALPHABETS.values())
    return _foreign_letters(language, text) <= _FOREIGN * len(letters)


def _is_certain(text: str) -> bool:
    """Whether there is more beyond ASCII than three damaged bytes leave, all of it where a language has it.

    The detector's confidence does not say: in an English article with one stray byte it is that of the English.
    """
    count = 0
    for match in _BEYOND_ASCII.finditer(text):
        character = match.group()
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        kind = unicodedata.category(character)[0]
        if character.isupper() and before.isalpha() and (before.islower() or after.islower()):
            return False  # a capital within a word: "cafÃ©"
        if kind not in "LMPZ" and before.isalpha():
            return False  # a symbol on a word: "itâ€™s"
        if kind == "P" and character not in "’‐‑–—·" and before.islower() and after.islower():
            return False  # a mark within a word: "M‡ximo"
        count += kind in "LMP"
    words = sum(not word.isascii() for word in text.split())
    return words >= 4 or count >= 20


def _mixes_scripts(text: str) -> bool:
    """Whether words have letters of two scripts: accents of one encoding are letters of the other in "venerdм"."""
    words = sum(not word.isascii() for word in text.split())
    return len(_TWO_SCRIPTS.findall(text)) > _MIXED * words


def _foreign_letters(language: str | None, text: str) -> int:
    """Return how many letters beyond ASCII the language does not have; 0 where its letters are not known."""
    alphabet = _ALPHABETS.get(language or "")
    return 0 if alphabet is None else sum(letter not in alphabet for letter in _letters_beyond_ascii(text))


def _letters_beyond_ascii(text: str) -> list[str]:
    return [letter for letter in _BEYOND_ASCII.findall(text.lower()) if letter.isalpha()]
