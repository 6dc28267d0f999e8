"""Drops what no kept night needs any more."""

from __future__ import annotations

from contextlib import suppress

from psycopg import Connection

from etl.errors import TransientError
from etl.store.warehouse.postgres.ddl import PARTS
from etl.store.warehouse.postgres.steps import LOCKED, PATIENCE_MS, kept_of, read_steps, tables_of
from etl.store.warehouse.postgres.turns import SWAPPING, take

_PATIENCE = 60  # seconds to wait for other publishers


def forget(con: Connection, hospital: str, number: int, keep: int) -> None:
    """Drop a hospital's older steps, and what a publisher left who was killed.

    Dropping a table that refers to the vocabulary locks the vocabulary for a moment. So publishers do it one after the
    other, as readers would queue behind all of them at once, and what is not granted quickly waits for the next night.
    """
    stay, needed = kept_of(read_steps(con, hospital), keep)
    con.execute(
        "delete from admin.publication_step where hospital = %s and not step = any(%s)",
        [hospital, [step.number for step in stay]],
    )
    unneeded = sorted(set(tables_of(con, number)) - needed)
    if not unneeded:
        return
    with suppress(TransientError, *LOCKED), con.transaction():
        take(con, SWAPPING, _PATIENCE, "other publishers are at work")
        con.execute(f"set local statement_timeout = {PATIENCE_MS}")
        con.execute(f"drop table {', '.join(f'{PARTS}.{name}' for name in unneeded)}")
