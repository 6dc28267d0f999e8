"""Outputs in a real browser: a decision by hand, pages that fit and that axe finds nothing wrong with."""

from __future__ import annotations

import json
import shutil

import asked_for
import pytest
from devtools import Browser
from handed_in import OTHER, TABLE, decide, hand_in, released, state
from office_site import PASSWORD, served, settings_of

from etl.office.accounts import change_password
from etl.office.record import Actor
from etl.research.outbox.given import Handed
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium")
#: A name as long as there may be, and a file that leaves something to the checkers.
LONG = Handed("결과_" + "x" * 180 + ".csv", b"age,sum of cost\n0-17,40\n18-64,120\n65+,60\n")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium`: apt-get install -y chromium fonts-noto-cjk"),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core; install npm and run: make assets"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_of(tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="module")
def ledger(settings):
    ledger = asked_for.people(Ledger(settings.ledger_url))
    change_password(ledger, Actor("test", None), "checker", PASSWORD)
    return ledger


@pytest.fixture(scope="module")
def batches(ledger):
    """One that is released, one in the second round."""
    request = asked_for.walk(ledger, "open")
    done, waits = released(ledger, request, OTHER), hand_in(ledger, request, TABLE, LONG)
    decide(ledger, waits, "checker2", "refuse")
    decide(ledger, waits, "checker", "release")
    return done, waits


@pytest.fixture(scope="module")
def checker(settings, batches, tmp_path_factory):
    with served(settings) as address, Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        browser.open(f"{address}/sign-in", 1280)
        for field, text in (("name", "checker"), ("password", PASSWORD)):
            browser.evaluate(f"document.querySelector('#{field}').value = {json.dumps(text)}")
        browser.follow("document.querySelector('main form button').click()")
        yield browser, address


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_are_accessible(checker, batches, language, width):
    browser, address = checker
    browser.call("Network.setCookie", name="office_language", value=language, url=address)
    for path in ("/outputs", "/outputs?mine=1", "/requests/1/outputs", *(f"/outputs/{each}" for each in batches)):
        page = browser.open(f"{address}{path}", width)
        assert page.complaints == []
        assert page.width <= width, path
        browser.evaluate(AXE.read_text(encoding="utf-8"))
        found = browser.answer(
            "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map("
            "v => v.id + ': ' + v.nodes[0].target)))"
        )
        assert json.loads(found) == [], path


def test_a_checker_finds_what_waits_and_decides_by_hand(checker, batches, ledger):
    browser, address = checker
    browser.open(f"{address}/outputs?mine=1", 1280)
    browser.follow("document.querySelector('main tbody a').click()")
    browser.evaluate("document.querySelector('#decide textarea').value = 'row 3 tells of a person'")
    browser.follow("document.querySelector('#decide button[value=refuse]').click()")
    decide(ledger, batches[1], "checker2", "refuse")
    assert state(ledger, batches[1]) == "refused"
