"""Concepts of the loaded release by name, synonym (Korean ones among them), code or id."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.engine import records, rows_in
from etl.sql import literal
from etl.vocabulary.release import Release

#: So many of the best hits are counted in the warehouse, before the most frequent of them are shown.
_CANDIDATES = 500
_TABLES = ("concept", "concept_synonym", "concept_relationship")


@dataclass(frozen=True, slots=True)
class Hit:
    """A concept, the text by which it was found, how well (0: it is what was asked for), and what its code maps to."""

    concept_id: int
    name: str
    domain: str
    vocabulary: str
    concept_class: str
    code: str
    standard: bool
    invalid: bool
    found_by: str  # id, code, name, synonym
    text: str
    rank: int
    maps_to: tuple[tuple[int, str], ...] = ()


def find(
    con: DuckDBPyConnection, release: Release, word: str, *, domain: str | None = None, vocabulary: str | None = None
) -> list[Hit]:
    """The concepts that a word means, the best first; all words of several must be in one name or synonym.

    Upper and lower case are the same, and so are codes with and without their dots.
    """
    for table in _TABLES:
        con.execute(f"create or replace temp view {table} as from {rows_in(release.table(table))}")
    rows = records(con, _query(unicodedata.normalize("NFC", word).strip().lower(), domain, vocabulary))
    targets = _targets(con, [row["concept_id"] for row in rows if not row["standard"]])
    return [Hit(**row, maps_to=targets.get(row["concept_id"], ())) for row in rows]


def _query(word: str, domain: str | None, vocabulary: str | None) -> str:
    said, bare = literal(word), literal(word.replace(".", ""))
    name = " and ".join(f"contains(lower(text), {literal(part)})" for part in word.split()) or "false"
    ids = word if word.isascii() and word.isdigit() and len(word) <= 18 else "-1"  # of a bigint
    only = [
        f"lower({column}) = {literal(value.lower())}"
        for column, value in (("domain_id", domain), ("vocabulary_id", vocabulary))
        if value
    ]
    return f"""
      with hit as (
        select concept_id, 'id' as found_by, concept_id::varchar as text, 0 as rank from concept
        where concept_id = {ids}
        union all
        select concept_id, 'code', concept_code, if(bare = {bare}, 1, 3)
        from (select *, replace(lower(concept_code), '.', '') as bare from concept)
        where bare = {bare} or (length({bare}) >= 3 and starts_with(bare, {bare}))
        union all
        select concept_id, found_by, text,
          case when lower(text) = {said} then 2 when starts_with(lower(text), {said}) then 4 else 5 end
        from (
          select concept_id, 'name' as found_by, concept_name as text from concept
          union all select concept_id, 'synonym', concept_synonym_name from concept_synonym
        ) where {name}
      ),
      best as (
        select concept_id, min(rank) as rank, arg_min(found_by, (rank, length(text), text)) as found_by,
          arg_min(text, (rank, length(text), text)) as text
        from hit group by concept_id
      )
      select c.concept_id, concept_name as name, domain_id as domain, vocabulary_id as vocabulary,
        concept_class_id as concept_class, concept_code as code,
        coalesce(standard_concept = 'S', false) as standard, invalid_reason is not null as invalid, found_by, text, rank
      from best b join concept c on c.concept_id = b.concept_id
      where {" and ".join(only) or "true"}
      order by rank, invalid, not standard, length(text), c.concept_id limit {_CANDIDATES}
    """


def _targets(con: DuckDBPyConnection, concepts: list[int]) -> dict[int, tuple[tuple[int, str], ...]]:
    """What concepts that are not standard map to."""
    found: dict[int, tuple[tuple[int, str], ...]] = {}
    if concepts:
        rows = con.execute(
            "select r.concept_id_1, r.concept_id_2, t.concept_name from concept_relationship r "
            "join concept t on t.concept_id = r.concept_id_2 where r.relationship_id = 'Maps to' "
            f"and r.invalid_reason is null and r.concept_id_1 in ({', '.join(map(str, concepts))}) order by all"
        ).fetchall()
        for source, target, name in rows:
            found[source] = (*found.get(source, ()), (target, name))
    return found
