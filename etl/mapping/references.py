"""References between rows of one person: an entry gives its rows a `key`, a field of another entry names it.

For every table or entry that some field refers to, `referred."<name>"(person, key, id, domain, domain_concept, field)`
holds the id that a key became, and the table in which that row landed: its domain decided, not the entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.cdm.shapes import Shape, shapes, waves
from etl.engine import parquet
from etl.mapping.expression import literal, quote
from etl.mapping.model import Entry, Ref
from etl.mapping.tables import staged

_ID_COLUMNS = "none(name, id, _entry, _row)"
FIXED = {"visit": "visit_occurrence", "visit_detail": "visit_detail"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a field refers to: rows of all entries of a table, or of the one entry of that name."""

    table: str | None
    entry: str | None

    @property
    def relation(self) -> str:
        """The table that resolves its keys."""
        return f"referred.{quote(f'table {self.table}' if self.table else f'entry {self.entry}')}"

    def names(self, entry: Entry) -> bool:
        """Whether the entry's rows are among those referred to."""
        if "key" not in entry.said():
            return False
        return entry.target == self.table if self.table else entry.label == self.entry


def target_of(field: str, entry: Entry) -> Target | None:
    """What a field of an entry refers to; None when it does not refer or is not said."""
    value = entry.said().get(field)
    if value is None:
        return None
    if isinstance(value, Ref):
        return Target(value.table, value.entry)
    table = FIXED.get(entry.shape.kinds[field])
    return Target(table, None) if table else None


def targets_of(entries: Iterable[Entry]) -> set[Target]:
    """Everything that some field of the entries refers to."""
    found = (target_of(field, entry) for entry in entries for field in entry.shape.kinds)
    return {target for target in found if target is not None}


def relations(entries: Iterable[Entry], entry: Entry) -> dict[str, str]:
    """By field of an entry, the relation that resolves its keys; fields that nothing can answer are left out."""
    known = tuple(entries)
    found: dict[str, str] = {}
    for field in entry.said():
        target = target_of(field, entry)
        if target is not None and any(target.names(other) for other in known):
            found[field] = target.relation
    return found


def before(shape: Shape) -> set[str]:
    """Tables that are written before the rows of a shape are read, so that these can refer to them."""
    found: set[str] = set()
    for wave in waves():
        if shape.table in wave:
            break
        found.update(wave)
    return found


def create(
    con: DuckDBPyConnection, targets: Iterable[Target], wave: Mapping[int, Entry], files: Mapping[str, Path]
) -> None:
    """Make the tables of the targets whose rows are in the entries of a wave, just written to `files`.

    A row that became several has one id for its key: the first in the table of its entry, else in another one.
    """
    con.execute("create schema if not exists referred")
    for target in sorted(targets, key=lambda t: t.relation):
        named = {number: entry for number, entry in wave.items() if target.names(entry)}
        if not named:
            continue
        rows = " union all ".join(
            f"select {number}::smallint as _entry, _row, person, key, {literal(entry.target)} as meant "
            f"from {staged(entry)} where _status is null and _n = 1 and key is not null"
            for number, entry in named.items()
        )
        written = " union all ".join(_ids(table, file) for table, file in files.items()) or _ids_of_none()
        con.execute(
            f"create or replace table {target.relation} as "
            f"select person, key, found.id as id, f.* exclude (name) from (select person, key, min({{'elsewhere': name <> meant, 'name': name, 'id': id}}) as found "
            f"from ({rows}) join ({written}) using (_entry, _row) group by person, key) "
            f"join ({_facts()}) f on f.name = found.name"
        )


def _ids(table: str, file: Path) -> str:
    return f"select {literal(table)} as name, {shapes()[table].id} as id, _entry, _row from {parquet(file)}"


def _ids_of_none() -> str:
    return (
        f"select * from (values (null::varchar, null::bigint, null::smallint, null::bigint)) {_ID_COLUMNS} where false"
    )


def _facts() -> str:
    rows = ", ".join(
        f"({literal(t.name)}, {literal(t.domain)}, {t.domain_concept}::bigint, {t.field_concept}::bigint)"
        for t in spec.tables().values()
        if t.domain is not None
    )
    return f"from (values {rows}) facts(name, domain, domain_concept, field)"
