"""The stage `derive` of a run."""

from __future__ import annotations

from pathlib import Path

from etl.engine import open_engine
from etl.night.derive.derive import derive
from etl.night.finished import key_of, rows_of, written
from etl.night.lake.published import layers_of, state_of
from etl.night.run import Progress, Run
from etl.store.ledger.records import Accounts


def derive_tables(run: Run, _progress: Progress | None) -> tuple[int, str]:
    """Make observation periods, eras and `metadata` from the mapped tables."""
    state, published = state_of(run)

    def work(place: Path) -> Accounts:
        before = run.ledger.accounts(run.run_id)
        earlier = published.derived if published else ()
        touched = layers_of(run, state, run.folder("map").name)[0].touched
        with open_engine(run.settings, state.as_of) as con:
            return derive(con, run.mapping.hospital, run.release, run.folder("map"), place, before, earlier, touched)

    accounts, done = written(run, "derive", key_of(run, "map"), work)
    return rows_of(accounts.tables), done
