"""The schema of the warehouse on PostgreSQL: made from nothing, upgraded with its rows, never run with another one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
import tiny
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.cdm.spec import hospital_tables, tables
from etl.cli import app
from etl.errors import ConfigError
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.office import OFFICE
from etl.store.ledger.outputs import OUTPUTS
from etl.store.ledger.requests import REQUESTS
from etl.store.ledger.tables import ADMIN, PUBLICATION, RUN, meta
from etl.store.postgres.revision import newest, revision_of
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres import ddl
from etl.store.warehouse.postgres.init import as_loader, initialise, migrate, prepare, upgrade
from etl.store.warehouse.postgres.roles import ROLES

#: What the tables, indexes and views of a database are, without the names of schemas that only the ledger's has.
_COLUMNS = """
select n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_partkeydef(c.oid), c.relkind = 'v' and 'security_invoker=true' = any(c.reloptions)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
where n.nspname = any(%s) and relkind in ('r', 'p', 'v') and c.relname = any(%s)
order by 1, 2, a.attname"""
_INDEXES = """
select schemaname, indexname, replace(indexdef, 'ON ONLY', 'ON') from pg_indexes
where schemaname = any(%s) and tablename = any(%s) order by 1, 2"""
_VIEWS = (
    "select schemaname, viewname, definition from pg_views where schemaname = any(%s) and viewname = any(%s) order by 2"
)
_SCHEMAS = ["cdm", "vocabulary", "results", "cdm_read", "admin", "quality", "office"]
#: All that says who may do what: owners, rights, policies, members, settings.
_RIGHTS = """
select 'table', relname::text, relowner::regrole::text || coalesce(relacl::text, '') || relrowsecurity from pg_class
where relnamespace::regnamespace::text in ('cdm', 'cdm_read', 'vocabulary', 'results', 'quality', 'admin', 'office')
union all select 'schema', nspname::text, nspowner::regrole::text || coalesce(nspacl::text, '') from pg_namespace
union all select 'function', proname::text, coalesce(proacl::text, '') from pg_proc
    where pronamespace = 'admin'::regnamespace
union all select 'policy', tablename || '.' || policyname, coalesce(qual, '') || roles::text from pg_policies
union all select 'database', datname::text, coalesce(datacl::text, '') from pg_database
    where datname = current_database()
union all select 'setting', setrole::text, setconfig::text from pg_db_role_setting
    where setdatabase = (select oid from pg_database where datname = current_database())
union all select 'default', defaclnamespace::text || defaclobjtype::text, defaclacl::text from pg_default_acl
order by 1, 2, 3"""


@contextmanager
def connected(url: URL) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.libpq(url), autocommit=True) as con:
        yield con


def settings_of(url: URL, base: Settings | None = None) -> Settings:
    said = {"warehouse_url": url.render_as_string(hide_password=False)}
    return Settings(**{**(base.model_dump() if base else {}), **said}, _env_file=None)


def shape(url: URL) -> dict[str, list[tuple[Any, ...]]]:
    names = [*tables(), *(t.name for t in meta.sorted_tables)]
    with connected(url) as con:
        queries = {"columns": _COLUMNS, "indexes": _INDEXES, "views": _VIEWS}
        return {name: con.execute(query, [_SCHEMAS, names]).fetchall() for name, query in queries.items()}


def test_the_migrated_schema_is_what_specification_and_ledger_say(database: URL, postgres: URL) -> None:
    initialise(database, database)
    with postgres_server.database(postgres) as expected:
        with connected(expected) as con:
            for schema in _SCHEMAS:
                con.execute(f"create schema {schema}")
            for statement in [*ddl.create_statements(), *ddl.view_statements()]:
                con.execute(statement)
        office = (*OFFICE, *REQUESTS, *OUTPUTS)
        quality = [t for t in meta.sorted_tables if t not in (*ADMIN, *office)]
        for schema, made in (("admin", ADMIN), ("quality", quality), ("office", office)):
            engine = sa.create_engine(expected, connect_args={"options": f"-c search_path={schema}"})
            meta.create_all(engine, tables=made)
            engine.dispose()
        assert shape(database) == shape(expected)


def test_a_second_initialisation_changes_nothing(database: URL) -> None:
    initialise(database, database)
    with connected(database) as con:
        before = con.execute(_RIGHTS).fetchall()
        con.execute("grant select on cdm.person to public")
        initialise(database, database)
        assert con.execute(_RIGHTS).fetchall() == before


def test_two_databases_of_one_server_become_warehouses_at_once(postgres: URL) -> None:
    with postgres_server.database(postgres) as one, postgres_server.database(postgres) as other:
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
            both = [one, other, one, other]
            list(pool.map(initialise, both, both))
        for url in (one, other):
            with connected(url) as con:
                assert revision_of(con) == newest()


def test_the_newest_revision_is_the_one_alembic_leads_to() -> None:
    config = Config()
    config.set_main_option("script_location", "etl.store.postgres:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == newest()
    assert len(scripts.get_bases()) == 1


def fill(url: URL, night: dict[str, list[tuple[Any, ...]]], number: int) -> None:
    """A hospital's night as it was in the first release: partitions by hand, and what the ledger knew."""
    with connected(url) as con:
        con.execute("set role etl_loader")
        for name, rows in night.items():
            table = tables()[name]
            if not table.owner:
                continue
            first, beyond = ddl.range_of(table, number)
            con.execute(f"create table cdm_part.{name}_h{number:02d} partition of {ddl.qualified(table)} "
                        f"for values from ({first}) to ({beyond})")  # fmt: skip
            marks = ", ".join(["%s"] * len(table.columns))
            with con.cursor() as cursor:
                cursor.executemany(f"insert into {ddl.qualified(table)} values ({marks})", rows)
        con.execute("insert into admin.run (run_id, hospital, night, delivery, state, started_at) "
                    "values ('r1', 'tiny', '2026-07-01', 'sha', 'published', '2026-07-01')")  # fmt: skip
        con.execute("insert into admin.publication values ('tiny', '2026-07-01', 'r1', '2026-07-01', 'm')")
        con.execute("insert into admin.published values ('tiny', 'r1')")
        con.execute("insert into quality.finding values ('r1', 'cdm', 0, 's', 'person', null, 'e', 'd', 'warn', true)")


def test_an_upgrade_keeps_every_row(hospital: Tiny, database: URL) -> None:
    hospital.publish()
    night = tiny.warehouse_rows(hospital.settings, hospital_tables())
    assert sum(map(len, night.values())) > 20
    prepare(database, database)
    with as_loader(database).begin() as con:
        migrate(con, "0001")
    fill(database, night, 5)

    old = settings_of(database, hospital.settings)
    for use in (lambda: Ledger(old.ledger_url), open_warehouse(old).initialise):
        with pytest.raises(ConfigError) as raised:
            use()
        assert "etl warehouse upgrade" in str(raised.value)

    assert upgrade(database) == ("0001", newest())
    assert tiny.warehouse_rows(old, hospital_tables()) == night
    ledger = Ledger(old.ledger_url)
    assert ledger.run("r1")["state"] == "published"
    [publication] = ledger.read(sa.select(PUBLICATION))
    assert (publication["run_id"], publication["action"], publication["reason"]) == ("r1", None, None)
    with connected(database) as con:
        assert con.execute("select * from admin.published").fetchall() == [("tiny", "r1", date(2026, 7, 1), None, None)]
        assert con.execute("select count(*), count(approve_above) from quality.finding").fetchone() == (1, 0)


def test_an_upgrade_to_a_new_schema_says_who_makes_it(database: URL) -> None:
    initialise(database, database)
    with connected(database) as con:
        con.execute("drop schema office cascade")
        con.execute("update admin.alembic_version set version_num = '0004'")
    with pytest.raises(ConfigError) as raised:
        upgrade(database)
    assert "etl warehouse init" in str(raised.value)


def test_an_upgrade_that_fails_leaves_everything_as_it_was(database: URL) -> None:
    prepare(database, database)
    with as_loader(database).begin() as con:
        migrate(con, "0001")
    with connected(database) as con:
        con.execute("set role etl_loader")
        con.execute("create table admin.approval (surprise integer)")
    with pytest.raises(ConfigError):
        upgrade(database)
    with connected(database) as con:
        assert revision_of(con) == "0001"
        assert con.execute("select count(*) from pg_policies").fetchone() == (0,)


def test_a_database_of_a_newer_pipeline_is_refused(database: URL) -> None:
    initialise(database, database)
    with connected(database) as con:
        con.execute("update admin.alembic_version set version_num = '9999'")
    settings = settings_of(database)
    for use in (lambda: Ledger(settings.ledger_url), lambda: upgrade(database)):
        with pytest.raises(ConfigError) as raised:
            use()
        assert "newer than this version" in str(raised.value)
        assert "etl warehouse status" in str(raised.value)


def test_a_dba_who_is_no_superuser_can_prepare_a_database(database: URL) -> None:
    dba, pipeline = f"dba_{database.database}", f"etl_{database.database}"
    secret = "a-password-of-tests"
    with connected(database) as con:
        con.execute(f"create role {dba} login createrole password '{secret}'")
        con.execute(f"create role {pipeline} login password '{secret}'")
        con.execute(f"alter database {database.database} owner to {dba}")
        for name in (*ROLES, "recorder"):  # made before, by tests of this server
            if con.execute("select 1 from pg_roles where rolname = %s", [f"etl_{name}"]).fetchone():
                con.execute(f"grant etl_{name} to {dba} with admin option")
    try:
        login = database.set(username=pipeline, password=secret)
        initialise(database.set(username=dba, password=secret), login)
        ledger = Ledger(settings_of(login).ledger_url)
        ledger.open_run("r1", "snuh", date(2026, 11, 1), "sha")
        assert [r["run_id"] for r in ledger.read(sa.select(RUN))] == ["r1"]
        ledger.engine.dispose()
    finally:
        with connected(database) as con:
            con.execute(f"alter database {database.database} owner to current_user")
            con.execute(f"drop owned by {dba}, {pipeline}")
            con.execute(f"drop role {pipeline}")
            con.execute(f"drop role {dba}")


def test_a_login_that_may_not_make_roles_is_told_who_may(database: URL) -> None:
    name = f"plain_{database.database}"
    with connected(database) as con:
        con.execute(f"create role {name} login password 'x'")
        con.execute(f"grant connect on database {database.database} to {name}")
    try:
        with pytest.raises(ConfigError) as raised:
            initialise(database.set(username=name, password="x"), database)
        assert "--admin-url" in str(raised.value)
    finally:
        with connected(database) as con:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")


def test_a_database_that_cannot_hold_korean_is_refused(postgres: URL) -> None:
    name = "test_euc_kr"
    with connected(postgres) as con:
        con.execute(f"create database {name} encoding 'EUC_KR' locale 'C' template template0")
    try:
        with pytest.raises(ConfigError, match="EUC_KR"):
            initialise(postgres.set(database=name), postgres.set(database=name))
    finally:
        with connected(postgres) as con:
            con.execute(f"drop database {name} with (force)")


def test_every_table_says_what_it_holds_and_every_reference_where_it_leads(database: URL) -> None:
    initialise(database, database)
    with connected(database) as con:
        bare = con.execute(
            "select nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname in ('cdm', 'vocabulary', 'results', 'cdm_read') and relkind in ('r', 'p', 'v') "
            "and obj_description(c.oid, 'pg_class') is null"
        ).fetchall()
        assert bare == []
        said = dict(
            con.execute(
                "select a.attname, col_description(attrelid, attnum) from pg_attribute a "
                "where attrelid = 'cdm.visit_occurrence'::regclass and attnum > 0"
            ).fetchall()
        )
    assert said["person_id"] == "refers to person.person_id"
    assert said["visit_concept_id"] == "concept of domain Visit; 0: no matching concept"


@pytest.mark.parametrize("command", [["init"], ["upgrade"], ["status"], ["clear", "kim", "snuh", "--reason", "x"]])
def test_the_embedded_warehouse_needs_no_preparation(command: list[str], tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    found = CliRunner().invoke(app, ["warehouse", *command])
    assert found.exit_code == 4
    assert "ETL_WAREHOUSE_URL=postgresql" in found.stderr


def test_status_tells_what_is_there(hospital: Tiny, database: URL, monkeypatch) -> None:
    settings = settings_of(database, hospital.settings)
    monkeypatch.setenv("ETL_HOME", str(settings.home))
    monkeypatch.setenv("ETL_MAPPINGS", str(settings.mappings))
    monkeypatch.setenv("ETL_WAREHOUSE_URL", str(settings.warehouse_url))
    prepared = CliRunner().invoke(app, ["warehouse", "init"])
    assert (prepared.exit_code, "the warehouse is ready" in prepared.stdout) == (0, True)
    run_id = Tiny(settings, hospital.tables, hospital.drops).publish()
    shown = CliRunner().invoke(app, ["warehouse", "status"])
    assert shown.exit_code == 0
    assert f"revision {newest()}" in shown.stdout
    assert run_id in shown.stdout
