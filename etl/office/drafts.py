"""Routes by which a researcher drafts a request and changes it: the form of requests as a page, with its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import InputError, UsageError
from etl.mapping.read.documents import hospital_folders
from etl.office.looks import counts_for
from etl.office.requests import case_of
from etl.office.visit import Visit, visit_of, whole
from etl.research.fulfilment.access import settle
from etl.research.requests.actions import Overtaken, change, draft
from etl.research.requests.case import Case
from etl.research.requests.engine import allowed
from etl.research.requests.flat import chosen, flat, said
from etl.research.requests.forms import checked
from etl.research.requests.given import Given, given
from etl.research.requests.read import file_of, show_request
from etl.research.requests.views import draft_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/requests/new")
def blank(request: Request) -> HTMLResponse:
    """A blank form, for researchers."""
    visit = visit_of(request)
    return HTMLResponse(_page(visit, None, {"people.0.account": visit.actor.name, "people.0.part": "principal"}))


@router.post("/requests/new")
def begin(request: Request) -> Response:
    """Draft a request from the form; where that cannot be, the form again, with what was written and why not."""
    visit = visit_of(request)

    def save(form: Given) -> int:
        return draft(visit.desk.ledger, form, actor=visit.actor.name, hospitals=_hospitals(visit))

    return _saved(visit, None, save)


@router.get("/requests/{number}/change")
def of_change(request: Request, number: str) -> HTMLResponse:
    """The form as the newest version fills it in, for who may change it."""
    visit = visit_of(request)
    case = _changeable(visit, number)
    return HTMLResponse(_page(visit, case, flat(case.form)))


@router.post("/requests/{number}/change")
def of_changed(request: Request, number: str) -> Response:
    """Make a new version of the request; where somebody did something about it meanwhile, nothing is done."""
    visit = visit_of(request)
    case = _changeable(visit, number)
    seen = whole(visit.form.get("seen", ""))

    def save(form: Given) -> int:
        change(visit.desk.ledger, case.number, form, actor=visit.actor.name, hospitals=_hospitals(visit),
               reason=visit.form.get("reason"), seen=-1 if seen is None else seen)  # fmt: skip
        settle(visit.desk.settings, show_request(visit.desk.ledger, case.number))
        return case.number

    return _saved(visit, case, save)


def _saved(visit: Visit, case: Case | None, save: Callable[[Given], int]) -> Response:
    try:
        number = save(given(checked("request", said(visit.form)), {**_kept(visit, case), **visit.files}))
    except (UsageError, InputError) as error:
        # who was overtaken is told what the other did, and may send the own words all the same
        seen = str(error.last) if isinstance(error, Overtaken) else visit.form.get("seen")
        return HTMLResponse(_page(visit, case, visit.form, why=error.message, seen=seen), 409)
    return RedirectResponse(f"/requests/{number}?done=1", 303)


def _kept(visit: Visit, case: Case | None) -> dict[str, bytes]:
    """Files of the version before that stay."""
    ticked = set(chosen("files", visit.form))
    there = case.form.get("files", ()) if case else ()
    kept = [each for each in there if each["digest"] in ticked]
    return {each["name"]: file_of(visit.desk.ledger, case.number, each["digest"]) for each in kept} if case else {}


def _changeable(visit: Visit, number: str) -> Case:
    case, who = case_of(visit, number)
    if "change" not in allowed(case, who):
        raise HTTPException(404)
    return case


def _hospitals(visit: Visit) -> list[str]:
    return [folder.name for folder in hospital_folders(visit.desk.settings.mappings)]


def _page(
    visit: Visit, case: Case | None, fields: Mapping[str, str], *, why: str | None = None, seen: str | None = None
) -> str:  # fmt: skip
    site = visit.site("request_change" if case else "request_new", counts_for(visit))
    return draft_page(site, case, fields, _hospitals(visit), visit.desk.names, why=why, seen=seen)
