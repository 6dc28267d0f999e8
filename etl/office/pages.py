"""Routes of what everybody reads: tonight, a hospital, a night, approvals, the design."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse

from etl.office.decisions import outcome_said
from etl.office.looks import counts_for, office_page
from etl.office.visit import number_of, visit_of
from etl.quality.findings.chosen import news_of
from etl.quality.findings.views import news_part
from etl.quality.report.approvals import decided_with_hospitals, waiting_needs
from etl.quality.report.figures import Night
from etl.quality.report.hospital import hospital_nights, neighbours, night_of, night_of_run
from etl.quality.report.tonight import ORDERS, tonight
from etl.quality.report.views import approvals_page, hospital_page, night_page, tonight_page
from etl.research.oversight.views import duties_part

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/")
def first_page(request: Request, sort: str = "state", down: str = "") -> HTMLResponse:
    """All hospitals at a glance."""
    visit = visit_of(request)
    desk, site = visit.desk, visit.site("tonight", counts_for(visit))
    duties = duties_part(site)
    figures = tonight(desk.ledger, desk.names, visit.say)
    return HTMLResponse(tonight_page(
        site, figures, desk.names, desk.again, sort=sort if sort in ORDERS else "state",
        down={"1": True, "0": False}.get(down), said=outcome_said(request),
        news=news_part(site, news_of(desk.ledger), desk.names, desk.small_cells, asked=desk.checks),
        cells=desk.small_cells, duties=duties,
    ))  # fmt: skip


@router.get("/hospitals/{hospital}")
def of_hospital(request: Request, hospital: str, page: str = "1") -> HTMLResponse:
    """A hospital's nights."""
    visit = visit_of(request)
    desk, site = visit.desk, visit.site("hospital", counts_for(visit))
    figures = hospital_nights(desk.ledger, hospital, number_of(page))
    if figures is None:
        raise HTTPException(404)
    news = news_part(site, news_of(desk.ledger, hospital), desk.names, desk.small_cells, hospital, desk.checks)
    return HTMLResponse(hospital_page(site, figures, desk.names, news=news, cells=desk.small_cells))


@router.get("/hospitals/{hospital}/{night}")
def of_night(request: Request, hospital: str, night: str) -> HTMLResponse:
    """A hospital's night: its last delivery."""
    figures = None
    with suppress(ValueError):
        figures = night_of(visit_of(request).desk.ledger, hospital, date.fromisoformat(night))
    return _night(request, figures)


@router.get("/runs/{run}")
def of_run(request: Request, run: str) -> HTMLResponse:
    """One run, also where another delivery of its night came later."""
    return _night(request, night_of_run(visit_of(request).desk.ledger, run))


def _night(request: Request, figures: Night | None) -> HTMLResponse:
    if figures is None:
        raise HTTPException(404)
    visit = visit_of(request)
    beside = neighbours(visit.desk.ledger, figures.run)
    return HTMLResponse(night_page(
        visit.site("run", counts_for(visit)), visit.desk.ledger, figures, visit.desk.names, visit.desk.again, beside,
        said=outcome_said(request), cells=visit.desk.small_cells,
    ))  # fmt: skip


@router.get("/approvals")
def approvals(request: Request) -> HTMLResponse:
    """What waits for a person, and what was decided."""
    visit = visit_of(request)
    ledger = visit.desk.ledger
    decided, hospitals = decided_with_hospitals(ledger)
    return HTMLResponse(approvals_page(
        visit.site("approvals", counts_for(visit)), waiting_needs(ledger, visit.say), decided, hospitals,
        visit.desk.names, visit.desk.again, said=outcome_said(request), cells=visit.desk.small_cells,
    ))  # fmt: skip


@router.get("/office/design")
def design(request: Request) -> HTMLResponse:
    """All parts that pages are made of."""
    return HTMLResponse(office_page(visit_of(request), "design.html.j2", "design"))


@router.get("/alive", response_class=PlainTextResponse)
def alive() -> PlainTextResponse:
    """For whoever watches over the office: it answers."""
    return PlainTextResponse("ok\n")
