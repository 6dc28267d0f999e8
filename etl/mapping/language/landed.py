"""Which columns of a source land, under which names and types, and whose ids they hold."""

from __future__ import annotations

from etl.cdm.namespaces import Namespace
from etl.mapping.language.contract import Column, Source


def landed_columns(source: Source) -> dict[str, Column]:
    """Columns an entry may use: those that land, computed ones included (identifiers other than `person` do not)."""
    return {n: c for n, c in source.declared.items() if c.identifier in (None, "person")}


def person_columns(source: Source) -> list[str]:
    """Columns of a source that hold ids of persons."""
    return [n for n, c in source.declared.items() if c.identifier == "person"]


def entity_columns(source: Source, entity: str) -> list[str]:
    """Columns of a source that name providers, care sites or locations."""
    return [n for n, c in source.declared.items() if c.entity == entity]


def namespace_of(column: Column) -> Namespace | None:
    """Which ids a column's values get."""
    return "person" if column.identifier == "person" else column.entity


def landed_columns_sql(source: Source) -> dict[str, str]:
    """Columns of a landed source with their SQL types."""
    types: dict[str, str] = {}
    for name, column in source.declared.items():
        namespace = namespace_of(column)
        if namespace:
            types[name if namespace == "person" else f"{name}__id"] = "bigint"
        if column.identifier is None:
            types[name] = "varchar"
    return types


def numbers_its_rows(source: Source) -> bool:
    """Whether rows land with their own `_row`: blanking out free text needs a join, which does not keep their order."""
    return any(c.scrub for c in source.declared.values()) and bool(person_columns(source))
