"""What is found: a rule and where, never what stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 12  # places of one rule in one file that are named


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A part of a file (a sheet, a table; 0: the file), a line or row, and a column, counted from 1; 0: all of it."""

    part: int = 0
    row: int = 0
    column: int = 0

    def __str__(self) -> str:
        words = [("part", str(self.part)), ("row", str(self.row)), ("column", letters(self.column))]
        return " ".join(f"{word} {at}" for word, at in words if at not in {"0", ""}) or "the file"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule of `rules.yaml` that a file breaks, at some places, `places` of them named."""

    file: str
    rule: str
    places: tuple[Place, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Found:
    """One place at which a rule is broken, before the places of a file are put together."""

    rule: str
    place: Place = Place()


def letters(column: int) -> str:
    """A column as spreadsheets name it: 1 is A, 27 is AA; 0 is nothing."""
    said = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        said = chr(65 + rest) + said
    return said


def together(file: str, found: Iterable[Found]) -> list[Finding]:
    """One finding a rule, in the order in which the rules were first broken."""
    places: dict[str, set[Place]] = {}
    for each in found:
        places.setdefault(each.rule, set()).add(each.place)
    return [Finding(file, rule, tuple(sorted(at)[:_SHOWN]), len(at)) for rule, at in places.items()]
