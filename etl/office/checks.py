"""Routes of checks: the battery as a whole, one check of it or of a gate over nights."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from etl.office.looks import counts_for
from etl.office.visit import number_of, visit_of
from etl.quality.battery.failing import ChecksAsked
from etl.quality.battery.views import battery_page, check_page
from etl.quality.findings.checks import check_shown

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/battery")
def battery(
    request: Request, hospital: str = "", category: str = "", dimension: str = "", severity: str = "", text: str = "",
    page: str = "1",
) -> HTMLResponse:  # fmt: skip
    """What fails at which hospital."""
    visit = visit_of(request)
    desk, site = visit.desk, visit.site("battery", counts_for(visit))
    nights = desk.measured()
    asked = ChecksAsked(hospital, category, dimension, severity, text)
    return HTMLResponse(battery_page(site, nights, asked, desk.names, desk.small_cells, page=number_of(page)))


@router.get("/checks/{check}")
def of_check(request: Request, check: str, page: str = "1") -> HTMLResponse:
    """One check over nights."""
    visit = visit_of(request)
    desk = visit.desk
    shown = check_shown(desk.settings, desk.ledger, desk.checks, check, number_of(page))
    if shown is None:
        raise HTTPException(404)
    site = visit.site("check", counts_for(visit))
    return HTMLResponse(check_page(site, *shown, desk.names, desk.small_cells))
