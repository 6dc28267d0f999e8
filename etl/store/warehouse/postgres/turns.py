"""Turns: who publishes a hospital, swaps, loads a vocabulary or changes the schema does so alone.

A turn is a row of `admin.publisher_turn`, locked until a transaction ends. Only who may write there can hold it; an
advisory lock anybody could.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection
from sqlalchemy.engine import URL

from etl.errors import TransientError
from etl.store.postgres.connect import connect

SWAPPING, VOCABULARY, SCHEMA = "swap", "vocabulary", "schema"
_PAUSE = (0.02, 0.08)


def hospital_turn(number: int) -> str:
    """The turn of a hospital's publisher, from whichever machine."""
    return f"hospital {number}"


def take(con: Connection, turn: str, patience: float, what: str) -> None:
    """Hold a turn until the transaction ends; TransientError when others have it for `patience` seconds."""
    end = time.monotonic() + patience
    query = "select from admin.publisher_turn where turn = %s for update skip locked"
    while con.execute(query, [turn]).fetchone() is None:
        if time.monotonic() >= end:
            raise TransientError(what, hint="wait for it and run again; `etl doctor` shows sessions that hang")
        time.sleep(random.uniform(*_PAUSE))


@contextmanager
def turn(url: URL, name: str, patience: float, what: str) -> Iterator[None]:
    """Hold a turn while the block runs, by a connection of its own that does nothing else."""
    with connect(url) as con:
        con.execute("insert into admin.publisher_turn (turn) values (%s) on conflict do nothing", [name])
        with con.transaction():
            take(con, name, patience, what)
            yield
