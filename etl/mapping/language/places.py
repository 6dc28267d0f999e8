"""Where something is written: its keys from the top, and the file and line of each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

Path_ = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; `text` as it stands there, when YAML reads it as something else than a text."""

    file: str
    line: int
    text: str = ""
