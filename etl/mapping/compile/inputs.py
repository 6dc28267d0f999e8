"""What look-ups read beside the landed rows."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.mapping.compile.lookup import create_maps, create_vocabulary_views
from etl.mapping.compile.masters import create_masters
from etl.mapping.language.mapping import HospitalMapping
from etl.vocabulary.release import Release


def create_inputs(con: DuckDBPyConnection, mapping: HospitalMapping, release: Release) -> None:
    """What look-ups read beside the views `landed.…`: those of the vocabulary, code maps, masters."""
    create_vocabulary_views(con, release)
    create_maps(con, mapping)
    create_masters(con, mapping)
