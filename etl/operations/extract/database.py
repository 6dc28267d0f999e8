"""A hospital's own database as one extraction sees it: read-only, and where it can, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from etl.files import packaged
from etl.operations.extract.connections import source_url
from etl.operations.extract.faults import database_errors
from etl.settings import Settings


@dataclass(frozen=True, slots=True)
class _Dialect:
    options: dict[str, Any]
    statements: tuple[str, ...]


@cache
def _dialects() -> dict[str, _Dialect]:
    said = yaml.safe_load(packaged(__name__, "dialects.yaml"))
    return {name: _Dialect(d["options"], tuple(d.get("statements", ()))) for name, d in said.items()}


@contextmanager
def snapshot(settings: Settings, hospital: str, name: str) -> Iterator[Connection]:
    """A connection in a transaction that sees one moment of the database, where its dialect can (`dialects.yaml`).

    Raises ConfigError (no URL, no driver, login turned down) or TransientError (the database is away).
    """
    url = source_url(settings, hospital, name)
    where = f"{hospital}, connection '{name}'"
    with database_errors(where, connecting=True):
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        dialect = _dialects().get(engine.dialect.name, _Dialect({}, ()))
        connection = engine.connect().execution_options(**dialect.options)
    try:
        with database_errors(where, connecting=True):
            connection.begin()
            for statement in dialect.statements:
                connection.execute(text(statement))
        yield connection
    finally:
        connection.invalidate()  # nothing was written; the rest of a stream is not waited for
        connection.close()
        engine.dispose()
