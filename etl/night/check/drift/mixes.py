"""Mixes: how the rows of a table divide among the items of one thing, and how far two of them differ.

An item is a form of writing, a digest of a code, a concept, a step of a scale, an hour: no value of a patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from etl.night.check.earlier import confirmed

Mix = Mapping[str, int]
RARE = "others"  # all items of few rows together
_AGAIN = 0.5  # of a night's rows: with so many of the codes of other nights a column holds codes
_COUNTED = ("rows", "filled", "known")  # kinds that only count


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a mix is of: a table (of a gate), maybe a column, the kind of figure, and of some kinds a concept."""

    table: str
    column: str
    kind: str
    group: str = ""


Figures = Mapping[Key, Mix]


@dataclass(frozen=True, slots=True)
class Usual:
    """What a mix was on the nights before: the median of each item's share, and of the rows."""

    shares: Mapping[str, float]
    rows: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How much of a mix is elsewhere than usual: so many of `rows`, and the items of which most came or went."""

    rows: float
    total: int
    items: tuple[tuple[str, float, float], ...]  # item, usual share, share tonight

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.rows / self.total if self.total else 0.0


def large(figures: Figures, small_cell: int) -> Figures:
    """Figures without items of so few rows that a hospital does not tell them; rows and values are counted as ever."""
    return {
        key: mix if key.kind in _COUNTED else {i: n for i, n in mix.items() if n >= small_cell or i == RARE}
        for key, mix in figures.items()
    }


def usual(mixes: Sequence[Mix]) -> Usual | None:
    """The median of mixes, the newest first; None where none has a row."""
    counted = confirmed([mix for mix in mixes if sum(mix.values())])
    if not counted:
        return None
    totals = [sum(mix.values()) for mix in counted]
    items = {item for mix in counted for item in mix}
    shares = {i: median(mix.get(i, 0) / n for mix, n in zip(counted, totals, strict=True)) for i in items}
    whole = sum(shares.values()) or 1.0
    return Usual({item: share / whole for item, share in shares.items()}, median(totals))


def recur(mixes: Sequence[Mix]) -> bool:
    """Whether a night's items are those of other nights: codes come again, numbers of visits do not.

    Of one night nobody knows.
    """
    nights = [mix for mix in mixes if sum(mix.values())]
    if len(nights) < 2:
        return False
    return median(_again(mix, [*nights[:n], *nights[n + 1 :]]) for n, mix in enumerate(nights)) > _AGAIN


def _again(mix: Mix, others: Sequence[Mix]) -> float:
    """The share of rows whose item some other night has, too."""
    return sum(n for i, n in mix.items() if i != RARE and any(i in other for other in others)) / sum(mix.values())


def moved(now: Mix, before: Usual, least: float = 0.0) -> Moved:
    """How far a mix is from what it usually is: the rows that would have to be another item for it to be the same.

    Items of a share of less than `least` on both sides are one: of a sample that is drawn otherwise some are not told.
    """
    total = sum(now.values())
    both = {i: (before.shares.get(i, 0.0), now.get(i, 0) / total) for i in {*now, *before.shares}} if total else {}
    few = {i for i, shares in both.items() if i == RARE or max(shares) < least}
    items = [(i, *shares) for i, shares in both.items() if i not in few]
    items += [(RARE, sum(both[i][0] for i in few), sum(both[i][1] for i in few))] if few else []
    items.sort(key=lambda item: (-abs(item[2] - item[1]), item[0]))
    return Moved(sum(abs(now - was) for _, was, now in items) / 2 * total, total, tuple(items[:3]))


def chance(now: Mix, before: Usual, *, whole: bool) -> float:
    """The share of rows that may be another item by chance: as much as two draws of so many rows differ.

    A whole delivery has the rows of the one before and new ones: no more than these can differ by chance.
    """
    total = sum(now.values())
    rows = min(float(total), before.rows)
    if rows <= 0:
        return 1.0
    drawn = (0.4 * sqrt(len({*now, *before.shares})) + 2.0) / sqrt(rows)
    return min(drawn, 2 * abs(total - before.rows) / max(float(total), before.rows)) if whole else drawn
