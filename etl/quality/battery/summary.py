"""What many verdicts come to: by category after Kahn, by Korean quality dimension, and as one error rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl.quality.battery.judge import Result, Status

CATEGORIES = ("Conformance", "Completeness", "Plausibility")
DIMENSIONS = {
    "completeness": "완전성",
    "validity": "유효성",
    "consistency": "일관성",
    "accuracy": "정확성",
    "uniqueness": "유일성",
}
SEVERITIES = ("fatal", "convention", "characterization")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many checks ended how; `violated` of `of` are the figures of all that were answered."""

    name: str
    statuses: Counter[Status]
    violated: int
    of: int

    @property
    def held(self) -> float:
        """The share of what was looked at that holds, 0 to 1; 1 where there was nothing."""
        return 1 - self.violated / self.of if self.of else 1.0


def tally(name: str, results: Iterable[Result]) -> Tally:
    """Count some results; what was not answered counts for no figure."""
    every = list(results)
    answered = [r for r in every if r.status in ("passed", "failed")]
    return Tally(name, Counter(r.status for r in every), sum(r.violated for r in answered), sum(r.of for r in answered))


def by_category(results: Sequence[Result]) -> list[Tally]:
    """Conformance, completeness and plausibility."""
    return [tally(c, (r for r in results if r.check.type.category == c)) for c in CATEGORIES]


def by_dimension(results: Sequence[Result]) -> list[Tally]:
    """The five dimensions that Korean quality reports are divided into."""
    return [
        tally(f"{ko} ({name})", (r for r in results if r.check.type.dimension == name))
        for name, ko in DIMENSIONS.items()
    ]


def errors(results: Iterable[Result]) -> Tally:
    """What is wrong by itself: its `held` stands beside the accuracy that certifications ask for."""
    return tally("errors", (r for r in results if r.check.type.is_error))


def worst_first(results: Iterable[Result]) -> list[Result]:
    """What failed or gave no answer: the grave first, among these the largest share."""
    bad = [r for r in results if r.status in ("failed", "error")]
    return sorted(bad, key=lambda r: (SEVERITIES.index(r.check.type.severity), -r.share, -r.violated, r.check.id))
