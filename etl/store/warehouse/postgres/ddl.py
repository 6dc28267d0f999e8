"""DDL of the warehouse on PostgreSQL, made from the CDM specification and `indexes.csv`.

Every table with rows of hospitals is range-partitioned by its key, so that a hospital is a partition. Foreign keys live
on the partitions: a partition that its parent's keys refer to could not be detached. Source of the indexes: OHDSI's
`OMOPCDM_postgresql_5.4_indices.sql`; those on columns that are seldom filled (`filled`) and on `owner` are ours, for
nights of changes, whose deleted rows are looked for where others may refer to them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from etl.cdm.spec import Field, Table, tables
from etl.files import packaged
from etl.sql import quote

CDM, VOCABULARY, RESULTS, READ, PARTS = "cdm", "vocabulary", "results", "cdm_read", "cdm_part"
PERSON_BITS, EVENT_BITS = 24, 47
_SMALL_IDS = ("person", "provider", "care_site", "location", "concept")


@dataclass(frozen=True, slots=True)
class Index:
    """An index of the parent, and so of every partition."""

    table: str
    columns: tuple[str, ...]
    where: str = ""

    @property
    def name(self) -> str:
        """Its name on the parent."""
        said = "owner" if self.columns[0].startswith("(") else "_".join(self.columns)
        return f"idx_{self.table}_{said}"[:63]

    def create(self, on: str, name: str | None = None) -> str:
        """The statement; partitions leave the name to the server."""
        return f"create index {quote(name) if name else ''} on {on} ({', '.join(self.columns)}){self.where}"


def schema_of(table: Table) -> str:
    """The schema that a table of the CDM lies in."""
    return {"cdm": CDM, "vocab": VOCABULARY, "results": RESULTS}[table.schema]


def qualified(table: Table) -> str:
    """A table's name with its schema."""
    return f"{schema_of(table)}.{quote(table.name)}"


def type_of(field: Field) -> str:
    """A column's type: OHDSI's, but bigint where it holds ids of events, and double precision for numeric."""
    if field.type.startswith("varchar"):
        return "text" if field.length is None else f"varchar({field.length})"
    if field.type == "integer":
        return "bigint" if field.is_id and not _fits_integer(field) else "integer"
    return {"float": "double precision", "datetime": "timestamp", "date": "date"}[field.type]


def _fits_integer(field: Field) -> bool:
    """Concepts, and the ids of persons, staff, places and metadata: a hospital's number and 24 bits."""
    own = field.name.removesuffix("_id")
    return "concept_id" in field.name or own in (*_SMALL_IDS, "metadata", "cohort_definition")


def statistics_of(field: Field) -> int | None:
    """How many values the server's statistics of a column may name; None: as many as ever.

    Of columns that say whose a row is (ids of persons, and of events, which begin with the person's) none, as plans
    would tell of a person how many rows there are. A primary key has no value twice: of it the lowest and highest are
    kept, by which the server knows that whoever is cleared for a hospital sees all of its partition.
    """
    if field.name != "person_id" and type_of(field) != "bigint":
        return None
    return 1 if field.primary_key else 0


def statistics_clause(table: Table) -> str:
    """What an `alter table` says of the statistics of a table of hospitals' rows."""
    kept = {f.name: statistics_of(f) for f in table.fields}
    return ", ".join(f"alter column {quote(n)} set statistics {k}" for n, k in kept.items() if k is not None)


def key_of(table: Table) -> str:
    """What a hospital table is partitioned by: its primary key, else its owner (SQL over its columns)."""
    named = next((f.name for f in table.fields if f.primary_key), None)
    owner = table.owner or ""
    return named or (owner if owner in table.columns else f"({owner})")


def bits_of(table: Table) -> int:
    """How far a hospital's number is shifted in the key of a table: ids of persons and places, or of events."""
    named = next((f for f in table.fields if f.primary_key), None)
    return EVENT_BITS if named and type_of(named) == "bigint" else PERSON_BITS


def hospital_of(table: Table) -> str:
    """SQL: the number of the hospital that a row belongs to."""
    return f"({key_of(table)} >> {bits_of(table)})"


def range_of(table: Table, number: int) -> tuple[int, int]:
    """A hospital's keys in a table: the first, and the first beyond."""
    return number << bits_of(table), (number + 1) << bits_of(table)


@cache
def indexes_of(name: str) -> tuple[Index, ...]:
    """The indexes of a table, besides its primary key."""
    rows = csv.DictReader(packaged("etl.cdm.spec", "indexes.csv").splitlines())
    found = [
        Index(name, columns, f" where {columns[0]} is not null" if row["where"] else "")
        for row in rows
        if row["table"] == name
        for columns in [tuple(row["columns"].split(";"))]
    ]
    table = tables()[name]
    if table.owner and table.owner not in table.columns:
        found.append(Index(name, (f"({table.owner})",)))
    return tuple(found)


def primary_key(table: Table) -> str | None:
    """The column of the primary key."""
    return next((f.name for f in table.fields if f.primary_key), None)


def columns_clause(table: Table) -> str:
    """Columns of a `create table`."""
    return ", ".join(f"{quote(f.name)} {type_of(f)}{' not null' if f.required else ''}" for f in table.fields)


def replaced_whole(table: Table) -> bool:
    """Whether a vocabulary release replaces the table: those with a key are merged into, as rows refer to theirs."""
    return table.schema == "vocab" and primary_key(table) is None


def create_statements() -> list[str]:
    """All tables and their indexes, in order: vocabulary, results, CDM."""
    made: list[str] = []
    for table in tables().values():
        key = primary_key(table)
        partitioned = ""
        if table.owner:
            partitioned = f" partition by range ({key_of(table)})"
        elif replaced_whole(table):
            partitioned = f" partition by list ({quote(table.fields[0].name)})"
        named = f', constraint "xpk_{table.name}" primary key ({key})' if key else ""
        made.append(f"create table {qualified(table)} ({columns_clause(table)}{named}){partitioned}")
        made += [i.create(qualified(table), i.name) for i in indexes_of(table.name)]
    return made


def view_statements() -> list[str]:
    """A view on every table, by which readers see what they are cleared for under plain names in one schema."""
    return [
        f"create or replace view {READ}.{quote(t.name)} with (security_invoker = true) as "
        f"select {', '.join(quote(c) for c in t.columns)} from {qualified(t)}"
        for t in tables().values()
    ]


def foreign_keys(table: Table, parts: dict[str, str]) -> dict[str, str]:
    """Foreign keys of one hospital's partition by name; `parts`: its partitions by table, with their schema.

    They are checked at the end of a transaction when it asks for that, so that a night of changes may write in any
    order. References to the vocabulary are to its tables, those to the hospital's own rows to its partitions.
    """
    found = {}
    for field in table.fields:
        if field.fk_table is None or field.fk_field is None:
            continue
        to = tables()[field.fk_table]
        target = parts[to.name] if to.owner else qualified(to)
        found[f"fpk_{field.name}"] = (
            f"foreign key ({quote(field.name)}) references {target} ({quote(field.fk_field)}) "
            "deferrable initially immediate"
        )
    return found
