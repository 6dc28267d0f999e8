"""What `etl report` writes beside the nights: findings, checks, coverage, months as files, linked, without forms."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from test_office_checks import settings as office_settings  # noqa: F401 - a fixture
from test_office_findings import prepared, quick  # noqa: F401 - fixtures

from etl.quality.findings.actions import act
from etl.quality.findings.read import list_findings
from etl.quality.pages import write_all_reports
from etl.store.ledger.ledger import Ledger

WORST = 20


@pytest.fixture
def settings(office_settings, monkeypatch):  # noqa: F811
    """The lineage pages have tests of their own; few findings and checks have a page."""
    monkeypatch.setattr("etl.quality.pages.write_pages", lambda *_: None)
    monkeypatch.setattr("etl.quality.exported._PAGES", WORST)
    return office_settings


def links(page: Path) -> list[Path]:
    """The files that a page leads to."""
    found = re.findall(r'href="([^"#:?]+)[^":]*"', page.read_text(encoding="utf-8"))
    return [page.parent / unquote(each) for each in found]


def test_every_page_of_the_office_is_there_and_every_link_leads_to_a_file(settings):
    index = write_all_reports(settings)
    pages = list(index.parent.rglob("*.html"))
    names = {str(page.relative_to(index.parent)) for page in pages}
    assert {"findings.html", "battery.html", "coverage.html", "comparison.html", "months/2026-11.html"} <= names
    assert sum(name.startswith("findings/") for name in names) == WORST
    assert sum(name.startswith("checks/") for name in names) > WORST / 2
    broken = [(page.name, link) for page in pages for link in links(page) if not link.resolve().exists()]
    assert broken == []
    direct = {link.resolve() for link in links(index)}
    assert {(index.parent / f"{name}.html").resolve() for name in ("findings", "battery", "comparison")} <= direct


def test_exported_pages_hold_no_form_and_the_month_is_korean(settings):
    folder = write_all_reports(settings).parent
    for page in folder.rglob("*.html"):
        assert "<form" not in page.read_text(encoding="utf-8"), page
    assert "월간 품질 보고서" in (folder / "months" / "2026-11.html").read_text(encoding="utf-8")


def test_the_list_is_whole_and_news_stand_on_the_first_page(settings):
    folder = write_all_reports(settings).parent
    ledger = Ledger(settings.ledger_url)
    every = [f for f in list_findings(ledger) if f.state != "resolved"]
    text = (folder / "findings.html").read_text(encoding="utf-8")
    assert text.count("<tr class=") == len(every) > WORST
    for page in ("index.html", "hospitals/snuh.html"):
        assert "New, worse or back since the night before" in (folder / page).read_text(encoding="utf-8")


def test_a_finding_that_is_done_with_has_no_page_any_more(settings):
    folder = write_all_reports(settings).parent
    ledger = Ledger(settings.ledger_url)
    first = list_findings(ledger)[0].number
    assert (folder / "findings" / f"{first}.html").exists()
    act(ledger, first, "resolve", actor="kim", reason="done")
    write_all_reports(settings)
    assert not (folder / "findings" / f"{first}.html").exists()
