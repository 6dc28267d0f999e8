"""Counts what became of every source row, and how well codes map; all in the engine.

A night writes its counts by person, so that the counts of a whole hospital are those of its mapped layers together
(see `etl.night.lake.published`): a person touched later counts with what became of the rows then. What belongs to
nobody (code masters, places) counts for person 0, whom every night touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import Shape
from etl.cdm.spec import tables
from etl.engine import copy_to, parquet, records
from etl.mapping.compile.duplicates import PREFER
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.mapped import Mapped, current
from etl.night.map.tables import changes_of, staged
from etl.pages.disclosure import in_steps_sql
from etl.sql import literal, quote
from etl.store.ledger.records import Accounts

MASTER = "code_master"
UNUSED = "unused"
LOOKED_INTO = "looked_into"
EMPTY = "nothing_filled"
MERGED = "records_merged"
_WORKLIST = 10_000


def write_counts(
    con: DuckDBPyConnection, mapping: HospitalMapping, entries: dict[int, Entry], written: dict[str, Path], folder: Path
) -> None:
    """Write the counts of the staged tables and of the files `written`, by person, into `folder`."""
    for dataset, parts, columns in (
        ("outcome", [_outcomes(mapping, n) for n in mapping.sources],
         "source varchar, outcome varchar, reason varchar, rows bigint"),
        ("produced", [_produced(t, f, entries) for t, f in written.items()],
         "cdm_table varchar, entry varchar, source varchar, source_rows bigint, rows bigint"),
        ("rate", _rates(mapping.entries), "domain varchar, records bigint, mapped bigint"),
        ("unmapped", _unmapped(mapping.entries),
         "domain varchar, vocabulary varchar, code varchar, records bigint, first date, last date"),
        ("change", [_changes(t, f) for t, f in written.items()],
         "cdm_table varchar, change varchar, column_name varchar, rows bigint"),
        ("description", _descriptions(mapping.entries), "code varchar, description varchar"),
    ):  # fmt: skip
        named = [c.rsplit(" ", 1) for c in f"person bigint, {columns}".split(", ")]
        empty = "select " + ", ".join(f"null::{t} as {n}" for n, t in named) + " where false"
        select = ", ".join(f"{n}::{t} as {n}" for n, t in named)
        query = " union all ".join(f"({p})" for p in parts if p) or empty
        copy_to(con, f"select {select} from ({query})", folder / f"{dataset}.parquet")


def _outcomes(mapping: HospitalMapping, name: str) -> str:
    """SQL of the rows of a source by outcome. A row that several entries read counts once, by the best of it."""
    entries = [e for e in mapping.entries if e.from_ == name]
    label = literal(name)
    if not entries:
        reason = reason_without_entry(mapping, name)
        return f"select 0 as person, {label} as source, 'filtered' as outcome, {literal(reason)} as reason, " \
               f"(select count(*) from landed.{quote(name)}) as rows"  # fmt: skip
    if len(entries) == 1 and entries[0].unpivot is None and "person" in entries[0].shape.kinds:
        best = f"select _person, _status from {staged(entries[0])} where _n = 1"
    else:
        every = " union all ".join(
            f"select _row, {_status(e)} as _status from {staged(e)} where _n = 1" for e in entries
        )
        owner = next(
            (f"r.{quote(n)}" for n, c in mapping.sources[name].declared.items() if c.identifier == "person"), "0"
        )
        best = f"""
          select coalesce({owner}, 0) as _person,
            case when b._row is null then {literal(f"f:{EMPTY}")} else nullif(substr(b.best, 2), '') end as _status
          from touched.{quote(name)} r left join (
            select _row, min({_RANK} || coalesce(_status, '')) as best from ({every}) group by _row) b using (_row)
        """
    return f"select _person as person, {label} as source, {_OUTCOME}, count(*) as rows from ({best}) group by all"


def _status(entry: Entry) -> str:
    """SQL of the status of a staged row: those of staff and places melt into one, whosever rows they are."""
    return "_status" if "person" in entry.shape.kinds else f"nullif(_status, 'f:{PREFER}')"


def reason_without_entry(mapping: HospitalMapping, source: str) -> str:
    """Why rows of a source that no entry reads are filtered."""
    if any(step.source == source for steps in mapping.masters.values() for step in steps):
        return MASTER
    if any(other.source == source for entry in mapping.entries for other in entry.with_.values()):
        return LOOKED_INTO
    return MERGED if mapping.sources[source].merges else UNUSED


_OUTCOME = """case _status[1] when 'f' then 'filtered' when 'q' then 'quarantined' else 'mapped' end as outcome,
  coalesce(substr(_status, 3), '') as reason"""
_RANK = "case when _status is null then '0' when _status[1] = 'q' then '1' else '2' end"


def _produced(table: str, file: Path, entries: dict[int, Entry]) -> str:
    """SQL of the rows each entry produced in a table, and of the source rows they came from."""
    owner = tables()[table].owner
    names = " ".join(f"when {n} then {literal(e.label)}" for n, e in entries.items())
    sources = " ".join(f"when {n} then {literal(e.from_)}" for n, e in entries.items())
    person = f"({owner})" if tables()[table].personal else "0"
    return f"""
      select person, {literal(table)} as cdm_table,
        case _entry {names} end as entry, case _entry {sources} end as source,
        count(distinct _row) as source_rows, count(*) as rows
      from (select {person} as person, _entry, _row from {parquet(file)}) group by person, _entry
    """


def _changes(table: str, file: Path) -> str:
    """SQL of the rows of a table that lost something on their way, by what they lost (see `tables.changes_of`)."""
    changes = changes_of(table)
    if not changes:
        return ""
    owner = f"({tables()[table].owner})" if tables()[table].personal else "0"
    bits = ", ".join(f"({1 << bit}, {literal(c.name)}, {literal(c.column)})" for bit, c in enumerate(changes))
    # one look at the file: most rows lost nothing
    return (
        f"select r.person, {literal(table)} as cdm_table, b.change, b.column_name, count(*) as rows "
        f"from (select {owner} as person, _changed from {parquet(file)} where _changed <> 0) r "
        f"join (values {bits}) b(bit, change, column_name) on r._changed & b.bit <> 0 group by all"
    )


def _coded(entries: tuple[Entry, ...], field: str) -> list[Entry]:
    return [e for e in entries if isinstance(e.said().get(field), Lookup)]


def _rates(entries: tuple[Entry, ...]) -> list[str]:
    """SQL of records and mapped records per kind of event the entries declare, and of units."""
    parts = [
        f"select _person as person, {literal(_domain(e.shape))} as domain, concept <> 0 as hit from {staged(e)} "
        f"where _status is null and _n = 1"
        for e in _coded(entries, "concept")
        if e.shape.event or e.target == "visit_occurrence"
    ]
    parts += [
        f"select _person, 'Unit', unit <> 0 from {staged(e)} "
        "where _status is null and _n = 1 and unit_source is not null"
        for e in _coded(entries, "unit")
    ]
    counts = "count(*) as records, count(*) filter (hit) as mapped"
    return [f"select person, domain, {counts} from ({' union all '.join(parts)}) group by all"] if parts else []


def _domain(shape: Shape) -> str:
    return (shape.event or shape.table.split("_", maxsplit=1)[0]).title()


def _worklist(entries: tuple[Entry, ...]) -> list[tuple[Entry, str, str]]:
    """Entries whose codes belong to the worklist, with the field and the domain it is listed under."""
    return [
        (e, field, domain or _domain(e.shape))
        for field, domain in (("concept", None), ("unit", "Unit"))
        for e in _coded(entries, field)
        if e.shape.event or e.target == "visit_occurrence"
    ]


def _unmapped(entries: tuple[Entry, ...]) -> list[str]:
    """SQL of the codes without a standard concept: the worklist of whoever maps them."""
    parts = []
    for entry, field, domain in _worklist(entries):
        lookup = entry.said()[field]
        named = literal(lookup.vocabulary or lookup.map or "")
        parts.append(f"""
          select _person as person, {literal(domain)} as domain, {named} as vocabulary,
            left({field}_source, 80) as code, count(*) as records, min(start)::date as first, max(start)::date as last
          from {staged(entry)} where _status is null and _n = 1 and {field} = 0 group by all
        """)
    return parts


def _descriptions(entries: tuple[Entry, ...]) -> list[str]:
    return [
        f"select 0 as person, left(k0, 80) as code, min(left(description, 200)) as description "
        f"from lookup.{quote(f'{entry.label}.{field}')} where description is not null and concept_id = 0 group by all"
        for entry, field, _ in _worklist(entries)
    ]


def totals(con: DuckDBPyConnection, layers: Sequence[Mapped], small_cell: int) -> Accounts:
    """The accounts of the whole hospital, from the counts of all its mapped layers.

    Of codes of fewer than `small_cell` patients no more is told than `etl.pages.disclosure` says. Days are ISO texts.
    """
    shown = f"case when count(distinct person) >= {small_cell} then"

    def rows(select: str, dataset: str, tail: str) -> list[dict[str, Any]]:
        return records(con, f"select {select} from ({current(layers, dataset)}) {tail}")

    descriptions = " union all ".join(f"select * from {parquet(x.folder / 'description.parquet')}" for x in layers)
    con.execute(f"create or replace temp table described as select code, min(description) as description "
                f"from ({descriptions}) group by code")  # fmt: skip
    return Accounts(
        source=rows("source, outcome, reason, sum(rows)::bigint as rows", "outcome", "group by all order by all"),
        tables=rows(
            "cdm_table, entry, source, sum(source_rows)::bigint as source_rows, sum(rows)::bigint as rows", "produced",
            "group by all order by all",
        ),
        rates=rows(
            "domain, sum(records)::bigint as records, sum(mapped)::bigint as mapped", "rate",
            "group by all order by all",
        ),
        changes=rows(
            "cdm_table, change, column_name, sum(rows)::bigint as rows", "change", "group by all order by all"
        ),
        unmapped=[
            {**row, "vocabulary": row["vocabulary"] or ""}
            for row in rows(
                "domain, vocabulary, code, any_value(d.description) as description, "
                f"{in_steps_sql('sum(records)', 'count(distinct person)', small_cell)} as records, "
                f"{shown} count(distinct person) end as patients, "
                f"case when count(distinct person) < {small_cell} then {small_cell} end as fewer_than, "
                f"{shown} min(first)::date::varchar end as first_seen, "
                f"{shown} max(last)::date::varchar end as last_seen",
                "unmapped",
                "left join described d using (code) group by domain, vocabulary, code "
                f"order by records desc, domain, vocabulary, code limit {_WORKLIST}",
            )
        ],
    )  # fmt: skip
