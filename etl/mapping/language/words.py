"""What all models of the language are made of: strict keys, SQL expressions, concept ids."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field

Sql = Annotated[
    str,
    Field(
        min_length=1,
        description="a column name, or a SQL expression over the source's columns",
        json_schema_extra={"format": "sql"},
    ),
]
ConceptId = Annotated[int, Field(ge=0, description="a concept id that holds for every row")]


class Strict(BaseModel):
    """A model that refuses keys it does not know, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def known_zone(name: str) -> str:
    """The name of a time zone; ValueError when there is none of that name."""
    if name not in available_timezones():
        raise ValueError("is no time zone; expected a name such as Asia/Seoul or UTC")
    return name
