"""Grids that are records of persons: their numbers, their days, as many rows as persons, what was written of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from etl.night.land.freetext.folding import folded
from etl.night.land.freetext.patterns import Pattern, in_texts
from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.grid import Grid
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.cells import is_number
from etl.research.disclosure.tables.words import (
    BASE,
    COEFFICIENT,
    COUNT,
    IDENTIFIER,
    PAIR,
    SHARE,
    is_personal,
    is_total,
    names_rows,
    role_of,
)

_YEAR, _MONTH, _DAY_OF = r"(?:19|20)[0-9]{2}", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12][0-9]|3[01])"
_DAY = re.compile(
    rf"{_YEAR}[-/.년 ]{{1,2}}{_MONTH}[-/.월 ]{{1,2}}{_DAY_OF}일?(?:[T ][0-9:.]+)?|{_YEAR}[01][0-9][0-3][0-9]"
)
_BEGINS_WITH_DIGIT = re.compile(r"\W{0,2}\d")
_COUNTS = frozenset({COUNT, BASE, PAIR, SHARE})
_SURE = frozenset({"resident_number", "mail", "phone", "passport", "other_number"})
_ENOUGH_ROWS = 20  # below which rows that are all different are no sign of anything
_NUMBER_OF_SOMEBODY = 10_000  # numbers that are all different and larger than this are of persons


def find(grid: Grid, rules: Rules) -> Iterator[Found]:
    """What in a grid looks like records of persons."""
    rows = [row for row in grid.rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        return
    width = max(map(len, rows))
    if len(rows) > rules.limit("rows") or width > rules.limit("columns"):
        yield Found("too_large", Place(grid.part))
    roles = [role_of(cell) for cell in rows[0]]
    for column, role in enumerate(roles, start=1):
        if role == IDENTIFIER:
            yield Found("identifier_column", Place(grid.part, 0, column))
    columns = [[row[i].strip() for row in rows[1:] if i < len(row) and row[i].strip()] for i in range(width)]
    counted = bool(_COUNTS & set(roles)) or any(is_total(cell) for row in rows for cell in row[:3])
    for column, cells in enumerate(columns, start=1):
        days = {cell for cell in cells if _DAY.fullmatch(cell)}
        if len(days) >= rules.limit("different_days") and not counted and 2 * len(days) > len(set(cells)):
            yield Found("days_of_persons", Place(grid.part, 0, column))
        elif not counted and not names_rows("".join(rows[0][column - 1 : column])) and _are_numbers(cells, days):
            yield Found("identifier_column", Place(grid.part, 0, column))
    personal = any(map(is_personal, rows[0])) and set(roles) == {None}
    if not counted and COEFFICIENT not in roles and _are_records(rows[1:], columns, personal=personal):
        yield Found("row_level", Place(grid.part))


def _are_numbers(cells: Sequence[str], days: set[str]) -> bool:
    """Whether a column holds whole numbers of five digits and more, no two the same, and no days."""
    if len(cells) < _ENOUGH_ROWS or days or len(set(cells)) < len(cells):
        return False
    return all(cell.isdecimal() and int(cell) > _NUMBER_OF_SOMEBODY for cell in cells)


def _are_records(rows: Sequence[Sequence[str]], columns: Sequence[Sequence[str]], *, personal: bool) -> bool:
    """Whether, where nothing is counted, rows do not say of what they are: no column names them, each once.

    `personal`: a column is of what a person has, and none is of anything that groups have.
    """
    if len(rows) < _ENOUGH_ROWS or personal:
        return len(rows) >= _ENOUGH_ROWS
    if len(columns) < 3:
        return False
    names = any(len(cells) == len(rows) == len(set(cells)) and not any(map(is_number, cells[:50])) for cells in columns)
    repeated = sum(len(set(cells)) < len(cells) for cells in columns)
    return not names and 2 * repeated >= len(columns)


def unread(grid: Grid) -> Iterator[Found]:
    """Columns that by their header count, and whose cells begin with digits and are no numbers that can be read.

    A number that stands alone as a header may be the first count of a table without headers.
    """
    first = [cell.strip() for cell in grid.rows[0]] if len(grid.rows) > 1 else []
    if len(first) == 2 and is_number(first[1]) and not is_number(first[0]):
        yield Found("unknown_numbers", Place(grid.part, 0, 2))
    for column, header in enumerate(grid.rows[0] if grid.rows else ()):
        cells = [row[column].strip() for row in grid.rows[1:] if column < len(row) and row[column].strip()]
        odd = [cell for cell in cells if _BEGINS_WITH_DIGIT.match(cell) and not is_number(cell)]
        if role_of(header) in _COUNTS and 2 * len(odd) > len(cells):
            yield Found("unknown_numbers", Place(grid.part, 0, column + 1))


def in_texts_of(grid: Grid, rules: Rules) -> Iterator[Found]:
    """Cells that are long texts, or look like somebody's number or address."""
    for number, row in enumerate(grid.rows):
        for column in _telling(row):
            yield Found("identifier_in_text", grid.place(number, column))
        for column, cell in enumerate(row):
            if len(cell) > rules.limit("text_length"):
                yield Found("long_text", grid.place(number, column))


def in_lines(lines: Sequence[str], rules: Rules) -> Iterator[Found]:
    """As in cells, of lines of a text, of which only paragraphs are long."""
    for number in _telling(lines):
        yield Found("identifier_in_text", Place(row=number + 1))
    yield from (
        Found("long_text", Place(row=i))
        for i, line in enumerate(lines, 1)
        if len(line) > 3 * rules.limit("text_length")
    )


@cache
def _patterns() -> tuple[Pattern, ...]:
    return tuple(pattern for pattern in in_texts() if pattern.kind in _SURE)


def _telling(texts: Sequence[str]) -> Iterator[int]:
    """Places of texts in which an identifier is written."""
    if not any(len(text) > 6 for text in texts):
        return
    for place, text in enumerate(folded([" ".join(text.split()) for text in texts])):
        digits = sum(map(str.isdigit, text))
        if len(text) > 6 and any(_is_in(pattern, text, digits) for pattern in _patterns()):
            yield place


def _is_in(pattern: Pattern, text: str, digits: int) -> bool:
    if digits < pattern.needs or (pattern.holds and not any(each in text for each in pattern.holds)):
        return False
    return any(each.search(text) for each in pattern.any)
