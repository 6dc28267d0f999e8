"""That a space was destroyed, as it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was destroyed, when it was ordered and done (UTC), by whom, why. Few persons and rows are
    told as everywhere; `digests` are SHA-256 of what there was."""

    name: str
    title: str
    persons: str
    rows: Mapping[str, str]
    built_at: str
    digests: Mapping[str, str]
    by: str
    reason: str
    ordered_at: str
    destroyed_at: str = ""
