"""The stage `publish` of a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from etl.cdm.spec import hospital_tables
from etl.engine import rows_of_files, unlock
from etl.errors import TransientError, UsageError
from etl.mapping.consortium import cdm_source_row, read_consortium
from etl.night.finished import DONE, key_of
from etl.night.lake.candidate import candidate_files
from etl.night.lake.layers import LAYER, read_layer
from etl.night.lake.published import layers_of, state_of
from etl.night.publish.approval import hold_unapproved
from etl.night.publish.reconcile import reconcile
from etl.night.run import Progress, Run
from etl.store.keys.fitting import file_of, refuse_ids_of_another, refuse_misfit
from etl.store.marks import Marks
from etl.store.warehouse.protocol import Publication


def publish(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Publish the candidate in one transaction, when its accounts add up and nobody has to approve it any more."""
    hold_unapproved(run.ledger, run.run_id)
    _refuse_other_ids(run)
    state, _ = state_of(run)
    reconcile(run.ledger.accounts(run.run_id), rows_of_files(run.settings, _candidate(run)) if state.whole else None)
    warehouse = run.warehouse
    warehouse.initialise()
    held = warehouse.published(run.delivery.hospital)
    if state.base and (held is None or held.run_id not in (state.base.run_id, run.run_id)):
        raise TransientError(
            f"another night of {run.delivery.hospital} was published meanwhile", hint="run again from the start"
        )
    warehouse.publish_vocabulary(run.release)
    source = cdm_source_row(read_consortium(run.settings.mappings), run.release, state.as_of)
    counts = warehouse.publish(publication_of(run), source, progress)
    return sum(counts.values()), DONE


def refuse_publication(run: Run) -> None:
    """Refuse what cannot be published before an attempt at it is recorded: what is published stays recorded so."""
    held = run.warehouse.published(run.delivery.hospital)
    recorded = run.ledger.run(run.run_id)
    if held and recorded and (held.run_id, held.mappings) == (run.run_id, recorded["mappings"]):
        raise UsageError(f"{run.run_id} is what is published")
    hold_unapproved(run.ledger, run.run_id)
    _refuse_other_ids(run)


def _refuse_other_ids(run: Run) -> None:
    """Ids that were given up are not published beside those that the store has given out since."""
    if not (run.folder("land") / LAYER).exists():
        return  # which stage is missing is told where it is asked for
    layer = read_layer(run.folder("land"))
    hospital = run.delivery.hospital
    refuse_ids_of_another(file_of(run.settings, hospital), hospital, run.run_id, layer.marks or Marks(layer.keys))


def _candidate(run: Run) -> dict[str, Path]:
    return candidate_files([run.folder("map"), run.folder("derive")])


def publication_of(run: Run) -> Publication:
    """What the stage `publish` would publish of a run; InputError when it has not come so far."""
    state, _ = state_of(run)
    for stage in ("map", "derive"):
        key_of(run, stage)
    files, rows = _candidate(run), run.ledger.accounts(run.run_id).rows_by_table()
    hospital = run.mapping.hospital
    mapped, derived = layers_of(run, state, run.folder("map").name)
    store = file_of(run.settings, hospital.hospital)
    return Publication(
        hospital.hospital, hospital.number, run.run_id, state.as_of,
        files={t: f for t, f in files.items() if t in hospital_tables()},
        rows={t: rows[t] for t in hospital_tables() if t in rows},
        touched=mapped.touched, extended=derived.extended, mappings=run.fingerprint,
        names=(hospital.name.ko, hospital.name.en),
        marks=read_layer(run.folder("land")).marks,
        check_keys=partial(refuse_misfit, store, hospital.hospital),
        unlock=partial(unlock, settings=run.settings),
    )  # fmt: skip
