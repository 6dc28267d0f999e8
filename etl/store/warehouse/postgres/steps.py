"""What each publication did to a hospital's partitions, so that it can be undone: `admin.publication_step`.

A step `full` put new partitions in the place of the old ones, which stay as they were. A step `changes` deleted and
added rows of the partitions that are there, and keeps both beside them. Going back is undoing steps, newest first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from psycopg import Connection, errors

from etl.store.marks import Marks, further, marks_from
from etl.store.warehouse.postgres.ddl import PARTS
from etl.store.warehouse.protocol import Night, Publication

Kind = Literal["full", "changes"]
#: How long readers may queue behind a lock that is not granted, and what the server says when that is over.
PATIENCE_MS = 250
LOCKED = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Step:
    """One publication of a hospital: its partitions, the undo of `changes`, and the rows it has, all by table."""

    hospital: str
    number: int
    run_id: str
    night: date
    kind: Kind
    parts: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    published_at: datetime | None = None
    mappings: str | None = None

    def as_night(self) -> Night:
        """What it is to who goes back."""
        return Night(self.run_id, self.night, self.published_at, self.number, self.mappings)


def _step(row: tuple[Any, ...]) -> Step:
    hospital, number, run_id, night, kind, tables, at, mappings = row
    return Step(hospital, number, run_id, night, kind, published_at=at, mappings=mappings, **tables)


def read_steps(con: Connection, hospital: str) -> list[Step]:
    """A hospital's steps, the oldest first; the last one is what is published."""
    rows = con.execute(
        "select hospital, step, run_id, night, kind, tables, published_at, mappings "
        "from admin.publication_step where hospital = %s order by step",
        [hospital],
    ).fetchall()
    return [_step(row) for row in rows]


def write_step(con: Connection, step: Step) -> None:
    """Make a step the published one, inside the transaction that carries it out."""
    tables = {"parts": step.parts, "removed": step.removed, "added": step.added, "rows": step.rows}
    con.execute(
        "insert into admin.publication_step (hospital, step, run_id, night, kind, tables, published_at, mappings) "
        "values (%s, %s, %s, %s, %s, %s, now() at time zone 'utc', %s)",
        [step.hospital, step.number, step.run_id, step.night, step.kind, json.dumps(tables), step.mappings],
    )
    make_published(con, step)


def make_published(con: Connection, step: Step) -> None:
    """Say which run the hospital's rows are of."""
    con.execute(
        "insert into admin.published (hospital, run_id, night, step, mappings) values (%s, %s, %s, %s, %s) "
        "on conflict (hospital) do update set run_id = excluded.run_id, night = excluded.night, step = excluded.step, "
        "mappings = excluded.mappings",
        [step.hospital, step.run_id, step.night, step.number, step.mappings],
    )


def keep_names(con: Connection, publication: Publication) -> None:
    """Keep what the hospital is called."""
    if publication.names:
        con.execute(
            "insert into admin.hospital_name (hospital, name_ko, name_en) values (%s, %s, %s) on conflict (hospital) "
            "do update set name_ko = excluded.name_ko, name_en = excluded.name_en",
            [publication.hospital, *publication.names],
        )


def read_published(con: Connection, hospital: str) -> Night | None:
    """What a hospital's rows are of."""
    query = "select run_id, night, step, mappings from admin.published where hospital = %s"
    row = con.execute(query, [hospital]).fetchone()
    return Night(row[0], row[1], step=row[2] or 0, mappings=row[3]) if row else None


def read_marks(con: Connection, hospital: str) -> Marks | None:
    """How far the key store of a hospital's ids had come when it was published last; None: nothing says it."""
    query = "select namespace, store, highest, chain from admin.key_mark where hospital = %s"
    return marks_from(con.execute(query, [hospital]).fetchall())


def keep_marks(con: Connection, publication: Publication) -> None:
    """Keep the marks of a publication's ids in its transaction, unless they are of an earlier night.

    Raises ConfigError, which ends the transaction, when the key store is not the one of the rows that are there.
    """
    known = read_marks(con, publication.hospital)
    if known is not None and publication.check_keys:
        publication.check_keys(known)
    new = further(known, publication.marks)
    with con.cursor() as cursor:
        cursor.executemany(
            "insert into admin.key_mark (hospital, namespace, store, highest, chain) values (%s, %s, %s, %s, %s) "
            "on conflict (hospital, namespace) do update "
            "set store = excluded.store, highest = excluded.highest, chain = excluded.chain",
            [(publication.hospital, *row) for row in (new.rows() if new else [])],
        )


def part_of(table: str, number: int, step: int, use: str = "") -> str:
    """The name of one of a hospital's tables in `cdm_part`; `number` is the hospital's, which no other one shares."""
    return f"{table}_h{number:02d}_s{step}{f'_{use}' if use else ''}"


def base_of(steps: list[Step], at: int) -> int:
    """Index of the step whose partitions are attached when the step at index `at` is the published one."""
    return max(i for i in range(at + 1) if steps[i].kind == "full")


def kept_of(steps: list[Step], keep: int) -> tuple[list[Step], set[str]]:
    """The steps that stay when the last `keep` nights can be gone back to, and the tables that these need."""
    recent = steps[-keep:]
    if not recent:
        return [], set()
    base = steps[base_of(steps, len(steps) - len(recent))]
    stay = recent if base is recent[0] else [base, *recent]
    names = {name for step in stay for name in step.parts.values()}
    for step in recent[1:]:  # nothing goes back to before the oldest
        names |= {*step.removed.values(), *step.added.values()}
    return stay, names


def tables_of(con: Connection, number: int) -> dict[str, int]:
    """Tables in `cdm_part` of the hospital with this number, each with its step."""
    rows = con.execute(
        "select relname, (regexp_match(relname, %s))[1]::bigint from pg_class c "
        "join pg_namespace n on n.oid = c.relnamespace where nspname = %s and relkind = 'r' and relname ~ %s",
        [f"_h{number:02d}_s([0-9]+)", PARTS, f"_h{number:02d}_s[0-9]+(_|$)"],
    ).fetchall()
    return dict(rows)
