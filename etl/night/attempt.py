"""One attempt at a stage: how it went is recorded, and whatever fails is told without a value of a patient."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from etl.errors import EtlError, GateClosed
from etl.faults import etl_errors
from etl.night.run import Progress, Run
from etl.night.stages import STAGE_NAMES
from etl.night.worker import this_worker
from etl.store.ledger.ledger import now
from etl.store.ledger.records import RunState

Work = Callable[[Run, Progress | None], tuple[int, str]]
"""What a stage does: it returns the rows it took in, and whether it was done or reused."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the night; `retries` is how often a fault that may pass is tried again."""

    name: str
    title: str
    retries: int
    work: Work


def attempt(run: Run, stage: Stage, progress: Progress | None = None) -> int:
    """Do a stage's work and record how it went; returns the rows it took in. The hospital's lock is held."""
    started, clock = now(), time.perf_counter()
    state, rows = "failed", 0
    run.ledger.update_run(run.run_id, stage=stage.name, worker=this_worker())
    try:
        with etl_errors(stage.name):
            rows, state = stage.work(run, progress)
    except GateClosed:
        state = "blocked"
        raise
    finally:
        run.ledger.record_stage(run.run_id, stage.name, state, started, time.perf_counter() - clock, rows)
    if stage.name == STAGE_NAMES[-1].name:
        run.ledger.record_publication(run.run_id)
    return rows


def fail(run: Run, error: EtlError) -> None:
    """Record why a run stopped."""
    state: RunState = "failed"
    if isinstance(error, GateClosed):
        state = "waiting" if error.waits else "blocked"
    last = run.ledger.run(run.run_id)
    run.ledger.close_run(run.run_id, state, last["stage"] if last else None, error.message, error.hint)
