"""Which few statements answer all checks: of each table one pass over its rows, and joins with whom they are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.quality.battery.beside import beside_death, beside_person, beside_visit
from etl.quality.battery.checks import Check
from etl.quality.battery.concepts import concepts_of, genders_of, units_of, values_of
from etl.quality.battery.persons import eras_of, periods_of, persons_of
from etl.quality.battery.rows import rows_of
from etl.quality.battery.schema import Schema
from etl.quality.battery.statement import Builder, Statement

_BUILDERS: tuple[Builder, ...] = (
    rows_of, beside_person, beside_death, beside_visit, concepts_of, values_of, genders_of, units_of, eras_of,
    periods_of,
)  # fmt: skip


def statements(checks: Sequence[Check], schema: Schema, night: str) -> Iterator[Statement]:
    """The statements that answer the checks which the schema allows to ask; `night` is the day of reference, ISO."""
    by_table: dict[str, list[Check]] = {}
    for check in checks:
        if schema.has(check.table, *([check.field] if check.field else [])):
            by_table.setdefault(check.table, []).append(check)
    for table, asked in by_table.items():
        for build in _BUILDERS:
            if statement := build(table, asked, schema, night):
                yield statement
    if statement := persons_of("person", checks, schema, night):
        yield statement
