"""Checks that need whose or of which visit a row is: days of birth and death, the visit's own days."""

from __future__ import annotations

from collections.abc import Sequence

from etl.quality.battery.checks import Check
from etl.quality.battery.schema import Schema
from etl.quality.battery.statement import Statement, Wide, column, named

_DAYS_AFTER_DEATH, _DAYS_AROUND_VISIT = 60, 7
# the first day of the month and the days that follow it are a day of the calendar whatever the numbers are
_BIRTH = (
    "coalesce(birth_datetime::date, case when coalesce(month_of_birth::int, 1) between 1 and 12 then "
    "make_date(year_of_birth::int, coalesce(month_of_birth::int, 1), 1) + (coalesce(day_of_birth::int, 1) - 1) end)"
)
_BIRTH_OR_JUNE = "coalesce(birth_datetime::date, make_date(year_of_birth::int, 6, 1))"


def beside_person(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """What the day of birth tells."""
    mine = named(asked, "plausibleAfterBirth", "plausibleTemporalAfter")
    mine = [c for c in mine if c.type.name == "plausibleAfterBirth" or c.argument.startswith("person.")]
    if not mine or not schema.has(table, "person_id") or not schema.has("person", "person_id"):
        return None
    wide = Wide(table, schema.hospital(table))
    births = {}
    for check in mine:
        birth = "_birth" if check.type.name == "plausibleAfterBirth" else "_june"
        births[birth] = f"{_BIRTH if birth == '_birth' else _BIRTH_OR_JUNE} as {birth}"
        wide.add(check, wide.counted(f"{column(check)}::date < p.{birth}"), None)
    person = f"(select person_id as _person, {', '.join(births.values())} from person)"
    return wide.statement(beside_person, f"{table} t join {person} p on p._person = t.person_id")


def beside_death(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """What the day of death tells."""
    mine = named(asked, "plausibleBeforeDeath", "plausibleDuringLife")
    if not mine or not schema.has(table, "person_id") or not schema.has("death", "person_id"):
        return None
    wide = Wide(table, schema.hospital(table))
    for check in mine:
        late = wide.counted(f"{column(check)}::date > d._died + {_DAYS_AFTER_DEATH}")
        of = wide.column(f"count({column(check)})") if check.type.name == "plausibleBeforeDeath" else None
        wide.add(check, late, of)
    death = "(select person_id as _person, death_date::date as _died from death)"
    return wide.statement(beside_death, f"{table} t join {death} d on d._person = t.person_id")


def beside_visit(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """What the visit of a row tells."""
    mine = named(asked, "withinVisitDates")
    if not mine or not schema.has(table, "visit_occurrence_id") or not schema.has("visit_occurrence"):
        return None
    wide = Wide(table, schema.hospital(table))
    for check in mine:
        day = f"{column(check)}::date"
        outside = f"{day} < v._from - {_DAYS_AROUND_VISIT} or {day} > v._until + {_DAYS_AROUND_VISIT}"
        wide.add(check, wide.counted(outside), wide.column("count(*)"))
    visit = (
        "(select visit_occurrence_id as _visit, visit_start_date::date as _from, visit_end_date::date as _until "
        "from visit_occurrence)"
    )
    return wide.statement(beside_visit, f"{table} t join {visit} v on v._visit = t.visit_occurrence_id")
