"""The route of a hospital's lineage page, which is one file with a policy of its own."""

from __future__ import annotations

import re
from html import unescape

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.mapping.load import load_mappings
from etl.mapping.read.documents import hospital_folders
from etl.office.site import ADDRESSES
from etl.office.visit import visit_of
from etl.quality.lineage.document import describe
from etl.quality.lineage.pages import hospital_page

router = APIRouter(default_response_class=HTMLResponse)
_POLICY = re.compile('http-equiv="Content-Security-Policy" content="([^"]+)"')


@router.get("/lineage/{hospital}")
def of_hospital(request: Request, hospital: str) -> Response:
    """From a hospital's sources to the CDM; its style and script are named by hash."""
    if hospital == "index.html":  # as the page, which knows of no office, calls the one above it
        return RedirectResponse(ADDRESSES["tonight"], 303)
    settings = visit_of(request).desk.settings
    if hospital not in (folder.name for folder in hospital_folders(settings.mappings)):
        raise HTTPException(404)
    page = hospital_page(describe(settings, load_mappings(settings.mappings, [hospital])[hospital]))
    [policy] = _POLICY.findall(page)
    return HTMLResponse(page, headers={"Content-Security-Policy": f"{unescape(policy)}; frame-ancestors 'none'"})
