"""What a person has to decide before a night is published, and what the person decided.

A failed warning with `approve_above` waits for a person when more than that share of its rows breaks it. What is asked
is kept with the decision, so an approval holds for exactly these findings: a night that is run again with the same
outcome goes on, one with another outcome is asked about again. Counts and names of expectations only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from etl.errors import GateClosed, UsageError
from etl.night.stages import STAGE_NAMES
from etl.pages.formats import rows_found
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, next_number, now
from etl.store.ledger.tables import APPROVAL, FINDING, STAGE

Decision = Literal["approved", "refused", "expired"]

#: What a question says of a finding: enough to decide and to tell whether it is still the same question.
_ASKED = (
    "suite", "table_name", "column_name", "expectation", "description", "unexpected", "total", "observed", "error",
    "approve_above",
)  # fmt: skip
#: Stages in the order in which they must have passed before anything is published.
_BEFORE = tuple(s.name for s in STAGE_NAMES if s.name != "publish")
_PASSED = ("done", "reused")
_STALE = "the night was run again with another outcome"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one gate of a run, and the newest answer to exactly this."""

    run_id: str
    gate: str
    findings: str
    decision: str | None = None
    actor: str | None = None
    reason: str | None = None

    @property
    def lines(self) -> list[str]:
        """The findings as they are shown: table, promise, counts, limit."""
        return [_line(finding) for finding in json.loads(self.findings)]


class ApprovalMissing(GateClosed):
    """A person has to approve the night first; last night's data stays published.

    It waits unless the person has refused it.
    """

    def __init__(self, message: str, *, hint: str | None = None, waits: bool = True) -> None:
        """`waits` is False where the answer is there, and is no."""
        super().__init__(message, hint=hint)
        self.waits = waits


def exceeds(finding: Mapping[str, Any]) -> bool:
    """Whether a finding is a warning above its limit; one that counts no rows or could not be evaluated is."""
    limit = finding["approve_above"]
    if limit is None or finding["success"] or finding["severity"] != "warn":
        return False
    unexpected, total = finding["unexpected"], finding["total"]
    return unexpected is None or not total or unexpected / total > limit


def questions(ledger: Ledger, run_id: str) -> list[Question]:
    """What a run has to be asked, gate by gate, with the newest answers; empty when nothing is above its limit."""
    columns = [FINDING.c[name] for name in ("gate", "success", "severity", "carried", *_ASKED)]
    query = sa.select(*columns).where(FINDING.c.run_id == run_id, FINDING.c.approve_above.is_not(None))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.read(query.order_by(FINDING.c.gate, FINDING.c.number)):
        if exceeds(row):
            carried = {"carried": row["carried"]} if row["carried"] else {}
            found.setdefault(row["gate"], []).append({name: row[name] for name in _ASKED} | carried)
    return [_answered(ledger, run_id, gate, _text(rows)) for gate, rows in found.items()]


def open_questions(ledger: Ledger, run_id: str) -> list[Question]:
    """The questions of a run that nobody has approved."""
    return [q for q in questions(ledger, run_id) if q.decision != "approved"]


def ask(ledger: Ledger, run_id: str, *, again: bool = False) -> list[Question]:
    """Note for every question that is not approved, or for all of them `again`, that it waits; returns these questions.

    What waited with another outcome, or no longer needs anybody, has expired.
    """
    asked = questions(ledger, run_id) if again else open_questions(ledger, run_id)
    rows = [{**_row(q, now()), "number": next_number(APPROVAL)} for q in asked if q.decision != "waiting"]
    stale = _waits(run_id) & APPROVAL.c.findings.not_in([q.findings for q in asked])
    with ledger.engine.begin() as con:
        con.execute(sa.update(APPROVAL).where(stale).values(decision="expired", reason=_STALE, decided_at=now()))
        for row in rows:
            con.execute(sa.insert(APPROVAL).values(**row))
    return asked


def decide(
    ledger: Ledger, run_id: str, decision: Decision, actor: str, reason: str | None, *,
    role: str | None = None, address: str | None = None,
) -> list[Question]:  # fmt: skip
    """Answer every question of a run that is not approved; a refusal also those that are, until the run is published.

    An answer that is overruled stays in the ledger; the new one is a row beside it. UsageError when there is nothing
    to answer.
    """
    run, refused = ledger.run(run_id), decision == "refused"
    if refused and run and run["state"] == "published":
        raise UsageError(f"{run_id} is published already", hint=f"etl rollback {run['hospital']}")
    if _is_closed(ledger, run_id):
        raise UsageError(
            f"a gate closed {run_id}: what blocks cannot be approved",
            hint="its report says what to correct: etl report",
        )
    asked = ask(ledger, run_id, again=refused)
    if not asked:
        raise UsageError(f"nothing of {run_id} waits for an approval", hint="`etl approve` lists what waits")
    answer_waiting(ledger, run_id, decision, actor, reason, role=role, address=address)
    if decision != "approved" and run and run["state"] == "waiting":
        ledger.update_run(run_id, state="blocked")
    return asked


def _is_closed(ledger: Ledger, run_id: str) -> bool:
    """Whether an expectation that blocks has failed."""
    failed = (FINDING.c.run_id == run_id) & (FINDING.c.severity == "block") & FINDING.c.success.is_(False)
    return bool(ledger.read(sa.select(FINDING.c.number).where(failed).limit(1)))


def answer_waiting(
    ledger: Ledger, run_id: str, decision: Decision, actor: str, reason: str | None, *,
    role: str | None = None, address: str | None = None,
) -> None:  # fmt: skip
    """Answer what nobody has answered yet, and tell the audit log; what a person has said stands."""
    answer: dict[str, Any] = {"decision": decision, "actor": actor[:120], "reason": reason, "decided_at": now()}
    answer["number"] = next_number(APPROVAL)  # the newest answer counts
    with ledger.engine.begin() as con:
        if con.execute(sa.update(APPROVAL).where(_waits(run_id)).values(**answer)).rowcount:
            write(con, Said(decision, actor, role, run_id, reason, address))


def waiting(ledger: Ledger) -> list[Mapping[str, Any]]:
    """All questions that nobody has answered yet, oldest first."""
    query = sa.select(APPROVAL).where(APPROVAL.c.decision == "waiting")
    return ledger.read(query.order_by(APPROVAL.c.number))


def question_of(row: Mapping[str, Any]) -> Question:
    """The question that a row of the table `approval` holds."""
    return Question(*(row[name] for name in ("run_id", "gate", "findings", "decision", "actor", "reason")))


def forget_later_stages(ledger: Ledger, run_id: str, stage: str) -> None:
    """A stage is run again: what the stages after it found is no longer about what will be published."""
    later = [s.name for s in STAGE_NAMES][[s.name for s in STAGE_NAMES].index(stage) + 1 :]
    with ledger.engine.begin() as con:
        con.execute(sa.delete(STAGE).where(STAGE.c.run_id == run_id, STAGE.c.stage.in_(later)))


def hold_unapproved(ledger: Ledger, run_id: str) -> None:
    """Raise GateClosed unless every stage before has passed, ApprovalMissing unless what needs it is approved."""
    query = sa.select(STAGE.c.stage).where(STAGE.c.run_id == run_id, STAGE.c.state.in_(_PASSED))
    passed = {row["stage"] for row in ledger.read(query)}
    if lacking := [name for name in _BEFORE if name not in passed]:
        raise GateClosed(
            f"{run_id} cannot be published: the stage '{lacking[0]}' has not passed",
            hint="run the stages in order: etl run",
        )
    if asked := ask(ledger, run_id):
        raise ApprovalMissing(
            "\n".join([f"{_count(asked)} above the limit wait for an approval; the last published night stays",
                       *(f"  {line}" for q in asked for line in q.lines), *_answers(asked)]),
            hint=f"etl approve {run_id} --reason …, then run the night again; or --refuse",
            waits=not any(q.decision == "refused" for q in asked),
        )  # fmt: skip


def _count(asked: Iterable[Question]) -> str:
    number = sum(len(q.lines) for q in asked)
    return f"{number} warning{'s' if number > 1 else ''}"


def _answers(asked: Iterable[Question]) -> list[str]:
    """Earlier answers that were no approval."""
    said = [q for q in asked if q.decision in ("refused", "expired")]
    return [f"  ({q.gate} gate: {q.decision} before, by {q.actor}: {q.reason or 'no reason given'})" for q in said]


def _answered(ledger: Ledger, run_id: str, gate: str, findings: str) -> Question:
    same = (APPROVAL.c.run_id == run_id) & (APPROVAL.c.gate == gate) & (APPROVAL.c.findings == findings)
    newest = ledger.read(sa.select(APPROVAL).where(same).order_by(APPROVAL.c.number.desc()).limit(1))
    if not newest:
        return Question(run_id, gate, findings)
    return question_of(newest[0])


def _row(question: Question, asked_at: Any) -> dict[str, Any]:
    return {
        "run_id": question.run_id, "gate": question.gate, "asked_at": asked_at, "decision": "waiting",
        "findings": question.findings,
    }  # fmt: skip


def _text(findings: list[dict[str, Any]]) -> str:
    return json.dumps(findings, ensure_ascii=False, sort_keys=True)


def _waits(run_id: str) -> sa.ColumnElement[bool]:
    return (APPROVAL.c.run_id == run_id) & (APPROVAL.c.decision == "waiting")


def _line(finding: Mapping[str, Any]) -> str:
    where = finding["table_name"] + (f".{finding['column_name']}" if finding["column_name"] else "")
    rows = None
    if finding["unexpected"] is not None and finding["total"]:
        rows = rows_found(finding["unexpected"], finding["total"], finding.get("carried"))
    seen = ": ".join(part for part in (rows, finding["error"] or finding["observed"]) if part)
    told = ", ".join(part for part in (seen, f"limit {finding['approve_above']:.1%}") if part)
    return f"{where}: {finding['description']} ({told})"
