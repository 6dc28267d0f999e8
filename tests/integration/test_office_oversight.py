"""The register and what is unusual at a browser: for whose roles allow it, told on the first page, worked off there."""

from __future__ import annotations

from datetime import datetime, timedelta

import asked_for
import pytest
from office_site import PASSWORD, Visitor, hidden, settings_of

from etl.office import passwords
from etl.office.accounts import add, change_password
from etl.office.record import Actor, Asked, events
from etl.office.rules import rules
from etl.quality.findings.actions import today
from etl.research.oversight.unusual import look_through, things
from etl.research.requests.chain import chain
from etl.research.requests.roles import set_role
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    ledger = asked_for.people(Ledger(settings.ledger_url))
    for name in asked_for.PEOPLE:
        change_password(ledger, Actor("test", None), name, PASSWORD)
    add(ledger, Actor("test", None), "inspector", "auditor", PASSWORD)
    return ledger


def at_browser(settings, name):
    visitor = Visitor(settings)
    assert visitor.sign_in(name).status_code == 303
    return visitor


def one_thing(ledger, about="colleague"):
    """The number of something unusual that was found."""
    day = today() - timedelta(days=1)
    with ledger.engine.begin() as con:
        write(con, Said("queried", about, happened_at=datetime(day.year, day.month, day.day, 3) - timedelta(hours=9)))
        look_through(con, today())
        return things(con)[0].number


def test_duties_are_roles_of_the_chain():
    assert set(rules().duties) <= set(chain().roles)


def test_pages_are_for_whose_roles_allow_them(settings, ledger):
    asked_for.walk(ledger, "open")
    allowed = {
        "/register": {"privacy_officer", "auditor", "secretary", "inspector"},
        "/register.csv": {"privacy_officer", "auditor", "secretary", "inspector"},
        "/unusual": {"privacy_officer", "auditor", "inspector"},
    }
    for name in ("researcher", "privacy_officer", "auditor", "secretary", "chair", "steward", "inspector"):
        visitor = at_browser(settings, name)
        for path, names in allowed.items():
            assert (visitor.get(path).status_code == 200) == (name in names), (name, path)
            assert (f'href="{path}"' in visitor.get("/requests").text) == (name in names) or path == "/register.csv"
    assert Visitor(settings).get("/register").status_code == 303


def test_who_loses_the_role_loses_the_pages_at_once(settings, ledger):
    visitor = at_browser(settings, "secretary")
    assert visitor.get("/register").status_code == 200
    set_role(ledger, "secretary", "secretary", actor="privacy_officer", given=False)
    assert visitor.get("/register").status_code == 403


def test_the_register_is_read_and_taken_along(settings, ledger):
    asked_for.walk(ledger, "registered")
    visitor = at_browser(settings, "privacy_officer")
    page = visitor.get("/register", headers={"accept-language": "ko"}).text
    assert "가명정보 처리 관리대장" in page
    assert "2026-1" in page
    table = visitor.get("/register.csv", headers={"accept-language": "ko"})
    assert table.text.startswith("\ufeff번호,")
    assert events(ledger, Asked(kind="register exported"), 1)[0][0].actor == "privacy_officer"


def test_an_unusual_thing_waits_on_the_first_page_until_it_is_looked_at(settings, ledger):
    number = one_thing(ledger)
    visitor = at_browser(settings, "privacy_officer")
    assert "1 unusual thing in the audit log" in visitor.get("/").text
    assert "unusual thing" not in at_browser(settings, "secretary").get("/").text
    fields = hidden(visitor.get("/unusual").text, f"/unusual/{number}")
    assert visitor.client.post(f"/unusual/{number}", data={**fields, "note": " "}).status_code == 409
    assert visitor.client.post(f"/unusual/{number}", data={**fields, "note": "night duty"}).status_code == 303
    assert "unusual thing" not in visitor.get("/").text
    page = visitor.get("/unusual?done=1").text
    assert "night duty" in page
    assert "<form" not in page[page.index(f'id="t{number}"') :]
    again = at_browser(settings, "auditor").post(f"/unusual/{number}", {"note": "mine"})
    assert again.status_code == 409
    [entry] = events(ledger, Asked(kind="unusual looked at"), 1)[0]
    assert (entry.actor, entry.role, entry.reason) == ("privacy_officer", "privacy_officer", "night duty")


def test_who_may_only_see_it_or_is_meant_is_given_no_form(settings, ledger):
    number = one_thing(ledger, about="auditor")
    for name in ("inspector", "auditor"):
        visitor = at_browser(settings, name)
        assert f"/unusual/{number}" not in visitor.get("/unusual").text
        assert visitor.post(f"/unusual/{number}", {"note": "nothing"}).status_code in (403, 409)
    with ledger.engine.connect() as con:
        assert things(con)[0].is_new
    assert visitor.post("/unusual/x", {"note": "n"}).status_code == 404


def test_a_form_without_its_token_does_nothing(settings, ledger):
    number = one_thing(ledger)
    visitor = at_browser(settings, "privacy_officer")
    assert visitor.client.post(f"/unusual/{number}", data={"note": "n"}).status_code == 400
    with ledger.engine.connect() as con:
        assert things(con)[0].is_new
