"""Every text of the pages is there in Korean, with the same places for values; a reader chooses the language."""

from __future__ import annotations

import re
from datetime import date

import pytest
import texts
from babel.messages.pofile import read_po

from etl.office.rules import ROLE_NAMES, rules
from etl.pages import formats
from etl.pages.language import chosen, say_in
from etl.quality.report.words import EXPECTATIONS, OUTCOMES, STAGES, STATES
from etl.settings import PROJECT

_PLACE = re.compile(r"%\(\w+\)s|</?b>")
SAID = texts.messages()


def catalogue():
    with (PROJECT / "etl" / "pages" / "locale" / "ko.po").open("rb") as file:
        return {message.id: message for message in read_po(file, locale="ko") if message.id}


def places(text):
    return sorted(_PLACE.findall(text))


def test_every_text_has_a_korean_one():
    lacking = [f"{file}: {text}" for text, file in SAID.items() if text not in catalogue()]
    assert lacking == []


def test_a_korean_text_has_the_same_places_for_values_and_is_korean():
    for text, message in catalogue().items():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = places(text if isinstance(text, str) else text[1])
        for form in forms:
            assert places(form) == wanted, text
            assert re.search("[가-힣]", form), text


def test_the_catalogue_has_nothing_that_no_page_says():
    assert [text for text in catalogue() if text not in SAID] == []


def test_what_tables_name_is_in_the_catalogue():
    assert set(ROLE_NAMES) == set(rules().roles)
    say = say_in("ko")
    assert all(say(name) != name for name in (*ROLE_NAMES, *EXPECTATIONS.values(), *STATES, *STAGES, *OUTCOMES))


def test_a_text_that_the_catalogue_lacks_is_said_in_english():
    assert say_in("ko")("never said %(x)s", x=1) == "never said 1"
    assert say_in("ko").many("%(n)s thing", "%(n)s things", 2000) == "2,000 things"
    assert say_in("xx")("Tonight") == "Tonight"


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("ko", "en", "ko"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "de, en;q=0.3, ko;q=0.7", "ko"),
        (None, "de", "en"),
        (None, "ko;q=x, en", "en"),
        ("xx", None, "en"),
        (None, "", "en"),
    ],
)
def test_the_switch_comes_before_what_the_browser_accepts(cookie, accepted, language):
    assert chosen(cookie, accepted) == language


def test_days_and_durations_are_told_in_the_language():
    ko = say_in("ko")
    assert formats.day(date(2026, 11, 27), ko) == "2026-11-27 (금)"
    assert formats.duration(252, ko) == "4분 12초"
    assert formats.day(date(2026, 11, 27)) == "2026-11-27 (Fri)"
