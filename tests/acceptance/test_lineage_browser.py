"""The lineage pages in a real browser: without any night they are drawn, their links lead somewhere, they fit."""

from __future__ import annotations

import shutil

import pytest
import tiny
from devtools import Browser

from etl.quality.lineage.pages import write_pages

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no `chromium` on PATH; install it with: apt-get install -y chromium fonts-noto-cjk"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, vocabulary):
    hospital = tiny.make(tmp_path_factory.mktemp("lineage") / "home", vocabulary)
    return write_pages(hospital.settings, None, hospital.settings.home / "pages").parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", "tiny.html"])
def test_a_page_is_quiet_self_contained_and_fits(browser, folder, path, dark, width):
    url = (folder / path).as_uri()
    page = browser.open(url, width, dark=dark)
    assert page.complaints == []
    assert [request for request in page.requests if not request.startswith("data:")] == [url]
    assert page.width == width


def test_open_details_do_not_widen_the_page(browser, folder):
    browser.open((folder / "tiny.html").as_uri(), 375)
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") == 375


def test_the_index_leads_to_the_hospital_and_the_diagram_to_its_tables(browser, folder):
    browser.open((folder / "index.html").as_uri(), 1280)
    target = browser.evaluate("document.querySelector('main table a').href")
    page = browser.open(target, 1280)
    assert page.complaints == []
    assert browser.evaluate("document.querySelector('h1').textContent") == "작은병원"
    browser.evaluate(
        "document.querySelector('svg.lineage .node[data-table=measurement]')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    )
    assert browser.evaluate("decodeURIComponent(location.hash)") == "#table-measurement"
    top = browser.evaluate("document.querySelector(':target h2').getBoundingClientRect().top")
    assert 0 <= top < 400
    assert browser.evaluate("document.querySelector(':target h2').textContent.trim()") == "measurement"


def test_every_link_of_a_page_leads_to_a_place_on_it_or_a_page_beside_it(browser, folder):
    browser.open((folder / "tiny.html").as_uri(), 1280)
    broken = browser.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => decodeURIComponent(a.getAttribute('href').slice(1)))"
        ".filter(id => !document.getElementById(id)).join(' ')"
    )
    assert broken == ""
    beside = browser.evaluate(
        "[...document.querySelectorAll('a:not([href^=\"#\"])')].map(a => a.getAttribute('href')).join(' ')"
    )
    assert [name for name in beside.split() if not (folder / name).exists()] == []


def test_pointing_at_a_source_dims_what_it_does_not_feed(browser, folder):
    browser.open((folder / "tiny.html").as_uri(), 1280)
    browser.evaluate(
        "document.querySelector('svg.lineage .node[data-source=results]').dispatchEvent(new Event('pointerenter'))"
    )
    lit = browser.evaluate(
        "[...document.querySelectorAll('svg.lineage.active .edge.lit')].map(e => e.dataset.source).join(' ')"
    )
    assert set(lit.split()) == {"results"}
    dim = browser.evaluate("document.querySelectorAll('svg.lineage.active .edge:not(.lit)').length")
    assert dim > 3
