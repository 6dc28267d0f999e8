"""Finds the concepts that concept sets mean in the vocabulary of a warehouse, all sets at once."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from etl.research.cohorts.model import ConceptSet
from etl.research.cohorts.rows import table

_ITEMS = {
    "set_number": "int", "concept_id": "int", "descendants": "bool", "mapped": "bool", "excluded": "bool",
}  # fmt: skip
# Concepts below a concept count while they are valid; the concept itself counts always.
_MEANT = """
create or replace temp table {into} as
with said as (
  select i.set_number, i.excluded, i.mapped, c.concept_id from {items} i join concept c using (concept_id)
  union
  select i.set_number, i.excluded, i.mapped, c.concept_id from {items} i
  join concept_ancestor a on a.ancestor_concept_id = i.concept_id
  join concept c on c.concept_id = a.descendant_concept_id
  where i.descendants and c.invalid_reason is null
), meant as (
  select set_number, excluded, concept_id from said
  union
  select s.set_number, s.excluded, r.concept_id_1 from said s
  join concept_relationship r on r.concept_id_2 = s.concept_id
  where s.mapped and r.relationship_id = 'Maps to' and r.invalid_reason is null
)
select set_number::integer as set_number, concept_id from meant group by all having not bool_or(excluded)
"""


def find_concepts(
    con: DuckDBPyConnection, sets: Mapping[int, ConceptSet], into: str = "cohorts_concept", items: str = "cohorts_item"
) -> None:
    """Make the temporary tables `into` (set_number, concept_id) and `items`, which is what the sets say."""
    rows = [
        (number, item.concept, item.descendants, item.mapped, item.excluded)
        for number, each in sets.items() for item in each.items
    ]  # fmt: skip
    table(con, items, _ITEMS, rows)
    con.execute(_MEANT.format(into=into, items=items))
