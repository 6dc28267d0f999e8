"""How texts are read: SQL of moments and numbers, by what the contract says of how they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping

from etl.cdm.shapes import Kind
from etl.mapping.expression import columns_of
from etl.mapping.language.contract import Source
from etl.mapping.language.reading import Reading
from etl.sql import literal

_FORMS = {
    "YYYY": "%Y", "YY": "%y", "MON": "%b", "MM": "%m", "M": "%m", "DD": "%d", "D": "%d", "HH12": "%I", "HH": "%H",
    "H": "%H", "MI": "%M", "SS": "%S", "AM": "%p",
}  # fmt: skip
_TOKEN = re.compile("|".join(sorted(_FORMS, key=len, reverse=True)))


def strptime_form(form: str) -> str:
    """A form such as `M/D/YYYY` as the engine's strptime takes it."""
    return _TOKEN.sub(lambda found: _FORMS[found[0]], form)


def reading_of(source: Source, sql: str, known: Container[str]) -> Reading:
    """How what an expression gives is written: as its columns are, where they agree, else as the source's texts are."""
    found = {source.reading(column) for column in columns_of(sql, known)}
    return found.pop() if len(found) == 1 else source.reads


def moment(text: str, reading: Reading) -> str:
    """SQL of the timestamp that a text (SQL) says, as the hospital's clock showed it; NULL when it cannot be read."""
    usual = f"omop_try_timestamp({text})"
    if reading.dates:
        forms = ", ".join(literal(strptime_form(form)) for form in reading.dates)
        short = any(re.search(r"(?<!Y)YY(?!Y)", form) for form in reading.dates)
        parsed = f"try_strptime(trim({text}), [{forms}])"
        usual = f"coalesce(omop_calendar({f'omop_rr({parsed})' if short else parsed}), {usual})"
    return f"omop_from({literal(reading.zone)}, {text}, {usual})" if reading.zone else usual


def plain_number(text: str, reading: Reading) -> str:
    """SQL of a text (SQL) of a number with a point before its decimals and, where they are usual, commas in it."""
    if reading.decimal == "," or reading.thousands is not None:
        thousands = reading.thousands or ""
        text = f"replace({text}, {literal(thousands)}, '')" if thousands else text
        text = f"replace({text}, ',', '.')" if reading.decimal == "," else text
    return text


def number(text: str, reading: Reading) -> str:
    """SQL of the number that a text (SQL) says; NULL when it cannot be read."""
    return f"omop_try_number({plain_number(text, reading)})"


def whole_number(text: str, reading: Reading) -> str:
    """SQL of the number that a text (SQL) says, rounded; NULL when it cannot be read."""
    return f"try_cast(round({number(text, reading)}) as integer)"


def result_number(text: str, reading: Reading) -> str:
    """SQL of the number that a text (SQL) says, with or without a comparison sign in front."""
    return f"omop_result_number({plain_number(text, reading)})"


#: How a text becomes the number that a field of a kind holds.
NUMBERS: Mapping[Kind, Callable[[str, Reading], str]] = {
    "number": number,
    "bound": result_number,
    "integer": whole_number,
}


def partial(text: str, reading: Reading) -> str:
    """SQL of the text of a day, or of its month or year, as `omop_partial` reads it."""
    text = f"omop_blank({text})"
    if not reading.dates:
        return text
    return f"coalesce(strftime({moment(text, reading)}, '%Y-%m-%d %H:%M:%S'), {text})"


def without(text: str, empty: Iterable[str]) -> str:
    """SQL of a text (SQL) that is NULL where it is one of those that say nothing."""
    listed = ", ".join(literal(word) for word in empty)
    return f"case when trim({text}) in ({listed}) then null else {text} end" if listed else text
