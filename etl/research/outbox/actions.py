"""What is done with a batch that was handed in: two checkers decide, its author takes it back.

The last decision and the step of its request that it makes are written in one transaction: nothing is released of a
request that is not in use at that moment, or that somebody changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from etl.errors import TransientError, UsageError
from etl.research.disclosure.rules import Rules
from etl.research.outbox.batch import Batch, Step
from etl.research.outbox.engine import Said, decision, withdrawal
from etl.research.outbox.hand_in import recheck
from etl.research.outbox.kept import add_step, batch_of, named_ever, released_of
from etl.research.outbox.policy import RELEASE, RELEASED, WAITING
from etl.research.outbox.who import By, person_of, tell
from etl.research.requests import actions as requests
from etl.research.requests.case import Case
from etl.research.requests.engine import NotYet
from etl.research.requests.read import show_request
from etl.research.requests.signs import must_be_seen
from etl.store.ledger.ledger import Ledger, now

_TRIES = 20
#: What the audit log calls how a batch ended.
_ENDED = {"released": "output released", "refused": "output refused"}


class _Again(Exception):
    """What was looked at has changed before it was written down: it is looked at anew."""


def decide(ledger: Ledger, number: int, said: Said, by: By, rules: Rules, *, seen: int | None = None) -> Step:
    """Decide on a batch as a checker and return the step; `seen`: the last step that the checker was shown.

    Raises Forbidden, NotYet, Overtaken and UsageError as `decision` does, NotYet also where what was released since it
    was handed in tells, together with it, what the automatic check refuses.
    """

    def once() -> Step:
        with ledger.engine.connect() as con:
            batch = batch_of(con, number)
            named = named_ever(con, batch.request)
        case = show_request(ledger, batch.request)
        step = decision(batch, case, person_of(ledger, by.actor), _plain(said), now(), named=named, seen=seen)
        step = replace(step, entered_by=by.entered_by)
        left = _must_still_pass(ledger, batch, rules) if step.verdict == RELEASE else None
        if step.after == WAITING:
            with ledger.engine.begin() as con:
                _write(con, batch, step, by)
        else:
            _end(ledger, batch, step, by, left)
        return step

    return _insisting(once)


def withdraw(ledger: Ledger, number: int, by: By, *, comment: str | None = None, seen: int | None = None) -> Step:
    """Take a batch back as its author, and return the step; raises as `decide` does."""

    def once() -> Step:
        with ledger.engine.connect() as con:
            batch = batch_of(con, number)
        case, who = show_request(ledger, batch.request), person_of(ledger, by.actor)
        step = withdrawal(batch, case, who, _plain(Said(comment=comment)), now(), seen=seen)
        with ledger.engine.begin() as con:
            add_step(con, number, replace(step, entered_by=by.entered_by))
            tell(con, "output withdrawn", batch, by, step.role)
        return step

    return _insisting(once)


def _end(ledger: Ledger, batch: Batch, step: Step, by: By, left: int | None) -> None:
    """Write the last decision down together with the step of the request that it makes.

    `left`: beside how many released batches it was checked, where it is released. Raises _Again where that, or how the
    request stands, has changed since.
    """
    result = "passed" if step.after == RELEASED else "failed"

    def work(_case: Case) -> requests.Evidence:
        with ledger.engine.connect() as con:
            if left is not None and len(released_of(con, batch.request)) != left:
                raise _Again
        said = {"result": result, "digest": batch.digest, "batch": batch.number}
        return requests.Evidence(said, lambda con: _write(con, batch, step, by))

    try:
        requests.carry_out(ledger, batch.request, "check_outputs", work, actor=by.actor, entered_by=by.entered_by)
    except UsageError:
        raise _Again from None


def _write(con: sa.Connection, batch: Batch, step: Step, by: By) -> None:
    add_step(con, batch.number, step)
    tell(con, "output decided", batch, by, step.role)
    if step.after in _ENDED:
        tell(con, _ENDED[step.after], batch, by, step.role, files=len(batch.files))


def _must_still_pass(ledger: Ledger, batch: Batch, rules: Rules) -> int:
    """How many batches of the request have left, beside which this one passes the automatic check; else raises NotYet.

    It is asked whenever somebody would release it: were it asked of the last one only, it would tell of the first.
    """
    found, left = recheck(ledger, batch, rules)
    if found and found.refused:
        broken = ", ".join(sorted({each.rule for each in found.refused}))
        raise NotYet(
            f"batch {batch.number} is not released: beside what left since it was handed in, the automatic check "
            f"refuses it ({broken}); nothing was changed",
            hint=f"refuse it, or its author takes it back: etl output withdraw {batch.number}",
        )
    return left


def _insisting(once: Callable[[], Step]) -> Step:
    """Do something that another may do at the same moment: then it is looked at anew, whether it is still possible."""
    for _ in range(_TRIES):
        try:
            return once()
        except (IntegrityError, _Again):
            continue
    raise TransientError("others do something with it at the same moment", hint="do it again")


def _plain(said: Said) -> Said:
    must_be_seen([said.comment or "", *said.comments.values()])
    comments = {number: text.strip() for number, text in said.comments.items() if text.strip()}
    return Said(said.verdict, (said.comment or "").strip() or None, comments)
