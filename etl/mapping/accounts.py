"""Counts what became of every source row, and how well codes map; all in the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import Shape
from etl.engine import parquet
from etl.ledger import Accounts
from etl.mapping.expression import literal, quote
from etl.mapping.model import Entry, HospitalMapping, Lookup
from etl.mapping.tables import changes_of, staged

MASTER = "code_master"
UNUSED = "unused"
EMPTY = "nothing_filled"
_WORKLIST = 10_000


def collect(
    con: DuckDBPyConnection, mapping: HospitalMapping, entries: dict[int, Entry], written: dict[str, Path]
) -> Accounts:
    """Accounts of the stage `map` over the staged tables and the files `written`."""
    return Accounts(
        source=[row for name in mapping.sources for row in _source(con, mapping, name)],
        tables=[row for table, file in written.items() for row in _table(con, table, file, entries)],
        rates=_rates(con, mapping.entries),
        changes=[row for table, file in written.items() for row in _changes(con, table, file)],
        unmapped=_unmapped(con, mapping.entries, mapping.hospital.small_cell),
    )


def _source(con: DuckDBPyConnection, mapping: HospitalMapping, name: str) -> list[dict[str, Any]]:
    """Rows of one source by outcome. A row that several entries read counts once, by the best that became of it."""
    entries = [e for e in mapping.entries if e.from_ == name]
    total = _one(con, f"select count(*) from landed.{quote(name)}")
    if not entries:
        masters = {s.source for steps in mapping.masters.values() for s in steps}
        rows = [("filtered", MASTER if name in masters else UNUSED, total)]
    elif len(entries) == 1 and entries[0].unpivot is None:
        rows = con.execute(
            f"select {_OUTCOME}, count(*) from {staged(entries[0])} where _n = 1 group by all"
        ).fetchall()
    else:
        every = " union all ".join(f"select _row, _status from {staged(e)} where _n = 1" for e in entries)
        best = f"select _row, min({_RANK} || coalesce(_status, '')) as best from ({every}) group by _row"
        status = f"select nullif(substr(best, 2), '') as _status from ({best})"
        rows = con.execute(f"select {_OUTCOME}, count(*) from ({status}) group by all").fetchall()
        rows.append(("filtered", EMPTY, total - sum(n for *_, n in rows)))
    return [
        {"source": name, "outcome": outcome, "reason": reason, "rows": n} for outcome, reason, n in sorted(rows) if n
    ]


_OUTCOME = """case _status[1] when 'f' then 'filtered' when 'q' then 'quarantined' else 'mapped' end as outcome,
  coalesce(substr(_status, 3), '') as reason"""
_RANK = "case when _status is null then '0' when _status[1] = 'q' then '1' else '2' end"


def _table(con: DuckDBPyConnection, table: str, file: Path, entries: dict[int, Entry]) -> list[dict[str, Any]]:
    """Rows each entry produced in a table, and the source rows they came from."""
    found = con.execute(f"select _entry, count(*) from {parquet(file)} group by all order by all").fetchall()
    rows = []
    for number, produced in found:
        entry = entries[number]
        came = _one(
            con,
            f"select count(distinct _row) from {staged(entry)} where _status is null and _target = {literal(table)}",
        )
        # encounters that were rolled up are staged for another table; each of them is one row of visit_detail
        came = came or produced
        rows.append(
            {"cdm_table": table, "entry": entry.label, "source": entry.from_, "source_rows": came, "rows": produced}
        )
    return rows


def _changes(con: DuckDBPyConnection, table: str, file: Path) -> list[dict[str, Any]]:
    """Rows of a table that lost something on their way, by what they lost (see `tables.changes_of`)."""
    bits = ", ".join(f"count(*) filter (_changed & {1 << bit} <> 0)" for bit, _ in enumerate(changes_of(table)))
    if not bits:
        return []
    counts = con.execute(f"select {bits} from {parquet(file)} where _changed <> 0").fetchone() or ()
    return [
        {"cdm_table": table, "change": change.name, "column_name": change.column, "rows": rows}
        for change, rows in zip(changes_of(table), counts, strict=True)
        if rows
    ]


def _coded(entries: tuple[Entry, ...], field: str) -> list[Entry]:
    return [e for e in entries if isinstance(e.said().get(field), Lookup)]


def _rates(con: DuckDBPyConnection, entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    """Records and mapped records per kind of event the entries declare, and of units."""
    parts = [
        f"select {literal(_domain(e.shape))} as domain, concept <> 0 as hit from {staged(e)} "
        f"where _status is null and _n = 1"
        for e in _coded(entries, "concept")
        if e.shape.event or e.target == "visit_occurrence"
    ]
    parts += [
        f"select 'Unit', unit <> 0 from {staged(e)} where _status is null and _n = 1 and unit_source is not null"
        for e in _coded(entries, "unit")
    ]
    if not parts:
        return []
    query = f"select domain, count(*), count(*) filter (hit) from ({' union all '.join(parts)}) group by 1 order by 1"
    return [{"domain": d, "records": n, "mapped": m} for d, n, m in con.execute(query).fetchall()]


def _domain(shape: Shape) -> str:
    return (shape.event or shape.table.split("_", maxsplit=1)[0]).title()


def _unmapped(con: DuckDBPyConnection, entries: tuple[Entry, ...], small_cell: int) -> list[dict[str, Any]]:
    """Codes without a standard concept by records: the worklist of whoever maps them.

    Of fewer than `small_cell` patients neither the number nor the days are told. Days are ISO texts.
    """
    parts = [
        _unmapped_codes(e, field, domain)
        for field, domain in (("concept", None), ("unit", "Unit"))
        for e in _coded(entries, field)
        if e.shape.event or e.target == "visit_occurrence"
    ]
    if not parts:
        return []
    shown = f"case when count(distinct person) >= {small_cell} then"
    query = f"""
      select domain, coalesce(vocabulary, '') as vocabulary, left(code, 80) as code,
        any_value(left(description, 200)) as description, sum(records)::bigint as records,
        {shown} count(distinct person) end as patients,
        case when count(distinct person) < {small_cell} then {small_cell} end as fewer_than,
        {shown} min(first_seen)::date::varchar end as first_seen, {shown} max(last_seen)::date::varchar end as last_seen
      from ({" union all ".join(parts)}) group by 1, 2, 3 order by records desc, 1, 2, 3 limit {_WORKLIST}
    """
    found = con.execute(query)
    keys = [column[0] for column in found.description]
    return [dict(zip(keys, row, strict=True)) for row in found.fetchall()]


def _unmapped_codes(entry: Entry, field: str, domain: str | None) -> str:
    """SQL of an entry's unmapped codes, one row per code and person."""
    lookup = entry.said()[field]
    named = literal(lookup.vocabulary or lookup.map or "")
    table = f"lookup.{quote(f'{entry.label}.{field}')}"
    return f"""
      select {literal(domain or _domain(entry.shape))} as domain, {named} as vocabulary, s.*, l.description
      from (select {field}_source as code, person, count(*) as records, min(start) as first_seen,
              max(start) as last_seen
            from {staged(entry)} where _status is null and _n = 1 and {field} = 0 group by 1, 2) s
      left join (select k0, any_value(description) as description from {table} group by k0) l on l.k0 = s.code
    """


def _one(con: DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
