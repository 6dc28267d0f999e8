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

from etl.errors import ConfigError
from etl.night.pipeline import run_delivery
from etl.night.publish.approval import ApprovalMissing
from etl.onboarding.definitions import check_everything
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import DRIFT_FIGURES, FINDING


@pytest.fixture
def watched(either: Tiny, tmp_path: Path) -> Tiny:
    """A hospital with two nights published, of which two rows more or less are told already."""
    return watch(either, tmp_path)


def watch(either: Tiny, tmp_path: Path) -> Tiny:
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


def test_a_hospital_s_own_limits_hold_for_a_while_and_are_listed(hospital: Tiny, tmp_path: Path) -> None:
    watched = watch(hospital, tmp_path)
    own = watched.settings.expectations / "drift" / "overrides" / "tiny.yaml"
    own.parent.mkdir(parents=True)
    said = "{kind: fewer, hold: 1, reason: old records are archived, until: 2026-07-03}"
    own.write_text(f"- {said}", encoding="utf-8")
    (line,) = [line for line in check_everything(watched.settings, ["tiny"]) if "drift: " in line]
    assert line.startswith("  drift: fewer: hold 1 until 2026-07-03: old records are archived")
    del watched.tables["DIAG.csv"][2:]
    run_id = watched.publish(tiny.NIGHT + timedelta(days=2))
    failed = (FINDING.c.run_id == run_id) & FINDING.c.success.is_(False) & (FINDING.c.table_name == "diagnoses")
    told = Ledger(watched.settings.ledger_url).read(sa.select(FINDING.c.description).where(failed))
    assert any(row["description"].endswith("until 2026-07-03: old records are archived)") for row in told)
    own.write_text(f"- {said.replace('hold: 1', 'table: diagnosis, hold: 1')}", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'diagnoses'"):
        list(check_everything(watched.settings, ["tiny"]))


def test_figures_hold_no_value_of_a_patient(watched: Tiny) -> None:
    kept = Ledger(watched.settings.ledger_url).read(sa.select(DRIFT_FIGURES))
    assert sorted(row["gate"] for row in kept) == ["cdm", "cdm", "source", "source"]
    header, *patients = watched.tables["PAT.csv"]
    values = {value for row in patients for value in row if len(value) > 3}
    assert header and values
    told = {item for row in kept for *_, mix in json.loads(row["figures"]) for item in mix}
    assert not told & values
