"""Which snapshots of the embedded warehouse nobody needs any more, and which files only they name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

_METADATA = "__ducklake_metadata_warehouse"


def expired(con: DuckDBPyConnection, kept: Collection[int], before: datetime) -> list[int]:
    """The snapshots that were replaced by the next one before that moment, but for those `kept`.

    A reader holds the snapshot that was the newest when it began. So its files stay for who began after that moment.
    """
    rows = con.execute(
        """
        select snapshot_id from (
          select snapshot_id, epoch_us(lead(snapshot_time) over (order by snapshot_id)) as replaced
          from ducklake_snapshots('warehouse'))
        where replaced < ? order by snapshot_id
        """,
        [int(before.timestamp() * 1_000_000)],
    ).fetchall()
    return [snapshot for (snapshot,) in rows if snapshot not in kept]


def files_of(con: DuckDBPyConnection, data: Path, snapshots: Collection[int]) -> dict[Path, int]:
    """The files, with their bytes, that no other snapshot than these names."""
    gone = ", ".join(map(str, snapshots)) or "-1"
    parts = [
        f"""
        select case when f.path_is_relative then s.path || t.path || f.path else f.path end, f.file_size_bytes
        from {_METADATA}.{files} f
        join {_METADATA}.ducklake_table t using (table_id) join {_METADATA}.ducklake_schema s using (schema_id)
        where not exists (
          select 1 from ducklake_snapshots('warehouse') o
          where o.snapshot_id not in ({gone}) and f.begin_snapshot <= o.snapshot_id
            and (f.end_snapshot is null or o.snapshot_id < f.end_snapshot))
        """
        for files in ("ducklake_data_file", "ducklake_delete_file")
    ]
    return {data / path: size for path, size in con.execute(" union ".join(parts)).fetchall()}


def expire(con: DuckDBPyConnection, snapshots: Collection[int]) -> None:
    """Forget snapshots; the files that only they name are noted for removal."""
    versions = ", ".join(map(str, snapshots))
    con.execute(f"call ducklake_expire_snapshots('warehouse', versions => [{versions}])")


def remove_expired(con: DuckDBPyConnection) -> None:
    """Remove the files that are noted for removal."""
    con.execute("call ducklake_cleanup_old_files('warehouse', cleanup_all => true)")
