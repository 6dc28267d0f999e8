"""What identifies whoever it is: registration and telephone numbers, passports, addresses; `patterns.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from etl.files import packaged

_CLASSES = {
    "<d>": r"\p{Nd}",
    "<m>": r"[\p{Pd}\x{2212}\x{2043}\x{3161}\x{30fc}]",
    "<s>": r"[\s\p{Z}\x{200b}\x{feff}\x{3164}]{0,2}",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a kind of identifier is written in folded text; `needs` so many digits, `holds` one of these."""

    kind: str
    needs: int
    holds: tuple[str, ...]
    any: tuple[re.Pattern[str], ...]


@cache
def _said() -> Any:
    return yaml.safe_load(packaged(__name__, "patterns.yaml"))


@cache
def in_texts() -> tuple[Pattern, ...]:
    """The patterns of free text."""
    return tuple(
        Pattern(kind, said["needs"], tuple(said.get("holds", ())), tuple(map(re.compile, said["any"])))
        for kind, said in _said()["texts"].items()
    )


@cache
def in_columns() -> tuple[str, ...]:
    """The patterns, of the engine, that no plain column may hold."""
    return tuple(re.sub("<[dms]>", lambda found: _CLASSES[found[0]], pattern) for pattern in _said()["columns"])
