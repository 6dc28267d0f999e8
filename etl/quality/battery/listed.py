"""The query of a check that lists the rows which violate it, by their ids, for who follows a finding to its rows."""

from __future__ import annotations

from collections.abc import Callable

from etl.cdm.spec import tables
from etl.quality.battery.beside import BIRTH, BIRTH_OR_JUNE, DAYS_AFTER_DEATH, DAYS_AROUND_VISIT
from etl.quality.battery.checks import Check
from etl.quality.battery.concepts import GENDERS
from etl.quality.battery.definition import Own, as_on
from etl.quality.battery.own.conditions import ALIASES, KEYS_BESIDE
from etl.quality.battery.rows import beyond
from etl.quality.battery.statement import column
from etl.sql import literal, quote
from etl.store.warehouse.protocol import in_range

#: Kinds of which something else than rows is counted; of the second a listed row is a record of a value.
OF_PERSONS = ("measurePersonCompleteness", "measureConditionEraCompleteness", "measureObservationPeriodOverlap")
OF_VALUES = ("sourceValueCompleteness",)


def rows_sql(check: Check, hospital: int, night: str) -> str | None:
    """DuckDB SQL of the ids of a hospital's rows that violate a check, as on a night (ISO).

    One line a violated row; where a check counts persons, their ids, where it counts different values, the rows that
    have one. None where there is no row to name: a missing table or field, or a table without ids.
    """
    if check.own:
        return _of_ours(check, check.own, hospital, night)
    if check.type.name in OF_PERSONS:
        return _persons(check, hospital)
    keys = _keys(check.table)
    if check.type.name not in _VIOLATES or not keys:
        return None
    ids = ", ".join(f"t.{quote(key)}" for key in keys)
    return f"select {ids} from {_mine(check.table, hospital)} t {_VIOLATES[check.type.name](check, night)} order by all"


def _of_ours(check: Check, own: Own, hospital: int, night: str) -> str | None:
    """Of a check over a query's rows the persons; None where these are not rows of persons."""
    violated = as_on(own.counted(), night)
    if own.query:
        if own.query.owner != "person_id":
            return None
        mine = f"select * from ({as_on(own.query.rows, night)}) where person_id >> 24 = {hospital}"
        return f"select t.person_id from ({mine}) t where {violated} order by all"
    joins = "".join(_beside(table) for table in own.beside)
    ids = ", ".join(f"t.{quote(key)}" for key in _keys(check.table))
    return f"select {ids} from {_mine(check.table, hospital)} t{joins} where {violated} order by all" if ids else None


def _beside(table: str) -> str:
    alias, key = ALIASES[table], KEYS_BESIDE[table]
    once = f"(select * from {table} qualify row_number() over (partition by {key}) = 1)"
    return f" left join {once} {alias} on {alias}.{key} = t.{key}"


def _keys(table: str) -> list[str]:
    """The columns that name a row of a table."""
    said = tables()[table]
    if said.id_column:
        return [said.id_column]
    return [f.name for f in said.fields if f.is_id and "concept_id" not in f.name]


def _mine(table: str, hospital: int) -> str:
    """SQL of a hospital's rows; of a table whose rows are nobody's all."""
    said = tables()[table]
    return f"(select * from {table} where {in_range(said, hospital)})" if said.owner else table


def _persons(check: Check, hospital: int) -> str:
    if check.type.name == "measurePersonCompleteness":
        without = f"not exists (from {check.table} o where o.person_id = t.person_id)"
        return f"select t.person_id from {_mine('person', hospital)} t where {without} order by all"
    if check.type.name == "measureConditionEraCompleteness":
        rows = _mine("condition_occurrence", hospital)
        without = (
            "t.condition_concept_id <> 0 and not exists (from condition_era e where e.person_id = t.person_id) "
            "and t.person_id is not null"
        )
    else:
        rows = _mine(check.table, hospital)
        without = (
            f"exists (from {check.table} o where o.person_id = t.person_id "
            "and o.observation_period_id <> t.observation_period_id "
            "and o.observation_period_start_date <= t.observation_period_end_date + 1 "
            "and t.observation_period_start_date <= o.observation_period_end_date + 1)"
        )
    return f"select distinct t.person_id from {rows} t where {without} order by all"


def _empty(check: Check, _night: str) -> str:
    return f"where {column(check)} is null"


def _no_integer(check: Check, _night: str) -> str:
    text = f"{column(check)}::varchar"
    return f"where {text} is not null and not regexp_full_match({text}, '[-+]?[0-9]+')"


def _twice(check: Check, _night: str) -> str:
    return f"where {column(check)} in (select {quote(check.field)} from {check.table} group by 1 having count(*) > 1)"


def _lost(check: Check, _night: str) -> str:
    table, key = check.argument.split(".")
    led = f"exists (from {table} o where o.{quote(key)} = {column(check)})"
    return f"where {column(check)} is not null and not {led}"


def _concept(check: Check, _night: str) -> str:
    wrong = {
        "fkDomain": f"c.domain_id <> {literal(check.argument)}",
        "fkClass": f"c.concept_class_id <> {literal(check.argument)}",
        "isStandardValidConcept": "c.standard_concept is distinct from 'S' or c.invalid_reason is not null",
    }[check.type.name]
    return f"join concept c on c.concept_id = {column(check)} where {column(check)} <> 0 and ({wrong})"


def _unknown(check: Check, _night: str) -> str:
    said = f" or ({column(check)} is null and t.{quote(check.argument)} is not null)" if check.argument else ""
    return f"where {column(check)} = 0{said}"


def _unmapped(check: Check, _night: str) -> str:
    return f"where t.{quote(check.argument)} = 0"


def _too_far(check: Check, night: str) -> str:
    return f"where {beyond(check, night)}"


def _turned(check: Check, _night: str) -> str:
    return f"where {column(check)}::date > t.{quote(check.argument)}::date"


def _early(check: Check, _night: str) -> str:
    table, first = check.argument.split(".")
    if table != "person":
        return f"where t.{quote(first)}::date > {column(check)}::date"
    return f"{_births(BIRTH_OR_JUNE)} where {column(check)}::date < p.born"


def _before_birth(check: Check, _night: str) -> str:
    return f"{_births(BIRTH)} where {column(check)}::date < p.born"


def _births(born: str) -> str:
    return f"join (select person_id as who, {born} as born from person) p on p.who = t.person_id"


def _after_death(check: Check, _night: str) -> str:
    died = "join (select person_id as who, death_date::date as died from death) d on d.who = t.person_id"
    return f"{died} where {column(check)}::date > d.died + {DAYS_AFTER_DEATH}"


def _outside_visit(check: Check, _night: str) -> str:
    day = f"{column(check)}::date"
    visits = (
        "join (select visit_occurrence_id as visit, visit_start_date::date as starts, visit_end_date::date as ends "
        "from visit_occurrence) v on v.visit = t.visit_occurrence_id"
    )
    return f"{visits} where {day} < v.starts - {DAYS_AROUND_VISIT} or {day} > v.ends + {DAYS_AROUND_VISIT}"


def _other_gender(check: Check, _night: str) -> str:
    concepts = ", ".join(map(str, check.concepts))
    among = f"({concepts})"
    if check.type.name == "plausibleGenderUseDescendants":
        among = f"(select descendant_concept_id from concept_ancestor where ancestor_concept_id in ({concepts}))"
    return (
        f"join person p on p.person_id = t.person_id where {column(check)} in {among} "
        f"and p.gender_concept_id <> {GENDERS[check.argument]}"
    )


def _other_unit(check: Check, _night: str) -> str:
    concepts, units = ", ".join(map(str, check.concepts)), ", ".join(check.argument.split())
    unit = "t.unit_concept_id"  # a row without one is not counted as of another
    return f"where {column(check)} in ({concepts}) and {unit} <> 0 and {unit} not in ({units})"


_VIOLATES: dict[str, Callable[[Check, str], str]] = {
    "isRequired": _empty, "measureValueCompleteness": _empty, "cdmDatatype": _no_integer, "isPrimaryKey": _twice,
    "isForeignKey": _lost, "fkDomain": _concept, "fkClass": _concept, "isStandardValidConcept": _concept,
    "standardConceptRecordCompleteness": _unknown, "sourceConceptRecordCompleteness": _unknown,
    "sourceValueCompleteness": _unmapped, "plausibleValueLow": _too_far, "plausibleValueHigh": _too_far,
    "plausibleStartBeforeEnd": _turned, "plausibleTemporalAfter": _early, "plausibleAfterBirth": _before_birth,
    "plausibleBeforeDeath": _after_death, "plausibleDuringLife": _after_death, "withinVisitDates": _outside_visit,
    "plausibleGender": _other_gender, "plausibleGenderUseDescendants": _other_gender,
    "plausibleUnitConceptIds": _other_unit,
}  # fmt: skip
