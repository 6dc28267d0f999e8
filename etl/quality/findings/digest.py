"""What a quality officer is told in the morning: how many findings of each hospital are news, wait or are late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

from etl.pages.formats import plural
from etl.quality.findings.actions import today
from etl.quality.findings.read import Tracked, list_findings
from etl.store.ledger.ledger import Ledger

_SOON = timedelta(days=7)
_WORDS = {
    "needs_a_person": "for a person", "came_back": "came back", "in_work": "in work",
    "waivers_ending": "waived for a week at most",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of findings of one hospital, as on a day; nothing else of them."""

    hospital: str
    needs_a_person: int
    new: int
    came_back: int
    worse: int
    late: int
    in_work: int
    waivers_ending: int


def digest(ledger: Ledger, day: date | None = None) -> list[Counts]:
    """The counts of each hospital that has findings; `day` is the day in Korea."""
    found, on = list_findings(ledger), day or today()
    return [_counts(hospital, [f for f in found if f.hospital == hospital], on)
            for hospital in sorted({f.hospital for f in found})]  # fmt: skip


def _counts(hospital: str, found: Sequence[Tracked], day: date) -> Counts:
    here = [f for f in found if f.state != "resolved"]

    def on_course(word: str) -> int:
        return sum(f.course == word for f in here)

    return Counts(
        hospital, sum(f.needs_a_person for f in here), on_course("new"), on_course("came back"), on_course("worse"),
        sum(f.is_late(day) for f in here), sum(f.state == "in_work" for f in here),
        sum(f.until is not None and f.until <= day + _SOON for f in here),
    )  # fmt: skip


def subject(counts: Sequence[Counts]) -> str:
    """The digest in one line."""
    waiting = sum(each.needs_a_person for each in counts)
    if not waiting:
        return "no finding needs a person"
    hospitals = sum(each.needs_a_person > 0 for each in counts)
    return f"{plural(waiting, 'finding')} of {plural(hospitals, 'hospital')} " + (
        "needs a person" if waiting == 1 else "need a person"
    )


def text(counts: Sequence[Counts]) -> str:
    """The digest as text: the one line, then a line for each hospital of which there is something to say."""
    lines = [f"{each.hospital}: {said}" for each in counts if (said := _line(each))]
    return "\n".join([subject(counts), *lines])


def _line(counts: Counts) -> str:
    return ", ".join(f"{n} {_WORDS.get(name, name)}" for name, n in _numbers(counts).items() if n)


def _numbers(counts: Counts) -> dict[str, int]:
    return {f.name: getattr(counts, f.name) for f in fields(Counts) if f.name != "hospital"}


def is_worth_telling(counts: Sequence[Counts]) -> bool:
    """Whether a person should know: something waits, is late, or a waiver ends soon."""
    return any(each.needs_a_person or each.late or each.waivers_ending for each in counts)
