"""The stage `land` of a run."""

from __future__ import annotations

from pathlib import Path

from etl.engine import open_engine
from etl.night.finished import rows_of, written
from etl.night.lake.folds import read_folds
from etl.night.lake.layers import landed_marks, number_of
from etl.night.land.land import land
from etl.night.run import Progress, Run
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.keys.fitting import file_of, refuse_misfit
from etl.store.keys.keystore import open_key_store
from etl.store.ledger.records import Accounts


def land_files(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Land the delivery's files; its record numbers become ids of the hospital's key store.

    Raises ConfigError, before a number is handed out, where the store is not the one of what is published.
    """
    _refuse_another_store(run)
    said = Said("key store opened", "pipeline", subject=f"{run.delivery.hospital} {run.run_id}")
    with run.ledger.engine.begin() as con:
        write(con, said)
    keys = open_key_store(run.settings, run.delivery.hospital, run.mapping.hospital.number)
    try:

        def work(place: Path) -> Accounts:
            folds = read_folds(run.folder("merge").parent, run.folder("land").parent)
            number = number_of(run.folder("land"), [x for fold in folds for x in fold.layers])
            with open_engine(run.settings, run.delivery.night, identifiers=True) as con:
                return land(con, run.mapping, run.delivery, keys, place, number, progress)

        accounts, state = written(run, "land", f"{run.delivery.sha256}\0{keys.id}", work)
    finally:
        keys.close()
    run.ledger.update_run(run.run_id, bytes_in=run.delivery.bytes)
    return rows_of(accounts.files), state


def _refuse_another_store(run: Run) -> None:
    """The store must have come as far as what is published, and as what has landed with it since."""
    hospital, file = run.delivery.hospital, file_of(run.settings, run.delivery.hospital)
    known = run.warehouse.key_marks(hospital, run.mapping.hospital.number)
    if known is None and not run.ledger.gave_ids(hospital):
        return  # nobody has an id that could be given to somebody else
    landed = landed_marks(run.folder("land").parent)
    same = [m for m in landed if known is None or m.store == known.store or not known.store]
    for marks in ([known] if known else []) + same[-1:]:
        refuse_misfit(file, hospital, marks)
