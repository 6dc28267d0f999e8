"""The warehouse on PostgreSQL: server, revision, roles, row-level security, connections, clock."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from etl.cdm.spec import hospital_tables
from etl.files import packaged
from etl.operations.doctor.finding import Finding, Look
from etl.store.postgres.connect import LOADER, conninfo
from etl.store.postgres.revision import newest, revision_of
from etl.store.warehouse.postgres.init import OLDEST_SERVER, passing_functions

SUBJECT = "warehouse"
GROUPS = (LOADER, "etl_quality", "etl_analyst", "etl_steward", "etl_auditor", "etl_office")
_SECONDS = 5
#: Connections of one hospital that publishes: its transaction, DuckDB's copies, the indexes made side by side.
_PER_PUBLISHER = 8
_SKEW_SECONDS = 5.0
_INIT = "make what is missing, as an administrator of the database: etl warehouse init"
_Con = Connection[TupleRow]


def check_postgres(look: Look) -> Iterator[Finding]:
    """Connect once; then every check on that connection."""
    url = look.settings.warehouse
    try:
        con = psycopg.connect(conninfo(url), autocommit=True, connect_timeout=_SECONDS)
    except psycopg.OperationalError as error:
        yield _unreachable(error, f"{url.host or 'the local socket'}:{url.port or 5432}")
        return
    with con:
        yield from _check_server(con)
        if (yield from _check_revision(con)):
            yield from _check_roles(con)
            yield from _check_row_security(con)
            yield _check_passing(con)
        yield from _check_connections(con, look.scheduling.publish_slots)
        yield _check_clock(con)


def _unreachable(error: psycopg.OperationalError, where: str) -> Finding:
    """What kept us out: the server's words hold no data and no password, but of several lines the last says it."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    said = re.sub(r"^connection failed: ", "", said)
    if "authentication" in said or "pg_hba" in said:
        return Finding(SUBJECT, "server", "fail", said, "see user and password of ETL_WAREHOUSE_URL, and pg_hba.conf")
    if "does not exist" in said:
        return Finding(SUBJECT, "server", "fail", said, "see ETL_WAREHOUSE_URL: user and database")
    if "too many" in said or "remaining connection slots" in said:
        step = "end connections that nobody uses, or raise max_connections"
        return Finding(SUBJECT, "server", "fail", said, step, 5)
    step = f"start PostgreSQL or open the way to it; then look from here: pg_isready -h HOST -p PORT ({where})"
    return Finding(SUBJECT, "server", "fail", said, step, 5)


def _check_server(con: _Con) -> Iterator[Finding]:
    """Version and encoding."""
    version = con.info.server_version
    encoding = con.info.parameter_status("server_encoding")
    text = f"PostgreSQL {version // 10000}.{version % 10000} at {con.info.host}:{con.info.port}/{con.info.dbname}"
    if version < OLDEST_SERVER:
        yield Finding(SUBJECT, "server", "fail", f"{text} is too old", f"use {OLDEST_SERVER // 10000} or newer")
    elif encoding != "UTF8":
        step = "make the database again: create database … encoding 'UTF8' template template0"
        yield Finding(SUBJECT, "server", "fail", f"{text} is encoded in {encoding}; Korean texts need UTF8", step)
    else:
        yield Finding(SUBJECT, "server", "ok", f"{text}, {encoding}")


def _as_loader(con: _Con) -> str | None:
    """Work as the loader from now on; what keeps us from it, or None."""
    try:
        con.execute(f"set role {LOADER}")
    except psycopg.errors.InsufficientPrivilege:
        return f"the login '{con.info.user}' is no member of {LOADER}"
    except psycopg.errors.InvalidParameterValue:
        return f"there is no role {LOADER}"
    return None


def _check_revision(con: _Con) -> Generator[Finding, None, bool]:
    """The schema is there and of this program's making; returns whether it can be looked at further."""
    wrong = _as_loader(con)
    if wrong:
        yield Finding(SUBJECT, "login", "fail", wrong, _INIT)
        return False
    found, wanted = revision_of(con), newest()
    if found is None:
        yield Finding(SUBJECT, "revision", "fail", "the database has no warehouse yet", _INIT)
        return False
    if found < wanted:
        text = f"the warehouse is at revision {found}; this program needs {wanted}"
        yield Finding(SUBJECT, "revision", "fail", text, "etl warehouse upgrade")
    elif found > wanted:
        text = f"the warehouse is at revision {found}, newer than this program ({wanted})"
        yield Finding(SUBJECT, "revision", "fail", text, "run the version of the program that upgraded it")
    else:
        yield Finding(SUBJECT, "revision", "ok", f"the schema is at revision {found}, the newest")
    return True


def _check_roles(con: _Con) -> Iterator[Finding]:
    """The groups, none of which may log in or pass row-level security by."""
    rows = con.execute(
        "select rolname, rolcanlogin or rolsuper or rolbypassrls from pg_roles where rolname = any(%s)", [list(GROUPS)]
    ).fetchall()
    missing = sorted(set(GROUPS) - {name for name, _ in rows})
    mighty = sorted(name for name, may in rows if may)
    owner = con.execute("select rolsuper or rolbypassrls from pg_roles where rolname = session_user").fetchone()
    if missing:
        yield Finding(SUBJECT, "roles", "fail", f"there is no role {', '.join(missing)}", _INIT)
    elif mighty:
        text = f"{', '.join(mighty)} may log in or pass row-level security by"
        step = "; ".join(f"alter role {name} nologin nosuperuser nobypassrls" for name in mighty)
        yield Finding(SUBJECT, "roles", "fail", text, step)
    elif owner and owner[0]:
        text = f"the pipeline's login '{con.info.user}' is a superuser"
        yield Finding(
            SUBJECT, "roles", "warn", text, f"give it a login of its own in role {LOADER}: etl warehouse user"
        )
    else:
        yield Finding(SUBJECT, "roles", "ok", f"{len(rows)} groups; '{con.info.user}' works as {LOADER}")


def _check_row_security(con: _Con) -> Iterator[Finding]:
    """Every table with rows of hospitals has row-level security switched on and a policy."""
    rows = con.execute(packaged(__name__, "row_security.sql")).fetchall()
    safe = {name for name, on, has_policy in rows if on and has_policy}
    open_ = sorted(set(hospital_tables()) - safe)
    off = sorted(set(open_) & {name for name, on, _ in rows if not on})
    if open_:
        text = f"without row-level security or policy: {', '.join(open_)}"
        step = "; ".join(f"alter table cdm.{name} enable row level security" for name in off)
        step = f"as {LOADER}, and let nobody in before: {step}" if off else "restore the policies from a back-up"
        yield Finding(SUBJECT, "row security", "fail", text, step)
    else:
        yield Finding(SUBJECT, "row security", "ok", f"on, with policies, for {len(safe)} tables of hospitals")


def _check_passing(con: _Con) -> Finding:
    """Functions by which anybody who may connect could store data outside of tables, or pass it to others."""
    found = passing_functions(con)
    if found:
        text = f"everybody may execute {len(found)} functions that store or pass data, such as {found[0]}"
        return Finding(SUBJECT, "functions", "warn", text, "as a superuser: etl warehouse init --admin-url URL")
    return Finding(SUBJECT, "functions", "ok", "none that stores or passes data outside of tables is everybody's")


def _check_connections(con: _Con, slots: int) -> Iterator[Finding]:
    """Connections that are left for the hospitals that publish at the same time."""
    row = con.execute(
        """
        select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
            count(*), (select rolconnlimit from pg_roles where rolname = session_user),
            count(*) filter (where usename = session_user)
        from pg_stat_activity
        where datid is not null and usesysid is not null -- the kind of another's session is not told
        """
    ).fetchone()
    most, used, own, ours = row or (0, 0, -1, 0)
    if own >= 0 and own - ours < most - used:
        most, used = own, ours
    need = slots * _PER_PUBLISHER
    text = f"{max(most - used, 0)} of {most} connections are free"
    if most - used < need:
        step = f"raise max_connections: {slots} hospital(s) that publish at once may take {need}"
        yield Finding(SUBJECT, "connections", "warn", text, step)
    else:
        yield Finding(SUBJECT, "connections", "ok", text)


def _check_clock(con: _Con) -> Finding:
    """The clocks of machine and server; the ledger and clearances compare times of both."""
    before = datetime.now(UTC)
    row = con.execute("select clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    apart = abs((row[0] - (before + (after - before) / 2)).total_seconds()) if row else 0.0
    text = f"the clocks of this machine and of the server are {apart:.1f} s apart"
    if apart > _SKEW_SECONDS:
        return Finding(SUBJECT, "clock", "warn", text, "let both take their time from the same server (chrony, NTP)")
    return Finding(SUBJECT, "clock", "ok", text)
