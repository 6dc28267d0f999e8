"""Sessions: a token that only its bearer has, of which the ledger keeps a hash; they end by themselves and at once."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa

from etl.errors import TransientError
from etl.office.rules import rules
from etl.research.requests.roles import roles_of
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ACCOUNT, SESSION

_SEEN_AGAIN = timedelta(minutes=1)  # a page of ten requests is one write
_KEPT = timedelta(days=30)  # ended sessions; what was done in them is in the record for good


@dataclass(frozen=True, slots=True)
class Session:
    """Who bears a token; `duties` are roles in requests for data."""

    digest: str
    account: str
    role: str
    issuer: str | None
    duties: frozenset[str] = frozenset()

    @property
    def may(self) -> frozenset[str]:
        """What the account's role and its roles in requests allow."""
        return rules().permissions(self.role, self.duties)


def digest_of(token: str) -> str:
    """What the ledger keeps of a token."""
    return sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """What a form must bring along with the cookie that holds `token`: nobody can make it who does not have that."""
    return hmac.new(token.encode(), b"form", sha256).hexdigest()


def open_session(ledger: Ledger, account: str) -> str:
    """Begin a session; returns its token. Sessions that ended long ago are forgotten."""
    token, moment = secrets.token_urlsafe(32), now()
    with ledger.engine.begin() as con:
        con.execute(sa.delete(SESSION).where(SESSION.c.seen_at < moment - _KEPT))
        con.execute(sa.insert(SESSION).values(
            digest=digest_of(token), account=account, opened_at=moment, seen_at=moment))  # fmt: skip
    return token


def session_of(ledger: Ledger, token: str) -> Session | None:
    """The session of a token; None where it has ended, was idle or open too long, or its account is disabled."""
    moment, limits = now(), rules()
    query = (
        sa.select(SESSION, ACCOUNT.c.role, ACCOUNT.c.issuer)
        .join(ACCOUNT, ACCOUNT.c.name == SESSION.c.account)
        .where(
            SESSION.c.digest == digest_of(token), SESSION.c.ended_at.is_(None), ACCOUNT.c.disabled_at.is_(None),
            SESSION.c.seen_at > moment - limits.idle, SESSION.c.opened_at > moment - limits.absolute,
        )
    )  # fmt: skip
    rows = ledger.read(query)
    if not rows:
        return None
    row = rows[0]
    _see(ledger, row["digest"], row["seen_at"], moment)
    return Session(row["digest"], row["account"], row["role"], row["issuer"], roles_of(ledger, row["account"]))


def end_session(ledger: Ledger, token: str) -> None:
    """End a session at once."""
    with ledger.engine.begin() as con:
        con.execute(sa.update(SESSION).where(SESSION.c.digest == digest_of(token)).values(ended_at=now()))


def end_all(con: sa.Connection, account: str, but: str | None = None) -> None:
    """End all sessions of an account, but for the one of a digest."""
    own = (SESSION.c.account == account) & SESSION.c.ended_at.is_(None)
    if but is not None:
        own &= SESSION.c.digest != but
    con.execute(sa.update(SESSION).where(own).values(ended_at=now()))


def _see(ledger: Ledger, digest: str, seen: datetime, moment: datetime) -> None:
    if moment - seen >= _SEEN_AGAIN:
        with suppress(TransientError), ledger.engine.begin() as con:  # who only reads does not wait for who writes
            con.execute(sa.update(SESSION).where(SESSION.c.digest == digest).values(seen_at=moment))
