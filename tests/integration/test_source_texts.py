"""Whatever stands in brackets in a source is shown as it stands, by every command that shows texts of a source."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app

UNITS = ("[iU]", "[/hpf]", "[lb_av]", "[bold]", "[]", ":ab:")
NAME = "간 효소 [/red] [iU] :100:"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A published night with such units, an unknown diagnosis that is called so, and a code with a tag in it."""
    hospital = tiny.make(tmp_path_factory.mktemp("texts") / "home", vocabulary)
    for n, unit in enumerate(UNITS):
        hospital.tables["LAB.csv"].append(["70001", "A01", "L001", f"2026-06-0{n + 1} 08:00", "11", unit])
    hospital.tables["DIAG.csv"].append(["70001", "A01", "[/X99]", NAME, "20260603", "N"])
    hospital.publish()
    return hospital


def said(hospital: Tiny, *arguments: str) -> str:
    s = hospital.settings
    env = {
        "ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_EXPECTATIONS": str(s.expectations),
        "ETL_THREADS": "1", "ETL_MEMORY": "500MB", "ETL_KEY_SECRET": tiny.SECRET,
    }  # fmt: skip
    done = CliRunner().invoke(app, list(arguments), env=env)
    assert done.exit_code in (0, 2), done.output
    return done.output


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_shown_as_they_are(night: Tiny, unit: str) -> None:
    assert f" {unit} " in said(night, "unmapped", "tiny", "--domain", "Unit")
    assert f"UNIT = {unit}\n" in said(night, "why", "tiny", unit)
    assert f"x{unit} is not in the newest night" in said(night, "why", "tiny", f"x{unit}")
    query = f"select unit_source_value as unit from measurement where unit_source_value = '{unit}'"
    assert unit in said(night, "sql", query)
    assert f"there is no recipe '{unit}'" in said(night, "recipes", unit)


def test_names_and_codes_are_shown_as_they_are(night: Tiny) -> None:
    listed = said(night, "unmapped", "tiny", "--domain", "Condition")
    assert "[/X99]" in listed
    assert NAME in listed
    assert NAME in said(night, "why", "tiny", "[/X99]")


def test_a_trace_shows_codes_as_they_are(night: Tiny) -> None:
    row = said(
        night, "sql", "--csv", "select condition_occurrence_id from condition_occurrence "
        "where condition_source_value = '[/X99]'",
    ).split()[1]  # fmt: skip
    assert "[/X99]" in said(night, "trace", "condition_occurrence", row)


def test_records_of_a_wide_answer_are_shown_as_they_are(night: Tiny) -> None:
    wide = ", ".join(f"'{unit}' as \"{unit}{n}\"" for n, unit in enumerate(UNITS * 9))
    shown = said(night, "sql", f"select {wide}")
    for n, unit in enumerate(UNITS * 9):
        assert f"{unit}{n} " in shown
