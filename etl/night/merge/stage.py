"""The stage `merge` of a run."""

from __future__ import annotations

from pathlib import Path

from etl.engine import open_engine
from etl.night.finished import key_of, rows_of, written
from etl.night.lake.history import joined_layers, refuse_gap
from etl.night.lake.published import find_published, state_of
from etl.night.merge.folding import fold_layers, known_state
from etl.night.merge.merge import merge
from etl.night.run import Progress, Run
from etl.store.ledger.records import Accounts


def find_whom_it_touches(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Add the landed delivery to the hospital's state, and find the persons that have to be mapped again."""
    refuse_gap(run)
    published = find_published(run, run.ledger, run.warehouse)
    layers = joined_layers(run)
    fold = fold_layers(run, layers, published, progress)

    def work(place: Path) -> Accounts:
        known = known_state(run, layers)
        with open_engine(run.settings) as con:
            return merge(con, run, layers, published, place, progress, fold=fold, known=known)

    before = f"{published.run_id}\0{published.state.digest}" if published else ""
    inputs = "\0".join([key_of(run, "land"), before, fold.name if fold else "", *(x.name for x in layers)])
    accounts, done = written(run, "merge", inputs, work)
    run.ledger.update_run(run.run_id, touched=state_of(run)[0].persons(run.settings))
    return rows_of(accounts.files), done
