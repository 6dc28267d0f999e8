"""Who does something with outputs, and what the audit log is told of it: numbers and digests, no name of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.research.outbox.batch import Batch
from etl.research.requests.engine import Person
from etl.research.requests.roles import held, person
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class By:
    """An account that does something; who entered it at a terminal, or the address that it came from."""

    actor: str
    entered_by: str | None = None
    address: str | None = None


def person_of(ledger: Ledger, name: str) -> Person:
    """Somebody with their roles in requests."""
    with ledger.engine.connect() as con:
        return person(name, held(con))


def tell(con: sa.Connection, kind: str, batch: Batch, by: By, role: str, **details: Any) -> None:
    """Write down what was done, in the transaction that does it."""
    subject = f"batch {batch.number} of request {batch.request}"
    entered = {"entered_by": by.entered_by} if by.entered_by else {}
    write(con, Said(kind, by.actor, role, subject, address=by.address,
                    details={**details, "digest": batch.digest, **entered}))  # fmt: skip
