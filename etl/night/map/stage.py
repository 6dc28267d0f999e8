"""The stage `map` of a run."""

from __future__ import annotations

from pathlib import Path

from etl.engine import open_engine
from etl.night.finished import key_of, rows_of, written
from etl.night.lake.published import layers_of, state_of
from etl.night.lake.views import create_views
from etl.night.map.map import map_sources
from etl.night.run import Progress, Run
from etl.store.ledger.records import Accounts


def map_to_cdm(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Map the touched persons' rows to CDM tables; the mapping rates are kept beside those of the night before."""
    state, published = state_of(run)

    def work(place: Path) -> Accounts:
        with open_engine(run.settings, state.as_of) as con:
            create_views(con, run.mapping, state)
            earlier = published.mapped if published else ()
            touched = layers_of(run, state, run.folder("map").name)[0].touched
            return map_sources(con, run.mapping, run.release, place, progress, earlier, touched)

    accounts, done = written(run, "map", key_of(run, "merge"), work)
    _record_rates(run, accounts)
    return rows_of(accounts.source), done


def _record_rates(run: Run, accounts: Accounts) -> None:
    """The mapping rates again, now beside those of the last published night."""
    before = run.ledger.last_published(run.delivery.hospital, before=run.run_id)
    previous = run.ledger.rates(before["run_id"]) if before else {}
    rates = [{**row, "previous_rate": previous.get(row["domain"])} for row in accounts.rates]
    run.ledger.record_accounts(run.run_id, Accounts(rates=rates))
