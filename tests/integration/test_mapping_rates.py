"""A night whose mapping has collapsed: what stopped it is said by domain, and last night's rows stay."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import tiny

from etl.errors import GateClosed
from etl.night.pipeline import run_delivery
from etl.settings import PROJECT
from etl.store.warehouse.open import open_warehouse


def test_a_night_blocked_by_its_mapping_rates_names_the_domains(tmp_path: Path, vocabulary: Path) -> None:
    expectations = tmp_path / "expectations"
    shutil.copytree(tiny.DATA / "expectations", expectations)
    shutil.copy(PROJECT / "expectations" / "cdm" / "mapping_rate.json", expectations / "cdm")
    hospital = tiny.make(tmp_path / "home", vocabulary, expectations=expectations)
    hospital.tables["DIAG.csv"] += 8 * hospital.tables["DIAG.csv"][1:]  # of eight records chance might be the reason
    hospital.publish()
    diagnoses = hospital.tables["DIAG.csv"]
    code = diagnoses[0].index("DIAG_CD")
    for row in diagnoses[1:]:
        row[code] = "ZZ99"
    next_night = tiny.NIGHT + timedelta(days=1)
    with pytest.raises(GateClosed) as caught:
        run_delivery(hospital.settings, "tiny", hospital.deliver(next_night), next_night)
    collapsed, fell, *others = [line for line in str(caught.value).splitlines() if "mapping_rate" in line]
    assert others == []
    assert "has collapsed" in collapsed
    assert "points below" in fell
    for line in (collapsed, fell):
        assert ": Condition 0.0 % (usually 100.0 %)" in line
        assert "Measurement" not in line, "a domain that maps as before is not blamed"
    with open_warehouse(hospital.settings).reader() as con:
        assert con.execute("select count(*) from condition_occurrence where condition_concept_id = 0").fetchone() == (
            0,
        )
