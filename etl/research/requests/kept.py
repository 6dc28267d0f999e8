"""How requests are kept in the ledger: read as cases, added to, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from etl.research.requests.case import Case, Step
from etl.research.requests.given import Given
from etl.store.ledger.requests import REQUEST_FILE, REQUEST_STEP, REQUEST_VERSION


def newest_request(con: sa.Connection) -> int:
    """The number of the newest request; 0: there is none."""
    found = con.execute(sa.select(sa.func.coalesce(sa.func.max(REQUEST_VERSION.c.request), 0))).scalar_one()
    return int(found)


def case_of(con: sa.Connection, number: int) -> Case | None:
    """A request, or None."""
    query = sa.select(REQUEST_STEP).where(REQUEST_STEP.c.request == number).order_by(REQUEST_STEP.c.number)
    steps = [step_of(dict(row)) for row in con.execute(query).mappings()]
    if not steps:
        return None
    newest = (REQUEST_VERSION.c.request == number) & (REQUEST_VERSION.c.version == steps[-1].version)
    form = con.execute(sa.select(REQUEST_VERSION.c.form).where(newest)).scalar_one()
    return Case(number, steps, json.loads(form))


def step_of(row: Mapping[str, Any]) -> Step:
    """A step, of its row."""
    columns = {key: value for key, value in row.items() if key in Step.__dataclass_fields__}
    return Step(**columns | {"said": json.loads(row["said"])})


def add_step(con: sa.Connection, request: int, step: Step) -> None:
    """Write a step down; IntegrityError where another one was first."""
    row = asdict(step) | {"said": json.dumps(step.said, ensure_ascii=False, sort_keys=True)}
    con.execute(sa.insert(REQUEST_STEP).values(request=request, **row))


def add_version(con: sa.Connection, request: int, step: Step, given: Given) -> None:
    """Write a version down, with those of its files that are not kept yet."""
    con.execute(sa.insert(REQUEST_VERSION).values(
        request=request, version=step.version, at=step.at, actor=step.actor, title=given.form["title"],
        form=json.dumps(given.form, ensure_ascii=False, sort_keys=True)))  # fmt: skip
    digests = sa.select(REQUEST_FILE.c.digest).where(REQUEST_FILE.c.request == request)
    there = set(con.execute(digests).scalars())
    new = [{"request": request, "digest": d, "content": c} for d, c in given.contents.items() if d not in there]
    if new:
        con.execute(sa.insert(REQUEST_FILE), new)
