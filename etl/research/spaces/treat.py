"""What becomes of a column of the CDM in a space, by what it holds."""

from __future__ import annotations

from enum import Enum

from etl.cdm.spec import Field, tables
from etl.research.spaces.policy import Policy
from etl.sql import literal, quote

_STAFF = ("provider", "care_site")
_VISITS = ("visit_occurrence", "visit_detail")


class Kind(Enum):
    """What a column holds."""

    PERSON = "person"
    KEY = "key"
    VISIT = "visit"
    STAFF = "staff"
    PLACE = "place"
    OUT = "out"
    DATE = "date"
    MOMENT = "moment"
    BIRTH = "birth"
    CODE = "code"
    LABEL = "label"
    TEXT = "text"
    VALUE = "value"


def kind_of(table: str, column: str) -> Kind:  # noqa: PLR0911 - one line a kind
    """What a column holds; what is known to be nothing else is a value."""
    field = next(f for f in tables()[table].fields if f.name == column)
    if column == "person_id":
        return Kind.PERSON
    if field.primary_key:
        return Kind.KEY
    if table == "person" and column.endswith(("of_birth", "birth_datetime")):
        return Kind.BIRTH
    if field.fk_table in _VISITS:
        return Kind.VISIT
    if field.fk_table in _STAFF:
        return Kind.STAFF
    if field.fk_table == "location":
        return Kind.PLACE
    if "concept_id" in column:
        return _of_concept(table, column)
    if column.endswith("_id") or field.type.startswith("varchar"):
        return Kind.TEXT if field.type.startswith("varchar") else Kind.OUT
    return {"date": Kind.DATE, "datetime": Kind.MOMENT}.get(field.type, Kind.VALUE)


def _of_concept(table: str, column: str) -> Kind:
    """A source's own concept is as telling as its code; type and sex are labels that everybody has one of."""
    if "source_concept" in column:
        return Kind.OUT
    if column.endswith("type_concept_id") or column == "gender_concept_id" or "event_field" in column:
        return Kind.LABEL
    return Kind.CODE


def told(table: str, field: Field, policy: Policy) -> str:  # noqa: PLR0911 - one line a kind
    """SQL of a column as the space tells it; `t` is the row, `p` its person, `v_<column>` the visits it names."""
    column = f"t.{quote(field.name)}"
    kind = kind_of(table, field.name)
    if kind is Kind.PERSON:
        return "p.number"
    if kind is Kind.VISIT:
        return f"{quote(f'v_{field.name}')}.number"
    if kind is Kind.STAFF and policy.staff.numbers == "renumbered":
        return f"{quote(f's_{field.name}')}.number"
    if kind is Kind.DATE:
        return f"({column} + p.shift)::date"
    if kind is Kind.MOMENT:
        return _moment(column, times=policy.dates.times)
    if kind is Kind.CODE:
        code = quote(f"c_{field.name}")
        return f"case when {code}.concept is null then {column} else {code}.becomes end"
    if kind is Kind.BIRTH and field.name == "year_of_birth":
        return "p.birth"
    if kind is Kind.PLACE:
        return "p.location"
    if kind in (Kind.LABEL, Kind.VALUE) or (kind is Kind.TEXT and f"{table}.{field.name}" in policy.text.keep):
        return column
    return nothing(field)


def _moment(column: str, *, times: bool) -> str:
    moved = f"({column} + to_days(p.shift))::timestamp"
    return moved if times else f"date_trunc('day', {moved})::timestamp"


def nothing(field: Field) -> str:
    """What stands where nothing is told: NULL, or where the CDM requires a value an empty one."""
    if not field.required:
        return "null"
    return "0" if field.type in ("integer", "float") else literal("")
