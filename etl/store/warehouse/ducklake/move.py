"""A warehouse whose folder was moved, renamed or restored elsewhere: its catalog names files by where they lay."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.errors import ConfigError, TransientError
from etl.store.warehouse.ducklake.catalog import Catalog
from etl.store.warehouse.ducklake.sealed import SealedCatalog

_FILES = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
#: Path and bytes of the files that readers need; what the catalog's own engine wrote lies below its table's folder.
_NEEDED = " union all ".join(
    f"""
    select case when f.path_is_relative then s.path || t.path || f.path else f.path end, f.file_size_bytes
    from {files} f join ducklake_table t using (table_id) join ducklake_schema s using (schema_id)
    where f.end_snapshot is null and t.end_snapshot is null
    """
    for files in _FILES[:2]
)


@contextmanager
def _catalog(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a catalog; ConfigError where it is none, TransientError where somebody else has it locked."""
    try:
        con = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=60, isolation_level=None)
        with closing(con):
            yield con
    except sqlite3.Error as error:
        if any(word in str(error) for word in ("locked", "busy", "readonly")):
            raise TransientError(
                f"the catalog {file} cannot be written now", hint="see that nobody uses the warehouse, run again"
            ) from None
        raise _damaged(file) from None


def _damaged(file: Path) -> ConfigError:
    return ConfigError(
        f"{file} is no catalog of a warehouse, or is damaged",
        hint="restore the folder of the warehouse from its newest back-up: docs/operations.md",
    )


def adopt(catalog: Catalog, data: Path) -> int:
    """Name all files of a catalog by the folder `data`, in one transaction; returns how many readers need.

    Raises ConfigError, and changes nothing, when it is damaged or one of these is not in `data` as it was written.
    """
    if isinstance(catalog, SealedCatalog):
        needed: list[int] = []
        catalog.change(lambda con: needed.append(_rename(con, catalog.file, data)))
        return needed[0]
    with _catalog(catalog.file) as con:
        con.execute("begin immediate")
        try:
            found = _rename(con, catalog.file, data)
        except ConfigError:
            con.execute("rollback")
            raise
        con.execute("commit")
    return found


def _rename(con: sqlite3.Connection | DuckDBPyConnection, catalog: Path, data: Path) -> int:
    row = con.execute("select value from ducklake_metadata where key = 'data_path'").fetchone()
    if row is None:
        raise _damaged(catalog)
    old, new = str(row[0]), f"{data}/"
    for table in _FILES:
        con.execute(
            f"update {table} set path = ? || substr(path, ?) where substr(path, 1, ?) = ?",
            [new, len(old) + 1, len(old), old],
        )
    con.execute("update ducklake_metadata set value = ? where key = 'data_path'", [new])
    needed = [(data / path, size) for path, size in con.execute(_NEEDED).fetchall()]
    lost = [path for path, size in needed if not path.is_file() or path.stat().st_size != size]
    if lost:
        raise ConfigError(
            f"{len(lost)} of {len(needed)} files of the warehouse are not in {data}, or were cut",
            hint="move the whole folder, or restore it from one back-up",
        )
    return len(needed)
