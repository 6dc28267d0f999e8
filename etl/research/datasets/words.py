"""The words of a definition, as they are written in `dataset.yaml`; what they mean together: `definition.py`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")  # no longer than what Stata and SAS call a column
Take = Literal["last", "first", "min", "max", "mean", "count", "any", "days_to", "days_exposed"]
#: What is taken of values, and not of rows or days.
OF_VALUES = frozenset({"last", "first", "min", "max", "mean"})
Refresh = Literal["nightly", "weekly", "by_hand"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    """One text in both languages of the pages."""

    en: Annotated[str, Field(min_length=1)]
    ko: Annotated[str, Field(min_length=1)]


class _Named(_Strict):
    name: str
    title: Words | None = None
    of: str | None = None
    table: str | None = None
    value: str | None = None
    unit: Annotated[int, Field(gt=0)] | None = None
    within: Annotated[tuple[int | None, int | None], Field(description="days from the index day, first and last")] = (
        None,
        None,
    )

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("expected 1 to 32 small letters, digits and _, a letter first")
        return value

    @field_validator("within", mode="after")
    @classmethod
    def _forward(cls, value: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
        first, last = value
        if first is not None and last is not None and last < first:
            raise ValueError("ends before it starts")
        return value

    def window(self, days: str) -> str:
        """SQL condition: `days` from the index day lie in the window."""
        first, last = self.within
        sides = [f"{days} >= {first:d}" if first is not None else "", f"{days} <= {last:d}" if last is not None else ""]
        return " and ".join(filter(None, sides)) or "true"


class Variable(_Named):
    """One column: `take` something of a concept set's rows, what somebody `is` on the index day, or an `index`."""

    take: Take | None = None
    is_: Annotated[str | None, Field(alias="is")] = None
    index: Literal["charlson"] | None = None

    @property
    def never_missing(self) -> bool:
        """Whether no row is an answer, too: none was counted."""
        return self.take in ("count", "any", "days_exposed") or self.index is not None


class Long(_Named):
    """A long table: a row an event of a concept set, where one column would lie."""


class Written(_Strict):
    """A `dataset.yaml`."""

    title: Words
    says: Words
    owner: Annotated[str, Field(min_length=1)]
    contact: str | None = None
    licence: str | None = None
    literature: tuple[str, ...] = ()
    refresh: Refresh = "by_hand"
    keep: Annotated[int, Field(ge=1)] = 24
    cohort: str | dict[str, Any]
    concept_sets: dict[str, Any] = {}
    variables: tuple[Variable, ...]
    long: tuple[Long, ...] = ()
