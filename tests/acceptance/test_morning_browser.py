"""A quality officer's morning in a real browser, as docs/office.md tells it: what is done, and by how many clicks."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from devtools import Browser
from kept_site import measured_nights
from office_site import NIGHT, PASSWORD, add_accounts, served, settings_of, waiting_run

from etl.quality.findings.actions import today
from etl.quality.findings.chosen import news_of
from etl.quality.findings.read import show
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL

EXAMPLE = PROJECT / "tests" / "data" / "report_ledger.sql"
CHROMIUM = shutil.which("chromium")
#: Seconds that the browser may need for the whole morning, on a machine that has other work.
LONGEST = 120

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no `chromium`: apt-get install -y chromium fonts-noto-cjk")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """An office with measured nights of three hospitals, two of which wait for a person."""
    settings = settings_of(tmp_path_factory.mktemp("morning"))
    ledger = Ledger(settings.ledger_url)
    with sqlite3.connect(settings.home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    waiting_run(ledger)
    waiting_run(ledger, "cnuh", NIGHT + timedelta(days=1))
    settings.mappings.mkdir()
    for hospital in ("snuh", "dsmc", "cnuh", "shared"):
        shutil.copytree(PROJECT / "mappings" / hospital, settings.mappings / hospital)
    measured_nights(settings)
    add_accounts(settings)
    return settings


@pytest.fixture(scope="module")
def address(settings):
    with served(settings) as at:
        yield at


class Officer:
    """Somebody with a mouse and a keyboard: sees what is on the page, clicks, writes."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address, self.clicks = browser, address, 0
        browser.call("Network.setCookie", name="office_language", value="ko", url=address)
        browser.open(f"{address}/sign-in", 1280)
        self.write("#name", "quality.officer")
        self.write("#password", PASSWORD)
        self.go("main form button")

    def sees(self, selector: str = "main") -> str:
        """The visible text of a part of the page."""
        said = self.browser.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText")
        assert said is not None, f"nothing on the page is {selector}"
        return str(said)

    def write(self, selector: str, text: str) -> None:
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def click(self, selector: str) -> None:
        """Click what is to be seen, and stay on the page."""
        self._count(selector)
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def go(self, selector: str) -> None:
        """Click what leads to another page."""
        self._count(selector)
        self.browser.follow(f"document.querySelector({json.dumps(selector)}).click()")

    def _count(self, selector: str) -> None:
        shown = self.browser.evaluate(f"!!document.querySelector({json.dumps(selector)})?.offsetParent")
        assert shown, f"nobody can click {selector}"
        self.clicks += 1

    def counted(self) -> int:
        """Clicks since it was asked last."""
        clicks, self.clicks = self.clicks, 0
        return clicks


@pytest.fixture(scope="module")
def officer(tmp_path_factory, address):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        officer = Officer(browser, address)
        officer.counted()
        yield officer


def test_a_morning(officer, settings):
    began, ledger = time.monotonic(), Ledger(settings.ledger_url)
    worst = news_of(ledger)[0]

    # the worst new fault
    officer.go("#new-findings ~ .card li:first-child a")
    assert f"{worst.number}번" in officer.sees("header.page")
    assert officer.counted() == 1

    # its rows, and from a row to its file and line: commands to copy
    commands = officer.browser.evaluate("[...document.querySelectorAll('pre[data-copy] code')].map(c => c.innerText)")
    assert commands[0].startswith("etl sql --run ")
    assert commands[-1] == f"etl trace {worst.table} ID"
    officer.browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    officer.click("pre[data-copy] .copy")
    assert officer.counted() == 1

    # waived with a reason and a last day
    officer.click("details:has(#waive-reason) > summary")
    officer.write("#waive-reason", "병원이 다음 달에 코드를 고칩니다")
    officer.write("#waive-until", str(today() + timedelta(days=30)))
    officer.go("details:has(#waive-reason) button")
    assert "기록" in officer.sees(".message")
    assert officer.counted() == 2
    finding = show(ledger, worst.number).finding
    assert (finding.state, finding.until) == ("waived", today() + timedelta(days=30))

    # a code to its description
    officer.go('.bar a[href="/coverage"]')
    code = officer.sees("#codes tbody tr td, #codes tbody tr th").strip()
    officer.write("input[name=text]", code)
    officer.go("form.filters button")
    assert code in officer.sees("#codes")
    assert officer.counted() == 2

    # one night is held, another approved
    officer.go(".bar a.brand")
    officer.counted()
    for answer, reason in (("refused", "절반만 왔습니다"), ("approved", "검사실이 늘었습니다")):
        officer.write(".needs form textarea", reason)
        officer.go(f".needs form button[value={answer}]")
    assert officer.counted() == 2
    decided = {row["decision"]: row["reason"] for row in ledger.read(sa.select(APPROVAL))}
    assert decided == {"refused": "절반만 왔습니다", "approved": "검사실이 늘었습니다"}

    # the month's report on paper
    officer.go('.bar a[href="/months"]')
    printed = officer.browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    assert officer.counted() == 1
    assert time.monotonic() - began < LONGEST


def test_the_page_of_the_office_tells_the_same_clicks():
    whole = (PROJECT / "docs" / "office.md").read_text(encoding="utf-8")
    page = whole.partition("## A morning")[2].partition("\n## ")[0]
    told = [int(line.split("|")[2]) for line in page.splitlines() if line.startswith("| ") and "clicks" not in line]
    assert told == [1, 1, 2, 2, 2, 1]
