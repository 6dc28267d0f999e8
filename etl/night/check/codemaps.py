"""What the CDM gate has to know of code maps: their local source concepts, and targets that the release lacks."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.engine import rows_in
from etl.mapping.check.concepts import doubtful_concepts
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.read.codemaps import format_of
from etl.store.ledger.records import Finding
from etl.vocabulary.release import Release

FIRST_LOCAL = 2_000_000_001  # OHDSI's convention: ids above two billion are a site's own


def add_local_concepts(con: DuckDBPyConnection, mapping: HospitalMapping, release: Release) -> None:
    """Let the view `concept` also hold the local source concepts that the mapping's files name."""
    if not mapping.map_rows:
        return
    con.register("given_rows", pa.concat_tables([found.rows for found in mapping.map_rows.values()]))
    con.execute(
        "create or replace table local_concept as select distinct source_id as concept_id from given_rows "
        f"where source_id >= {FIRST_LOCAL}"
    )
    con.unregister("given_rows")
    known = f"from {rows_in(release.table('concept'))}"
    con.execute(f"create or replace view concept as {known} union all by name from local_concept")


def map_findings(mapping: HospitalMapping, release: Release) -> list[Finding]:
    """A warning per code map in a file with targets that are not standard and valid: codes with them got concept 0."""
    in_files = {n for n in mapping.map_rows if format_of(mapping.maps[n])}
    if not in_files:
        return []
    wrong = Counter(d.map for d in doubtful_concepts(mapping, release) if d.in_file)
    return [
        Finding(
            "code_maps", f"map {name}", "expect_targets_to_be_standard",
            f"targets of the code map '{name}' are standard and valid in the release; etl check names the lines",
            "warn", not wrong[name], unexpected=wrong[name], total=len(mapping.map_rows[name].rows),
        )
        for name in sorted(in_files)
    ]  # fmt: skip
