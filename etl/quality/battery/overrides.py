"""Thresholds that one hospital has otherwise, why, and until which night.

`expectations/dqd/overrides/<hospital>.yaml` is a list of items: `check` (its id), `threshold` (percent), `reason`,
`until` (its last day: what was meant for a while does not stay for good).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from etl import yamls
from etl.errors import ConfigError, nearest

FOLDER = "overrides"


class Override(BaseModel):
    """Another threshold for one check of one hospital, in percent, up to the night `until`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    threshold: Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    until: date


def read_overrides(folder: Path, hospital: str, known: Collection[str]) -> dict[str, Override]:
    """The overrides of a hospital by id of the check, none where it has no file.

    ConfigError with everything that is wrong with them; `known` are the ids of all checks.
    """
    file = folder / FOLDER / f"{hospital}.yaml"
    if not file.exists():
        return {}
    try:
        items = yamls.load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ConfigError(f"{file} is no YAML", hint="correct it") from None
    if not isinstance(items, list):
        raise ConfigError(
            f"{file}: expected a list of items with check, threshold, reason and until", hint="correct it"
        )
    found: dict[str, Override] = {}
    wrong: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            said = Override.model_validate(item)
        except ValidationError as error:
            wrong += [f"{file}, item {number}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            continue
        if said.check not in known:
            wrong.append(f"{file}, item {number}: there is no check '{said.check}'{nearest(said.check, known)}")
        elif said.check in found:
            wrong.append(f"{file}, item {number}: {said.check} is overridden twice")
        found[said.check] = said
    if wrong:
        raise ConfigError("\n".join(wrong), hint="correct the items named above")
    return found
