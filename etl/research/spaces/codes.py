"""Rare codes: what a concept of few persons becomes, by table and column (the temporary table `code_of`)."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.research.spaces.definition import Definition
from etl.research.spaces.policy import Policy
from etl.research.spaces.treat import Kind, kind_of
from etl.research.spaces.window import within
from etl.sql import literal, quote


def coded(definition: Definition) -> list[tuple[str, str]]:
    """The tables and columns of the space that hold concepts of what happened to a person."""
    return [
        (table, column) for table, columns in definition.tables.items() for column in columns
        if table != "location" and kind_of(table, column) is Kind.CODE
    ]  # fmt: skip


def find_rare(con: DuckDBPyConnection, definition: Definition, policy: Policy) -> None:
    """Make `code_of` (place, concept, becomes) of all concepts that are not told as they are.

    A concept is told where enough persons of the space have it, and enough of the whole warehouse: who is in the space
    is in the warehouse too, so only concepts of few in the space are counted there. Else it becomes the nearest
    concept above it that enough have once the rare ones below it are counted with it; what is still rare then, 0.
    """
    codes = policy.codes
    con.execute("create temp table code_of (place varchar, concept bigint, becomes bigint)")
    places = coded(definition)
    if not places or max(codes.fewest_in_space, codes.fewest_in_warehouse) <= 1:
        return
    con.execute(f"create temp table has as {_union(_in_space(definition, policy, *each) for each in places)}")
    con.execute(
        "create temp table counted as select place, concept, count(*) as persons, "
        f"persons < {codes.fewest_in_space} as rare from has group by all"
    )
    _count_in_warehouse(con, places, codes.fewest_in_warehouse)
    con.execute("insert into code_of select place, concept, 0 from counted where rare")
    if codes.otherwise == "ancestor":
        _lift(con, max(codes.fewest_in_space, codes.fewest_in_warehouse))
    for table in ("has", "counted"):
        con.execute(f"drop table {table}")


def _union(queries: Iterable[str]) -> str:
    return " union all ".join(queries)


def _in_space(definition: Definition, policy: Policy, table: str, column: str) -> str:
    """SQL of who of the space has which concept, once each; rows of the days that are shown only."""
    return (
        f"select distinct {literal(f'{table}.{column}')} as place, t.{quote(column)} as concept, p.number as person "
        f"from {quote(table)} t join person_of p on p.old = t.person_id where t.{quote(column)} <> 0 "
        f"and {within(definition, policy, table)}"
    )


def _count_in_warehouse(con: DuckDBPyConnection, places: list[tuple[str, str]], fewest: int) -> None:
    """Those of few persons in the whole warehouse are rare, too; places with none to be counted are not read."""
    for table, column in places:
        place = literal(f"{table}.{column}")
        few = f"select concept from counted where place = {place} and not rare and persons < {fewest}"
        if con.execute(f"select 1 from ({few}) limit 1").fetchone() is None:
            continue
        owner = tables()[table].owner
        con.execute(
            f"update counted set rare = true where place = {place} and concept in (select {quote(column)} "
            f"from {quote(table)} where {quote(column)} in ({few}) group by 1 "
            f"having count(distinct {owner}) < {fewest})"
        )


def _lift(con: DuckDBPyConnection, fewest: int) -> None:
    con.execute(
        "create temp table above as select distinct c.place, c.concept, a.ancestor_concept_id as ancestor, "
        "a.min_levels_of_separation as levels from counted c join concept_ancestor a "
        "on a.descendant_concept_id = c.concept where c.rare and a.ancestor_concept_id <> c.concept"
    )
    con.execute(
        "create temp table enough as select place, ancestor from (select place, ancestor, person from above join has "
        "using (place, concept) union select place, concept, person from has "
        f"where (place, concept) in (select place, ancestor from above)) group by all having count(*) >= {fewest}"
    )
    con.execute(
        "update code_of set becomes = l.ancestor from (select place, concept, arg_min(ancestor, (levels, ancestor)) as "
        "ancestor from above semi join enough using (place, ancestor) group by all) l "
        "where l.place = code_of.place and l.concept = code_of.concept"
    )
    con.execute(
        "update code_of set becomes = 0 where (place, becomes) in (select place, coalesce(becomes, concept) from has "
        f"left join code_of using (place, concept) group by all having count(distinct person) < {fewest})"
    )
    for table in ("above", "enough"):
        con.execute(f"drop table {table}")
