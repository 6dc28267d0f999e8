"""What publishing a run would change, table by table, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table, hospital_tables
from etl.engine import one_number, rows_in
from etl.sql import quote
from etl.store.warehouse.protocol import Publication


@dataclass(frozen=True, slots=True)
class TableChange:
    """Rows of one table: those that are published now, and what would become of them."""

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int


def changes(con: DuckDBPyConnection, publication: Publication) -> list[TableChange]:
    """Compare a publication with what a reader's connection sees; tables that are and stay empty are left out."""
    if publication.unlock:
        publication.unlock(con)
    found = [_change(con, table, publication) for table in hospital_tables().values()]
    return [change for change in found if change.before or change.after]


def _change(con: DuckDBPyConnection, table: Table, publication: Publication) -> TableChange:
    columns = ", ".join(quote(c) for c in table.columns)
    old = f"select {columns} from {quote(table.name)} where {publication.replaced(table)}"
    new = _candidate(con, table, publication.files.get(table.name), columns)
    key = next((quote(f.name) for f in table.fields if f.primary_key), None)
    con.execute(f"create or replace temp table old_rows as {old}")
    con.execute(f"create or replace temp table new_rows as {new}")
    counts = con.execute(_by_key(key, table) if key else _by_content()).fetchone() or (0, 0, 0)
    added, removed, changed = (int(n) for n in counts)
    before = one_number(con, f"select count(*) from {quote(table.name)} where {publication.mine(table)}")
    return TableChange(table.name, before, before + added - removed, added, removed, changed)


def _candidate(con: DuckDBPyConnection, table: Table, file: Path | None, columns: str) -> str:
    if file is None:
        return f"select {columns} from {quote(table.name)} limit 0"
    types = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in table.fields)
    return f"select {types} from {rows_in(file)}"


def _by_key(key: str, table: Table) -> str:
    content = ", ".join(f"{{side}}.{quote(c)}" for c in table.columns)
    return f"""
        select count(*) filter (o.{key} is null), count(*) filter (n.{key} is null),
               count(*) filter (o.{key} is not null and n.{key} is not null
                   and row({content.format(side="o")}) is distinct from row({content.format(side="n")}))
        from old_rows o full join new_rows n on o.{key} = n.{key}
    """


def _by_content() -> str:
    return """
        select (select count(*) from (from new_rows except all from old_rows)),
               (select count(*) from (from old_rows except all from new_rows)), 0
    """
