"""The rules of what may leave: `rules.yaml`, a project's own file on it, and the hospitals' floor below both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from etl import yamls
from etl.errors import ConfigError, nearest
from etl.files import packaged, read_bytes
from etl.pages.disclosure import is_few
from etl.quality.battery.definition import Words

Verdict = Literal["refuse", "person"]
_FORM = "it has `limits:` (name: {value, why, source}) and `findings:` (name: {verdict}); see docs/disclosure.md"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Strict):
    """A number that rules measure by, why it is so, and whose it is."""

    value: float = Field(ge=0)
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Rule(_Strict):
    """What becomes of a file in which it is found, and what its author reads."""

    verdict: Verdict
    title: Words
    why: str
    do: str


class Rules(_Strict):
    """All of the file; `floor` is the largest `small_cell` of the hospitals, below which no threshold goes."""

    limits: dict[str, Limit]
    findings: dict[str, Rule]
    floor: int = 1

    @model_validator(mode="after")
    def _shares(self) -> Rules:
        for name in ("dominance_k", "alike"):
            if self.limits[name].value > 1:
                raise ValueError(f"limits.{name} is a share, at most 1")
        return self

    def limit(self, name: str) -> float:
        """The value of a limit."""
        return self.limits[name].value

    @cached_property
    def threshold(self) -> int:
        """The smallest count above nothing that may be shown."""
        return max(int(self.limit("threshold")), self.floor)

    def is_small(self, number: float) -> bool:
        """Whether a count is of somebody, and of too few."""
        return is_few(number, self.threshold)


@cache
def _packaged() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(packaged(__name__, "rules.yaml"))
    return said


def read_rules(own: Path | None = None, floor: int = 1) -> Rules:
    """The rules that come with the program, with what a project's `own` file sets otherwise.

    Raises ConfigError where that file names what there is not, or says no reason.
    """
    said = _packaged()
    if own is not None:
        said = _laid_over(said, _read(own), own)
    try:
        return Rules.model_validate({**said, "floor": floor})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{own}: {where}: {first['msg']}", hint=_FORM) from None


def _read(own: Path) -> Mapping[str, Any]:
    try:
        said = yamls.load(read_bytes(own).decode("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there are no rules at {own}", hint="name the project's file of rules") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{own} cannot be read: {type(error).__name__}", hint=_FORM) from None
    if not isinstance(said, dict) or not all(isinstance(part, dict) for part in said.values()):
        raise ConfigError(f"{own} is no file of rules", hint=_FORM)
    return said


def _laid_over(below: Mapping[str, Any], own: Mapping[str, Any], file: Path) -> dict[str, Any]:
    merged = {name: dict(part) for name, part in below.items()}
    for part, entries in own.items():
        if part not in merged:
            raise ConfigError(f"{file}: {part} is no part of the rules{nearest(part, merged)}", hint=_FORM)
        for name, entry in entries.items():
            if name not in merged[part]:
                raise ConfigError(f"{file}: there is no {part}.{name}{nearest(str(name), merged[part])}", hint=_FORM)
            if part == "limits":
                merged[part][name] = entry
            elif isinstance(entry, dict) and set(entry) == {"verdict"}:
                merged[part][name] = {**merged[part][name], **entry}
            else:
                raise ConfigError(f"{file}: {part}.{name} may say its verdict, and nothing else", hint=_FORM)
    return merged
