"""The office in a real browser: quiet, self-contained, accessible, by keyboard, in both languages and colours.

With ETL_TEST_PICTURES the pictures of the documentation are taken anew, into the folder that it names.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from devtools import Browser
from kept_site import measured_nights
from office_site import NIGHT, PASSWORD, add_accounts, served, settings_of, waiting_run

from etl.quality.findings.read import list_findings
from etl.quality.pages import write_all_reports
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger

EXAMPLE = PROJECT / "tests" / "data" / "report_ledger.sql"
AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = os.environ.get("ETL_TEST_PICTURES", "")
CHROMIUM = shutil.which("chromium")
FAILING = "/checks/field_isrequired_device_exposure_person_id"
OF_ALL = ("/", "/approvals", "/hospitals/snuh", "/hospitals/snuh/2026-11-23", f"/hospitals/snuh/{NIGHT}",
          "/hospitals/dsmc/2026-11-23", "/account", "/office/design", "/nothing",
          "/findings", "/findings/1", "/findings/8", "/battery", FAILING,
          "/checks/source%20values_in_set%20724c1e0468f8c7d3", "/coverage", "/comparison",
          "/months/2026-11", "/lineage/dsmc")  # fmt: skip
OF_AUDITORS = ("/log", "/accounts")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium`: apt-get install -y chromium fonts-noto-cjk"),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core; install npm and run: make assets"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("office")
    ledger = Ledger(settings_of(home).ledger_url)
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    waiting_run(ledger)
    (home / "mappings").mkdir()
    for hospital in ("snuh", "dsmc", "cnuh", "shared"):
        shutil.copytree(PROJECT / "mappings" / hospital, home / "mappings" / hospital)
    measured_nights(settings_of(home))
    add_accounts(settings_of(home))
    return home


@pytest.fixture(scope="module")
def address(home):
    with served(settings_of(home)) as at:
        yield at


def signed_in(browser, address, name):
    browser.call("Network.clearBrowserCookies")
    browser.open(f"{address}/sign-in", 1280)
    browser.evaluate(f"document.querySelector('#name').value = {json.dumps(name)}")
    browser.evaluate(f"document.querySelector('#password').value = {json.dumps(PASSWORD)}")
    browser.follow("document.querySelector('main form button').click()")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def officer(browser, address):
    signed_in(browser, address, "quality.officer")
    return browser


def choose(browser, address, language):
    browser.call("Network.setCookie", name="office_language", value=language, url=address)


def faults(browser):
    """What axe-core finds on the page."""
    browser.evaluate(AXE.read_text(encoding="utf-8"))
    found = browser.answer(
        "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(' | '))))"
    )
    return json.loads(found)


def look(browser, address, path, *, dark, width=1280):
    """Open a page and hold it to what every page promises."""
    page = browser.open(address + path, width, dark=dark)
    asked = [request for request in page.requests if not request.startswith("data:")]
    assert all(request.startswith(address) for request in asked), asked
    quiet = [c for c in page.complaints if "404 (Not Found)" not in c or path != "/nothing"]
    assert quiet == []
    assert page.width == width, "the page is as wide as the window"
    assert faults(browser) == []


@pytest.mark.parametrize("path", OF_ALL)
@pytest.mark.parametrize(("language", "dark"), [("en", False), ("ko", True)])
def test_a_page_is_quiet_self_contained_and_accessible(officer, address, path, language, dark):
    choose(officer, address, language)
    look(officer, address, path, dark=dark)
    assert officer.evaluate("document.documentElement.lang") == language
    assert officer.evaluate("document.querySelectorAll('main h1').length") == 1


@pytest.mark.parametrize(
    "path", ["/", "/hospitals/snuh/2026-11-23", "/approvals", "/findings", "/findings/8", "/battery"]
)
def test_a_page_fits_a_phone(officer, address, path):
    choose(officer, address, "en")
    look(officer, address, path, dark=False, width=400)


def test_charts_are_drawn_from_the_tables_beside_them(officer, address):
    officer.open(f"{address}/hospitals/snuh/2026-11-23", 1280)
    drawn = "[...document.querySelectorAll('.chart')].map(c => c.querySelector('canvas')?.width > 500)"
    assert officer.evaluate(drawn) == [True] * 4
    assert officer.evaluate("document.querySelector('.chart').getAttribute('role')") == "img"


def tab(browser):
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(officer, address):
    choose(officer, address, "en")
    officer.open(f"{address}/approvals", 1280)
    reached = []
    for _ in range(40):
        tab(officer)
        told = officer.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.textContent.trim().slice(0, 30) || e.name, s.outlineStyle, s.outlineWidth]; })()"
        )
        if told[0] == "BODY":
            break
        assert told[2] != "none", told
        assert told[3] != "0px", told
        reached.append(told[1])
    assert reached[0] == "Skip to the content"
    assert {"Tonight", "한국어", "Sign out", "reason", "Approve", "Refuse"} <= set(reached)
    assert reached.index("reason") < reached.index("Approve") < reached.index("Refuse")


def test_the_skip_link_leads_to_the_content(officer, address):
    officer.open(f"{address}/", 1280)
    tab(officer)
    officer.evaluate("document.activeElement.click()")
    assert officer.evaluate("location.hash") == "#main"


def test_a_column_sorts_in_place_and_the_address_keeps_it(officer, address):
    officer.open(f"{address}/", 1280)
    link = "[...document.querySelectorAll('a.sort')].find(a => a.search.includes('rows'))"
    officer.evaluate(f"window.stays = true; {link}.click()")
    deadline = time.monotonic() + 10
    while "sort=rows" not in officer.evaluate("location.search") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert officer.evaluate("window.stays"), "the page was not loaded anew"
    assert officer.evaluate("document.querySelector('[aria-sort]').textContent") == "Rows in"
    cells = "document.querySelectorAll('.tonight tbody td[data-label=\"Rows in\"]')"
    rows = officer.evaluate(f"[...{cells}].map(c => +c.dataset.value)")
    assert rows == sorted(rows, reverse=True)


def test_auditors_see_who_did_what(browser, address):
    signed_in(browser, address, "auditor")
    for path in OF_AUDITORS:
        for language, dark in (("en", False), ("ko", True)):
            choose(browser, address, language)
            look(browser, address, path, dark=dark)
    browser.call("Network.clearBrowserCookies")
    look(browser, address, "/sign-in", dark=False)
    signed_in(browser, address, "quality.officer")


@pytest.mark.skipif(not PICTURES, reason="taken on request: ETL_TEST_PICTURES=docs/office")
def test_pictures_for_the_documentation(browser, address, home):
    folder = Path(PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    signed_in(browser, address, "quality.officer")
    worse = next(f.number for f in list_findings(Ledger(settings_of(home).ledger_url)) if f.course == "worse")
    taken = (("tonight", "/", "en", False, 900), ("night", "/hospitals/dsmc/2026-11-23", "ko", False, 900),
             ("hospital", "/hospitals/snuh", "en", True, 900), ("findings", "/findings", "en", False, 560),
             ("finding", f"/findings/{worse}", "ko", False, 900), ("battery", "/battery", "en", False, 800),
             ("check", FAILING, "ko", True, 800), ("coverage", "/coverage", "en", False, 640),
             ("comparison", "/comparison", "ko", False, 800),
             ("month", "/months/2026-11", "ko", False, 800))  # fmt: skip
    for name, path, language, dark, height in taken:
        choose(browser, address, language)
        page = browser.open(address + path, 1280, height, dark=dark)
        (folder / f"{name}.png").write_bytes(page.screenshot)
        assert (folder / f"{name}.png").stat().st_size < 150_000


def test_a_night_is_decided_by_a_click(browser, address, home):
    signed_in(browser, address, "quality.officer")
    choose(browser, address, "en")
    browser.open(f"{address}/", 1280)
    browser.evaluate("document.querySelector('textarea[name=reason]').value = '병원에 확인함'")
    browser.follow("document.querySelector('button[value=approved]').click()")
    assert "Approved and recorded" in browser.evaluate("document.querySelector('.message').textContent")
    browser.open(f"{address}/approvals", 1280)
    assert "병원에 확인함" in browser.evaluate("document.querySelector('main').textContent")
    assert faults(browser) == []


def test_a_finding_is_acted_on_by_keyboard_and_click(browser, address):
    signed_in(browser, address, "quality.officer")
    choose(browser, address, "en")
    browser.open(f"{address}/findings/1", 1280)
    for summary in ("Waive until a day", "Note"):
        browser.evaluate(f"[...document.querySelectorAll('summary')].find(s => s.textContent == '{summary}').click()")
    opened = "[...document.querySelectorAll('.acts details[open] summary')].map(s => s.textContent)"
    assert browser.evaluate(opened) == ["Note"], "one form at a time"
    browser.evaluate("document.querySelector('#note-reason').focus()")
    browser.call("Input.insertText", text="병원에 확인 요청함")
    browser.follow("document.activeElement.form.querySelector('button').click()")
    assert "It is done and recorded." in browser.evaluate("document.querySelector('.message').textContent")
    assert "병원에 확인 요청함" in browser.evaluate("document.querySelector('#history').textContent")
    assert faults(browser) == []


def test_the_month_prints_without_its_forms_on_the_paper_of_its_readers(browser, address):
    signed_in(browser, address, "quality.officer")
    browser.open(f"{address}/months/2026-11", 1280)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        shown = "[...document.querySelectorAll('.bar, form, .unwritten')].filter(e => e.offsetParent).length"
        assert browser.evaluate(shown) == 0
        assert browser.evaluate("document.querySelectorAll('main table').length") >= 4
        printed = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
    pdf = base64.b64decode(printed["data"])
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert 1 <= len(boxes) <= 3
    assert {(round(float(w)), round(float(h))) for w, h in boxes} <= {(595, 842), (594, 841), (596, 842)}


def test_exported_pages_keep_the_same_promises_from_a_folder(browser, home):
    index = write_all_reports(settings_of(home))
    for path in ("index.html", "hospitals/snuh.html", "2026-11-23/dsmc.html", "findings.html", "findings/1.html",
                 "battery.html", "coverage.html", "comparison.html", "months/2026-11.html"):  # fmt: skip
        page = browser.open((index.parent / path).as_uri(), 1280)
        assert page.complaints == []
        assert all(request.startswith(("file:", "data:")) for request in page.requests)
        assert faults(browser) == []
    assert browser.evaluate("[...document.querySelectorAll('.chart')].every(c => c.querySelector('canvas'))")


def test_a_page_without_scripts_says_the_same(browser, address):
    signed_in(browser, address, "quality.officer")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{address}/hospitals/snuh/2026-11-23", 1280)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    shown = "[...document.querySelectorAll('.chart')].every(c => getComputedStyle(c).display === 'none')"
    assert browser.evaluate(shown)
    assert browser.evaluate("document.querySelectorAll('#fates tbody tr').length") > 3


def test_the_office_is_served_by_its_command(home, tmp_path):
    env = {**os.environ, "ETL_HOME": str(home), "ETL_MAPPINGS": str(home / "mappings"), "PYTHONPATH": str(PROJECT)}
    serve = [sys.executable, "-c", "from etl.cli import app; app()", "office", "serve", "--port", "0"]
    done = subprocess.run(serve, env=env, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2, "a port is a number from 1 on"
    open_to_all = [*serve[:-1], "8088", "--host", "0.0.0.0"]
    done = subprocess.run(open_to_all, env=env, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 4
    assert "there is no TLS" in done.stderr
