"""Which tables and fields a warehouse has, of which types, and to whom a row belongs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables

#: Tables, each with some of its fields.
Needs = Sequence[tuple[str, Sequence[str]]]
_WORDS = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT")
_WHOLE = (*_WORDS, "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT")


@dataclass(frozen=True, slots=True)
class Schema:
    """The types of the fields that are there, by table, all names in small letters."""

    fields: Mapping[str, Mapping[str, str]]

    def has(self, table: str, *fields: str) -> bool:
        """Whether a table and these of its fields are there."""
        return table in self.fields and all(f in self.fields[table] for f in fields)

    def lost(self, needs: Needs) -> list[str]:
        """Of several tables and some of their fields those that are missing."""
        missing = [f"the table {table}" for table, _ in needs if not self.has(table)]
        missing += [f"the field {t}.{f}" for t, named in needs for f in named if self.has(t) and not self.has(t, f)]
        return list(dict.fromkeys(missing))

    def is_whole(self, table: str, field: str) -> bool:
        """Whether a field can hold integers only."""
        return self.fields[table][field] in _WHOLE

    def is_word(self, table: str, field: str) -> bool:
        """Whether a field holds signed integers of at most 64 bits."""
        return self.fields[table][field] in _WORDS

    def hospital(self, table: str) -> str:
        """SQL of the number of the hospital that a row of a table belongs to; NULL where rows belong to none."""
        owner = tables()[table].owner or ""
        named = [f for f in tables()[table].columns if re.search(rf"\b{f}\b", owner)]
        told = named and self.has(table, *named) and all(self.is_whole(table, f) for f in named)
        return f"(({owner}) >> 24)" if told else "null::bigint"


def read_schema(con: DuckDBPyConnection) -> Schema:
    """The tables of the CDM that a connection sees by their plain names."""
    rows = con.execute(
        "select lower(table_name), lower(column_name), data_type from information_schema.columns "
        "where table_schema = current_schema() and table_catalog = current_database()"
    ).fetchall()
    fields: dict[str, dict[str, str]] = {}
    for table, field, kind in rows:
        if table in tables():
            fields.setdefault(table, {})[field] = kind
    return Schema(fields)
