"""What measured figures mean: passed, failed, no answer, not applicable; by thresholds that may change afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from etl.quality.battery.checks import Check
from etl.quality.battery.measure import Measured
from etl.quality.battery.overrides import Override
from etl.quality.battery.statement import WHOLE

Status = Literal["passed", "failed", "error", "notApplicable"]
_THERE = ("cdmTable", "cdmField")


@dataclass(frozen=True, slots=True)
class Result:
    """A check's verdict for one hospital, or for the whole warehouse.

    `violated` and `of` are rows (of a few kinds persons or different values). `reason` says why a check is not
    applicable or gave no answer; `threshold` is the one that counted, in percent, `override` whose it is.
    """

    check: Check
    hospital: int
    violated: int
    of: int
    status: Status
    threshold: float | None
    reason: str = ""
    override: Override | None = None

    @property
    def share(self) -> float:
        """Violated as a share of all, 0 to 1; 0 where there is nothing."""
        return self.violated / self.of if self.of else 0.0


def judge(
    checks: Iterable[Check], measured: Measured, hospital: int, overrides: Mapping[str, Override] | None = None
) -> list[Result]:
    """The verdicts of a hospital's checks (see `measure.WHOLE` for the warehouse's), in the order of the checks.

    Nothing is measured again: other thresholds give other verdicts on the same figures. An override counts up to its
    last day, held against the night.
    """
    found = []
    for check in checks:
        override = (overrides or {}).get(check.id)
        override = override if override and measured.night <= override.until else None
        found.append(_verdict(check, measured, hospital, override))
    return found


def _verdict(check: Check, measured: Measured, hospital: int, override: Override | None) -> Result:
    threshold = override.threshold if override else check.threshold
    violated, of = _figures(check, measured, hospital)
    reason = _not_applicable(check, measured, hospital, of)
    status: Status
    if check.id in measured.failed:
        status, reason = "error", f"the engine could not answer: {measured.failed[check.id]}"
    elif reason:
        status = "notApplicable"
    else:
        status = "failed" if _fails(violated, of, threshold) else "passed"
        reason = _why(check, measured, hospital) if status == "failed" else ""
    return Result(check, hospital, violated, of, status, threshold, reason, override)


def _why(check: Check, measured: Measured, hospital: int) -> str:
    """What rows tell of why a check failed, of the whole warehouse by hospital; of most checks nothing."""
    if hospital != WHOLE:
        told = measured.reasons.get((hospital, check.id))
        return told.en if told else ""
    return "; ".join(
        f"hospital {h}: {told.en}" for (h, name), told in sorted(measured.reasons.items()) if name == check.id
    )


def _fails(violated: int, of: int, threshold: float | None) -> bool:
    """Whether so many are more than a threshold allows; without one, any is."""
    return 100 * violated > threshold * of if threshold and of else violated > 0


def _figures(check: Check, measured: Measured, hospital: int) -> tuple[int, int]:
    if check.type.name in _THERE:
        there = measured.schema.has(check.table, *([check.field] if check.field else []))
        return int(not there), 1
    of = measured.of.get((hospital, check.id))
    return measured.violated.get((hospital, check.id), 0), _usual(check, measured, hospital) if of is None else of


def _usual(check: Check, measured: Measured, hospital: int) -> int:
    """Of how many a kind of check is, where that is no figure of its own."""
    if check.type.name in ("isStandardValidConcept", "plausibleAfterBirth"):
        return measured.filled.get((hospital, check.table, check.field), 0)
    if check.type.name in ("isForeignKey", "fkDomain", "fkClass", "plausibleTemporalAfter"):
        return measured.rows.get((hospital, check.table), 0)
    return 0


def _not_applicable(check: Check, measured: Measured, hospital: int, of: int) -> str:
    """Why a check cannot be asked; an empty text when it can."""
    table, field = check.table, check.field
    if check.type.name in _THERE:
        return ""
    if not measured.schema.has(table, *([field] if field else [])):
        return f"{f'the field {table}.{field}' if measured.schema.has(table) else f'the table {table}'} is missing"
    if lost := measured.schema.lost(check.needs):
        return f"{' and '.join(lost)}, which it asks, is missing"
    needed = ("condition_occurrence", table) if check.type.name == "measureConditionEraCompleteness" else (table,)
    empty = [t for t in needed if not measured.rows.get((hospital, t), 0)]
    if empty:
        return f"the table {empty[0]} is empty"
    return _nothing_asked(check, measured, hospital, of)


def _nothing_asked(check: Check, measured: Measured, hospital: int, of: int) -> str:
    """Why there is nothing that a check can be asked of, where its table has rows."""
    table, field = check.table, check.field
    if field and check.type.name != "measureValueCompleteness":
        if not measured.filled.get((hospital, table, field), 0):
            return f"the field {table}.{field} is empty throughout"
        if check.type.level == "CONCEPT" and not of:
            return "no row has the concept"
    return "there is no row that it is asked of" if check.own and not of else ""
