"""Routes of signing in by somebody who vouches: to the issuer, and back."""

from __future__ import annotations

import hmac

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from etl.errors import UsageError
from etl.office.accounts import vouched
from etl.office.oidc import Issuer, Trip
from etl.office.people import begin_session, let_through
from etl.office.record import Actor, record_alone
from etl.office.site import ADDRESSES
from etl.office.visit import set_cookie, visit_of

router = APIRouter()
_TRIP_COOKIE, _TRIP_SECONDS = "office_trip", 600


@router.get("/sign-in/oidc")
def leave(request: Request) -> Response:
    """To the issuer."""
    trip = Trip.new()
    response = RedirectResponse(_issuer(request).address(trip, _back(request)), 303)
    set_cookie(request, response, _TRIP_COOKIE, str(trip), _TRIP_SECONDS)
    return response


@router.get("/sign-in/oidc/back")
def come_back(request: Request) -> Response:
    """Back from the issuer: the account that it vouches for is signed in."""
    visit, issuer, trip = visit_of(request), _issuer(request), Trip.read(request.cookies.get(_TRIP_COOKIE))
    state = request.query_params.get("state", "")
    if trip is None or not hmac.compare_digest(trip.state.encode(), state.encode()):
        raise UsageError(visit.say("the sign-in was begun in another window, or too long ago"),
                         hint=visit.say("begin again at the sign-in page"))  # fmt: skip
    found = issuer.vouches(trip, str(request.url), _back(request))
    account = vouched(visit.desk.ledger, issuer.name, found.subject, found.name, found.role)
    by = Actor(account.name, account.role, visit.address)
    if account.disabled_at is not None:
        record_alone(visit.desk.ledger, by, "sign-in failed")
        raise UsageError(visit.say("this account is disabled"), hint=visit.say("ask whoever keeps the accounts"))
    record_alone(visit.desk.ledger, by, "signed in")
    begin_session(visit, account.name)
    response = let_through(request, visit, RedirectResponse(ADDRESSES["tonight"], 303))
    response.delete_cookie(_TRIP_COOKIE)
    return response


def _issuer(request: Request) -> Issuer:
    issuer = visit_of(request).desk.issuer
    if issuer is None:
        raise HTTPException(404)
    return issuer


def _back(request: Request) -> str:
    return str(request.url_for("come_back"))
