"""The register as data: `register.yaml`."""

from __future__ import annotations

from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from etl.files import packaged
from etl.quality.battery.definition import Words
from etl.research.requests.chain import chain

#: Years that the law asks for after the destruction.
LEAST_YEARS = 3


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Part):
    """What a line of the register tells; `item` is the number of the Decree that asks for it."""

    title: Words
    item: int | None = Field(None, ge=1, le=6)


class Definition(_Part):
    """All of the file."""

    title: Words
    law: Words
    years: int = Field(ge=LEAST_YEARS)
    released_by: tuple[str, ...]
    columns: dict[str, Column]
    words: dict[str, Words]

    @field_validator("released_by")
    @classmethod
    def _moves(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(chain().moves):
            raise ValueError(f"there is no move {', '.join(sorted(unknown))}")
        return value


@cache
def definition() -> Definition:
    """The register of the package."""
    return Definition.model_validate(yaml.safe_load(packaged(__name__, "register.yaml")))
