"""Long histories of nights of changes: folding the older nights changes nothing but what a night has to read."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import histories
import pytest
import tiny
from histories import Night
from tiny import Tiny

from etl.engine import open_engine
from etl.errors import TransientError
from etl.night.attempt import attempt
from etl.night.lake.folds import Fold, landed_layers
from etl.night.lake.published import state_of
from etl.night.lake.views import create_landed
from etl.night.merge.folding import LATE
from etl.night.opening import open_run
from etl.night.pipeline import stage_by_name
from etl.night.remember import begin
from etl.night.run import Run
from etl.store.ledger.records import Accounts

LENGTH = int(os.environ.get("ETL_TEST_NIGHTS", "24"))
EVERY = 4


def make(home: Path, vocabulary: Path, fold_every: int, keys: Path | None = None) -> Tiny:
    hospital = tiny.make(home, vocabulary)
    histories.make_delta(hospital, fold_every)
    if keys:
        shutil.copytree(keys, hospital.settings.keys)
    return hospital


def merged(hospital: Tiny, number: int, night: Night, *, force: bool = False) -> Run:
    """Take a night into the hospital's state."""
    run = begin(hospital.settings, "tiny", histories.write(hospital.drops, number, night), None, None, force=force)
    open_run(run)
    for stage in ("land", "merge"):
        attempt(run, stage_by_name(stage))
    return run


def rows(run: Run) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that count, by source, each with the number that leads back to its line."""
    with open_engine(run.settings, run.delivery.night) as con:
        create_landed(con, run.mapping, state_of(run)[0])
        return {
            name: con.execute(f"select * from landed.{name} order by all").fetchall() for name in run.mapping.sources
        }


def accounts(run: Run) -> Accounts:
    found = run.ledger.accounts(run.run_id)
    return Accounts(
        files=sorted(found.files, key=str), source=sorted(found.source, key=lambda r: (r["source"], r["reason"]))
    )


@pytest.mark.parametrize("seed", range(-(-LENGTH // 40)))
def test_a_folded_history_is_the_same_history(seed: int, vocabulary: Path, tmp_path: Path) -> None:
    folding = make(tmp_path / "folding", vocabulary, EVERY)
    never = make(tmp_path / "never", vocabulary, 10_000)
    history = histories.many_nights(seed, 2, LENGTH)
    folded = [merged(folding, i, night) for i, night in enumerate(history)]
    shutil.copytree(folding.settings.keys, never.settings.keys)
    whole = [merged(never, i, night) for i, night in enumerate(history)]
    assert [accounts(run) for run in folded] == [accounts(run) for run in whole]
    for one, other in zip(folded[9::10], whole[9::10], strict=True):
        assert rows(one) == rows(other)
    state, _ = state_of(folded[-1])
    assert state.fold is not None
    assert len(landed_layers(folded[-1].mapping, state.layers, state.fold)) <= EVERY + min(EVERY, LATE)


def folds(run: Run) -> list[str]:
    return sorted(f.name for f in run.folder("merge").parent.glob("fold=*"))


def fold_of(run: Run) -> Fold:
    fold = state_of(run)[0].fold
    assert fold is not None
    return fold


@pytest.fixture
def folded(vocabulary: Path, tmp_path: Path) -> tuple[Tiny, Run]:
    """Eight nights, folded two at a time; and the run of the last one."""
    hospital = make(tmp_path / "home", vocabulary, 2)
    runs = [merged(hospital, i, replace(night, whole=False)) for i, night in enumerate(histories.many_nights(7, 4, 8))]
    return hospital, runs[-1]


def test_a_fold_that_broke_off_is_made_again_and_is_the_same(
    folded: tuple[Tiny, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital, before = folded
    night = replace(histories.many_nights(8, 1, 1)[0], day=20)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError("no space left")

        patch.setattr("etl.night.merge.folding.write_fold", full)
        with pytest.raises(TransientError):
            merged(hospital, 20, replace(night, day=20))
            merged(hospital, 21, replace(night, day=21))
    assert folds(before)[-1] == fold_of(before).name
    run = merged(hospital, 21, replace(night, day=21))
    fold = fold_of(run)
    assert fold.name != fold_of(before).name
    files = {f.name: f.read_bytes() for f in fold.folder.rglob("*") if f.is_file()}
    shutil.rmtree(fold.folder)
    assert rows(merged(hospital, 21, replace(night, day=21))) == rows(run)
    assert {f.name: f.read_bytes() for f in fold.folder.rglob("*") if f.is_file()} == files


def test_a_fold_is_not_used_for_a_contract_that_tells_rows_apart_otherwise(folded: tuple[Tiny, Run]) -> None:
    hospital, before = folded
    old = fold_of(before)
    assert not [row for row in rows(before)["patients"] if "Y" in row]
    hospital.rewrite("sources.yaml", "deleted: DEL = 'Y'", "deleted: DEL = 'Z'")
    run = merged(hospital, 30, replace(histories.many_nights(8, 1, 1)[0], day=30))
    assert fold_of(run).rules != old.rules
    assert [row for row in rows(run)["patients"] if "Y" in row]


def test_an_older_delivery_of_a_night_does_not_come_back_by_being_run_again(folded: tuple[Tiny, Run]) -> None:
    hospital, _ = folded
    first, again = (replace(n, day=20, whole=False) for n in histories.many_nights(9, 4, 2))
    merged(hospital, 20, first)
    expected = rows(merged(hospital, 21, again))
    assert rows(merged(hospital, 20, first)) == expected
