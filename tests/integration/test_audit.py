"""The audit log of a home and of a server: one chain whoever writes, which nobody changes; and its commands."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.settings import Settings
from etl.store.audit.anchors import end_of, read
from etl.store.audit.prune import prune
from etl.store.audit.verify import entries, verify
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import audit_log, tell
from etl.store.warehouse.postgres.init import as_loader, initialise, migrate, prepare

WRITERS, EACH = 4, 25


def kinds_of(settings: Settings) -> list[str]:
    with audit_log(settings) as con:
        return [entry.kind for entry in entries(con)]


def invoke(home: Tiny, *arguments: str, code: int = 0) -> str:
    environment = {
        "ETL_HOME": str(home.settings.home), "ETL_MAPPINGS": str(home.settings.mappings),
        "ETL_WAREHOUSE_URL": home.settings.warehouse_url or "", "ETL_THREADS": "1",
        "ETL_AUDIT_ANCHORS": str(home.settings.home / "elsewhere.jsonl"),
    }  # fmt: skip
    environment = {name: value for name, value in environment.items() if value}
    result = CliRunner().invoke(app, list(arguments), env=environment)
    assert result.exit_code == code, result.output
    return result.stdout


def write_many(settings: Settings, writer: int) -> None:
    for n in range(EACH):
        tell(settings, "queried", f"{writer}.{n}")


def test_many_who_write_at_once_write_one_chain_and_lose_nothing(either: Tiny) -> None:
    with ProcessPoolExecutor(WRITERS, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(write_many, [either.settings] * WRITERS, range(WRITERS)))
    with audit_log(either.settings) as con:
        assert verify(con).whole
        written = [entry.subject for entry in entries(con)]
    assert sorted(written) == sorted(f"{w}.{n}" for w in range(WRITERS) for n in range(EACH))
    for w in range(WRITERS):
        assert [s for s in written if s.startswith(f"{w}.")] == [f"{w}.{n}" for n in range(EACH)]


def test_a_night_tells_that_keys_were_used_and_what_was_published(either: Tiny) -> None:
    run_id = either.publish()
    with audit_log(either.settings) as con:
        found = [(e.kind, e.subject) for e in entries(con)]
    assert found == [("key store opened", f"tiny {run_id}"), ("night published", f"tiny 2026-07-01 {run_id}")]


def test_the_commands_find_what_was_done_to_the_log(hospital: Tiny) -> None:
    hospital.publish()
    query = "select count(*) from person where person_id <> 4711"
    invoke(hospital, "sql", query)
    shown = json.loads(invoke(hospital, "audit", "search", "--kind", "queried", "--json"))
    assert [json.loads(row["details"])["query"] for row in shown] == [
        "SELECT COUNT(*) FROM person WHERE person_id <> ?"
    ]
    assert json.loads(invoke(hospital, "audit", "search", "--kind", "rows shown", "--json"))[0]["returned"] == 1
    invoke(hospital, "audit", "anchor")
    assert json.loads(invoke(hospital, "audit", "verify", "--json"))["whole"]
    table = hospital.settings.home / "log.csv"
    invoke(hospital, "audit", "export", str(table))
    assert len(table.read_text(encoding="utf-8").splitlines()) == 8
    with closing(sqlite3.connect(hospital.settings.home / "ledger.sqlite")) as con, con:
        con.execute("drop trigger audit_entry_kept")
        con.execute("delete from audit_entry where number = 2")
    found = json.loads(invoke(hospital, "audit", "verify", "--json", code=3))
    assert [(f["what"], f["first"], f["last"]) for f in found["faults"]] == [("missing", 2, 2), ("broken", 3, 3)]


def test_csv_of_a_query_tells_how_many_rows_were_written(hospital: Tiny) -> None:
    hospital.publish()
    rows = invoke(hospital, "sql", "--csv", "select person_id from person").splitlines()[1:]
    with audit_log(hospital.settings) as con:
        last = list(entries(con))[-1]
    assert (last.kind, last.returned) == ("rows shown", len(rows))


def test_a_night_notes_the_end_of_the_log_elsewhere(hospital: Tiny) -> None:
    folder = hospital.deliver()
    environment = {
        "ETL_HOME": str(hospital.settings.home), "ETL_MAPPINGS": str(hospital.settings.mappings),
        "ETL_EXPECTATIONS": str(hospital.settings.expectations), "ETL_KEY_SECRET": "0123456789abcdef" * 2,
        "ETL_AUDIT_ANCHORS": str(hospital.settings.home / "elsewhere.jsonl"), "ETL_THREADS": "1",
    }  # fmt: skip
    result = CliRunner().invoke(app, ["run", "tiny", str(folder)], env=environment)
    assert result.exit_code == 0, result.output
    with audit_log(hospital.settings) as con:
        assert read(hospital.settings.home / "elsewhere.jsonl")[-1] == end_of(con)


def test_what_the_office_recorded_before_is_in_the_log(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, _env_file=None)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as con, con:
        con.execute(
            "create table office_event (number integer primary key, happened_at datetime, actor text, role text, "
            "action text, subject text, reason text, address text)"
        )
        con.execute("insert into office_event values (7, '2026-11-01 01:02:03.000004', 'kim', 'auditor', 'signed in', "
                    "null, null, '::1')")  # fmt: skip
    for _ in range(2):
        with audit_log(settings) as con:
            [entry] = entries(con)
            assert (entry.actor, entry.kind, entry.details) == ("kim", "signed in", '{"before":7}')
            assert entry.happened_at.isoformat() == "2026-11-01T01:02:03.000004"
            assert verify(con).whole


def test_a_server_takes_over_what_the_office_recorded_before(database: URL) -> None:
    prepare(database, database)
    with as_loader(database).begin() as con:
        migrate(con, "0010")
        con.exec_driver_sql("insert into office.office_event (happened_at, actor, action, reason) "
                            "values ('2026-11-01 01:02:03', 'kim', 'approved', '왜 \"그\"')")  # fmt: skip
    initialise(database, database)
    with audit_log(on(database)) as con:
        [entry] = entries(con)
        assert (entry.actor, entry.kind, entry.reason) == ("kim", "approved", '왜 "그"')
        assert verify(con).whole


def on(database: URL) -> Settings:
    return Settings(warehouse_url=database.render_as_string(hide_password=False), _env_file=None)


def test_a_server_seals_texts_as_we_do_and_prunes_only_what_is_old(database: URL) -> None:
    initialise(database, database)
    texts = ("왜", 'a"b\\c', "tab\tline\nbell\x07", "\x7f\u2028", "")
    for text in texts:
        tell(on(database), "signed in", "x", actor="kim", reason=text)
        tell(on(database), "queried", text, returned=3)
    with psycopg.connect(postgres_server.libpq(database)) as con:
        con.execute("alter table audit.audit_entry disable trigger all")
        con.execute("update audit.audit_entry set written_at = written_at - interval '3 years'")
        con.execute("update audit.audit_entry e set previous = '', digest = ''")
        con.execute("""
            do $$
            declare e audit.audit_entry; last text := (select log from audit.audit_head);
            begin
                for e in select * from audit.audit_entry order by number loop
                    e.previous := last;
                    last := audit.sealed(e);
                    update audit.audit_entry set previous = e.previous, digest = last where number = e.number;
                end loop;
                update audit.audit_head set digest = last;
            end $$""")
        con.execute("alter table audit.audit_entry enable trigger all")
    with audit_log(on(database)) as con:
        assert verify(con).whole
        done = prune(con, "kim", "lee", "decision 7")
        found = verify(con)
        assert (found.whole, found.pruned, done.emptied) == (True, len(texts), len(texts)), found.faults
    with audit_log(on(database)) as con:
        assert prune(con, "kim", "lee", "decision 8").emptied == 0


def test_not_even_a_superuser_changes_the_log_by_mistake(database: URL) -> None:
    initialise(database, database)
    tell(on(database), "signed in")
    for statement in ("update audit.audit_entry set actor = 'x'", "delete from audit.audit_entry",
                      "truncate audit.audit_entry"):  # fmt: skip
        with psycopg.connect(postgres_server.libpq(database)) as con, pytest.raises(errors.InsufficientPrivilege):
            con.execute(statement)


def test_the_ledger_and_the_log_are_one_transaction(either: Tiny) -> None:
    ledger = Ledger(either.settings.ledger_url)
    with pytest.raises(sa.exc.NoResultFound):
        ledger.record_publication("a run that there is not")
    assert kinds_of(either.settings) == []


def write_until_killed(settings: Settings) -> None:
    for n in itertools.count():
        tell(settings, "queried", str(n))


def test_who_is_killed_while_writing_leaves_a_whole_log(hospital: Tiny) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        writers = [context.Process(target=write_until_killed, args=(hospital.settings,)) for _ in range(2)]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        for writer in writers:
            writer.kill()
            writer.join()
        with audit_log(hospital.settings) as con:
            found = verify(con)
            assert found.whole, found.faults
    assert found.entries > 10


def test_a_server_prunes_for_two_accounts_only(database: URL) -> None:
    initialise(database, database)
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(
            "insert into office.office_account (name, role, created_at, disabled_at) values "
            "('kim', 'auditor', now(), null), ('lee', 'steward', now(), null), ('gone', 'steward', now(), now())"
        )
        for other in ("gone", "nobody", "kim ", ""):
            with pytest.raises(errors.InvalidParameterValue):
                con.execute("select * from audit.prune('kim', %s, 'x')", [other])
        assert con.execute("select * from audit.prune('kim', 'lee', 'x')").fetchall() == []
