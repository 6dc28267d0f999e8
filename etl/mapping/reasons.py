"""Reason codes in words, from `reasons.yaml`: why rows are rejected, quarantined, filtered or changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml


@cache
def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Outcome, code → `title` and `text`."""
    loaded: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
        Path(__file__).with_name("reasons.yaml").read_text(encoding="utf-8")
    )
    return loaded
