"""The rules of the office (`rules.yaml`): roles, what they may, which route needs what, how long a session lives."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta
from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict

from etl.errors import UsageError, nearest
from etl.files import packaged
from etl.pages.language import noted

#: What a route needs that is no permission of a role: being signed in, or nothing.
OWN, ANYBODY = "own", "anybody"
#: The roles in words of the catalogue.
ROLE_NAMES = (
    noted("reader"), noted("quality officer"), noted("engineer"), noted("steward"), noted("auditor"),
)  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sessions(_Part):
    idle_minutes: int
    absolute_hours: int


class _SignIn(_Part):
    minutes: int
    of_account: int
    from_address: int


class _Passwords(_Part):
    shortest: int


class Size(_Part):
    """What a form may bring: bytes in all, letters in a field, files."""

    bytes: int
    letters: int
    files: int = 0


class _Forms(_Part):
    usual: Size
    large: dict[str, Size]


class Rules(_Part):
    """What the file says."""

    roles: dict[str, frozenset[str]]
    duties: dict[str, frozenset[str]]
    routes: dict[str, str]
    forms: _Forms
    sessions: _Sessions
    sign_in: _SignIn
    passwords: _Passwords

    @property
    def idle(self) -> timedelta:
        """How long a session lives without a request."""
        return timedelta(minutes=self.sessions.idle_minutes)

    @property
    def absolute(self) -> timedelta:
        """How long a session lives."""
        return timedelta(hours=self.sessions.absolute_hours)

    @property
    def window(self) -> timedelta:
        """How long a failed attempt to sign in counts."""
        return timedelta(minutes=self.sign_in.minutes)

    def size(self, route: str) -> Size:
        """What the form of a route may bring."""
        return self.forms.large.get(route, self.forms.usual)

    def size_at(self, method: str, path: str) -> Size:
        """What a form that is sent to an address may bring."""
        for route, size in self.forms.large.items():
            if _pattern(route).fullmatch(f"{method} {path}"):
                return size
        return self.forms.usual

    def role(self, name: str) -> str:
        """The name of a role; UsageError for one that there is not."""
        if name not in self.roles:
            raise UsageError(f"there is no role '{name}'{nearest(name, self.roles)}", hint="etl office account --help")
        return name

    def permissions(self, role: str, duties: Collection[str]) -> frozenset[str]:
        """What an account's role allows, and its roles in requests beside it."""
        own = self.roles.get(role, frozenset())
        return own.union(*(self.duties.get(duty, frozenset()) for duty in duties))

    def allows(self, may: frozenset[str] | None, route: str) -> bool:
        """Whether somebody with permissions, or nobody known (None), may call a route."""
        needed = self.routes[route]
        if needed == ANYBODY:
            return True
        return may is not None and (needed == OWN or needed in may)


@cache
def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route)))


@cache
def rules() -> Rules:
    """The rules that come with the program."""
    return Rules.model_validate(yaml.safe_load(packaged(__name__, "rules.yaml")))
