"""The stages `check_source` and `check_cdm` of a run: the two gates, whose findings the ledger keeps."""

from __future__ import annotations

from etl.errors import GateClosed
from etl.night.check.process import Gate, evaluate
from etl.night.finished import DONE
from etl.night.lake.history import holds_earlier_rows
from etl.night.lake.published import state_of
from etl.night.run import Progress, Run
from etl.pages.formats import rows_found
from etl.store.ledger.records import Finding


def check_source(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Hold what landed against the source suites; GateClosed when an expectation that blocks has failed."""
    rows, findings = _recorded(run, "check_source", "source", progress)
    close_gate(findings)
    return rows, DONE


def check_cdm(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Hold the candidate CDM against the CDM suites; GateClosed when an expectation that blocks has failed.

    Now that it is known which rows of earlier deliveries count still, they are held against the source suites, too.
    """
    counting: list[Finding] = []
    if holds_earlier_rows(run, state_of(run)[0]):
        _, counting = _recorded(run, "check_state", "source", progress)
    rows, findings = _recorded(run, "check_cdm", "cdm", progress)
    close_gate([*counting, *findings])
    return rows, DONE


def _recorded(run: Run, gate: Gate, name: str, progress: Progress | None) -> tuple[int, list[Finding]]:
    rows, findings = evaluate(gate, run, progress)
    run.ledger.record_findings(run.run_id, name, findings)
    return rows, findings


def close_gate(findings: list[Finding]) -> None:
    """Raise GateClosed, naming the expectations that closed the gate, with counts."""
    closing = [f for f in findings if f.severity == "block" and not f.success]
    if not closing:
        return
    raise GateClosed(
        f"the gate closed: {len(closing)} blocking expectation(s) failed; the last published night stays\n"
        + "\n".join(_line(f) for f in closing),
        hint="the validation report lists the rows: etl report",
    )


def _line(f: Finding) -> str:
    counted = f.unexpected is not None and f.total is not None
    return (
        f"  {f.table_name}{f'.{f.column_name}' if f.column_name else ''}: {f.description}"
        + (f" ({rows_found(f.unexpected, f.total, f.carried)})" if counted else "")
        + (f": {f.observed}" if f.observed else "")
        + (f" [{f.error}]" if f.error else "")
    )
