"""What is unusual in the audit log (`unusual.yaml`): reading at odd hours, in unusual volume, and the like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import duckdb
import pyarrow as pa
import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict

from etl.files import packaged
from etl.store.audit.kinds import kinds
from etl.store.audit.search import Asked
from etl.store.audit.tables import ENTRY

_USUAL = timedelta(days=365)
_COLUMNS = ("number", "happened_at", "kind", "actor", "subject", "address", "returned")


class Rule(BaseModel):
    """One rule: what it finds in English and Korean, from which number on, and the query."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: str
    ko: str
    limit: int
    sql: str


@dataclass(frozen=True, slots=True)
class Unusual:
    """What a rule found of somebody on a day in Korea; `n` is the figure that is above `limit`."""

    rule: str
    means: str
    actor: str
    day: date
    n: int
    limit: int


@cache
def rules() -> dict[str, Rule]:
    """The rules that come with the program, by name."""
    said = yaml.safe_load(packaged(__name__, "unusual.yaml"))
    return {name: Rule.model_validate(rule) for name, rule in said.items()}


def unusual(con: sa.Connection, since: date, until: date) -> list[Unusual]:
    """What the rules find from one day to another, both included; what is usual is told by the year before."""
    before = since - _USUAL if since.year > 2 else None  # there is no day before the first of all
    where = Asked(since=before, until=until).condition()
    rows = con.execute(sa.select(*(ENTRY.c[name] for name in _COLUMNS)).where(where)).all()
    columns = list(zip(*rows, strict=True)) or [()] * len(_COLUMNS)
    types = (pa.int64(), pa.timestamp("us"), pa.string(), pa.string(), pa.string(), pa.string(), pa.int64())
    arrays = {n: pa.array(c, t) for n, c, t in zip(_COLUMNS, columns, types, strict=True)}
    reads = [name for name, kind in kinds().items() if kind.reads]
    with duckdb.connect() as engine:
        engine.register("written", pa.table(arrays))
        engine.execute("create table entry as select *, happened_at + interval 9 hour as moment, "
                       "list_contains($reads, kind) as reads from written", {"reads": reads})  # fmt: skip
        found = [
            Unusual(name, rule.means, actor, day, int(n), rule.limit)
            for name, rule in rules().items()
            for actor, day, n in engine.execute(rule.sql).fetchall()
            if since <= day <= until
        ]
    return sorted(found, key=lambda each: (each.day, each.actor, each.rule), reverse=True)
