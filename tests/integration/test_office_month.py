"""The month's report for the committee: its numbers, and the texts that officers write into it."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest
import sqlalchemy as sa
from office_site import hidden
from test_office_checks import settings  # noqa: F401 - a fixture
from test_office_findings import as_role, one, prepared, quick  # noqa: F401 - fixtures

from etl.office.desk import Desk
from etl.office.record import Asked, events
from etl.quality.findings.actions import act
from etl.quality.findings.read import list_findings
from etl.quality.report.month import month
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.ledger.tracking import FINDING_ACTION

NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def ledger(settings):  # noqa: F811
    return Ledger(settings.ledger_url)


def report(settings, ledger):  # noqa: F811
    return month(ledger, NOVEMBER, Desk(settings).measured)


def write(visitor, page=None, part="summary", text="All is well.", **more):
    address = "/months/2026-11/text"
    body = page or visitor.get("/months/2026-11").text
    fields = {**hidden(body, address), **_of_part(body, part), "part": part, "text": text, **more}
    return visitor.client.post(address, data=fields)


def _of_part(page, part):
    """What the form of a part has seen."""
    seen = re.search(rf'name="part" value="{part}"><input type="hidden" name="seen" value="(\d+)"', page)
    return {"seen": seen[1]} if seen else {}


def test_the_newest_month_is_the_first_that_is_shown(settings):  # noqa: F811
    visitor = as_role(settings, "reader")
    for path in ("/months", "/months/2026-11"):
        assert "2026-11-01 to 2026-11-30" in visitor.get(path).text
    for name in ("2026-10", "2026-13", "november", "2026-11-01"):
        assert visitor.get(f"/months/{name}").status_code == 404


def test_nights_are_on_time_when_they_are_published_by_the_morning(settings, ledger):  # noqa: F811
    published = [row["run_id"] for row in ledger.read(sa.select(RUN).where(RUN.c.state == "published"))]
    with ledger.engine.begin() as con:
        for hour, run_id in ((datetime(2026, 12, 24), published[0]), (datetime(2026, 11, 1), published[1])):
            con.execute(sa.update(RUN).where(RUN.c.run_id == run_id).values(ended_at=hour))
    figures = report(settings, ledger)
    assert figures.sum("nights") == 16
    assert figures.sum("published") == len(published)
    assert figures.sum("on_time") == figures.sum("published") - 1
    page = as_role(settings, "reader").get("/months/2026-11").text
    assert f"{figures.sum('published')} / 16" in page


def test_findings_are_counted_when_they_come_and_when_they_go(settings, ledger):  # noqa: F811
    every = [f for f in list_findings(ledger) if f.hospital == "snuh"]
    act(ledger, every[0].number, "resolve", actor="kim", reason="done")
    act(ledger, every[1].number, "resolve", actor="kim", reason="done")
    with ledger.engine.begin() as con:  # one in the month, one on its last day in UTC, which is the next in Korea
        con.execute(sa.update(FINDING_ACTION).values(at=datetime(2026, 11, 20)))
        late = FINDING_ACTION.c.finding == every[1].number
        con.execute(sa.update(FINDING_ACTION).where(late).values(at=datetime(2026, 11, 30, 15, 0)))
    [line] = [line for line in report(settings, ledger).lines if line.hospital == "snuh"]
    assert (line.opened, line.closed, line.open) == (len(every), 1, len(every) - 1)


def test_the_battery_stands_by_dimension_beside_what_certifications_ask_for(settings, ledger):  # noqa: F811
    page = as_role(settings, "reader").get("/months/2026-11").text
    nights = Desk(settings).measured()
    for night in nights:
        assert f"{int(night.error_free.held * 100000) / 1000:.3f} %" in page
    assert "99.977 %" in page
    failed = sum(r.status == "failed" and r.check.type.dimension == "validity" for n in nights for r in n.results)
    assert re.search(rf'Validity</th><td class="n"><b class="off">{failed}</b>', page)


def test_officers_write_texts_that_stay_with_who_and_when(settings, ledger):  # noqa: F811
    officer = as_role(settings, "quality officer")
    answer = write(officer, text="모두 공개되었습니다.\n<b>다음 달</b>")
    assert answer.status_code == 303
    page = officer.get("/months/2026-11").text
    assert "모두 공개되었습니다." in page
    assert "&lt;b&gt;다음 달&lt;/b&gt;" in page
    assert "quality.officer" in page
    write(officer, text="A second version.")
    assert "모두 공개되었습니다." not in officer.get("/months/2026-11").text
    kept = events(ledger, Asked(kind="monthly report written"), 1)[0]
    assert [e.subject for e in kept] == ["2026-11 summary"] * 2
    assert kept[1].reason.startswith("모두 공개되었습니다."), "nothing that was written is gone"


def test_the_second_of_two_who_write_loses_no_word(settings, ledger):  # noqa: F811
    first, second = as_role(settings, "quality officer"), as_role(settings, "quality officer")
    opened = second.get("/months/2026-11").text
    write(first, text="The first text.")
    late = write(second, opened, text="The second text.")
    assert late.status_code == 409
    assert "Somebody wrote this meanwhile" in late.text
    assert '<p class="written">The first text.</p>' in late.text
    assert "The second text.</textarea>" in late.text
    assert write(second, late.text, text="Both texts.").status_code == 303


def test_a_part_or_month_that_there_is_not_is_not_written(settings, ledger):  # noqa: F811
    officer = as_role(settings, "quality officer")
    assert write(officer, part="nonsense").status_code == 404
    page = officer.get("/months/2026-11").text
    fields = {**hidden(page, "/months/2026-11/text"), "text": "x"}
    assert officer.client.post("/months/1999-01/text", data=fields).status_code == 404
    assert events(ledger, Asked(kind="monthly report written"), 1)[0] == []


def test_who_may_not_write_is_offered_no_form(settings):  # noqa: F811
    for role in ("reader", "engineer", "auditor"):
        visitor = as_role(settings, role)
        assert "<textarea" not in visitor.get("/months/2026-11").text
        assert visitor.post("/months/2026-11/text", {"part": "summary", "text": "x", "seen": "0"}).status_code == 403
