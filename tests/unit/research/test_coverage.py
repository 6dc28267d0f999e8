"""The page that tells what fills every field of the CDM: as code and mappings are now, with a reason for every gap."""

from __future__ import annotations

import pytest

from etl.cdm import spec
from etl.mapping.load import load_mappings
from etl.research.dictionary.coverage import COVERAGE, UNEXPLAINED, Table, coverage, coverage_page, reasons
from etl.settings import PROJECT


@pytest.fixture(scope="module")
def found() -> dict[str, Table]:
    return {table.name: table for table in coverage(load_mappings(PROJECT / "mappings"))}


def test_the_committed_page_is_what_code_and_mappings_say_now() -> None:
    written = (PROJECT / "docs" / COVERAGE).read_text(encoding="utf-8")
    assert written == coverage_page(load_mappings(PROJECT / "mappings")), "run: etl docs"


def test_every_field_of_the_cdm_is_there(found: dict[str, Table]) -> None:
    assert {name: [field.name for field in table.fields] for name, table in found.items()} == {
        name: list(table.columns) for name, table in spec.tables().items() if table.schema != "vocab"
    }


def test_every_table_besides_cohorts_is_filled_by_a_hospital_or_derived(found: dict[str, Table]) -> None:
    assert {name for name, table in found.items() if not table.filled} == {"cohort", "cohort_definition"}


def test_a_field_that_nothing_fills_has_a_reason_and_no_reason_is_stale(found: dict[str, Table]) -> None:
    assert [(t.name, f.name) for t in found.values() for f in t.fields if f.why == UNEXPLAINED] == []
    shown = {(table.name, field.name) for table in found.values() for field in table.fields if field.why}
    said = {(table, field) for table, fields in reasons().items() for field in fields if table != "*"}
    assert said <= shown
    assert set(reasons()["*"]) <= {name for pair in shown for name in pair}


def test_no_required_field_is_left_empty(found: dict[str, Table]) -> None:
    filled = [table for table in found.values() if table.filled]
    assert [(t.name, f.name) for t in filled for f in t.fields if f.required and f.why] == []


def test_a_hospital_that_keeps_notes_out_does_not_fill_them(found: dict[str, Table]) -> None:
    assert found["note"].made_by == "filled by dsmc"
    assert found["specimen"].made_by == "filled by dsmc, eumc"
