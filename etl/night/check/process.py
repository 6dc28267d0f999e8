"""The gates in a process of their own, which imports Great Expectations while the files of a night are read.

The import keeps one core busy for two seconds. In a thread it would hold up the stages, which need the same
interpreter; a process that is forked when a command begins uses the second core, so this module imports next to
nothing. The process opens the run anew by its id: nothing of a patient passes between the processes but findings
without values. Where nothing was forked (a single stage, another system than Linux), a gate is evaluated in the
process that asks.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Literal

from etl.errors import TransientError
from etl.faults import as_etl_error
from etl.loading import load
from etl.night.check.gx import great_expectations

if TYPE_CHECKING:
    from etl.night.run import Progress, Run
    from etl.store.ledger.records import Finding

    Outcome = tuple[int, list[Finding]]

Gate = Literal["check_source", "check_state", "check_cdm"]

_prepared: list[Connection] = []


def prepare() -> None:
    """Fork the process, unless there is one or Great Expectations is here already. Call it before DuckDB is used."""
    if _prepared or sys.platform != "linux" or "great_expectations" in sys.modules:
        return
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    context.Process(target=_serve, args=(ours, theirs), name="gates", daemon=True).start()
    theirs.close()
    _prepared.append(ours)


def evaluate(gate: Gate, run: Run, progress: Progress | None = None) -> Outcome:
    """Evaluate a gate; returns the rows looked at and the findings.

    Raises what the gate raises, and TransientError when the process has died.
    """
    if not _prepared:
        return _gate(gate)(run, progress)
    gates = _prepared.pop()  # it comes back when it has answered: what is left of an answer is for nobody else
    try:
        gates.send((gate, run.settings, run.run_id, run.fingerprint))
        said, what = gates.recv()
        while said == "progress":
            if progress:
                progress(what)
            said, what = gates.recv()
    except (EOFError, ConnectionError) as error:
        raise TransientError(
            "the process that evaluates the gates was killed",
            hint="run again; if memory ran out, lower ETL_MEMORY",
        ) from error
    _prepared.append(gates)
    if said == "failed":
        raise what
    return what  # type: ignore[no-any-return]


def _gate(name: Gate) -> Callable[[Run, Progress | None], Outcome]:
    found: Callable[[Run, Progress | None], Outcome] = load(f"etl.night.check.gates:{name}")
    return found


def _serve(ours: Connection, theirs: Connection) -> None:
    """Answer until the process that forked this one ends."""
    ours.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who waits for the answer
    gc.disable()  # what an import makes stays
    great_expectations()
    load("etl.night.check.counting:expectation_class")
    load("etl.night.check.gates:check_cdm")
    gc.freeze()
    gc.enable()
    with suppress(EOFError, ConnectionError):  # who asked has ended
        _answer(theirs)


def _answer(theirs: Connection) -> None:
    resume = load("etl.night.remember:resume")  # who forks this process should not wait for it
    run: Run | None = None
    while True:
        gate, settings, run_id, fingerprint = theirs.recv()
        answer: tuple[str, Any]
        try:
            if run is None or (run.settings, run.run_id, run.fingerprint) != (settings, run_id, fingerprint):
                run = resume(settings, run_id)
            answer = "done", _gate(gate)(run, lambda text: theirs.send(("progress", text)))
        except ConnectionError:
            raise
        except Exception as error:  # it is raised again where the gate was asked for
            answer = "failed", _portable(as_etl_error(error, gate))
        theirs.send(answer)


def _portable(error: Exception) -> Exception:
    """The error, or its name where it cannot go from one process to another."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class makes of it
        return RuntimeError(f"{type(error).__name__} in a gate")
    return error
