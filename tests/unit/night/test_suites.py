"""Suites are Great Expectations' own files, and what is wrong in them is said all at once, with line and remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from etl.cdm.spec import tables
from etl.night.check.suites import GX_SEVERITY, SuiteError, load_suites

CDM = Path(__file__).parents[3] / "expectations" / "cdm"
COLUMNS = {name: table.columns for name, table in tables().items()}

GOOD = """{
  "name": "source.test.pat",
  "expectations": [
    {
      "type": "expect_column_values_to_not_be_null",
      "kwargs": {"column": "PID", "mostly": 0.99},
      "meta": {"severity": "warn"},
      "description": "Nearly every patient has a number",
      "severity": "warning"
    },
    {
      "type": "unexpected_rows_expectation",
      "kwargs": {"unexpected_rows_query": "select _row from {batch} where SEX not in ('M', 'F')"},
      "meta": {"severity": "block", "column": "SEX"},
      "description": "Sex is M or F"
    }
  ]
}
"""


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with one suite, as `line key: message`."""
    (folder / "pat.json").write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError) as raised:
        load_suites(folder, columns={"pat": ["PID", "SEX", "BIRTHDATE"]})
    assert all(p.file == str(folder / "pat.json") for p in raised.value.problems)
    return [f"{p.line} {p.key}: {p.message}" for p in raised.value.problems]


def test_a_suite_becomes_typed_objects(tmp_path: Path) -> None:
    (tmp_path / "pat.json").write_text(GOOD, encoding="utf-8")
    (suite,) = load_suites(tmp_path, ["pat"], {"pat": ["PID", "SEX"]})
    assert (suite.name, suite.table, suite.key) == ("source.test.pat", "pat", ("_row",))
    assert [e.severity for e in suite.expectations] == ["warn", "block"]
    assert [e.column for e in suite.expectations] == ["PID", "SEX"]
    assert suite.expectations[0].kwargs == {"column": "PID", "mostly": 0.99}


def test_every_filled_cdm_table_has_a_suite() -> None:
    suites = load_suites(CDM, columns=COLUMNS)
    filled = (
        "person location care_site provider visit_occurrence visit_detail condition_occurrence drug_exposure"
        " procedure_occurrence measurement observation device_exposure death observation_period condition_era"
        " drug_era cdm_source mapping_rate table_volume row_change identity_change specimen note note_nlp"
        " payer_plan_period cost episode episode_event fact_relationship dose_era metadata"
    )
    assert {s.table for s in suites} == set(filled.split())
    assert all(s.key for s in suites if s.table != "cdm_source")


def test_no_promise_is_made_twice() -> None:
    for suite in load_suites(CDM):
        said = [e.description for e in suite.expectations]
        assert len(said) == len(set(said)), suite.table


@pytest.mark.parametrize("path", sorted(CDM.glob("*.json")), ids=lambda p: p.stem)
def test_great_expectations_reads_the_files_as_they_are(path: Path) -> None:
    import great_expectations

    content = json.loads(path.read_text(encoding="utf-8"))
    suite = great_expectations.ExpectationSuite(**content)
    said = [(e.severity.value, (e.meta or {}).get("severity")) for e in suite.expectations]
    assert said == [(e["severity"], e["meta"]["severity"]) for e in content["expectations"]]
    assert {(gx, ours) for gx, ours in said} <= {(gx, ours) for ours, gx in GX_SEVERITY.items()}


def test_reading_does_not_import_great_expectations() -> None:
    script = (
        "import sys; from pathlib import Path; from etl.night.check.suites import load_suites;"
        f"assert load_suites(Path({str(CDM)!r}));"
        "assert not {'great_expectations', 'pandas', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=CDM.parents[1], check=True, timeout=60)


@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ('"column": "PIDD"', '"column": "PID"', "6 column: pat has no column PIDD; did you mean PID?"),
        ("to_not_be_nul", "to_not_be_null", "5 type: Great Expectations has no expectation"),
        ('"mostl": 0.99', '"mostly": 0.99', "6 mostl: is not known here; did you mean mostly?"),
        ('"mostly": 99', '"mostly": 0.99', "6 mostly: expected a share from 0 to 1"),
        ('"severity": "blok"', '"severity": "warn"', "7 meta.severity: expected block or warn"),
        ('"severity": "critical"', '"severity": "warning"', "9 severity: expected warning"),
        ('"description": ""', '"description": "Sex is M or F"', "15 description: is required, a text"),
        ("from pat where", "from {batch} where", "13 unexpected_rows_query: expected a query that selects from"),
        ('"nam":', '"name":', "1 name: is required, a text"),
        ('"PID", "result_format": "COMPLETE"', '"PID"', "6 result_format: is not known here"),
    ],
)
def test_a_problem_says_where_and_what(tmp_path: Path, wrong: str, right: str, problem: str) -> None:
    assert GOOD.count(right) >= 1
    found = problems(tmp_path, GOOD.replace(right, wrong, 1))
    assert any(f.startswith(problem) for f in found), found


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('"PID"', '"PAT"').replace('"severity": "block"', '"severity": "stop"')
    (tmp_path / "adm.json").write_text("{", encoding="utf-8")
    (tmp_path / "pat.json").write_text(text.replace("Sex is M or F", ""), encoding="utf-8")
    with pytest.raises(SuiteError) as raised:
        load_suites(tmp_path, columns={"pat": ["PID", "SEX"]})
    keys = [(Path(p.file).stem, p.key) for p in raised.value.problems]
    assert keys == [("adm", "json"), ("pat", "column"), ("pat", "meta.severity"), ("pat", "description")]


def test_broken_json_is_reported_with_its_line(tmp_path: Path) -> None:
    (found,) = [p for p in problems(tmp_path, GOOD.replace('"PID",', '"PID"')) if "json" in p]
    assert found.startswith("6 json: Expecting")


@pytest.mark.parametrize("text", ["[]", '{"name": "x", "expectations": {}}', '{"name": "x", "expectations": [3]}'])
def test_other_shapes_are_problems_too(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_regular_expressions_point_to_the_query_that_works(tmp_path: Path) -> None:
    text = GOOD.replace("expect_column_values_to_not_be_null", "expect_column_values_to_match_regex")
    assert any("regexp_matches" in p for p in problems(tmp_path, text))


def test_asking_for_a_table_without_suite_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "pat.json").write_text(GOOD, encoding="utf-8")
    with pytest.raises(SuiteError, match="did you mean pat"):
        load_suites(tmp_path, ["patt"])


@pytest.mark.parametrize("clock", ["current_date", "CURRENT_TIMESTAMP", "now()", "today ()", "year(current_date)"])
def test_the_clock_is_no_part_of_a_suite(tmp_path: Path, clock: str) -> None:
    (said,) = problems(tmp_path, GOOD.replace("SEX not in ('M', 'F')", f"BIRTHDATE > {clock}"))
    assert said.startswith("13 unexpected_rows_query: ")
    assert "omop_night()" in said
    in_condition = '"mostly": 0.99, "row_condition": {"parameter": "now()"}'
    assert "omop_night()" in problems(tmp_path, GOOD.replace('"mostly": 0.99', in_condition))[0]


@pytest.mark.parametrize("query", ["NOW = 'current_date'", "omop_night() > BIRTHDATE", "knowns = today", "s.now = 1"])
def test_what_only_looks_like_a_clock_is_none(tmp_path: Path, query: str) -> None:
    (tmp_path / "pat.json").write_text(GOOD.replace("SEX not in ('M', 'F')", query), encoding="utf-8")
    assert load_suites(tmp_path)
