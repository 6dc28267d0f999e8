"""How batches are kept in the ledger: added to, never changed; what files hold is read only where it is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from etl.errors import ConfigError, UsageError
from etl.research.disclosure.findings import Place
from etl.research.outbox.batch import Batch, File, Left, Step
from etl.research.outbox.given import Handed
from etl.research.outbox.policy import RELEASED
from etl.research.requests.forms import accounts_of
from etl.store.ledger.outputs import OUTPUT_BATCH, OUTPUT_CONTENT, OUTPUT_FILE, OUTPUT_STEP
from etl.store.ledger.requests import REQUEST_VERSION


def newest_batch(con: sa.Connection) -> int:
    """The number of the newest batch; 0: there is none."""
    return int(con.execute(sa.select(sa.func.coalesce(sa.func.max(OUTPUT_BATCH.c.number), 0))).scalar_one())


def batch_of(con: sa.Connection, number: int) -> Batch:
    """A batch without what its files hold; UsageError where there is none of that number."""
    query = sa.select(OUTPUT_BATCH).where(OUTPUT_BATCH.c.number == number)
    row = con.execute(query).mappings().one_or_none()
    if row is None:
        raise UsageError(f"there is no batch {number}", hint="etl output list")
    columns = {key: row[key] for key in ("number", "request", "at", "actor", "note", "digest", "beside", "threshold")}
    findings = [Left(each["file"], each["rule"], tuple(Place(*place) for place in each["places"]), each["number"])
                for each in json.loads(row["findings"])]  # fmt: skip
    return Batch(files=files_of(con, number), findings=findings, steps=steps_of(con, [number])[number], **columns)


def files_of(con: sa.Connection, batch: int) -> list[File]:
    """The files of a batch, in their order."""
    columns = [OUTPUT_FILE.c[key] for key in ("number", "name", "digest", "bytes")]
    query = sa.select(*columns).where(OUTPUT_FILE.c.batch == batch).order_by(OUTPUT_FILE.c.number)
    return [File(**row) for row in con.execute(query).mappings()]


def steps_of(con: sa.Connection, batches: Sequence[int]) -> dict[int, list[Step]]:
    """The steps of some batches, in their order."""
    query = sa.select(OUTPUT_STEP).where(OUTPUT_STEP.c.batch.in_(batches)).order_by(OUTPUT_STEP.c.number)
    found: dict[int, list[Step]] = {batch: [] for batch in batches}
    for row in con.execute(query).mappings():
        comments = {int(number): text for number, text in json.loads(row["comments"]).items()}
        found[row["batch"]].append(Step(**{k: v for k, v in row.items() if k != "batch"} | {"comments": comments}))
    return found


def add_step(con: sa.Connection, batch: int, step: Step) -> None:
    """Write a step down; IntegrityError where another one was first."""
    comments = json.dumps(dict(step.comments), ensure_ascii=False, sort_keys=True)
    con.execute(sa.insert(OUTPUT_STEP).values(batch=batch, **asdict(step) | {"comments": comments}))


def add_batch(con: sa.Connection, batch: Batch, handed: Sequence[Handed], entered_by: str | None) -> None:
    """Write a batch down with its files, and what they hold; IntegrityError where another one has its number."""
    findings = [{"file": each.file, "rule": each.rule, "number": each.number,
                 "places": [[place.part, place.row, place.column] for place in each.places]}
                for each in batch.findings]  # fmt: skip
    row: dict[str, Any] = {
        key: getattr(batch, key)
        for key in ("number", "request", "at", "actor", "note", "digest", "beside", "threshold")
    }
    con.execute(sa.insert(OUTPUT_BATCH).values(
        **row, entered_by=entered_by, files=len(batch.files), bytes=sum(file.bytes for file in batch.files),
        findings=json.dumps(findings)))  # fmt: skip
    con.execute(sa.insert(OUTPUT_FILE), [{"batch": batch.number, **asdict(file)} for file in batch.files])
    digests = sa.select(OUTPUT_CONTENT.c.digest).where(OUTPUT_CONTENT.c.request == batch.request)
    there = set(con.execute(digests).scalars())
    contents = {each.digest: each.content for each in handed}
    new = [{"request": batch.request, "digest": d, "content": c} for d, c in contents.items() if d not in there]
    if new:
        con.execute(sa.insert(OUTPUT_CONTENT), new)
    add_step(con, batch.number, batch.steps[0])


def released_of(con: sa.Connection, request: int) -> list[int]:
    """The batches of a request that were released, the oldest first."""
    query = (
        sa.select(OUTPUT_BATCH.c.number).join(OUTPUT_STEP, OUTPUT_STEP.c.batch == OUTPUT_BATCH.c.number)
        .where((OUTPUT_BATCH.c.request == request) & (OUTPUT_STEP.c.after == RELEASED))
        .order_by(OUTPUT_BATCH.c.number).distinct()
    )  # fmt: skip
    return list(con.execute(query).scalars())


def contents_of(con: sa.Connection, request: int, files: Sequence[File]) -> list[Handed]:
    """What some files of a request hold; ConfigError where it is not what was handed in."""
    wanted = OUTPUT_CONTENT.c.digest.in_({file.digest for file in files})
    rows = con.execute(sa.select(OUTPUT_CONTENT).where(wanted & (OUTPUT_CONTENT.c.request == request))).mappings()
    found = {row["digest"]: bytes(row["content"]) for row in rows}
    if any(sha256(found.get(file.digest, b"")).hexdigest() != file.digest for file in files):
        raise ConfigError(f"files of request {request} in the ledger are not those that were handed in",
                          hint="restore the ledger from its newest back-up; tell the privacy officer")  # fmt: skip
    return [Handed(file.name, found[file.digest]) for file in files]


def named_ever(con: sa.Connection, request: int) -> set[str]:
    """Everybody whom any version of a request names."""
    forms = con.execute(sa.select(REQUEST_VERSION.c.form).where(REQUEST_VERSION.c.request == request)).scalars()
    return {name for form in forms for name in accounts_of(json.loads(form))}
