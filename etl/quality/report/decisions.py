"""What people were asked before nights were published, and what they decided: the ledger's table `approval`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from etl.night.publish.approval import Question
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL

#: What nobody has answered yet first, then the newest answer.
_NEWEST_FIRST = (
    sa.case((APPROVAL.c.decision == "waiting", 0), else_=1),
    sa.desc(APPROVAL.c.number),
)
_SHOWN = ("run_id", "gate", "asked_at", "decision", "actor", "reason", "decided_at", "findings")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is asked: `violated` of `total` rows, and what was `seen` there, as the finding says it."""

    where: str
    violated: int | None
    total: int | None
    seen: str | None

    @property
    def is_distance(self) -> bool:
        """Whether `violated` is no part of `total`, but how far it is from what is usual: `seen` says it then."""
        return self.seen is not None and (self.violated or 0) > (self.total or 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence that is asked about, with its places; `limit` is the share of rows above which a person decides."""

    description: str
    limit: float
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about warnings above their limit, and its answer; times are UTC, findings JSON."""

    run_id: str
    gate: str
    asked_at: datetime
    decision: str
    actor: str | None
    reason: str | None
    decided_at: datetime | None
    findings: str

    @property
    def waits(self) -> bool:
        """Whether nobody has answered yet."""
        return self.decision == "waiting"

    @property
    def lines(self) -> list[str]:
        """The findings as they are shown: table, promise, counts, limit."""
        return Question(self.run_id, self.gate, self.findings).lines

    @property
    def told(self) -> list[Line]:
        """The findings by what they say, in the order of their first places."""
        said: dict[tuple[str, float], list[Place]] = {}
        for each in json.loads(self.findings):
            where = ".".join(part for part in (each["table_name"], each["column_name"]) if part)
            place = Place(where, each["unexpected"], each["total"], each["error"] or each["observed"])
            said.setdefault((each["description"], each["approve_above"]), []).append(place)
        return [Line(*key, tuple(places)) for key, places in said.items()]


def of_runs(ledger: Ledger, run_ids: Sequence[str]) -> tuple[Asked, ...]:
    """Every question about the given runs, also what still waits; the newest answer first."""
    return _asked(ledger, sa.select(APPROVAL).where(APPROVAL.c.run_id.in_(run_ids)))


def decided(ledger: Ledger, run_id: str | None = None, limit: int = 50) -> tuple[Asked, ...]:
    """The newest `limit` answers about all runs, or about the given one, the newest first."""
    query = sa.select(APPROVAL).where(APPROVAL.c.decision != "waiting")
    if run_id is not None:
        query = query.where(APPROVAL.c.run_id == run_id)
    return _asked(ledger, query.limit(limit))


def _asked(ledger: Ledger, query: sa.Select[tuple[object, ...]]) -> tuple[Asked, ...]:
    rows = ledger.read(query.order_by(*_NEWEST_FIRST))
    return tuple(Asked(**{name: row[name] for name in _SHOWN}) for row in rows)
