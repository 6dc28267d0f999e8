"""Tables and fields of the CDM v5.4, read from `tables.csv` and `fields.csv`.

Source of the facts: OHDSI's specification files `OMOP_CDMv5.4_Table_Level.csv` and `OMOP_CDMv5.4_Field_Level.csv`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Schema = Literal["cdm", "vocab", "results"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column: `type` as the specification writes it, such as `varchar(50)`."""

    name: str
    type: str
    required: bool
    primary_key: bool
    fk_table: str | None
    fk_field: str | None
    fk_domain: str | None

    @property
    def length(self) -> int | None:
        """Longest text the column holds, or None."""
        inside = self.type.partition("(")[2].rstrip(")")
        return int(inside) if inside.isdigit() else None

    @property
    def duckdb_type(self) -> str:
        """The column's DuckDB type; every integer that may carry an id of ours is a BIGINT."""
        if self.type.startswith("varchar"):
            return "VARCHAR"
        if self.type == "integer":
            return "BIGINT" if self.is_id else "INTEGER"
        return {"float": "DOUBLE", "datetime": "TIMESTAMP", "date": "DATE"}[self.type]

    @property
    def is_id(self) -> bool:
        """Whether the column holds ids that are ours (concept ids above 2 billion are local ones)."""
        return self.name.endswith("_id") or "concept_id" in self.name or self.name.startswith("fact_id")


@dataclass(frozen=True, slots=True)
class Table:
    """One table with its fields in the order of the specification."""

    name: str
    schema: Schema
    fields: tuple[Field, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(f.name for f in self.fields)

    @property
    def id_column(self) -> str | None:
        """The column whose range tells whose rows they are: the primary key, else `person_id`."""
        key = next((f.name for f in self.fields if f.primary_key), None)
        return key or ("person_id" if "person_id" in self.columns else None)


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("etl.cdm").joinpath(name).read_text(encoding="utf-8").splitlines()))


@cache
def tables() -> dict[str, Table]:
    """All 39 tables by name."""
    fields: dict[str, list[Field]] = {}
    for row in _rows("fields.csv"):
        fields.setdefault(row["table"], []).append(
            Field(
                name=row["field"],
                type=row["type"],
                required=row["required"] == "1",
                primary_key=row["primary_key"] == "1",
                fk_table=row["fk_table"] or None,
                fk_field=row["fk_field"] or None,
                fk_domain=row["fk_domain"] or None,
            )
        )
    schemas: dict[str, Schema] = {"cdm": "cdm", "vocab": "vocab", "results": "results"}
    return {r["table"]: Table(r["table"], schemas[r["schema"]], tuple(fields[r["table"]])) for r in _rows("tables.csv")}


def hospital_tables() -> dict[str, Table]:
    """Tables whose rows belong to one hospital each: schema `cdm` with an id or person column."""
    return {n: t for n, t in tables().items() if t.schema == "cdm" and t.id_column is not None}


def vocabulary_tables() -> dict[str, Table]:
    """Tables of the standardised vocabularies."""
    return {n: t for n, t in tables().items() if t.schema == "vocab"}
