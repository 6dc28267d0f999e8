"""A hospital overrides an expectation of the CDM with a reason, for a while; what is wrong with it is said at once."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from etl.night.check.overrides import check_names, overridden, read_overrides, told
from etl.night.check.suites import Expectation, Suite, SuiteError, load_suites
from etl.settings import PROJECT

SUITE = {
    "name": "cdm.measurement",
    "expectations": [
        {
            "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "unit_concept_id", "mostly": 0.9},
            "meta": {"severity": "block"}, "description": "A measurement has a unit",
        },
        {
            "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select 1 from {batch}"},
            "meta": {"severity": "warn", "approve_above": 0.1}, "description": "A result is plausible",
        },
    ],
}  # fmt: skip
GOOD = """\
- table: measurement
  expectation: A measurement has a unit
  severity: warn
  limits: {mostly: 0.5}
  approve_above: 0.6
  reason: two analysers send none until they are replaced
  until: 2026-12-31
"""


@pytest.fixture
def cdm(tmp_path: Path) -> Path:
    (tmp_path / "overrides").mkdir()
    (tmp_path / "measurement.json").write_text(json.dumps(SUITE), encoding="utf-8")
    return tmp_path


def written(cdm: Path, text: str) -> tuple[list[Suite], Path]:
    file = cdm / "overrides" / "tiny.yaml"
    file.write_text(text, encoding="utf-8")
    return load_suites(cdm), file


def on(cdm: Path, night: date, text: str = GOOD) -> tuple[Expectation, ...]:
    suites, _ = written(cdm, text)
    (suite,) = overridden(suites, read_overrides(cdm, "tiny", suites), night)
    return suite.expectations


def test_an_override_holds_until_its_night_and_tells_why(cdm: Path) -> None:
    first, second = on(cdm, date(2026, 12, 31))
    assert (first.severity, first.approve_above, first.column) == ("warn", 0.6, "unit_concept_id")
    assert first.kwargs == {"column": "unit_concept_id", "mostly": 0.5}
    assert first.description == (
        "A measurement has a unit (at tiny warn, mostly 0.5, approve above 0.6 until 2026-12-31: "
        "two analysers send none until they are replaced)"
    )
    assert (second.description, second.approve_above) == ("A result is plausible", 0.1)
    assert on(cdm, date(2027, 1, 1)) == load_suites(cdm)[0].expectations


def test_other_hospitals_keep_the_suite(cdm: Path) -> None:
    suites, _ = written(cdm, GOOD)
    assert overridden(suites, read_overrides(cdm, "snuh", suites), date(2026, 7, 1)) == suites


def test_what_blocks_asks_nobody(cdm: Path) -> None:
    text = "- {table: measurement, expectation: A result is plausible, severity: block, reason: they are clean now}"
    assert [(e.severity, e.approve_above) for e in on(cdm, date(2030, 1, 1), text)][1] == ("block", None)


def test_overrides_are_listed_and_those_that_are_over_are_named(cdm: Path) -> None:
    suites, _ = written(cdm, GOOD)
    found = read_overrides(cdm, "tiny", suites)
    assert [line.endswith("replaced)") for line in told(found, date(2026, 7, 1))] == [True]
    assert [line.endswith("(over)") for line in told(found, date(2027, 7, 1))] == [True]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "table: measurement",
            "table: measurements",
            ":1  table: there is no suite of measurements; did you mean: mea",
        ),
        ("has a unit", "has units", ":2  expectation: no expectation of measurement is described so; did you mean: A"),
        ("severity: warn", "severity: ignore", ":3  severity: Input should be 'block' or 'warn'"),
        ("mostly: 0.5", "mostly: 5", ":4  mostly: expected a share from 0 to 1"),
        ("mostly: 0.5", "column: value_as_number", ":4  limits: column says what the expectation is about"),
        ("mostly: 0.5", "mostli: 0.5", ":4  mostli: is not known here; did you mean mostly?"),
        ("approve_above: 0.6", "approve_above: 0.2", "meta.approve_above: is below what mostly 0.5 lets pass"),
        ("severity: warn", "severity: block", "meta.approve_above: is for warnings"),
        ("  reason: two analysers send none until they are replaced\n", "", "reason: Field required"),
        ("two analysers send none until they are replaced", "'   '", "reason: String should have at least 3"),
        ("until: 2026-12-31", "until: soon", ":7  until: "),
        ("until: 2026-12-31", "untill: 2026-12-31", ":7  untill: Extra inputs are not permitted"),
        ("- table", "- tab: [le", "yaml: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line(cdm: Path, old: str, new: str, said: str) -> None:
    suites, file = written(cdm, GOOD.replace(old, new))
    with pytest.raises(SuiteError) as caught:
        read_overrides(cdm, "tiny", suites)
    assert f"{file}" in caught.value.message
    assert said in caught.value.message


def test_all_that_is_wrong_is_said_at_once(cdm: Path) -> None:
    suites, _ = written(cdm, GOOD + GOOD + GOOD.replace("measurement", "person"))
    with pytest.raises(SuiteError, match="is overridden twice") as caught:
        read_overrides(cdm, "tiny", suites)
    assert len(caught.value.problems) == 2


def test_the_example_of_the_page_can_be_used(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "quality-gates.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("overrides/<hospital>.yaml")
    example = rest.split("```yaml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "overrides").mkdir()
    (tmp_path / "overrides" / "snuh.yaml").write_text(example, encoding="utf-8")
    suites = load_suites(PROJECT / "expectations" / "cdm")
    (override,) = read_overrides(tmp_path, "snuh", suites)
    assert override.expectation.severity == "warn"
    assert overridden(suites, [override], date(2027, 3, 31)) != suites


def test_a_file_of_no_hospital_is_refused(cdm: Path) -> None:
    written(cdm, GOOD)
    check_names(cdm, ["tiny", "snuh"])
    with pytest.raises(SuiteError, match="there is no hospital tiny; did you mean: tinyy"):
        check_names(cdm, ["tinyy"])
