"""Whether a key store is the one that ids were given out with, and went as far: told by its marks, without its secret.

Restored from an older copy, or as another home's copy, it would hand out numbers once more that already mean somebody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from etl.errors import ConfigError, EtlError
from etl.settings import Settings
from etl.store.marks import Mark, Marks


def file_of(settings: Settings, hospital: str) -> Path:
    """The file of a hospital's key store."""
    return settings.keys / f"{hospital}.sqlite"


def look_into(file: Path) -> sqlite3.Connection:
    """A connection that only reads a store, and leaves no files beside it where nobody else has it open."""
    in_use = file.with_name(f"{file.name}-wal").exists()
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{'' if in_use else '&immutable=1'}", uri=True, timeout=10)


@contextmanager
def damage_told(hospital: str) -> Iterator[None]:
    """What SQLite says of a file that is no store any more, as ConfigError; a lock passes through."""
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise ConfigError(
            f"the key store of {hospital} is damaged ({type(error).__name__})",
            hint=f"restore keys/{hospital}.sqlite from its newest back-up; a new one would give every patient a new id",
        ) from None


def marks_in(file: Path) -> Marks:
    """How far the store in `file` has come, by what it says itself. Raises sqlite3.Error."""
    with closing(look_into(file)) as con:
        (store,) = con.execute("select store from proof").fetchone() or ("",)
        rows = con.execute("select namespace, max(n), chain from mark group by namespace").fetchall()
    return Marks(store, {namespace: Mark(n, chain) for namespace, n, chain in rows})


def misfit(file: Path, known: Marks) -> str | None:
    """Why the store in `file` is not the one that went as far as `known`; None: it is. Raises sqlite3.Error."""
    if not file.exists():
        return "is missing"
    with closing(look_into(file)) as con:
        return _misfit(con, known)


def _misfit(con: sqlite3.Connection, known: Marks) -> str | None:
    (store,) = con.execute("select store from proof").fetchone() or (None,)
    if known.store and store != known.store:
        return "is another store than the one that they were given out with"
    for namespace, mark in sorted(known.by_namespace.items()):
        (highest,) = con.execute("select coalesce(max(n), 0) from key where namespace = ?", [namespace]).fetchone()
        if highest < mark.highest:
            return (
                f"has handed out {highest:,} numbers of {namespace}, where {mark.highest:,} are known: "
                "it is an older copy"
            )
        if not _went_through(con, namespace, mark):
            return f"has handed out other numbers of {namespace}: it is a copy that went on elsewhere"
    return None


def _went_through(con: sqlite3.Connection, namespace: str, mark: Mark) -> bool:
    if not mark.chain or not con.execute("select 1 from sqlite_master where name = 'mark'").fetchone():
        return True  # who wrote the mark, or the store, did not know of chains yet
    query = "select 1 from mark where namespace = ? and n = ? and chain = ?"
    return con.execute(query, [namespace, mark.highest, mark.chain]).fetchone() is not None


def refuse_misfit(file: Path, hospital: str, known: Marks) -> None:
    """Raise ConfigError, which says what to do, unless the store in `file` went as far as `known`."""
    with damage_told(hospital):
        why = misfit(file, known)
    if why:
        raise misfit_error(hospital, why)


def refuse_ids_of_another(file: Path, hospital: str, run_id: str, landed: Marks) -> None:
    """Raise ConfigError unless the ids of a run, which `landed` with these marks, are of the store in `file`."""
    with damage_told(hospital):
        why = misfit(file, landed)
    if why:
        raise ConfigError(
            f"the ids of {run_id} are not those of today's key store, which {why}",
            hint=f"restore the keys/{hospital}.sqlite that it landed with, or let it land again: etl run --force",
        )


def misfit_error(hospital: str, why: str) -> EtlError:
    """The refusal of a store that does not fit."""
    return ConfigError(
        f"the ids of {hospital} that are published cannot be given out again: its key store {why}",
        hint=f"restore the newest copy of keys/{hospital}.sqlite (docs/operations.md); only if there is none, give "
        f"every patient a new id: etl rollback {hospital} --to nothing --reason …, then run a whole night",
    )
