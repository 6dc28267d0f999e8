"""The audit log of the embedded home: in the ledger's file, so that an act and its entry are there together."""

from __future__ import annotations

import re
import secrets

import sqlalchemy as sa

from etl.files import packaged
from etl.store.audit.entry import Said
from etl.store.audit.tables import HEAD
from etl.store.audit.write import write

_STATEMENTS = re.compile(r"(?<=;)\n(?=create)")
#: The table in which the office kept its own record before there was one log.
_BEFORE = sa.Table(
    "office_event",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("happened_at", sa.DateTime),
    *(sa.Column(name, sa.Text) for name in ("actor", "role", "action", "subject", "reason", "address")),
)


def prepare(con: sa.Connection) -> None:
    """Make what is missing of tables, triggers and the head of the chain; take over the record of before."""
    text = packaged(__name__, "file.sql")
    for statement in _STATEMENTS.split(text[text.index("create") :]):
        con.exec_driver_sql(statement.strip())
    if con.execute(sa.select(HEAD.c.one)).first() is None:
        con.exec_driver_sql("insert or ignore into audit_head values (1, ?, 0, '')", (secrets.token_hex(16),))
    if _before_is_there(con):
        con.execute(sa.update(HEAD).values(number=HEAD.c.number))  # the file's lock: two may begin together
        if _before_is_there(con):
            _take_over(con)


def _before_is_there(con: sa.Connection) -> bool:
    return con.exec_driver_sql("select 1 from sqlite_master where name = 'office_event'").first() is not None


def _take_over(con: sa.Connection) -> None:
    for row in con.execute(sa.select(_BEFORE).order_by(_BEFORE.c.number)).mappings().all():
        write(con, Said(
            row["action"], row["actor"], row["role"], row["subject"], row["reason"], row["address"],
            details={"before": row["number"]}, happened_at=row["happened_at"],
        ))  # fmt: skip
    con.exec_driver_sql("drop table office_event")
