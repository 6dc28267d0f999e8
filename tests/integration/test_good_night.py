"""The night everything else is measured against: what a good delivery of the tiny hospital becomes."""

from __future__ import annotations

import tiny
from tiny import Tiny

from etl.cdm.spec import hospital_tables


def test_a_good_night_accounts_for_every_row(hospital: Tiny) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm", "publish")

    rows = {"patients": 6, "visits": 8, "diagnoses": 8, "results": 8, "exam_codes": 4}
    accounts = {source: tiny.account(run, source) for source in rows}
    assert accounts == {
        "patients": {"mapped": 6},
        "visits": {"mapped": 8},
        "diagnoses": {"mapped": 7, "filtered:rule_out": 1},
        "results": {"mapped": 8},
        "exam_codes": {"filtered:code_master": 4},
    }
    published = tiny.warehouse_rows(hospital.settings, [*hospital_tables(), "cdm_source"])
    assert {t for t, rows in published.items() if rows} == set(tiny.FILLED)
    assert {t: len(r) for t, r in published.items() if r} == {
        "person": 6, "death": 1, "care_site": 4, "visit_occurrence": 8, "condition_occurrence": 6, "measurement": 9,
        "observation": 3, "observation_period": 6, "condition_era": 6, "cdm_source": 1,
        "metadata": 1,
    }  # fmt: skip
