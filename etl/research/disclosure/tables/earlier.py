"""Tables beside those that left before, or leave with them: what two of them tell that neither tells alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.hidden import recovered
from etl.research.disclosure.tables.sums import sums_of, together
from etl.research.disclosure.tables.table import Cell, Key, Table

_LARGEST = 10**6
_MOST_BANDS = 40
_LEAST_IN_COMMON = 3
_UNIT = r"(?: ?(?:years?|yrs?|세|명|일|months?|days?))?"
_BANDS = tuple(
    (re.compile(pattern), low, high)
    for pattern, low, high in (
        (rf"(?:ages? |age )?([0-9]{{1,5}})(?: to | ~ | )([0-9]{{1,5}}){_UNIT}", 0, 0),
        (rf"(?:age )?(?:below|under|less than) ([0-9]{{1,5}}){_UNIT}|([0-9]{{1,5}}){_UNIT} ?미만", -1, -1),
        (rf"(?:age )?(?:upto|up to) ([0-9]{{1,5}}){_UNIT}|([0-9]{{1,5}}){_UNIT} ?이하", -1, 0),
        (rf"(?:age )?(?:above|over) ([0-9]{{1,5}}){_UNIT}|([0-9]{{1,5}}){_UNIT} ?초과", 1, 1),
        (rf"(?:age )?from ([0-9]{{1,5}}){_UNIT}|([0-9]{{1,5}}){_UNIT} ?(?:plus|이상|and (?:over|older|above))", 0, 1),
        (rf"(?:age )?([0-9]{{1,5}}){_UNIT}", 2, 2),
    )
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Bands side by side, from `low` to `high` inclusive, what they count together, and where the last stands."""

    low: int
    high: int
    count: float
    place: Place


def find(new: Table, other: Table, rules: Rules) -> Iterator[Found]:
    """What a table tells beside another: told at the places of the new one."""
    yield from _same_labels(new, other, rules)
    yield from _bands_apart(new, other, rules)
    yield from _given_back(new, other, rules)


def _shown(table: Table) -> dict[Key, Cell]:
    return {cell.key: cell for cell in table.counts if cell.value is not None}


def _same_labels(new: Table, other: Table, rules: Rules) -> Iterator[Found]:
    mine, theirs = _shown(new), _shown(other)
    common = [key for key in mine.keys() & theirs.keys() if mine[key].value or theirs[key].value]
    apart = {key: abs((mine[key].value or 0) - (theirs[key].value or 0)) for key in common}
    near = [key for key in common if rules.is_small(apart[key])]
    like = sum(distance < rules.threshold for distance in apart.values())
    versions = len(common) >= _LEAST_IN_COMMON and like >= rules.limit("alike") * len(common)
    for key in near:
        yield Found("differencing" if versions else "nearly_the_same", mine[key].place)


def _bands_apart(new: Table, other: Table, rules: Rules) -> Iterator[Found]:
    """Bands such as `0-18` that hold another table's `0-17` and few persons more.

    Where some bands of both count the same persons, the tables are of one population; else it may be a chance.
    """
    others = _runs(other)
    for label, runs in _runs(new).items():
        theirs = others.get(label, ())
        counted = {(run.low, run.high, run.count) for run in theirs}
        same = any((run.low, run.high, run.count) in counted and run.count >= rules.threshold for run in runs)
        rule = "differencing" if same else "nearly_the_same"
        if theirs:
            yield from (Found(rule, mine.place) for mine in _near(runs, theirs, rules))


def _near(runs: Sequence[_Run], others: Sequence[_Run], rules: Rules) -> Iterator[_Run]:
    """The runs that hold another one, or lie in it, with few persons between."""
    low, high, count = (np.array(each) for each in zip(*((o.low, o.high, o.count) for o in others), strict=True))
    for mine in runs:
        same = (low == mine.low) & (high == mine.high)
        outer, inner = (low >= mine.low) & (high <= mine.high), (low <= mine.low) & (high >= mine.high)
        rest = np.where(outer, mine.count - count, count - mine.count)
        if ((outer | inner) & ~same & (rest > 0) & (rest < rules.threshold)).any():
            yield mine


def _runs(table: Table) -> Mapping[Key, Sequence[_Run]]:
    """By the other labels, every sequence of bands that lie side by side."""
    bands: dict[Key, list[_Run]] = {}
    for key, cell in _shown(table).items():
        for label in key:
            if (ends := band(label)) is not None:
                rest = tuple(each for each in key if each != label)
                bands.setdefault(rest, []).append(_Run(*ends, cell.value or 0, cell.place))
    return {key: _joined(sorted(found, key=lambda run: (run.low, run.high))) for key, found in bands.items()}


def _joined(bands: Sequence[_Run]) -> list[_Run]:
    if len(bands) > _MOST_BANDS:
        return list(bands)
    runs = []
    for number, first in enumerate(bands):
        run = first
        runs.append(run)
        for band_ in bands[number + 1 :]:
            if band_.low == run.high + 1:
                run = _Run(run.low, band_.high, run.count + band_.count, band_.place)
                runs.append(run)
    return runs


@cache
def band(label: str) -> tuple[int, int] | None:
    """The first and last number of a label that is a band of numbers, in plain words."""
    for pattern, low, high in _BANDS:
        found = pattern.fullmatch(label)
        if found is None:
            continue
        numbers = [int(each) for each in found.groups() if each is not None]
        if len(numbers) == 2:
            return (numbers[0], numbers[1]) if numbers[0] <= numbers[1] else None
        number = numbers[0]
        if low == 2:
            return number, number
        if low == -1:
            return 0, number + high
        return number + low, _LARGEST
    return None


def _given_back(new: Table, other: Table, rules: Rules) -> Iterator[Found]:
    base = rules.limit("rounding_base")
    mine, theirs = sums_of(new, base), sums_of(other, base)
    if not (mine.hidden or theirs.hidden):
        return
    both = together(new, other, base)
    if both is None:
        return
    before = {cell.key for sums in (mine, theirs) for cell in recovered(sums, rules) or ()}
    for cell in recovered(both, rules) or ():
        if cell.key not in before:
            is_mine = mine.hidden.get(cell.key) is cell
            yield Found("recovered_with_earlier", cell.place if is_mine else new.place)
