"""A hospital's override of a CDM expectation decides its night, until it is over, and its page says why."""

from __future__ import annotations

import json
import shutil
from datetime import date

import pytest
from tiny import Tiny

from etl.errors import GateClosed
from etl.onboarding.definitions import check_everything
from etl.quality.report.pages import write_reports
from etl.store.ledger.ledger import Ledger

SAID = "Everybody was born in this century"
OVERRIDE = f"""
- table: person
  expectation: {SAID}
  severity: warn
  reason: the ward is geriatric
  until: 2026-07-01
"""


def test_an_override_decides_a_night_until_it_is_over(hospital: Tiny) -> None:
    place = hospital.settings.home / "expectations"
    shutil.copytree(hospital.settings.expectations, place)
    suite = place / "cdm" / "person.json"
    content = json.loads(suite.read_text(encoding="utf-8"))
    content["expectations"].append(
        {
            "type": "unexpected_rows_expectation", "meta": {"severity": "block"}, "description": SAID,
            "kwargs": {"unexpected_rows_query": "select person_id from {batch} where year_of_birth < 2000"},
        }
    )  # fmt: skip
    suite.write_text(json.dumps(content), encoding="utf-8")
    hospital.settings = hospital.settings.model_copy(update={"expectations": place})
    with pytest.raises(GateClosed, match=SAID):
        hospital.publish()

    (place / "cdm" / "overrides").mkdir()
    (place / "cdm" / "overrides" / "tiny.yaml").write_text(OVERRIDE, encoding="utf-8")
    (line,) = [line for line in check_everything(hospital.settings, ["tiny"]) if SAID in line]
    assert "at tiny warn until 2026-07-01: the ward is geriatric" in line
    run_id = hospital.publish()
    write_reports(Ledger(hospital.settings.ledger_url), hospital.settings.reports, {}, run_ids=[run_id])
    pages = [p.read_text(encoding="utf-8") for p in hospital.settings.reports.glob("2*/*.html")]
    assert ["the ward is geriatric" in page for page in pages] == [True]

    hospital.tables["PAT.csv"][1][5] = "1945-01-02"  # of persons that a night does not touch, nothing is judged
    with pytest.raises(GateClosed, match=SAID) as caught:
        hospital.publish(date(2026, 7, 2))
    assert "geriatric" not in caught.value.message
