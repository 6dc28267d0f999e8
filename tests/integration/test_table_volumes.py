"""A night that brings far fewer rows than the last one waits for a person, who is told of which table."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import tiny
from tiny import Tiny

from etl.night.pipeline import run_delivery
from etl.night.publish.approval import ApprovalMissing
from etl.settings import PROJECT

SUITE = PROJECT / "expectations" / "cdm" / "table_volume.json"
NEXT = tiny.NIGHT + timedelta(days=1)


@pytest.fixture
def hospital(tmp_path: Path, vocabulary: Path) -> Tiny:
    """One that published a night; a table of four rows is large to it."""
    expectations = tmp_path / "expectations"
    shutil.copytree(tiny.DATA / "expectations", expectations)
    said = SUITE.read_text(encoding="utf-8")
    assert said.count(">= 1000") == 2
    (expectations / "cdm" / SUITE.name).write_text(said.replace(">= 1000", ">= 4"), encoding="utf-8")
    made = tiny.make(tmp_path / "home", vocabulary, expectations=expectations)
    made.publish()
    return made


def test_a_night_that_lost_a_fifth_of_a_table_waits_and_names_it(hospital: Tiny) -> None:
    del hospital.tables["DIAG.csv"][2:]
    with pytest.raises(ApprovalMissing) as caught:
        run_delivery(hospital.settings, "tiny", hospital.deliver(NEXT), NEXT)
    (told,) = [line for line in str(caught.value).splitlines() if "table_volume" in line]
    assert "lost a fifth" in told
    assert "condition_occurrence 1 rows (usually " in told
    assert "measurement" not in told, "a table that holds what it held is not blamed"


def test_a_night_like_the_last_one_is_published(hospital: Tiny) -> None:
    run_delivery(hospital.settings, "tiny", hospital.deliver(NEXT), NEXT)


def test_a_first_night_has_nothing_to_be_compared_with(tmp_path: Path, hospital: Tiny) -> None:
    assert hospital.publish(NEXT)
