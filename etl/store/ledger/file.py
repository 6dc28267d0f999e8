"""The ledger in a SQLite file beside the embedded warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from etl.errors import TransientError
from etl.store.ledger.faults import explain
from etl.store.ledger.tables import meta

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
    """Create what is missing of the tables."""
    with engine.begin() as con:
        con.execute(sa.text("pragma journal_mode=wal"))
        # several runs may begin together: asking first and creating then would let the second one fail
        for table in meta.sorted_tables:
            con.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                con.execute(CreateIndex(index, if_not_exists=True))
    _add_missing_columns(engine)


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
