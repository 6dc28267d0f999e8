"""Percentages and means of a known or an unknown number of persons."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.table import UNKNOWN, Cell, Table
from etl.research.disclosure.tables.words import BASE, COUNT, MEAN, SHARE

_CLOSE = 1e-9
_MOST_NUMBERS = 12  # in a row; among more, some two make any share by chance
_SPREAD = re.compile(r"(?i)(?<![a-z])(sd|std|stdev|standard deviation|variance|var)(?![a-z])|표준 ?편차|분산")
_PER = re.compile(r"(?i)\bper\s+([0-9][0-9,]{1,8})")


def find(table: Table, rules: Rules) -> Iterator[Found]:
    """Percentages that give a small count back, and what is said of a number of persons that is not there."""
    shares = _Shares(table)
    for cell in table.of(SHARE):
        if cell.value is not None:
            yield from _of_share(shares, cell, rules)
    for cell in table.of(MEAN):
        if cell.value is not None and not (table.bases(cell) or table.counts_beside(cell) or table.totals_above(cell)):
            yield Found("mean_without_base", cell.place)
        if cell.value == 0 and _SPREAD.search(f"{cell.header} {cell.labels[-1] if cell.labels else ''}"):
            yield Found("class_disclosure", cell.place)
    yield from (Found("unknown_numbers", cell.place) for cell in table.of(UNKNOWN))


def _of_share(shares: _Shares, cell: Cell, rules: Rules) -> Iterator[Found]:
    share, whole = cell.value or 0.0, shares.whole(cell)
    count = _counted(shares.table, cell)
    if count is not None and count.value is not None and shares.is_numerator(cell, count):
        return
    if shares.is_of_shown(cell):
        return
    if share in {0.0, whole}:
        yield Found("zero" if share == 0 else "class_disclosure", cell.place)
    bases = list(shares.bases(cell, count))
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
    left = [c for c in counts if c.place.column <= cell.place.column]
    return left[-1] if left else (counts[0] if counts else None)


class _Shares:
    """The shares of a table, with what whole columns of them say."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._wholes = {column: _whole(cells) for column, cells in table.by_column.items()}
        self._bases: dict[tuple[int, int], tuple[int, float, float]] = {}

    def whole(self, cell: Cell) -> float:
        """What all is: 100, 1 in a column of parts of one, or what the header says (`per 1000`)."""
        return self._wholes[cell.place.column]

    def is_numerator(self, cell: Cell, count: Cell) -> bool:
        """Whether a count is a share's numerator, not its base: every row gives the same base, or both are one cell."""
        if count.place == cell.place:
            return True
        rows, low, high = self._base(cell.place.column, count.place.column)
        return rows > 1 and low <= high

    def is_of_shown(self, cell: Cell) -> bool:
        """Whether two numbers of persons that its row shows, and that are looked at themselves, make the share."""
        row = self.table.by_row[cell.place.row]
        numbers = [c.value for c in row if c.role in {COUNT, BASE} and c.value]
        half = 0.5 * 10.0**-cell.amount.decimals + _CLOSE
        return len(numbers) <= _MOST_NUMBERS and any(
            abs(a / b * self.whole(cell) - (cell.value or 0)) <= half for a in numbers for b in numbers if a < b
        )

    def bases(self, cell: Cell, count: Cell | None) -> Iterator[float]:
        """Of how many a share can be: what is called its whole, totals, what other rows tell, the count."""
        yield from self.table.bases(cell)
        yield from self.table.totals_above(cell if count is None else count)
        if count is None:
            return
        _, low, high = self._base(cell.place.column, count.place.column)
        if count.value is None and 0 < low <= high < math.inf:
            yield (low + high) / 2
        row = self.table.by_row[cell.place.row]
        yield from (c.value for c in row if c.role == COUNT and c.is_margin and c.value and c is not count)
        if count.value is not None:
            yield count.value

    def _base(self, shares: int, counts: int) -> tuple[int, float, float]:
        """Of how many rows a column of counts and one of shares tell a base, and the bases that fit all of them."""
        if (shares, counts) not in self._bases:
            numbers = {c.place.row: c.value for c in self.table.by_column[counts] if c.role == COUNT}
            ends = []
            for share in self.table.by_column[shares]:
                value, number = share.value, numbers.get(share.place.row)
                if share.role == SHARE and value and number:
                    half, whole = 0.5 * 10.0**-share.amount.decimals, self._wholes[shares]
                    ends.append((number * whole / (value + half), number * whole / max(value - half, _CLOSE)))
            low = max((low for low, _ in ends), default=0.0)
            self._bases[shares, counts] = len(ends), low, min((high for _, high in ends), default=0.0)
        return self._bases[shares, counts]


def _whole(cells: list[Cell]) -> float:
    per = next((found for c in cells if c.role == SHARE and (found := _PER.search(c.header))), None)
    if per is not None:
        return max(float(per[1].replace(",", "")), 1.0)
    shares = [c.amount for c in cells if c.role == SHARE and c.value is not None]
    parts = all((a.value or 0) <= 1 and not a.percent for a in shares) and any(a.decimals > 1 for a in shares)
    return 1.0 if parts else 100.0
