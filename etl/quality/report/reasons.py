"""Reason codes in words, from `reasons.yaml`, with the rows and sources behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from etl.mapping.reasons import texts
from etl.quality.report.figures import ChangeCount, ReasonCount


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with its explanation, its rows, and the sources the rows came from.

    `rule`: it is the name of a hospital's own rule, which says what is kept; it does not hold for these rows.
    """

    code: str
    title: str
    text: str
    rows: int
    sources: tuple[ReasonCount, ...]
    rule: bool = False


def explained(counts: Sequence[ReasonCount], outcome: str) -> list[Reason]:
    """The reasons of one outcome in the order of `counts`, which come sorted by reason."""
    chosen = [c for c in counts if c.outcome == outcome]
    return [_reason(outcome, code, tuple(part)) for code, part in groupby(chosen, lambda c: c.reason)]


@dataclass(frozen=True, slots=True)
class Changed:
    """One kind of change with its explanation and where it befell rows."""

    title: str
    text: str
    rows: int
    places: tuple[ChangeCount, ...]


def changed(counts: Sequence[ChangeCount]) -> list[Changed]:
    """The kinds of change in the order of `counts`, which come sorted by kind."""
    known = texts()["changed"]
    found = []
    for code, part in groupby(counts, lambda c: c.change):
        places = tuple(part)
        said = known.get(code, {"title": code, "text": ""})
        found.append(Changed(said["title"], said["text"], sum(p.rows for p in places), places))
    return found


def _reason(outcome: str, code: str, sources: tuple[ReasonCount, ...]) -> Reason:
    """Filtered rows carry the rule's own name, and an unknown code says itself."""
    known = texts().get(outcome, {}).get(code)
    rule = known is None and outcome == "filtered"
    said = known or {"title": code, "text": ""}
    return Reason(code, said["title"], said["text"], sum(s.rows for s in sources), sources, rule)
