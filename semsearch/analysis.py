"""Texts to the terms that they are found by: the words of each language in the form that all their forms share.

A word's script says how it is read. Where a language puts no space between words (Chinese, Japanese, Thai and others)
the terms are every two signs that follow each other, and each Han sign: no dictionary decides what can be found.
Elsewhere they are stems, by the language that an index has in that script. Where it has several (English and German), a
word is stemmed by one after the other, so that a text's words and a query's meet whatever language either is of, and
neither has to say so. On xquad-en and xquad-de that ranks as well as each language's own stems (within 0.002 nDCG@10);
a stem of each language for every word, as several terms, does not (0.007 to 0.009 less).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import NamedTuple

import tantivy

from semsearch.languages import FUNCTION_WORDS, NAMES

__all__ = ["ENGLISH", "Analyzer"]

ENGLISH = ("en",)
"""What an index knows where nothing else is said."""

_LONGEST_TERM = 60  # characters
_WORDS_KEPT = 1 << 15  # whose terms are remembered: most of a text is common words


class _Way(NamedTuple):
    """How a language's words become terms.

    Attributes:
        stemmer: The engine's name of the stemmer and of the stop words; None for a language that has neither.
        stops: Other stop words than those of the engine.
        prepare: Is given the text in lower case before it is split into words.
        finish: Is given each stem.
    """

    stemmer: str | None = None
    stops: tuple[str, ...] | None = None
    prepare: Callable[[str], str] | None = None
    finish: Callable[[str], str] | None = None


# --- what languages ask for -------------------------------------------------------------------------------------

_GERMAN_DIGRAPH = re.compile(r"ae|oe|(?<![aeiouyäöüq])ue")
_DIACRITICS = re.compile("[\u0300-\u036f]")
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")  # vowels and the like, and what stretches a word
_ARABIC_LETTERS = str.maketrans("أإآٱىیکة٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "ااااييكه01234567890123456789")
_ARABIC_PREFIXES = ("بال", "كال", "فال", "ال", "لل")
_ARABIC_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي")
_ARABIC_STOPS = (
    "في من على إلى الى عن مع هذا هذه ذلك تلك التي الذي الذين ما لا لم لن أن ان إن أو او ثم قد كان كانت يكون هو هي هم "
    "كما بعد قبل بين كل غير حيث عند منذ حتى اذا إذا و ف ب ل ولا وقد وفي ومن أي اي به بها له لها فيه فيها عليه منه"
)


def _german(text: str) -> str:
    """Write umlauts that were typed as two letters as one, without dots: "Muenchen", "München" (as Lucene has it)."""
    return _GERMAN_DIGRAPH.sub(lambda found: found[0][0], text)


def _russian(text: str) -> str:
    return text.replace("ё", "е")


def _without_marks(text: str) -> str:
    """Take accents off: Greek has them on most words."""
    return _DIACRITICS.sub("", unicodedata.normalize("NFD", text)).replace("ς", "σ")


def _arabic(text: str) -> str:
    """Write Arabic letters in one way of several that are all in use."""
    return _ARABIC_MARKS.sub("", text).translate(_ARABIC_LETTERS)


def _arabic_stem(word: str) -> str:
    """Take article, conjunction and endings off an Arabic word: light10 of Larkey, Ballesteros and Connell (2002)."""
    if word.startswith("و") and len(word) > 3:
        word = word[1:]
    prefix = next((one for one in _ARABIC_PREFIXES if word.startswith(one) and len(word) - len(one) > 1), "")
    word = word[len(prefix) :]
    for suffix in _ARABIC_SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) > 1:
            word = word[: -len(suffix)]
    return word


_WAYS = {
    "ar": _Way(stops=tuple(_arabic(_ARABIC_STOPS).split()), prepare=_arabic, finish=_arabic_stem),
    "da": _Way("danish"),
    "de": _Way("german", prepare=_german),
    "el": _Way("greek", stops=(), prepare=_without_marks),
    "en": _Way("english"),
    "es": _Way("spanish"),
    "fi": _Way("finnish"),
    "fr": _Way("french"),
    "hu": _Way("hungarian"),
    "it": _Way("italian"),
    "nl": _Way("dutch"),
    "no": _Way("norwegian"),
    "pt": _Way("portuguese"),
    "ro": _Way("romanian", stops=FUNCTION_WORDS["ro"]),
    "ru": _Way("russian", prepare=_russian),
    "sv": _Way("swedish"),
    "tr": _Way("turkish", stops=FUNCTION_WORDS["tr"]),
    "fa": _Way(stops=(), prepare=_arabic),
    "ur": _Way(stops=(), prepare=_arabic),
}
_PLAIN = _Way(stops=())

# --- scripts ----------------------------------------------------------------------------------------------------

_CYRILLIC = "\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f"
_ARABIC = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff"
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"
_INDIC = "\u0900-\u0963\u0966-\u0dff"
_SIGNS = (  # of scripts without spaces, and of Korean, whose words end in others
    "\u0e00-\u0e4e\u0e80-\u0ece\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u3005-\u3007\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3\u1100-\u11ff"
    "\U00020000-\U0003fffd"
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"


def _words_in(letters: str) -> str:
    """Return the pattern of words of these letters that follow each other, numbers between them included."""
    return rf"(?<!\w)[{letters}]+(?:\W+(?:[{letters}]+|\d+))*(?!\w)"


_OTHER_SCRIPT = f"[{_CYRILLIC}{_ARABIC}{_GREEK}{_INDIC}{_SIGNS}]"
_RUN = (
    f"(?P<signs>[{_SIGNS}]+)|(?P<indic>[{_INDIC}]+)|(?P<cyrillic>{_words_in(_CYRILLIC)})"
    f"|(?P<arabic>{_words_in(_ARABIC)})|(?P<greek>{_words_in(_GREEK)})"
)
_SCRIPT_OF = {"ar": "arabic", "fa": "arabic", "ur": "arabic", "el": "greek"}
_SCRIPT_OF |= dict.fromkeys(("be", "bg", "mk", "ru", "sr", "uk"), "cyrillic")
_SCRIPT_OF |= dict.fromkeys(("bn", "hi", "ta", "te"), "indic")
_SCRIPT_OF |= dict.fromkeys(("ja", "km", "ko", "my", "th", "zh"), "signs")
_ASSUMED = {"latin": "en", "cyrillic": "ru", "arabic": "ar", "greek": "el"}
"""Whose stems the words of a script have in an index that has no language of it: its stop words are terms."""

_WIDE = re.compile("[\u3300-\u33ff\uf900-\ufaff\ufb00-\ufdff\ufe70-\ufefc\uff01-\uffdc\u2e80-\u2fd5]+")
_INVISIBLE = re.compile(f"[\u00ad\u200d\u2060\ufeff]|(?<=[{_CYRILLIC}])[\u0300\u0301]")
"""What stands in a word and is no letter: where it may be parted, and in Cyrillic where its stress is."""


@cache
def _pattern(of: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: these take milliseconds, which an English query need not wait for."""
    return re.compile(of)


class Analyzer:
    """What makes terms of texts and queries, for an index that knows these languages.

    Attributes:
        languages: Their codes, ascending.
    """

    def __init__(self, languages: Sequence[str] = ENGLISH) -> None:
        """Take the languages.

        Raises:
            ValueError: If there is none, or one is not known.
        """
        if not languages or not set(languages) <= NAMES.keys():
            raise ValueError(f"there is no analysis for the languages {', '.join(languages) or 'none'}")
        self.languages = tuple(sorted(set(languages)))
        self._chains: dict[str, _Chain] = {}
        self._words: dict[tuple[str, str], list[str]] = {}

    def terms(self, text: str) -> list[str]:
        """Return the terms of ``text``: without stop words, the words' in their order."""
        if text.isascii():
            return self._of_script("latin", text)
        text = _normalised(text)
        if not _pattern(_OTHER_SCRIPT).search(text):
            return self._of_script("latin", text)
        found = []
        at = 0
        for run in _pattern(_RUN).finditer(text):
            found += self._of_script("latin", text[at : run.start()])
            script = str(run.lastgroup)
            if script == "signs":
                found += _signs_together(run.group())
            else:
                found += [run.group()[:_LONGEST_TERM]] if script == "indic" else self._of_script(script, run.group())
            at = run.end()
        return found + self._of_script("latin", text[at:])

    def words(self, text: str) -> list[str]:
        """Return the words of ``text`` as they stand, but for case, accents and other ways to write a letter.

        Of scripts that put no space between words each sign is one.
        """
        if not text.isascii():
            text = _normalised(text)
            if _pattern(_OTHER_SCRIPT).search(text):
                text = _pattern(f"[{_SIGNS}]").sub(r" \g<0> ", _arabic(text))
                text = _pattern(_RUN).sub(_as_it_stands, text)
        return list(self._exact.analyze(text))

    def _of_script(self, script: str, text: str) -> list[str]:
        languages = self._languages_of(script)
        if len(languages) > 1:
            return [term for word in self._splitter.analyze(text) for term in self._terms_of_word(script, word)]
        if script not in self._chains:
            (language,) = languages or (_ASSUMED[script],)
            self._chains[script] = _Chain(language, stops=bool(languages))
        return self._chains[script].terms(text)

    def _languages_of(self, script: str) -> list[str]:
        return [language for language in self.languages if _SCRIPT_OF.get(language, "latin") == script]

    def _terms_of_word(self, script: str, word: str) -> list[str]:
        """Return the term of a word that may be of several languages; none if all of them pass over it.

        What only some of them pass over may be a word of note in another: "war", "die".
        """
        known = self._words.get((script, word))
        if known is not None:
            return known
        languages = self._languages_of(script)
        terms: list[str] = []
        if any(self._chain(language, stops=True).terms(word) for language in languages):
            terms = self._exact.analyze(word)  # without accents from the beginning: not each stemmer knows them
            for language in languages:
                terms = [stem for term in terms for stem in self._chain(language, stops=False).terms(term)]
        if len(self._words) >= _WORDS_KEPT:
            self._words.clear()
        self._words[script, word] = terms
        return terms

    def _chain(self, language: str, *, stops: bool) -> _Chain:
        """Return the chain of one of several languages of a script."""
        name = f"{language} {stops}"
        if name not in self._chains:
            self._chains[name] = _Chain(language, stops=stops)
        return self._chains[name]

    @cached_property
    def _splitter(self) -> tantivy.TextAnalyzer:
        return _engine_analyzer([tantivy.Filter.remove_long(_LONGEST_TERM), tantivy.Filter.lowercase()])

    @cached_property
    def _exact(self) -> tantivy.TextAnalyzer:
        return _engine_analyzer([tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold()])


class _Chain:
    """One language's way from a text to terms: to words in lower case, without stop words, to stems, without accents.

    In English, which has accents only where a word is foreign, stop words and stems come after these are off.
    """

    def __init__(self, language: str, *, stops: bool) -> None:
        self._way = _WAYS.get(language, _PLAIN)
        accents = [tantivy.Filter.ascii_fold()] if language != "vi" else []  # where they are of the essence
        words = [tantivy.Filter.remove_long(_LONGEST_TERM), tantivy.Filter.lowercase()]
        stems = []
        if stops and self._way.stops is None and self._way.stemmer is not None:
            stems.append(tantivy.Filter.stopword(self._way.stemmer))
        elif stops and self._way.stops:
            stems.append(tantivy.Filter.custom_stopword(list(self._way.stops)))
        if self._way.stemmer is not None:
            stems.append(tantivy.Filter.stemmer(self._way.stemmer))
        self._analyzer = _engine_analyzer(
            [*words, *accents, *stems] if language == "en" else [*words, *stems, *accents]
        )

    def terms(self, text: str) -> list[str]:
        if self._way.prepare is not None:
            text = self._way.prepare(text.lower())
        terms = self._analyzer.analyze(text)
        return list(terms) if self._way.finish is None else [self._way.finish(term) for term in terms]


def _engine_analyzer(filters: Sequence[tantivy.Filter]) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for one in filters:
        builder = builder.filter(one)
    return builder.build()


def _normalised(text: str) -> str:
    """Return a text with each letter in one of the forms that it can have: composed, of common width."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("İ", "I")
    return _WIDE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _signs_together(run: str) -> list[str]:
    """Return every two signs of a run that follow each other, and the Han signs, which may be words by themselves."""
    if len(run) == 1:
        return [run]
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return pairs + _pattern(f"[{_HAN}]").findall(run)


def _as_it_stands(run: re.Match[str]) -> str:
    if run.lastgroup == "cyrillic":
        return _russian(run[0].lower())
    return _without_marks(run[0].lower()) if run.lastgroup == "greek" else run[0]
