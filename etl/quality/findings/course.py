"""The course of a tracked finding over nights, worked out from its signs alone.

What could not be read says nothing: a gate that was not reached, a check that gave no answer, a table that was not
delivered leave a finding as it was. It is gone when every check that saw it last has looked again and sees it no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Literal

from etl.quality.findings.share import Share, compare, share_of

Word = Literal["new", "still there", "worse", "better", "gone", "came back"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one check saw at one look: `failed` or held, how many rows of how many."""

    night: date
    run_id: str
    opening: int
    look: int
    asked: int
    failed: bool
    violated: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A night that said something: what it said, and by which look it was known.

    `violated` of `total` are those of the check that found the largest share; None where it is gone or none counts.
    """

    night: date
    run_id: str
    look: int
    word: Word
    violated: int | None = None
    total: int | None = None

    @property
    def seen(self) -> bool:
        """Whether it was there."""
        return self.word != "gone"


@dataclass(slots=True)
class _Known:
    """What is known up to a night: `shares` are what changes are held against, by check.

    `failed` are the checks that have seen it and not looked again since; `look` is the newest that saw it.
    """

    shares: dict[int, Share] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    look: int = 0
    there: bool = False


def course(readings: Iterable[Reading], resolved: Sequence[int] = ()) -> list[Step]:
    """The nights that said something of a finding, in their order; `readings` may come in any.

    Of several runs of one night the one that was opened last counts. `resolved` are the newest looks at the moments
    when somebody said that it is resolved: what is seen later came back.
    """
    known, steps = _Known(), []
    for night in _by_night(readings):
        if step := _step(known, night, resolved):
            steps.append(step)
    return steps


def _by_night(readings: Iterable[Reading]) -> Iterable[list[Reading]]:
    ordered = sorted(readings, key=lambda r: (r.night, r.run_id))
    for _, group in groupby(ordered, key=lambda r: r.night):
        runs = [list(run) for _, run in groupby(group, key=lambda r: r.run_id)]
        yield max(runs, key=lambda run: max((r.opening, r.look) for r in run))


def _step(known: _Known, night: Sequence[Reading], resolved: Sequence[int]) -> Step | None:
    failed = {r.asked: r for r in night if r.failed}
    known.failed = (known.failed - {r.asked for r in night}) | set(failed)
    where, look = (night[0].night, night[0].run_id), max(r.look for r in night)
    if not failed:
        gone = known.there and not known.failed
        known.there = known.there and not gone
        return Step(*where, look, "gone") if gone else None
    shares = {asked: s for asked, r in failed.items() if (s := share_of(r.violated, r.total))}
    word = _word(known, shares, look, resolved)
    # a slow drift is held against where it began
    known.shares = shares | known.shares if word == "still there" else shares
    known.look, known.there = look, True
    worst = max(failed.values(), key=_badness)
    return Step(*where, look, word, worst.violated, worst.total)


def _word(known: _Known, shares: dict[int, Share], look: int, resolved: Sequence[int]) -> Word:
    if not known.look:
        return "new"
    if not known.there or any(known.look <= at < look for at in resolved):
        return "came back"
    ways = {compare(known.shares.get(asked), share) for asked, share in shares.items()}
    if 1 in ways and -1 not in ways:
        return "worse"
    return "better" if -1 in ways and 1 not in ways else "still there"


def _badness(reading: Reading) -> tuple[float, int, int]:
    share = share_of(reading.violated, reading.total)
    return share.value if share else -1.0, reading.violated or 0, -reading.asked
