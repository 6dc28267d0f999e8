"""Routes of the register of processing and of what is unusual in the audit log, for whose roles allow it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import UsageError
from etl.office.looks import counts_for
from etl.office.record import record_alone
from etl.office.visit import Visit, number_of, visit_of, whole
from etl.research.oversight.register import register
from etl.research.oversight.unusual import look_at, things
from etl.research.oversight.views import unusual_page
from etl.research.oversight.written import as_csv, register_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/register")
def of_processing(request: Request) -> HTMLResponse:
    """The register of pseudonymised processing."""
    visit = visit_of(request)
    site = visit.site("register", counts_for(visit))
    return HTMLResponse(register_page(site, register(visit.desk.ledger), visit.desk.names))


@router.get("/register.csv")
def as_table(request: Request) -> Response:
    """The register as a table; that it was taken along is in the audit log."""
    visit = visit_of(request)
    lines = register(visit.desk.ledger)
    record_alone(visit.desk.ledger, visit.actor, "register exported", "register.csv")
    text = as_csv(lines, visit.desk.names, visit.say.language)
    return Response(text, media_type="text/csv", headers={"Content-Disposition": "attachment; filename=register.csv"})


@router.get("/unusual")
def of_unusual(request: Request, page: str = "1", done: str = "") -> HTMLResponse:
    """What is unusual in the audit log, the new first."""
    return HTMLResponse(_unusual(visit_of(request), number_of(page), done=bool(done)))


@router.post("/unusual/{number}")
def look(request: Request, number: str) -> Response:
    """Note what an unusual thing was; where that cannot be, the page says why, and has the note."""
    visit, known = visit_of(request), whole(number)
    note = visit.form.get("note", "")
    if known is None:
        raise HTTPException(404)
    try:
        look_at(visit.desk.ledger, known, note, actor=visit.actor.name, address=visit.address)
    except UsageError as error:
        return HTMLResponse(_unusual(visit, wrong=error.message, note=(known, note)), 409)
    return RedirectResponse("/unusual?done=1", 303)


def _unusual(visit: Visit, page: int = 1, **more: Any) -> str:
    with visit.desk.ledger.engine.connect() as con:
        found = things(con)
    return unusual_page(visit.site("unusual", counts_for(visit)), found, page, **more)
