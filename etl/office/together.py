"""Routes of pages about all hospitals together: mapping coverage, comparison."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from etl.office.looks import counts_for
from etl.office.visit import number_of, visit_of
from etl.quality.report.comparison import comparison
from etl.quality.report.coverage import CodesAsked, coverage
from etl.quality.report.together import comparison_page, coverage_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/coverage")
def of_coverage(
    request: Request, hospital: str = "", domain: str = "", text: str = "", page: str = "1"
) -> HTMLResponse:  # fmt: skip
    """Mapping rates, and the codes to map next."""
    visit = visit_of(request)
    figures = coverage(visit.desk.ledger, CodesAsked(hospital, domain, text), number_of(page))
    return HTMLResponse(coverage_page(visit.site("coverage", counts_for(visit)), figures, visit.desk.names))


@router.get("/comparison")
def of_comparison(request: Request) -> HTMLResponse:
    """Hospitals side by side."""
    visit = visit_of(request)
    figures = comparison(visit.desk.ledger, visit.desk.measured())
    return HTMLResponse(comparison_page(visit.site("comparison", counts_for(visit)), figures, visit.desk.names))
