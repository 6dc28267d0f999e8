"""The ledger in the warehouse on PostgreSQL, where migrations make its tables."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from etl.settings import LOADER
from etl.sql import literal
from etl.store.ledger.faults import explain
from etl.store.postgres.connect import as_etl_error
from etl.store.postgres.revision import require_newest

_AS_LOADER = f"""
    select set_config('role', rolname, false) from pg_roles
    where rolname = {literal(LOADER)} and pg_has_role(session_user, oid, 'member')
"""


def _work_as_loader(connection: Any, _record: Any) -> None:
    """Be the loader where the login may; who may only read (a quality officer's report) does it as who they are."""
    connection.execute(_AS_LOADER)
    connection.commit()


@lru_cache(maxsize=8)
def _engine(url: str, _process: int) -> Engine:
    """A ledger on PostgreSQL, one engine for a process: a fork must not write into its parent's connections."""
    engine = sa.create_engine(url, pool_size=1, max_overflow=9, pool_pre_ping=True, hide_parameters=True)
    sa.event.listen(engine, "handle_error", explain)
    sa.event.listen(engine, "connect", _work_as_loader)
    with engine.connect() as con:
        try:
            require_newest(con.connection.driver_connection)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise as_etl_error(error) from None
    return engine


def open_server(url: str) -> Engine:
    """The engine of a URL; ConfigError where the server has not the schema of this version."""
    return _engine(url, os.getpid())
