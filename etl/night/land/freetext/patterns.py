"""What identifies whoever it is: registration and telephone numbers, passports, addresses; `patterns.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from etl.files import packaged

_DASHES = r"\p{Pd}\x{2212}\x{2043}\x{3161}\x{30fc}"
_CLASSES = {"d": r"\p{Nd}", "m": f"[{_DASHES}]", "s": r"[\s\p{Z}\x{200b}\x{feff}\x{3164}]", "dashes": _DASHES}


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a kind of identifier is written in folded text; `needs` digits, or `holds` one of these letters."""

    kind: str
    needs: int
    holds: str
    any: tuple[re.Pattern[str], ...]


@cache
def _said() -> Any:
    return yaml.safe_load(packaged(__name__, "patterns.yaml"))


@cache
def in_texts() -> tuple[Pattern, ...]:
    """The patterns of free text."""
    return tuple(
        Pattern(kind, said["needs"], said.get("holds", ""), tuple(map(re.compile, said["any"])))
        for kind, said in _said()["texts"].items()
    )


def in_columns() -> dict[str, str]:
    """The patterns, of the engine, that no plain column may hold, by kind."""
    return {kind: re.sub(r"<(d|m|s|dashes)>", lambda m: _CLASSES[m[1]], p) for kind, p in _said()["columns"].items()}
