"""Airflow as hospitals run it: scheduler, API server and workers on PostgreSQL, the nights of hospitals at once.

All eight with `make consortium`, three otherwise.

One night closes a gate, one waits for a person's approval, one hospital has missed nights. Everything is asked for and
looked at over the REST API. The warehouse is on PostgreSQL too, or the embedded one with
ETL_TEST_AIRFLOW_WAREHOUSE=ducklake.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import tiny
from airflow_service import Api, Heard, free_port, listening, until
from postgres_server import database, libpq
from pydantic import SecretStr
from raw_identifiers import KINDS, leaked, planted
from sqlalchemy.engine import URL, make_url

from etl.operations.airflow.start import Standalone, environment, prepare
from etl.operations.plan import Scheduling
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL, PUBLICATION, RUN
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

pytestmark = [pytest.mark.xdist_group("airflow_service"), pytest.mark.timeout(1800)]

NIGHT = date(2026, 11, 20)
ALL = ("boramae", "cbnuh", "cnuh", "dsmc", "dumc", "eumc", "snubh", "snuh")
#: Whose nights run: each is some twelve tasks, each task a process, so that all eight take several minutes.
HOSPITALS = ALL if os.environ.get("ETL_TEST_AIRFLOW_HOSPITALS") == "all" else ("boramae", "cbnuh", "snuh")
PATIENTS = 40  # in so few, the planted doubled rows of cbnuh are a share that closes its source gate
CLOSED, WAITING = "cbnuh", "snuh"
PROMISE = "Nobody is ill"
REASON = "새 처방 시스템, 이틀 전에 예고됨"
WAREHOUSE = os.environ.get("ETL_TEST_AIRFLOW_WAREHOUSE", "postgresql")
LOGIN = "nightly"  # the pipeline's login on the warehouse
SECRETS = {"webhook": "hook-token-4711", "mail": "mail-password-4711", "warehouse": "warehouse-password-4711"}
PATIENCE = 600  # seconds that anything may take on a busy machine
NEVER = "0 3 29 2 *"  # the test triggers; a night of the schedule would come between
LATE_AFTER_A_MINUTE = "59 6 29 2 *"


@dataclass
class World:
    """What came of everything."""

    root: Path
    home: Path
    settings: Settings
    heard: Heard
    states: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger_url)

    def run(self, hospital: str) -> dict[str, Any]:
        (row,) = self.ledger.read(sa.select(RUN).where(RUN.c.hospital == hospital, RUN.c.night == NIGHT))
        return dict(row)


def _make_mappings(place: Path) -> None:
    """The project's mappings, and the tiny hospital's, on schedules that keep out of the test's way."""
    shutil.copytree(PROJECT / "mappings", place)
    shutil.copytree(tiny.DATA / "mappings" / "tiny", place / "tiny")
    shutil.copy(tiny.DATA / "mappings" / "shared" / "codes.yaml", place / "tiny")
    for file in place.glob("*/hospital.yaml"):
        text = file.read_text(encoding="utf-8")
        if file.parent.name == "tiny":
            text = text.replace("number: 5", "number: 40") + 'schedule: "30 3 * * *"\n'
        else:
            schedule = LATE_AFTER_A_MINUTE if file.parent.name == WAITING else NEVER
            text = re.sub(r"^schedule: .*$", f'schedule: "{schedule}"', text, flags=re.MULTILINE)
        file.write_text(text, encoding="utf-8")


def _make_expectations(place: Path) -> None:
    """The project's suites; one hospital's says of its patients what holds of none of them, and has to be approved."""
    shutil.copytree(PROJECT / "expectations", place)
    shutil.copytree(tiny.DATA / "expectations" / "source" / "tiny", place / "source" / "tiny")
    file = place / "source" / WAITING / "patients.json"
    suite = json.loads(file.read_text(encoding="utf-8"))
    suite["expectations"].append({
        "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select _row from {batch}"},
        "meta": {"severity": "warn", "column": "PATNO", "approve_above": 0.5}, "description": PROMISE,
    })  # fmt: skip
    file.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")


def _make_home(root: Path, vocabulary: Path) -> Settings:
    home = root / "home"
    write_exports(home / "exports", hospitals=list(HOSPITALS), patients=PATIENTS, seed=1, night=NIGHT)
    (home / "vocabulary").symlink_to(vocabulary)
    _make_mappings(root / "mappings")
    _make_expectations(root / "expectations")
    hospital = tiny.Tiny(
        Settings(home=home, _env_file=None), tiny.read_tables(tiny.DATA / "delivery"), home / "exports" / "tiny"
    )
    for day in (1, 3):
        hospital.deliver(date(2026, 7, day))
    return Settings(
        home=home, mappings=root / "mappings", expectations=root / "expectations", key_secret=SecretStr(tiny.SECRET),
        threads=1, memory="500MB", _env_file=None,
    )  # fmt: skip


def _environment(root: Path, settings: Settings, metadata: URL, heard: Heard) -> tuple[dict[str, str], Scheduling]:
    scheduling = Scheduling(
        settle_seconds=0, poll_seconds=1, retry_seconds=1, warehouse_conn_id="warehouse", approvers="officer",
        grown_schedule="", grown_days=36_500,
        mail_to="quality@example.org, night@example.org", mail_from="etl@example.org",
        webhook_url=SecretStr(f"http://127.0.0.1:{heard.http_port}/hook?token={SECRETS['webhook']}"), _env_file=None,
    )  # fmt: skip
    given = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "AIRFLOW"))}
    url = metadata.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    airflow = {
        "PYTHONPATH": str(PROJECT),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW__API__PORT": str(free_port()),
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,officer:user",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # of a machine that does other things too
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{heard.http_port}/v1/metrics",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
    }
    return environment(settings, scheduling, root / "airflow", given | airflow), scheduling


def _connect(admin: Api, heard: Heard, warehouse: URL) -> None:
    """The connections that Airflow keeps, encrypted: warehouse and mail server."""
    admin.call("connections", "POST", {
        "connection_id": "warehouse", "conn_type": warehouse.get_backend_name(), "host": warehouse.host or "",
        "login": warehouse.username or "", "password": SECRETS["warehouse"],
        "port": warehouse.port, "schema": warehouse.database,
    })  # fmt: skip
    admin.call("connections", "POST", {
        "connection_id": "smtp_default", "conn_type": "smtp", "host": "127.0.0.1", "port": heard.smtp_port,
        "password": SECRETS["mail"], "extra": json.dumps({"disable_ssl": True, "disable_tls": True}),
    })  # fmt: skip


def _approve(world: World, admin: Api, officer: Api, run: str) -> None:
    """What happens while the night waits: others may not approve it, nothing publishes it; then the officer does."""
    dag = f"etl_{WAITING}"
    path = f"dags/{dag}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
    until(PATIENCE, "the night waits", lambda: admin.waits(dag, run))
    world.seen["question"] = admin.call(path)
    world.seen["published while waiting"] = world.ledger.last_published(WAITING)
    world.seen["page"] = (world.home / "reports" / NIGHT.isoformat() / f"{WAITING}.html").exists()
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": REASON}}
    with pytest.raises(AssertionError, match="403"):
        admin.call(path, "PATCH", answer)
    by_hand = admin.trigger("etl_stage", hospital=WAITING, night=NIGHT.isoformat(), stage="publish")
    world.states["publish by hand"] = admin.ended("etl_stage", by_hand, PATIENCE)
    world.tasks["publish by hand"] = admin.tasks("etl_stage", by_hand)
    until(
        120, "somebody is told that it is late", lambda: [n for n in world.heard.notices() if n["event"] == "is late"]
    )
    officer.call(path, "PATCH", answer)


def _take_all_nights(world: World, admin: Api, officer: Api) -> None:
    conf = {"night": NIGHT.isoformat()}
    runs = {h: admin.trigger(f"etl_{h}", **conf) for h in sorted(HOSPITALS, key=lambda h: h != WAITING)}
    backfill = {"dag_id": "etl_tiny", "from_date": "2026-07-01T00:00:00+09:00", "to_date": "2026-07-03T23:00:00+09:00",
                "max_active_runs": 1}  # fmt: skip
    admin.call("backfills", "POST", backfill)
    _approve(world, admin, officer, runs[WAITING])
    for hospital, run in runs.items():
        world.states[hospital] = admin.ended(f"etl_{hospital}", run, PATIENCE)
        world.tasks[hospital] = admin.tasks(f"etl_{hospital}", run)
    until(PATIENCE, "the missed nights end", lambda: len(_missed(admin)) == 3)
    world.seen["missed"] = _missed(admin)
    _let_grow(world, admin)


def _let_grow(world: World, admin: Api) -> None:
    """One more patient comes with a night that is published: it is run again when somebody looks, and only then."""
    with (world.home / "exports" / "tiny" / "2026-07-03" / "PAT.csv").open("a", encoding="cp949") as file:
        file.write("70011,늦은환자,800101-1000011,010-0000-7011,M,1980-01-01,\n")
    for _ in ("it grew", "it is as it was taken"):
        looked = admin.trigger("etl_grown")
        assert admin.ended("etl_grown", looked, PATIENCE) == "success", admin.tasks("etl_grown", looked)
        for run in (run for run in _of_tiny(admin) if run["dag_run_id"].startswith("grown")):
            admin.ended("etl_tiny", run["dag_run_id"], PATIENCE)
    world.seen["grown"] = [run for run in _of_tiny(admin) if run["dag_run_id"].startswith("grown")]


def _missed(admin: Api) -> list[dict[str, Any]]:
    return [r for r in _of_tiny(admin) if r["run_type"] == "backfill" and r["state"] in ("success", "failed")]


def _of_tiny(admin: Api) -> list[dict[str, Any]]:
    return list(admin.call("dags/etl_tiny/dagRuns?order_by=logical_date")["dag_runs"])


def _everything_told(root: Path, metadata: URL) -> dict[str, str]:
    """Every table of Airflow's database, and every log, as text."""
    told = {str(f): f.read_text(encoding="utf-8", errors="replace") for f in (root / "airflow").rglob("*.log")}
    with psycopg.connect(libpq(metadata)) as con:
        names = con.execute("select table_name from information_schema.tables where table_schema = 'public'").fetchall()
        for (name,) in names:
            with con.cursor().copy(f'copy "{name}" to stdout') as rows:
                told[name] = b"".join(rows).decode()
    return told


@contextmanager
def _airflow(env: dict[str, str], root: Path) -> Iterator[tuple[Api, Api]]:
    """Airflow is up and has read all DAGs; an admin and an officer are logged in."""
    port = int(env["AIRFLOW__API__PORT"])
    airflow = Standalone(env, root / "airflow" / "standalone.log")
    try:
        airflow.wait_until_ready(port)
        passwords = root / "airflow" / "simple_auth_manager_passwords.json.generated"
        admin, officer = (Api.login(f"http://127.0.0.1:{port}", user, passwords) for user in ("admin", "officer"))
        until(60, "the DAGs are read", lambda: admin.call("dags?limit=50")["total_entries"] == len(ALL) + 9)
        yield admin, officer
    finally:
        airflow.stop()


@contextmanager
def _warehouse(home: Path, postgres: URL) -> Iterator[URL]:
    """The URL of a warehouse, on PostgreSQL as `etl warehouse init` leaves it."""
    if WAREHOUSE == "ducklake":
        yield make_url(f"ducklake:///{home / 'warehouse'}")
        return
    with database(postgres) as admin:
        with psycopg.connect(libpq(admin), autocommit=True) as con:
            con.execute(f"drop role if exists {LOGIN}")
            con.execute(f"create role {LOGIN} login password '{SECRETS['warehouse']}'")
        url = admin.set(username=LOGIN, password=SECRETS["warehouse"])
        initialise(admin, url)
        yield url


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path, postgres: URL) -> Iterator[World]:
    """Run everything once, with the warehouse behind an Airflow connection."""
    root = tmp_path_factory.mktemp("airflow_service")
    settings = _make_home(root, vocabulary)
    (root / "airflow").mkdir()
    with ExitStack() as stack:
        metadata, heard = stack.enter_context(database(postgres)), stack.enter_context(listening())
        warehouse = stack.enter_context(_warehouse(settings.home, postgres))
        env, scheduling = _environment(root, settings, metadata, heard)
        prepare(env, scheduling)
        url = warehouse.render_as_string(hide_password=False)
        found = World(root, settings.home, settings.model_copy(update={"warehouse_url": url}), heard)
        with _airflow(env, root) as (admin, officer):
            _connect(admin, heard, warehouse)
            _take_all_nights(found, admin, officer)
            found.seen["pools"] = [p["name"] for p in admin.call("pools")["pools"]]
        found.told = _everything_told(root, metadata)
        yield found


@pytest.mark.parametrize("hospital", sorted(set(HOSPITALS) - {CLOSED}))
def test_every_hospitals_night_ends_published(world: World, hospital: str) -> None:
    assert world.states[hospital] == "success", world.tasks[hospital]
    assert set(world.tasks[hospital].values()) == {"success"}
    assert world.run(hospital)["state"] == "published"
    assert open_warehouse(world.settings).published(hospital).run_id == world.run(hospital)["run_id"]
    assert (world.home / "reports" / NIGHT.isoformat() / f"{hospital}.html").exists()


def test_a_closed_gate_publishes_nothing_and_is_told(world: World) -> None:
    assert world.states[CLOSED] == "failed"
    assert world.tasks[CLOSED]["check_source"] == "failed"
    assert world.tasks[CLOSED]["report"] == "success"
    assert world.run(CLOSED)["state"] == "blocked"
    assert world.ledger.last_published(CLOSED) is None
    (notice,) = (n for n in world.heard.notices() if n["hospital"] == CLOSED)
    assert (notice["event"], notice["stage"], notice["night"]) == ("a gate closed", "check_source", NIGHT.isoformat())
    assert notice["report"] == str(world.home / "reports" / NIGHT.isoformat() / f"{CLOSED}.html")
    (mail,) = (m for m in world.heard.mails if f"{CLOSED} {NIGHT}" in m)
    assert "a gate closed" in mail
    assert "quality@example.org" in mail


def test_a_warning_above_its_limit_waits_and_shows_counts_and_names(world: World) -> None:
    question = world.seen["question"]
    assert WAITING in question["subject"]
    assert NIGHT.isoformat() in question["subject"]
    assert re.search(rf"patients\.PATNO: {PROMISE} \(\d+ of \d+ rows, limit 50\.0%\)", question["body"])
    assert world.seen["page"], "the report is there to decide by"
    assert [n["stage"] for n in world.heard.notices() if n["event"] == "waits for an approval"] == ["approve"]


def test_nothing_publishes_a_night_that_waits(world: World) -> None:
    assert world.seen["published while waiting"] is None
    assert world.states["publish by hand"] == "failed"
    assert world.tasks["publish by hand"]["stage"] == "failed"
    assert "wait for an approval" in "".join(t for name, t in world.told.items() if "dag_id=etl_stage" in name)


def test_the_approval_is_kept_with_who_and_why(world: World) -> None:
    (row,) = world.ledger.read(sa.select(APPROVAL))
    assert (row["run_id"], row["gate"]) == (world.run(WAITING)["run_id"], "source")
    assert (row["decision"], row["actor"], row["reason"]) == ("approved", "officer", REASON)
    assert row["asked_at"] < row["decided_at"]
    assert PROMISE in row["findings"]


def test_a_night_that_is_not_done_by_its_hour_is_told(world: World) -> None:
    assert [n["hospital"] for n in world.heard.notices() if n["event"] == "is late"] == [WAITING]


def test_missed_nights_are_taken_in_order_and_those_without_a_delivery_are_left_out(world: World) -> None:
    assert [(r["logical_date"][:10], r["state"]) for r in world.seen["missed"]] == [
        ("2026-06-30", "success"), ("2026-07-01", "success"), ("2026-07-02", "success"),
    ]  # fmt: skip
    published = world.ledger.read(
        sa.select(PUBLICATION.c.night).where(PUBLICATION.c.hospital == "tiny").order_by(PUBLICATION.c.published_at)
    )
    assert [row["night"] for row in published][:2] == [date(2026, 7, 1), date(2026, 7, 3)]


def test_a_published_night_that_grew_is_run_again_by_itself_and_once(world: World) -> None:
    assert [(run["state"], run["conf"]) for run in world.seen["grown"]] == [("success", {"night": "2026-07-03"})]
    query = sa.select(PUBLICATION.c.night, PUBLICATION.c.run_id).where(PUBLICATION.c.hospital == "tiny")
    *_, before, after = world.ledger.read(query.order_by(PUBLICATION.c.published_at))
    assert (before["night"], after["night"]) == (date(2026, 7, 3), date(2026, 7, 3))
    assert before["run_id"] != after["run_id"]


def test_metrics_reach_a_collector(world: World) -> None:
    sent = b"".join(world.heard.posts.get("/v1/metrics", []))
    assert b"airflow.scheduler_heartbeat" in sent
    assert b"etl_snuh" in sent


def test_publishing_has_a_pool_of_its_own_for_the_warehouse(world: World) -> None:
    assert "etl_publish_warehouse" in world.seen["pools"]


def test_airflow_and_its_notices_hold_no_identifier_and_no_secret(world: World) -> None:
    people = planted(world.home / "exports", NIGHT.isoformat())
    assert all(len(people[kind]) >= PATIENTS for kind in KINDS)
    patients = tiny.read_tables(tiny.DATA / "delivery")["PAT.csv"][1:]
    for kind, column in {"name": 1, "rrn": 2, "phone": 3}.items():
        people[kind] |= {row[column] for row in patients}
    told = world.told | {"mails": "\n".join(world.heard.mails), "posts": repr(world.heard.posts)}
    assert "snuh-20261120-" in told["xcom"]
    assert len(told) > 60
    for place, text in told.items():
        assert leaked(people, text) == {}, place
        for secret in (tiny.SECRET, *SECRETS.values()):
            assert secret not in text, place
