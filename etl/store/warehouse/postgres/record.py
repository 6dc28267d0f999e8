"""Makes the audit log on a server: its tables, functions and rights, and how long its kinds are kept."""

from __future__ import annotations

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from etl.files import packaged
from etl.store.audit.kinds import kinds

RECORDER = "etl_recorder"


def make_log(con: psycopg.Connection) -> None:
    """Make what is missing, as the role that owns it; who is no superuser is a member of it only meanwhile."""
    row = con.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    me, recorder, plain = Identifier(con.info.user), Identifier(RECORDER), row != (True,)
    if plain:
        con.execute(SQL("grant {} to {}").format(recorder, me))
    con.execute(SQL("set local role {}").format(recorder))
    con.execute(packaged(__name__, "audit.sql"))
    lines = (SQL("({}, {})").format(Literal(name), Literal(kind.years)) for name, kind in kinds().items())
    con.execute(SQL("delete from audit.audit_kept"))
    con.execute(SQL("insert into audit.audit_kept values {}").format(SQL(", ").join(lines)))
    con.execute("reset role")
    if plain:
        con.execute(SQL("revoke {} from {}").format(recorder, me))
