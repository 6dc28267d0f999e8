"""Nights are held against those before them on both warehouses, and what is kept for that tells of no patient."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny
import yaml
from tiny import Tiny

from etl.night.pipeline import run_delivery
from etl.night.publish.approval import ApprovalMissing
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import DRIFT_FIGURES


@pytest.fixture
def watched(either: Tiny, tmp_path: Path) -> Tiny:
    """A hospital with two nights published, of which two rows more or less are told already."""
    expectations = tmp_path / "watched"
    shutil.copytree(tiny.DATA / "expectations", expectations)
    said = yaml.safe_load((PROJECT / "expectations" / "drift.yaml").read_text(encoding="utf-8"))
    for rule in said["kinds"].values():
        rule["least"] = 1
    (expectations / "drift.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    either.settings = either.settings.model_copy(update={"expectations": expectations})
    either.publish()
    either.publish(tiny.NIGHT + timedelta(days=1))
    return either


def test_a_night_without_most_diagnoses_waits_and_names_the_source(watched: Tiny) -> None:
    del watched.tables["DIAG.csv"][2:]
    night = tiny.NIGHT + timedelta(days=2)
    with pytest.raises(ApprovalMissing, match="diagnoses: There are as many rows as on the nights before"):
        run_delivery(watched.settings, "tiny", watched.deliver(night), night)


def test_figures_hold_no_value_of_a_patient(watched: Tiny) -> None:
    kept = Ledger(watched.settings.ledger_url).read(sa.select(DRIFT_FIGURES))
    assert sorted(row["gate"] for row in kept) == ["cdm", "cdm", "source", "source"]
    header, *patients = watched.tables["PAT.csv"]
    values = {value for row in patients for value in row if len(value) > 3}
    assert header and values
    told = {item for row in kept for *_, mix in json.loads(row["figures"]) for item in mix}
    assert not told & values
