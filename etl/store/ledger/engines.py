"""Where the ledger is kept: beside the embedded warehouse, or in the one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

from etl.loading import load

_KINDS = {"sqlite": "etl.store.ledger.file:open_file", "postgresql": "etl.store.ledger.server:open_server"}


def wait_at_most(engine: Engine, seconds: float) -> None:
    """Wait less for who else writes a ledger that is a file: people at a browser do not wait as a night does."""
    if engine.dialect.name == "sqlite":
        pragma = f"pragma busy_timeout = {int(1000 * seconds)}"
        event.listen(engine, "connect", lambda con, _: con.execute(pragma))
        engine.dispose()


def engine_of(url: str) -> Engine:
    """The engine of a SQLAlchemy `url`; ConfigError where a server has not the schema of this version."""
    opened: Callable[[str], Engine] = load(_KINDS[make_url(url).get_backend_name()])
    return opened(url)
