"""What the office answers to whoever means harm, or types what no page offers: nothing breaks, leaks, or is lost."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from office_site import PASSWORD, Visitor, add_accounts, hidden, name_of, settings_of, waiting_run

from etl.errors import UsageError
from etl.night.publish.approval import decide
from etl.office import accounts, passwords
from etl.office.attempts import heard
from etl.office.record import Actor, Asked, events
from etl.office.rules import rules
from etl.quality.findings.actions import act, today
from etl.quality.findings.read import show
from etl.quality.findings.told import small_cells
from etl.quality.findings.track import track
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import SESSION

EXAMPLE = Path(__file__).parents[1] / "data" / "report_ledger.sql"
CHEAP = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RUN_ID = "snuh-20261126-abc"
ME = Actor("test", None)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", lambda: CHEAP)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    home = tmp_path_factory.mktemp("office")
    settings = settings_of(home)
    ledger = Ledger(settings.ledger_url)
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    waiting_run(ledger)
    track(settings, ledger)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: CHEAP)
        add_accounts(settings)
    ledger.engine.dispose()
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.execute("pragma wal_checkpoint(truncate)")
    return home / "ledger.sqlite"


@pytest.fixture
def settings(prepared, tmp_path):
    shutil.copy(prepared, tmp_path)
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    return Ledger(settings.ledger_url)


def as_role(settings, role):
    visitor = Visitor(settings)
    assert visitor.sign_in(name_of(role)).status_code == 303
    return visitor


ODD = ("%C2%B2", "%D9%A3", "-1", "9" * 30, "nan", "%27%20or%201%3D1", "..%2F..%2Fetc%2Fpasswd", "%3Cscript%3E",
       "%0D%0AX:%20y", "a" * 3000, "%25(n)s", "%7B%7B7*7%7D%7D", "0001-01-01", "9999-12-31",
       "9999-12", "0001-01")  # fmt: skip
PLACES = ("/hospitals/%s", "/hospitals/snuh/%s", "/runs/%s", "/findings/%s", "/checks/%s", "/lineage/%s", "/months/%s",
          "/static/%s", "/?sort=%s&down=%s", "/hospitals/snuh?page=%s", "/findings?hospital=%s&owner=%s&page=%s",
          "/battery?hospital=%s&category=%s&text=%s&page=%s", "/coverage?hospital=%s&domain=%s&text=%s&page=%s",
          "/sign-in?back=%s", "/log?actor=%s&action=%s&page=%s", "/log?since=%s", "/log?until=%s")  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_address_is_answered_and_breaks_nothing(settings, odd):
    visitor = as_role(settings, "auditor")
    for place in PLACES:
        answer = visitor.get(place.replace("%s", odd))
        assert answer.status_code < 500, place
        assert "<script>" not in answer.text.replace('<script src="/static/', ""), place
        assert "x" not in answer.headers, place
        assert "root:" not in answer.text


def test_a_character_that_no_text_has_is_no_address_and_is_left_out_of_forms(settings, ledger):
    visitor = as_role(settings, "quality officer")
    for path in ("/hospitals/%00", "/findings?owner=%00", "/runs/a%00b"):
        assert visitor.get(path).status_code == 404, path
    fields = hidden(visitor.get("/findings/1").text, "/findings/1/act")
    sent = {**fields, "action": "note", "reason": "a\x00\x1b[31mb\tc\r\nd"}
    assert visitor.client.post("/findings/1/act", data=sent).status_code == 303
    assert show(ledger, 1).actions[0].reason == "a[31mb\tc\r\nd"


@pytest.mark.parametrize("seen", ["²", "٣", "-1", "", "9" * 40])
def test_an_action_that_saw_nothing_is_refused(settings, ledger, seen):
    visitor = as_role(settings, "quality officer")
    sent = {"csrf": visitor.csrf("/account"), "action": "note", "reason": "so", "seen": seen}
    assert visitor.client.post("/findings/1/act", data=sent).status_code == 409
    assert show(ledger, 1).actions == ()


def test_what_is_too_long_is_refused_as_a_whole_and_kept_on_the_page(settings, ledger):
    visitor = as_role(settings, "quality officer")
    fields = hidden(visitor.get("/findings/1").text, "/findings/1/act")
    long = "word " * 1700 + "end"
    answer = visitor.client.post("/findings/1/act", data={**fields, "action": "note", "reason": long})
    assert answer.status_code == 409
    assert "word end" in answer.text, "all of it is there to be made shorter"
    assert show(ledger, 1).actions == ()


def test_no_day_that_is_over_is_due_or_waived_until(settings, ledger):
    visitor = as_role(settings, "quality officer")
    over = (today() - timedelta(days=1)).isoformat()
    fields = hidden(visitor.get("/findings/1").text, "/findings/1/act")
    for said in ({"action": "assign", "owner": "lee", "due": over}, {"action": "waive", "reason": "r", "until": over}):
        answer = visitor.client.post("/findings/1/act", data={**fields, **said})
        assert answer.status_code == 409
        assert over in answer.text
    assert show(ledger, 1).actions == ()


@pytest.mark.parametrize(("site", "kept"), [("same-origin", True), ("cross-site", False), ("same-site", False)])
def test_a_form_of_another_site_is_not_offered_to_be_sent_again(settings, site, kept):
    visitor = as_role(settings, "quality officer")
    sent = {"action": "resolve", "reason": "all is well", "seen": "0"}
    answer = visitor.client.post("/findings/1/act", data=sent, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 400
    assert ("all is well" in answer.text) == kept


def test_a_form_of_another_site_is_refused_also_with_a_token(settings, ledger):
    visitor = as_role(settings, "quality officer")
    sent = {"csrf": visitor.csrf("/account"), "action": "note", "reason": "r", "seen": "0"}
    answer = visitor.client.post("/findings/1/act", data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
    assert show(ledger, 1).actions == ()


@pytest.mark.parametrize("gone", ["idle", "signed out elsewhere"])
def test_what_was_written_when_the_session_ended_is_sent_after_signing_in(settings, ledger, gone):
    visitor = as_role(settings, "quality officer")
    fields = hidden(visitor.get("/findings/1").text, "/findings/1/act")
    if gone == "idle":
        with ledger.engine.begin() as con:
            ago = now() - timedelta(minutes=rules().sessions.idle_minutes + 1)
            con.execute(sa.update(SESSION).values(seen_at=ago))
    else:
        twin = Visitor(settings)
        twin.client.cookies.set("office_session", visitor.client.cookies["office_session"])
        assert twin.post("/sign-out").status_code == 303
    answer = visitor.client.post("/findings/1/act", data={**fields, "action": "note", "reason": "asked the <ward>"})
    assert answer.status_code == 401
    assert "Your session has ended and nothing was done yet." in answer.text
    assert "asked the &lt;ward&gt;" in answer.text
    sign_in = hidden(answer.text, "/sign-in") | {"kept.reason": "asked the <ward>", "name": "quality.officer"}
    wrong = visitor.client.post("/sign-in", data={**sign_in, "password": "mistyped"})
    assert wrong.status_code == 401
    assert "asked the &lt;ward&gt;" in wrong.text, "nor is it lost by a slip of the fingers"
    again = visitor.client.post("/sign-in", data={**sign_in, "password": PASSWORD})
    assert again.status_code == 200
    assert "You are signed in again" in again.text
    assert show(ledger, 1).actions == (), "nothing is done but by a click"
    sent = hidden(again.text, "/findings/1/act") | {"reason": "asked the <ward>"}
    assert visitor.client.post("/findings/1/act", data=sent).status_code == 303
    assert show(ledger, 1).actions[0].reason == "asked the <ward>"


def test_while_somebody_else_writes_the_ledger_pages_are_read_and_a_form_says_so_at_once(settings, ledger, monkeypatch):
    monkeypatch.setattr("etl.office.desk.PATIENCE", 0.2)
    visitor = as_role(settings, "quality officer")
    fields = hidden(visitor.get("/findings/1").text, "/findings/1/act")
    with ledger.engine.begin() as con:
        con.execute(sa.update(SESSION).values(seen_at=now() - timedelta(minutes=5)))
    with closing(sqlite3.connect(settings.home / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("begin immediate")
        began = time.monotonic()
        assert visitor.get("/findings/1").status_code == 200
        answer = visitor.client.post("/findings/1/act", data={**fields, "action": "note", "reason": "asked the ward"})
        assert time.monotonic() - began < 10
        other.execute("rollback")
    assert answer.status_code == 503
    assert "asked the ward" in answer.text
    again = hidden(answer.text, "/findings/1/act") | {"reason": "asked the ward"}
    assert visitor.client.post("/findings/1/act", data=again).status_code == 303
    assert show(ledger, 1).actions[0].reason == "asked the ward"


def test_a_password_is_never_kept_on_a_page(settings, ledger):
    visitor = as_role(settings, "quality officer")
    token = visitor.csrf("/account")
    with ledger.engine.begin() as con:
        con.execute(sa.update(SESSION).values(ended_at=now()))
    sent = {"csrf": token, "password": "my old secret", "new_password": "my new secret!", "new_password_again": "x"}
    answer = visitor.client.post("/account/password", data=sent)
    assert answer.headers["location"].startswith("/sign-in")
    assert "secret" not in answer.text


def test_who_keeps_trying_does_not_fill_the_record(settings, ledger):
    for _ in range(3 * rules().sign_in.of_account):
        Visitor(settings).sign_in("reader", "wrong")
    said = [e.action for e in events(ledger, Asked(), 1)[0]]
    assert said.count("sign-in refused: too many attempts") == 1
    assert said.count("sign-in failed") == rules().sign_in.of_account


def test_attempts_from_one_network_count_together_whatever_address_they_take_in_it(ledger):
    limit = rules().sign_in.from_address
    said = [heard(ledger, f"name{n}", f"2001:db8:1:2::{n:x}") for n in range(limit + 1)]
    assert said == [True] * limit + [False]
    assert heard(ledger, "another", "2001:db8:1:3::1")
    assert [heard(ledger, f"v4{n}", f"::ffff:192.0.2.{n}") for n in range(limit + 1)] == [True] * (limit + 1)


@pytest.mark.parametrize("name", ["etl", "ETL", "Quality.Officer", "-", "a b", "x" * 81])
def test_no_account_is_called_as_another_or_as_what_happens_by_itself(ledger, name):
    with pytest.raises(UsageError):
        accounts.add(ledger, ME, name, "reader", PASSWORD)
    with pytest.raises(UsageError):
        accounts.vouched(ledger, "https://sso.test", "1", name, "reader")


def test_what_is_decided_at_a_terminal_or_in_airflow_is_in_the_audit_log_too(settings, ledger):
    decide(ledger, RUN_ID, "refused", "park (airflow)", "half of a file")
    act(ledger, 1, "waive", actor="choi", reason="until the new form", until=today())
    officer = as_role(settings, "quality officer")
    fields = hidden(officer.get("/findings/1").text, "/findings/1/act")
    officer.client.post("/findings/1/act", data={**fields, "action": "note", "reason": "seen"})
    auditor = as_role(settings, "auditor")
    page = auditor.get("/log").text
    assert page.count("half of a file") == page.count("until the new form") == 1
    assert page.count(">seen<") == 1, "what was done here is there once"
    of_park = auditor.get("/log?actor=park+(airflow)&action=refused").text
    assert RUN_ID in of_park
    assert "until the new form" not in of_park
    assert [(e.actor, e.role, e.subject) for e in events(ledger, Asked(kind="finding waived"), 1)[0]] == [
        ("choi", None, "finding 1")
    ]


def test_a_line_of_the_log_is_one_line_and_holds_no_reason(settings, caplog):
    visitor = as_role(settings, "quality officer")
    path = f"/runs/{RUN_ID}/decision"
    with caplog.at_level(logging.ERROR):
        visitor.post(path, {"decision": "approved", "reason": "홍길동 900101-1234567", "seen": "x"})
        visitor.post("/runs/a%0Ab/decision", {"decision": "approved", "reason": "r", "seen": "x"})
    told = [record.getMessage() for record in caplog.records if record.name.startswith("etl")]
    assert told
    assert not any("홍길동" in line or "\n" in line for line in told)


@pytest.mark.parametrize(
    "said", ["small_cell: abc", "small_cell: 0", "small_cell: -3", "small_cell: true", "small_cell: [1"]
)
def test_a_hospital_whose_file_is_broken_is_told_of_as_the_strictest_one(settings, said):
    for name, text in (("snuh", said), ("dsmc", "small_cell: 11")):
        (settings.mappings / name).mkdir(parents=True)
        (settings.mappings / name / "hospital.yaml").write_text(f"{text}\n", encoding="utf-8")
    assert small_cells(settings) == {"snuh": 11, "dsmc": 11}
    visitor = as_role(settings, "reader")
    assert [visitor.get(path).status_code for path in ("/", "/findings/1", "/hospitals/snuh")] == [200] * 3


def test_what_is_wrong_with_mappings_is_one_line_of_the_log(settings, caplog):
    (settings.mappings / "snuh").mkdir(parents=True)
    (settings.mappings / "snuh" / "hospital.yaml").write_text("- 1\n", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        assert as_role(settings, "reader").get("/lineage/snuh").status_code == 500
    [line] = [r.getMessage() for r in caplog.records if r.name.startswith("etl.office")]
    assert "'number' is missing" in line
    assert "\n" not in line


def test_a_failed_part_of_a_page_leads_to_no_other_site(settings):
    answer = as_role(settings, "reader").get("//evil.test/x", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert not re.match(r"//|/\\", answer.headers["hx-redirect"])
