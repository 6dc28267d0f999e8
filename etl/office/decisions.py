"""The route by which a person approves or refuses a night: the same decision as `etl approve`, by who is signed in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from etl.errors import UsageError
from etl.night.publish.approval import Decision, decide
from etl.office.site import ADDRESSES
from etl.office.visit import visit_of
from etl.quality.report.approvals import asked_now

router = APIRouter()
_DECISIONS: dict[str, Decision] = {"approved": "approved", "refused": "refused"}


@router.post("/runs/{run}/decision")
def decision(request: Request, run: str) -> Response:
    """Answer what waits of a run; UsageError without a reason, or where something else is asked than was seen."""
    visit, ledger = visit_of(request), visit_of(request).desk.ledger
    answer = _DECISIONS.get(visit.form.get("decision", ""))
    reason = visit.form.get("reason", "").strip()
    if answer is None or ledger.run(run) is None:
        raise HTTPException(404)
    if not reason:
        raise UsageError(visit.say("say why you decide so"), hint=visit.say("write the reason and send it again"))
    if asked_now(ledger, run) != visit.form.get("seen"):
        raise UsageError(
            visit.say("what is asked of this night has changed since you opened the page; nothing was decided"),
            hint=visit.say("look at it again: somebody may have answered, or the night was run again"),
        )
    by = visit.actor
    decide(ledger, run, answer, by.name, reason, role=by.role, address=by.address)
    back = {"run": ADDRESSES["run"].format(run=run), "approvals": "/approvals"}.get(visit.form.get("back", ""), "/")
    return RedirectResponse(f"{back}?decided={answer}", 303)


def outcome_said(request: Request) -> str | None:
    """What a decision just came to, after the way back to a page."""
    say = visit_of(request).say
    return {
        "approved": say("Approved and recorded. The night is published when it is run again."),
        "refused": say("Refused and recorded. The last published night stays."),
    }.get(request.query_params.get("decided", ""))
