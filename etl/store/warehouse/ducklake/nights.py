"""The nights of a hospital that are kept in snapshots, and going back to one of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables
from etl.engine import one_number
from etl.sql import quote
from etl.store.warehouse.ducklake.publishing import date_source, forget_marks, make_published
from etl.store.warehouse.protocol import Night, in_range


def kept_nights(con: DuckDBPyConnection, hospital: str, keep: int) -> list[tuple[Night, int]]:
    """The last `keep` nights, the newest first, each with a snapshot in which it is what is published."""
    if not con.execute("select 1 from admin.published where hospital = ?", [hospital]).fetchone():
        return []  # all of it was taken away
    first, last = con.execute(
        "select min(snapshot_id), max(snapshot_id) from ducklake_snapshots('warehouse')"
    ).fetchone() or (0, 0)
    rows = con.execute(
        f"""
        select p.run_id, p.night, epoch_us(s.snapshot_time), p.step, p.mappings, p.snapshot_id
        from ducklake_table_insertions('warehouse', 'admin', 'published', {first}, {last}) p
        join ducklake_snapshots('warehouse') s using (snapshot_id)
        where p.hospital = ? order by p.snapshot_id
        """,
        [hospital],
    ).fetchall()
    steps: dict[int, tuple[Night, int]] = {}
    for run_id, night, microseconds, step, mappings, snapshot in rows:
        steps = {n: kept for n, kept in steps.items() if n < (step or 0)}  # those after it were gone back from
        at = datetime.fromtimestamp(microseconds / 1_000_000, UTC).replace(tzinfo=None)
        steps[step or 0] = Night(run_id, night, at, step or 0, mappings), snapshot
    return [steps[n] for n in sorted(steps, reverse=True)][:keep]


def go_back(con: DuckDBPyConnection, hospital: str, number: int, night: Night, snapshot: int) -> dict[str, int]:
    """Make the rows of a snapshot the hospital's again; returns its rows by table."""
    counts: dict[str, int] = {}
    for name, table in hospital_tables().items():
        mine = in_range(table, number)
        # read first: what this transaction deletes is hidden from it in earlier snapshots, too
        earlier = f"select * from {quote(name)} at (version => {snapshot}) where {mine}"
        con.execute(f"create or replace temp table earlier as {earlier}")
        con.execute(f"delete from {quote(name)} where {mine}")
        counts[name] = one_number(con, f"insert into {quote(name)} from temp.earlier")
    con.execute("drop table temp.earlier")
    make_published(con, hospital, night)
    date_source(con)
    return counts


def take_away(con: DuckDBPyConnection, hospital: str, number: int, filled: Collection[str]) -> dict[str, int]:
    """Take all rows of a hospital away and forget its marks; returns the rows it had, by table of those `filled`."""
    counts = {
        name: one_number(con, f"delete from {quote(name)} where {in_range(table, number)}")
        for name, table in hospital_tables().items()
        if name in filled
    }
    con.execute("delete from admin.published where hospital = ?", [hospital])
    forget_marks(con, hospital)
    date_source(con)
    return counts
