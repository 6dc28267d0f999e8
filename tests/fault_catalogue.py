"""The catalogue of faults that a hospital's night may have (`data/faults/*.yaml`), each with how it is made."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

CATALOGUE = Path(__file__).parent / "data" / "faults"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Strict):
    """What is done to one file of a delivery; exactly one of `set`, `drop`, `add`, `sql`, `bytes` and `take`.

    SQL is DuckDB's over the file as the table `t`, every column text, `_n` its row from 1; other files of the delivery
    are tables by their names in the layout. Of the rows of which `where` holds, the share that is tried is struck.
    """

    file: str = Field(description="name in the layout of the sample, without what the hospital adds to it")
    where: str = "true"
    set: dict[str, str] | None = Field(None, description="columns of the rows that are struck, and their new values")
    drop: bool = Field(False, description="the rows that are struck are gone")
    add: dict[str, str] | None = Field(None, description="the rows that are struck come again, with these values")
    sql: str | None = Field(None, description="all rows of the file; `hit` tells which are struck")
    bytes: (
        Literal["cut", "tail", "gone", "empty", "recode", "delimiter", "bom", "no_header", "quote", "header_only"]
        | None
    ) = None
    take: Literal["month_before", "other_hospital"] | None = Field(None, description="whose file it is")

    @model_validator(mode="after")
    def _one(self) -> Change:
        said = [self.set, self.add, self.sql, self.bytes, self.take, self.drop or None]
        if sum(s is not None for s in said) != 1:
            raise ValueError("say one of set, drop, add, sql, bytes and take")
        return self


class Setting(_Strict):
    """A text of the hospital's or the shared mappings, and what it says instead; `old` none: the whole file."""

    file: str
    old: str | None = None
    new: str


class Fault(_Strict):
    """One fault: in words, where, how large it really is, and which words lead to it.

    `shares` are shares of rows, the realistic one first, then smaller ones. `leads`: patterns of which one finding's
    table, column, sentence and figures hold all. `manifest`: whether the hospital's manifest lists the file as it is;
    it does unless something befell the file on its way.
    """

    id: str
    en: str
    ko: str
    hospital: str
    from_: str = Field(alias="from", description="what it is drawn from: sources, conventions, cases, published")
    shares: tuple[float, ...] = (1.0,)
    change: tuple[Change, ...] = ()
    mappings: tuple[Setting, ...] = ()
    vocabulary: dict[str, str] = Field(default_factory=dict, description="file of the release: SQL over it as `t`")
    stale: bool = Field(False, description="the delivery of the night before comes again under this night's date")
    manifest: bool = True
    leads: tuple[str, ...]

    @property
    def title(self) -> str:
        """Both names."""
        return f"{self.en} · {self.ko}"


@cache
def catalogue(folder: Path = CATALOGUE) -> tuple[Fault, ...]:
    """All faults, file by file."""
    found = [
        Fault.model_validate(said)
        for file in sorted(folder.glob("*.yaml"))
        for said in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]
    names = [fault.id for fault in found]
    if len(set(names)) < len(names):
        raise ValueError(f"twice in the catalogue: {sorted({n for n in names if names.count(n) > 1})}")
    return tuple(found)
