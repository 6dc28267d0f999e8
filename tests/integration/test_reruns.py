"""The same delivery gives the same rows and ids, in whatever order its rows come and however often it is run."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tiny import NIGHT, Tiny

from etl.cdm.shapes import shapes
from etl.cdm.spec import tables
from etl.errors import InputError
from etl.night.pipeline import run_delivery

FOUND = (Phase.explicit, Phase.generate)  # a whole landing per example: making a failing one smaller takes too long


def candidate(hospital: Tiny) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every mapped table, without the numbers of the source rows they came from."""
    run = hospital.mapped()
    return {
        file.stem: sorted(
            (tuple(v for k, v in row.items() if not k.startswith("_")) for row in tiny.parquet_rows(file)), key=repr
        )
        for file in sorted(run.folder("map").glob("*.parquet"))
        if file.stem in tables()
    }


def test_a_delivery_that_is_published_is_not_run_again(hospital: Tiny) -> None:
    folder = hospital.deliver()
    first, ran = run_delivery(hospital.settings, "tiny", folder)
    again, ran_again = run_delivery(hospital.settings, "tiny", folder)
    assert (again, ran, ran_again) == (first, True, False)


def test_a_forced_rerun_changes_no_row(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run_delivery(hospital.settings, "tiny", folder)
    before = tiny.warehouse_rows(hospital.settings)
    run_delivery(hospital.settings, "tiny", folder, force=True)
    assert tiny.warehouse_rows(hospital.settings) == before


def test_a_new_home_with_the_same_secret_gives_the_same_ids(hospital: Tiny, tmp_path: Path, vocabulary: Path) -> None:
    other = tiny.make(tmp_path / "other", vocabulary)
    assert candidate(hospital) == candidate(other)


@settings(max_examples=6, phases=FOUND)
@given(st.data())
def test_the_order_of_the_rows_does_not_matter(vocabulary: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hospital = tiny.make(Path(folder) / "home", vocabulary)
        # equal rows, and rows that differ in one column only, must not depend on the order either
        hospital.tables["LAB.csv"] += [["70001", "A01", "L001", "2026-06-08 09:10", v, "g/dL"] for v in ("10.8", "9")]
        before = candidate(hospital)
        for file, rows in hospital.tables.items():
            hospital.tables[file] = [rows[0], *data.draw(st.permutations(rows[1:]), label=file)]
        assert candidate(hospital) == before


def test_whatever_can_differ_between_two_rows_decides_their_order() -> None:
    """Ids follow the order of a person's rows: a field left out of it would let the order of the file decide."""
    constant = {"person", "type"}  # the person is what rows are grouped by, the type stands in the mapping
    missing = {
        table: sorted(
            name
            for name, kind in shape.kinds.items()
            if name not in constant and not {name, f"{name}_source", f"{name}_number"} & set(shape.order)
        )
        for table, shape in shapes().items()
        if shape.id and shape.unique != "key"
    }
    assert {table: names for table, names in missing.items() if names} == {}


def test_one_more_patient_changes_no_id_of_the_others(hospital: Tiny) -> None:
    hospital.publish()
    before = tiny.warehouse_rows(hospital.settings)
    # sorts before everyone else, in every file
    hospital.tables["PAT.csv"].insert(
        1, ["00001", "조초코토", "801212-1000070", "010-0000-7007", "F", "1980-12-12", ""]
    )
    hospital.tables["ADM.csv"].insert(1, ["A00", "00001", "O", "2026-01-01 09:00", "", "AA", ""])
    hospital.tables["LAB.csv"].insert(1, ["00001", "A00", "L001", "2026-01-01 09:00", "14.0", "g/dL"])
    hospital.publish(NIGHT + timedelta(days=1))
    after = tiny.warehouse_rows(hospital.settings)
    for table in ("person", "care_site", "visit_occurrence", "condition_occurrence", "measurement", "observation"):
        assert set(before[table]) <= set(after[table]), table
    assert len(after["person"]) == 7


def test_a_patient_who_leaves_and_returns_keeps_the_id(hospital: Tiny) -> None:
    hospital.publish()
    before = set(tiny.warehouse_rows(hospital.settings)["person"])
    [patient] = [r for r in hospital.tables["PAT.csv"] if r[0] == "70005"]
    hospital.tables["PAT.csv"].remove(patient)
    hospital.publish(NIGHT + timedelta(days=1))
    assert len(tiny.warehouse_rows(hospital.settings)["person"]) == 5
    hospital.tables["PAT.csv"].append(patient)
    hospital.publish(NIGHT + timedelta(days=2))
    assert set(tiny.warehouse_rows(hospital.settings)["person"]) == before


def test_an_older_night_is_refused_and_changes_nothing(hospital: Tiny) -> None:
    hospital.publish()
    before = tiny.warehouse_rows(hospital.settings)
    with pytest.raises(InputError, match="has published the night 2026-07-01; 2026-06-30 is older"):
        hospital.publish(date(2026, 6, 30))
    assert tiny.warehouse_rows(hospital.settings) == before


def test_a_corrected_delivery_of_the_same_night_replaces_it(hospital: Tiny) -> None:
    hospital.publish()
    hospital.tables["LAB.csv"][1][4] = "11.4"
    hospital.publish()
    values = [row[8] for row in tiny.warehouse_rows(hospital.settings)["measurement"]]
    assert 11.4 in values
    assert 11.2 not in values
