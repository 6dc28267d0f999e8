"""What was found of each hospital's published night, kept so that it is not computed again.

It lies in `<ETL_HOME>/achilles`, for the pipeline only, as it holds counts that are never told; it may be removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from etl.engine import rows_in
from etl.research.achilles.analyses import computed_with
from etl.research.achilles.snapshot import Source
from etl.settings import Settings
from etl.sql import literal


def file_of(settings: Settings, source: Source) -> Path:
    """Where a hospital's is."""
    return settings.home / "achilles" / f"{source.hospital}.parquet"


def _key(source: Source) -> str:
    return f"{source.number} {source.run_id} {source.step} {computed_with()}"


def is_kept(settings: Settings, source: Source) -> bool:
    """Whether what is published of a hospital was computed, by what computes it today."""
    file = file_of(settings, source)
    if not file.exists():
        return False
    try:
        return (pq.read_metadata(file).metadata or {}).get(b"of") == _key(source).encode()
    except (OSError, pa.ArrowException):  # half a file, of a full disk say
        return False


def keep(con: DuckDBPyConnection, settings: Settings, source: Source, table: str) -> None:
    """Keep a table that `compute` filled; the file is there wholly or not at all, for its owner alone."""
    file = file_of(settings, source)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        said = f"kv_metadata {{of: {literal(_key(source))}}}"
        con.execute(f"copy {table} to {literal(str(partial))} (format parquet, compression zstd, {said})")
        partial.chmod(0o600)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def forget(settings: Settings, sources: Sequence[Source]) -> None:
    """Remove what is kept of hospitals that are no longer published."""
    kept = {file_of(settings, each) for each in sources}
    for file in (settings.home / "achilles").glob("*.parquet"):
        if file not in kept:
            file.unlink()


def kept_rows(settings: Settings, source: Source) -> str:
    """SQL of a kept table."""
    return rows_in(file_of(settings, source))
