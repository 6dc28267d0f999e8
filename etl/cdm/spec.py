"""Tables and fields of the CDM v5.4, read from `tables.csv` and `fields.csv`.

Source of the facts: OHDSI's specification files `OMOP_CDMv5.4_Table_Level.csv` and `OMOP_CDMv5.4_Field_Level.csv`; the
concepts of tables and domains are those of the standardised vocabularies `CDM` and `Domain`. `owner` is ours.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import Literal

from etl.files import packaged
from etl.sql import quote


def empty(table: Table) -> str:
    """SQL of the table without rows."""
    return "select " + ", ".join(f"null::{f.duckdb_type} as {quote(f.name)}" for f in table.fields) + " where false"


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
    """One table with its fields in the order of the specification.

    `owner` is SQL over its columns: the id of the person, staff or place (of the hospital, for `metadata`) that a row
    belongs to. `domain`, `domain_concept` and `field_concept` are how other rows name the table when they refer to it.
    """

    name: str
    schema: Schema
    fields: tuple[Field, ...]
    owner: str | None
    domain: str | None
    domain_concept: int | None
    field_concept: int | None

    @property
    def id_column(self) -> str | None:
        """The column that names a row: the primary key, else `person_id`."""
        key = next((f.name for f in self.fields if f.primary_key), None)
        return key or ("person_id" if "person_id" in self.columns else None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(f.name for f in self.fields)

    @property
    def personal(self) -> bool:
        """Whether every row belongs to a person (and not to staff, a place or the hospital itself)."""
        keys = {f.name for f in self.fields if f.primary_key}
        return self.owner is not None and (self.owner == "person_id" or self.owner not in keys)


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(packaged(__name__, name).splitlines()))


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
    return {
        row["table"]: Table(
            name=row["table"],
            schema=schemas[row["schema"]],
            fields=tuple(fields[row["table"]]),
            owner=row["owner"] or None,
            domain=row["domain"] or None,
            domain_concept=int(row["domain_concept_id"]) if row["domain_concept_id"] else None,
            field_concept=int(row["field_concept_id"]) if row["field_concept_id"] else None,
        )
        for row in _rows("tables.csv")
    }


def hospital_tables() -> dict[str, Table]:
    """Tables whose rows belong to one hospital each."""
    return {n: t for n, t in tables().items() if t.owner is not None}


def vocabulary_tables() -> dict[str, Table]:
    """Tables of the standardised vocabularies."""
    return {n: t for n, t in tables().items() if t.schema == "vocab"}
