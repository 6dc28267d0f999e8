"""How often somebody may try to sign in: counted in the ledger, which all workers share, by account and by address."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

import sqlalchemy as sa

from etl.office.rules import rules
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ATTEMPT


def heard(ledger: Ledger, name: str, address: str) -> bool:
    """Note an attempt; whether it is looked at. It counts from here on, so that many at once are no way around.

    One that is not looked at does not count: whoever keeps trying does not keep the account shut for its owner.
    """
    limits, account, moment, address = rules().sign_in, _digest(name), now(), _network(address)
    with ledger.engine.begin() as con:
        con.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.tried_at < moment - rules().window))
        tried = sa.insert(ATTEMPT).values(account=account, address=address, tried_at=moment)
        number = con.execute(tried.returning(ATTEMPT.c.number)).scalar_one()
    with ledger.engine.begin() as con:
        of_account = _count(con, ATTEMPT.c.account == account)
        from_address = _count(con, ATTEMPT.c.address == address)
        listened = of_account <= limits.of_account and from_address <= limits.from_address
        if not listened:
            con.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.number == number))
    return listened


def forgive(ledger: Ledger, name: str, address: str) -> None:
    """Forget the attempts of an account, and from where it signs in: it has succeeded."""
    with ledger.engine.begin() as con:
        mine = (ATTEMPT.c.account == _digest(name)) & (ATTEMPT.c.address == _network(address))
        con.execute(sa.delete(ATTEMPT).where(mine))


def _count(con: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    return int(con.execute(sa.select(sa.func.count()).select_from(ATTEMPT).where(condition)).scalar_one())


def _network(address: str) -> str:
    """From where somebody comes: of IPv6 the network that one customer has, who could change the rest at will."""
    with suppress(ValueError):
        came = ip_address(address.partition("%")[0])
        if isinstance(came, IPv6Address):
            return str(came.ipv4_mapped or ip_network((came, 64), strict=False))
    return address[:64]


def _digest(name: str) -> str:
    return sha256(name.casefold().encode()).hexdigest()
