"""The nights of a hospital that are kept in snapshots, and going back to one of them."""

from __future__ import annotations

from datetime import UTC, datetime

from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables
from etl.engine import one_number
from etl.sql import quote
from etl.store.warehouse.ducklake.publishing import make_published
from etl.store.warehouse.protocol import Night, in_range


def kept_nights(con: DuckDBPyConnection, hospital: str, keep: int) -> list[tuple[Night, int]]:
    """The last `keep` nights, the newest first, each with a snapshot in which it is what is published."""
    first, last = con.execute(
        "select min(snapshot_id), max(snapshot_id) from ducklake_snapshots('warehouse')"
    ).fetchone() or (0, 0)
    rows = con.execute(
        f"""
        select p.run_id, p.night, epoch_us(s.snapshot_time), p.step, p.snapshot_id
        from ducklake_table_insertions('warehouse', 'admin', 'published', {first}, {last}) p
        join ducklake_snapshots('warehouse') s using (snapshot_id)
        where p.hospital = ? order by p.snapshot_id
        """,
        [hospital],
    ).fetchall()
    steps: dict[int, tuple[Night, int]] = {}
    for run_id, night, microseconds, step, snapshot in rows:
        steps = {n: kept for n, kept in steps.items() if n < (step or 0)}  # those after it were gone back from
        at = datetime.fromtimestamp(microseconds / 1_000_000, UTC).replace(tzinfo=None)
        steps[step or 0] = Night(run_id, night, at), snapshot
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
    row = con.execute(
        f"select night, step from admin.published at (version => {snapshot}) where hospital = ?", [hospital]
    ).fetchone()
    make_published(con, hospital, night.run_id, *(row or (night.night, 0)))
    con.execute(
        "update cdm_source set source_release_date = p.night, cdm_release_date = p.night "
        "from (select max(night) as night from admin.published) p where p.night is not null"
    )
    return counts
