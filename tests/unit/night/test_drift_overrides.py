"""What one hospital may be unlike the nights before it, for a while, and what is wrong with saying so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from etl.errors import ConfigError
from etl.night.check.drift.judge import judge
from etl.night.check.drift.mixes import Key
from etl.night.check.drift.overrides import of_hospital, read_overrides, told
from etl.night.check.drift.rules import Rules, read_rules
from etl.quality.findings.kinds import rules as kinds_of_findings
from etl.settings import PROJECT

SEX, ROWS = Key("patients", "SEX", "codes"), Key("patients", "", "rows")
GOOD = """\
- {kind: codes, table: patients, warn: 0.2, hold: 0.6, reason: a new intake form, until: 2026-12-31}
- {kind: codes, table: patients, column: WARD, warn: 0.9, reason: wards are numbered anew, until: 2027-01-31}
- {kind: fewer, hold: 0.9, reason: old records move to the archive, until: 2026-12-31}
"""


@pytest.fixture
def expectations(tmp_path: Path) -> Path:
    (tmp_path / "drift" / "overrides").mkdir(parents=True)
    (tmp_path / "drift.yaml").write_bytes((PROJECT / "expectations" / "drift.yaml").read_bytes())
    return tmp_path


def written(expectations: Path, text: str = GOOD) -> Path:
    (expectations / "drift" / "overrides" / "tiny.yaml").write_text(text, encoding="utf-8")
    return expectations


def on(expectations: Path, night: date, hospital: str = "tiny") -> Rules:
    rules = read_rules(expectations)
    assert rules is not None
    return of_hospital(rules, read_overrides(expectations, hospital), hospital, night)


def limits(rules: Rules, kind: str, table: str, column: str | None = None) -> tuple[float, float | None]:
    rule = rules.rule(kind, table, column)
    assert rule is not None
    return rule.warn, rule.hold


def test_the_narrowest_override_counts_until_its_night(expectations: Path) -> None:
    rules = on(written(expectations), date(2026, 12, 31))
    assert limits(rules, "codes", "patients", "SEX") == (0.2, 0.6)
    assert limits(rules, "codes", "patients", "WARD") == (0.9, 0.3)
    assert limits(rules, "codes", "visits", "KIND") == (0.05, 0.3)
    assert limits(rules, "fewer", "visits") == (0.02, 0.9)
    later = on(expectations, date(2027, 1, 1))
    assert limits(later, "codes", "patients", "SEX") == (0.05, 0.3)
    assert limits(later, "codes", "patients", "WARD") == (0.9, 0.3)
    assert limits(on(expectations, date(2026, 12, 31), "snuh"), "fewer", "visits") == (0.02, 0.2)


def test_a_night_is_judged_by_it_and_told_why(expectations: Path) -> None:
    rules = on(written(expectations), date(2026, 12, 1))
    before = [{SEX: {"a": 500, "b": 500}, ROWS: {"rows": 1000}}]
    assert judge(rules, {SEX: {"a": 600, "b": 400}, ROWS: {"rows": 1000}}, before, whole=True) == []
    (found,) = judge(rules, {SEX: {"a": 600, "b": 400}, ROWS: {"rows": 500}}, before, whole=True)
    assert (found.expectation, found.approve_above) == ("expect_fewer_to_stay", 0.9)
    assert found.description.endswith("(at tiny hold 0.9 until 2026-12-31: old records move to the archive)")
    assert kinds_of_findings().stem(found.description) == rules.kinds["fewer"].says


def test_overrides_are_listed_and_those_that_are_over_are_named(expectations: Path) -> None:
    lines = list(told(read_overrides(written(expectations), "tiny"), date(2027, 1, 15)))
    assert lines[0] == ("  drift: codes patients: warn 0.2, hold 0.6 until 2026-12-31: a new intake form  (over)")
    assert lines[1] == "  drift: codes patients.WARD: warn 0.9 until 2027-01-31: wards are numbered anew"


WRONG = {
    "{kind: cods, warn: 0.2, reason: none, until: 2026-12-31}": "did you mean 'codes'",
    "{kind: codes, reason: none, until: 2026-12-31}": "changes nothing",
    "{kind: codes, column: SEX, warn: 0.2, reason: none, until: 2026-12-31}": "needs its table",
    "{kind: codes, table: patient, warn: 0.2, reason: none, until: 2026-12-31}": "did you mean 'patients'",
    "{kind: codes, table: patients, column: SEXE, warn: 0.2, reason: none, until: 2026-12-31}": "did you mean 'SEX'",
    "{kind: codes, table: patients, warn: 0.2, reason: none}": "until",
    "{kind: codes, table: patients, warn: -1, reason: none, until: 2026-12-31}": "warn",
    "{kind: codes, table: patients, warn: .nan, reason: none, until: 2026-12-31}": "warn",
    "{kind: codes, table: patients, warn: 0.2, reason: '   ', until: 2026-12-31}": "reason",
}


@pytest.mark.parametrize("item", WRONG)
def test_what_is_wrong_is_told_with_its_item(expectations: Path, item: str) -> None:
    with pytest.raises(ConfigError, match="item 2: ") as caught:
        read_overrides(written(expectations, f"{GOOD.splitlines()[2]}\n- {item}"), "tiny", {"patients": ["SEX"]})
    assert WRONG[item] in caught.value.message


def test_nothing_is_overridden_twice(expectations: Path) -> None:
    with pytest.raises(ConfigError, match="overridden twice"):
        read_overrides(written(expectations, GOOD + GOOD.splitlines()[2]), "tiny")
