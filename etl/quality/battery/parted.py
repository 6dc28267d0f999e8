"""Which checks are told by persons one by one, so that after a night of changes only who changed is asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import etl
from etl.cdm.spec import tables
from etl.night.lake.mapped import PERIOD
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import NIGHT

#: Kinds of which the rows of a person, with what stands beside them, tell all: the number of a row begins with its
#: person's. Different values are of a whole table; who has no row in a table is asked only where the table has one.
_BY_PERSON = frozenset((
    "cdmTable", "cdmField", "isRequired", "isPrimaryKey", "cdmDatatype", "isForeignKey", "fkDomain", "fkClass",
    "isStandardValidConcept", "measureValueCompleteness", "standardConceptRecordCompleteness",
    "sourceConceptRecordCompleteness", "plausibleValueLow", "plausibleValueHigh", "plausibleTemporalAfter",
    "plausibleDuringLife", "plausibleAfterBirth", "plausibleBeforeDeath", "plausibleStartBeforeEnd",
    "withinVisitDates", "plausibleGender", "plausibleGenderUseDescendants", "plausibleUnitConceptIds",
))  # fmt: skip
_OF_THE_DAY = ("tomorrow", "next year")


def is_of_persons(table: str) -> bool:
    """Whether a table's rows are other ones only where a person was touched; periods grow with every night."""
    return tables()[table].personal and tables()[table].schema == "cdm" and table != PERIOD


def is_by_person(check: Check) -> bool:
    """Whether the figures of a check are the sum of those of persons, and stay as they are while the persons do."""
    if not is_of_persons(check.table):
        return False
    own = check.own
    if own is None:
        return check.type.name in _BY_PERSON and check.argument not in _OF_THE_DAY
    if own.query:
        told = own.query.by_person and not any(table == PERIOD for table, _ in own.needs)
        return told and not any(NIGHT in sql for sql in (own.query.rows, own.query.of, own.violated, own.of))
    return not any(NIGHT in sql for sql in (own.violated, own.of))


def basis(checks: Iterable[Check], release: str | None) -> str:
    """A digest of all that figures depend on besides the rows: what is asked, by which program, which vocabulary."""
    text = hashlib.sha256(f"{etl.__version__}\0{release}".encode())
    for check in checks:
        text.update(repr((check.id, check.concepts, check.argument, _asks(check))).encode())
    return text.hexdigest()


def _asks(check: Check) -> tuple[str, ...]:
    own = check.own
    query = (own.query.rows, own.query.of) if own and own.query else ()
    return (own.violated, own.of, repr(sorted(own.beside.items())), *query) if own else ()
