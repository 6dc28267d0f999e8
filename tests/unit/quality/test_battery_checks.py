"""The checks of the battery as they are written down, and what is wrong with a line or an override."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from quality_definitions import CONTROL, definitions

from etl.cdm.spec import tables
from etl.errors import ConfigError
from etl.quality.battery.checks import load_checks
from etl.quality.battery.overrides import read_overrides
from etl.settings import PROJECT

FOLDER = PROJECT / "expectations" / "dqd"
NIGHT = date(2026, 6, 30)
CHECKS = load_checks(FOLDER)
# whether a table is there, and what is in the vocabulary, is the warehouse's and no hospital's
ASKED = [c for c in CHECKS if tables()[c.table].owner]
needs_control = pytest.mark.skipif(not CONTROL.exists(), reason=f"no control files in {CONTROL}; set ETL_TEST_DATA")


@needs_control
def test_the_checks_are_those_of_the_control_files() -> None:
    expected = {d.id: d.threshold for d in definitions(CONTROL, NIGHT.isoformat())}
    assert {c.id: c.threshold for c in CHECKS} == expected
    assert len(CHECKS) == 2374


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("isRequird,person,person_id,,,0,", "no kind of check"),
        ("isRequired,persn,person_id,,,0,", "no table 'persn'"),
        ("isRequired,person,persn_id,,,0,", "no field 'persn_id'"),
        ("isRequired,person,person_id,,,five,", "no percentage"),
        ("isRequired,person,person_id,,,nan,", "no percentage"),
        ("isRequired,person,person_id,,,101,", "no percentage"),
        ("isRequired,person,,,,0,", "names no field"),
        ("cdmTable,person,person_id,,,,", "names no field"),
        ("plausibleGender,condition_occurrence,condition_concept_id,x,Male,5,", "no concept ids"),
        ("plausibleGender,condition_occurrence,condition_concept_id,1,X,5,", "its argument 'X'"),
        ("plausibleValueLow,person,year_of_birth,,old,5,", "its argument 'old'"),
        ("isForeignKey,person,location_id,,nowhere.id,0,", "its argument 'nowhere.id'"),
        ("plausibleUnitConceptIds,measurement,measurement_concept_id,1,8554),5,", "its argument '8554"),
        ("cdmTable,person,,,,,", "asks the same as line 2"),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "types.yaml").write_text((FOLDER / "types.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    header = (FOLDER / "checks.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "checks.csv").write_text(f"{header}\ncdmTable,person,,,,,\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"checks\.csv:3 .*{said}"):
        load_checks(tmp_path)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("{check: table_cdmtable_persn, threshold: 5, reason: why not, until: 2026-12-31}", "did you mean"),
        ("{check: table_cdmtable_person, threshold: five, reason: why not, until: 2026-12-31}", "threshold"),
        ("{check: table_cdmtable_person, threshold: 5, reason: why not}", "until"),
        ("{check: table_cdmtable_person, threshold: 5, reason: '', until: 2026-12-31}", "reason"),
        ("{check: table_cdmtable_person, threshold: 5, reason: '    ', until: 2026-12-31}", "reason"),
        ("{check: table_cdmtable_person, threshold: .nan, reason: why not, until: 2026-12-31}", "threshold"),
        ("{check: table_cdmtable_person, threshold: true, reason: why not, until: 2026-12-31}", "threshold"),
        ("{check: table_cdmtable_person, threshold: '5', reason: why not, until: 2026-12-31}", "threshold"),
        ("a text", "dictionary"),
    ],
)
def test_an_override_that_is_not_understood_is_named(tmp_path: Path, item: str, said: str) -> None:
    (tmp_path / "overrides").mkdir()
    (tmp_path / "overrides" / "snuh.yaml").write_text(f"- {item}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"snuh\.yaml, item 1: .*{said}"):
        read_overrides(tmp_path, "snuh", {c.id for c in CHECKS})
