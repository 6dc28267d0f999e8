"""What people decided and did at a terminal or in Airflow, as events beside those of the office.

It is read from where it is kept, so that the record needs no second note of it and holds what came before the office.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from etl.quality.findings.actions import ITSELF
from etl.store.ledger.office import EVENT
from etl.store.ledger.tables import APPROVAL
from etl.store.ledger.tracking import FINDING_ACTION

#: What a person's action on a finding is called in the record.
ON_FINDINGS = {
    "acknowledge": "finding acknowledged", "work": "finding taken into work", "waive": "finding waived",
    "resolve": "finding resolved", "reopen": "finding opened again", "assign": "finding assigned",
    "note": "finding noted",
}  # fmt: skip
_ANSWERED = ("approved", "refused", "expired")


def subject_of(finding: int) -> str:
    """What an event about a finding is about."""
    return f"finding {finding}"


def every_event() -> sa.Subquery:
    """Events of the office, and those of elsewhere without a number, role and address."""
    own = sa.select(*(EVENT.c[name] for name in EVENT.c.keys()))  # noqa: SIM118 - columns have no other names
    return sa.union_all(own, _decisions(), _actions()).subquery("every_event")


def _decisions() -> sa.Select[Any]:
    """Answers to what waited; one for all gates of a run that were answered together."""
    asked = APPROVAL.c
    known = sa.exists().where(
        EVENT.c.subject == asked.run_id, EVENT.c.action == asked.decision, EVENT.c.actor == asked.actor,
        EVENT.c.reason.is_not_distinct_from(asked.reason),
    )  # fmt: skip
    answered = (asked.decision.in_(_ANSWERED), asked.actor.is_not(None), asked.decided_at.is_not(None))
    said = _event(asked.decided_at, asked.actor, asked.decision, asked.run_id, asked.reason)
    return said.where(*answered, ~known).distinct()


def _actions() -> sa.Select[Any]:
    """What people did about findings."""
    done = FINDING_ACTION.c
    subject = sa.literal("finding ") + sa.cast(done.finding, sa.String)
    called = sa.case(*((done.action == name, word) for name, word in ON_FINDINGS.items()), else_=done.action)
    known = sa.exists().where(
        EVENT.c.subject == subject, EVENT.c.action == called, EVENT.c.actor == done.actor,
        EVENT.c.reason.is_not_distinct_from(done.reason),
    )  # fmt: skip
    return _event(done.at, done.actor, called, subject, done.reason).where(done.actor != ITSELF, ~known)


def _event(at: Any, actor: Any, action: Any, subject: Any, reason: Any) -> sa.Select[Any]:
    """Columns of an event, in their order in the table."""
    nothing = {name: sa.cast(sa.null(), EVENT.c[name].type).label(name) for name in ("number", "role", "address")}
    said = {"happened_at": at, "actor": actor, "action": action, "subject": subject, "reason": reason}
    return sa.select(*(nothing[n] if n in nothing else said[n].label(n) for n in EVENT.c.keys()))  # noqa: SIM118
