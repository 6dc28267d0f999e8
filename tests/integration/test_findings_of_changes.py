"""What the gates find on a night of changes is what they would find of one whole night; what is carried is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import histories
import pytest
import tiny
from histories import Night
from tiny import Tiny

from etl.cli.sql import open_reader
from etl.night.pipeline import run_delivery, run_stage, stage_by_name
from etl.night.publish.approval import questions
from etl.night.remember import resume
from etl.quality.report.pages import write_reports
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING

ROOT = Path(__file__).parents[2]
TOGETHER = 12  # histories of patients of their own, delivered in the same nights
COMPARED = ("gate", "suite", "table_name", "description", "success", "unexpected", "total", "observed", "error")
#: Suites that hold a night against the one published before, or against how it came.
OTHERWISE = ("cdm.mapping_rate", "cdm.table_volume", "cdm.row_change", "cdm.identity_change", "cdm.metadata")
MAN = ("70001", "가나다", "", "", "M", "1945-01-01", "", "N")
WOMAN = ("70002", "라마바", "", "", "F", "1988-02-29", "", "N")
HIS = ("70001", "A01", "L001", "2026-06-28 09:00", "11.2", "g/dL")
HERS = ("70002", "A09", "L001", "2026-01-05 09:00", "neg", "g/dL")
MASTER = [("L001", "D2020010", "20110101", "99991231")]


def promise(kind: str, description: str, severity: str = "warn", **kwargs: Any) -> dict[str, Any]:
    meta = {"severity": severity, **kwargs.pop("meta", {})}
    return {"type": kind, "kwargs": kwargs, "meta": meta, "description": description}


def query(sql: str, description: str, **more: Any) -> dict[str, Any]:
    return promise("unexpected_rows_expectation", description, unexpected_rows_query=sql, **more)


SOURCE = {
    "results": [
        query("select _row from {batch} where try_cast(RESULT as double) is null", "RESULT is a number"),
        query(
            "select _row from {batch} where UNIT <> 'g/dL' "
            "qualify count(*) over () > 0.5 * (select count(*) from {batch})",
            "Half of the units are g/dL",
        ),
        promise("expect_column_values_to_be_in_set", "UNIT is g/dL for one of ten", column="UNIT", value_set=["g/dL"],
                mostly=0.1),
        promise("expect_column_values_to_be_between", "Codes of mg/dL sort before L003", column="EXM_CD",
                min_value="L", max_value="L0021", row_condition={
                    "type": "comparison", "column": {"name": "UNIT"}, "operator": "==", "parameter": "mg/dL"}),
        promise("expect_table_row_count_to_be_between", "There are fewer than ten results", max_value=9),
    ],
    "visits": [promise("expect_column_values_to_not_be_null", "Every stay ends", column="OUT_DTM")],
    "exam_codes": [query("select _row from {batch} where EDI_CD = 'D2180'", "No code is D2180")],
}  # fmt: skip
CDM = {
    "measurement": [
        query(
            "select measurement_id from {batch} as m join person as p on p.person_id = m.person_id "
            "where p.gender_concept_id = 8532",
            "No woman has a measurement",
            meta={"approve_above": 0.4},
        ),
        promise("expect_column_values_to_not_be_null", "Half have a number", column="value_as_number", mostly=0.5),
    ]
}


def suites(folder: Path, pattern: str) -> Path:
    """Those of the project's CDM suites, and some whose promises the tiny hospital breaks."""
    (folder / "cdm").mkdir(parents=True)
    for file in (ROOT / "expectations" / "cdm").glob(pattern):
        shutil.copy(file, folder / "cdm")
    (folder / "source" / "tiny").mkdir(parents=True)
    for source, promises in SOURCE.items():
        said = {"name": f"tiny.{source}", "expectations": promises}
        (folder / "source" / "tiny" / f"{source}.json").write_text(json.dumps(said), encoding="utf-8")
    for table, promises in CDM.items():
        file = folder / "cdm" / f"{table}.json"
        said = json.loads(file.read_text(encoding="utf-8"))
        said["expectations"] += promises
        file.write_text(json.dumps(said), encoding="utf-8")
    return folder


def make(home: Path, vocabulary: Path, cdm: str = "[mp]e*.json") -> Tiny:
    hospital = tiny.make(home, vocabulary, expectations=suites(home / "expectations", cdm))
    histories.make_delta(hospital, 2)
    return hospital


@pytest.fixture
def ajar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates find and record, but never close; however many persons a night touches, it never maps all of them."""
    monkeypatch.setattr("etl.night.check.stage.close_gate", lambda _: None)
    monkeypatch.setattr("etl.night.publish.stage.hold_unapproved", lambda *_: None)
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)


def found(hospital: Tiny, run_id: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = Ledger(hospital.settings.ledger_url).rows(FINDING, run_id, FINDING.c.gate, FINDING.c.number)
    return [tuple(row[c] for c in columns) for row in rows if row["suite"] not in OTHERWISE]


def run(hospital: Tiny, number: int, night: Night) -> str:
    folder = histories.write(hospital.drops, number, night)
    return run_delivery(hospital.settings, "tiny", folder, reason="a test", force=number == 0)[0]


@pytest.mark.parametrize("seed", [0, 2])
def test_the_findings_of_any_history_are_those_of_one_night(
    seed: int, vocabulary: Path, tmp_path: Path, ajar: None
) -> None:
    history = histories.nights(seed, TOGETHER)
    changing = make(tmp_path / "history", vocabulary, "*.json")
    last = [run(changing, number, night) for number, night in enumerate(history)][-1]
    whole = make(tmp_path / "outcome", vocabulary, "*.json")
    shutil.copytree(changing.settings.keys, whole.settings.keys)
    once = run(whole, 0, histories.as_one_night(history))
    assert found(changing, last, *COMPARED) == found(whole, once, *COMPARED)
    assert any(carried for (carried,) in found(changing, last, "carried"))
    assert all(carried is None for (carried,) in found(whole, once, "carried"))


def night(day: int, **rows: list[histories.Row]) -> Night:
    master = rows.pop("EXM", None)
    return Night(day, whole=False, rows=rows, gone={}, master=master)


def of(hospital: Tiny, run_id: str, description: str) -> tuple[Any, ...]:
    [row] = [r for r in found(hospital, run_id, "description", "unexpected", "total", "carried") if r[0] == description]
    return row[1:]


def test_what_is_wrong_with_others_stays_until_it_is_mended(vocabulary: Path, tmp_path: Path, ajar: None) -> None:
    hospital = make(tmp_path / "home", vocabulary)
    cdm, source = "No woman has a measurement", "RESULT is a number"
    first = run(hospital, 0, night(1, PAT=[MAN, WOMAN], LAB=[HIS, HERS], EXM=MASTER))
    assert (of(hospital, first, cdm), of(hospital, first, source)) == ((1, 2, None), (1, 2, None))
    second = run(hospital, 1, night(2, LAB=[(*HIS[:4], "10.4", "g/dL")]))
    assert (of(hospital, second, cdm), of(hospital, second, source)) == ((1, 2, 1), (1, 2, 1))
    told = Ledger(hospital.settings.ledger_url)
    page = write_reports(told, tmp_path / "pages", {}, run_ids=[second])
    assert any("</b> from earlier nights" in p.read_text("utf-8") for p in page.parent.rglob("*.html"))
    [asked] = questions(told, second)
    assert "1 of 2 rows, 1 from earlier nights" in asked.lines[0]
    lists = {r["description"]: r["rows_sql"] for r in told.rows(FINDING, second, FINDING.c.number)}
    with open_reader(hospital.settings, second) as con:
        assert [len(con.execute(lists[said]).fetchall()) for said in (cdm, source)] == [1, 1]
    mended = night(3, PAT=[(*WOMAN[:4], "M", *WOMAN[5:])], LAB=[(*HERS[:4], "9", "g/dL")])
    third = run(hospital, 2, mended)
    assert (of(hospital, third, cdm), of(hospital, third, source)) == ((0, 2, 0), (0, 2, 0))


def test_a_suite_that_asks_something_new_is_held_against_everybody(
    vocabulary: Path, tmp_path: Path, ajar: None
) -> None:
    hospital = make(tmp_path / "home", vocabulary)
    run(hospital, 0, night(1, PAT=[MAN, WOMAN], LAB=[HIS, HERS], EXM=MASTER))
    file = hospital.settings.expectations / "cdm" / "person.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    said["expectations"].append(
        query("select person_id from {batch} where gender_concept_id = 8532", "Nobody is a woman")
    )
    file.write_text(json.dumps(said), encoding="utf-8")
    second = run(hospital, 1, night(2, LAB=[(*HIS[:4], "10.4", "g/dL")]))
    assert of(hospital, second, "Nobody is a woman") == (1, 2, 1)


def test_a_gate_that_is_tried_again_tells_the_same(vocabulary: Path, tmp_path: Path, ajar: None) -> None:
    hospital = make(tmp_path / "home", vocabulary)
    run(hospital, 0, night(1, PAT=[MAN, WOMAN], LAB=[HIS, HERS], EXM=MASTER))
    second = run(hospital, 1, night(2, LAB=[(*HIS[:4], "neg", "g/dL")]))
    columns = (*COMPARED, "carried")
    before = found(hospital, second, *columns)
    assert of(hospital, second, "RESULT is a number") == (2, 2, 1)
    run_stage(resume(hospital.settings, second), stage_by_name("check_cdm"))
    assert found(hospital, second, *columns) == before


def test_a_comma_that_means_another_thing_than_on_an_earlier_night_is_found(
    vocabulary: Path, tmp_path: Path, ajar: None
) -> None:
    hospital = make(tmp_path / "home", vocabulary)
    use = "A comma stands for one thing in the column's numbers"

    def told(run_id: str) -> list[tuple[Any, ...]]:
        return [row[1:] for row in found(hospital, run_id, "description", "unexpected", "total") if use in row[0]]

    decimals, thousands = (*HIS[:4], "7,3", "g/dL"), (*HERS[:4], "1,234", "g/dL")
    first = run(hospital, 0, night(1, PAT=[MAN, WOMAN], LAB=[decimals], EXM=MASTER))
    second = run(hospital, 1, night(2, LAB=[thousands]))
    assert (told(first), told(second)) == ([], [(1, 2)])
    third = run(hospital, 2, night(3, LAB=[(*HIS[:4], "7.3", "g/dL")]))
    assert told(third) == []
