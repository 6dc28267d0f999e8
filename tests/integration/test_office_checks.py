"""The battery and single checks in the office: kept figures by today's thresholds, hospitals side by side."""

from __future__ import annotations

import re
import shutil
from urllib.parse import quote

import pytest
import yaml
from test_office_findings import as_role, prepared, quick  # noqa: F401 - fixtures

from etl.office.desk import Desk
from etl.quality.battery.history import history_of
from etl.quality.battery.newest import judged, newest_looks
from etl.quality.battery.nights import checks_folder
from etl.quality.findings.read import list_findings, show
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger


@pytest.fixture
def settings(prepared, tmp_path):  # noqa: F811
    """The office of a home with a battery of its own, which a test may change."""
    shutil.copy(prepared, tmp_path)
    (tmp_path / "mappings").symlink_to(PROJECT / "mappings")
    shutil.copytree(PROJECT / "expectations" / "dqd", tmp_path / "expectations" / "dqd")
    return Settings(
        home=tmp_path, mappings=tmp_path / "mappings", expectations=tmp_path / "expectations", _env_file=None
    )  # fmt: skip


@pytest.fixture
def ledger(settings):
    return Ledger(settings.ledger_url)


@pytest.fixture
def nights(settings, ledger):
    return judged(ledger, newest_looks(ledger), Desk(settings).checks, checks_folder(settings))


@pytest.fixture
def worst(nights):
    """A failed check of snuh with a threshold, by its largest share."""
    [snuh] = [night for night in nights if night.hospital == "snuh"]
    failed = [r for r in snuh.results if r.status == "failed" and r.check.id.startswith("field_isrequired")]
    return max(failed, key=lambda r: r.share)


def override(settings, check, **said):
    folder = checks_folder(settings) / "overrides"
    folder.mkdir(exist_ok=True)
    item = {"check": check, "threshold": 100, "reason": "agreed with the ward", "until": "2099-01-01", **said}
    (folder / "snuh.yaml").write_text(yaml.safe_dump([item]), encoding="utf-8")


def row_of(page, text):
    """The row of a table that has a text."""
    return next(row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if text in row)


def test_the_battery_counts_what_fails_by_hospital_and_dimension(settings, nights):
    page = as_role(settings, "reader").get("/battery").text
    for night in nights:
        row = row_of(page, f'href="/hospitals/{night.hospital}/{night.night}"')
        failed = re.findall(r'(?:class="off"|class="zero")>([\d,]+)</', row)
        assert failed[:2] == [str(night.all.statuses["failed"]), str(night.grave)]
        assert failed[2:] == [str(tally.statuses["failed"]) for tally in night.by_dimension]
        assert f"{int(night.error_free.held * 100000) / 1000:.3f} %" in row
    for name in ("Completeness", "Validity", "Consistency", "Accuracy", "Uniqueness"):
        assert f"{name}</th>" in page


def test_what_fails_is_shown_with_the_grave_first_and_filtered(settings, nights):
    visitor = as_role(settings, "reader")

    def shown(asked=""):
        return re.findall(r'href="/checks/([^"]+)"', visitor.get(f"/battery?{asked}").text)

    failed = {r.check.id: r.check for night in nights for r in night.results if r.status == "failed"}
    assert set(shown() + shown("page=2")) == set(failed)
    severities = [failed[name].type.severity for name in shown()]
    order = ("fatal", "convention", "characterization")
    assert severities == sorted(severities, key=order.index)
    assert set(shown("dimension=accuracy")) == {c.id for c in failed.values() if c.type.dimension == "accuracy"}
    assert set(shown("category=Completeness")) == {c.id for c in failed.values() if c.type.category == "Completeness"}
    at = {r.check.id for night in nights if night.hospital == "cnuh" for r in night.results if r.status == "failed"}
    assert set(shown("hospital=cnuh") + shown("hospital=cnuh&page=2")) == at
    said = {name for name, c in failed.items() if "person_id" in name + c.sentence() and "death" in name + c.sentence()}
    assert set(shown("text=PERSON_ID+death")) == said
    assert "No check fails that this asks for." in visitor.get("/battery?text=nothing+at+all").text


def test_another_threshold_judges_kept_nights_anew(settings, worst):
    visitor, name = as_role(settings, "reader"), worst.check.id
    assert f"/checks/{name}" in visitor.get("/battery?hospital=snuh&text=" + name).text
    override(settings, name)
    assert f"/checks/{name}" not in visitor.get("/battery?hospital=snuh&text=" + name).text
    page = visitor.get(f"/checks/{name}").text
    assert "agreed with the ward" in page
    assert "heat-4" not in page.partition('id="newest-head"')[0].partition('class="legend"')[0]


def test_a_check_has_its_nights_with_hospitals_side_by_side(settings, ledger, worst):
    page = as_role(settings, "reader").get(f"/checks/{worst.check.id}").text
    assert worst.check.sentence() in page
    assert worst.check.type.means.en in page.replace("&#39;", "'")
    heat = page[page.index('class="heat grid"') :]
    heat = heat[: heat.index("</table>")]
    assert re.findall(r'<th scope="col" class="n">([\d-]+)</th>', heat) == [f"11-{d}" for d in range(19, 24)]
    row = row_of(heat, "서울대학교병원" if "서울대학교병원" in heat else "snuh")
    history = history_of(ledger, Desk(settings).checks, worst.check.id, checks_folder(settings))
    cells = [history.cells["snuh", night] for night in history.nights]
    assert [c.violated for c in cells] == sorted(c.violated for c in cells)
    assert cells[-1].violated == worst.violated
    assert re.findall(r">([\d.]+ %)<", row) == [f"{100 * c.share:.1f} %" for c in cells]


def test_a_night_that_fails_has_the_statement_for_its_rows_and_its_finding(settings, ledger, worst):
    page = as_role(settings, "reader").get(f"/checks/{worst.check.id}").text
    finding = next(f for f in list_findings(ledger, "snuh") if f.says == worst.check.sentence())
    assert f'href="/findings/{finding.number}"' in page
    assert re.search(r"<code>etl sql &#39;select t\.&#34;.*order by all&#39;</code>", page)


def test_a_kept_night_is_read_as_it_was_written(settings, ledger, nights):
    checks, folder = Desk(settings).checks, checks_folder(settings)
    some = [r for night in nights for r in night.results if night.hospital == "dsmc"][::97]
    for result in some:
        _, cell = history_of(ledger, checks, result.check.id, folder).newest["dsmc"]
        assert (cell.status, cell.violated, cell.of) == (result.status, result.violated, result.of), result.check.id


def test_a_check_of_a_gate_has_its_nights_too(settings, ledger):
    finding = next(f for f in list_findings(ledger, "dsmc") if "88 % of drug records" in f.says)
    name = show(ledger, finding.number).signs[0].check
    visitor = as_role(settings, "reader")
    assert f'href="/checks/{quote(name, safe="")}"' in visitor.get(f"/findings/{finding.number}").text
    page = visitor.get(f"/checks/{quote(name)}").text
    assert "At least 88 % of drug records" in page
    assert "a gate, before it is published" in page
    assert f'href="/findings/{finding.number}"' in page
    assert "13.6 %" in page


@pytest.mark.parametrize("name", ["nothing", "source nothing 0123", "cdm", "%00", "a/b"])
def test_a_check_that_there_is_not_is_no_page(settings, name):
    assert as_role(settings, "reader").get(f"/checks/{name}").status_code == 404


def test_an_office_without_a_battery_says_so(settings):
    shutil.rmtree(checks_folder(settings))
    page = as_role(settings, "reader").get("/battery")
    assert page.status_code == 200
    assert "No night has been measured yet." in page.text
