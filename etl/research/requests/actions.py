"""What is done about a request, by a person at a terminal or page, or by what does the work of a step.

Every step has a number, and a person says the number of the last one that was seen: if another came between, the
move is refused with what the other person did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from etl.errors import UsageError
from etl.pages.formats import moment
from etl.quality.findings.actions import today
from etl.research.requests.case import Case, Step
from etl.research.requests.chain import chain
from etl.research.requests.engine import expiry, next_step
from etl.research.requests.forms import Form
from etl.research.requests.given import Given
from etl.research.requests.guards import Asked
from etl.research.requests.kept import add_step, add_version, case_of, newest_request
from etl.research.requests.roles import board, held, known, person
from etl.research.requests.signs import must_be_seen
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, now

Words = Mapping[str, Any]


class Overtaken(UsageError):
    """Somebody else did something about the request meanwhile; `last` is the number of their newest step."""

    def __init__(self, message: str, last: int) -> None:
        """Keep what the other did and the number to say the next time."""
        super().__init__(message, hint="look again: etl request show; then do it again if it still holds")
        self.last = last


@dataclass(frozen=True, slots=True)
class Evidence:
    """What work says of itself: digests, a result, a certificate; kept with the step as it is.

    `beside` writes what is there with the step or not at all: it is called in the step's transaction.
    """

    said: Words
    beside: Callable[[sa.Connection], None] | None = None


#: Work of a step: it gets the request as it stands, and says what it has done.
Work = Callable[[Case], Evidence]


def draft(
    ledger: Ledger, given: Given, *, actor: str, hospitals: Collection[str], entered_by: str | None = None
) -> int:  # fmt: skip
    """Draft a request and return its number; `hospitals` are those that there are.

    Raises Forbidden where the actor is no researcher, NotYet where the form names others or what there is not.
    """
    while True:
        try:
            with ledger.engine.begin() as con:
                number = newest_request(con) + 1
                case = Case(number, (), {})
                _write(con, case, "new", actor, {}, given=given, hospitals=hospitals, entered_by=entered_by)
                return number
        except IntegrityError:  # another request was drafted at the same moment
            continue


def change(
    ledger: Ledger, number: int, given: Given, *, actor: str, hospitals: Collection[str], reason: str | None = None,
    seen: int | None = None, entered_by: str | None = None,
) -> Step:  # fmt: skip
    """Make another version of a request; it goes back to the earliest state that the changed fields touch."""
    must_be_seen(reason or "")
    said = {"reason": (reason or "").strip() or None}
    return _act(ledger, number, "change", actor, said, seen, given=given, hospitals=hospitals, entered_by=entered_by)


def act(
    ledger: Ledger, number: int, move: str, *, actor: str, said: Words | None = None, seen: int | None = None,
    entered_by: str | None = None,
) -> Step:  # fmt: skip
    """Make a move of `chain.yaml` and return the step; `seen`: the number of the last step that the actor saw.

    Raises Overtaken where another step came between, UsageError where there is no such request or move, it is not
    possible now or lacks what is said with it, Forbidden where the actor may not, NotYet where what it needs is not so.
    """
    must_be_seen(said or {})
    return _act(ledger, number, move, actor, _plain(said or {}), seen, entered_by=entered_by)


def carry_out(
    ledger: Ledger, number: int, move: str, work: Work, *, actor: str, entered_by: str | None = None
) -> Step:  # fmt: skip
    """Do the work of a step and write it down. Who may not, or may not yet, is refused before anything is done.

    Where the request changed while the work went on, Overtaken is raised and what was done does not count.
    """
    if not chain().moves[move].work:
        raise UsageError(f"{move} is no work", hint="it is said by a person")
    with ledger.engine.connect() as con:
        case = _current(_there(con, number))
        said = dict.fromkeys(chain().moves[move].needs, "-")
        _step(con, case, move, actor, said, is_work=True)
    done = work(case)
    return _act(ledger, number, move, actor, _plain(done.said), case.last, is_work=True, entered_by=entered_by,
                beside=done.beside)  # fmt: skip


def write_expiry(ledger: Ledger, number: int) -> bool:
    """Write down that a request's last day has passed; whether there was anything to be written."""
    try:
        with ledger.engine.begin() as con:
            case = _there(con, number)
            if not case.is_over(today()):
                return False
            _add(con, number, expiry(case, today(), now()))
            return True
    except IntegrityError:  # somebody made a move, which wrote it down first
        return False


def _act(
    ledger: Ledger, number: int, move: str, actor: str, said: Words, seen: int | None, **more: Any
) -> Step:  # fmt: skip
    try:
        with ledger.engine.begin() as con:
            case = _there(con, number)
            if seen is not None and seen != case.last:
                raise _overtaken(case)
            return _write(con, case, move, actor, said, **more)
    except IntegrityError:  # both read the same last step; the other one was first
        with ledger.engine.connect() as con:
            raise _overtaken(_there(con, number)) from None


def _write(
    con: sa.Connection, case: Case, move: str, actor: str, said: Words, *, given: Given | None = None,
    hospitals: Collection[str] = (), is_work: bool = False, entered_by: str | None = None,
    beside: Callable[[sa.Connection], None] | None = None,
) -> Step:  # fmt: skip
    if case.is_over(today()):
        ended = expiry(case, today(), now())
        _add(con, case.number, ended)
        case = replace(case, steps=(*case.steps, ended))
    form = given.form if given else None
    step = _step(con, case, move, actor, said, form=form, hospitals=hospitals, is_work=is_work)
    step = replace(step, entered_by=entered_by and entered_by[:120])
    if given:
        add_version(con, case.number, step, given)
    _add(con, case.number, step)
    if beside:
        beside(con)
    return step


def _add(con: sa.Connection, number: int, step: Step) -> None:
    """Write a step down, in the audit log, too: both, or neither."""
    add_step(con, number, step)
    write(con, Said("request moved", step.actor, role=step.role, subject=f"request {number}: {step.move}",
                    reason=step.reason, details={"state": step.after, "entered_by": step.entered_by}))  # fmt: skip


def _step(
    con: sa.Connection, case: Case, move: str, actor: str, said: Words, *, form: Form | None = None,
    hospitals: Collection[str] = (), is_work: bool = False,
) -> Step:  # fmt: skip
    roles = held(con)
    asked = Asked(actor, said, today(), board(roles), frozenset(known(con)), frozenset(hospitals), form)
    return next_step(case, move, person(actor, roles), asked, now(), is_work=is_work)


def _current(case: Case) -> Case:
    """A request as it stands today, also where nobody has written down that it has ended."""
    return replace(case, steps=(*case.steps, expiry(case, today(), now()))) if case.is_over(today()) else case


def _there(con: sa.Connection, number: int) -> Case:
    case = case_of(con, number)
    if case is None:
        raise UsageError(f"there is no request {number}", hint="etl request list")
    return case


def _plain(said: Words) -> Words:
    """What is said, without empty texts."""
    return {key: value.strip() if isinstance(value, str) else value for key, value in said.items() if value is not None}


def _overtaken(case: Case) -> Overtaken:
    step = case.steps[-1]
    why = f": {step.reason}" if step.reason else ""
    did = f"{step.actor} did '{step.move}' at {moment(step.at)} KST{why}"
    return Overtaken(f"request {case.number} has changed meanwhile: {did}; it is {step.after} now", step.number)
