"""What sums to what: the cells of tables as unknowns between bounds, and totals as equations over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from etl.research.disclosure.tables.table import TOTAL, Cell, Key, Table

Bounds = tuple[float, float]
_ENOUGH_TO_SEE = 6


@dataclass(frozen=True, slots=True)
class Sum:
    """A total and the cells that it is the total of."""

    total: Key
    parts: tuple[Key, ...]


@dataclass(slots=True)
class Sums:
    """Everything that is known of the counts of one or several tables."""

    bounds: dict[Key, Bounds] = field(default_factory=dict)
    hidden: dict[Key, Cell] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    unclear: bool = False  # labels that are twice there, or totals that are not those of their parts

    def is_shown(self, key: Key) -> bool:
        """Whether a count is there as a number."""
        return key not in self.hidden


@lru_cache(1000)
def sums_of(table: Table, rounding_base: float) -> Sums:
    """The counts of a table, and the totals among them that are those of their parts."""
    cells = {cell.coordinates: cell for cell in table.counts}
    found = Sums(unclear=len(cells) < len(table.counts) or len({c.key for c in cells.values()}) < len(cells))
    slack = _slack(table.counts, rounding_base)
    lowest = 1.0 if any(cell.value == 0 for cell in table.counts) else 0.0
    for cell in cells.values():
        value = cell.value
        if value is None:
            found.hidden[cell.key] = cell
            found.bounds[cell.key] = (max(cell.amount.low, lowest), cell.amount.high)
        else:
            found.bounds[cell.key] = (max(value - slack, 0), value + slack)
    if not found.unclear:
        for axis in range(_width(cells)):
            sums = list(_along(cells, axis))
            if all(_adds_up(each, found) for each in sums):
                found.sums += sums
            else:
                found.unclear = True
    return found


def _width(cells: Mapping[tuple[str, ...], Cell]) -> int:
    """How many labels a count has; 0 where they have not all as many, and none is told to be a sum."""
    widths = {len(at) for at in cells}
    return widths.pop() if len(widths) == 1 else 0


def _slack(counts: Sequence[Cell], base: float) -> float:
    """How far the numbers may be from what they stand for: half the base where all of them are rounded to it."""
    shown = [cell.value for cell in counts if cell.value]
    rounded = base > 1 and len(shown) >= _ENOUGH_TO_SEE and not any(value % base for value in shown)
    return base / 2 if rounded else 0.0


def _along(cells: Mapping[tuple[str, ...], Cell], axis: int) -> Iterator[Sum]:
    """Totals along one label, each with its parts."""
    lines: dict[tuple[str, ...], dict[str, Cell]] = {}
    for at, cell in cells.items():
        lines.setdefault((*at[:axis], *at[axis + 1 :]), {})[at[axis]] = cell
    for line in lines.values():
        parts = [cell for label, cell in line.items() if label != TOTAL]
        total = line.get(TOTAL)
        if total is not None and len(parts) > 1:
            yield Sum(total.key, tuple(cell.key for cell in parts))


def _adds_up(one: Sum, found: Sums) -> bool:
    """Whether a sum can hold, given what is known of its cells."""
    low, high = span(one.parts, found.bounds)
    return found.bounds[one.total][1] >= low and found.bounds[one.total][0] <= high


def span(keys: Iterable[Key], bounds: Mapping[Key, Bounds]) -> Bounds:
    """The least and the largest sum of some counts."""
    pairs = [bounds[key] for key in keys]
    return math.fsum(low for low, _ in pairs), sum(high for _, high in pairs)


def omitted(table: Table) -> Iterator[tuple[Cell, float]]:
    """Totals all of whose parts are shown, with how many of them are in no part."""
    cells = {cell.coordinates: cell for cell in table.counts}
    by_key = {cell.key: cell for cell in cells.values()}
    for axis in range(_width(cells)):
        for one in _along(cells, axis):
            values = [by_key[key].value for key in one.parts]
            total = by_key[one.total]
            if total.value is not None and all(value is not None for value in values):
                yield total, total.value - math.fsum(value or 0 for value in values)


def together(new: Table, other: Table, rounding_base: float) -> Sums | None:
    """What is known when two tables are read side by side: None where they share no count, or contradict each other."""
    first, second = sums_of(new, rounding_base), sums_of(other, rounding_base)
    common = first.bounds.keys() & second.bounds.keys()
    if not common:
        return None
    joined = sums_of(_joined(new, other), rounding_base)
    known = dict.fromkeys([*first.sums, *second.sums, *joined.sums])
    merged = Sums({**second.bounds, **first.bounds}, {**second.hidden, **first.hidden}, list(known))
    for key in common:
        low = max(first.bounds[key][0], second.bounds[key][0])
        high = min(first.bounds[key][1], second.bounds[key][1])
        if low > high:
            return None
        merged.bounds[key] = (low, high)
        if first.is_shown(key) or second.is_shown(key):
            merged.hidden.pop(key, None)
    return merged


def _joined(new: Table, other: Table) -> Table:
    """The counts of two tables as one, of two of the same labels the one that is shown."""
    cells: dict[tuple[str, ...], Cell] = {}
    for cell in (*new.counts, *other.counts):
        if cell.coordinates not in cells or cells[cell.coordinates].value is None:
            cells[cell.coordinates] = cell
    return Table(new.place, list(cells.values()))
