"""Nights of changes that lie in a drop folder are run in their order, or named; nobody goes on without one unawares."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import histories
import pytest
import tiny
from histories import FIRST, Night, Row
from tiny import Tiny

from etl.cli.due import nights_due, not_nights
from etl.cli.run import How, run_nights
from etl.errors import InputError
from etl.night.delivery import night_of
from etl.night.pipeline import run_delivery
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING

PATIENT = ("70001", "가나다", "", "", "M", "1945-01-01", "", "N")
RESULT = ("70001", "A01", "L001", "2026-06-28 09:00", "11.2", "g/dL")
MASTER = [("L001", "D2020010", "20110101", "99991231")]


def drop(hospital: Tiny, day: int, value: str | None = None, *, whole: bool = False) -> Path:
    """A night with one result, the first one also with the patient, in the hospital's drop folder."""
    rows: dict[str, list[Row]] = {"LAB": [(*RESULT[:4], value or f"1{day}", "g/dL")]}
    if day == 1 or whole:
        rows["PAT"] = [PATIENT]
    night = Night(day, whole=whole, rows=rows, gone={}, master=MASTER if day == 1 else None)
    made = histories.write(hospital.drops / "made", day, night)
    folder = hospital.drops / "tiny" / made.name
    folder.parent.mkdir(exist_ok=True)
    return made.rename(folder)


def results(hospital: Tiny) -> list[float]:
    return [row[8] for row in tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]]


def run(hospital: Tiny, folder: Path, *, force: bool = False) -> str:
    return run_delivery(hospital.settings, "tiny", folder, force=force)[0]


def findings(hospital: Tiny, run_id: str) -> dict[str, str]:
    rows = Ledger(hospital.settings.ledger_url).rows(FINDING, run_id, FINDING.c.number)
    return {row["expectation"]: row["observed"] for row in rows if row["suite"] == "delivery"}


def test_all_runs_every_night_since_the_published_one_in_order(delta: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    run(delta, drop(delta, 1))
    for day in (4, 2, 3):
        drop(delta, day)
    due = nights_due(delta.settings, delta.drops)
    assert [night_of(each.folder).day for each in due] == [2, 3, 4]
    assert run_nights(delta.settings, due, How(as_json=True)) == 0
    assert [r["state"] for r in json.loads(capsys.readouterr().out)["runs"]] == ["published"] * 3
    assert results(delta) == [14]
    [again] = nights_due(delta.settings, delta.drops)
    assert night_of(again.folder).day == 4


def test_a_night_that_stops_holds_up_those_after_it(delta: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    run(delta, drop(delta, 1))
    (drop(delta, 2) / "manifest.csv").write_text("file,bytes\nPAT.csv,1\n", encoding="utf-8")
    drop(delta, 3)
    code = run_nights(delta.settings, nights_due(delta.settings, delta.drops), How(as_json=True))
    said = json.loads(capsys.readouterr().out)["runs"]
    assert (code, [r["state"] for r in said]) == (3, ["stopped", "not run"])
    assert "2026-07-03 was not run" in said[1]["message"]
    assert results(delta) == [11]


def test_nights_before_the_last_whole_one_are_not_due(delta: Tiny) -> None:
    run(delta, drop(delta, 1))
    drop(delta, 2)
    drop(delta, 3, whole=True)
    drop(delta, 4)
    assert [night_of(d.folder).day for d in nights_due(delta.settings, delta.drops)] == [3, 4]
    run(delta, delta.drops / "tiny" / "2026-07-03")


def test_one_night_does_not_jump_over_another_unawares(delta: Tiny) -> None:
    run(delta, drop(delta, 1))
    missed, night = drop(delta, 2), drop(delta, 3)
    with pytest.raises(InputError, match="never run: 2026-07-02") as raised:
        run(delta, night)
    assert str(missed) in str(raised.value)
    assert Ledger(delta.settings.ledger_url).newest_run("tiny")["state"] == "published"  # a refusal leaves no trace
    forced = run(delta, night, force=True)
    assert findings(delta, forced) == {"expect_no_night_to_be_left_out": "2026-07-02"}
    run(delta, missed)  # a late night is put where it belongs
    assert results(delta) == [13]


def test_a_night_that_stopped_is_named_and_holds_up_nobody_else(delta: Tiny) -> None:
    run(delta, drop(delta, 1))
    broken = drop(delta, 2)
    (broken / "manifest.csv").write_text("file,bytes\nPAT.csv,1\n", encoding="utf-8")
    with pytest.raises(InputError):
        run(delta, broken)
    after = run(delta, drop(delta, 3))
    assert findings(delta, after) == {"expect_no_night_to_be_left_out": "2026-07-02"}


def test_the_same_files_under_another_date_are_told(vocabulary: Path, tmp_path: Path) -> None:
    hospital = tiny.make(tmp_path / "home", vocabulary)
    first, second = hospital.deliver(), hospital.deliver(tiny.NIGHT + timedelta(days=1))
    assert findings(hospital, run(hospital, first)) == {}
    assert findings(hospital, run(hospital, second)) == {"expect_files_to_be_new": str(tiny.NIGHT)}


@pytest.mark.parametrize("name", ["2026-07-01_resend", "snuh-20260701", "2026-13-01"])
def test_what_is_only_partly_a_day_names_no_night(delta: Tiny, name: str) -> None:
    folder = drop(delta, 1).rename(delta.drops / "tiny" / name)
    with pytest.raises(InputError, match="cannot be told"):
        run(delta, folder)
    assert not_nights(delta.settings, delta.drops) == [folder]
    run_id, _ = run_delivery(delta.settings, "tiny", folder, FIRST)
    assert f"{FIRST:%Y%m%d}" in run_id
