"""In which language a page speaks: gettext catalogues (`locale/<language>.po`), read as they are, none compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

#: Languages of the pages by their code, each in its own words; the texts in the program are English.
LANGUAGES = {"en": "English", "ko": "한국어"}


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text of the program in one language; what the catalogue lacks is said in English."""

    language: str = "en"
    texts: Mapping[str, str] = field(default_factory=dict)
    plurals: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, text: str, **values: Any) -> str:
        """A text, with values in the place of its `%(name)s`."""
        said = self.texts.get(text) or text
        return said % values if values else said

    def many(self, one: str, other: str, number: int, **values: Any) -> str:
        """A text about a number of things; `%(n)s` is the number with its separators."""
        return self.counted(one, other, number) % {"n": f"{number:,}", **values}

    def counted(self, one: str, other: str, number: int) -> str:
        """The form of a text for a number, its values still to be filled in."""
        forms = self.plurals.get(one)
        if not forms:
            return one if number == 1 else other
        return forms[0 if len(forms) == 1 or number == 1 else 1]


ENGLISH = Say()


def noted(text: str) -> str:
    """The text itself: marks one that stands in a table of the program and is said elsewhere."""
    return text


@cache
def say_in(language: str) -> Say:
    """The voice of a language; English for one that has no catalogue."""
    if language == "en" or language not in LANGUAGES:
        return ENGLISH
    from babel.messages.pofile import read_po  # noqa: PLC0415 - who writes English pages does not wait for it

    with files("etl.pages").joinpath("locale", f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    texts, plurals = {}, {}
    for message in catalogue:
        if isinstance(message.id, str):
            texts[message.id] = str(message.string)
        else:
            plurals[message.id[0]] = tuple(str(form) for form in message.string or ())
    return Say(language, texts, plurals)


def chosen(cookie: str | None, accepted: str | None) -> str:
    """The language of a reader: what a switch has set, else the first that the browser accepts and we have."""
    if cookie in LANGUAGES:
        return cookie
    wanted = [_weighed(part) for part in (accepted or "").split(",")]
    for _, language in sorted(wanted, key=lambda each: -each[0]):
        if language in LANGUAGES:
            return language
    return "en"


def _weighed(part: str) -> tuple[float, str]:
    """`ko-KR;q=0.8` as its weight and language."""
    name, _, weight = part.strip().partition(";q=")
    try:
        return float(weight or 1), name.partition("-")[0].lower()
    except ValueError:
        return 0.0, ""
