"""The language of a text, and the languages of a corpus. Pure functions.

Scripts tell languages apart, and among those of the Latin script their commonest words do. What is not certain has no
language: too short a text, a table, a language that is not listed here. chardet's statistics of letters know more
languages, but call a hundredth of English and German articles something else,
and cost a process forty milliseconds before the first answer.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = [
    "FUNCTION_WORDS",
    "NAMES",
    "analysed_languages",
    "detect_language",
    "is_unsegmented",
    "joined_shares",
    "language_code",
    "language_shares",
    "name_of_language",
]

NAMES = {
    "ar": "Arabic", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "km": "Khmer",
    "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "my": "Burmese", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""The languages that are known here, by their ISO 639-1 codes."""

_SAME = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "cmn": "zh", "yue": "zh", "bs": "hr"}  # codes for one of these

FUNCTION_WORDS = {
    language: tuple(words.split())
    for language, words in {
        "ca": "els amb dels aquest aquesta una que per però també seva seu són és més ha han va això fins quan hi molt "
        "sobre des entre les i de la el en del al",
        "cs": "že který která které jsou bylo byl byla jako také podle jeho nebo při před však ale není aby už od po "
        "se na je do pro za by to bude mezi",
        "da": "og af ikke det der til som på med for den har var blev efter også fra kan mere skal være ved hvor når "
        "nogle meget sig han hun men at en et",
        "de": "der die das und ist nicht mit von den des dem ein eine einer auf für sich auch als bei nach wird werden "
        "wurde sind über aus hat im zum zur oder war aber durch noch dass wie nur",
        "en": "the and of to in is that was for with as on are by this from it at which an were be not have has his "
        "their but or they been would its had who will when there",
        "es": "el los las una del que por con para como más pero sus fue son este esta entre también está desde "
        "cuando muy sobre ser sin hasta y lo al se su no en de la un según después dijo había han ha años todo todos",
        "et": "ja on ei see et oli mis kui ka ning aga selle või kes oma pole olid nii siis pärast kuid üle välja ta "
        "oleks",
        "fi": "ja on ei se että oli joka kun myös mutta ovat hän tai sen kuin jo sekä jotka mukaan ole olla "
        "vuoden niin vain siitä",
        "fr": "le les des une est dans que qui pour sur par au du il plus avec ce pas sont cette aux ont été mais "
        "ses elle leur comme et de la en un à se son a ne",
        "hr": "je i u na se da su za od koji koja koje kao što ali nije bio bila biti prema nakon također samo još "
        "iz te kako može ili godine",
        "hu": "a az és hogy nem is egy volt meg csak már mint ez de ha még vagy után lesz között szerint ezt azt majd "
        "kell",
        "id": "yang dan di dari untuk dengan pada ini itu tidak dalam akan adalah oleh juga ke telah sebagai karena "
        "mereka bahwa dia lebih atau bisa",
        "it": "il di che è la della le per una del con non sono dei nel alla da più anche come gli al ha si delle "
        "ma lo dal sul questo suo stato nella e i",
        "lt": "ir yra kad su iš tai buvo kaip į bet jis ne už taip pat kurie apie dėl nuo jau dar tik po ar savo metų",
        "lv": "un ir ka ar no par uz kas bija arī bet tas tika kā pēc gadā lai nav jau viņš vai līdz pie savu",
        "nl": "de het een van en in is dat op te zijn met voor niet die aan er om ook als bij door naar wordt werd "
        "maar uit heeft nog worden over zich tot deze hij",
        "no": "og av ikke det som til på med for den har var ble etter også fra kan mer skal være ved hvor når "
        "noen mye seg han hun men at en et å jeg",
        "pl": "i w na z się nie do że jest to po jak od przez ale który która które oraz jego tym był była są dla "
        "przed także może tylko",
        "pt": "o os as uma do da dos das que não com para por mais como mas foi são ao no na em um também pela pelo "
        "seu sua entre está até quando e se",
        "ro": "și de la în a care cu pe nu este din pentru că au fost mai sunt o un să prin dar după iar ca al ale "
        "fi această cele sau",
        "sk": "že ktorý ktorá ktoré sú bolo bol bola ako aj podľa jeho alebo pri pred však ale nie aby už od po sa "
        "na je do pre za by to bude medzi",
        "sl": "je in na se da so za ki pa bil bila tudi ne kot po iz ali biti pri od še le bo ter samo lahko ima leta",
        "sv": "och av inte det som till på med för den har var blev efter också från kan mer ska vara vid när "
        "några mycket sig han hon men att en ett är om de jag",
        "tr": "ve bir bu da de için ile olarak çok daha gibi olan kadar ancak sonra en ise değil var ya ki her "
        "olduğu tarafından",
        "vi": "và của là có được trong cho không với các những một người này đã để khi từ đến như về ở tại ra cũng",
    }.items()
}
"""The commonest words of languages of the Latin script, by which they are known."""

_MOST_TEXT = 4000  # characters that are looked at
_LEAST_LETTERS = 20
_LEAST_SIGNS = 8  # of scripts in which a sign is a syllable or a word
_LEAST_WORDS = 4  # common ones
_LEAST_DIFFERENT = 3  # of these: "Los Angeles" is no Spanish, however often it stands there
_LEAST_SHARE = 0.06  # of the words; texts of languages with many endings have fewest
_LEAD = 1.5  # over the next language
_KANA = 0.05  # of the signs of a Japanese text, at least

_SCRIPTS = (
    (0x0041, 0x005A, "latin"),
    (0x0061, 0x007A, "latin"),
    (0x00C0, 0x00D6, "latin"),
    (0x00D8, 0x00F6, "latin"),
    (0x00F8, 0x02AF, "latin"),
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0531, 0x0587, "hy"),
    (0x05D0, 0x05EA, "he"),
    (0x0621, 0x064A, "arabic"),
    (0x066E, 0x06D3, "arabic"),
    (0x06EE, 0x06FF, "arabic"),
    (0x0750, 0x077F, "arabic"),
    (0x0904, 0x097F, "hi"),
    (0x0980, 0x09FF, "bn"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0E01, 0x0E3A, "th"),
    (0x0E40, 0x0E4E, "th"),
    (0x1000, 0x109F, "my"),
    (0x10D0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "hangul"),
    (0x1780, 0x17D3, "km"),
    (0x1E00, 0x1EFF, "latin"),
    (0x1F00, 0x1FFE, "greek"),
    (0x3041, 0x3096, "kana"),
    (0x30A1, 0x30FA, "kana"),
    (0x3400, 0x9FFF, "han"),
    (0xAC00, 0xD7A3, "hangul"),
    (0xF900, 0xFAFF, "han"),
    (0x20000, 0x3FFFD, "han"),
)  # ranges of letters, ascending; a script of one language is called by its code
_STARTS = [start for start, _, _ in _SCRIPTS]
_SIGNS = {"kana", "han", "hangul"}
_WORD = re.compile(r"[^\W\d_]+")
_LANGUAGE_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", re.ASCII)
_LANGUAGES_OF_WORD: dict[str, list[str]] = {}
for _language, _words in FUNCTION_WORDS.items():
    for _word in set(_words):
        _LANGUAGES_OF_WORD.setdefault(_word, []).append(_language)

_UNSEGMENTED = {"han", "kana", "km", "my", "th"}
"""Scripts that put no space between words."""

_MARKS_OF_KANA = "ー々〆〇ゝゞヽヾ"  # belong to a word, and are of either script

_INDEXED_SHARE = 0.1
"""Of a corpus's articles: so many must be of a language for the index to know its words' forms."""

_DEFAULT = "en"
_LEAST_KNOWN = 0.5  # of the articles: where fewer are of a certain language, that is not taken for the others'


def name_of_language(code: str) -> str:
    """Return what a language is called in English; its code where that is not known."""
    return NAMES.get(code, code)


def language_code(stated: object) -> str | None:
    """Return the code of the language that is ``stated`` ("de-AT", "nb", "eng" is none), or None if it is not known."""
    if not isinstance(stated, str):
        return None
    found = _LANGUAGE_CODE.fullmatch(stated.strip().lower())
    if found is None:
        return None
    code = _SAME.get(found[1], found[1])
    return code if code in NAMES else None


def is_unsegmented(character: str) -> bool:
    """Say whether a character is of a script that puts no space between words."""
    return _script_of(character) in _UNSEGMENTED or character in _MARKS_OF_KANA


def detect_language(text: str) -> str | None:
    """Return the code of the language of ``text``, or None where that is not certain."""
    text = text[:_MOST_TEXT].lower()
    if text.isascii():
        return _by_words(text)
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        counts[_script_of(character)] += count
    del counts[""]  # what is no letter
    signs = sum(counts[script] for script in _SIGNS)
    if signs >= _LEAST_SIGNS and signs * 2 >= sum(counts.values()) - signs:
        return _by_signs(counts)
    script = max(sorted(counts), key=lambda script: counts[script], default="latin")
    if script == "latin":
        return _by_words(unicodedata.normalize("NFC", text))
    if counts[script] < _LEAST_LETTERS or counts[script] * 3 < sum(counts.values()) * 2:
        return None
    if script == "cyrillic":
        return _cyrillic(text)
    if script == "arabic":
        return _arabic(text)
    return "el" if script == "greek" else script


def language_shares(texts: Iterable[tuple[object, str]]) -> dict[str, float]:
    """Return which share of texts is of which language, the largest first; texts of no certain one are left out.

    Args:
        texts: What each text's language is stated to be, None if it is not, and the text.

    Returns:
        Shares of all texts, in thousandths.
    """
    counts: Counter[str] = Counter()
    total = 0
    for stated, text in texts:
        total += 1
        language = language_code(stated) or detect_language(text)
        if language is not None:
            counts[language] += 1
    return {
        language: round(count / total, 3) for language, count in sorted(counts.items(), key=lambda one: (-one[1], one))
    }


def joined_shares(parts: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """Return the shares of what has several parts, the largest first: of each how many texts it has, and its shares."""
    counts: dict[str, float] = {}
    total = 0
    for texts, shares in parts:
        total += texts
        for language, share in shares.items():
            counts[language] = counts.get(language, 0.0) + share * texts
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return {language: round(count / total, 3) for language, count in ordered if count > 0}


def analysed_languages(shares: Mapping[str, float]) -> tuple[str, ...]:
    """Return the languages that an index of a corpus with these shares knows the forms of words of.

    They are those of a tenth of the corpus at least, sorted by their codes: the order says nothing. Where most texts
    are of no certain language, as headlines are, they may be English.
    """
    known = sum(shares.values())
    languages = {one for one in shares if shares[one] >= _INDEXED_SHARE * known}
    return tuple(sorted(languages | ({_DEFAULT} if known < _LEAST_KNOWN else set())))


def _script_of(character: str) -> str:
    """Return the script of a letter; an empty string for what is none, or of another script."""
    at = bisect_right(_STARTS, ord(character)) - 1
    return _SCRIPTS[at][2] if at >= 0 and ord(character) <= _SCRIPTS[at][1] else ""


def _by_words(text: str) -> str | None:
    """Return the language of the Latin script that has a text's commonest words."""
    counts = Counter(_WORD.findall(text))
    found: Counter[str] = Counter()
    different: Counter[str] = Counter()
    weights: dict[str, float] = {}
    for word, count in counts.items():
        languages = _LANGUAGES_OF_WORD.get(word, ())
        for language in languages:
            found[language] += count
            different[language] += 1
            weights[language] = weights.get(language, 0.0) + count / len(languages)
    if not weights:
        return None
    best, *others = sorted(weights, key=lambda language: (-weights[language], language))
    certain = (
        different[best] >= _LEAST_DIFFERENT
        and found[best] >= max(_LEAST_WORDS, _LEAST_SHARE * counts.total())
        and weights[best] >= _LEAD * (weights[others[0]] if others else 0)
    )
    return best if certain else None


def _by_signs(counts: Mapping[str, int]) -> str | None:
    kana, han, hangul = counts["kana"], counts["han"], counts["hangul"]
    if hangul > kana + han:
        return "ko"
    return "ja" if kana >= _KANA * (kana + han) and kana > 1 else "zh"


def _cyrillic(text: str) -> str:
    """Return the language of a Cyrillic text by the letters that only some alphabets have."""
    letters = Counter(text)
    if letters["ў"]:
        return "be"
    if letters["і"] + letters["ї"] + letters["є"] + letters["ґ"] > letters["ы"] + letters["э"]:
        return "uk"
    if letters["ј"] + letters["љ"] + letters["њ"]:
        return "sr" if letters["ћ"] + letters["ђ"] else "mk"
    return "ru" if letters["ы"] + letters["э"] + letters["ё"] or not letters["ъ"] else "bg"


def _arabic(text: str) -> str:
    """Return the language of a text in Arabic letters by those that Arabic does not have."""
    letters = Counter(text)
    if letters["ٹ"] + letters["ڈ"] + letters["ڑ"] + letters["ے"] > 2:
        return "ur"
    return "fa" if letters["پ"] + letters["چ"] + letters["ژ"] + letters["گ"] + letters["ی"] > 2 else "ar"
