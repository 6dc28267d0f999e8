"""The stages of a night, in order. The command line and the Airflow DAG run this same list."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from etl import ledger as ledgers
from etl.cdm.candidate import candidate_files
from etl.cdm.spec import hospital_tables
from etl.deidentify.keystore import open_key_store
from etl.delivery import night_of
from etl.derive.run import derive
from etl.engine import open_engine
from etl.errors import ConfigError, EtlError, GateClosed, InputError, TransientError
from etl.land.land import land
from etl.ledger import Accounts, now
from etl.mapping.run import map_sources
from etl.publish.approval import hold_unapproved
from etl.publish.reconcile import reconcile
from etl.publish.source import cdm_source_row, read_consortium
from etl.run import MARKER, Progress, Run, begin, finish, hospital_lock, resume, reusable, workspace
from etl.settings import Settings
from etl.stages import STAGE_NAMES
from etl.state.folding import fold_layers, known_state
from etl.state.folds import read_folds
from etl.state.layers import number_of
from etl.state.merge import joined_layers, merge
from etl.state.published import find_published, layers_of, state_of
from etl.state.state import create_views
from etl.validate.process import evaluate
from etl.warehouse.protocol import Publication

REUSED = "reused"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the night: `work` returns the rows it took in and whether it was done or reused."""

    name: str
    title: str
    retries: int
    work: Callable[[Run, Progress | None], tuple[int, str]]


def _key(run: Run, stage: str, inputs: str) -> str:
    return hashlib.sha256(f"{stage}\0{run.fingerprint}\0{inputs}".encode()).hexdigest()


def _written(run: Run, stage: str, inputs: str, work: Callable[[Path], Accounts]) -> tuple[Accounts, str]:
    """Do a stage's work in a folder of its own, unless the same work lies there finished; record its accounts."""
    folder, key = run.folder(stage), _key(run, stage, inputs)
    accounts = None if run.force else reusable(folder, key)
    state = REUSED
    if accounts is None:
        state = DONE
        with workspace(folder) as place:
            accounts = work(place)
            finish(place, key, accounts)
    run.ledger.record_accounts(run.run_id, accounts)
    return accounts, state


def _land(run: Run, progress: Progress | None) -> tuple[int, str]:
    keys = open_key_store(run.settings, run.delivery.hospital, run.mapping.hospital.number)
    try:

        def work(place: Path) -> Accounts:
            folds = read_folds(run.folder("merge").parent, run.folder("land").parent)
            number = number_of(run.folder("land"), [x for fold in folds for x in fold.layers])
            with open_engine(run.settings, run.delivery.night, identifiers=True) as con:
                return land(con, run.mapping, run.delivery, keys, place, number, progress)

        accounts, state = _written(run, "land", f"{run.delivery.sha256}\0{keys.id}", work)
    finally:
        keys.close()
    run.ledger.update_run(run.run_id, bytes_in=run.delivery.bytes)
    return _sum(accounts.files), state


def _check_source(run: Run, progress: Progress | None) -> tuple[int, str]:
    rows, findings = evaluate("check_source", run, progress)
    run.ledger.record_findings(run.run_id, "source", findings)
    _hold(findings)
    return rows, DONE


def _merge(run: Run, progress: Progress | None) -> tuple[int, str]:
    published = find_published(run, run.ledger, run.warehouse)
    layers = joined_layers(run)
    fold = fold_layers(run, layers, published, progress)

    def work(place: Path) -> Accounts:
        known = known_state(run, layers)
        with open_engine(run.settings) as con:
            return merge(con, run, layers, published, place, progress, fold=fold, known=known)

    before = f"{published.run_id}\0{published.state.digest}" if published else ""
    inputs = "\0".join([_stage_key(run, "land"), before, fold.name if fold else "", *(x.name for x in layers)])
    accounts, done = _written(run, "merge", inputs, work)
    run.ledger.update_run(run.run_id, touched=state_of(run)[0].persons)
    return _sum(accounts.files), done


def _map(run: Run, progress: Progress | None) -> tuple[int, str]:
    state, published = state_of(run)

    def work(place: Path) -> Accounts:
        with open_engine(run.settings, state.as_of) as con:
            create_views(con, run.mapping, state)
            earlier = published.mapped if published else ()
            touched = layers_of(run, state, run.folder("map").name)[0].touched
            return map_sources(con, run.mapping, run.release, place, progress, earlier, touched)

    accounts, done = _written(run, "map", _stage_key(run, "merge"), work)
    _record_rates(run, accounts)
    return _sum(accounts.source), done


def _record_rates(run: Run, accounts: Accounts) -> None:
    """The mapping rates again, now beside those of the last published night."""
    before = run.ledger.last_published(run.delivery.hospital, before=run.run_id)
    previous = run.ledger.rates(before["run_id"]) if before else {}
    rates = [{**row, "previous_rate": previous.get(row["domain"])} for row in accounts.rates]
    run.ledger.record_accounts(run.run_id, Accounts(rates=rates))


def _derive(run: Run, progress: Progress | None) -> tuple[int, str]:
    state, published = state_of(run)

    def work(place: Path) -> Accounts:
        before = run.ledger.accounts(run.run_id)
        earlier = published.derived if published else ()
        touched = layers_of(run, state, run.folder("map").name)[0].touched
        with open_engine(run.settings, state.as_of) as con:
            return derive(con, run.mapping.hospital, run.release, run.folder("map"), place, before, earlier, touched)

    accounts, done = _written(run, "derive", _stage_key(run, "map"), work)
    return _sum(accounts.tables), done


def _stage_key(run: Run, stage: str) -> str:
    """The key of the finished stage that this one builds on."""
    marker = run.folder(stage) / MARKER
    if not marker.exists():
        raise InputError(f"the stage '{stage}' has not been run for {run.run_id}", hint="run the stages in order")
    return hashlib.sha256(marker.read_bytes()).hexdigest()


def _check_cdm(run: Run, progress: Progress | None) -> tuple[int, str]:
    rows, findings = evaluate("check_cdm", run, progress)
    run.ledger.record_findings(run.run_id, "cdm", findings)
    _hold(findings)
    return rows, DONE


def _hold(findings: list[ledgers.Finding]) -> None:
    """Raise GateClosed, naming the expectations that closed the gate, with counts."""
    closing = [f for f in findings if f.severity == "block" and not f.success]
    if not closing:
        return
    lines = [
        f"  {f.table_name}{f'.{f.column_name}' if f.column_name else ''}: {f.description}"
        + (f" ({f.unexpected:,} of {f.total:,} rows)" if f.unexpected is not None and f.total is not None else "")
        + (f": {f.observed}" if f.observed else "")
        + (f" [{f.error}]" if f.error else "")
        for f in closing
    ]
    raise GateClosed(
        f"the gate closed: {len(closing)} blocking expectation(s) failed; the last published night stays\n"
        + "\n".join(lines),
        hint="the validation report lists the rows: etl report",
    )


def _publish(run: Run, progress: Progress | None) -> tuple[int, str]:
    hold_unapproved(run.ledger, run.run_id)
    state, _ = state_of(run)
    reconcile(run.ledger.accounts(run.run_id), _candidate(run) if state.whole else None)
    warehouse = run.warehouse
    warehouse.initialise()
    if state.base and warehouse.published(run.delivery.hospital) not in (state.base.run_id, run.run_id):
        raise TransientError(
            f"another night of {run.delivery.hospital} was published meanwhile", hint="run again from the start"
        )
    warehouse.publish_vocabulary(run.release)
    source = cdm_source_row(read_consortium(run.settings.mappings), run.release, state.as_of)
    counts = warehouse.publish(publication_of(run), source, progress)
    return sum(counts.values()), DONE


def _candidate(run: Run) -> dict[str, Path]:
    return candidate_files([run.folder("map"), run.folder("derive")])


def publication_of(run: Run) -> Publication:
    """What the stage `publish` would publish of a run; InputError when it has not come so far."""
    state, _ = state_of(run)
    for stage in ("map", "derive"):
        _stage_key(run, stage)
    files, rows = _candidate(run), run.ledger.accounts(run.run_id).rows_by_table()
    hospital = run.mapping.hospital
    mapped, derived = layers_of(run, state, run.folder("map").name)
    return Publication(
        hospital.hospital, hospital.number, run.run_id, state.as_of,
        files={t: f for t, f in files.items() if t in hospital_tables()},
        rows={t: rows[t] for t in hospital_tables() if t in rows},
        touched=mapped.touched, extended=derived.extended,
    )  # fmt: skip


def _sum(rows: list[dict[str, int]]) -> int:
    return sum(row["rows"] for row in rows)


_WORK = {
    "land": _land, "check_source": _check_source, "merge": _merge, "map": _map, "derive": _derive,
    "check_cdm": _check_cdm, "publish": _publish,
}  # fmt: skip
STAGES: tuple[Stage, ...] = tuple(Stage(s.name, s.title, s.retries, _WORK[s.name]) for s in STAGE_NAMES)


def open_run(run: Run) -> None:
    """Write the run into the ledger as running.

    Refuses a night older than the one that is published, and one that was rolled back, unless the run is forced.
    """
    before, earlier = run.ledger.last_published(run.delivery.hospital), run.ledger.run(run.run_id)
    if earlier and earlier["state"] == "left" and not run.force:
        who = f" by {before['actor']}" if before and before["actor"] else ""
        why = f": {before['reason']}" if before and before["reason"] else ""
        raise InputError(
            f"the night {run.delivery.night} of {run.delivery.hospital} was rolled back{who}{why}",
            hint=f"etl publish {run.run_id} publishes it again; another delivery of the night is a run of its own",
        )
    if before and before["night"] > run.delivery.night and not run.mapping.is_delta:
        raise InputError(
            f"{run.delivery.hospital} has published the night {before['night']}; {run.delivery.night} is older",
            hint=f"deliver the newer night again; if {before['night']} is not its date, go back before it: "
            f"etl rollback {run.delivery.hospital}",
        )
    run.ledger.open_run(
        run.run_id, run.delivery.hospital, run.delivery.night, run.delivery.sha256,
        vocabulary=run.release.version, mappings=run.fingerprint,
    )  # fmt: skip


def begin_recorded(
    settings: Settings, hospital: str, folder: Path, night: date | None, progress: Progress | None = None,
    *, force: bool = False,
) -> Run:  # fmt: skip
    """`begin`, and a line in the ledger when the delivery is so bad that it cannot even be opened."""
    try:
        return begin(settings, hospital, folder, night, progress, force=force)
    except InputError as error:
        day = night or night_of(folder)
        run_id = f"{hospital}-{day:%Y%m%d}-unopened"
        ledger = ledgers.Ledger(settings.ledger_url)
        ledger.open_run(run_id, hospital, day, "-")
        ledger.close_run(run_id, "failed", "open", error.message)
        raise


def up_to_date(run: Run) -> bool:
    """Whether exactly this delivery, with these mappings and this vocabulary, is what is published."""
    last, state = run.ledger.last_published(run.delivery.hospital), run.ledger.run(run.run_id)
    if last is None or state is None or state["state"] != "published":
        return False
    return (last["run_id"], last["mappings"]) == (run.run_id, run.fingerprint)


def run_stage(run: Run, stage: Stage, progress: Progress | None = None) -> int:
    """Run one stage under the hospital's lock and record how it went; returns the rows it took in."""
    with hospital_lock(run.settings, run.delivery.hospital):
        return attempt(run, stage, progress)


def attempt(run: Run, stage: Stage, progress: Progress | None = None) -> int:
    """`run_stage` for who holds the hospital's lock already."""
    started, clock = now(), time.perf_counter()
    state, rows = "failed", 0
    run.ledger.update_run(run.run_id, stage=stage.name)
    try:
        with _engine_errors(stage.name):
            rows, state = stage.work(run, progress)
    except GateClosed:
        state = "blocked"
        raise
    finally:
        run.ledger.record_stage(run.run_id, stage.name, state, started, time.perf_counter() - clock, rows)
    if stage is STAGES[-1]:
        run.ledger.record_publication(run.run_id)
    return rows


@contextmanager
def _engine_errors(stage: str) -> Iterator[None]:
    """Tell what failed without the engine's message: it may quote a value, its class may be shown."""
    try:
        yield
    except (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
        raise ConfigError(
            f"the engine failed in stage '{stage}': {type(error).__name__}",
            hint="the same data and mappings fail again: report it with the run's id",
        ) from None
    except duckdb.Error as error:
        raise TransientError(
            f"the engine failed in stage '{stage}': {type(error).__name__}",
            hint="run again; if it stays, report it",
        ) from None
    except OSError as error:
        raise TransientError(
            f"stage '{stage}': {error.strerror or type(error).__name__}",
            hint="free space below ETL_HOME, run again",
        ) from error


def fail(run: Run, error: EtlError) -> None:
    """Record why a run stopped."""
    state: ledgers.RunState = "blocked" if isinstance(error, GateClosed) else "failed"
    last = run.ledger.run(run.run_id)
    run.ledger.close_run(run.run_id, state, last["stage"] if last else None, error.message)


def run_delivery(
    settings: Settings, hospital: str, folder: Path, night: date | None = None, *, force: bool = False,
    progress: Callable[[str, str], None] | None = None,
) -> tuple[str, bool]:  # fmt: skip
    """Take a delivery through all stages; returns the run's id and whether there was anything to do.

    Raises GateClosed, InputError, ConfigError or TransientError; what was published before stays published.
    """
    run = begin_recorded(
        settings, hospital, folder, night, (lambda text: progress("open", text)) if progress else None, force=force
    )
    with hospital_lock(settings, hospital):  # for the whole night: nobody may begin another one between two stages
        if not force and up_to_date(run):
            return run.run_id, False
        clear_scratch(settings)
        open_run(run)
        try:
            with _engine_errors("open"):  # what cannot be published in the end need not begin
                run.warehouse.published(hospital)
            for stage in STAGES:
                tell = (lambda text, name=stage.name: progress(name, text)) if progress else None
                if progress:
                    progress(stage.name, "")
                attempt(run, stage, tell)
        except EtlError as error:
            fail(run, error)
            raise
    return run.run_id, True


def clear_scratch(settings: Settings) -> None:
    """Remove what killed runs left in scratch, if nobody works there (their folder is older than a day)."""
    oldest = time.time() - 86_400
    for folder in settings.scratch.glob("*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def stage_by_name(name: str) -> Stage:
    """The stage of that name."""
    return next(s for s in STAGES if s.name == name)


__all__ = ["STAGES", "Stage", "fail", "open_run", "resume", "run_delivery", "run_stage", "stage_by_name"]
