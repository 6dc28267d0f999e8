"""Prepares an exported warehouse for duckcdm's WebAPI, which reads some columns by names in capitals.

DuckDB tells a column's name as its table was made; WebAPI's own queries ask for VOCABULARY_VERSION and look for that in
the answer, so that `vocabulary/<source>/info` fails on `vocabulary_version`. Names mean the same in any letters, so no
other query notices.

    python for_atlas.py FILE.duckdb
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

TABLES = ("vocabulary", "domain")


def prepare(file: Path) -> None:
    """Give the columns of two vocabulary tables names in capitals."""
    with duckdb.connect(str(file)) as con:
        for table in TABLES:
            for (name,) in con.execute(f"select column_name from (describe {table})").fetchall():
                con.execute(f'alter table {table} rename column "{name}" to "{name.upper()}"')


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
