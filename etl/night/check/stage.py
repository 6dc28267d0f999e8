"""The stages `check_source` and `check_cdm` of a run: the two gates, whose findings the ledger keeps."""

from __future__ import annotations

from etl.errors import GateClosed
from etl.night.check.process import Gate, evaluate
from etl.night.finished import DONE
from etl.night.run import Progress, Run
from etl.store.ledger.records import Finding


def check_source(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Hold what landed against the source suites; GateClosed when an expectation that blocks has failed."""
    return _passed(run, "check_source", "source", progress), DONE


def check_cdm(run: Run, progress: Progress | None) -> tuple[int, str]:
    """Hold the candidate CDM against the CDM suites; GateClosed when an expectation that blocks has failed."""
    return _passed(run, "check_cdm", "cdm", progress), DONE


def _passed(run: Run, gate: Gate, name: str, progress: Progress | None) -> int:
    rows, findings = evaluate(gate, run, progress)
    run.ledger.record_findings(run.run_id, name, findings)
    close_gate(findings)
    return rows


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
    return (
        f"  {f.table_name}{f'.{f.column_name}' if f.column_name else ''}: {f.description}"
        + (f" ({f.unexpected:,} of {f.total:,} rows)" if f.unexpected is not None and f.total is not None else "")
        + (f": {f.observed}" if f.observed else "")
        + (f" [{f.error}]" if f.error else "")
    )
