"""Routes of tracked findings: which there are, one of them, and what is done about it by who is signed in."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import UsageError
from etl.office.looks import counts_for
from etl.office.visit import Visit, number_of, visit_of, whole
from etl.pages.formats import moment
from etl.quality.findings.actions import Overtaken, act, today
from etl.quality.findings.chosen import Chosen, listed
from etl.quality.findings.links import links_of
from etl.quality.findings.read import TrackedDetail, show
from etl.quality.findings.states import SAID
from etl.quality.findings.views import DONE, Written, finding_page, findings_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/findings")
def of_all(
    request: Request, hospital: str = "", state: str = "", owner: str = "", course: str = "", late: str = "",
    page: str = "1",
) -> HTMLResponse:  # fmt: skip
    """Findings that are asked for."""
    visit = visit_of(request)
    figures = listed(visit.desk.ledger, Chosen(hospital, state, owner, course, late == "1"), today())
    site = visit.site("findings", counts_for(visit))
    return HTMLResponse(
        findings_page(
            site, figures, visit.desk.names, visit.desk.small_cells, visit.desk.checks, page=number_of(page)
        )
    )  # fmt: skip


@router.get("/findings/{number}")
def of_one(request: Request, number: str) -> HTMLResponse:
    """One finding."""
    visit = visit_of(request)
    said = visit.say("It is done and recorded.") if request.query_params.get("done") else None
    return HTMLResponse(_page(visit, _detail(visit, number), said=said))


@router.post("/findings/{number}/act")
def do(request: Request, number: str) -> Response:
    """Do something about a finding; where that cannot be, its page as it is now, with what was written still in it."""
    visit, detail = visit_of(request), _detail(visit_of(request), number)
    form = {name: visit.form.get(name, "").strip() for name in ("action", "seen", *SAID)}
    try:
        act(
            visit.desk.ledger, detail.finding.number, form["action"], actor=visit.actor.name,
            reason=form["reason"], owner=form["owner"], until=_day(visit, form["until"]),
            due=_day(visit, form["due"]), seen=-1 if (last := whole(form["seen"])) is None else last,
            role=visit.actor.role, address=visit.actor.address,
        )  # fmt: skip
    except UsageError as error:
        now = _detail(visit, number)
        return HTMLResponse(_page(visit, now, written=_written(visit, now, form, error)), 409)
    return RedirectResponse(f"/findings/{detail.finding.number}?done=1", 303)


def _detail(visit: Visit, number: str) -> TrackedDetail:
    with suppress(UsageError):
        if (known := whole(number)) is not None:
            return show(visit.desk.ledger, known)
    raise HTTPException(404)


def _page(
    visit: Visit, detail: TrackedDetail, *, said: str | None = None, written: Written | None = None
) -> str:  # fmt: skip
    desk = visit.desk
    links = links_of(desk.settings, desk.ledger, detail)
    site = visit.site("finding", counts_for(visit))
    return finding_page(site, detail, links, desk.names, desk.small_cells, desk.checks, said=said, written=written)


def _written(visit: Visit, now: TrackedDetail, form: dict[str, str], error: UsageError) -> Written:
    """What was written, for the form to be filled with; where its action is no longer possible, for a note."""
    action = form["action"] if form["action"] in now.possible else "note"
    fields: dict[str, str] = {name: form[name] for name in SAID if form[name]}
    if not isinstance(error, Overtaken) or not now.actions:
        return Written(action, error.message, error.hint, fields=fields)
    other = now.actions[0]
    why = visit.say(
        "Somebody was quicker: %(actor)s %(done)s on %(when)s KST. Nothing of yours was done.",
        actor=other.actor, done=visit.say(DONE[other.action]), when=moment(other.at),
    )  # fmt: skip
    hint = visit.say("look at it below, then send yours again if it still holds")
    return Written(action, why, hint, overtaken=True, fields=fields)


def _day(visit: Visit, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(visit.say("that is no day: YYYY-MM-DD")) from None
