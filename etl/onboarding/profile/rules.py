"""What a profile knows beforehand, from YAML files beside it: names and shapes of identifiers, formats of dates."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from etl.files import packaged


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a date or time; `kind` is date, datetime or time."""

    name: str
    kind: str
    pattern: str
    parse: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Values that are an identifier of a kind whatever the column is called."""

    kind: str
    pattern: str
    share: float
    distinct: int
    spread: float


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it, compiled."""

    names: dict[str, re.Pattern[str]]
    free_text: re.Pattern[str]
    shapes: tuple[Shape, ...]
    anywhere: str
    formats: tuple[Format, ...]
    readable: float
    bare_time_values: int
    flags: tuple[str, ...]

    def named(self, column: str) -> str | None:
        """The kind of identifier that a column's name says, or None."""
        name = plain_name(column)
        return next((kind for kind, pattern in self.names.items() if pattern.fullmatch(name)), None)


def plain_name(name: str) -> str:
    """A name as patterns see it: composed Hangul, lower case, letters and digits only."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).lower()


def any_of(patterns: list[str]) -> re.Pattern[str]:
    """One pattern that matches what any of the given ones does."""
    return re.compile("|".join(f"(?:{p})" for p in patterns))


def _read_yaml(name: str) -> Any:
    """A YAML file of this package."""
    return yaml.safe_load(packaged(__name__, name))


@cache
def rules() -> Rules:
    """The rules of the project."""
    known, written = _read_yaml("identifiers.yaml"), _read_yaml("formats.yaml")
    return Rules(
        {kind: any_of(patterns) for kind, patterns in known["names"].items()},
        any_of(known["free_text"]),
        tuple(
            Shape(kind, s["pattern"], s["share"], s.get("distinct", 1), s.get("spread", 0.0))
            for kind, s in known["shapes"].items()
        ),
        known["anywhere"],
        tuple(Format(**f) for f in written["formats"]),
        written["share"],
        written["bare_time_values"],
        tuple(written["flags"]),
    )
