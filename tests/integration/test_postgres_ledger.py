"""The ledger in the warehouse on PostgreSQL: the same promises, made by migrations, written as etl_loader."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from etl.errors import ConfigError, TransientError
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Accounts, Finding
from etl.store.ledger.tables import APPROVAL, FINDING, PUBLICATION, RUN, UNMAPPED
from etl.store.warehouse.postgres.init import initialise

NIGHT = date(2026, 11, 1)
SECRET = "kept-from-every-log"


def settings_of(url: URL, home: Path = Path("/nowhere")) -> Settings:
    return Settings(home=home, warehouse_url=url.render_as_string(hide_password=False), _env_file=None)


@pytest.fixture
def warehouse(database: URL) -> URL:
    initialise(database, database)
    return database


@pytest.fixture
def ledger(warehouse: URL) -> Ledger:
    return Ledger(settings_of(warehouse).ledger_url)


def asked(run_id: str) -> dict[str, object]:
    return {"run_id": run_id, "gate": "cdm", "asked_at": datetime(2026, 11, 1), "decision": "waiting"}


def test_what_a_night_writes_is_read_again(ledger):
    ledger.open_run("r1", "snuh", NIGHT, "sha", vocabulary="v20260101")
    ledger.record_stage("r1", "map", "done", datetime(2026, 11, 1, 3), 1.5, 7)
    code = {"domain": "Drug", "vocabulary": "EDI", "code": "약품", "records": 3, "first_seen": "2026-10-01"}
    ledger.record_accounts(
        "r1",
        Accounts(
            source=[{"source": "s", "outcome": "mapped", "reason": "", "rows": 2**40}],
            rates=[{"domain": "Drug", "records": 4, "mapped": 3}],
            unmapped=[code],
        ),
    )
    ledger.record_findings("r1", "cdm", [Finding("s", "person", "e", "환자는 한 번", "warn", success=False, total=3)])
    assert ledger.accounts("r1").source == [
        {"run_id": "r1", "source": "s", "outcome": "mapped", "reason": "", "rows": 2**40}
    ]
    assert ledger.rates("r1") == {"Drug": 0.75}
    [unmapped] = ledger.read(sa.select(UNMAPPED))
    assert (unmapped["code"], unmapped["first_seen"]) == ("약품", date(2026, 10, 1))
    [finding] = ledger.read(sa.select(FINDING))
    assert (finding["description"], finding["success"]) == ("환자는 한 번", False)
    assert ledger.run("r1")["vocabulary"] == "v20260101"


def test_a_run_that_is_started_again_forgets_all_but_what_was_published_and_decided(ledger):
    ledger.open_run("r1", "snuh", NIGHT, "sha", mappings="m")
    ledger.record_accounts("r1", Accounts(source=[{"source": "s", "outcome": "mapped", "reason": "", "rows": 3}]))
    with ledger.engine.begin() as con:
        con.execute(sa.insert(APPROVAL), [asked("r1")])
    ledger.record_publication("r1")
    ledger.open_run("r1", "snuh", NIGHT, "sha", mappings="m")
    assert ledger.accounts("r1").source == []
    assert ledger.last_published("snuh")["run_id"] == "r1"
    [approval] = ledger.read(sa.select(APPROVAL))
    assert (approval["decision"], approval["decided_at"]) == ("waiting", None)
    [publication] = ledger.read(sa.select(PUBLICATION))
    assert publication["action"] is None


def test_tables_lie_where_the_roles_expect_them_and_belong_to_the_loader(ledger, warehouse):
    query = (
        "select schemaname, count(*), count(*) filter (where tableowner <> 'etl_loader') from pg_tables "
        "where tablename = any(%s) group by 1 order by 1"
    )
    names = [t.name for t in RUN.metadata.sorted_tables]
    with psycopg.connect(postgres_server.libpq(warehouse)) as con:
        assert con.execute(query, [names]).fetchall() == [("admin", 4, 0), ("office", 11, 0), ("quality", 16, 0)]


def test_the_ledger_makes_no_table_on_a_server(database):
    with pytest.raises(ConfigError) as raised:
        Ledger(settings_of(database).ledger_url)
    assert "etl warehouse init" in str(raised.value)
    with psycopg.connect(postgres_server.libpq(database)) as con:
        assert con.execute("select count(*) from pg_tables where tablename = 'run'").fetchone() == (0,)


def test_a_login_that_is_no_loader_is_told_so(warehouse):
    name = f"test_{warehouse.database}"
    with psycopg.connect(postgres_server.libpq(warehouse), autocommit=True) as con:
        con.execute(f"create role {name} login password '{SECRET}'")
        con.execute(f"grant connect on database {warehouse.database} to {name}")
        try:
            with pytest.raises(ConfigError) as raised:
                Ledger(settings_of(warehouse.set(username=name, password=SECRET)).ledger_url)
        finally:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")
    assert "etl_loader" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_server_that_is_away_is_worth_a_retry_and_no_password_is_told():
    url = URL.create("postgresql", "etl", SECRET, "127.0.0.1", 1, "cdm")
    with pytest.raises(TransientError) as raised:
        Ledger(settings_of(url).ledger_url)
    assert SECRET not in str(raised.value)


def test_options_of_the_url_are_kept(tmp_path):
    url = make_url("postgresql+psycopg://etl@db/cdm?sslmode=verify-full&options=-c%20work_mem%3D64MB")
    made = make_url(settings_of(url, tmp_path).ledger_url)
    assert made.query["sslmode"] == "verify-full"
    assert made.query["options"].startswith("-c work_mem=64MB -c search_path=admin,quality")


def test_the_embedded_warehouse_keeps_its_file(tmp_path):
    assert Settings(home=tmp_path, _env_file=None).ledger_url == f"sqlite:///{tmp_path / 'ledger.sqlite'}"


def test_one_process_holds_few_connections_however_often_the_ledger_is_opened(ledger, warehouse):
    url = settings_of(warehouse).ledger_url
    for _ in range(20):
        assert Ledger(url).last_published("snuh") is None
    query = "select count(*) from pg_stat_activity where datname = %s and application_name = 'omop-etl ledger'"
    with psycopg.connect(postgres_server.libpq(warehouse)) as con:
        assert con.execute(query, [warehouse.database]).fetchone() == (1,)


def _record(url: str, run_id: str) -> None:
    Ledger(url).open_run(run_id, "snuh", NIGHT, "sha")


def test_a_process_that_was_forked_has_a_connection_of_its_own(ledger, warehouse):
    url = settings_of(warehouse).ledger_url
    ledger.open_run("parent", "snuh", NIGHT, "sha")
    child = multiprocessing.get_context("fork").Process(target=_record, args=(url, "child"))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    ledger.update_run("parent", state="left")
    assert {r["run_id"]: r["state"] for r in ledger.read(sa.select(RUN))} == {"parent": "left", "child": "running"}


def test_eight_hospitals_write_at_once(ledger, warehouse):
    url = settings_of(warehouse).ledger_url

    def night(number: int) -> None:
        mine = Ledger(url)
        for _ in range(5):
            mine.open_run(f"r{number}", f"h{number}", NIGHT, "sha")
            account = {"source": "s", "outcome": "mapped", "reason": "", "rows": number}
            mine.record_accounts(f"r{number}", Accounts(source=[account]))
        mine.record_publication(f"r{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(night, range(8)))
    assert [ledger.accounts(f"r{n}").source[0]["rows"] for n in range(8)] == list(range(8))
    assert all(ledger.last_published(f"h{n}")["run_id"] == f"r{n}" for n in range(8))
