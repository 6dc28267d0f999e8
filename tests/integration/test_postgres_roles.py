"""Who may do what in the warehouse on PostgreSQL, tried on a server by a login of every role.

`data/postgres_rights.csv` says for each action which roles may; the server refuses it to all others. The rest holds
what an analyst sees of hospitals that the analyst is not cleared for: nothing, by whatever way it is asked.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import postgres_server
import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cdm.spec import Field, Table, hospital_tables
from etl.cli import app
from etl.errors import ConfigError, UsageError
from etl.settings import load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.postgres.connect import connect
from etl.store.warehouse.postgres import ddl
from etl.store.warehouse.postgres.clearance import grant, register, revoke
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.limits import limits
from etl.store.warehouse.postgres.roles import ROLES, make_login
from etl.store.warehouse.postgres.steps import part_of

RIGHTS = list(csv.DictReader((Path(__file__).parents[1] / "data" / "postgres_rights.csv").open(encoding="utf-8")))
SECRET = "a-password-of-tests"
HOSPITALS = {f"h{n}": n for n in (1, 2, 3, 4, 40)}
CLEARED = ("h1", "h3", "h40")
ROWS = 3  # of each hospital in every table, and as many more as its number says in `condition_occurrence`


@dataclass
class Server:
    """A warehouse with five hospitals, and logins of every role that are gone after the tests."""

    url: URL
    mark: str
    made: list[str] = field(default_factory=list)
    open: dict[str, psycopg.Connection] = field(default_factory=dict)

    def login(self, name: str) -> URL:
        """The URL of a login."""
        return self.url.set(username=self.named(name), password=SECRET)

    def named(self, name: str) -> str:
        """What a login is called on the server, which other tests may share."""
        return f"{name}_{self.mark}"

    def add(self, name: str, role: str) -> str:
        """Make a login."""
        made = self.named(name)
        make_login(self.url, made, role, SECRET)  # type: ignore[arg-type]
        self.made.append(made)
        return made

    @contextmanager
    def connected(self, name: str | None = None) -> Iterator[psycopg.Connection]:
        """A connection of a login, or of the superuser; what it does is undone."""
        with psycopg.connect(postgres_server.libpq(self.login(name) if name else self.url)) as con:
            yield con
            con.rollback()

    def steady(self, name: str) -> psycopg.Connection:
        """A connection of a login that is used again."""
        if name not in self.open:
            self.open[name] = psycopg.connect(postgres_server.libpq(self.login(name)))
        return self.open[name]

    def counts(self, name: str, schema: str = "cdm_read") -> dict[str, dict[int, int]]:
        """Rows that a login sees, by table and number of the hospital."""
        found = {}
        with self.connected(name) as con:
            for table in hospital_tables().values():
                query = f"select {ddl.hospital_of(table)}, count(*) from {schema}.{table.name} group by 1 order by 1"
                found[table.name] = dict(con.execute(query).fetchall())
        return found


def value(table: Table, column: Field, hospital: int, n: int) -> object:
    """What a column holds in the n-th row of a hospital."""
    person = hospital << 24 | 1 + n % ROWS
    event = person << 23 | 1 + n
    if column.name in ("person_id", "provider_id", "care_site_id", "location_id", "metadata_id"):
        return person if column.required or column.primary_key else None
    if column.primary_key or column.name in ("fact_id_1", "episode_id", "event_id"):
        return event
    if not column.required:
        return None
    return {"integer": n, "date": date(2026, 1, 1), "float": 1.0, "datetime": None}.get(column.type, "x")


def fill(con: psycopg.Connection, table: Table, name: str, number: int) -> None:
    """A hospital's partition of a table."""
    con.execute(f"create table cdm_part.{name} (like {ddl.qualified(table)} including defaults)")
    rows = [
        [value(table, column, number, n) for column in table.fields]
        for n in range(ROWS if table.name != "condition_occurrence" else ROWS + number)
    ]
    marks = ", ".join(["%s"] * len(table.fields))
    with con.cursor() as cursor:
        cursor.executemany(f"insert into cdm_part.{name} values ({marks})", rows)


@pytest.fixture(scope="module")
def server(postgres: URL) -> Iterator[Server]:
    with postgres_server.database(postgres) as url:
        initialise(url, url)
        made = Server(url, uuid4().hex[:8])
        with connect(url) as con:
            for hospital, number in HOSPITALS.items():
                register(con, hospital, number, 5)
                for table in hospital_tables().values():
                    name = part_of(table.name, number, 1)
                    fill(con, table, name, number)
                    first, beyond = ddl.range_of(table, number)
                    con.execute(f"alter table {ddl.qualified(table)} attach partition cdm_part.{name} "
                                f"for values from ({first}) to ({beyond})")  # fmt: skip
                con.execute("insert into results.cohort values (1, %s, '2026-01-01', '2026-01-01')", [number << 24 | 1])
            fill(con, hospital_tables()["person"], "person_h01_s0", 1)
            con.execute("insert into admin.approval (run_id, gate, asked_at, decision) values ('r', 'cdm', now(), 'x')")
            con.execute("analyze")
        for role in (*ROLES, "other", "chief"):
            made.add(role, {"other": "analyst", "chief": "steward"}.get(role, role))
        grant(made.login("steward"), made.named("analyst"), CLEARED, "IRB 2026-1")
        grant(made.login("steward"), made.named("other"), ["h2"], "IRB 2026-2")
        try:
            yield made
        finally:
            for each in made.open.values():
                each.close()
            with psycopg.connect(postgres_server.libpq(url), autocommit=True) as con:
                for name in made.made:
                    con.execute(f'drop owned by "{name}"')
                    con.execute(f'drop role "{name}"')


# What each role may do ------------------------------------------------------------------------------------------------


def statements() -> list[object]:
    return [pytest.param(row, role, id=f"{role}: {row['action']}") for row in RIGHTS for role in ROLES]


@pytest.mark.parametrize(("row", "role"), statements())
def test_a_role_may_do_what_the_table_says_and_nothing_else(server: Server, row: dict[str, str], role: str) -> None:
    analyst = server.named("other" if row["action"] == "take a clearance" else "analyst")
    statement = row["statement"].format(analyst=analyst, other=server.named("other"))
    con = server.steady(role)
    server.steady("other")
    try:
        if row[role] == "yes":
            con.execute(statement)
        else:
            with pytest.raises(errors.InsufficientPrivilege):
                con.execute(statement)
    finally:
        con.rollback()


def test_who_has_no_role_does_not_even_get_in(server: Server) -> None:
    name = server.named("stranger")
    with psycopg.connect(postgres_server.libpq(server.url), autocommit=True) as con:
        con.execute(f"create role {name} login password '{SECRET}'")
    server.made.append(name)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres_server.libpq(server.login("stranger")))


def test_the_loader_sees_every_hospital(server: Server) -> None:
    assert set(server.counts("loader")["person"]) == set(HOSPITALS.values())


# What an analyst sees -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", ["cdm", "cdm_read"])
def test_an_analyst_sees_exactly_the_hospitals_of_the_clearances(server: Server, schema: str) -> None:
    everything, mine = server.counts("quality", schema), server.counts("analyst", schema)
    cleared = {HOSPITALS[h] for h in CLEARED}
    assert all(set(rows) == set(HOSPITALS.values()) for rows in everything.values())
    assert mine == {t: {h: n for h, n in rows.items() if h in cleared} for t, rows in everything.items()}
    assert mine["condition_occurrence"] == {1: ROWS + 1, 3: ROWS + 3, 40: ROWS + 40}
    with server.connected("analyst") as con:
        assert con.execute("select subject_id >> 24 from cdm_read.cohort order by 1").fetchall() == [(1,), (3,), (40,)]


def test_an_analyst_sees_achilles_of_cleared_hospitals_and_of_the_whole_if_cleared_for_all_in_it(
    server: Server,
) -> None:
    numbers = list(HOSPITALS.values())
    name = server.add("achilles", "analyst")
    with connect(server.url) as con:
        for source in (0, *numbers):
            con.execute("insert into results.achilles_source values (%s, null, null, null, null, now(), 'x')", [source])
            for table in ("count", "distribution"):
                con.execute(
                    f"insert into results.achilles_{table} (source, analysis_id, count_value) values (%s, 1, 9)",
                    [source],
                )
            con.execute("insert into results.achilles_concept values (%s, 1, 9, 9, 9, 9)", [source])
    try:
        cleared = [HOSPITALS[h] for h in CLEARED]
        assert seen_sources(server, "analyst") == {tuple(cleared)}
        assert seen_sources(server, "quality") == {(0, *numbers)}
        grant(server.login("steward"), name, list(HOSPITALS), "IRB")
        assert seen_sources(server, "achilles") == {(0, *numbers)}
        with server.connected("analyst") as con:
            assert con.execute("select count(*) from results.achilles_results").fetchone() == (0,)
        with server.connected("achilles") as con:
            assert con.execute("select count_value from results.achilles_results").fetchall() == [(9,)]
    finally:
        with connect(server.url) as con:
            for table in ("source", "count", "distribution", "concept"):
                con.execute(f"delete from results.achilles_{table}")


def seen_sources(server: Server, login: str) -> set[tuple[int, ...]]:
    """The sources that a login sees, of each table with sources."""
    with server.connected(login) as con:
        tables = [f"results.achilles_{table}" for table in ("source", "count", "distribution", "concept")]
        return {tuple(n for (n,) in con.execute(f"select source from {t} order by 1").fetchall()) for t in tables}


@pytest.mark.parametrize("known", [[], [1], [63], [2, 3, 7, 63], list(range(1, 64))])
@pytest.mark.parametrize("bits", [24, 47])
def test_a_policy_shows_a_key_exactly_where_its_hospital_is_known_and_cleared(
    server: Server, known: list[int], bits: int
) -> None:
    keys = [(n << bits) + at for n in range(65) for at in (-1, 0, 1)]
    with server.connected() as con:
        row = con.execute("select admin.visible('key', %s, %s::integer[])", [bits, [0, *known]]).fetchone()
        assert row is not None
        for cleared in ([], known, known[::2], known[1:3]):
            until = {n: (n + 1 << bits) if n in cleared else -1 for n in known}
            shown = str(row[0])
            for number, value in until.items():
                shown = shown.replace(f"(select admin.cleared_until({number}, {bits}))", str(value))
            found = con.execute(f"select key from unnest(%s::bigint[]) key where {shown}", [keys]).fetchall()
            assert [k for (k,) in found] == [k for k in keys if k >> bits in cleared]


def test_an_analyst_without_clearance_sees_nothing(server: Server) -> None:
    server.add("fresh", "analyst")
    assert not any(server.counts("fresh").values())
    with server.connected("fresh") as con:
        assert con.execute("select count(*) from cdm_read.cohort").fetchone() == (0,)


def test_a_hospital_that_nobody_registered_is_seen_by_no_analyst(server: Server) -> None:
    table = hospital_tables()["person"]
    with connect(server.url) as con:
        fill(con, table, "person_h09_s1", 9)
        first, beyond = ddl.range_of(table, 9)
        con.execute(f"alter table cdm.person attach partition cdm_part.person_h09_s1 "
                    f"for values from ({first}) to ({beyond})")  # fmt: skip
        try:
            assert 9 in server.counts("quality")["person"]
            assert 9 not in server.counts("analyst")["person"]
        finally:
            con.execute("drop table cdm_part.person_h09_s1")


def test_a_clearance_holds_from_the_next_query_on_also_for_prepared_ones(server: Server) -> None:
    name, steward = server.add("prepared", "analyst"), server.login("steward")
    with psycopg.connect(postgres_server.libpq(server.login("prepared")), autocommit=True) as con:
        con.execute("set plan_cache_mode = force_generic_plan")
        con.execute("prepare mine as select count(*) from cdm_read.person")
        assert con.execute("execute mine").fetchone() == (0,)
        grant(steward, name, ["h1", "h2"], "IRB")
        assert con.execute("execute mine").fetchone() == (2 * ROWS,)
        revoke(steward, name, ["h1"], "over")
        assert con.execute("execute mine").fetchone() == (ROWS,)
        assert con.execute("select distinct person_id >> 24 from cdm.person").fetchall() == [(2,)]


def test_a_clearance_ends_after_its_last_day(server: Server) -> None:
    name = server.add("dated", "analyst")
    grant(server.login("steward"), name, ["h1"], "IRB", date.today() + timedelta(days=30))
    assert server.counts("dated")["person"] == {1: ROWS}
    with psycopg.connect(postgres_server.libpq(server.url), autocommit=True) as con:
        con.execute("update admin.clearance set until = current_date - 1 where login = %s", [name])
    assert server.counts("dated")["person"] == {}


def test_a_login_that_is_made_again_under_the_same_name_is_not_cleared(server: Server) -> None:
    name = server.add("again", "analyst")
    grant(server.login("steward"), name, ["h1"], "IRB")
    with psycopg.connect(postgres_server.libpq(server.url), autocommit=True) as con:
        con.execute(f"drop owned by {name}")
        con.execute(f"drop role {name}")
    make_login(server.url, name, "analyst", SECRET)
    assert server.counts("again")["person"] == {}


# Ways around ----------------------------------------------------------------------------------------------------------


def test_a_function_of_the_analyst_does_not_meet_rows_of_others(server: Server) -> None:
    with server.connected("analyst") as con:
        seen: list[str] = []
        con.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
        con.execute(
            "create function pg_temp.peek(bigint) returns boolean language plpgsql cost 0.0001 "
            "as $$ begin raise notice 'saw %', $1 >> 24; return true; end $$"
        )
        for table in ("cdm.person", "cdm_read.person", "results.cohort"):
            column = "subject_id" if "cohort" in table else "person_id"
            con.execute(f"select count(*) from {table} where pg_temp.peek({column})")
        assert set(seen) == {"saw 1", "saw 3", "saw 40"}


@pytest.mark.parametrize("table", sorted(hospital_tables()))
def test_a_plan_does_not_count_rows_of_others(server: Server, table: str) -> None:
    with server.connected("analyst") as con:
        con.execute("set enable_seqscan = off")
        plan = "\n".join(r[0] for r in con.execute(f"explain (analyze) select count(*) from cdm.{table}").fetchall())
    assert "Rows Removed" not in plan
    for number in HOSPITALS.values():
        [line] = [text for text in plan.splitlines() if part_of(table, number, 1) in text and "Index on" not in text][
            :1
        ]
        assert ("never executed" in line) == (number not in {HOSPITALS[h] for h in CLEARED}), line


def test_statistics_tell_nothing_of_values(server: Server) -> None:
    query = "select count(*) from pg_stats where schemaname in ('cdm', 'cdm_part')"
    with server.connected("analyst") as con:
        assert con.execute(query).fetchone() == (0,)
        assert con.execute("select count(*) from pg_stats_ext").fetchone() == (0,)
    with server.connected("loader") as con:
        assert con.execute(query).fetchone() != (0,)


_EVASIONS: dict[str, str] = {
    "a partition by its number": "select table_to_xml({oid}::regclass, true, false, '')",
    "a query in a function": "select query_to_xml('select * from cdm_part.person_h02_s1', true, false, '')",
    "without row security": "set row_security = off; select count(*) from cdm.person",
    "copy of a partition": "copy cdm_part.person_h02_s1 to stdout",
}


@pytest.mark.parametrize("way", list(_EVASIONS))
def test_ways_past_the_policies_are_refused(server: Server, way: str) -> None:
    with server.connected() as con:
        row = con.execute("select 'cdm_part.person_h02_s1'::regclass::oid").fetchone()
    statement = _EVASIONS[way].format(oid=row[0] if row else 0)
    # a server that was built without XML has not even the function
    with server.connected("analyst") as con, pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported)):
        con.execute(statement)


def test_what_an_analyst_may_read_the_analyst_cannot_hand_on(server: Server) -> None:
    with server.connected("analyst") as con:
        query = "select relacl::text from pg_class where oid = 'cdm.person'::regclass"
        before = con.execute(query).fetchone()
        con.execute("grant select on cdm.person to public")  # which the server answers with a warning
        assert con.execute(query).fetchone() == before


@pytest.mark.parametrize(
    "trick",
    [
        "create temporary table clearance as select session_user as login",
        "create temporary view pg_roles as select session_user as rolname, 0::oid as oid, true as rolcanlogin",
        "create function pg_temp.cleared_hospitals() returns integer[] language sql as 'select array[1, 2, 3, 4, 40]'",
        "set search_path = pg_temp, pg_catalog, admin, cdm",
        "set role etl_analyst",
        "prepare p as select 1",
    ],
)
def test_names_of_the_analyst_do_not_take_the_place_of_ours(server: Server, trick: str) -> None:
    with server.connected("analyst") as con:
        con.execute(trick)
        found = con.execute("select distinct person_id >> 24 from cdm.person order by 1").fetchall()
    assert found == [(1,), (3,), (40,)]


def test_every_function_that_works_as_its_owner_fixes_where_it_looks(server: Server) -> None:
    with server.connected() as con:
        rows = con.execute(
            "select proname, proconfig, proacl::text from pg_proc "
            "where prosecdef and pronamespace::regnamespace::text in ('admin', 'audit')"
        ).fetchall()
    assert {name for name, _, _ in rows} == {
        "append", "cleared_hospitals", "cleared_until", "grant_clearance", "prune", "revoke_clearance", "seen_sources",
    }  # fmt: skip
    assert all(config == ["search_path=pg_catalog, pg_temp"] for _, config, _ in rows)
    assert not any("{=X" in acl or ",=X" in acl for _, _, acl in rows)  # nothing to everybody


# Stewards -------------------------------------------------------------------------------------------------------------


def test_who_cleared_whom_when_and_why_is_kept(server: Server) -> None:
    name = server.add("kept", "analyst")
    grant(server.login("steward"), name, ["h1"], "IRB 2026-7")
    grant(server.login("chief"), name, ["h1"], "IRB 2026-7, amended")
    revoke(server.login("steward"), name, ["h1"], "the study ended")
    query = (
        "select granted_by, reason, revoked_by, revoke_reason, granted_at is null or revoked_at is null "
        "from admin.clearance where login = %s order by id"
    )
    with server.connected("auditor") as con:
        rows = con.execute(query, [name]).fetchall()
    steward, chief = server.named("steward"), server.named("chief")
    assert rows == [
        (steward, "IRB 2026-7", chief, "replaced by a newer one", False),
        (chief, "IRB 2026-7, amended", steward, "the study ended", False),
    ]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda s: grant(s.login("steward"), s.named("analyst"), ["h1", "nowhere"], "IRB"), "no hospital nowhere"),
        (lambda s: grant(s.login("steward"), "nobody", ["h1"], "IRB"), "no login nobody"),
        (lambda s: grant(s.login("steward"), s.named("quality"), ["h1"], "IRB"), "a member of etl_analyst"),
        (lambda s: grant(s.login("steward"), s.named("analyst"), ["h1"], " "), "a reason is needed"),
        (lambda s: grant(s.login("steward"), s.named("analyst"), ["h1"], "x", date(2020, 1, 1)), "over already"),
        (lambda s: revoke(s.login("steward"), s.named("analyst"), ["h2"], "x"), "is not cleared for h2"),
    ],
)
def test_a_clearance_that_cannot_be_is_explained_and_changes_nothing(
    server: Server, act: Callable[[Server], None], said: str
) -> None:
    before = server.counts("analyst")
    with pytest.raises(UsageError, match=said):
        act(server)
    assert server.counts("analyst") == before


def test_nobody_clears_oneself(server: Server) -> None:
    name = server.add("both", "steward")
    make_login(server.url, name, "analyst", SECRET)
    with pytest.raises(ConfigError, match="nobody clears oneself"):
        grant(server.login("both"), name, ["h1"], "IRB")


def test_a_loader_gives_no_clearances(server: Server) -> None:
    with pytest.raises(ConfigError, match="only members of etl_steward") as raised:
        grant(server.login("loader"), server.named("analyst"), ["h2"], "IRB")
    assert "--role steward" in str(raised.value)


def test_a_number_stays_the_hospitals_that_had_it_first(server: Server) -> None:
    with connect(server.url) as con, pytest.raises(ConfigError, match="knows hospital 1 as 'h1'"):
        register(con, "newcomer", 1, 5)


# Logins ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["analyst", "quality", "steward", "auditor"])
def test_a_login_has_the_limits_of_its_role(server: Server, role: str) -> None:
    wanted = dict(limits(role))
    connections = int(wanted.pop("connections"))
    with server.connected(role) as con:
        held = {name: con.execute(f"show {name}").fetchone()[0] for name in wanted}
        assert held == wanted
        number = con.execute("select rolconnlimit from pg_roles where rolname = session_user").fetchone()
    assert number == (connections,)


def test_limits_can_be_chosen_and_bind(server: Server) -> None:
    name = server.named("bound")
    make_login(server.url, name, "analyst", SECRET, {"statement_timeout": "50ms", "connections": "1"})
    server.made.append(name)
    with server.connected("bound") as con:
        with pytest.raises(errors.QueryCanceled):
            con.execute("select pg_sleep(5)")
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(postgres_server.libpq(server.login("bound")))


def test_a_login_made_by_hand_has_the_limits_of_the_database(server: Server) -> None:
    name = server.named("byhand")
    with psycopg.connect(postgres_server.libpq(server.url), autocommit=True) as con:
        con.execute(f"create role {name} login in role etl_analyst password '{SECRET}'")
    server.made.append(name)
    with server.connected("byhand") as con:
        assert con.execute("show statement_timeout").fetchone() == (limits("database")["statement_timeout"],)


def test_the_server_is_told_no_password(server: Server) -> None:
    with server.connected() as con:
        row = con.execute("select rolpassword from pg_authid where rolname = %s", [server.named("analyst")]).fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize("name", ["Kim", "etl_analyst", "pg_monitor", "a b", ""])
def test_a_name_that_cannot_be_a_login_is_refused(server: Server, name: str) -> None:
    with pytest.raises(UsageError):
        make_login(server.url, name, "analyst")


def test_a_superuser_is_made_nobodys_analyst(server: Server) -> None:
    with pytest.raises(UsageError, match="superuser"):
        make_login(server.url, str(server.url.username), "analyst")


def test_logins_and_clearances_from_the_command_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def etl(login: URL, *said: str) -> str:
        monkeypatch.setenv("ETL_WAREHOUSE_URL", login.render_as_string(hide_password=False))
        found = CliRunner().invoke(app, ["warehouse", *said])
        assert found.exit_code == 0, found.stderr
        return found.stdout

    name = server.named("cli")
    server.made.append(name)
    monkeypatch.setenv("ETL_USER_PASSWORD", SECRET)
    told = etl(server.url, "user", name, "--role", "analyst", "--limit", "statement_timeout=2h")
    told += etl(server.login("steward"), "clear", name, "h1", "h2", "--reason", "IRB 2026-9")
    assert server.counts("cli")["person"] == {1: ROWS, 2: ROWS}
    told += etl(server.login("steward"), "clear", name, "h2", "--revoke", "--reason", "amended")
    assert server.counts("cli")["person"] == {1: ROWS}
    told += etl(server.login("auditor"), "status")
    assert f"{name} sees h1: IRB 2026-9" in told
    assert SECRET not in told


@pytest.mark.parametrize("role", ["quality", "steward", "auditor"])
def test_who_reads_the_ledger_writes_reports_but_nothing_into_it(
    server: Server, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.setenv("ETL_WAREHOUSE_URL", server.login(role).render_as_string(hide_password=False))
    for command in ("status", "report", "approve"):
        assert CliRunner().invoke(app, [command]).exit_code == 0
    assert (tmp_path / "reports" / "index.html").exists()
    with pytest.raises(ConfigError, match="etl_loader"):
        Ledger(load_settings().ledger_url).open_run("r", "h1", date(2026, 1, 1), "-")


def test_an_analyst_does_not_read_the_ledger(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE_URL", server.login("analyst").render_as_string(hide_password=False))
    with pytest.raises(ConfigError, match="etl_loader"):
        Ledger(load_settings().ledger_url)
