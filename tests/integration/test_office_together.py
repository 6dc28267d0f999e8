"""Pages about all hospitals together: mapping coverage with what to map next, and hospitals side by side."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from test_office_checks import settings  # noqa: F401 - a fixture
from test_office_findings import as_role, prepared, quick  # noqa: F401 - fixtures

from etl.office.desk import Desk
from etl.quality.findings.read import list_findings
from etl.quality.report.comparison import comparison
from etl.quality.report.read import summaries
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import MAPPING_RATE, UNMAPPED


@pytest.fixture
def ledger(settings):  # noqa: F811
    return Ledger(settings.ledger_url)


def test_coverage_shows_the_rates_of_the_newest_night_that_was_mapped(settings, ledger):  # noqa: F811
    page = as_role(settings, "reader").get("/coverage").text
    newest = {run.hospital: run for run in summaries(ledger) if run.records is not None}
    assert len(newest) == 3
    for run in newest.values():
        row = next(r for r in re.findall(r"<tr>.*?</tr>", page, re.S) if f"/hospitals/{run.hospital}/{run.night}" in r)
        shown = re.findall(r"([\d.]+) %", row)
        rates = ledger.read(sa.select(MAPPING_RATE).where(MAPPING_RATE.c.run_id == run.run_id))
        assert shown[0] == f"{100 * run.rate:.1f}"
        assert sorted(shown[1:]) == sorted(f"{100 * r['mapped'] / r['records']:.1f}" for r in rates)


def test_codes_are_listed_with_most_records_first_and_searched(settings, ledger):  # noqa: F811
    visitor = as_role(settings, "reader")

    def records(asked=""):
        part = visitor.get(f"/coverage?{asked}").text.partition('id="codes"')[2]
        return [int(n) for n in re.findall(r'class="n" data-value="(\d+)">[≤\d,]+</td><td class="n" data-value', part)]

    every = records()
    assert len(every) > 10
    assert every == sorted(every, reverse=True)
    assert 0 < len(records("domain=Drug")) < len(every)
    assert len(records("hospital=snuh")) < len(every)
    assert len(records("text=crp+0.5")) == 3, "words of code and description, in any case"
    assert records("text=100%25_x") == [], "what is written is no pattern"
    assert "No code is without a standard concept that this asks for." in visitor.get("/coverage?text=zzz").text


def test_few_patients_of_a_code_are_not_counted_out(settings, ledger):  # noqa: F811
    hidden = ledger.read(sa.select(UNMAPPED).where(UNMAPPED.c.fewer_than.is_not(None)))[0]
    page = as_role(settings, "reader").get(f"/coverage?text={hidden['code']}").text
    assert f"&lt;{hidden['fewer_than']}</td>" in page
    assert f">{hidden['records']:,}<" not in page


def test_few_records_without_a_concept_are_told_in_steps(settings, ledger):  # noqa: F811
    with ledger.engine.begin() as con:
        con.execute(sa.update(MAPPING_RATE).values(records=1003, mapped=1000))
    visitor = as_role(settings, "reader")
    coverage = visitor.get("/coverage").text
    night = visitor.get("/hospitals/snuh/2026-11-23").text.partition('id="mapping"')[2].partition('id="accounts"')[0]
    for page in (coverage, night):
        assert ">≤5<" in page
        assert ">3<" not in page


def test_hospitals_are_compared_by_what_their_own_pages_say(settings, ledger):  # noqa: F811
    figures = comparison(ledger, Desk(settings).measured())
    page = as_role(settings, "reader").get("/comparison").text
    assert [side.hospital for side in figures.sides] == ["cnuh", "dsmc", "snuh"]
    for side in figures.sides:
        own = [f for f in list_findings(ledger, side.hospital) if f.state != "resolved"]
        assert (side.findings, side.grave) == (len(own), sum(f.severity == "fatal" for f in own))
        assert side.published == {"snuh": 5}.get(side.hospital, 4)
        assert f">{side.findings}<svg" in page
        assert f"{int(side.error_free * 100000) / 1000:.3f} %" in page
    assert figures.middle("published") == 4


def test_a_ledger_without_nights_is_told_so(settings, ledger):  # noqa: F811
    with ledger.engine.begin() as con:
        for table in ("run", "mapping_rate", "unmapped"):
            con.execute(sa.text(f"delete from {table}"))
    visitor = as_role(settings, "reader")
    assert "No night has been mapped yet." in visitor.get("/coverage").text
    assert "No run yet" in visitor.get("/comparison").text
