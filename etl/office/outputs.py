"""Routes of outputs: batches that a reader may see, one of them, its files, and what is decided by who is signed in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import InputError, UsageError
from etl.office.looks import counts_for
from etl.office.visit import Visit, number_of, visit_of, whole
from etl.research.concepts.usage import strictest_small_cell
from etl.research.disclosure.rules import read_rules
from etl.research.outbox.actions import decide as decide_on
from etl.research.outbox.actions import withdraw as take_back
from etl.research.outbox.engine import Said
from etl.research.outbox.fetch import contents
from etl.research.outbox.read import Shown, list_batches, show_batch
from etl.research.outbox.views import batch_page, outputs_page
from etl.research.outbox.who import By

router = APIRouter(default_response_class=HTMLResponse)

#: A file is saved, whatever it says it is; were it shown, it could run nothing, load nothing and be nobody.
_SAVED = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}


@router.get("/outputs")
def of_all(request: Request, late: str = "", mine: str = "", page: str = "1") -> HTMLResponse:
    """Batches that the reader may see; those that are late, or wait for the reader."""
    return _list(visit_of(request), late, mine, page)


@router.get("/requests/{number}/outputs")
def of_request(request: Request, number: str, late: str = "", mine: str = "", page: str = "1") -> HTMLResponse:
    """Batches of one request; none for who may not see them."""
    if (known := whole(number)) is None:
        raise HTTPException(404)
    return _list(visit_of(request), late, mine, page, known)


@router.get("/outputs/{number}")
def of_one(request: Request, number: str) -> HTMLResponse:
    """One batch; as if it were not there, for who may not see it."""
    visit = visit_of(request)
    return HTMLResponse(_page(visit, _shown(visit, number), done=bool(request.query_params.get("done"))))


@router.get("/outputs/{number}/files/{file}")
def of_file(request: Request, number: str, file: str) -> Response:
    """What a file holds, to be saved: for a checker while it waits, for the request's people once it is released."""
    visit, known = visit_of(request), whole(file)
    shown = _shown(visit, number)
    move = next((each for each in ("fetch", "open") if each in shown.may), None)
    if known is None or move is None:
        raise HTTPException(404)
    [found] = contents(visit.desk.ledger, shown.batch.number, move, _by(visit), file=known)
    name = f"attachment; filename=\"file\"; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = {**_SAVED, "Content-Disposition": name}
    return Response(found.content, media_type="application/octet-stream", headers=headers)


@router.post("/outputs/{number}/decide")
def decide(request: Request, number: str) -> Response:
    """Decide as a checker; where that cannot be, the page as it is now, with what was written still in it."""
    visit = visit_of(request)
    shown, form = _shown(visit, number), visit.form
    comments = {file.number: form.get(f"file.{file.number}", "") for file in shown.batch.files}
    said = Said(form.get("verdict"), form.get("comment"), comments)
    rules = read_rules(None, strictest_small_cell(visit.desk.settings))
    try:
        decide_on(visit.desk.ledger, shown.batch.number, said, _by(visit), rules, seen=_seen(visit))
    except (UsageError, InputError) as error:
        return HTMLResponse(_page(visit, _shown(visit, number), written=form, why=error.message), 409)
    return RedirectResponse(f"/outputs/{shown.batch.number}?done=1", 303)


@router.post("/outputs/{number}/withdraw")
def withdraw(request: Request, number: str) -> Response:
    """Take a batch back as its author; where that cannot be, the page as it is now."""
    visit = visit_of(request)
    shown, comment = _shown(visit, number), visit.form.get("comment")
    try:
        take_back(visit.desk.ledger, shown.batch.number, _by(visit), comment=comment, seen=_seen(visit))
    except (UsageError, InputError) as error:
        return HTMLResponse(_page(visit, _shown(visit, number), written=visit.form, why=error.message), 409)
    return RedirectResponse(f"/outputs/{shown.batch.number}?done=1", 303)


def _list(visit: Visit, late: str, mine: str, page: str, request: int | None = None) -> HTMLResponse:
    ledger, is_late, is_mine = visit.desk.ledger, late == "1", mine == "1"
    found = list_batches(ledger, visit.actor.name, request=request, late=is_late, mine=is_mine)
    site = visit.site("outputs", counts_for(visit))
    return HTMLResponse(
        outputs_page(site, found, page=number_of(page), late=is_late, mine=is_mine, request=request)
    )  # fmt: skip


def _shown(visit: Visit, number: str) -> Shown:
    with suppress(UsageError):
        if (known := whole(number)) is not None:
            return show_batch(visit.desk.ledger, known, visit.actor.name)
    raise HTTPException(404)


def _page(visit: Visit, shown: Shown, **more: Any) -> str:
    return batch_page(visit.site("output", counts_for(visit)), shown, **more)


def _by(visit: Visit) -> By:
    return By(visit.actor.name, address=visit.address)


def _seen(visit: Visit) -> int:
    seen = whole(visit.form.get("seen", ""))
    return -1 if seen is None else seen
