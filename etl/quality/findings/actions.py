"""What is done about a tracked finding: by a person, from a terminal or a page, or by itself.

Every action has a number, and a person says the number of the last one that was seen. If another came between, the
action is refused with what the other person did: nobody overwrites what they have not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from etl.errors import UsageError, nearest
from etl.pages.formats import KOREA, moment
from etl.quality.findings.settle import Standing
from etl.quality.findings.states import BY_ITSELF, SAID, states
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.tracking import FINDING_ACTION, LOOK, TRACKED_FINDING

#: Who does what happens by itself.
ITSELF = "etl"
#: What an action is called in the audit log.
RECORDED = {
    "acknowledge": "finding acknowledged", "work": "finding taken into work", "waive": "finding waived",
    "resolve": "finding resolved", "reopen": "finding opened again", "assign": "finding assigned",
    "note": "finding noted",
}  # fmt: skip
_WIDEST = 120


class Overtaken(UsageError):
    """Somebody else did something about the finding meanwhile; `last` is the number of their newest action."""

    def __init__(self, message: str, last: int) -> None:
        """Keep what the other did and the number to say the next time."""
        super().__init__(message, hint="look again: etl findings show; then do it again if it still holds")
        self.last = last


@dataclass(frozen=True, slots=True)
class Current:
    """How a finding stands after its newest action, whose number is `last` (0: nobody did anything yet)."""

    last: int = 0
    state: str = ""
    entered: int = 0
    owner: str | None = None
    due: date | None = None
    until: date | None = None

    def on(self, day: date) -> Current:
        """How it stands on a day: a waiver ends by itself, also before that is written down."""
        over = self.state == "waived" and self.until is not None and day > self.until
        return replace(self, state=states().first) if over else self

    @property
    def standing(self) -> Standing:
        """What decides about what happens by itself."""
        return Standing(self.state, self.entered, self.until)


def today() -> date:
    """The day in Korea."""
    return datetime.now(KOREA).date()


def act(
    ledger: Ledger, number: int, action: str, *, actor: str, reason: str | None = None, until: date | None = None,
    owner: str | None = None, due: date | None = None, seen: int | None = None, role: str | None = None,
    address: str | None = None,
) -> int:  # fmt: skip
    """Do something about a tracked finding (see `states.yaml`) and return the action's number.

    `seen` is the number of the last action that the actor saw; without it, the newest one is taken to be seen.
    Raises Overtaken where another came between, UsageError where the finding or the action is not there, is not allowed
    in its state, or lacks what has to be said with it.
    """
    said = {
        "reason": (reason or "").strip() or None,
        "until": until,
        "owner": (owner or "").strip() or None,
        "due": due,
    }
    _must_be_said(action, said)
    try:
        with ledger.engine.begin() as con:
            if not con.execute(sa.select(TRACKED_FINDING.c.number).where(TRACKED_FINDING.c.number == number)).first():
                raise UsageError(f"there is no finding {number}", hint="etl findings list")
            current = current_of(con, number)
            if seen is not None and seen != current.last:
                raise _overtaken(con, number)
            _must_be_allowed(number, action, current.on(today()).state)
            done = append(con, number, action, current, actor=actor, said=said)
            write(con, Said(RECORDED[action], actor, role, f"finding {number}", reason, address))
            return done
    except IntegrityError:  # both read the same last action; the other one was first
        with ledger.engine.connect() as con:
            raise _overtaken(con, number) from None


def current_of(con: sa.Connection, number: int) -> Current:
    """How a finding stands."""
    return current_from(_newest(con, number))


def current_from(row: Mapping[str, Any] | None) -> Current:
    """How a finding stands after its newest action, a row of the ledger."""
    if row is None:
        return Current(state=states().first)
    return Current(row["number"], row["after"], row["entered"], row["owner"], row["due"], row["until"])


def append(
    con: sa.Connection, number: int, action: str, current: Current, *, actor: str, said: Mapping[str, Any]
) -> int:
    """Write an action down after the one that `current` is from; IntegrityError where another was first."""
    done = states().actions[action]
    before = current.state if done.by == BY_ITSELF else current.on(today()).state
    after = done.to or before
    entered = current.entered
    if done.to:
        hospital = sa.select(TRACKED_FINDING.c.hospital).where(TRACKED_FINDING.c.number == number).scalar_subquery()
        newest = sa.select(sa.func.coalesce(sa.func.max(LOOK.c.number), 0)).where(LOOK.c.hospital == hospital)
        entered = con.execute(newest).scalar_one()
    con.execute(
        sa.insert(FINDING_ACTION).values(
            finding=number, number=current.last + 1, at=now(), actor=actor[:_WIDEST], action=action,
            reason=said.get("reason"), before=before, after=after, entered=entered,
            owner=(said.get("owner") or current.owner or "")[:_WIDEST] or None, due=said.get("due") or current.due,
            until=said.get("until") if done.to else (current.until if after == "waived" else None),
        )
    )  # fmt: skip
    return current.last + 1


def _must_be_said(action: str, said: Mapping[str, Any]) -> None:
    """UsageError where an action is none, or what is said with it is too little, too much or over."""
    known = states().of_persons()
    if action not in known:
        raise UsageError(f"there is no action '{action}'{nearest(action, known)}", hint="etl findings --help")
    done = states().actions[action]
    lacking = [name for name in done.needs if said[name] is None]
    if lacking:
        raise UsageError(f"{action} needs {' and '.join(lacking)}", hint=f"etl findings {action} --help")
    beside = [name for name in SAID if said[name] is not None and name not in (*done.needs, *done.may)]
    if beside:
        raise UsageError(f"{action} takes no {' and no '.join(beside)}", hint=f"etl findings {action} --help")
    for day in (said["until"], said["due"]):
        if day is not None and day < today():
            raise UsageError(f"{day} is over", hint="give a day to come, or today")


def _must_be_allowed(number: int, action: str, state: str) -> None:
    if not states().actions[action].is_allowed(state):
        can = ", ".join(states().of_persons(state))
        raise UsageError(f"finding {number} is {state}: {action} is not possible", hint=f"possible are {can}")


def _overtaken(con: sa.Connection, number: int) -> Overtaken:
    row = _newest(con, number)
    if row is None:
        return Overtaken(f"nothing has been done about finding {number} yet", 0)
    why = f": {row['reason']}" if row["reason"] else ""
    did = f"{row['actor']} did '{row['action']}' at {moment(row['at'])} KST{why}"
    return Overtaken(f"finding {number} has changed meanwhile: {did}; it is {row['after']} now", row["number"])


def _newest(con: sa.Connection, number: int) -> Mapping[str, Any] | None:
    """The newest action of a finding."""
    query = sa.select(FINDING_ACTION).where(FINDING_ACTION.c.finding == number)
    row = con.execute(query.order_by(FINDING_ACTION.c.number.desc()).limit(1)).mappings().first()
    return dict(row) if row else None
