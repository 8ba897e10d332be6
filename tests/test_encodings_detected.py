"""Texts of many languages in the encodings that they were kept in: read as they are, or refused."""

from __future__ import annotations

import hashlib
import random
import unicodedata

import pytest

from tests.test_readers_encoding import is_utf8, read, refused

TEXTS = {
    "en": "“This is the basis which led our members to make the decision,” Zas said. “That’s why we "
    "received the request, and it doesn’t matter how many troops a state has sent – it’s a gesture.”",
    "de": "Der Generalsekretär erläuterte am Freitag die Rechtsgrundlage für die Entsendung der "
    "Friedenstruppen. Die Soldaten schützen wichtige Gebäude; über die Größe der Truppe wird später "
    "entschieden.",
    "fr": "Le secrétaire général a expliqué vendredi le fondement juridique du déploiement des forces de "
    "paix. Nos États membres ont décidé d’aider le pays après la requête de son président.",
    "es": "El secretario general explicó el viernes el fundamento jurídico del despliegue. Los países "
    "miembros decidieron ayudar a la nación después de la petición del señor presidente, según dijo.",
    "pt": "O secretário-geral explicou na sexta-feira a base jurídica do envio das forças. Os países "
    "decidiram ajudar a nação após o pedido do presidente; a missão não será longa.",
    "it": "Il segretario generale ha spiegato venerdì perché la missione è legittima. La città è più "
    "sicura, però l'unità partirà già lunedì, così ha detto.",
    "sv": "Generalsekreteraren förklarade på fredagen den rättsliga grunden för insatsen. Soldaterna "
    "skyddar viktiga byggnader och hjälper till att hålla ordning, sade han när mötet var över.",
    "pl": "Sekretarz generalny wyjaśnił w piątek podstawę prawną rozmieszczenia sił pokojowych. Żołnierze "
    "chronią ważne obiekty państwowe i pomagają utrzymać porządek, powiedział później.",
    "cs": "Generální tajemník v pátek vysvětlil právní základ nasazení mírových sil. Vojáci střeží "
    "důležité budovy a pomáhají udržovat pořádek, řekl později v rozhovoru.",
    "hu": "A főtitkár pénteken ismertette a békefenntartó erők bevetésének jogi alapját. A katonák fontos "
    "épületeket őriznek, és segítenek fenntartani a rendet – közölte később.",
    "tr": "Genel sekreter cuma günü barış gücünün konuşlandırılmasının hukuki dayanağını açıkladı. "
    "Askerler önemli binaları koruyor ve düzenin sağlanmasına yardım ediyor.",
    "el": "Ο γενικός γραμματέας εξήγησε την Παρασκευή τη νομική βάση της ανάπτυξης των ειρηνευτικών "
    "δυνάμεων. Οι στρατιώτες προστατεύουν σημαντικά κτίρια.",
    "ru": "Генеральный секретарь объяснил в пятницу правовые основания размещения миротворческих сил. "
    "Войска охраняют важные государственные объекты и помогают поддерживать порядок.",
    "uk": "Генеральний секретар пояснив у п'ятницю правові підстави розміщення миротворчих сил. Війська "
    "охороняють важливі державні об'єкти й допомагають підтримувати порядок.",
    "ar": "أوضح الأمين العام يوم الجمعة الأساس القانوني لنشر قوات حفظ السلام. وقال إن القرار اتخذ بناء على "
    "المادة الرابعة من معاهدة الأمن الجماعي وطلب رئيس الجمهورية.",
    "he": "המזכיר הכללי הסביר ביום שישי את הבסיס החוקי לפריסת כוחות שמירת השלום. החיילים מגנים על מבנים "
    "חשובים ועוזרים לשמור על הסדר.",
    "zh": "秘书长周五说明了部署维持和平部队的法律依据。他说，这一决定是根据集体安全条约第四条和总统的请求作"
    "出的。部队将保护重要的国家设施，协助维持秩序。",
    "zh-tw": "秘書長週五說明了部署維持和平部隊的法律依據。他說，這一決定是根據集體安全條約第四條和總統的請求作"
    "出的。部隊將保護重要的國家設施，協助維持秩序。",
    "ja": "政府は七日、平和維持部隊の派遣について説明した。派遣の法的根拠は集団安全保障条約の第四条であり、"
    "大統領の要請を受けて決定されたという。",
    "ko": "사무총장은 금요일 평화유지군 파병의 법적 근거를 설명했다. 그는 이 결정이 집단안전보장조약 "
    "제4조와 대통령의 요청에 따라 내려졌다고 말했다.",
    "th": "เลขาธิการอธิบายเมื่อวันศุกร์ถึงพื้นฐานทางกฎหมายของการส่งกองกำลังรักษาสันติภาพ ทหารปกป้องอาคารสำคัญและช่วยรักษาความสงบเรียบร้อย",
}
LATIN_2 = ["cp1250", "iso8859-2"]
LATIN_1 = ["cp1252", "iso8859-1", "iso8859-15"]
KEPT_IN = {
    "en": ["cp1252"],
    **dict.fromkeys(["de", "es", "pt", "it", "sv"], LATIN_1),
    "fr": ["cp1252", "iso8859-15"],
    **dict.fromkeys(["pl", "cs", "hu"], LATIN_2),
    "tr": ["cp1254", "iso8859-9"],
    "el": ["cp1253", "iso8859-7"],
    "ru": ["cp1251", "koi8-r", "iso8859-5"],
    "uk": ["cp1251", "koi8-u"],
    "ar": ["cp1256", "iso8859-6"],
    "he": ["cp1255", "iso8859-8"],
    "zh": ["gb18030", "gbk", "gb2312"],
    "zh-tw": ["big5", "cp950"],
    "ja": ["shift_jis", "cp932", "euc-jp"],
    "ko": ["euc-kr", "cp949", "johab"],
    "th": ["cp874", "tis-620"],
}
PAIRS = [(language, encoding) for language, encodings in KEPT_IN.items() for encoding in encodings]
UTF_16 = [(language, encoding) for language in TEXTS for encoding in ("utf-16-le", "utf-16-be")]
NOT_READ = [
    *(("de", encoding) for encoding in ("cp850", "cp437", "mac-roman")),
    *(("ru", encoding) for encoding in ("cp866", "mac-cyrillic")),
]


def kept(text: str, encoding: str) -> tuple[bytes, str]:
    """The text in an encoding, and what of it that has: dashes and quotation marks are not everywhere."""
    raw = text.encode(encoding, "ignore")
    return raw, raw.decode(encoding)


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize(("language", "encoding"), PAIRS)
def test_a_text_is_read_in_the_encoding_that_it_was_kept_in(language: str, encoding: str, times: int) -> None:
    raw, text = kept("\n\n".join([TEXTS[language]] * times), encoding)

    decoded, log = read(raw)

    assert decoded == text
    assert [note.startswith("old.txt: read as ") for note in log.notes] == [True]
    assert log.problems == []


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(("language", "encoding"), UTF_16)
def test_utf_16_without_its_mark_is_read(language: str, encoding: str, end: str) -> None:
    text = unicodedata.normalize("NFC", TEXTS[language] + end)

    decoded, log = read(text.encode(encoding))

    assert decoded == text
    assert log.notes == [f"old.txt: read as {encoding}"]


@pytest.mark.parametrize(("language", "encoding"), NOT_READ)
def test_an_encoding_of_old_machines_is_refused_and_not_read_as_another(language: str, encoding: str) -> None:
    for times in (1, 20):
        assert refused(kept(TEXTS[language] * times, encoding)[0])


def test_chinese_between_marks_in_ascii_is_refused_with_its_encoding() -> None:
    text, log = read(TEXTS["zh"].encode("hz"))

    assert text is None
    assert [problem.reason for problem in log.problems] == ["is not UTF-8 but HZ-GB-2312: convert it to UTF-8"]
    assert read(b"~{ is a tilde and a brace ~}")[0] is not None


@pytest.mark.parametrize(("language", "encoding"), [*PAIRS, *UTF_16])
def test_no_part_of_a_text_is_read_as_another_text_than_it_is(language: str, encoding: str) -> None:
    chance = random.Random(f"{language} {encoding}")
    long = TEXTS[language] * 4
    right = 0
    for _ in range(20):
        start = chance.randrange(len(TEXTS[language]))
        raw, text = kept(long[start : start + chance.randrange(5, 2 * len(TEXTS[language]))], encoding)
        if encoding not in {"utf-16-le", "utf-16-be"} and is_utf8(raw):
            continue
        decoded, _ = read(raw)
        assert decoded in {text, None}
        right += decoded == text
    assert right >= 3  # most parts are long enough


@pytest.mark.parametrize(("language", "encoding"), [*PAIRS, *UTF_16])
def test_a_text_that_is_cut_within_a_character_is_refused_or_read_up_to_there(language: str, encoding: str) -> None:
    raw, text = kept(TEXTS[language], encoding)
    for end in (len(raw) - 1, len(raw) - 2, len(raw) - 3):
        decoded, _ = read(raw[:end])
        assert decoded is None or text.startswith(decoded)


def test_noise_is_never_utf_16() -> None:
    noises = [hashlib.shake_256(f"{size} {n}".encode()).digest(size) for size in (8, 20, 60, 200) for n in range(100)]

    assert [noise for noise in noises if not is_utf8(noise) and not refused(noise)] == []


def test_control_characters_are_refused() -> None:
    text, log = read("сударство".encode("utf-16-be"))  # which is ASCII, to look at the bytes

    assert text is None
    assert [problem.reason for problem in log.problems] == [
        "contains control characters: is this a binary file, or UTF-16 without its mark?"
    ]
    assert read(b"A page\x0c and a bell\x07 in a text of some length.\n")[0] is not None
