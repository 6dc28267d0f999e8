"""Percentages and means of a known or an unknown number of persons."""

from __future__ import annotations

import math
from collections.abc import Iterator

from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.table import UNKNOWN, Cell, Table
from etl.research.disclosure.tables.words import COUNT, MEAN, SHARE

_CLOSE = 1e-9


def find(table: Table, rules: Rules) -> Iterator[Found]:
    """Percentages that give a small count back, and what is said of a number of persons that is not there."""
    in_percent = _in_percent(table)
    for cell in table.of(SHARE):
        if cell.value is not None:
            yield from _of_share(table, cell, rules, in_percent.get(cell.place.column, True))
    for cell in table.of(MEAN):
        if cell.value is not None and not (
            table.bases(cell) or _counts_beside(table, cell) or _counts_above(table, cell)
        ):
            yield Found("mean_without_base", cell.place)
    yield from (Found("unknown_numbers", cell.place) for cell in table.of(UNKNOWN))


def _in_percent(table: Table) -> dict[int, bool]:
    """By column whether shares go up to 100; a column of shares up to 1 with decimals is of parts of one."""
    found = {}
    for column, cells in table.by_column.items():
        shares = [c.amount for c in cells if c.role == SHARE and c.value is not None]
        low = all((a.value or 0) <= 1 and not a.percent for a in shares) and any(a.decimals > 1 for a in shares)
        found[column] = not low
    return found


def _of_share(table: Table, cell: Cell, rules: Rules, in_percent: bool) -> Iterator[Found]:
    share = cell.value or 0.0
    whole = 100.0 if in_percent else 1.0
    beside = _counted(table, cell)
    if beside is not None and beside.value is not None and _is_numerator(table, cell, beside, whole):
        return
    if share in {0.0, whole}:
        yield Found("zero" if share == 0 else "class_disclosure", cell.place)
    bases = [*table.bases(cell), *_other_bases(table, cell, beside, whole)]
    if any(_tells(share / whole, cell.amount.decimals, whole, base, rules) for base in bases):
        yield Found("share_tells_count", cell.place)
    elif not bases:
        yield Found("share_without_base", cell.place)


def _tells(share: float, decimals: int, whole: float, base: float, rules: Rules) -> bool:
    """Whether every count that gives the share of a base, or every rest of the base, is too small."""
    half = 0.5 * 10.0**-decimals / whole
    first = max(0, math.ceil((share - half) * base - _CLOSE))
    last = min(math.floor(base), math.floor((share + half) * base + _CLOSE))
    if base < 1 or first > last:
        return False
    few = rules.is_small(first) and rules.is_small(last)
    return few or (rules.is_small(base - first) and rules.is_small(base - last))


def _counted(table: Table, cell: Cell) -> Cell | None:
    """The count that a share stands with: in its own cell, else the nearest to its left, else to its right."""
    counts = [c for c in table.by_row[cell.place.row] if c.role == COUNT]
    at = cell.place.column
    left = [c for c in counts if c.place.column <= at]
    return left[-1] if left else (counts[0] if counts else None)


def _is_numerator(table: Table, cell: Cell, count: Cell, whole: float) -> bool:
    """Whether a count is a share's numerator, not its base: it gives the same base in every row, or is in its cell."""
    if count.place == cell.place:
        return True
    ratios = list(_ratios(table, cell, count, whole))
    return len(ratios) > 1 and max(low for low, _ in ratios) <= min(high for _, high in ratios)


def _ratios(table: Table, cell: Cell, count: Cell, whole: float) -> Iterator[tuple[float, float]]:
    """By row the least and the largest base of which the count would be the share."""
    counts = {c.place.row: c.value for c in table.by_column[count.place.column] if c.role == COUNT}
    for share in table.by_column[cell.place.column]:
        value, number = share.value, counts.get(share.place.row)
        if share.role == SHARE and value and number:
            half = 0.5 * 10.0**-share.amount.decimals
            low = (number) * whole / (value + half)
            yield low, number * whole / (value - half) if value > half else math.inf


def _other_bases(table: Table, cell: Cell, count: Cell | None, whole: float) -> Iterator[float]:
    """Wholes that nobody calls so: the total of the row or column, what other rows' counts are shares of, the count."""
    if count is None:
        yield from _counts_beside(table, cell)
        yield from _counts_above(table, cell)
        return
    of_rows = list(_ratios(table, cell, count, whole))
    low = max((low for low, _ in of_rows), default=0.0)
    high = min((high for _, high in of_rows), default=0.0)
    if count.value is None and of_rows and low <= high < math.inf:
        yield (low + high) / 2
    line = [*table.by_column[count.place.column], *table.by_row[cell.place.row]]
    yield from (c.value for c in line if c.role == COUNT and c.is_margin and c.value and c is not count)
    if count.value is not None:
        yield count.value


def _counts_beside(table: Table, cell: Cell) -> list[float]:
    return [c.value for c in table.by_row[cell.place.row] if c.role == COUNT and c.value is not None]


def _counts_above(table: Table, cell: Cell) -> list[float]:
    """Totals of persons in the column of a measure, such as a row of all patients."""
    return [c.value for c in table.by_column[cell.place.column] if c.role == COUNT and c.is_margin and c.value]
