"""The rules that a space is made by: a file of `policies/`, each rule with its reason for the board that reads it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from etl.errors import ConfigError, nearest
from etl.yamls import load

_PLACE = "etl.research.spaces"


class Told(BaseModel):
    """A text in English and in Korean."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str
    ko: str


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    why: Told


class Dates(_Rule):
    """`shift`: a person's days are moved by up to so many days; `weekdays`: by whole weeks; `times`: hours are told."""

    shift: Annotated[int, Field(ge=0, le=3650)]
    weekdays: bool
    times: bool


class Birth(_Rule):
    """`years` of birth that are one; above the age `oldest` everybody is one group."""

    years: Annotated[int, Field(ge=1, le=50)]
    oldest: Annotated[int, Field(ge=1, le=120)]


class Places(_Rule):
    """How far a place is told, and of how many persons of the space at least."""

    level: Literal["none", "state", "county"]
    fewest: Annotated[int, Field(ge=0)]


class Codes(_Rule):
    """Codes of fewer persons, in the space or in the whole warehouse, become one above them or concept 0."""

    fewest_in_space: Annotated[int, Field(ge=0)]
    fewest_in_warehouse: Annotated[int, Field(ge=0)]
    otherwise: Literal["ancestor", "hidden"]


class Text(_Rule):
    """Columns of text, `table.column`, that are told nevertheless."""

    keep: tuple[str, ...]


class Staff(_Rule):
    """Whether numbers of providers and care sites are left out or are new ones."""

    numbers: Literal["none", "renumbered"]


class Adequacy(_Rule):
    """What must hold over the quasi-identifiers `of`, and which share of persons may be left out so that it does."""

    of: tuple[str, ...]
    sensitive: tuple[str, ...]
    k: Annotated[int, Field(ge=1)]
    l: Annotated[int, Field(ge=1)]  # noqa: E741 - the measure's name
    t: Annotated[float, Field(ge=0, le=1)]
    risk: Annotated[float, Field(gt=0, le=1)]
    leave_out: Annotated[float, Field(ge=0, lt=1)]


class Policy(BaseModel):
    """All rules of one level; `says` tells what it does not hold against, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: Told
    says: Told
    dates: Dates
    birth: Birth
    places: Places
    codes: Codes
    text: Text
    staff: Staff
    adequacy: Adequacy

    def rules(self) -> dict[str, _Rule]:
        """The rules by name, in the order in which they are read."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: rule for name, rule in found.items() if isinstance(rule, _Rule)}


def policies() -> list[str]:
    """The names of all policies."""
    return sorted(file.name.removesuffix(".yaml") for file in files(_PLACE).joinpath("policies").iterdir())


@cache
def policy(name: str) -> Policy:
    """A policy by name; ConfigError where there is none."""
    if name not in policies():
        raise ConfigError(f"there is no policy '{name}'{nearest(name, policies())}", hint="correct `policy:`")
    text = files(_PLACE).joinpath("policies", f"{name}.yaml").read_text(encoding="utf-8")
    return Policy.model_validate({"name": name, **load(text)})


@cache
def offered() -> dict[str, dict[str, str | bool]]:
    """Tables that a space can hold, with `day`, `end` and `clipped` as `offered.yaml` says."""
    found: dict[str, dict[str, str | bool]] = yaml.safe_load(
        files(_PLACE).joinpath("offered.yaml").read_text(encoding="utf-8")
    )
    return found
