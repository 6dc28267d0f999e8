"""Regressions: how many degrees of freedom are left, and whether anything is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.read import is_model
from etl.research.disclosure.tables.table import Table
from etl.research.disclosure.tables.words import BASE, COUNT, DEGREES, FIT

_NUMBER = r"([0-9][0-9,]*(?:\.[0-9]+)?)"
_DEGREES = re.compile(
    rf"(?i)(?:df[\s_.]*resid(?:uals?)?|residual\s+(?:df|degrees\s+of\s+freedom)|resid(?:ual)?\.?\s*df|자유도)\s*[:=|]?\s*{_NUMBER}"
    rf"|on\s+{_NUMBER}\s+(?:residual\s+)?degrees\s+of\s+freedom"
)
_PERSONS = re.compile(
    rf"(?i)(?:no\.?\s*(?:of\s*)?observations|number\s+of\s+obs(?:ervations)?|nobs|(?<![a-z])n)\s*[:=]\s*{_NUMBER}(?![.%0-9])"
)
_OF = re.compile(
    r"(?i)(?<![0-9.,])([0-9]{1,3}) (?:out of|of the|of|/) [0-9][0-9,]*(?![0-9.])"
    r"|(?<![0-9.,])([0-9]{1,3}) ?(?:patients|persons|people|subjects|deaths|명)(?![a-z])"
)
_FIT = re.compile(r"(?i)(?<!adj\. )(?<!pseudo )r[-\s_]*squared\s*[:=|]?\s*([01]\.[0-9]+)")
_COEFFICIENTS = re.compile(r"(?i)\bcoef(?:ficient)?s?\b.*\bstd\.?\s*err")
_ALL = 0.9995


def in_tables(tables: Sequence[Table], rules: Rules) -> Iterator[Found]:
    """What tables of coefficients, and those of how a model fits, tell."""
    known = False
    for table in tables:
        for cell in table.of(DEGREES):
            known = True
            if cell.value is not None and cell.value < rules.limit("residual_df"):
                yield Found("few_degrees" if cell.value else "saturated", cell.place)
        for cell in table.of(FIT):
            if cell.value is not None and cell.value >= _ALL:
                yield Found("saturated", cell.place)
        known = known or any(True for _ in table.of(BASE, COUNT))
    if not known:
        yield from (Found("degrees_unknown", table.place) for table in tables if is_model(table))


def in_lines(lines: Iterable[str], rules: Rules) -> Iterator[Found]:
    """What the printed summary of a model, or a sentence, tells; small numbers of persons as well."""
    coefficients: Place | None = None
    known = False
    for number, line in enumerate(lines, start=1):
        place = Place(row=number)
        for found in _DEGREES.finditer(line):
            known = True
            degrees = _value(found[1] or found[2])
            if degrees < rules.limit("residual_df"):
                yield Found("few_degrees" if degrees else "saturated", place)
        yield from (
            Found("threshold", place) for found in _OF.finditer(line) if rules.is_small(_value(found[1] or found[2]))
        )
        for found in _PERSONS.finditer(line):
            known = True
            if rules.is_small(_value(found[1])):
                yield Found("threshold", place)
        if any(float(found[1]) >= _ALL for found in _FIT.finditer(line)):
            yield Found("saturated", place)
        if _COEFFICIENTS.search(line) and coefficients is None:
            coefficients = place
    if coefficients is not None and not known:
        yield Found("degrees_unknown", coefficients)


def _value(text: str) -> float:
    return float(text.replace(",", ""))
