"""A night of changes: of the persons it touched, the rows that differ are deleted and added, and both are kept.

Readers need no new view of the catalogue for that: they see the rows of before until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import Connection
from sqlalchemy.engine import URL

from etl.cdm.spec import Table, hospital_tables
from etl.store.postgres.connect import connect
from etl.store.warehouse.postgres.bulk import open_bulk
from etl.store.warehouse.postgres.ddl import PARTS, primary_key
from etl.store.warehouse.postgres.load import Tell, create_part
from etl.store.warehouse.postgres.steps import Step, part_of
from etl.store.warehouse.protocol import Publication


@dataclass(frozen=True, slots=True)
class Difference:
    """By table: the tables in `cdm_part` of the rows to delete and to add, and the rows there are afterwards."""

    removed: Mapping[str, str]
    added: Mapping[str, str]
    rows: Mapping[str, int]


def find_difference(url: URL, publication: Publication, current: Step, step: int, tell: Tell) -> Difference:
    """Load the touched persons' rows aside and compare them with what is published of them."""
    number = publication.number
    touched = {kind: part_of("touched", number, step, kind) for kind in ("all", "extended")}
    new = {t: part_of(t, number, step, "new") for t in publication.files}
    with connect(url) as con, open_bulk(url, publication.unlock) as bulk:
        for name in touched.values():
            con.execute(f"create table {PARTS}.{name} (person bigint primary key)")
        for name, part in new.items():
            create_part(con, hospital_tables()[name], part)
        persons = {"all": publication.touched, "extended": (*publication.touched, *publication.extended)}
        for kind, files in persons.items():
            bulk.copy_persons(touched[kind], files)
            con.execute(f"analyze {PARTS}.{touched[kind]}")
        for name, part in new.items():
            tell(f"loading changes of {name}")
            bulk.copy(hospital_tables()[name], part, publication.files[name])
        found = _compare(con, publication, current, step, new, touched)
    tell("loaded and compared")
    return found


def _compare(
    con: Connection, publication: Publication, current: Step, step: int, new: Mapping[str, str],
    touched: Mapping[str, str],
) -> Difference:  # fmt: skip
    removed, added = {}, {}
    rows = dict(current.rows)
    for name, part in current.parts.items():
        table = hospital_tables()[name]
        gone, come = (part_of(name, publication.number, step, use) for use in ("removed", "added"))
        whose = touched["extended" if name == "observation_period" else "all"]
        mine = f"({table.owner}) in (select person from {PARTS}.{whose})" if table.personal else "true"
        old = f"select * from {PARTS}.{part} where {mine}"
        fresh = f"select * from {PARTS}.{new[name]}" if name in new else f"select * from {PARTS}.{part} where false"
        for target, these, those in ((gone, old, fresh), (come, fresh, old)):
            con.execute(f"create table {PARTS}.{target} as {_without(table, these, those)}")
        change = [_count(con, target) for target in (gone, come)]
        if any(change):
            removed[name], added[name] = gone, come
            rows[name] = rows.get(name, 0) - change[0] + change[1]
    return Difference(removed, added, rows)


def _without(table: Table, these: str, those: str) -> str:
    """SQL: rows of a query that another one does not have; of a table without a key all, as rows may be doubled."""
    key = primary_key(table)
    if key is None:
        return these
    return (
        f"select a.* from ({these}) a where not exists "
        f"(select from ({those}) b where b.{key} = a.{key} and b is not distinct from a)"
    )


def _count(con: Connection, name: str) -> int:
    row = con.execute(f"select count(*) from {PARTS}.{name}").fetchone()
    return int(row[0]) if row else 0


def apply(con: Connection, parts: Mapping[str, str], removed: Mapping[str, str], added: Mapping[str, str]) -> None:
    """Delete the rows of `removed` and add those of `added`, in a transaction; keys are checked after the last row."""
    con.execute("set constraints all deferred")
    for name, gone in removed.items():
        table = hospital_tables()[name]
        by = primary_key(table) or f"({table.owner})"
        con.execute(f"delete from {PARTS}.{parts[name]} where {by} in (select {by} from {PARTS}.{gone})")
    for name, come in added.items():
        con.execute(f"insert into {PARTS}.{parts[name]} select * from {PARTS}.{come}")
    con.execute("set constraints all immediate")  # checked here, not at the commit, when readers may be held


def undo(con: Connection, parts: Mapping[str, str], steps: Iterable[Step]) -> None:
    """Take back steps of changes on the partitions `parts`, the newest first, inside a transaction."""
    for step in steps:
        apply(con, parts, step.added, step.removed)
