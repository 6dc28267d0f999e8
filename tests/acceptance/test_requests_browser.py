"""Requests for data in a real browser: a vote by hand, pages that fit and that axe finds nothing wrong with."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta

import asked_for
import pytest
from devtools import Browser
from office_site import PASSWORD, served, settings_of

from etl.office.accounts import change_password
from etl.office.record import Actor
from etl.quality.findings.actions import today
from etl.research.oversight.unusual import look_through
from etl.research.requests.actions import draft
from etl.research.requests.given import given
from etl.research.requests.read import show_request
from etl.research.requests.roles import set_role
from etl.settings import PROJECT
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium`: apt-get install -y chromium fonts-noto-cjk"),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core; install npm and run: make assets"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_of(tmp_path_factory.mktemp("requests"))


@pytest.fixture(scope="module")
def ledger(settings):
    ledger = asked_for.people(Ledger(settings.ledger_url))
    change_password(ledger, Actor("test", None), "chair", PASSWORD)
    for role in ("researcher", "privacy_officer"):
        set_role(ledger, "chair", role, actor="root")
    return ledger


@pytest.fixture(scope="module")
def others(ledger):
    """Pages of the chair's other roles: a request of the chair's own, the register with a line, something unusual."""
    asked_for.walk(ledger, "registered")
    people = [{"account": "chair", "name": "Chair", "part": "principal", "affiliation": "Ward 7"}]
    own = given(asked_for.form(people=people), {"cohort.sql": b"select 1"})
    number = draft(ledger, own, actor="chair", hospitals=asked_for.HOSPITALS)
    day = today() - timedelta(days=1)
    with ledger.engine.begin() as con:
        write(
            con,
            Said("queried", "colleague", happened_at=datetime(day.year, day.month, day.day, 3) - timedelta(hours=9)),
        )
        look_through(con, today())
    return ("/requests/new", f"/requests/{number}/change", f"/requests/{number}", "/register", "/unusual", "/")


@pytest.fixture(scope="module")
def number(ledger):
    """A request in review, in which the chair sits."""
    number = asked_for.walk(ledger, "irb_done")
    asked_for.do(ledger, number, "open_review", "secretary", members=["member", "member2", "chair"])
    return number


@pytest.fixture(scope="module")
def chair(settings, number, tmp_path_factory):
    with served(settings) as address, Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        browser.open(f"{address}/sign-in", 1280)
        for field, text in (("name", "chair"), ("password", PASSWORD)):
            browser.evaluate(f"document.querySelector('#{field}').value = {json.dumps(text)}")
        browser.follow("document.querySelector('main form button').click()")
        yield browser, address


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_are_accessible(chair, number, others, language, width):
    browser, address = chair
    browser.call("Network.setCookie", name="office_language", value=language, url=address)
    for path in ("/requests", f"/requests/{number}", *others):
        page = browser.open(f"{address}{path}", width)
        assert page.complaints == []
        assert page.width <= width, path
        browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        browser.evaluate(AXE.read_text(encoding="utf-8"))
        found = browser.answer(
            "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map("
            "v => v.id + ': ' + v.nodes[0].target)))"
        )
        assert json.loads(found) == [], path


def test_the_chair_declares_and_votes_by_hand(chair, number, ledger):
    browser, address = chair
    browser.open(f"{address}/requests", 1280)
    browser.follow(f"document.querySelector('main tbody a[href$=\"/{number}\"]').click()")
    browser.evaluate("document.querySelector('#move-declare').open = true")
    browser.follow("document.querySelector('#move-declare button').click()")
    browser.evaluate("document.querySelector('#move-vote').open = true")
    browser.evaluate("document.querySelectorAll('#move-vote [type=checkbox]').forEach(b => b.click())")
    browser.follow("document.querySelector('#move-vote button').click()")
    case = show_request(ledger, number)
    assert (case.declared, case.votes) == ({"chair": False}, {"chair": "for"})
