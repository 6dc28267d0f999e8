"""The vocabulary of the warehouse: one release, that of the newest night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import Connection
from sqlalchemy.engine import URL

from etl.cdm.spec import Table, vocabulary_tables
from etl.sql import quote
from etl.store.postgres.connect import connect
from etl.store.warehouse.postgres.bulk import open_bulk
from etl.store.warehouse.postgres.ddl import PARTS, VOCABULARY, indexes_of, primary_key, qualified, replaced_whole
from etl.store.warehouse.postgres.load import create_part
from etl.store.warehouse.postgres.swap import transaction, wait_for_old_readers
from etl.store.warehouse.postgres.turns import VOCABULARY as VOCABULARY_TURN
from etl.store.warehouse.postgres.turns import turn
from etl.vocabulary.release import Release


def publish_vocabulary(url: URL, release: Release, patience: float) -> bool:
    """Replace the tables by a release's in one transaction; False when it is there already.

    Tables with a key (concept, domain, …) are merged into, as rows of hospitals refer to theirs: a concept that the
    release does not have any more stays and becomes invalid. The others are loaded aside and swapped in.
    """
    busy = f"another publisher has been loading the vocabulary for {patience:.0f} s"
    with turn(url, VOCABULARY_TURN, patience, busy), connect(url) as con:  # others wait for the same release
        if current_release(con) == release.name:
            return False
        attached = _attached(con)
        parts = {t: _beside(t, attached.get(t)) for t in vocabulary_tables()}
        _load(con, url, release, parts)
        whole = [n for n, t in vocabulary_tables().items() if replaced_whole(t)]
        keyed = [n for n in vocabulary_tables() if n not in whole]
        wait_for_old_readers(con, patience)

        def merge() -> None:
            for name in keyed:
                _merge(con, vocabulary_tables()[name], parts[name])

        def swap() -> None:
            for name in whole:
                parent = qualified(vocabulary_tables()[name])
                if name in attached:
                    con.execute(f"alter table {parent} detach partition {PARTS}.{attached[name]}")
                con.execute(f"alter table {parent} attach partition {PARTS}.{parts[name]} default")
            con.execute("delete from admin.vocabulary_release")
            con.execute(
                "insert into admin.vocabulary_release (name, version, published_at) "
                "values (%s, %s, now() at time zone 'utc')",
                [release.name, release.version],
            )

        transaction(con, whole, swap, patience, before=merge)
        _drop(con, [parts[name] for name in keyed] + list(attached.values()))
        return True


def current_release(con: Connection) -> str | None:
    """The name of the release that is published, or None."""
    row = con.execute("select name from admin.vocabulary_release").fetchone()
    return str(row[0]) if row else None


def _attached(con: Connection) -> dict[str, str]:
    """The tables in `cdm_part` that hold the release, by the vocabulary table."""
    rows = con.execute(
        "select p.relname, c.relname from pg_inherits join pg_class p on p.oid = inhparent "
        "join pg_class c on c.oid = inhrelid where p.relnamespace = %s::regnamespace and p.relkind = 'p'",
        [VOCABULARY],
    ).fetchall()
    return dict(rows)


def _beside(table: str, attached: str | None) -> str:
    return f"release_{table}_{'b' if attached == f'release_{table}_a' else 'a'}"


def _load(con: Connection, url: URL, release: Release, parts: Mapping[str, str]) -> None:
    _drop(con, list(parts.values()))  # left by a publisher who was killed
    for name, part in parts.items():
        create_part(con, vocabulary_tables()[name], part)
    with open_bulk(url) as bulk:
        for name, part in parts.items():
            table = vocabulary_tables()[name]
            bulk.copy(table, part, release.table(name))
            for index in indexes_of(name) if replaced_whole(table) else ():
                con.execute(index.create(f"{PARTS}.{part}"))
            con.execute(f"analyze {PARTS}.{part}")


def _merge(con: Connection, table: Table, part: str) -> None:
    """Bring a table with a key up to date; only rows that differ are written."""
    key, name = primary_key(table), qualified(table)
    others = [quote(c) for c in table.columns if c != key]
    con.execute(
        f"insert into {name} as t select * from {PARTS}.{part} on conflict ({key}) do update "
        f"set ({', '.join(others)}) = ({', '.join(f'excluded.{c}' for c in others)}) "
        f"where ({', '.join(f't.{c}' for c in others)}) is distinct from ({', '.join(f'excluded.{c}' for c in others)})"
    )
    if table.name == "concept":
        con.execute(
            f"update {name} t set standard_concept = null, invalid_reason = 'D' where invalid_reason is null "
            f"and not exists (select from {PARTS}.{part} n where n.concept_id = t.concept_id)"
        )


def _drop(con: Connection, names: Iterable[str]) -> None:
    con.execute(f"drop table if exists {', '.join(f'{PARTS}.{name}' for name in names)}")
