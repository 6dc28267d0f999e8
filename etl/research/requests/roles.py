"""Who has which role in requests: rows of the ledger, given and taken by who has the right to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from etl.errors import UsageError, nearest
from etl.research.requests.chain import chain
from etl.research.requests.engine import Forbidden, Person
from etl.research.requests.signs import must_be_seen
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, next_number, now
from etl.store.ledger.office import ACCOUNT
from etl.store.ledger.requests import REQUEST_ROLE

#: Roles that may sit in a review.
BOARD = ("member", "chair")


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody has, since when (UTC) and from whom."""

    account: str
    role: str
    hospital: str | None
    at: datetime
    actor: str


def held(con: sa.Connection) -> list[Held]:
    """All roles that hold now, by account; those of disabled accounts do not."""
    able = set(known(con))
    newest: dict[tuple[str, str, str | None], sa.RowMapping] = {}
    for row in con.execute(sa.select(REQUEST_ROLE).order_by(REQUEST_ROLE.c.number)).mappings():
        newest[row["account"], row["role"], row["hospital"]] = row
    found = [Held(*key, row["at"], row["actor"]) for key, row in newest.items() if row["given"] and key[0] in able]
    return sorted(found, key=lambda each: (each.account, each.role, each.hospital or ""))


def known(con: sa.Connection) -> list[str]:
    """The accounts that may do something."""
    return list(con.execute(sa.select(ACCOUNT.c.name).where(ACCOUNT.c.disabled_at.is_(None))).scalars())


def person(name: str, roles: Iterable[Held]) -> Person:
    """Somebody with their roles."""
    return Person(name, frozenset((each.role, each.hospital) for each in roles if each.account == name))


def roles_of(ledger: Ledger, account: str) -> frozenset[str]:
    """The roles that an account has now, wherever they are bound to; whether it is disabled is not asked."""
    columns = (REQUEST_ROLE.c.role, REQUEST_ROLE.c.hospital, REQUEST_ROLE.c.given)
    query = sa.select(*columns).where(REQUEST_ROLE.c.account == account).order_by(REQUEST_ROLE.c.number)
    newest = {(row["role"], row["hospital"]): row["given"] for row in ledger.read(query)}
    return frozenset(role for (role, _), given in newest.items() if given)


def ever_held(con: sa.Connection, roles: Collection[str]) -> frozenset[str]:
    """Accounts that have, or had once, one of some roles."""
    query = sa.select(REQUEST_ROLE.c.account).where(REQUEST_ROLE.c.role.in_(roles), REQUEST_ROLE.c.given)
    return frozenset(con.execute(query.distinct()).scalars())


def board(roles: Iterable[Held]) -> frozenset[str]:
    """Who may sit in a review."""
    return frozenset(each.account for each in roles if each.role in BOARD)


def set_role(
    ledger: Ledger, account: str, role: str, *, actor: str, hospital: str | None = None, given: bool = True,
    reason: str | None = None, hospitals: Collection[str] = (), entered_by: str | None = None,
) -> None:  # fmt: skip
    """Give somebody a role, or take it (`given` false); `hospitals` are those that there are.

    Raises Forbidden where the actor may not: nobody changes their own roles, but the first who may give some is named
    by whoever enters it at a terminal. Raises UsageError for an account, role or hospital that cannot be meant.
    """
    _must_fit(chain().role(role), hospital, hospitals)
    must_be_seen(reason or "")
    try:
        with ledger.engine.begin() as con:
            if account not in (names := known(con)):
                raise UsageError(f"there is no account '{account}'{nearest(account, names)}",
                                 hint="etl office account list")  # fmt: skip
            roles = held(con)
            _must_be_allowed(roles, account, role, actor, is_terminal=entered_by is not None)
            has = (account, role, hospital) in {(h.account, h.role, h.hospital) for h in roles}
            if has == given:
                raise UsageError(f"{account} {'has this role already' if given else 'has no such role'}",
                                 hint="etl request role list")  # fmt: skip
            con.execute(sa.insert(REQUEST_ROLE).values(
                number=next_number(REQUEST_ROLE), at=now(), actor=actor[:80], entered_by=entered_by, account=account,
                role=role, hospital=hospital, given=given, reason=reason))  # fmt: skip
            _tell(con, f"{account}: {role}" + (f" of {hospital}" if hospital else ""), actor, reason, entered_by,
                  given=given)  # fmt: skip
    except IntegrityError:
        raise UsageError("somebody else changed the roles meanwhile", hint="etl request role list") from None


def _tell(
    con: sa.Connection, subject: str, actor: str, reason: str | None, entered_by: str | None, *, given: bool
) -> None:  # fmt: skip
    """Write it into the audit log, in the transaction that does it."""
    kind = "role in requests given" if given else "role in requests taken"
    entered = {"entered_by": entered_by} if entered_by else {}
    write(con, Said(kind, actor, subject=subject, reason=reason, details=entered))


def _must_fit(role: str, hospital: str | None, hospitals: Collection[str]) -> None:
    wants = chain().roles[role].bound_to == "hospital"
    if wants != (hospital is not None):
        raise UsageError(f"a {role} is one {'of a hospital' if wants else 'of no hospital'}",
                         hint="etl request role give --help")  # fmt: skip
    if hospital is not None and hospital not in hospitals:
        raise UsageError(f"there is no hospital '{hospital}'{nearest(hospital, hospitals)}",
                         hint="hospitals have a folder below the mappings")  # fmt: skip


def _must_be_allowed(roles: Iterable[Held], account: str, role: str, actor: str, *, is_terminal: bool) -> None:
    givers = {each.account for each in roles if each.role in chain().roles_given_by}
    if not givers and is_terminal and role in chain().roles_given_by:
        return
    if actor not in givers or actor == account:
        titles = " or ".join(chain().roles[name].title.en for name in chain().roles_given_by)
        raise Forbidden(
            f"{actor} may not change the roles of {account}: {titles} may, and nobody their own",
            hint="the first one is named at a terminal: etl request role give NAME privacy_officer",
        )
