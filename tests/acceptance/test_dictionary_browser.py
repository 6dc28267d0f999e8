"""The data dictionary in a real browser: it is self-contained, fits, and is searched with the keyboard."""

from __future__ import annotations

import shutil

import pytest
import tiny
from devtools import Browser

from etl.research.dictionary.page import write_dictionary

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no `chromium` on PATH; install it with: apt-get install -y chromium fonts-noto-cjk"
)


@pytest.fixture(scope="module")
def url(tmp_path_factory, vocabulary):
    hospital = tiny.make(tmp_path_factory.mktemp("dictionary") / "home", vocabulary)
    hospital.publish()
    return write_dictionary(hospital.settings, hospital.settings.home / "pages").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_quiet_self_contained_and_fits(browser, url, dark, width):
    page = browser.open(url, width, dark=dark)
    assert page.complaints == []
    assert [request for request in page.requests if not request.startswith("data:")] == [url]
    assert page.width == width
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") == width


def seen(browser):
    return browser.evaluate(
        "[...document.querySelectorAll('section[data-table]:not([hidden])')].map(s => s.id).join(' ')"
    ).split()


def press(browser, key):
    browser.evaluate(
        f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
    )


def type_in(browser, text):
    browser.evaluate(
        f"document.activeElement.value = '{text}'; document.activeElement.dispatchEvent(new Event('input'))"
    )


def test_a_search_leaves_what_has_every_word_and_unfolds_where_it_is(browser, url):
    browser.open(url, 1280)
    everything = seen(browser)
    press(browser, "/")
    assert browser.evaluate("document.activeElement.id") == "find"
    type_in(browser, "month_of_birth")
    assert seen(browser) == ["person"]
    assert browser.evaluate("document.getElementById('found').textContent") == "1 field in 1 table"
    type_in(browser, "patients month_of_birth")  # the source is told in a fold only
    assert seen(browser) == ["person"]
    assert browser.evaluate("document.querySelector('#person .fields details[open] .origin') !== null")
    press(browser, "Escape")
    assert seen(browser) == everything
    assert browser.evaluate("document.querySelectorAll('#person .fields details[open]').length") == 0


def test_a_link_to_a_table_that_the_search_hides_shows_it(browser, url):
    browser.open(url, 1280)
    press(browser, "/")
    type_in(browser, "month_of_birth")
    browser.evaluate("location.hash = '#measurement'")
    browser.evaluate("new Promise(done => setTimeout(done, 50))")
    assert "measurement" in seen(browser)


def test_every_concept_of_the_page_is_found_by_its_name_and_id(browser, url):
    browser.open(url, 1280)
    press(browser, "/")
    missed = browser.evaluate(
        """(() => {
          const box = document.getElementById('find');
          const concepts = [...document.querySelectorAll('.content th')].map((th) => th.parentElement);
          if (concepts.length < 10) return ['too few concepts: ' + concepts.length];
          const said = (row) => [row.cells[0].textContent, row.querySelector('code').textContent];
          return concepts.flatMap((row) => said(row).filter((text) => {
            box.value = text;
            box.dispatchEvent(new Event('input'));
            return !(row.checkVisibility() && row.classList.contains('hit'));
          }));
        })()"""
    )
    assert missed == []
    press(browser, "Escape")
    assert browser.evaluate("document.querySelectorAll('.hit').length") == 0
    type_in(browser, "nothing has this")
    assert "etl concept" in browser.evaluate("document.getElementById('found').textContent")
