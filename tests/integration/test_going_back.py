"""Going back: what was gone back from does not come again by itself, and what was cut off is neither done twice nor
half."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny
from tiny import Tiny

from etl.cdm.spec import hospital_tables
from etl.errors import ConfigError, EtlError, InputError, UsageError
from etl.night.pipeline import run_delivery, run_stage, stage_by_name
from etl.night.publish.rollback import roll_back
from etl.night.remember import resume
from etl.store.keys.fitting import file_of
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse

SECOND = tiny.NIGHT.replace(day=2)
THIRD = tiny.NIGHT.replace(day=3)


def rows_of(hospital: Tiny) -> dict:
    return tiny.warehouse_rows(hospital.settings, hospital_tables())


def run(hospital: Tiny, night=tiny.NIGHT, **how) -> tuple[str, bool]:
    return run_delivery(hospital.settings, "tiny", hospital.drops / night.isoformat(), **how)


def ledger_of(hospital: Tiny) -> Ledger:
    return Ledger(hospital.settings.ledger_url)


def rerun_otherwise(hospital: Tiny) -> None:
    """The published delivery again, by other mappings."""
    hospital.rewrite("subjects.yaml", "value: MEMO", "value: upper(MEMO)")
    run(hospital, force=True, reason="letters")


def test_a_rerun_that_was_gone_back_from_is_not_published_by_itself(every_way: Tiny) -> None:
    run_id = every_way.publish()
    first = rows_of(every_way)
    rerun_otherwise(every_way)
    again = rows_of(every_way)
    assert again != first
    roll_back(every_way.settings, "tiny", None, actor="officer", reason="capitals are wrong")
    assert rows_of(every_way) == first
    with pytest.raises(InputError, match="was rolled back by officer: capitals are wrong") as raised:
        run(every_way)
    assert "--force" in str(raised.value.hint)
    assert rows_of(every_way) == first
    assert ledger_of(every_way).run(run_id)["state"] == "published"
    run(every_way, force=True, reason="they are right")
    assert rows_of(every_way) == again
    assert run(every_way) == (run_id, False)


def test_the_rerun_of_a_night_gone_back_to_is_no_return(either: Tiny) -> None:
    """Who goes back to a night may run just that one with corrected mappings."""
    first = either.publish()
    either.tables["LAB.csv"][1][4] = "11.4"
    either.publish(SECOND)
    roll_back(either.settings, "tiny", None, actor="officer", reason=None)
    either.rewrite("subjects.yaml", "value: MEMO", "value: upper(MEMO)")
    assert run(either) == (first, True)


def test_going_back_again_after_a_kill_does_not_go_back_twice(either: Tiny) -> None:
    either.publish()
    either.tables["LAB.csv"][1][4] = "11.4"
    second = either.publish(SECOND)
    either.tables["LAB.csv"][1][4] = "11.5"
    either.publish(THIRD)
    warehouse = open_warehouse(either.settings)
    warehouse.rollback("tiny", 5, warehouse.nights("tiny")[1].step)  # killed before it was recorded
    with pytest.raises(UsageError, match="the ledger recorded") as raised:
        roll_back(either.settings, "tiny", None, actor="officer", reason="a wrong unit")
    assert "--to" in str(raised.value.hint)
    assert open_warehouse(either.settings).published("tiny").run_id == second
    assert ledger_of(either).last_published("tiny")["run_id"] == second
    roll_back(either.settings, "tiny", None, actor="officer", reason="a wrong unit")
    assert open_warehouse(either.settings).published("tiny").night == tiny.NIGHT


def test_nothing_that_was_killed_is_recorded_by_the_next_attempt(either: Tiny) -> None:
    either.publish()
    open_warehouse(either.settings).clear("tiny", 5)  # killed before it was recorded
    done = roll_back(either.settings, "tiny", "nothing", actor="officer", reason="the key store is lost")
    assert (done.target, done.left) == (None, ())
    assert not ledger_of(either).gave_ids("tiny")
    for part in file_of(either.settings, "tiny").parent.glob("*"):
        part.unlink()
    either.publish(SECOND)
    with pytest.raises(UsageError, match="nothing of tiny is published"):
        roll_back(either.settings, "tiny", "nothing", actor="officer", reason="once more")
        roll_back(either.settings, "tiny", "nothing", actor="officer", reason="once more")


def test_where_warehouse_and_store_are_lost_what_the_refusal_says_leads_on(hospital: Tiny) -> None:
    hospital.publish()
    for part in ("warehouse", "keys"):
        shutil.rmtree(hospital.settings.home / part)
    folder = hospital.deliver(SECOND)
    with pytest.raises(ConfigError, match="is missing") as raised:
        run_delivery(hospital.settings, "tiny", folder)
    assert "--to nothing" in str(raised.value.hint)
    roll_back(hospital.settings, "tiny", "nothing", actor="officer", reason="all is lost")
    run_delivery(hospital.settings, "tiny", folder)
    assert rows_of(hospital)["person"]


def test_ids_that_were_given_up_are_not_published_again(either: Tiny, tmp_path: Path) -> None:
    """A run whose ids another store gave out would say that they are the ones of today's."""
    old = either.publish()
    keys = file_of(either.settings, "tiny").parent
    lost = shutil.move(keys, tmp_path / "lost")
    roll_back(either.settings, "tiny", "nothing", actor="officer", reason="the key store is lost")
    refused(either, old, "is missing")
    _, first, *_ = either.tables["PAT.csv"]
    either.tables["PAT.csv"].append(["70099", *first[1:]])
    either.publish(SECOND)
    before = rows_of(either)
    refused(either, old, "is another store")
    assert rows_of(either) == before
    either.publish(THIRD)
    shutil.rmtree(keys)
    shutil.copytree(lost, keys)
    with pytest.raises(ConfigError, match="is another store"):
        run_delivery(either.settings, "tiny", either.deliver(THIRD.replace(day=4)))


def refused(hospital: Tiny, run_id: str, why: str) -> None:
    with pytest.raises(EtlError) as raised:
        run_stage(resume(hospital.settings, run_id), stage_by_name("publish"))
    assert raised.value.exit_code == 4, raised.value
    assert why in raised.value.message
    assert "--force" in str(raised.value.hint)
