"""Rows that cannot become an event: quarantined under a reason, never lost, never a reason to stop the night."""

from __future__ import annotations

from datetime import date, datetime

import pytest
import tiny
from tiny import Tiny

PERSON = 5 << 24
MANY = 8


def changed(hospital: Tiny, file: str, row: int, **cells: str) -> None:
    """Set cells of a row (1 is the first below the header) by column name."""
    header = hospital.tables[file][0]
    for column, value in cells.items():
        hospital.tables[file][row][header.index(column)] = value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("20260230", "start_invalid"),
        ("2026-13-01", "start_invalid"),
        ("00000000", "start_invalid"),
        ("soon", "start_invalid"),
        ("", "start_missing"),
        ("   ", "start_missing"),
        ("20991231", "start_in_future"),
        ("20260702", "start_in_future"),
        ("18991231", "before_birth"),
        ("19430601", "before_birth"),
    ],
)
def test_a_diagnosis_on_a_day_that_cannot_be_is_quarantined(hospital: Tiny, value: str, reason: str) -> None:
    changed(hospital, "DIAG.csv", 1, DIAG_DD=value)
    run = hospital.mapped()
    assert tiny.account(run, "diagnoses") == {"filtered:rule_out": 1, f"quarantined:{reason}": 1, "mapped": 6}
    tiny.assert_adds_up(run, {"diagnoses": 8})
    [row] = tiny.parquet_rows(run.folder("map") / "quarantine.parquet")
    told = ("source", "entry", "_row", "reason")
    assert tuple(row[k] for k in told) == ("diagnoses", "diagnoses_condition", 0, reason)


@pytest.mark.parametrize("value", ["20260701", "2026-07-01 23:59:59", "2026/7/1", "2026.07.01"])
def test_the_day_of_the_delivery_is_not_in_the_future(hospital: Tiny, value: str) -> None:
    changed(hospital, "DIAG.csv", 1, DIAG_DD=value)
    run = hospital.mapped()
    assert "quarantined" not in " ".join(tiny.account(run, "diagnoses"))
    starts = {r["condition_start_date"] for r in tiny.mapped_rows(run, "condition_occurrence")}
    assert date(2026, 7, 1) in starts


@pytest.mark.parametrize(
    ("value", "reason"),
    [("20230230", "birth_invalid"), ("20270101", "birth_invalid"), ("", "birth_missing")],
)
def test_a_patient_without_a_birthday_is_quarantined_with_all_events(hospital: Tiny, value: str, reason: str) -> None:
    changed(hospital, "PAT.csv", 1, BIRTH=value)
    run = hospital.mapped()
    # the same row feeds `death` too; the best that became of it counts
    assert tiny.account(run, "patients") == {f"quarantined:{reason}": 1, "mapped": 5}
    assert tiny.account(run, "diagnoses")["quarantined:person_excluded"] == 2
    assert tiny.account(run, "results")["quarantined:person_excluded"] == 3
    assert tiny.mapped_rows(run, "death") == []
    tiny.assert_adds_up(run, {"patients": 6, "visits": 8, "diagnoses": 8, "results": 8})


@pytest.mark.parametrize("value", ["", "  "])
def test_a_patient_without_a_number_is_quarantined(hospital: Tiny, value: str) -> None:
    changed(hospital, "PAT.csv", 2, PT_NO=value)
    run = hospital.mapped()
    assert tiny.account(run, "patients") == {"quarantined:person_missing": 1, "mapped": 5}
    tiny.assert_adds_up(run, {"patients": 6})


def test_a_doubled_patient_stays_one_person(hospital: Tiny) -> None:
    hospital.tables["PAT.csv"].append(list(hospital.tables["PAT.csv"][3]))
    run = hospital.mapped()
    assert tiny.account(run, "patients") == {"quarantined:key_duplicate": 1, "mapped": 6}
    persons = [r["person_id"] for r in tiny.mapped_rows(run, "person")]
    assert len(persons) == len(set(persons)) == 6
    tiny.assert_adds_up(run, {"patients": 7})


def test_a_visit_without_a_key_is_quarantined(hospital: Tiny) -> None:
    changed(hospital, "ADM.csv", 3, ADM_NO="", MEMO="")
    run = hospital.mapped()
    # its department still becomes a care site, so that the row as a whole counts as mapped
    assert len(tiny.mapped_rows(run, "visit_occurrence")) == 7
    reasons = {(r["entry"], r["reason"]) for r in tiny.parquet_rows(run.folder("map") / "quarantine.parquet")}
    assert ("visits_visit_occurrence", "key_missing") in reasons
    tiny.assert_adds_up(run, {"visits": 8})


def test_a_doubled_visit_is_one_visit(hospital: Tiny) -> None:
    hospital.tables["ADM.csv"].append(list(hospital.tables["ADM.csv"][1]))
    run = hospital.mapped()
    assert len(tiny.mapped_rows(run, "visit_occurrence")) == 8
    quarantine = tiny.parquet_rows(run.folder("map") / "quarantine.parquet")
    assert ("visits_visit_occurrence", 8, "key_duplicate") in {(r["entry"], r["_row"], r["reason"]) for r in quarantine}
    tiny.assert_adds_up(run, {"visits": 9})


def test_a_code_no_vocabulary_knows_maps_to_concept_0_and_is_listed(hospital: Tiny) -> None:
    changed(hospital, "DIAG.csv", 1, DIAG_CD="Q99.XX", DIAG_NM="알 수 없는 진단")
    run = hospital.mapped()
    assert tiny.account(run, "diagnoses") == {"filtered:rule_out": 1, "mapped": 7}
    [row] = [r for r in tiny.mapped_rows(run, "condition_occurrence") if r["condition_source_value"] == "Q99.XX"]
    assert (row["condition_concept_id"], row["condition_source_concept_id"]) == (0, 0)
    from etl.store.ledger.tables import UNMAPPED

    worklist = run.ledger.read(UNMAPPED.select().where(UNMAPPED.c.run_id == run.run_id))
    assert [(w["domain"], w["vocabulary"], w["code"], w["description"], w["records"]) for w in worklist] == [
        ("Condition", "KCD7", "Q99.XX", "알 수 없는 진단", 5)  # in steps of five: it is one patient's
    ]


def test_an_event_without_a_code_is_quarantined(hospital: Tiny) -> None:
    changed(hospital, "DIAG.csv", 1, DIAG_CD=" ")
    run = hospital.mapped()
    assert tiny.account(run, "diagnoses") == {"filtered:rule_out": 1, "quarantined:code_missing": 1, "mapped": 6}


@pytest.mark.parametrize(("value", "reason"), [("79999", "person_unknown"), ("", "person_missing")])
def test_an_event_of_nobody_the_hospital_knows_is_quarantined(hospital: Tiny, value: str, reason: str) -> None:
    changed(hospital, "LAB.csv", 1, PT_NO=value)
    run = hospital.mapped()
    assert tiny.account(run, "results") == {f"quarantined:{reason}": 1, "mapped": 7}
    assert {r["person_id"] for r in tiny.mapped_rows(run, "measurement")} <= {PERSON | n for n in range(1, 7)}
    tiny.assert_adds_up(run, {"results": 8})


def test_blanks_around_a_record_number_do_not_make_a_second_patient(hospital: Tiny) -> None:
    changed(hospital, "LAB.csv", 1, PT_NO=" 70001 ")
    run = hospital.mapped()
    assert tiny.account(run, "results") == {"mapped": 8}


def test_an_event_of_an_unknown_visit_keeps_its_row_without_a_visit(hospital: Tiny) -> None:
    changed(hospital, "LAB.csv", 1, ADM_NO="A99")
    changed(hospital, "LAB.csv", 4, ADM_NO="A01")  # another patient's visit
    run = hospital.mapped()
    assert tiny.account(run, "results") == {"mapped": 8}
    without = [r for r in tiny.mapped_rows(run, "measurement") if r["visit_occurrence_id"] is None]
    assert len(without) == 2


def test_a_visit_that_ends_before_it_starts_ends_when_it_starts(hospital: Tiny) -> None:
    changed(hospital, "ADM.csv", 4, OUT_DTM="2026-06-09 10:00")
    run = hospital.mapped()
    [visit] = [
        r for r in tiny.mapped_rows(run, "visit_occurrence") if r["visit_start_datetime"] == datetime(2026, 6, 10, 13)
    ]
    assert visit["visit_end_date"] == date(2026, 6, 10)
    assert tiny.account(run, "visits") == {"mapped": 8}


@pytest.mark.parametrize("end", ["99991231", "2999-12-31", ""])
def test_a_patient_still_in_hospital_is_cut_at_the_night(hospital: Tiny, end: str) -> None:
    changed(hospital, "ADM.csv", 4, OUT_DTM=end)
    run = hospital.mapped()
    [visit] = [r for r in tiny.mapped_rows(run, "visit_occurrence") if r["visit_end_date"] == tiny.NIGHT]
    assert visit["visit_type_concept_id"] == 32827
    changed_rows = {(c["cdm_table"], c["change"]): c["rows"] for c in run.ledger.accounts(run.run_id).changes}
    assert changed_rows["visit_occurrence", "end_open"] == 1


def test_a_night_of_nothing_but_bad_rows_still_adds_up(hospital: Tiny) -> None:
    for row in hospital.tables["LAB.csv"][1:]:
        row[0] = "79999"
    for row in hospital.tables["DIAG.csv"][1:]:
        row[4] = "00000000"
    run = hospital.mapped()
    assert tiny.account(run, "results") == {"quarantined:person_unknown": MANY}
    assert tiny.account(run, "diagnoses") == {"filtered:rule_out": 1, "quarantined:start_invalid": 7}
    tiny.assert_adds_up(run, {"results": 8, "diagnoses": 8})
    assert tiny.mapped_rows(run, "condition_occurrence") == []
