"""The office as a web application: its routes behind its rules, its headers on every answer, its errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib.resources import files
from urllib.parse import quote, urlencode

from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from etl.errors import ConfigError, InputError, TransientError, UsageError
from etl.faults import as_etl_error
from etl.office import (
    checks,
    decisions,
    drafts,
    findings,
    lineage,
    outputs,
    oversight,
    pages,
    people,
    requests,
    together,
    vouching,
)
from etl.office.desk import Desk
from etl.office.looks import error_page, kept_of
from etl.office.passwords import fits
from etl.office.rules import rules
from etl.office.site import ADDRESSES, STATIC, safe
from etl.office.visit import VISITOR_COOKIE, Refused, Visit, begin_visit, let_in, route_key, set_cookie, visit_of, whole
from etl.pages.site import POLICY
from etl.settings import Settings

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOBODY = "'none'"
_FOR_A_YEAR = "public, max-age=31536000, immutable"
#: What an error means to a browser; whichever it is, the page says it in words.
_STATUS = {UsageError: 409, InputError: 409, TransientError: 503, ConfigError: 500}
_LOG = logging.getLogger(__name__)
Next = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings) -> FastAPI:
    """The application; ConfigError where a route has no rule, or the settings of who vouches are wrong."""
    policy = f"{POLICY}; frame-ancestors {settings.office_framed_by or _NOBODY}"
    app = FastAPI(dependencies=[Depends(let_in)], openapi_url=None, docs_url=None, redoc_url=None)
    desk = Desk(settings)
    _ = desk.issuer  # what is wrong with it is told now, not to the first who signs in
    _ = desk.checks  # read once, so that the first page does not wait for it
    fits("", None)  # the first who tries a name that nobody has waits no longer than others
    for router in (
        pages.router,
        findings.router,
        checks.router,
        together.router,
        lineage.router,
        drafts.router,  # before the one of requests: `new` is no number of one
        requests.router,
        outputs.router,
        oversight.router,
        people.router,
        decisions.router,
        vouching.router,
    ):
        app.include_router(router)
    _require_rules(app)
    app.mount(STATIC, StaticFiles(directory=str(files("etl.pages").joinpath("static"))))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _missing)

    @app.middleware("http")
    async def on_every_answer(request: Request, proceed: Next) -> Response:
        request.state.visit = begin_visit(request, desk)
        try:
            if _unreadable(request):
                response = Response("there is no such page\n", 404)
            elif _too_large(request):
                response = Response("too large\n", 413)
            else:
                response = await proceed(request)
        except Exception as error:  # whatever it is, it is told without a value
            response = _failed(request, error)
        response.headers.setdefault("Content-Security-Policy", policy)
        return _dressed(request, response)

    return app


def _too_large(request: Request) -> bool:
    """Whether a request brings more than the form there holds, or does not say how much; it may be of anybody."""
    said = whole(request.headers.get("content-length", ""))
    largest = rules().size_at(request.method, request.url.path).bytes
    return request.method not in ("GET", "HEAD") and (said is None or said > largest)


def _unreadable(request: Request) -> bool:
    """Whether an address holds the character that no text has and not every ledger takes."""
    return "\0" in request.url.path or "%00" in request.url.query


def _require_rules(app: FastAPI) -> None:
    """Raise ConfigError unless every route has a rule and every rule a route."""
    there = {
        route_key(method, route.path)
        for route in app.routes if isinstance(route, Route)
        for method in (route.methods or ()) if method != "HEAD"
    }  # fmt: skip
    said = set(rules().routes)
    if there != said:
        raise ConfigError(f"routes and rules differ: {', '.join(sorted(there ^ said))}", hint="etl/office/rules.yaml")


def _dressed(request: Request, response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.url.path.startswith(f"{STATIC}/"):
        response.headers["Cache-Control"] = _FOR_A_YEAR if response.status_code == 200 else "no-store"
        return response
    response.headers["Cache-Control"] = "no-store"
    if request.headers.get("hx-request") and response.status_code >= 400:  # not a part of a page: the whole of it
        response.headers.setdefault("HX-Redirect", safe(visit_of(request).path))
    visit = visit_of(request)
    if request.cookies.get(VISITOR_COOKIE) != visit.visitor:
        set_cookie(request, response, VISITOR_COOKIE, visit.visitor)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 403
    visit = visit_of(request)
    if status == 401:
        return _to_sign_in(request, visit)
    if status == 400:
        title = visit.say("This form is out of date")
        text = visit.say("It was opened before you signed in, or too long ago. Nothing was changed.")
    else:
        title, text = visit.say("Not for your role"), visit.say("Your role does not allow this. Nothing was changed.")
    kept = visit.form if status == 400 else {}
    return HTMLResponse(error_page(visit, request, title, text, kept=kept), status)


def _to_sign_in(request: Request, visit: Visit) -> Response:
    """To the page to sign in on, and back from there; what was written into a form is on it, to be sent afterwards."""
    back = request.url.path if request.method in ("GET", "HEAD") else "/"
    if kept := kept_of(visit.form):
        return HTMLResponse(people.sign_in_form(visit, back, again=request.url.path, kept=kept), 401)
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": ADDRESSES["sign_in"]})
    query = f"?{urlencode({'back': back})}" if back != "/" else ""
    return RedirectResponse(f"{ADDRESSES['sign_in']}{query}", 303)


async def _missing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    visit = visit_of(request)
    title = visit.say("There is no such page")
    text = visit.say("The address may be mistyped, or what it told of was removed.")
    return HTMLResponse(error_page(visit, request, title, text), status)


def _failed(request: Request, raised: Exception) -> Response:
    """An error as a page that says what and what to do; what was written into a form is on it, to be sent again."""
    visit, error = visit_of(request), as_etl_error(raised)
    # an address is written as it was sent, so that it makes no line of its own; the message holds no value, as ever
    _LOG.error("%s: %s", quote(request.url.path), "; ".join(error.message.splitlines()))
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    title = visit.say("Not now") if status == 503 else visit.say("That did not work")
    return HTMLResponse(
        error_page(visit, request, title, error.message, hint=error.hint, kept=visit.form, away=status == 503), status
    )
