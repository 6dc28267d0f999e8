"""The nights of one finding as its page shows them: what every check saw, side by side, and its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from etl.pages.disclosure import few, in_steps
from etl.quality.findings.read import Seen, TrackedDetail
from etl.store.ledger.tracking import BATTERY

NIGHTS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class CheckSeen:
    """One check that sees a finding, `place` being its number on the page, and what it said last."""

    place: int
    name: str
    says: str
    is_of_battery: bool
    last: Seen


@dataclass(frozen=True, slots=True)
class NightSeen:
    """One night: the word of the course where there is one, and what each check saw, in the order of the checks."""

    night: date
    run_id: str
    word: str | None
    signs: tuple[Seen | None, ...]


def checks_of(detail: TrackedDetail) -> tuple[CheckSeen, ...]:
    """The checks that see a finding, those that failed last first."""
    newest: dict[str, Seen] = {}
    for sign in detail.signs:
        newest.setdefault(sign.check, sign)
    ordered = sorted(newest.values(), key=lambda sign: (not sign.failed, -(sign.violated or 0), sign.check))
    return tuple(
        CheckSeen(place, sign.check, sign.says or sign.check, sign.kind == BATTERY, sign)
        for place, sign in enumerate(ordered, 1)
    )


def nights_of(detail: TrackedDetail, checks: Sequence[CheckSeen]) -> tuple[NightSeen, ...]:
    """The newest nights, the newest first; of several looks on a night the last one of each check counts."""
    words: Mapping[date, str] = {step.night: step.word for step in reversed(detail.course)}
    seen: dict[date, dict[str, Seen]] = {}
    for sign in detail.signs:
        if not sign.withdrawn:
            seen.setdefault(sign.night, {}).setdefault(sign.check, sign)
    return tuple(
        NightSeen(night, next(iter(said.values())).run_id, words.get(night),
                  tuple(said.get(check.name) for check in checks))
        for night, said in list(seen.items())[:NIGHTS_SHOWN]
    )  # fmt: skip


def share_told(sign: Seen | None, small_cell: int) -> float | None:
    """The share that a chart draws, 0 to 1: of fewer rows than a small cell the one in steps, as it is told."""
    if sign is None or (sign.violated is None and sign.failed):
        return None
    violated, total = sign.violated or 0, sign.total or 0
    hidden = few(small_cell, violated, total)
    of = in_steps(total, few(small_cell, total)) or 1
    return min(1.0, in_steps(violated, hidden) / of)
