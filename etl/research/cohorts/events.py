"""Finds the records that criteria ask for: each table is read once, for all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from duckdb import DuckDBPyConnection

from etl.research.cohorts.model import ConceptSet, Condition, Criterion
from etl.research.cohorts.plan import Plan, plain
from etl.research.cohorts.records import Records, joins, records
from etl.research.cohorts.rows import table
from etl.sql import quote

_ASKED = {"criterion": "int", "set_number": "int", "starts": "day", "ends": "day"}


def find_events(con: DuckDBPyConnection, plan: Plan) -> None:
    """Make `cohorts_event`: the records of every criterion, without what is asked around them."""
    con.execute(
        "create or replace temp table cohorts_event (criterion integer, person_id bigint, event_id bigint, "
        "start_date date, end_date date, visit_occurrence_id bigint, concept_id bigint)"
    )
    ways: dict[tuple[str, str, bool], dict[Criterion, int]] = {}
    for criterion, number in plan.criteria.items():
        if criterion == plain(criterion):
            ways.setdefault((criterion.table, _led_by(criterion)[0], criterion.first), {})[criterion] = number
    for (name, led, first), asked in ways.items():
        _read(con, plan, records()[name], led, asked, first=first)


def _led_by(criterion: Criterion) -> tuple[str, ConceptSet | None]:
    """What leads to the records: the concepts of a set, by their column, or none."""
    if criterion.of:
        return "concept", criterion.of
    return ("source", criterion.source) if criterion.source else ("", None)


def _conditions(criterion: Criterion) -> list[Condition]:
    """What a record has to be beside what leads to it."""
    both = criterion.of and criterion.source
    return [*criterion.conditions, *([Condition("source", "in", criterion.source)] if both else [])]


def _read(
    con: DuckDBPyConnection, plan: Plan, each: Records, led: str, asked: Mapping[Criterion, int], *, first: bool
) -> None:
    """The records of criteria that are led to in the same way, and that are all of first ones or none."""
    rows = []
    for criterion, number in asked.items():
        of = _led_by(criterion)[1]
        rows.append((number, plan.sets[of] if of else None, criterion.starts, criterion.ends))
    table(con, "cohorts_asked", _ASKED, rows)
    place = "row_number() over (partition by criterion, person_id order by start_date, event_id)" if first else "1"
    fields = sorted({condition.field for criterion in asked for condition in _conditions(criterion)})
    con.execute(
        f"insert into cohorts_event with found as ({_found(each, led, fields)}), "
        f"placed as (select *, {place} as place from found) "
        "select criterion, person_id, event_id, coalesce(starts, start_date), coalesce(ends, end_date), "
        f"visit_occurrence_id, concept_id from placed where place = 1 and {_where(plan, asked)}"
    )


def _found(each: Records, led: str, fields: list[str]) -> str:
    """SQL of all records that are led to, with the fields that conditions ask of."""
    carried = [f"{each.field(name)} as {quote(f'is_{name}')}" for name in fields]
    columns = [
        "a.criterion", "a.starts", "a.ends", "t.person_id", f"t.{quote(each.id)} as event_id",
        f"{each.starts} as start_date", f"{each.ends} as end_date", f"{each.visit} as visit_occurrence_id",
        f"{f'coalesce({each.concept}, 0)' if each.concept else 'null::bigint'} as concept_id", *carried,
    ]  # fmt: skip
    by = {"concept": each.concept, "source": each.source}.get(led)
    asked = "cross join cohorts_asked a"
    if by:
        asked = f"join cohorts_concept k on k.concept_id = {by} join cohorts_asked a on a.set_number = k.set_number"
    return f"select {', '.join(columns)} from {quote(each.name)} t {asked} {joins(carried)}"


def _where(plan: Plan, asked: Mapping[Criterion, int]) -> str:
    """SQL that is true of the records that are as their criterion says."""
    cases = [
        f"when {number} then {meets(plan, conditions, 'is_')}"
        for criterion, number in asked.items() if (conditions := _conditions(criterion))
    ]  # fmt: skip
    return f"case criterion {' '.join(cases)} else true end" if cases else "true"


def meets(plan: Plan, conditions: Iterable[Condition], prefix: str) -> str:
    """SQL that is true where all conditions hold of fields that are called so with the prefix."""
    told = []
    for each in conditions:
        concepts = ""
        if each.of:
            concepts = f" (select concept_id from cohorts_concept where set_number = {plan.sets[each.of]})"
        told.append(f"{quote(prefix + each.field)} {each.says}{concepts}")
    return f"({' and '.join(told)})" if told else "true"
