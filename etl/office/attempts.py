"""How often somebody may try to sign in: counted in the ledger, which all workers share, by account and by address."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa

from etl.office.rules import rules
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ATTEMPT


def heard(ledger: Ledger, name: str, address: str) -> bool:
    """Note an attempt; whether it is looked at. It counts from here on, so that many at once are no way around.

    One that is not looked at does not count: whoever keeps trying does not keep the account shut for its owner.
    """
    limits, account, moment = rules().sign_in, _digest(name), now()
    with ledger.engine.begin() as con:
        con.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.tried_at < moment - rules().window))
        tried = sa.insert(ATTEMPT).values(account=account, address=address[:64], tried_at=moment)
        number = con.execute(tried.returning(ATTEMPT.c.number)).scalar_one()
    with ledger.engine.begin() as con:
        of_account = _count(con, ATTEMPT.c.account == account)
        from_address = _count(con, ATTEMPT.c.address == address[:64])
        listened = of_account <= limits.of_account and from_address <= limits.from_address
        if not listened:
            con.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.number == number))
    return listened


def forgive(ledger: Ledger, name: str, address: str) -> None:
    """Forget the attempts of an account, and from where it signs in: it has succeeded."""
    with ledger.engine.begin() as con:
        mine = (ATTEMPT.c.account == _digest(name)) & (ATTEMPT.c.address == address[:64])
        con.execute(sa.delete(ATTEMPT).where(mine))


def _count(con: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    return int(con.execute(sa.select(sa.func.count()).select_from(ATTEMPT).where(condition)).scalar_one())


def _digest(name: str) -> str:
    return sha256(name.casefold().encode()).hexdigest()
