"""Puts a hospital's new tables in the place of the old ones, all in one short transaction.

Detaching a partition takes, for a moment, a lock that every query on the table holds back, and queries that come later
queue behind it. So it is asked for briefly, given up when it is not granted, and asked for again after a pause.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from psycopg import Connection

from etl.cdm.spec import tables
from etl.errors import TransientError
from etl.sql import literal
from etl.store.postgres.connect import PUBLISHER
from etl.store.warehouse.postgres.ddl import PARTS, qualified, range_of
from etl.store.warehouse.postgres.steps import LOCKED, PATIENCE_MS
from etl.store.warehouse.postgres.turns import SWAPPING, take


def transaction(
    con: Connection, locked: Iterable[str], work: Callable[[], None], patience: float,
    before: Callable[[], None] | None = None,
) -> float:  # fmt: skip
    """Run `before`, then `work` while the parents in `locked` are held against readers, in one transaction.

    Returns for how many seconds they were held. Raises TransientError, and nothing has changed, when the lock is not
    granted within `patience` seconds.
    """
    names = ", ".join(qualified(tables()[t]) for t in sorted(locked))
    with con.transaction():
        if names:  # only one publisher at a time is in its last transaction; the others wait where no reader feels it
            take(con, SWAPPING, patience, f"other publishers were in their last transaction for {patience:.0f} s")
        if before:
            before()
        if names:
            _lock(con, names, patience)
        started = time.monotonic()
        work()
    return time.monotonic() - started


def _lock(con: Connection, names: str, patience: float) -> None:
    end = time.monotonic() + patience
    pause = 0.05
    while True:
        with suppress(*LOCKED), con.transaction():
            # the whole statement is bounded, as readers of the first table wait while the last one is asked for
            con.execute(f"set local statement_timeout = {PATIENCE_MS}")
            con.execute(f"lock table only {names} in access exclusive mode")
            con.execute("set local statement_timeout = 0")
            return
        if time.monotonic() > end:
            raise TransientError(
                f"queries on the warehouse gave no moment to publish in for {patience:.0f} s",
                hint="end the long ones (select pid, usename, query_start from pg_stat_activity) and run again",
            )
        time.sleep(random.uniform(0.5, 1.5) * pause)
        pause = min(pause * 2, 2.0)


def swap(con: Connection, old: Mapping[str, str], new: Mapping[str, str], number: int) -> None:
    """Detach a hospital's old partitions (none before its first night), attach the new ones, in one message."""
    statements = []
    for name in sorted({*old, *new}):
        parent, (first, beyond) = qualified(tables()[name]), range_of(tables()[name], number)
        if name in old:
            statements.append(f"alter table {parent} detach partition {PARTS}.{old[name]}")
        if name in new:
            statements.append(
                f"alter table {parent} attach partition {PARTS}.{new[name]} for values from ({first}) to ({beyond})"
            )
    con.execute("; ".join(statements) or "select 1")


def wait_for_old_readers(con: Connection, patience: float) -> None:
    """Return when no reader has a view of the database from before now; TransientError when that takes too long.

    A transaction that keeps one view for all its queries would else find new partitions in the catalogue whose rows it
    cannot see, and take the hospital for empty.
    """
    end = time.monotonic() + patience
    row = con.execute("select pg_current_xact_id()::xid::text").fetchone()
    now = row[0] if row else "0"
    # what the server tells of the sessions of others, even to who is no superuser; its own workers have no user
    query = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        f"and usesysid is not null and application_name is distinct from {literal(PUBLISHER)} "
        "and age(backend_xmin) > age(%s::xid)"
    )
    while (con.execute(query, [now]).fetchone() or (0,))[0]:
        if time.monotonic() > end:
            raise TransientError(
                f"a transaction that began before the night was loaded did not end within {patience:.0f} s",
                hint="end it (select pid, usename, xact_start from pg_stat_activity order by 3) and run again",
            )
        time.sleep(0.1)
