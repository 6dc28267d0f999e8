"""One request: who makes it, in which language, and whether the rules let it in."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from etl.errors import UsageError
from etl.office.desk import Desk
from etl.office.record import Actor
from etl.office.rules import OWN, Size, rules
from etl.office.sessions import Session, csrf_of, session_of
from etl.office.site import served
from etl.pages.language import Say, chosen, say_in
from etl.pages.site import THEMES, Reader, Site

SESSION_COOKIE, VISITOR_COOKIE = "office_session", "office_visitor"
LANGUAGE_COOKIE, THEME_COOKIE = "office_language", "office_theme"
_MOST_FIELDS = 400
_LONGEST_NAME = 120  # letters of a file's name
#: What no text has and not every ledger can keep: control characters but for tabs and ends of lines.
_UNWRITABLE = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])


class Refused(Exception):
    """The rules do not let a request in; `status` is 401 (sign in first), 403 (not in this role) or 400 (no token)."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Visit:
    """One request of somebody: the cookies' tokens, who that is, what a form holds, the files that it brings."""

    desk: Desk
    say: Say
    theme: str
    address: str
    path: str
    visitor: str
    token: str | None = None
    session: Session | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def csrf(self) -> str:
        """What forms of this visitor bring along; no question to the ledger, which may be away."""
        return csrf_of(self.token or self.visitor)

    @property
    def reader(self) -> Reader | None:
        """Who is signed in."""
        if self.session is None:
            return None
        return Reader(self.session.account, self.session.role, self.session.may)

    @property
    def actor(self) -> Actor:
        """Who does what is done here."""
        if self.session is None:
            return Actor("-", None, self.address)
        return Actor(self.session.account, self.session.role, self.address)

    def site(self, here: str = "", counts: Mapping[str, int] | None = None) -> Site:
        """The office as this visitor sees it from a page."""
        return served(self.say, self.theme, self.reader, self.csrf, here, self.path, counts or {})


def visit_of(request: Request) -> Visit:
    """The visit that a request belongs to."""
    visit: Visit = request.state.visit
    return visit


async def let_in(request: Request) -> None:
    """Let a request in as `rules.yaml` says: raises Refused, and the errors of the ledger."""
    visit = visit_of(request)
    route = route_key(request.method, request.scope["route"].path)
    size = rules().size(route)
    if request.method == "POST":
        if int(request.headers["content-length"]) > rules().forms.usual.bytes:
            await run_in_threadpool(recognise, visit)
            if visit.session is None:  # of nobody known no more is read than any form holds
                raise Refused(401)
        await _read(request, visit, size)  # before the ledger is asked: what was written is kept if that is away
    if visit.session is None:
        await run_in_threadpool(recognise, visit)
    if request.method == "POST" and not _brought(visit):
        raise Refused(401 if rules().routes[route] == OWN and visit.session is None else 400)
    if not rules().allows(visit.session.may if visit.session else None, route):
        raise Refused(403 if visit.session else 401)
    if any(len(value) > size.letters for value in visit.form.values()):
        raise UsageError(
            visit.say("what you wrote is longer than %(n)s characters; nothing was done", n=f"{size.letters:,}"),
            hint=visit.say("make it shorter and send it again"),
        )


async def _read(request: Request, visit: Visit, size: Size) -> None:
    """Read what a form brings, unless a page of somebody else sent it."""
    form = await request.form(
        max_files=size.files, max_fields=_MOST_FIELDS, max_part_size=rules().forms.usual.bytes
    )  # fmt: skip
    if _is_of_another_site(request):
        return
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    visit.form = {name: value.translate(_UNWRITABLE) for name, value in texts.items()}
    given = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
    visit.files = {_name_of(each): await each.read() for each in given}


def _name_of(file: UploadFile) -> str:
    """A file's name without the folders that some browsers say."""
    name = re.split(r"[/\\]", file.filename or "")[-1].translate(_UNWRITABLE).strip()
    return name[-_LONGEST_NAME:] or "-"


def _is_of_another_site(request: Request) -> bool:
    """Whether a page of somebody else sent a form: nothing of it is kept, or it would be offered to be sent again."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _brought(visit: Visit) -> bool:
    """Whether a form brought along what its page gave it."""
    return hmac.compare_digest(visit.form.get("csrf", "").encode(), visit.csrf.encode())


def begin_visit(request: Request, desk: Desk) -> Visit:
    """What the cookies and headers of a request say, before anybody is asked who it is."""
    cookies = request.cookies
    theme = cookies.get(THEME_COOKIE, "auto")
    return Visit(
        desk=desk,
        say=say_in(chosen(cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))),
        theme=theme if theme in THEMES else "auto",
        address=request.client.host if request.client else "-",
        path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        visitor=cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(24),
        token=cookies.get(SESSION_COOKIE),
    )


def recognise(visit: Visit) -> None:
    """Find out whose session it is."""
    if visit.token:
        visit.session = session_of(visit.desk.ledger, visit.token)


def route_key(method: str, path: str) -> str:
    """A route as the rules name it."""
    return f"{'GET' if method == 'HEAD' else method} {path}"


def set_cookie(request: Request, response: Any, name: str, value: str, seconds: int | None = None) -> None:
    """A cookie that no script reads, that no other site's form brings along, and that goes over TLS where we do."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def whole(text: str) -> int | None:
    """A number as a link or form says it, of nine digits at most; None where it says none (`²` is a digit, too)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def number_of(page: str) -> int:
    """The number of a page as a link says it; the first where it says none."""
    return whole(page) or 1
