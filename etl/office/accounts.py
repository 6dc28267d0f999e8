"""The accounts of the office, in the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from etl.errors import UsageError, nearest
from etl.office.passwords import fits, hashed, outdated, require_good
from etl.office.record import Actor, record
from etl.office.rules import rules
from etl.office.sessions import end_all
from etl.quality.findings.actions import ITSELF
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ACCOUNT

_NAME = re.compile(r"[\w][\w.@+-]{0,79}")


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `issuer` and `subject` where somebody else vouches for it, times are UTC."""

    name: str
    role: str
    password: str | None
    issuer: str | None
    subject: str | None
    created_at: datetime
    changed_at: datetime | None
    disabled_at: datetime | None


def accounts(ledger: Ledger) -> list[Account]:
    """All accounts, by name."""
    return [Account(**row) for row in ledger.read(sa.select(ACCOUNT).order_by(ACCOUNT.c.name))]


def account(ledger: Ledger, name: str) -> Account | None:
    """One account, or None."""
    rows = ledger.read(sa.select(ACCOUNT).where(ACCOUNT.c.name == name))
    return Account(**rows[0]) if rows else None


def known(ledger: Ledger, name: str) -> Account:
    """One account; UsageError where there is none of that name."""
    found = account(ledger, name)
    if found is None:
        raise UsageError(
            f"there is no account '{name}'{nearest(name, [a.name for a in accounts(ledger)])}",
            hint="etl office account list",
        )
    return found


def add(ledger: Ledger, by: Actor, name: str, role: str, password: str) -> None:
    """Make an account; UsageError for a name, role or password that cannot be."""
    if not _may_be_called(name):
        raise UsageError(f"'{name}' cannot name an account", hint="letters, digits and . _ @ + -, up to 80")
    if taken := _alike(ledger, name):
        raise UsageError(f"there is an account '{taken}' already", hint=f"etl office account role {taken} ROLE")
    rules().role(role)
    require_good(password, name)
    with ledger.engine.begin() as con:
        con.execute(sa.insert(ACCOUNT).values(
            name=name, role=role, password=hashed(password), created_at=now(), changed_at=now()))  # fmt: skip
        record(con, by, "account added", name, role)


def vouched(ledger: Ledger, issuer: str, subject: str, name: str, role: str) -> Account:
    """The account that an issuer vouches for, made or brought up to date; UsageError where the name is another's."""
    found = ledger.read(sa.select(ACCOUNT).where(ACCOUNT.c.issuer == issuer, ACCOUNT.c.subject == subject))
    if found and found[0]["role"] == role:
        return Account(**found[0])
    by = Actor(f"{issuer}"[:120], None)
    with ledger.engine.begin() as con:
        if found:
            name = found[0]["name"]
            con.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(role=role))
            record(con, by, "role changed", name, role)
        else:
            if not _may_be_called(name) or _alike(ledger, name):
                raise UsageError(
                    "the name that the issuer gives is taken by another account, or cannot be one",
                    hint="ask whoever keeps the accounts: etl office account list",
                )
            con.execute(sa.insert(ACCOUNT).values(
                name=name, role=role, issuer=issuer, subject=subject, created_at=now()))  # fmt: skip
            record(con, by, "account added", name, role)
    return known(ledger, name)


def _may_be_called(name: str) -> bool:
    """Whether an account may have a name: not that of what happens by itself."""
    return _NAME.fullmatch(name) is not None and name.casefold() != ITSELF


def _alike(ledger: Ledger, name: str) -> str | None:
    """The account whose name reads the same, in whatever letters; the record names people by it."""
    return next((a.name for a in accounts(ledger) if a.name.casefold() == name.casefold()), None)


def change_role(ledger: Ledger, by: Actor, name: str, role: str) -> None:
    """Give an account another role; it holds from its next request on."""
    known(ledger, name)
    rules().role(role)
    with ledger.engine.begin() as con:
        con.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(role=role))
        record(con, by, "role changed", name, role)


def change_password(ledger: Ledger, by: Actor, name: str, password: str, *, keep: str | None = None) -> None:
    """Set an account's password; its sessions end, but for the one of which `keep` is the digest."""
    if known(ledger, name).issuer:
        raise UsageError(f"'{name}' has no password here", hint="it is changed where the account signs in")
    require_good(password, name)
    with ledger.engine.begin() as con:
        con.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name)
                    .values(password=hashed(password), changed_at=now()))  # fmt: skip
        end_all(con, name, but=keep)
        record(con, by, "password changed", name)


def disable(ledger: Ledger, by: Actor, name: str, *, enable: bool = False) -> None:
    """Let an account in no more, at once, or (`enable`) again."""
    known(ledger, name)
    with ledger.engine.begin() as con:
        con.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(disabled_at=None if enable else now()))
        if not enable:
            end_all(con, name)
        record(con, by, "account enabled" if enable else "account disabled", name)


def proven(ledger: Ledger, name: str, password: str) -> Account | None:
    """The account that a name and password are of; None, after the same time, where they are of none."""
    found = account(ledger, name)
    good = fits(password, found.password if found else None)
    if not good or found is None or found.disabled_at is not None:
        return None
    if found.password and outdated(found.password):
        with ledger.engine.begin() as con:
            con.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(password=hashed(password)))
    return found
