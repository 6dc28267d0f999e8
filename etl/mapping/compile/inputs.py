"""What look-ups read beside the landed rows, and which codes of a field are looked up."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.mapping.compile.lookup import create_maps, create_vocabulary_views
from etl.mapping.compile.masters import create_masters
from etl.mapping.language.entries import Entry
from etl.mapping.language.mapping import HospitalMapping
from etl.vocabulary.release import Release

_NOT_A_NUMBER = "omop_result_number({code}) is null"


def narrowing(entry: Entry, name: str) -> str | None:
    """SQL over {code} that says which codes of a field are looked up: of results only those that are no number."""
    return _NOT_A_NUMBER if entry.shape.kinds[name] == "result" else None


def create_inputs(con: DuckDBPyConnection, mapping: HospitalMapping, release: Release) -> None:
    """What look-ups read beside the views `landed.…`: those of the vocabulary, code maps, masters."""
    create_vocabulary_views(con, release)
    create_maps(con, mapping)
    create_masters(con, mapping)
