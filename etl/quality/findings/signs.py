"""What the gates and the battery say of a hospital's night, as signs of faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.night.check.interval import interval
from etl.quality.battery.judge import Result
from etl.quality.findings.kinds import Fault, check_name, rules
from etl.store.ledger.tables import FINDING, STAGE

SEVERITIES = ("fatal", "convention", "characterization")
_GATES = {"check_source": "source", "check_cdm": "cdm"}
_REACHED = ("done", "reused", "blocked")
_FAR = 2  # times the threshold: what is beyond that is told of however few rows


@dataclass(frozen=True, slots=True)
class Sign:
    """One check's answer: it `failed` or held, and what it would be a sign of; `name` is the check's."""

    fault: Fault
    name: str
    says: str
    severity: str
    failed: bool
    violated: int | None = None
    total: int | None = None


def of_gates(findings: Iterable[Mapping[str, Any]]) -> Iterator[Sign]:
    """The signs of a run's findings (rows of the ledger); what could not be evaluated says nothing.

    Nor does it say anything of rows that every one of none keeps a promise.
    """
    for finding in findings:
        nothing = finding["success"] and finding["unexpected"] is not None and not finding["total"]
        if finding["error"] is None and not nothing:
            yield Sign(
                rules().fault_of_finding(finding), check_name(finding), finding["description"],
                rules().severities[finding["severity"]], not finding["success"], finding["unexpected"],
                finding["total"],
            )  # fmt: skip


def of_battery(results: Iterable[Result]) -> Iterator[Sign]:
    """The signs of a measurement; what was not applicable or gave no answer says nothing.

    Nor does a share that is little above its threshold, by chance alone: of few rows one more or less would come and
    go for ever. A finding that was seen stays until the share is no longer above.
    """
    for result in results:
        if result.status == "passed" or (result.status == "failed" and _surely(result)):
            check = result.check
            yield Sign(
                rules().fault_of_check(check), check.id, check.sentence(), rules().severities[check.type.severity],
                result.status == "failed", result.violated, result.of,
            )  # fmt: skip


def _surely(result: Result) -> bool:
    """Whether a share is far above its threshold, or the true one is above it as far as so many rows can say."""
    if not result.threshold or not result.of or 100 * result.share > _FAR * result.threshold:
        return True
    return 100 * interval(result.violated, result.of)[0] > result.threshold


def findings_of(con: sa.Connection, run_id: str) -> list[Mapping[str, Any]]:
    """What the gates found on a run."""
    return [dict(row) for row in con.execute(sa.select(FINDING).where(FINDING.c.run_id == run_id)).mappings()]


def silent_of_gates(con: sa.Connection, run_id: str) -> tuple[str, ...]:
    """How the names of checks begin that held on a run if they are told of nothing: they are told when they fail."""
    reached = sa.select(STAGE.c.stage).where(STAGE.c.run_id == run_id, STAGE.c.state.in_(_REACHED))
    gates = [_GATES[stage] for (stage,) in con.execute(reached) if stage in _GATES]
    return tuple(f"{gate} {expectation} " for gate in gates for expectation in sorted(rules().told_when_failed))


def gravest(severities: Iterable[str]) -> str:
    """The gravest of some severities."""
    return min(severities, key=SEVERITIES.index)
