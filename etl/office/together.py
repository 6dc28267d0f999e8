"""Routes of pages about all hospitals together: mapping coverage, comparison, the month's report."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.office.looks import counts_for, office_page
from etl.office.record import record_alone
from etl.office.visit import Visit, number_of, visit_of
from etl.quality.report.comparison import comparison
from etl.quality.report.coverage import CodesAsked, coverage
from etl.quality.report.month import month, month_name, month_of, months
from etl.quality.report.texts import PARTS, WRITTEN, Text, subject_of, texts_of
from etl.quality.report.together import comparison_page, coverage_page, month_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/coverage")
def of_coverage(
    request: Request, hospital: str = "", domain: str = "", text: str = "", page: str = "1"
) -> HTMLResponse:  # fmt: skip
    """Mapping rates, and the codes to map next."""
    visit = visit_of(request)
    figures = coverage(visit.desk.ledger, CodesAsked(hospital, domain, text), number_of(page))
    return HTMLResponse(
        coverage_page(visit.site("coverage", counts_for(visit)), figures, visit.desk.names, visit.desk.small_cells)
    )


@router.get("/comparison")
def of_comparison(request: Request) -> HTMLResponse:
    """Hospitals side by side."""
    visit = visit_of(request)
    figures = comparison(visit.desk.ledger, visit.desk.measured())
    return HTMLResponse(comparison_page(visit.site("comparison", counts_for(visit)), figures, visit.desk.names))


@router.get("/months")
def newest_month(request: Request) -> HTMLResponse:
    """The newest month that has nights."""
    visit = visit_of(request)
    there = months(visit.desk.ledger)
    if not there:
        return HTMLResponse(office_page(visit, "no_month.html.j2", "months"))
    return HTMLResponse(_month(visit, month_name(there[-1])))


@router.get("/months/{month}")
def of_month(request: Request, month: str) -> HTMLResponse:
    """The report of a month."""
    visit = visit_of(request)
    said = visit.say("It is done and recorded.") if request.query_params.get("done") else None
    return HTMLResponse(_month(visit, month, said=said))


@router.post("/months/{month}/text")
def write(request: Request, month: str) -> Response:
    """Write a part of a month's report; where somebody else wrote it meanwhile, both are on the page."""
    visit, first = visit_of(request), month_of(month)
    part, text = visit.form.get("part", ""), visit.form.get("text", "").strip()
    if first is None or part not in PARTS or first not in months(visit.desk.ledger):
        raise HTTPException(404)
    now = texts_of(visit.desk.ledger, first)[part]
    if str(now.number) != visit.form.get("seen"):
        overtaken = visit.say("Somebody wrote this meanwhile; yours is in the form, and was not kept.")
        return HTMLResponse(_month(visit, month, overtaken=overtaken, kept=Text(part, text)), 409)
    record_alone(visit.desk.ledger, visit.actor, WRITTEN, subject_of(first, part), text)
    return RedirectResponse(f"/months/{month}?done=1#text-{part}", 303)


def _month(
    visit: Visit, name: str, *, said: str | None = None, overtaken: str | None = None, kept: Text | None = None
) -> str:  # fmt: skip
    desk, first = visit.desk, month_of(name)
    figures = month(desk.ledger, first, desk.measured) if first else None
    if figures is None:
        raise HTTPException(404)
    site = visit.site("months", counts_for(visit))
    texts = texts_of(desk.ledger, figures.first)
    return month_page(site, figures, texts, desk.names, said=said, overtaken=overtaken, kept=kept)
