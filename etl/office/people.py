"""Routes of accounts: sign-in and out, one's own account, the list of accounts, the record of what was done."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from etl.errors import UsageError
from etl.office.accounts import account, accounts, change_password, proven
from etl.office.attempts import forgive, heard
from etl.office.looks import error_page, kept_of, office_page
from etl.office.record import Actor, Asked, actors, events, record_alone, record_once
from etl.office.rules import rules
from etl.office.sessions import digest_of, end_session, open_session
from etl.office.site import ADDRESSES, safe
from etl.office.visit import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    THEME_COOKIE,
    VISITOR_COOKIE,
    Visit,
    number_of,
    recognise,
    set_cookie,
    visit_of,
)
from etl.pages.language import LANGUAGES
from etl.pages.site import THEMES
from etl.pages.tables import Pages
from etl.store.audit.kinds import kinds, named

router = APIRouter(default_response_class=HTMLResponse)
_KEPT = "kept."  # before the name of a field of another form
_A_YEAR = 365 * 24 * 3600


@router.get("/sign-in")
def sign_in_page(request: Request, back: str = "/") -> Response:
    """The form to sign in with; a hint where there is no account yet."""
    visit = visit_of(request)
    if visit.session:
        return RedirectResponse(ADDRESSES["tonight"], 303)
    return HTMLResponse(sign_in_form(visit, back))


@router.post("/sign-in")
def sign_in(request: Request) -> Response:
    """Sign in; one answer, after the same time, for a name that nobody has and for a wrong password."""
    visit = visit_of(request)
    ledger, name = visit.desk.ledger, visit.form.get("name", "").strip()
    back = safe(visit.form.get("back", "/"))
    again, kept = safe(visit.form.get("again", "/")), _kept(visit)
    by = Actor(name, None, visit.address)
    if not heard(ledger, name, visit.address):
        record_once(ledger, _unproven(visit, name), "sign-in refused: too many attempts", rules().window)
        minutes = rules().sign_in.minutes
        wrong = visit.say("Too many attempts. Try again in %(minutes)s minutes.", minutes=minutes)
        return HTMLResponse(sign_in_form(visit, back, name, wrong, again=again, kept=kept), 429)
    found = proven(ledger, name, visit.form.get("password", ""))
    if found is None:
        record_alone(ledger, _unproven(visit, name), "sign-in failed")
        wrong = visit.say("Name or password is wrong.")
        return HTMLResponse(sign_in_form(visit, back, name, wrong, again=again, kept=kept), 401)
    forgive(ledger, name, visit.address)
    record_alone(ledger, Actor(by.name, found.role, by.address), "signed in")
    begin_session(visit, found.name)
    if not kept:
        return let_through(request, visit, RedirectResponse(back, 303))
    title, text = visit.say("You are signed in again"), visit.say("Nothing was done yet: look at it, and send it.")
    return let_through(
        request, visit, HTMLResponse(error_page(visit, request, title, text, kept=kept, away=True, address=again))
    )


def begin_session(visit: Visit, name: str) -> None:
    """Begin the session of who has proven to be somebody; the one that the browser had ends."""
    if visit.token:
        end_session(visit.desk.ledger, visit.token)
    visit.token = open_session(visit.desk.ledger, name)
    recognise(visit)


def let_through(request: Request, visit: Visit, response: Response) -> Response:
    """An answer with the cookie of the session that has just begun."""
    set_cookie(request, response, SESSION_COOKIE, visit.token or "")
    response.delete_cookie(VISITOR_COOKIE)
    return response


def _kept(visit: Visit) -> dict[str, str]:
    """What somebody had written when the session ended, as the form to sign in with brings it along."""
    fields = {name.removeprefix(_KEPT): value for name, value in visit.form.items() if name.startswith(_KEPT)}
    return kept_of(fields)


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
    asked = Asked(actor, action if action in kinds() else "", _day(since), _day(until))
    found, number, last = events(visit.desk.ledger, asked, number_of(page))
    said = tuple((k, v) for k, v in (("actor", actor), ("action", action), ("since", since), ("until", until)) if v)
    return HTMLResponse(office_page(
        visit, "log.html.j2", "log", events=found, asked=asked, actors=actors(visit.desk.ledger),
        actions={name: named(name, visit.say.language) for name in kinds()},
        pages=Pages(number, last, ADDRESSES["log"], said),
    ))  # fmt: skip


def sign_in_form(
    visit: Visit, back: str, name: str = "", wrong: str | None = None, *, again: str = "/",
    kept: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The form to sign in with, and what was `kept` of another one for the address `again`.

    `first` tells that there is nobody yet who could sign in.
    """
    first = not visit.desk.issuer and not accounts(visit.desk.ledger)
    return office_page(
        visit, "sign_in.html.j2", "sign_in", back=safe(back), name=name, wrong=wrong, first=first,
        issuer=visit.desk.issuer, again=again, kept=kept or {},
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
    """A day as a filter says it; None where it says none, or one that has no day beside it."""
    with suppress(ValueError):
        day = date.fromisoformat(text)
        return day if date.min < day < date.max else None
    return None
