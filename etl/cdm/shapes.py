"""How entries of the mapping language fill CDM tables: `shapes.yaml` and `domains.yaml`, typed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import yaml

from etl.cdm import spec
from etl.files import packaged

Kind = Literal[
    "person", "visit", "visit_detail", "ref", "parent", "provider", "care_site", "location", "timestamp", "partial",
    "number", "bound", "integer", "text", "concept", "result", "key",
]  # fmt: skip
ENTITIES = ("provider", "care_site", "location")
FALLBACK_TABLE = "observation"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an entry may say about a table and how that becomes columns."""

    table: str
    event: str | None
    id: str | None
    unique: str | None
    merge: bool
    kinds: dict[str, Kind]
    required: frozenset[str]
    order: tuple[str, ...]
    setting: str | None
    lasting: bool
    mirror: dict[str, str]
    columns: dict[str, str]
    changes: dict[str, str]


def _shape(table: str, raw: dict[str, Any]) -> Shape:
    # rows that have an id can be referred to, so every such entry may say what names them in their source
    written: dict[str, str] = raw["fields"] | ({"key": "key"} if "id" in raw and "key" not in raw["fields"] else {})
    kinds = {name: kind.rstrip("!") for name, kind in written.items()}
    unknown = set(kinds.values()) - set(get_args(Kind)) or set(raw["columns"]) - set(spec.tables()[table].columns)
    if unknown:
        raise ValueError(f"shapes.yaml, {table}: unknown {sorted(unknown)}")
    return Shape(
        table=table,
        event=raw.get("event"),
        id=raw.get("id"),
        unique=raw.get("unique"),
        merge=raw.get("merge", False),
        kinds=kinds,  # type: ignore[arg-type]
        required=frozenset(n for n, k in written.items() if k.endswith("!")),
        order=tuple(raw.get("order", ())),
        setting=raw.get("setting"),
        lasting=raw.get("lasting", False),
        mirror=raw.get("mirror", {}),
        columns=raw["columns"],
        changes=raw.get("changes", {}),
    )


def _yaml(name: str) -> dict[str, Any]:
    text = packaged(__name__, name)
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return loaded


@cache
def shapes() -> dict[str, Shape]:
    """Shapes by table name."""
    return {table: _shape(table, raw) for table, raw in _yaml("shapes.yaml").items()}


@cache
def events() -> dict[str, Shape]:
    """Shapes of the event tables by the word an entry uses: condition, drug, …"""
    return {s.event: s for s in shapes().values() if s.event}


@cache
def waves() -> tuple[tuple[str, ...], ...]:
    """Tables in the order in which they are filled: those of a wave together, after all that their rows refer to.

    That is the order of `shapes.yaml`. Events are one wave, as the domain of a concept sends rows from one to another.
    """
    found: list[tuple[str, ...]] = []
    together = tuple(shape.table for shape in events().values())
    for table in shapes():
        if table not in together:
            found.append((table,))
        elif together not in found:
            found.append(together)
    return tuple(found)


@cache
def domains() -> dict[str, str]:
    """CDM table by domain of the standard concept; a domain that is missing goes to `FALLBACK_TABLE`."""
    return {str(domain): str(table) for domain, table in _yaml("domains.yaml").items()}
