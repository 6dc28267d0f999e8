"""The audit log as who has a home opens it: to write an entry, to read it, to note where it ends.

Whoever asks the warehouse on PostgreSQL writes as the own login, which the server notes; there is no other way in.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from etl.errors import ConfigError
from etl.settings import Settings
from etl.store.audit.anchors import Anchor, drop
from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.faults import explain
from etl.store.ledger.ledger import Ledger


@contextmanager
def audit_log(settings: Settings) -> Iterator[sa.Connection]:
    """A transaction on the log; ConfigError where the server has none, or the login may not."""
    url = settings.ledger_url
    engine = Ledger(url).engine if url.startswith("sqlite") else _server(url, os.getpid())
    try:
        with engine.begin() as con:
            yield con
    except ProgrammingError:
        raise ConfigError("the audit log cannot be used: the server has none yet", hint="etl warehouse init") from None


@lru_cache(maxsize=2)
def _server(url: str, _process: int) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
    sa.event.listen(engine, "handle_error", explain)
    return engine


def tell(settings: Settings, kind: str, subject: str | None = None, **said: Any) -> int:
    """Write an entry by who runs this program; its number. What cannot be written down is not done: it raises."""
    with audit_log(settings) as con:
        return write(con, Said(kind, said.pop("actor", None) or getpass.getuser(), subject=subject, **said))


def anchor(settings: Settings) -> Anchor | None:
    """Note where the log ends in `ETL_AUDIT_ANCHORS`; None where that is not set, or the log is empty."""
    if settings.audit_anchors is None:
        return None
    with audit_log(settings) as con:
        return drop(con, settings.audit_anchors)
