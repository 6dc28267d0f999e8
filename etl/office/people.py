"""Routes of accounts: sign-in and out, one's own account, the list of accounts, the record of what was done."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import UsageError
from etl.office.accounts import account, accounts, change_password, proven
from etl.office.attempts import forgive, heard
from etl.office.looks import office_page
from etl.office.record import ACTIONS, Actor, Asked, actors, events, record_alone
from etl.office.rules import rules
from etl.office.sessions import digest_of, end_session, open_session
from etl.office.site import ADDRESSES
from etl.office.visit import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    THEME_COOKIE,
    VISITOR_COOKIE,
    Visit,
    number_of,
    set_cookie,
    visit_of,
)
from etl.pages.language import LANGUAGES
from etl.pages.site import THEMES
from etl.pages.tables import Pages

router = APIRouter(default_response_class=HTMLResponse)
_A_YEAR = 365 * 24 * 3600


@router.get("/sign-in")
def sign_in_page(request: Request, back: str = "/") -> Response:
    """The form to sign in with; a hint where there is no account yet."""
    visit = visit_of(request)
    if visit.session:
        return RedirectResponse(ADDRESSES["tonight"], 303)
    return HTMLResponse(_sign_in(visit, back))


@router.post("/sign-in")
def sign_in(request: Request) -> Response:
    """Sign in; one answer, after the same time, for a name that nobody has and for a wrong password."""
    visit = visit_of(request)
    ledger, name = visit.desk.ledger, visit.form.get("name", "").strip()
    back = safe(visit.form.get("back", "/"))
    by = Actor(name, None, visit.address)
    if not heard(ledger, name, visit.address):
        record_alone(ledger, _unproven(visit, name), "sign-in refused: too many attempts")
        minutes = rules().sign_in.minutes
        wrong = visit.say("Too many attempts. Try again in %(minutes)s minutes.", minutes=minutes)
        return HTMLResponse(_sign_in(visit, back, name, wrong), 429)
    found = proven(ledger, name, visit.form.get("password", ""))
    if found is None:
        record_alone(ledger, _unproven(visit, name), "sign-in failed")
        return HTMLResponse(_sign_in(visit, back, name, visit.say("Name or password is wrong.")), 401)
    forgive(ledger, name, visit.address)
    record_alone(ledger, Actor(by.name, found.role, by.address), "signed in")
    return signed_in(request, visit, found.name, back)


def signed_in(request: Request, visit: Visit, name: str, back: str) -> Response:
    """The way to the office for who has just signed in; a session that the browser had ends."""
    if visit.token:
        end_session(visit.desk.ledger, visit.token)
    response = RedirectResponse(back, 303)
    set_cookie(request, response, SESSION_COOKIE, open_session(visit.desk.ledger, name))
    response.delete_cookie(VISITOR_COOKIE)
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session at once."""
    visit = visit_of(request)
    if visit.token:
        end_session(visit.desk.ledger, visit.token)
    record_alone(visit.desk.ledger, visit.actor, "signed out")
    response = RedirectResponse(ADDRESSES["sign_in"], 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.post("/look")
def look(request: Request) -> Response:
    """Choose a language or colours; back to where it was chosen."""
    visit = visit_of(request)
    response = RedirectResponse(safe(visit.form.get("back", "/")), 303)
    if visit.form.get("language") in LANGUAGES:
        set_cookie(request, response, LANGUAGE_COOKIE, visit.form["language"], _A_YEAR)
    if visit.form.get("theme") in THEMES:
        set_cookie(request, response, THEME_COOKIE, visit.form["theme"], _A_YEAR)
    return response


@router.get("/account")
def own_account(request: Request, changed: str = "") -> HTMLResponse:
    """One's own account."""
    return HTMLResponse(_account(visit_of(request), changed=bool(changed)))


@router.post("/account/password")
def new_password(request: Request) -> Response:
    """Change one's own password; other sessions of the account end."""
    visit = visit_of(request)
    ledger, name = visit.desk.ledger, visit.actor.name
    if not heard(ledger, name, visit.address):
        return HTMLResponse(_account(visit, wrong=visit.say("Too many attempts. Try again later.")), 429)
    if proven(ledger, name, visit.form.get("password", "")) is None:
        return HTMLResponse(_account(visit, wrong=visit.say("The password you have now is another one.")), 400)
    forgive(ledger, name, visit.address)
    if visit.form.get("new_password") != visit.form.get("new_password_again"):
        return HTMLResponse(_account(visit, wrong=visit.say("The new password was not the same twice.")), 400)
    try:
        change_password(ledger, visit.actor, name, visit.form["new_password"], keep=digest_of(visit.token or ""))
    except UsageError:
        shortest = rules().passwords.shortest
        wrong = visit.say("Choose %(n)s characters or more, without your name in them.", n=shortest)
        return HTMLResponse(_account(visit, wrong=wrong), 400)
    return RedirectResponse(f"{ADDRESSES['account']}?changed=1", 303)


@router.get("/accounts")
def all_accounts(request: Request) -> HTMLResponse:
    """The accounts, for who may see them; they are changed by `etl office account`."""
    visit = visit_of(request)
    return HTMLResponse(office_page(
        visit, "accounts.html.j2", "accounts", accounts=accounts(visit.desk.ledger), roles=rules().roles
    ))  # fmt: skip


@router.get("/log")
def log(
    request: Request, actor: str = "", action: str = "", since: str = "", until: str = "", page: str = "1"
) -> HTMLResponse:
    """What was done, by whom, when and why."""
    visit = visit_of(request)
    asked = Asked(actor, action if action in ACTIONS else "", _day(since), _day(until))
    found, number, last = events(visit.desk.ledger, asked, number_of(page))
    said = tuple((k, v) for k, v in (("actor", actor), ("action", action), ("since", since), ("until", until)) if v)
    return HTMLResponse(office_page(
        visit, "log.html.j2", "log", events=found, asked=asked, actors=actors(visit.desk.ledger), actions=ACTIONS,
        pages=Pages(number, last, ADDRESSES["log"], said),
    ))  # fmt: skip


def safe(back: str) -> str:
    """A page of the office to go back to: nothing that leads anywhere else."""
    plain = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if plain else ADDRESSES["tonight"]


def _sign_in(visit: Visit, back: str, name: str = "", wrong: str | None = None) -> str:
    """The form; `first` tells that there is nobody yet who could sign in."""
    first = not visit.desk.issuer and not accounts(visit.desk.ledger)
    return office_page(
        visit, "sign_in.html.j2", "sign_in", back=safe(back), name=name, wrong=wrong, first=first,
        issuer=visit.desk.issuer,
    )  # fmt: skip


def _account(visit: Visit, *, wrong: str | None = None, changed: bool = False) -> str:
    own = account(visit.desk.ledger, visit.actor.name)
    shortest = rules().passwords.shortest
    return office_page(visit, "account.html.j2", "account", own=own, wrong=wrong, changed=changed, shortest=shortest)


def _unproven(visit: Visit, name: str) -> Actor:
    """Who tried: by the name of an account; another one may be a password typed into the wrong field."""
    there = account(visit.desk.ledger, name)
    return Actor(there.name if there else "-", None, visit.address)


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None
