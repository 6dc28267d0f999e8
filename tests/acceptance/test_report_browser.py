"""The report's pages in a real browser: drawn, quiet, from their folder alone, and as wide as the window."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import zlib
from pathlib import Path

import pytest
from devtools import Browser

from etl.quality.names import HospitalName
from etl.quality.report.pages import write_reports
from etl.store.ledger.ledger import Ledger

EXAMPLE = Path(__file__).parent.parent / "data" / "report_ledger.sql"
CHROMIUM = shutil.which("chromium")
PAGES = ("index.html", "2026-11-22/snuh.html", "2026-11-23/snuh.html", "2026-11-23/dsmc.html", "2026-11-23/cnuh.html")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no `chromium` on PATH; install it with: apt-get install -y chromium fonts-noto-cjk"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("report")
    ledger = Ledger(f"sqlite:///{home / 'ledger.sqlite'}")
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    names = {"snuh": HospitalName("서울대학교병원", "Seoul National University Hospital")}
    return write_reports(ledger, home / "out", names).parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def distinct_lines(png):
    """How many different rows of pixels a PNG has; a blank page has hardly any."""
    width, _, depth, colour = struct.unpack(">IIBB", png[16:26])
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    line = 1 + width * depth // 8 * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    pixels = zlib.decompress(packed)
    return len({pixels[i : i + line] for i in range(0, len(pixels), line)})


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_drawn_quiet_from_its_folder_alone_and_fits(browser, folder, path, dark, width):
    url = (folder / path).as_uri()
    page = browser.open(url, width, dark=dark)
    assert distinct_lines(page.screenshot) > 100
    assert page.complaints == []
    asked = [request for request in page.requests if not request.startswith("data:")]
    assert asked[0] == url
    assert all(request.startswith(folder.as_uri()) for request in asked), "nothing but files beside it"
    assert page.width == width


def test_open_details_do_not_widen_the_page(browser, folder):
    browser.open((folder / "2026-11-23/dsmc.html").as_uri(), 400)
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") == 400


def test_sorting_and_filtering_work(browser, folder):
    browser.open((folder / "2026-11-23/dsmc.html").as_uri(), 1280)
    first = "document.querySelector('#mapping table[data-sort] tbody tr').cells[4].dataset.value"
    most = int(browser.evaluate(first))
    click = "document.querySelectorAll('#mapping table[data-sort] .sort')[4].click()"
    browser.evaluate(f"{click}; {click}")
    assert int(browser.evaluate(first)) < most
    shown = browser.evaluate(
        "(() => { const f = document.querySelector('.filter'); f.value = '진단'; f.dispatchEvent(new Event('input'));"
        " return [...document.querySelector('table[data-filter]').tBodies[0].rows].filter(r => !r.hidden).length; })()"
    )
    assert shown == 1


def test_text_has_the_contrast_that_wcag_aa_asks_for(browser, folder):
    script = """(() => {
      const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
      const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
      const poor = new Set();
      for (const e of document.querySelectorAll('main *, nav *, footer *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('svg')) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(e.tagName + '.' + e.className);
      }
      return [...poor].join(' '); })()"""
    for path in PAGES:
        for dark in (False, True):
            browser.open((folder / path).as_uri(), 1280, dark=dark)
            assert browser.evaluate(script) == ""
