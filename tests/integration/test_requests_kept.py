"""Requests for data on both ledgers: the whole chain, a thousand of them, two at once, the command line."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import asked_for
import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
import yaml
from asked_for import CRITERIA, DIGEST, HOSPITALS, SEATS, conditions, form, walk
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError, UsageError
from etl.research.requests.actions import Overtaken, act, draft
from etl.research.requests.given import given
from etl.research.requests.read import file_of, late_requests, list_requests, show_request
from etl.settings import Settings
from etl.store.audit.entry import Said
from etl.store.audit.tables import ENTRY
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.requests import REQUEST_ROLE, REQUEST_STEP, REQUEST_VERSION
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.roles import make_login

MANY = 1_000
SECRET = "a-password-of-tests"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    url = None
    if request.param == "postgresql":
        database: URL = request.getfixturevalue("database")
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
    return asked_for.people(Ledger(Settings(home=tmp_path, warehouse_url=url, _env_file=None).ledger_url))


def test_a_request_goes_all_the_way_and_its_files_are_kept(ledger: Ledger) -> None:
    number = walk(ledger, "registered")
    sql = "select 1 -- 고혈압\n".encode()
    other = draft(ledger, given(form(), {"cohort.sql": sql}), actor="researcher", hospitals=HOSPITALS)
    assert (show_request(ledger, number).state, show_request(ledger, other).state) == ("registered", "draft")
    [told] = show_request(ledger, other).form["files"]
    assert (told["name"], told["bytes"], file_of(ledger, other, told["digest"])) == ("cohort.sql", len(sql), sql)
    with pytest.raises(UsageError):
        file_of(ledger, number, DIGEST)


def test_steps_at_one_moment_are_told_apart(ledger: Ledger) -> None:
    number = walk(ledger, "submitted")
    seen = show_request(ledger, number).last

    def send_back(_n: int) -> str:
        try:
            return act(
                ledger, number, "keep_out", actor="steward", said={"hospital": "snuh", "reason": "r"}, seen=seen
            ).after
        except Overtaken:
            return "overtaken"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(send_back, range(4)))
    assert found == ["overtaken", "overtaken", "overtaken", "submitted"]
    assert show_request(ledger, number).last == seen + 1


def test_requests_drafted_at_one_moment_have_numbers_of_their_own(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _n: asked_for.drafted(ledger), range(8)))
    assert sorted(numbers) == list(range(1, 9))


def test_a_login_of_the_office_leads_a_request_all_the_way(database: URL, tmp_path: Path) -> None:
    initialise(database, database)
    name = f"office_{uuid4().hex[:8]}"
    make_login(database, name, "office", SECRET)

    def opened(url: URL) -> Ledger:
        shown = url.render_as_string(hide_password=False)
        return Ledger(Settings(home=tmp_path, warehouse_url=shown, _env_file=None).ledger_url)

    loader, office = opened(database), opened(database.set(username=name, password=SECRET))
    try:
        asked_for.people(loader)
        assert show_request(office, walk(office, "registered")).state == "registered"
        with pytest.raises(ConfigError), office.engine.begin() as con:
            con.execute(sa.update(REQUEST_STEP).values(after="open"))
    finally:
        for each in (loader, office):
            each.engine.dispose()
        with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")


def test_nothing_opens_and_nobody_gets_a_role_without_the_log(database: URL, tmp_path: Path) -> None:
    """The office's login can add any step, also by hand: never without an entry that says so."""
    initialise(database, database)
    name = f"office_{uuid4().hex[:8]}"
    make_login(database, name, "office", SECRET)

    def opened(url: URL) -> Ledger:
        shown = url.render_as_string(hide_password=False)
        return Ledger(Settings(home=tmp_path, warehouse_url=shown, _env_file=None).ledger_url)

    loader, office = opened(database), opened(database.set(username=name, password=SECRET))
    try:
        request = walk(asked_for.people(loader), "suspended")
        steps = sa.select(REQUEST_STEP).order_by(REQUEST_STEP.c.number.desc()).limit(1)
        resumed = dict(loader.read(steps)[0]) | {"move": "resume", "after": "open"}
        step = sa.insert(REQUEST_STEP).values(resumed | {"number": resumed["number"] + 1})
        role = {"number": 900, "at": now(), "actor": "etl", "account": "researcher", "role": "chair", "given": True}
        for statement in (step, sa.insert(REQUEST_ROLE).values(role)):
            with pytest.raises(ConfigError), office.engine.begin() as con:
                con.execute(statement)
        assert show_request(loader, request).state == "suspended"
        with office.engine.begin() as con:
            con.execute(step)
            write(con, Said("request moved", "etl", subject=f"request {request}: resume"))
        [last] = loader.read(sa.select(ENTRY.c.login, ENTRY.c.subject).order_by(ENTRY.c.number.desc()).limit(1))
        assert tuple(last.values()) == (name, f"request {request}: resume"), "the log has the login that did it"
    finally:
        for each in (loader, office):
            each.engine.dispose()
        with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")


def test_a_thousand_requests_are_listed_and_shown_at_once(ledger: Ledger) -> None:
    number = walk(ledger, "open")
    rows = {
        table: ledger.read(sa.select(table).where(table.c.request == number))
        for table in (REQUEST_VERSION, REQUEST_STEP)
    }
    with ledger.engine.begin() as con:
        asked_for.by_hand(con)
        for table, said in rows.items():
            con.execute(sa.insert(table), [dict(r) | {"request": n} for n in range(2, MANY + 1) for r in said])
    list_requests(ledger)  # the holidays of these years are worked out once
    for asked in (lambda: list_requests(ledger), lambda: late_requests(ledger), lambda: show_request(ledger, MANY)):
        began = time.monotonic()
        assert asked() is not None
        assert time.monotonic() - began < 1
    assert {r.state for r in list_requests(ledger)} == {"open"}
    assert [r.number for r in list_requests(ledger)] == list(range(MANY, 0, -1))


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A home whose people have roles, as the command finds it."""
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.delenv("ETL_WAREHOUSE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return asked_for.people(Ledger(Settings(home=tmp_path, _env_file=None).ledger_url))


def etl(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["request", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_command_leads_from_a_form_to_an_approval(at_home: Ledger, tmp_path: Path) -> None:
    (tmp_path / "cohort.sql").write_text("select 1", encoding="utf-8")
    for name, said in (("study", form() | {"files": ["cohort.sql"]}), ("terms", conditions(hospitals=["cnuh"]))):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    assert "it is draft" in etl("new", "study.yaml", "--by", "researcher")
    assert "IRB office to move it on" in etl("submit", "1", "--by", "researcher")
    etl("irb", "1", "--result", "approved", "--number", "2026-7", "--until", asked_for.day(150), "--by", "irb_office")
    etl("keep-out", "1", "snuh", "--reason", "our own study", "--by", "steward")
    etl("review", "open", "1", *(w for m in SEATS for w in ("--member", m)), "--by", "secretary")
    holds = [word for each in CRITERIA for word in ("--holds", each)]
    for member in SEATS:
        etl("review", "declare", "1", "--no-conflict", "--by", member)
        etl("review", "vote", "1", "for", *holds, "--by", member)
    etl("review", "declare", "1", "--no-conflict", "--by", "chair")
    etl("review", "approve", "1", "terms.yaml", "--by", "chair")
    etl("pledge", "1", "--name", "김연구", "--by", "researcher")
    told = json.loads(etl("show", "1", "--json"))
    assert (told["state"], told["hospitals"], told["kept_out"]) == ("approved", ["cnuh"], ["snuh"])
    assert None not in {step["entered_by"] for step in told["steps"]}, "who entered it for somebody else is kept"
    assert "kept its hospital's data out: our own study" in etl("show", "1")
    [listed] = json.loads(etl("list", "--json"))
    assert (listed["waits_for"], listed["late"]) == (["secretary"], 0)
    assert "no request is late" in etl("late")
    assert "no such request" in etl("register")


def test_the_command_refuses_what_the_chain_refuses(at_home: Ledger, tmp_path: Path) -> None:
    number = str(walk(at_home, "submitted"))
    (tmp_path / "bad.yaml").write_text("titel: x", encoding="utf-8")
    etl("new", "bad.yaml", "--by", "researcher", code=3)
    etl("new", "none.yaml", "--by", "researcher", code=3)
    etl("irb", number, "--result", "approved", "--number", "1", "--by", "irb_office", code=3)
    etl("withdraw", number, "--reason", "r", "--by", "member", code=2)
    etl("withdraw", number, "--reason", "r", "--by", "researcher", "--seen", "1", code=2)
    etl("list", "--state", "nowhere", code=2)
    assert json.loads(etl("show", "99", "--json", code=2))["hint"] == "etl request list"
    assert show_request(at_home, int(number)).state == "submitted"


@pytest.mark.parametrize("state", ["draft", "in_review", "registered", "suspended"])
def test_a_request_is_printed_in_korean_and_english(at_home: Ledger, tmp_path: Path, state: str) -> None:
    number = str(walk(at_home, state))
    pages = {}
    for language in ("ko", "en"):
        etl("print", number, f"{language}.html", "--language", language)
        pages[language] = (tmp_path / f"{language}.html").read_text(encoding="utf-8")
    assert 'lang="ko"' in pages["ko"]
    for word in ("데이터 이용 신청서", "보안서약서", "과학적 연구를 위한 가명정보", "서울대학교병원"):
        assert word in pages["ko"]
    for word in ("Request for data", "Security pledge", "Seoul National University Hospital", "size: A4"):
        assert word in pages["en"]
    assert ("파기 확인서" in pages["ko"]) == (state == "registered")


def test_the_first_role_is_given_at_the_terminal_and_the_others_by_its_bearer(at_home: Ledger) -> None:
    assert "auditor is output checker" in etl("role", "give", "auditor", "checker", "--by", "root")
    etl("role", "give", "auditor", "privacy_officer", "--by", "auditor", code=2)
    assert "auditor is no longer output checker" in etl("role", "take", "auditor", "checker", "--by", "root")
    found = json.loads(etl("role", "list", "--json"))
    assert {each["role"] for each in found if each["hospital"]} == {"steward"}
