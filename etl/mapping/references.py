"""References between rows of one person: an entry gives its rows a `key`, a field of another entry names it.

For every table or entry that some field refers to, `referred."<name>"(person, key, id, domain, domain_concept, field)`
holds the id that a key became, and the table in which that row landed: its domain decided, not the entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.cdm.shapes import Shape, shapes, waves
from etl.engine import parquet
from etl.mapping.expression import literal, quote
from etl.mapping.model import Entry, Ref
from etl.mapping.problems import nearest
from etl.mapping.tables import staged
from etl.mapping.visits import VISIT, absorbed

Relations: TypeAlias = dict[str, list[tuple[str, str]]]
_NO_IDS = "select null::varchar as name, null::bigint as id, null::smallint as _entry, 0::bigint as _row where false"
FIXED = {"visit": "visit_occurrence", "visit_detail": "visit_detail"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference goes to: rows of all entries of a table, or of the one entry of that name."""

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


def steps_of(entry: Entry, field: str) -> list[tuple[Target, str]]:
    """Where a field of an entry is looked for, in turn: targets and keys (SQL); nothing when it does not refer."""
    value = entry.said().get(field)
    if isinstance(value, Ref):
        return [(Target(ref.table, ref.entry), ref.key) for ref in (value, *value.fallback)]
    table = FIXED.get(entry.shape.kinds[field])
    return [(Target(table, None), str(value))] if table and value is not None else []


def targets_of(entries: Iterable[Entry]) -> set[Target]:
    """Everything that some field of the entries refers to."""
    return {target for entry in entries for field in entry.shape.kinds for target, _ in steps_of(entry, field)}


def relations(entries: Iterable[Entry], entry: Entry) -> Relations:
    """By field of an entry that refers, the relations that resolve it in turn, each with its key."""
    known = tuple(entries)
    found: Relations = {}
    for field in entry.said():
        steps = steps_of(entry, field)
        if steps:
            found[field] = [(t.relation, key) for t, key in steps if any(t.names(other) for other in known)]
    return found


def problem_of(entries: Iterable[Entry], entry: Entry, target: Target) -> str | None:
    """What is wrong with a reference of an entry, as a sentence for who wrote it; None when it can be resolved."""
    known = tuple(entries)
    table = target.table
    problem = _unnamed(target, known)
    if problem is None:
        table = table or next(other.target for other in known if other.label == target.entry)
        if table not in _before(entry.shape):
            problem = f"rows of {entry.target} cannot refer to {table}, which is filled at the same time or later"
        elif not any(target.names(other) for other in known):
            problem = f"no entry of {table} says `key`" if target.table else f"'{target.entry}' says no `key`"
    return problem


def _unnamed(target: Target, entries: tuple[Entry, ...]) -> str | None:
    """Why a target names nothing, or None."""
    if (target.table is None) == (target.entry is None):
        return "says `table` and `entry`; keep one" if target.table else "needs `table` or `entry`: where is this key?"
    if target.entry is not None:
        labels = [entry.label for entry in entries]
        known = target.entry in labels
        return None if known else f"there is no entry '{target.entry}'{nearest(target.entry, labels)}"
    tables = [shape.table for shape in shapes().values() if shape.id]
    known = target.table in tables
    return None if known else f"there is no table '{target.table}' with an id{nearest(str(target.table), tables)}"


def _before(shape: Shape) -> set[str]:
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
        written = " union all ".join(_ids(table, file) for table, file in files.items()) or _NO_IDS
        theirs = f"select * from ({written}) where _entry in ({', '.join(map(str, named))})"
        con.execute(
            f"create or replace table {target.relation} as "
            f"select person, key, found.id as id, f.* exclude (name) from (select person, key, "
            f"min({{'elsewhere': name <> meant, 'name': name, 'id': id}}) as found "
            f"from ({rows}) join ({theirs}) using (_entry, _row) group by person, key) "
            f"join ({_facts()}) f on f.name = found.name"
        )


def _ids(table: str, file: Path) -> str:
    own = f"select {literal(table)} as name, {shapes()[table].id} as id, _entry, _row from {parquet(file)}"
    return f"{own} union all select {literal(table)}, * from ({absorbed(file)})" if table == VISIT else own


def _facts() -> str:
    rows = ", ".join(
        f"({literal(t.name)}, {literal(t.domain)}, {t.domain_concept}::bigint, {t.field_concept}::bigint)"
        for t in spec.tables().values()
        if t.domain is not None
    )
    return f"from (values {rows}) facts(name, domain, domain_concept, field)"
