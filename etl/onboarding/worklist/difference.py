"""What a newer release would change for a hospital: its look-ups under both releases, weighed by records.

The codes are those of the newest night that landed; a row counts when the entry's rules let it through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from etl.engine import rows_in
from etl.files import packaged
from etl.mapping.compile.inputs import create_inputs
from etl.mapping.compile.lookup import LookupTable, build_lookup
from etl.mapping.compile.relation import source_relation
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.pages.disclosure import few, in_steps
from etl.sql import quote
from etl.vocabulary.release import Release

Kind = Literal["lost", "found", "table", "domain", "concept", "value", "source"]
"""A code loses or finds its standard concept, goes to another table, has another domain, concept, value, source."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a code becomes: concept (0: none), its name and domain, the table its row goes to, and a value concept."""

    concept_id: int
    name: str | None
    domain: str | None
    table: str | None
    value_id: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A code of one field that the two releases map differently, and how many records have it.

    Few records are in steps of `fewer_than` (see `etl.pages.disclosure`).
    """

    kind: Kind
    records: int
    entry: str
    field: str
    vocabulary: str | None
    code: str
    description: str | None
    before: tuple[Target, ...]
    after: tuple[Target, ...]
    fewer_than: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, those with most records first, out of so many codes and records that were looked up."""

    codes: int
    records: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    """One look-up of an entry."""

    entry: Entry
    name: str
    lookup: Lookup

    @property
    def result(self) -> bool:
        """Whether its codes are measured values."""
        return self.entry.shape.kinds[self.name] == "result"

    @property
    def routed(self) -> bool:
        """Whether the concept decides the table, and several of them make several rows."""
        return self.entry.shape.event is not None and self.name == "concept"


def _fields(mapping: HospitalMapping) -> list[_Field]:
    said = ((e, n, v) for e in mapping.entries for n, v in e.said().items())
    return [_Field(entry, name, value) for entry, name, value in said if isinstance(value, Lookup)]


def difference(
    con: DuckDBPyConnection, mapping: HospitalMapping, old: Release, new: Release,
    progress: Callable[[str, str], None] | None = None,
) -> Difference:  # fmt: skip
    """Look up every code in the views `landed.…` and `touched.…` under both releases and compare."""
    tell = progress or (lambda _what, _how: None)
    fields = _fields(mapping)
    tables: dict[tuple[str, int], LookupTable] = {}
    for side, release in (("before", old), ("after", new)):
        create_inputs(con, mapping, release)
        for i, field in enumerate(fields):
            tell(release.name, f"{field.entry.label}.{field.name}")
            tables[side, i] = _look_up(con, mapping, field, f"{side}_{i}")
    con.execute(packaged(__name__, "difference.sql"))
    for i, field in enumerate(fields):
        _weigh(con, mapping, field, tables["before", i], tables["after", i])
    row = con.execute("select count(distinct (entry, field, code)), coalesce(sum(records), 0)::bigint from weighed")
    codes, records = row.fetchone() or (0, 0)
    return Difference(codes, records, tuple(_changes(con, old, new, mapping.hospital.small_cell)))


def _look_up(con: DuckDBPyConnection, mapping: HospitalMapping, field: _Field, name: str) -> LookupTable:
    """The look-up under the release whose views are there, one row per code and piece of time, as the table `name`."""
    rows = source_relation(mapping, field.entry)
    built = build_lookup(con, mapping, name, field.lookup, rows, field.entry.target, result=field.result)
    keys = ", ".join(f"k{i}" for i in range(len(built.keys)))
    con.execute(
        f"""
        create or replace table {quote(name)} as
        select {keys}, valid_from, valid_to, any_value(description) as description,
          any_value(vocabulary) as vocabulary, any_value(source_id) as source_id,
          list({{concept_id: l.concept_id, domain: c.domain_id,
            "table": {"target" if field.routed else "null::varchar"}, value_id: value_id}} order by n) as targets
        from {built.table} l left join vocab.concept c on c.concept_id = l.concept_id and l.concept_id <> 0
        {"" if field.routed else "where n = 1"} group by {keys}, valid_from, valid_to
        """
    )
    return LookupTable(quote(name), built.keys, built.dated)


def _weigh(
    con: DuckDBPyConnection, mapping: HospitalMapping, field: _Field, before: LookupTable, after: LookupTable
) -> None:
    """Add the field's codes to the table `weighed`, with what they become under both releases and their records."""
    rows = source_relation(mapping, field.entry)
    start = field.entry.said().get("start")
    dated = (before.dated or after.dated) and start is not None
    day = f"omop_try_timestamp({rows.text(str(start))})::date" if dated else "null::date"
    rules = " and ".join(f"coalesce({rows.write(sql)}, false)" for sql in field.entry.rules.values()) or "true"
    selected = ", ".join(f"{sql} as k{i}" for i, sql in enumerate(before.keys))
    keys = [f"k{i}" for i in range(len(before.keys))]
    given = [f"c.{k}" for k in keys]
    con.execute(
        f"""
        insert into weighed
        select $entry, $field, coalesce({", ".join(given)}), coalesce(a.vocabulary, b.vocabulary),
          coalesce(a.description, b.description),
          b.targets, a.targets, b.source_id, a.source_id, sum(c.records)
        from (select {", ".join(keys)}, day, count(*) as records
              from (select {selected}, {day} as day, {rules} as _counts from {rows.sql})
              where _counts and coalesce({", ".join(keys)}) is not null group by all) c
        {before.join("b", given, "c.day" if dated else None)}
        {after.join("a", given, "c.day" if dated else None)}
        group by all
        """,
        {"entry": field.entry.label, "field": field.name},
    )


def _changes(con: DuckDBPyConnection, old: Release, new: Release, small_cell: int) -> Iterator[Change]:
    names = (_names(con, "old_targets", old), _names(con, "new_targets", new))
    rows = con.execute("select * from change order by records desc, entry, field, code").fetchall()
    for kind, records, entry, field, vocabulary, code, description, before, after in rows:
        fewer_than = few(small_cell, records)
        yield Change(
            kind, in_steps(records, fewer_than), entry, field, vocabulary, code, description,
            _targets(before, names[0]), _targets(after, names[1]), fewer_than,
        )  # fmt: skip


def _names(con: DuckDBPyConnection, column: str, release: Release) -> dict[int, str]:
    """Names of the concepts in a column of the changes."""
    rows = con.execute(
        f"select concept_id, concept_name from {rows_in(release.table('concept'))} where concept_id in "
        f"(select t.concept_id from (select unnest({column}) as t from change))"
    ).fetchall()
    return dict(rows)


def _targets(said: list[dict[str, Any]] | None, names: dict[int, str]) -> tuple[Target, ...]:
    return tuple(Target(name=names.get(t["concept_id"]) if t["concept_id"] else None, **t) for t in said or ())
