"""Tracked findings in the office: found by filters, seen over nights, acted on by who may, never over another's act."""

from __future__ import annotations

import re
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from kept_site import measured_nights
from office_site import Visitor, add_accounts, hidden, name_of, settings_of, waiting_run

from etl.office import passwords
from etl.office.record import Asked, events
from etl.quality.findings.actions import act, today
from etl.quality.findings.read import list_findings, show
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger

EXAMPLE = Path(__file__).parents[1] / "data" / "report_ledger.sql"
CHEAP = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", lambda: CHEAP)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A ledger with nights that gates and battery looked at, and an account of every role."""
    home = tmp_path_factory.mktemp("office")
    settings = settings_of(home)
    ledger = Ledger(settings.ledger_url)
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    waiting_run(ledger)
    measured_nights(settings)
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
    (tmp_path / "mappings").symlink_to(PROJECT / "mappings")
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    return Ledger(settings.ledger_url)


def as_role(settings, role):
    visitor = Visitor(settings)
    assert visitor.sign_in(name_of(role)).status_code == 303
    return visitor


def one(ledger, **said):
    """The first finding that is as is said."""
    return next(f for f in list_findings(ledger) if all(getattr(f, k) == v for k, v in said.items()))


def numbers(page):
    return [int(n) for n in re.findall(r'data-value="\d+">(\d+)</td>', page)]


def send(visitor, number, action, page=None, **fields):
    """Send a form of a finding's page, as it was when it was opened (`page`) or is now."""
    address = f"/findings/{number}/act"
    kept = hidden(page or visitor.get(f"/findings/{number}").text, address)
    return visitor.client.post(address, data={**kept, "action": action, **fields})


def test_findings_are_listed_with_what_needs_a_person_first(settings, ledger):
    page = as_role(settings, "reader").get("/findings").text
    expected = [f.number for f in list_findings(ledger) if f.state != "resolved"]
    assert numbers(page) == expected[:50]
    assert f"{len(expected)} in all" in page
    assert "page 1 of" in page
    second = as_role(settings, "reader").get("/findings?page=2").text
    assert numbers(second) == expected[50:100]


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ("hospital=cnuh", lambda f: f.hospital == "cnuh"),
        ("course=worse", lambda f: f.course == "worse"),
        ("course=news", lambda f: f.course in ("new", "worse", "came back")),
        ("owner=lee", lambda f: f.owner == "lee"),
        ("state=in_work", lambda f: f.state == "in_work"),
        ("late=1&hospital=snuh", lambda f: f.due is not None and f.hospital == "snuh"),
        ("hospital=snuh&course=new&state=any&owner=&late=", lambda f: f.hospital == "snuh" and f.course == "new"),
    ],
)
def test_findings_are_filtered(settings, ledger, asked, holds, monkeypatch):
    number = one(ledger, hospital="snuh", course="still there").number
    with monkeypatch.context() as patch:
        patch.setattr("etl.quality.findings.actions.today", lambda: today() - timedelta(days=2))
        act(ledger, number, "work", actor="kim", owner="lee", due=today() - timedelta(days=1))
    visitor = as_role(settings, "reader")
    expected = [f.number for f in list_findings(ledger) if holds(f)]
    assert expected
    assert numbers(visitor.get(f"/findings?{asked}").text) == expected[:50]
    assert "There is no such finding." in visitor.get("/findings?hospital=nowhere").text


def test_a_page_of_several_keeps_what_was_asked(settings):
    page = as_role(settings, "reader").get("/findings?hospital=&state=any&late=0").text
    assert "?state=any&amp;page=2" in page


def test_tonight_and_a_hospital_show_what_is_new(settings, ledger):
    visitor = as_role(settings, "reader")
    for page, asked in (("/", "course=news"), ("/hospitals/snuh", "hospital=snuh&amp;course=news")):
        text = visitor.get(page).text
        part = text[text.index("new-findings") :]
        part = part[: part.index("</section>")]
        assert asked in part
        shown = [int(n) for n in re.findall(r'href="/findings/(\d+)"', part)]
        news = [f.number for f in list_findings(ledger, "snuh" if "snuh" in page else None, news=True)]
        assert shown == news[:8]
    assert "new-findings" not in visitor.get("/hospitals/nowhere").text


def test_a_finding_says_what_is_wrong_where_since_when_and_how_to_get_at_its_rows(settings, ledger):
    finding = one(ledger, hospital="snuh", course="worse")
    page = as_role(settings, "reader").get(f"/findings/{finding.number}").text
    assert finding.title.en in page
    assert f"<code>{finding.where}</code>" in page
    assert finding.says in page
    assert "Seen on 5 nights (2026-11-19 to 2026-11-23)" in page
    assert page.count('<tr><th scope="row" data-value=') == 5
    assert "etl sql --run snuh-2026-11-23" in page
    assert 'href="/hospitals/snuh/2026-11-23"' in page
    assert 'name="seen"' not in page, "a reader is offered no form"


def test_few_rows_are_told_in_steps_also_in_the_chart(settings, ledger):
    finding = next(f for f in list_findings(ledger) if 0 < (f.violated or 0) < 5 and (f.total or 0) > 1000)
    page = as_role(settings, "reader").get(f"/findings/{finding.number}").text
    assert f"≤5 of {finding.total:,}" in page
    shares = [float(x) for x in re.findall(r'class="n" data-value="([\d.e-]+)"', page)]
    assert shares
    assert all(x == 0 or round(x * finding.total) >= 4 for x in shares)


def test_a_battery_check_speaks_korean_where_the_page_does(settings, ledger):
    visitor = as_role(settings, "reader")
    visitor.post("/look", {"language": "ko", "back": "/"})
    finding = one(ledger, kind="type")
    page = visitor.get(f"/findings/{finding.number}").text
    assert finding.title.ko in page
    assert "정수가 아닌" in page


@pytest.mark.parametrize(
    ("action", "fields", "state"),
    [
        ("acknowledge", {}, "acknowledged"),
        ("work", {"owner": "lee", "due": "2099-01-05", "reason": "sent to the ward"}, "in_work"),
        ("waive", {"until": "2099-01-05", "reason": "the form changes"}, "waived"),
        ("resolve", {"reason": "the scale was corrected"}, "resolved"),
        ("assign", {"owner": "lee", "due": "2099-01-05"}, "open"),
        ("note", {"reason": "병원에 물어봄"}, "open"),
    ],
)
def test_what_is_done_is_done_by_who_is_signed_in_and_recorded(settings, ledger, action, fields, state):
    visitor, number = as_role(settings, "quality officer"), one(ledger, state="open").number
    answer = send(visitor, number, action, **fields)
    assert answer.status_code == 303
    page = visitor.get(answer.headers["location"]).text
    assert "It is done and recorded." in page
    assert "quality.officer" in page
    assert all(value in page for value in fields.values())
    found = show(ledger, number)
    assert (found.finding.state, found.actions[0].actor, found.actions[0].action) == (state, "quality.officer", action)
    last = events(ledger, Asked(), 1)[0][0]
    assert (last.actor, last.subject) == ("quality.officer", f"finding {number}")
    assert last.action.startswith("finding ")


def test_the_second_of_two_officers_sees_what_the_first_did_and_loses_no_word(settings, ledger):
    first, second = as_role(settings, "quality officer"), as_role(settings, "quality officer")
    number = one(ledger, state="open").number
    opened = second.get(f"/findings/{number}").text
    assert send(first, number, "work", owner="lee", reason="the ward was called").status_code == 303
    late = send(second, number, "waive", opened, until="2099-03-31", reason="<it> changes in April")
    assert late.status_code == 409
    assert "Somebody was quicker: quality.officer took it into work" in late.text
    assert "the ward was called" in late.text
    assert "&lt;it&gt; changes in April</textarea>" in late.text
    assert 'name="until" value="2099-03-31"' in late.text
    assert re.search(r"<details name=\"act\" open><summary>Waive until a day", late.text)
    assert show(ledger, number).finding.state == "in_work"
    again = send(second, number, "waive", late.text, until="2099-03-31", reason="it changes in April")
    assert again.status_code == 303, "sent again from that page it holds"
    assert [a.action for a in show(ledger, number).actions] == ["waive", "work"]


def test_what_is_no_longer_possible_keeps_its_words_for_a_note(settings, ledger):
    officer, number = as_role(settings, "quality officer"), one(ledger, state="open").number
    opened = officer.get(f"/findings/{number}").text
    act(ledger, number, "resolve", actor="kim", reason="done")
    late = send(officer, number, "acknowledge", opened, reason="I look at it")
    assert late.status_code == 409
    assert re.search(r"open><summary>Note</summary>", late.text)
    assert "I look at it</textarea>" in late.text


@pytest.mark.parametrize(
    ("action", "fields", "told"),
    [
        ("waive", {"reason": "later"}, "waive needs until"),
        ("waive", {"reason": "later", "until": "2020-01-01"}, "is over"),
        ("waive", {"reason": "later", "until": "soon"}, "that is no day"),
        ("resolve", {"reason": "  "}, "resolve needs reason"),
        ("explode", {"reason": "x"}, "there is no action"),
        ("reopen", {"reason": "x"}, "reopen is not possible"),
    ],
)
def test_what_cannot_be_done_is_told_on_the_page_and_changes_nothing(settings, ledger, action, fields, told):
    officer, number = as_role(settings, "quality officer"), one(ledger, state="open").number
    answer = send(officer, number, action, **fields)
    assert answer.status_code == 409
    assert told in answer.text.replace("&#39;", "'")
    if fields["reason"].strip():
        assert f"{fields['reason']}</textarea>" in answer.text
    assert show(ledger, number).actions == ()


@pytest.mark.parametrize("role", ["reader", "engineer", "steward", "auditor"])
def test_who_may_not_act_is_offered_nothing_and_refused(settings, ledger, role):
    visitor, number = as_role(settings, role), one(ledger, state="open").number
    assert f"/findings/{number}/act" not in visitor.get(f"/findings/{number}").text
    answer = visitor.post(f"/findings/{number}/act", {"action": "resolve", "reason": "x", "seen": "0"})
    assert answer.status_code == 403
    assert show(ledger, number).actions == ()


def test_a_finding_leads_to_the_mapping_entries_on_the_lineage_page(settings, ledger):
    visitor, finding = as_role(settings, "reader"), one(ledger, hospital="dsmc", table="drug_exposure")
    page = visitor.get(f"/findings/{finding.number}").text
    assert 'href="/lineage/dsmc#table-drug_exposure"' in page
    lineage = visitor.get("/lineage/dsmc")
    assert 'id="table-drug_exposure"' in lineage.text
    assert "CDM office" in lineage.text, "it is a page as the others are"
    assert 'href="/hospitals/dsmc"' in lineage.text
    assert "default-src 'none'; script-src 'self'" in lineage.headers["content-security-policy"]
    assert visitor.get("/lineage/nowhere").status_code == 404
