"""The rule of four eyes: what destroys something needs two people, who are not the same account."""

from __future__ import annotations

import sqlalchemy as sa

from etl.errors import UsageError, nearest
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.office import ACCOUNT


def two_people(ledger: Ledger, by: str, agreed: str) -> None:
    """Raise UsageError unless two people are named: accounts of the office that may sign in, where it has any.

    A home that was lost has no accounts: two names must do there.
    """
    names = [name.strip() for name in (by, agreed)]
    if not all(names) or names[0].casefold() == names[1].casefold():
        raise UsageError("this needs two people: one who does it and another who agrees", hint="--by A --agreed B")
    rows = ledger.read(sa.select(ACCOUNT.c.name, ACCOUNT.c.disabled_at))
    known = [row["name"] for row in rows if row["disabled_at"] is None]
    for name in names:
        if rows and name not in known:
            raise UsageError(
                f"'{name}' has no account of the office that may sign in{nearest(name, known)}",
                hint="etl office account list",
            )
