"""Routes of requests for data: those that a reader may see, one of them, and moves by who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import InputError, UsageError
from etl.office.looks import counts_for
from etl.office.visit import Visit, visit_of, whole
from etl.quality.findings.actions import today
from etl.research.fulfilment.access import settle
from etl.research.requests.actions import act
from etl.research.requests.case import Case
from etl.research.requests.chain import chain
from etl.research.requests.engine import Person, allowed, may_see
from etl.research.requests.forms import checked, read_form
from etl.research.requests.read import list_requests, show_request
from etl.research.requests.roles import held, person
from etl.research.requests.views import case_page, requests_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/requests")
def of_all(request: Request, late: str = "") -> HTMLResponse:
    """Requests that the reader may see, or the late ones of them."""
    visit = visit_of(request)
    who, day, only = _person(visit), today(), late == "1"
    found = [r for r in list_requests(visit.desk.ledger) if may_see(who, r.people, r.hospitals)]
    if only:
        found = [r for r in found if r.late(day)]
    return HTMLResponse(requests_page(visit.site("requests", counts_for(visit)), found, late=only))


@router.get("/requests/{number}")
def of_one(request: Request, number: str) -> HTMLResponse:
    """One request; as if it were not there, for who may not see it."""
    visit = visit_of(request)
    case, who = case_of(visit, number)
    return HTMLResponse(_page(visit, case, who, done=bool(request.query_params.get("done"))))


@router.post("/requests/{number}/move")
def move(request: Request, number: str) -> Response:
    """Make a move; where that cannot be, the request's page as it is now, with what was written still in it."""
    visit = visit_of(request)
    case, who = case_of(visit, number)
    name, seen = visit.form.get("move", ""), whole(visit.form.get("seen", ""))
    try:
        act(visit.desk.ledger, case.number, name, actor=who.name, said=_said(visit.form, name),
            seen=-1 if seen is None else seen)  # fmt: skip
        settle(visit.desk.settings, show_request(visit.desk.ledger, case.number))
    except (UsageError, InputError) as error:
        now, who = case_of(visit, number)
        return HTMLResponse(_page(visit, now, who, written=visit.form, why=error.message), 409)
    return RedirectResponse(f"/requests/{case.number}?done=1", 303)


def _person(visit: Visit) -> Person:
    with visit.desk.ledger.engine.connect() as con:
        return person(visit.actor.name, held(con))


def case_of(visit: Visit, number: str) -> tuple[Case, Person]:
    """A request as an address says it, and who asks; 404 for what there is not or the reader may not see."""
    who = _person(visit)
    with suppress(UsageError):
        if (known := whole(number)) is not None:
            case = show_request(visit.desk.ledger, known)
            if may_see(who, case.people, case.form.get("hospitals", ())):
                return case, who
    raise HTTPException(404)


def _page(visit: Visit, case: Case, who: Person, **more: Any) -> str:
    mine = sorted(where for _, where in who.roles if where and where in case.form.get("hospitals", ()))
    moves = allowed(case, who)
    said = [name for name in moves if name != "change"]
    site = visit.site("request", counts_for(visit))
    return case_page(site, case, visit.desk.names, said, mine, may_change="change" in moves, **more)


def _said(form: Mapping[str, str], name: str) -> dict[str, Any]:
    """What a form says with a move: the fields that the move needs, in their shapes, and a reason."""
    needs = chain().moves[name].needs if name in chain().moves else ()
    said: dict[str, Any] = {key: form[key] for key in needs if form.get(key)}
    said["reason"] = form.get("reason", "").strip() or None
    if "number" in needs:
        said["until"] = _day(form.get("until", ""))
    if "conflict" in needs:
        said["conflict"] = form.get("conflict") == "yes"
    if "criteria" in needs:
        said["criteria"] = [key for key in chain().review.criteria if form.get(f"criteria.{key}")]
    if "members" in said:
        said["members"] = [each.strip() for each in said["members"].split(",") if each.strip()]
    if "conditions" in said:
        said["conditions"] = read_form("conditions", said["conditions"])
    return said


def _day(text: str) -> str | None:
    return checked("conditions", {"until": text.strip()}).get("until")
