"""Which checks of the battery fail where: asked for by hospital, category, dimension and words, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.pages.language import noted
from etl.quality.battery.checks import Check
from etl.quality.battery.judge import Result
from etl.quality.battery.newest import Judged
from etl.quality.battery.summary import CATEGORIES, DIMENSIONS, SEVERITIES, Tally, tally

#: Categories (after Kahn), dimensions and severities in words of the catalogue.
CATEGORY_NAMES = (noted("Conformance"), noted("Completeness"), noted("Plausibility"))
DIMENSION_NAMES = (
    noted("completeness"), noted("validity"), noted("consistency"), noted("accuracy"), noted("uniqueness"),
)  # fmt: skip
SEVERITY_NAMES = {
    "fatal": noted("grave"), "convention": noted("against the rules"), "characterization": noted("noteworthy"),
}  # fmt: skip
CHECKS_OF_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class ChecksAsked:
    """Which checks are asked for; an empty text asks for all."""

    hospital: str = ""
    category: str = ""
    dimension: str = ""
    severity: str = ""
    text: str = ""

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """As a link says it."""
        said = (("hospital", self.hospital), ("category", self.category), ("dimension", self.dimension),
                ("severity", self.severity), ("text", self.text))  # fmt: skip
        return tuple((name, value) for name, value in said if value)

    def has(self, check: Check) -> bool:
        """Whether a check is among them."""
        kind = check.type
        return (
            (not self.category or kind.category == self.category)
            and (not self.dimension or kind.dimension == self.dimension)
            and (not self.severity or kind.severity == self.severity)
            and all(
                w in f"{check.id} {check.sentence()} {check.sentence('ko')}".lower() for w in self.text.lower().split()
            )
        )


@dataclass(frozen=True, slots=True)
class Failing:
    """A check that fails or gave no answer somewhere, with its verdicts by hospital."""

    check: Check
    results: Mapping[str, Result]

    @property
    def bad(self) -> list[Result]:
        """Where it fails or gave no answer."""
        return [r for r in self.results.values() if r.status in ("failed", "error")]


def failing(nights: Sequence[Judged], asked: ChecksAsked) -> list[Failing]:
    """The checks that fail at an asked hospital: the grave first, then where most hospitals fail, then by share."""
    found: dict[str, dict[str, Result]] = defaultdict(dict)
    for night in nights:
        for result in night.results:
            found[result.check.id][night.hospital] = result
    whose = [asked.hospital] if asked.hospital else [night.hospital for night in nights]
    chosen = [
        Failing(next(iter(results.values())).check, results)
        for results in found.values()
        if any(results[h].status in ("failed", "error") for h in whose if h in results)
    ]
    return sorted((each for each in chosen if asked.has(each.check)), key=_worst_first)


def crossed(nights: Sequence[Judged], hospital: str = "") -> dict[str, list[Tally]]:
    """By category, the verdicts of each dimension, of one hospital or of all."""
    cells: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for night in nights:
        if not hospital or night.hospital == hospital:
            for result in night.results:
                cells[result.check.type.category, result.check.type.dimension].append(result)
    return {category: [tally(dimension, cells[category, dimension]) for dimension in DIMENSIONS]
            for category in CATEGORIES}  # fmt: skip


def _worst_first(each: Failing) -> tuple[int, int, float, str]:
    kind = each.check.type
    return SEVERITIES.index(kind.severity), -len(each.bad), -max(r.share for r in each.bad), each.check.id
