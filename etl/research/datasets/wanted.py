"""The concepts that variables are taken of: those of all sets at once, found as cohorts find theirs."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from etl.research.cohorts.model import ConceptSet
from etl.research.cohorts.sets import find_concepts

WANTED, _ITEMS = "wanted_concept", "wanted_item"


def resolve(con: DuckDBPyConnection, sets: Mapping[str, ConceptSet]) -> None:
    """Make the temporary table `WANTED` (set_number, concept_id), sets being numbered in their order."""
    find_concepts(con, dict(enumerate(sets.values())), WANTED, _ITEMS)


def missing(con: DuckDBPyConnection, sets: Mapping[str, ConceptSet]) -> dict[str, list[int]]:
    """By set the concepts that are taken in and that the published vocabulary lacks; after `resolve`."""
    rows = con.execute(
        f"select set_number, list(distinct concept_id order by concept_id) from {_ITEMS} anti join concept using "
        "(concept_id) where not excluded group by set_number order by set_number"
    ).fetchall()
    names = list(sets)
    return {names[number]: concepts for number, concepts in rows}
