"""Nights that bring changes: the result is that of a whole delivery of the final state, whatever the history was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import histories
import pytest
import tiny
from histories import Night

from etl.cdm.spec import hospital_tables
from etl.pipeline import STAGES, attempt, open_run
from etl.run import begin
from tiny import Tiny

TOGETHER = 25  # histories of patients of their own, delivered in the same nights
HISTORIES = int(os.environ.get("ETL_TEST_HISTORIES", "100"))
GATES = ("check_source", "check_cdm")
# how many rows came and were replaced since differs between a history and its outcome
COMPARED = [t for t in hospital_tables() if t != "metadata"]


def publish(hospital: Tiny, folder: Path) -> str:
    """Take a delivery through all stages but the gates."""
    run = begin(hospital.settings, "tiny", folder, None, None)
    open_run(run)
    for stage in STAGES:
        if stage.name not in GATES:
            attempt(run, stage)
    return run.run_id


def outcomes(hospital: Tiny, run_id: str) -> dict[tuple[str, str, str], int]:
    from etl.ledger import Ledger

    rows = Ledger(hospital.settings.ledger_url).accounts(run_id).source
    return {
        (r["source"], r["outcome"], r["reason"]): r["rows"]
        for r in rows
        if r["reason"] not in ("superseded", "deleted") and not r["source"].endswith("__deleted")
    }


def of_history(home: Path, vocabulary: Path, history: list[Night]) -> tuple[Any, Any]:
    """Warehouse and accounts after the nights of a history, one after the other."""
    hospital = tiny.make(home, vocabulary)
    histories.make_delta(hospital)
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
    monkeypatch.setattr("etl.state.merge._TOO_MANY", 2)  # half of these few patients are touched in any night
    history = histories.nights(seed, TOGETHER)
    there, accounts = of_history(tmp_path / "history", vocabulary, history)
    wanted, expected = of_outcome(tmp_path / "outcome", vocabulary, history, tmp_path / "history" / "keys")
    for table in COMPARED:
        assert there[table] == wanted[table], table
    assert accounts == expected
