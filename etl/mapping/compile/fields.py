"""The staged columns of a shape: what every kind of field becomes, with SQL types."""

from __future__ import annotations

from etl.cdm.shapes import Kind, Shape
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup

SQL_TYPES: dict[Kind, str] = {
    "person": "bigint", "visit": "bigint", "visit_detail": "bigint", "provider": "bigint", "care_site": "bigint",
    "location": "bigint",
    "timestamp": "timestamp", "number": "double", "bound": "double", "integer": "integer", "text": "varchar",
    "key": "varchar", "parent": "varchar",
}  # fmt: skip
VALUED = "value"
UNREAD = "unread"
OPEN, UNKNOWN = "end_open", "end_unknown"  # of a stay without an end: it goes on, or nobody knows (see `stays.sql`)
# of a row that looks into another source: that has no row for it, or several that differ
BESIDE_UNKNOWN, BESIDE_AMBIGUOUS = "beside_unknown", "beside_ambiguous"
#: Kinds of fields whose text may say something that cannot be read. The field is empty then, and that is told apart.
_READ: tuple[Kind, ...] = ("timestamp", "partial", "number", "bound", "integer")


def columns_of_kind(name: str, kind: Kind) -> dict[str, str]:
    """Staged columns of a field with their SQL types."""
    if kind == "concept":
        return {name: "bigint", f"{name}_source": "varchar", f"{name}_source_id": "bigint"}
    if kind == "partial":
        return {name: "timestamp", f"{name}_known": "varchar"}
    if kind == "result":
        return {
            f"{name}_number": "double",
            f"{name}_operator": "bigint",
            f"{name}_concept": "bigint",
            f"{name}_source": "varchar",
        }
    if kind == "ref":
        facts = {"domain": "varchar", "domain_concept": "bigint", "field": "bigint"}
        return {name: "bigint"} | {f"{name}_{fact}": sql_type for fact, sql_type in facts.items()}
    return {name: SQL_TYPES[kind]}


def unread_fields(shape: Shape) -> list[str]:
    """Fields that a row may do without, and whose texts may be unreadable."""
    return [name for name, kind in shape.kinds.items() if kind in _READ and name not in shape.required]


def unread(name: str) -> str:
    """The staged column that tells that a field was given and could not be read."""
    return f"{name}_{UNREAD}"


def fields_of(shape: Shape) -> dict[str, str]:
    """Staged columns of a shape with their SQL types."""
    columns: dict[str, str] = {}
    for name, kind in shape.kinds.items():
        columns |= columns_of_kind(name, kind)
    columns |= {unread(name): "boolean" for name in unread_fields(shape)}
    columns |= {name: "boolean" for name in (OPEN, UNKNOWN) if shape.lasting}
    columns |= dict.fromkeys((BESIDE_UNKNOWN, BESIDE_AMBIGUOUS), "boolean")
    if shape.event:
        columns[f"concept_{VALUED}"] = "bigint"
    return columns


def filled_by(entry: Entry) -> set[str]:
    """Names of the staged columns that an entry fills."""
    said = entry.said()
    filled = {column for name in said for column in columns_of_kind(name, entry.shape.kinds[name])}
    filled |= {unread(name) for name in unread_fields(entry.shape) if name in said}
    filled |= {"end", unread("end"), OPEN, UNKNOWN} if entry.shape.lasting else set()
    filled |= {BESIDE_UNKNOWN, BESIDE_AMBIGUOUS} if entry.with_ else set()
    if entry.shape.event and isinstance(said.get("concept"), Lookup):
        filled.add(f"concept_{VALUED}")
    return filled
