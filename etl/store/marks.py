"""How far a key store had come: enough to know it again, and nothing of anybody whose number it handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest number of one kind, and a keyed hash of all that were handed out up to it ('': not known)."""

    highest: int
    chain: str


@dataclass(frozen=True, slots=True)
class Marks:
    """A store's id ('': not known) and its mark by namespace."""

    store: str
    by_namespace: Mapping[str, Mark] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For a file in the lake."""
        return {"store": self.store, "marks": {n: [m.highest, m.chain] for n, m in self.by_namespace.items()}}

    def rows(self) -> list[tuple[str, str, int, str]]:
        """For a table: namespace, store, highest, chain."""
        return [(n, self.store, m.highest, m.chain) for n, m in sorted(self.by_namespace.items())]


@dataclass(frozen=True, slots=True)
class SaidMarks:
    """The shape of `as_json`."""

    store: str
    marks: dict[str, tuple[int, str]]

    def read(self) -> Marks:
        """The marks that were said."""
        return Marks(self.store, {n: Mark(highest, chain) for n, (highest, chain) in self.marks.items()})


def marks_from(rows: list[tuple[str, str, int, str]]) -> Marks | None:
    """What `rows` said; None where there are none."""
    return Marks(rows[0][1], {n: Mark(highest, chain) for n, _, highest, chain in rows}) if rows else None


def further(one: Marks | None, other: Marks | None) -> Marks | None:
    """Of two marks of one store those that are further, namespace by namespace."""
    if one is None or other is None:
        return one or other
    both = [*one.by_namespace.items(), *other.by_namespace.items()]
    furthest: dict[str, Mark] = {}
    for namespace, mark in both:
        last = furthest.get(namespace)
        if last is None or (mark.highest, mark.chain) > (last.highest, last.chain):
            furthest[namespace] = mark
    return Marks(other.store or one.store, furthest)
