"""What could be told or stopped in passing: data handed on outside of tables, locks, and plans of others' patients."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import postgres_server
import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import URL

from etl.cdm.spec import hospital_tables
from etl.errors import TransientError
from etl.files import packaged
from etl.store.postgres.connect import connect
from etl.store.warehouse.postgres import ddl, init
from etl.store.warehouse.postgres.clearance import grant, register
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.load import _index, create_part
from etl.store.warehouse.postgres.roles import make_login
from etl.store.warehouse.postgres.swap import transaction
from etl.store.warehouse.postgres.turns import hospital_turn, turn

REVIEWED = Path(__file__).parents[1] / "data" / "postgres_public_functions.csv"
SECRET = "a-password-of-tests"
TABLE = "condition_occurrence"
MANY, ONE, NONE = 1, 2, 4000  # persons of the other hospital: with 100 rows, with one, and one that is not there
PERSONS = 1500


@dataclass
class Shared:
    """A warehouse with two hospitals, and an analyst who is cleared for the first."""

    url: URL
    logins: dict[str, str]

    def connected(self, role: str | None = None) -> psycopg.Connection:
        url = self.url.set(username=self.logins[role], password=SECRET) if role else self.url
        return psycopg.connect(postgres_server.libpq(url), autocommit=True)


def fill(con: psycopg.Connection, number: int) -> None:
    """A hospital whose first patient has a hundred conditions, every other one a single condition."""
    base = number << 24
    persons = f"generate_series(1, {PERSONS}) n"
    con.execute(
        f"insert into cdm_part.person_h{number:02d}_s1 (person_id, gender_concept_id, year_of_birth, race_concept_id, "
        f"ethnicity_concept_id) select {base} + n, 8507, 1970, 0, 0 from {persons}"
    )
    con.execute(
        f"insert into cdm_part.{TABLE}_h{number:02d}_s1 (condition_occurrence_id, person_id, condition_concept_id, "
        f"condition_start_date, condition_type_concept_id, visit_occurrence_id) "
        f"select (({base} + n)::bigint << 23) + k, {base} + n, 201826, date '2026-01-01', 32817, "
        f"(({base} + n)::bigint << 23) + 1 from {persons}, generate_series(1, case n when {MANY} then 100 else 1 end) k"
    )
    con.execute(
        f"insert into cdm_part.cost_h{number:02d}_s1 (cost_id, cost_event_id, cost_domain_id, cost_type_concept_id) "
        f"select (({base} + n)::bigint << 23) + k, (({base} + n)::bigint << 23) + k, 'Drug', 32817 "
        f"from {persons}, generate_series(1, case n when {MANY} then 100 else 1 end) k"
    )


@pytest.fixture(scope="module")
def shared(postgres: URL) -> Iterator[Shared]:
    mark = uuid4().hex[:8]
    with postgres_server.database(postgres) as url:
        initialise(url, url)
        logins = {role: f"{role}_{mark}" for role in ("analyst", "quality", "steward", "auditor")}
        for role, name in logins.items():
            make_login(url, name, role, SECRET)  # type: ignore[arg-type]
        with connect(url) as con:
            for number in (1, 2):
                register(con, f"h{number}", number, 5)
                for name in ("person", TABLE, "cost"):
                    create_part(con, hospital_tables()[name], f"{name}_h{number:02d}_s1", number)
                fill(con, number)
                for name in ("person", TABLE, "cost"):
                    table, part = hospital_tables()[name], f"{name}_h{number:02d}_s1"
                    _index(url, table, part)
                    first, beyond = ddl.range_of(table, number)
                    con.execute(f"alter table cdm.{name} attach partition cdm_part.{part} "
                                f"for values from ({first}) to ({beyond})")  # fmt: skip
            con.execute("analyze")  # of the parents, too
        made = Shared(url, logins)
        grant(url.set(username=logins["steward"], password=SECRET), logins["analyst"], ["h1"], "IRB")
        try:
            yield made
        finally:
            with made.connected() as con:
                for name in logins.values():
                    con.execute(f"drop owned by {name}")
                    con.execute(f"drop role {name}")


# Functions that store and pass data -----------------------------------------------------------------------------------


def test_every_function_that_everybody_may_execute_and_that_may_write_was_looked_at(shared: Shared) -> None:
    """A newer server that brings another one fails here: it is revoked, or a line says why it may stay."""
    with REVIEWED.open(encoding="utf-8") as lines:
        reviewed = {row["function"] for row in csv.DictReader(lines)}
    query = """
        select p.oid::regprocedure::text from pg_proc p
        where provolatile = 'v' and prokind in ('f', 'p')
        and pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
        and not 'internal'::regtype = any(proargtypes::oid[])
        and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) a
                    where a.grantee = 0 and privilege_type = 'EXECUTE')
    """
    with shared.connected() as con:
        found = {name for (name,) in con.execute(query).fetchall()}
        left = con.execute(packaged(init.__name__, "passing.sql")).fetchall()
    assert found - reviewed == set()
    assert left == []


PASSING = (
    "select lo_create(0)", "select lo_from_bytea(0, 'x')", "select lo_creat(-1)", "select lo_get(1)",
    "select lo_put(1, 0, 'x')", "select pg_notify('x', 'y')", "select pg_advisory_lock(1)",
    "select pg_try_advisory_lock(1)", "select pg_advisory_xact_lock(1)",
    "select pg_try_advisory_xact_lock_shared(1, 1)",
    "select pg_logical_emit_message(false, 'x', 'y')", "select pg_advisory_unlock_all()",
)  # fmt: skip


@pytest.mark.parametrize("role", ["analyst", "quality", "steward", "auditor"])
@pytest.mark.parametrize("statement", PASSING)
def test_no_role_stores_or_passes_data_outside_of_tables(shared: Shared, role: str, statement: str) -> None:
    with shared.connected(role) as con, pytest.raises(errors.InsufficientPrivilege):
        con.execute(statement)


# Locks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["analyst", "quality", "steward", "auditor"])
@pytest.mark.parametrize(
    "statement",
    [
        "select from admin.publisher_turn for update", "select from admin.publisher_turn for key share",
        "lock table admin.publisher_turn in row exclusive mode", "delete from admin.publisher_turn",
    ],
)  # fmt: skip
def test_nobody_but_a_loader_holds_a_turn(shared: Shared, role: str, statement: str) -> None:
    with (
        shared.connected(role) as con,
        pytest.raises(errors.InsufficientPrivilege),
        con.transaction(),
    ):
        con.execute(statement)


def test_advisory_locks_stop_no_publisher(shared: Shared) -> None:
    """Whoever holds them all, as on a server where they could not be taken away, holds up nothing of ours."""
    held = [0x4F4D4F00 + n for n in range(0x60)]
    with shared.connected() as holder:
        for key in held:
            holder.execute("select pg_advisory_lock(%s)", [key])
        with turn(shared.url, hospital_turn(1), 0, "busy"), connect(shared.url) as con:
            transaction(con, ["person"], lambda: None, 1)
        initialise(shared.url, shared.url)


def test_a_turn_is_held_by_one_at_a_time_and_waited_for_no_longer_than_said(shared: Shared) -> None:
    with turn(shared.url, hospital_turn(1), 0, "busy"):
        with pytest.raises(TransientError, match="busy"), turn(shared.url, hospital_turn(1), 0.2, "busy"):
            pass
        with turn(shared.url, hospital_turn(2), 0, "busy"):
            pass
    with turn(shared.url, hospital_turn(1), 0, "busy"):
        pass


# Plans ----------------------------------------------------------------------------------------------------------------


def estimate(con: psycopg.Connection, condition: str, table: str = TABLE) -> float:
    """Rows that a plan expects of the other hospital's partition."""
    row = con.execute(f"explain (format json) select * from cdm.{table} where {condition}").fetchone()
    assert row is not None
    return sum(float(part["Plan Rows"]) for part in _parts(row[0][0]["Plan"]) if "_h02_" in part["Relation Name"])


def _parts(plan: dict[str, object]) -> Iterator[dict[str, str]]:
    if "Relation Name" in plan:
        yield plan  # type: ignore[misc]
    for below in plan.get("Plans", []):  # type: ignore[attr-defined]
        yield from _parts(below)


def person(n: int) -> int:
    return (2 << 24) + n


CONDITIONS = {
    "person_id = {p}": TABLE,
    "person_id in ({p}, 5)": TABLE,
    "person_id between {p} and {p}": TABLE,
    "person_id::text = '{p}'": TABLE,
    "visit_occurrence_id = ({p}::bigint << 23) + 1": TABLE,
    "condition_occurrence_id = ({p}::bigint << 23) + 1": TABLE,
    "condition_occurrence_id >> 23 = {p}": TABLE,
    "cost_id >> 23 = {p}": "cost",
    "cost_event_id = ({p}::bigint << 23) + 1": "cost",
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_plan_expects_as_many_rows_of_one_patient_as_of_another(shared: Shared, condition: str) -> None:
    with shared.connected("analyst") as con:
        found = {estimate(con, condition.format(p=person(n)), CONDITIONS[condition]) for n in (MANY, ONE, 700, 1400)}
    assert len(found) == 1, found


def test_ranges_of_events_tell_a_share_of_the_table_and_no_patient(shared: Shared) -> None:
    """Of a primary key the lowest and highest are known: a range is as many rows as it is long, whoever lies in it."""
    said = "condition_occurrence_id between ({p}::bigint << 23) and (({p} + 1)::bigint << 23) - 1"
    with shared.connected("analyst") as con:
        found = {round(estimate(con, said.format(p=person(n)))) for n in (MANY + 1, ONE + 1, 700, 1400)}
    assert found <= {1, 2}, found


def test_statistics_name_no_person(shared: Shared) -> None:
    query = """
        select tablename, attname, array_length(most_common_vals::text::text[], 1), array_length(
            histogram_bounds::text::text[], 1) from pg_stats where schemaname in ('cdm', 'cdm_part', 'results')
        and (attname like '%%person_id' or attname like '%%occurrence_id' or attname like '%%event_id'
             or attname in ('cost_id', 'expr', 'subject_id'))
    """
    with shared.connected() as con:
        rows = con.execute(query).fetchall()
    assert all(common is None and (bounds or 0) <= 2 for _, _, common, bounds in rows), rows
    assert {name for _, name, _, _ in rows} <= {"person_id", "condition_occurrence_id", "cost_id"}


def test_what_was_gathered_before_is_removed(shared: Shared) -> None:
    """As in a warehouse that was filled before: initialising it again leaves no statistics of persons."""
    with shared.connected() as con:
        con.execute(f"alter table cdm_part.{TABLE}_h02_s1 alter column person_id set statistics 100")
        con.execute(f"analyze cdm_part.{TABLE}_h02_s1")
        con.execute(f"alter table cdm_part.{TABLE}_h02_s1 alter column person_id set statistics 0")
    with shared.connected("analyst") as con:
        told = {estimate(con, f"person_id = {person(n)}") for n in (MANY, ONE)}
        assert len(told) == 2  # what is mended here
        initialise(shared.url, shared.url)
        told = {estimate(con, f"person_id = {person(n)}") for n in (MANY, ONE)}
    assert len(told) == 1


def test_who_is_cleared_still_gets_plans_that_fit(shared: Shared) -> None:
    """As many rows as with all statistics of the key that policies compare."""
    part = f"cdm_part.{TABLE}_h02_s1"
    with shared.connected("analyst") as con, shared.connected() as owner:
        few = estimate(con, "true")
        owner.execute(f"alter table {part} alter column condition_occurrence_id set statistics 100")
        owner.execute(f"analyze {part} (condition_occurrence_id)")
        all_of_them = estimate(con, "true")
        owner.execute(f"alter table {part} alter column condition_occurrence_id set statistics 1")
        owner.execute(f"analyze {part} (condition_occurrence_id)")
    assert few == pytest.approx(all_of_them, rel=0.05)
