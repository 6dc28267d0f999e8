"""Loads DuckDB's extensions as the pipeline does, without having DuckDB hash each file for its signature every time.

The extensions are files of wheels whose hashes `make install` has checked. Verifying a signature takes a tenth of a
second of CPU at every `load`, and a night loads a dozen of them. Commands that the tests run in processes of their own
still verify; those of `processes` do not.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import duckdb

_connect = duckdb.connect


@wraps(_connect)
def _trusting(database: Any = ":memory:", read_only: bool = False, config: Any = None, **more: Any) -> Any:
    config = {"allow_unsigned_extensions": "true", **(config or {})}
    return _connect(database, read_only=read_only, config=config, **more)


def trust() -> None:
    """From now on, `duckdb.connect` in this process and its forks takes extension files as they are."""
    duckdb.connect = _trusting
