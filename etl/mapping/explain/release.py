"""What the release says of a concept."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.mapping.explain.explanation import Concept


def concept_of(con: DuckDBPyConnection, concept_id: int | None) -> Concept | None:
    """A concept as it is told; None for 0 and for nothing."""
    if not concept_id:
        return None
    row = con.execute(
        "select concept_name, domain_id, vocabulary_id, concept_code, coalesce(standard_concept = 'S', false), "
        f"invalid_reason, valid_start_date, valid_end_date from vocab.concept where concept_id = {concept_id}"
    ).fetchone()
    return Concept(concept_id, *(row or (None, None, None, None, False, None, None, None)))
