"""What is unusual in the audit log is worked off, on both ledgers: found once, and not new when another looked."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asked_for
import postgres_server
import psycopg
import pytest
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import UsageError
from etl.quality.findings.actions import today
from etl.research.oversight import unusual as oversight
from etl.research.oversight.register import register
from etl.research.oversight.unusual import (
    FOUND,
    LOOKED_AT,
    look_at,
    look_through,
    look_through_daily,
    new_things,
    things,
)
from etl.research.requests.engine import Forbidden
from etl.research.requests.roles import roles_of, set_role
from etl.settings import Settings
from etl.store.audit.entry import Said
from etl.store.audit.verify import verify
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.roles import make_login

SECRET = "a-password-of-tests"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = None
    if request.param == "postgresql":
        database: URL = request.getfixturevalue("database")
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
    return Settings(home=tmp_path, warehouse_url=url, _env_file=None)


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return asked_for.people(Ledger(settings.ledger_url))


def night_of(day: date, kind: str = "queried", actor: str = "colleague") -> Said:
    """Something at three in the morning."""
    return Said(kind, actor, happened_at=datetime(day.year, day.month, day.day, 3) - timedelta(hours=9))


def happened(ledger: Ledger, *said: Said) -> None:
    with ledger.engine.begin() as con:
        for each in said:
            write(con, each)


def looked(ledger: Ledger, day: date | None = None) -> int:
    with ledger.engine.begin() as con:
        return look_through(con, day or today())


def found_in(ledger: Ledger) -> list[oversight.Thing]:
    with ledger.engine.connect() as con:
        return things(con)


def test_a_thing_is_found_once_and_new_until_it_is_looked_at(ledger: Ledger) -> None:
    yesterday = today() - timedelta(days=1)
    happened(ledger, night_of(yesterday), night_of(today()), night_of(yesterday - timedelta(days=40)))
    assert (looked(ledger), looked(ledger), new_things(ledger)) == (1, 0, 1)
    [thing] = found_in(ledger)
    assert (thing.about, thing.day, thing.n, thing.rule) == ("colleague", yesterday, 1, "odd hours")
    look_at(ledger, thing.number, "night duty", actor="privacy_officer")
    happened(ledger, night_of(yesterday))  # written down late
    assert (looked(ledger), new_things(ledger)) == (0, 0)
    [thing] = found_in(ledger)
    assert (thing.by, thing.note) == ("privacy_officer", "night duty")
    with pytest.raises(UsageError, match="privacy_officer has looked at it already"):
        look_at(ledger, thing.number, "again", actor="auditor")
    assert looked(ledger, today() + timedelta(days=1)) == 1, "the next day is looked through when it is over"
    with ledger.engine.connect() as con:
        assert verify(con).whole


def test_nobody_without_the_role_looks_and_nobody_at_their_own(ledger: Ledger) -> None:
    happened(ledger, night_of(today() - timedelta(days=1), actor="auditor"))
    looked(ledger)
    [thing] = found_in(ledger)
    for name in ("researcher", "member", "secretary", "nobody", "auditor"):
        with pytest.raises(Forbidden):
            look_at(ledger, thing.number, "mine", actor=name)
    for number, note in ((thing.number, " "), (thing.number + 1000, "what")):
        with pytest.raises(UsageError):
            look_at(ledger, number, note, actor="privacy_officer")
    assert new_things(ledger) == 1


def test_a_note_that_somebody_wrote_past_the_program_does_not_count(ledger: Ledger) -> None:
    happened(ledger, night_of(today() - timedelta(days=1), actor="auditor"), Said(FOUND, "x", details={"day": "x"}))
    looked(ledger)
    [thing] = found_in(ledger)
    for forger in ("colleague", "auditor"):
        happened(ledger, Said(LOOKED_AT, forger, "privacy_officer", reason="-", details={"found": thing.number}))
    happened(ledger, Said(LOOKED_AT, "privacy_officer", reason="-", details={"found": 10_000}))
    assert new_things(ledger) == 1


def test_what_who_has_left_noted_still_counts(ledger: Ledger) -> None:
    happened(ledger, night_of(today() - timedelta(days=1)))
    looked(ledger)
    look_at(ledger, found_in(ledger)[0].number, "night duty", actor="privacy_officer")
    set_role(ledger, "privacy_officer", "privacy_officer", actor="root", given=False)
    assert new_things(ledger) == 0


def test_project_spaces_entered_at_night_are_found_once(ledger: Ledger) -> None:
    happened(ledger, night_of(today() - timedelta(days=1), kind="project space entered"))
    looked(ledger)
    assert [thing.rule for thing in found_in(ledger)] == ["project space at odd hours"]


def test_the_daily_look_disturbs_no_night(settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    happened(ledger, night_of(today() - timedelta(days=1)))
    assert look_through_daily(settings, today()) == []
    assert new_things(ledger) == 1
    monkeypatch.setattr(oversight, "unusual", lambda *_: 1 // 0)
    [told] = look_through_daily(settings, today())
    assert told.startswith("the audit log was not looked through")


def test_the_commands_find_show_and_work_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.delenv("ETL_WAREHOUSE_URL", raising=False)
    happened(asked_for.people(Ledger(Settings(home=tmp_path, _env_file=None).ledger_url)),
             night_of(today() - timedelta(days=1)))  # fmt: skip

    def etl(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["audit", *words])
        assert done.exit_code == code, done.output
        return done.stdout

    assert json.loads(etl("unusual", "--json"))[0]["number"] is None
    assert "1 unusual things are new" in etl("look")
    [told] = json.loads(etl("unusual", "--json"))
    number = str(told["number"])
    assert f"[{number}] new" in etl("unusual")
    etl("looked-at", number, "--note", "x", "--by", "researcher", code=2)
    etl("looked-at", number, "--note", "night duty", "--by", "privacy_officer")
    assert "privacy_officer: night duty" in etl("unusual")
    assert json.loads(etl("look", "--json")) == {"found": 0}


def test_a_login_of_the_office_works_it_off_and_reads_the_register(database: URL, tmp_path: Path) -> None:
    initialise(database, database)
    name = f"office_{uuid4().hex[:8]}"
    make_login(database, name, "office", SECRET)

    def opened(url: URL) -> Ledger:
        shown = url.render_as_string(hide_password=False)
        return Ledger(Settings(home=tmp_path, warehouse_url=shown, _env_file=None).ledger_url)

    loader, office = opened(database), opened(database.set(username=name, password=SECRET))
    try:
        asked_for.walk(asked_for.people(loader), "open")
        happened(loader, night_of(today() - timedelta(days=1)))
        looked(loader)
        look_at(office, found_in(office)[0].number, "night duty", actor="auditor")
        assert (new_things(loader), len(register(office))) == (0, 1)
        assert roles_of(office, "auditor") == {"auditor"}
    finally:
        for each in (loader, office):
            each.engine.dispose()
        with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")
