"""The route of a hospital's lineage page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from etl.mapping.load import load_mappings
from etl.mapping.read.documents import hospital_folders
from etl.office.looks import counts_for
from etl.office.visit import visit_of
from etl.quality.lineage.document import describe
from etl.quality.lineage.pages import hospital_page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/lineage/{hospital}")
def of_hospital(request: Request, hospital: str) -> HTMLResponse:
    """From a hospital's sources to the CDM."""
    visit = visit_of(request)
    settings = visit.desk.settings
    if hospital not in (folder.name for folder in hospital_folders(settings.mappings)):
        raise HTTPException(404)
    lineage = describe(settings, load_mappings(settings.mappings, [hospital])[hospital])
    return HTMLResponse(hospital_page(lineage, visit.site("lineage", counts_for(visit))))
