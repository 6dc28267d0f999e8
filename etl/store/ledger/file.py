"""The ledger in a SQLite file beside the embedded warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from etl.errors import ConfigError, TransientError
from etl.store.audit.file import prepare
from etl.store.ledger import achilles as achilles  # noqa: PLC0414 - their tables are made, too
from etl.store.ledger import office as office  # noqa: PLC0414
from etl.store.ledger import outputs as outputs  # noqa: PLC0414
from etl.store.ledger import requests as requests  # noqa: PLC0414
from etl.store.ledger.faults import explain
from etl.store.ledger.meta import meta
from etl.store.ledger.tables import NUMBERED

#: What a ledger's file is by its `user_version`; 0: written before that was noted.
VERSION = 2
_PREPARED: set[str] = set()  # ledgers whose tables this process has seen to


def open_file(url: str) -> Engine:
    """A ledger in a SQLite file; its tables are created when missing."""
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 60})
    sa.event.listen(engine, "handle_error", explain)
    if url not in _PREPARED or not file.exists():
        _prepare(engine)
        _PREPARED.add(url)
    return engine


def _prepare(engine: Engine) -> None:
    """Create what is missing of the tables; ConfigError when a newer program wrote the ledger."""
    with engine.begin() as con:
        version = con.execute(sa.text("pragma user_version")).scalar_one()
        if version > VERSION:
            raise ConfigError(
                f"the ledger is of version {version}; this program writes version {VERSION}",
                hint="a newer version of the program has used this home: run that one, or restore a back-up of before",
            )
        con.execute(sa.text("pragma journal_mode=wal"))
        # several runs may begin together: asking first and creating then would let the second one fail
        for table in meta.sorted_tables:
            con.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                con.execute(CreateIndex(index, if_not_exists=True))
        prepare(con)
    _add_missing_columns(engine)
    if version < VERSION:
        _number(engine)


def _number(engine: Engine) -> None:
    """Number the rows of a ledger that had no numbers, by the clock, as was done until then."""
    with engine.begin() as con:
        for table, clock in NUMBERED.items():
            key = next(iter(table.primary_key.columns))
            other = table.alias()
            before = sa.tuple_(other.c[clock.name], other.c[key.name]) <= sa.tuple_(clock, key)
            rank = sa.select(sa.func.count()).select_from(other).where(before).scalar_subquery()
            con.execute(sa.update(table).where(table.c.number.is_(None)).values(number=rank))
        con.execute(sa.text(f"pragma user_version = {VERSION}"))


def _missing_columns(engine: Engine) -> list[sa.Column[Any]]:
    """Columns of the tables above that an older version did not write yet."""
    inspector = sa.inspect(engine)
    there = {table.name: {c["name"] for c in inspector.get_columns(table.name)} for table in meta.sorted_tables}
    return [c for table in meta.sorted_tables for c in table.columns if c.name not in there[table.name]]


def _add_missing_columns(engine: Engine) -> None:
    """Bring a ledger that an older version wrote up to date: its rows have nothing in a new, so nullable, column."""
    for column in _missing_columns(engine):
        added = CreateColumn(column).compile(engine)
        with engine.begin() as con:
            try:
                con.execute(sa.text(f"alter table {column.table.name} add column {added}"))
            except TransientError:
                # two runs began together and the other one was first
                if column.name in {c.name for c in _missing_columns(engine)}:
                    raise
