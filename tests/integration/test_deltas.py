"""Nights that bring changes: the result is that of a whole delivery of the final state, whatever the history was."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import histories
import pytest
import sqlalchemy as sa
import tiny
from histories import Night, Row
from tiny import NIGHT, Tiny

from etl.cdm.spec import hospital_tables
from etl.errors import ConfigError, GateClosed
from etl.night.attempt import attempt
from etl.night.lake.published import state_of
from etl.night.opening import open_run
from etl.night.pipeline import STAGES, run_delivery
from etl.night.publish.rollback import roll_back
from etl.night.remember import begin, resume
from etl.night.run import Run
from etl.quality.lineage.line import trace_line
from etl.quality.lineage.row import trace_row
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.tables import PUBLICATION

TOGETHER = 34  # histories of patients of their own, delivered in the same nights
HISTORIES = int(os.environ.get("ETL_TEST_HISTORIES", "100"))
GATES = ("check_source", "check_cdm")
# how many rows came and were replaced since differs between a history and its outcome
COMPARED = [t for t in hospital_tables() if t != "metadata"]


def publish(hospital: Tiny, folder: Path) -> str:
    """Take a delivery through all stages, the gates standing open."""
    run = begin(hospital.settings, "tiny", folder, None, None)
    open_run(run)
    for stage in STAGES:
        if stage.name in GATES:
            run.ledger.record_stage(run.run_id, stage.name, "done", now(), 0, 0)
        else:
            attempt(run, stage)
    return run.run_id


def outcomes(hospital: Tiny, run_id: str) -> dict[tuple[str, str, str], int]:
    rows = Ledger(hospital.settings.ledger_url).accounts(run_id).source
    return {
        (r["source"], r["outcome"], r["reason"]): r["rows"]
        for r in rows
        if r["reason"] not in ("superseded", "deleted") and not r["source"].endswith("__deleted")
    }


def of_history(home: Path, vocabulary: Path, history: list[Night], fold_every: int) -> tuple[Any, Any]:
    """Warehouse and accounts after the nights of a history, one after the other, the older ones folded."""
    hospital = tiny.make(home, vocabulary)
    histories.make_delta(hospital, fold_every)
    run_id = ""
    for number, night in enumerate(history):
        run_id = publish(hospital, histories.write(hospital.drops, number, night))
    return tiny.warehouse_rows(hospital.settings, COMPARED), outcomes(hospital, run_id)


def of_outcome(home: Path, vocabulary: Path, history: list[Night], keys: Path) -> tuple[Any, Any]:
    """Warehouse and accounts after one delivery of what the history amounts to, with the same key store."""
    hospital = tiny.make(home, vocabulary)
    histories.make_delta(hospital)
    shutil.copytree(keys, hospital.settings.keys)
    run_id = publish(hospital, histories.write(hospital.drops, 0, histories.as_one_night(history)))
    return tiny.warehouse_rows(hospital.settings, COMPARED), outcomes(hospital, run_id)


@pytest.mark.parametrize("seed", range(-(-HISTORIES // TOGETHER)))
def test_any_history_ends_as_one_delivery_of_its_outcome_would(
    seed: int, vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)  # half of these few patients are touched in any night
    history = histories.nights(seed, TOGETHER)
    there, accounts = of_history(tmp_path / "history", vocabulary, history, fold_every=seed % 3 + 1)
    wanted, expected = of_outcome(tmp_path / "outcome", vocabulary, history, tmp_path / "history" / "keys")
    for table in COMPARED:
        assert there[table] == wanted[table], table
    assert accounts == expected


@pytest.fixture
def changing(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The tiny hospital as one that delivers changes; few as its patients are, a night never maps all of them."""
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    (tmp_path / "expectations" / "source").mkdir(parents=True)
    (tmp_path / "expectations" / "cdm").symlink_to(tiny.DATA / "expectations" / "cdm")
    hospital = tiny.make(tmp_path / "home", vocabulary, expectations=tmp_path / "expectations")
    histories.make_delta(hospital)
    return hospital


def night(day: int, **rows: list[Row]) -> Night:
    """A night of these rows only; `DIAG_GONE=…` are keys of deleted rows, `EXM=…` the code master."""
    master = rows.pop("EXM", None)
    gone = {file: rows.pop(name) for file, name in histories.LISTED.items() if name in rows}
    return Night(day, whole=False, rows=rows, gone=gone, master=master)


PATIENT = ("70001", "가나다", "", "", "M", "1945-01-01", "", "N")
OTHER = ("70002", "라마바", "", "", "F", "1988-02-29", "", "N")
STAY = ("A01", "70001", "I", "2026-06-28 09:00", "", "IM", "", "N")
RESULT = ("70001", "A01", "L001", "2026-06-28 09:00", "11.2", "g/dL")
OTHERS = ("70002", "A09", "L001", "2026-01-05 09:00", "12.9", "g/dL")
MASTER = [("L001", "D2020010", "20110101", "99991231")]


def first_night() -> Night:
    return night(1, PAT=[PATIENT, OTHER], ADM=[STAY], DIAG=[], LAB=[RESULT, OTHERS], EXM=MASTER)


def run_nights(hospital: Tiny, *given: Night) -> list[Run]:
    """Whole nights, gates included, one after the other."""
    runs = []
    for number, one in enumerate(given):
        run_id, _ = run_delivery(hospital.settings, "tiny", histories.write(hospital.drops, number, one))
        runs.append(resume(hospital.settings, run_id))
    return runs


def touched(run: Run) -> int | None:
    """How many persons a night mapped; None when it mapped everybody."""
    state, _ = state_of(run)
    if state.whole:
        return None
    return sum(1 for row in tiny.parquet_rows(state.file("touched.parquet")) if row["person"])


def results(hospital: Tiny) -> dict[int, Any]:
    """Values of the measurements by person."""
    rows = tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]
    return {row[1]: row[8] for row in rows}


def test_a_late_correction_changes_one_person_and_no_id_of_the_others(changing: Tiny) -> None:
    corrected = (*RESULT[:4], "10.4", "g/dL")
    runs = run_nights(changing, first_night(), night(2, LAB=[corrected]))
    assert touched(runs[0]) is None
    assert touched(runs[1]) == 1
    assert sorted(results(changing).values()) == [10.4, 12.9]


def test_a_deleted_key_takes_its_row_out_of_the_cdm(changing: Tiny) -> None:
    gone = (RESULT[1], RESULT[2], RESULT[3])
    run_nights(changing, first_night(), night(2, LAB=[], LAB_GONE=[gone]))
    assert list(results(changing).values()) == [12.9]
    [account] = [
        a for a in Ledger(changing.settings.ledger_url).accounts(_last(changing)).source if a["reason"] == "deleted"
    ]
    assert (account["source"], account["outcome"], account["rows"]) == ("results", "filtered", 1)


def test_a_patient_flagged_as_deleted_is_gone_with_all_events(changing: Tiny) -> None:
    run_nights(changing, first_night(), night(2, PAT=[(*PATIENT[:-1], "Y")]))
    found = tiny.warehouse_rows(changing.settings, ["person", "measurement", "visit_occurrence", "observation_period"])
    assert {table: len(rows) for table, rows in found.items()} == {
        "person": 1, "measurement": 1, "visit_occurrence": 0, "observation_period": 1,
    }  # fmt: skip


def test_an_older_night_that_comes_late_does_not_undo_a_newer_one(changing: Tiny) -> None:
    newer = (*RESULT[:4], "10.4", "g/dL")
    older = (*RESULT[:4], "99", "g/dL")
    run_nights(changing, first_night(), night(3, LAB=[newer]), night(2, LAB=[older]))
    assert sorted(results(changing).values()) == [10.4, 12.9]


def test_a_night_delivered_again_replaces_what_it_said_before(changing: Tiny) -> None:
    wrong = (*RESULT[:4], "99", "g/dL")
    run_nights(changing, first_night(), night(2, LAB=[wrong]), night(2, LAB=[]))
    assert sorted(results(changing).values()) == [11.2, 12.9]


def test_two_records_of_one_patient_become_one_person_and_can_be_parted(changing: Tiny) -> None:
    merged = night(2, MERGE=[("70002", "70001", "N")])
    runs = run_nights(changing, first_night(), merged)
    found = tiny.warehouse_rows(changing.settings, ["person", "measurement"])
    assert touched(runs[1]) == 2
    assert len(found["person"]) == 1
    assert {row[1] for row in found["measurement"]} == {found["person"][0][0]}
    assert found["person"][0][1] == 8507  # the record that goes on decides
    run_nights(changing, first_night(), merged, night(3, MERGE=[("70002", "70001", "Y")]))
    assert len(tiny.warehouse_rows(changing.settings, ["person"])["person"]) == 2


def test_a_changed_code_master_maps_again_who_has_the_code(changing: Tiny) -> None:
    other = ("70002", "A09", "L003", "2026-01-05 09:00", "0.8", "mg/dL")
    start = night(
        1,
        PAT=[PATIENT, OTHER],
        ADM=[STAY],
        DIAG=[],
        LAB=[RESULT, other],
        EXM=[*MASTER, ("L003", "D2180", "20110101", "")],
    )
    runs = run_nights(
        changing, start, night(5, EXM=[("L001", "D2160010", "20110101", "99991231"), ("L003", "D2180", "20110101", "")])
    )
    assert touched(runs[1]) == 1


def test_a_stay_that_goes_on_ends_at_every_night_anew(changing: Tiny) -> None:
    runs = run_nights(changing, first_night(), night(4, DIAG=[]))
    assert touched(runs[1]) == 1
    [stay] = tiny.warehouse_rows(changing.settings, ["visit_occurrence"])["visit_occurrence"]
    assert date(2026, 7, 4) in stay


def test_a_day_more_lengthens_the_observation_of_whom_nothing_else_touches(changing: Tiny) -> None:
    recent = ("70002", "A09", "L001", "2026-06-20 09:00", "12.9", "g/dL")
    start = night(1, PAT=[OTHER], ADM=[], DIAG=[], LAB=[recent], EXM=MASTER)
    runs = run_nights(changing, start, night(3, DIAG=[]))
    assert touched(runs[1]) == 0
    [period] = tiny.warehouse_rows(changing.settings, ["observation_period"])["observation_period"]
    assert period[3] == date(2026, 7, 3)


def test_a_whole_delivery_is_compared_with_the_last_one(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    hospital.publish()
    before = tiny.warehouse_rows(hospital.settings)
    hospital.tables["LAB.csv"][1][4] = "11.4"
    run = resume(hospital.settings, hospital.publish(NIGHT + timedelta(days=1)))
    assert touched(run) == 1
    after = tiny.warehouse_rows(hospital.settings)
    assert len(set(before["measurement"]) - set(after["measurement"])) == 1
    assert before["person"] == after["person"]


def test_rows_of_whom_a_whole_delivery_did_not_touch_are_traced_too(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    hospital.publish()
    hospital.tables["LAB.csv"][1][4] = "11.4"
    hospital.publish(NIGHT + timedelta(days=1))
    rows = tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]
    [untouched] = [row[0] for row in rows if row[8] == 12.9]
    made = trace_row(hospital.settings, "measurement", untouched).made
    assert made is not None
    assert (made.origin.delivery, made.origin.line) == (NIGHT.isoformat(), 9)
    [outcome] = trace_line(hospital.settings, "tiny", "LAB.csv", 9).outcomes  # of the newest night
    assert outcome.rows == (("measurement", untouched),)


def test_a_night_after_a_cut_off_publication_goes_on_from_it(changing: Tiny) -> None:
    """The warehouse may hold a night that the ledger does not know of: what readers see is what counts."""
    run_nights(changing, first_night(), night(2, LAB=[(*RESULT[:4], "10.4", "g/dL")]))
    with Ledger(changing.settings.ledger_url).engine.begin() as con:
        con.execute(sa.delete(PUBLICATION).where(PUBLICATION.c.run_id == _last(changing)))
    folder = histories.write(changing.drops, 2, night(3, DIAG=[]))
    run_id, _ = run_delivery(changing.settings, "tiny", folder)
    assert touched(resume(changing.settings, run_id)) == 1  # a stay that is open goes on to the newest night
    assert sorted(results(changing).values()) == [10.4, 12.9]
    assert [p["action"] for p in Ledger(changing.settings.ledger_url).publications("tiny")] == [None, "found", None]


def test_a_night_whose_source_gate_closed_does_not_come_in_with_a_later_one(changing: Tiny) -> None:
    suites = changing.settings.expectations / "source" / "tiny"
    suites.mkdir()
    query = "select _row from {batch} where RESULT = '99'"
    promise = {
        "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query},
        "meta": {"severity": "block"}, "description": "no result of 99", "severity": "critical",
    }  # fmt: skip
    suite = {"name": "source.tiny.results", "meta": {"key": "_row"}, "expectations": [promise]}
    (suites / "results.json").write_text(json.dumps(suite), encoding="utf-8")
    run_nights(changing, first_night())
    with pytest.raises(GateClosed):
        run_nights(changing, night(2, LAB=[(*RESULT[:4], "99", "g/dL")]))
    run_nights(changing, night(3, LAB=[(*OTHERS[:4], "12.1", "g/dL")]))
    assert sorted(results(changing).values()) == [11.2, 12.1]


def test_nights_of_another_key_store_do_not_join(changing: Tiny) -> None:
    run_nights(changing, first_night())
    (changing.settings.keys / "tiny.sqlite").unlink()
    with pytest.raises(ConfigError, match="its key store is missing"):
        run_nights(changing, night(2, LAB=[(*RESULT[:4], "10.4", "g/dL")]))
    assert sorted(results(changing).values()) == [11.2, 12.9]
    roll_back(changing.settings, "tiny", "nothing", actor="officer", reason="no copy of the key store is left")
    with pytest.raises(ConfigError, match="the key store is not the one that earlier nights got their ids from"):
        run_nights(changing, night(2, LAB=[(*RESULT[:4], "10.4", "g/dL")]))
    assert results(changing) == {}


def test_a_row_of_an_earlier_night_is_traced_to_the_file_it_came_in(changing: Tiny) -> None:
    run_nights(changing, first_night(), night(2, LAB=[(*RESULT[:4], "10.4", "g/dL")]))
    found = tiny.warehouse_rows(changing.settings, ["measurement"])["measurement"]
    traces = {row[8]: trace_row(changing.settings, "measurement", row[0]) for row in found}
    at = {
        value: (t.made.origin.delivery, t.made.origin.file, t.made.origin.line) for value, t in traces.items() if t.made
    }
    assert at == {12.9: ("2026-07-01", "LAB.csv", 3), 10.4: ("2026-07-02", "LAB.csv", 2)}
    outcomes = trace_line(changing.settings, "tiny", "LAB.csv", 3, date(2026, 7, 1)).outcomes
    [outcome] = [o for o in outcomes if o.entry == "results_measurement"]
    assert outcome.rows == (("measurement", next(row[0] for row in found if row[8] == 12.9)),)


def _last(hospital: Tiny) -> str:
    published = Ledger(hospital.settings.ledger_url).last_published("tiny")
    assert published is not None
    return str(published["run_id"])


def test_a_row_of_two_patients_whose_records_were_merged_one_after_the_other_is_counted_once(changing: Tiny) -> None:
    """A child's number was given up on the first night, the mother's on the second: both patients are mapped again."""
    patients = [(f"7000{n}", "가나다", "", "", "F", f"19{n}5-01-01", "", "N") for n in (4, 5, 6, 7)]
    first = night(
        1, PAT=patients, FAM=[("70004", "70005", "N")], MERGE=[("70004", "70006", "N")], EXM=MASTER
    )  # fmt: skip
    run_nights(changing, first, night(2, MERGE=[("70005", "70007", "N")]))
    rows = tiny.warehouse_rows(changing.settings, ["person", "fact_relationship"])
    assert len(rows["fact_relationship"]) == 2  # both directions, once each
    assert {row[0] for row in rows["person"]} == {
        fact for row in rows["fact_relationship"] for fact in (row[1], row[3])
    }
