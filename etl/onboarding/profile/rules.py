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
    """One way to write a date or time; `kind` is date, datetime or time.

    Formats that are `alike` read the same texts; one that is not `native` a contract must be told.
    """

    name: str
    kind: str
    pattern: str
    parse: str
    alike: str = ""
    native: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """Values that are an identifier of a kind whatever the column is called; `name` is its own among the shapes.

    `alone`: one value written so is telling, so that a header which holds it is a row of data.
    """

    name: str
    kind: str
    pattern: str
    share: float
    distinct: int
    spread: float
    alone: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it, compiled."""

    names: dict[str, re.Pattern[str]]
    people: re.Pattern[str]
    free_text: re.Pattern[str]
    shapes: tuple[Shape, ...]
    anywhere: str
    formats: tuple[Format, ...]
    readable: float
    years: tuple[int, int, int]  # the first and the last of records, the first of open ends
    bare_time_values: int
    flags: tuple[str, ...]
    codes: dict[str, str]
    no_tables: dict[str, bytes]

    def named(self, column: str) -> str | None:
        """The kind of identifier that a column's name says, or None."""
        name = plain_name(column)
        return next((kind for kind, pattern in self.names.items() if pattern.fullmatch(name)), None)

    def format(self, name: str) -> Format:
        """A format by its name."""
        return next(f for f in self.formats if f.name == name)


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
        any_of(known["people"]),
        any_of(known["free_text"]),
        tuple(
            Shape(
                name,
                s.get("kind", name),
                s["pattern"],
                s["share"],
                s.get("distinct", 1),
                s.get("spread", 0.0),
                s.get("alone", False),
            )
            for name, s in known["shapes"].items()
        ),
        known["anywhere"],
        tuple(Format(**f) for f in written["formats"]),
        written["share"],
        (written["years"]["first"], written["years"]["last"], written["years"]["open_end"]),
        written["bare_time_values"],
        tuple(written["flags"]),
        dict(written["codes"]),
        {what: bytes.fromhex(first) for what, first in written["no_tables"].items()},
    )
