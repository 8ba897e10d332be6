"""Days out of what people and pages write, in many languages: the one that is meant, or none."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.readers._dates import find_date, is_future, parse_date
from semsearch.readers._months import MONTHS

DAY = dt.date(2024, 5, 17)


@pytest.mark.parametrize(
    "text",
    [
        "17. Mai 2024",
        "17 mai 2024 à 10h30",
        "vendredi 17 mai 2024",
        "17 de mayo de 2024",
        "17 maggio 2024",
        "publicado em 17 de maio de 2024",
        "17 mei 2024",
        "den 17 maj 2024",
        "17. toukokuuta 2024",
        "17 maja 2024, 12:00",
        "17. května 2024",
        "17 мая 2024 г.",
        "17-мая-2024",
        "17 травня 2024",
        "17 Μαΐου 2024",
        "17 Mayıs 2024",
        "Mayıs 17, 2024",
        "2024. május 17.",
        "2024 m. gegužės 17 d.",
        "17 مايو 2024",
        "١٧ مايو ٢٠٢٤",
        "17 أيار 2024",
        "17 במאי 2024",
        "17 मई 2024",
        "17 tháng 5, 2024",
        "2024年5月17日 10:30",
        "2024년 5월 17일",
        "20240517T101112Z",
        "1715940000",
        "1715940000000",
        "Fri, 17 May 2024 23:30:00 -0800",
    ],
)
def test_a_day_is_read_in_the_language_that_it_is_written_in(text: str) -> None:
    assert parse_date(text) == DAY


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1er août 2024", dt.date(2024, 8, 1)),
        ("3. März 2024", dt.date(2024, 3, 3)),
        ("5 تشرين الثاني 2024", dt.date(2024, 11, 5)),
        ("2 d’abril de 2024", dt.date(2024, 4, 2)),
        ("30 февраля 2024", None),
        ("2024年13月1日", None),
        ("5 listopada 2024", None),  # October in Croatian, November in Polish
        ("1 mai 2024 – 3 mai 2024", None),
        ("17 Foo 2024", None),
        ("600000000", None),  # in 1989: no time that a page gives in seconds
    ],
)
def test_a_day_that_does_not_exist_or_is_not_certain_is_none(text: str, day: dt.date | None) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize(
    ("day_first", "day"), [(True, dt.date(2024, 4, 3)), (False, dt.date(2024, 3, 4)), (None, None)]
)
def test_numbers_alone_are_read_as_who_knows_says(day_first: bool | None, day: dt.date | None) -> None:
    assert parse_date("03/04/2024 10:30", day_first=day_first) == day
    assert parse_date("17/05/2024", day_first=day_first) == DAY  # there is no 17th month


@pytest.mark.parametrize(
    "line",
    [
        "By Jane Doe, Avel, 17 May 2024, 11:19",
        "Associated Press May 17th, 2024, 9:02 AM",
        "Von Moritz Muster publiziert am 17. Mai 2024",
        "기사입력 :[ 2024-05-17 15:24 ]",
        "Posted 17.05.2024 | Last changed 17.05.2024",
        "発行：2024年5月17日",
    ],
)
def test_a_day_is_found_among_other_words(line: str) -> None:
    assert find_date(line) == DAY


@pytest.mark.parametrize(
    "line", ["from 17 May 2024 to 18 May 2024", "in May 2024", "", "17 May 2024 " * 20, "9999999999"]
)
def test_no_day_is_guessed_from_a_line(line: str) -> None:
    assert find_date(line) is None


def test_every_month_of_every_language_is_read() -> None:
    for name, month in MONTHS.items():
        assert parse_date(f"17 {name} 2024") == dt.date(2024, month, 17), name


@settings(database=None, max_examples=300)
@given(st.text(max_size=40) | st.from_regex(r"[\d./ -]{4,14}(mai|мая|年|월)?[\d ]{0,6}", fullmatch=True))
def test_no_text_trips_the_search_for_a_date(text: str) -> None:
    for day in (find_date(text), find_date(text, day_first=True), parse_date(text, day_first=False)):
        assert day is None or type(day) is dt.date


def test_tomorrow_has_begun_somewhere_and_the_day_after_it_nowhere() -> None:
    today = dt.datetime.now(dt.timezone.utc).date()

    assert [is_future(today + dt.timedelta(days=days)) for days in (-1, 0, 2)] == [False, False, True]
