"""A warehouse whose folder was moved, renamed or restored elsewhere: its catalog names files by where they lay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from etl.errors import ConfigError

_FILES = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")


def made_in(catalog: Path) -> str:
    """The folder of the files, with its last slash, in which a catalog was made."""
    with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True, timeout=10)) as con:
        row = con.execute("select value from ducklake_metadata where key = 'data_path'").fetchone()
    return str(row[0])


def adopt(catalog: Path, data: Path) -> int:
    """Name all files of a catalog by the folder `data`, in one transaction; returns how many there are.

    Raises ConfigError, and changes nothing, when one of the files that readers need is not in `data`.
    """
    old, new = made_in(catalog), f"{data}/"
    with closing(sqlite3.connect(catalog, timeout=60, isolation_level=None)) as con:
        con.execute("begin immediate")
        for table in _FILES:
            con.execute(
                f"update {table} set path = ? || substr(path, ?) where substr(path, 1, ?) = ?",
                [new, len(old) + 1, len(old), old],
            )
        con.execute("update ducklake_metadata set value = ? where key = 'data_path'", [new])
        query = "select path from ducklake_data_file where end_snapshot is null and path_is_relative = 0"
        paths = [Path(path) for (path,) in con.execute(query)]
        lost = [path for path in paths if not path.exists()]
        if lost:
            con.execute("rollback")
            raise ConfigError(
                f"{len(lost)} of {len(paths)} files of the warehouse are not in {data}",
                hint="move the whole folder, or restore it from one back-up",
            )
        con.execute("commit")
    return len(paths)
