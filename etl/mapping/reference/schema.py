"""The mapping language as JSON Schema, for editors: what one YAML file may say, whether it is a list or a mapping.

A file may hold a part that another completes, and `absent` where another is to be removed. The schema therefore demands
only what merging cannot bring (keys of list items); `etl check` sees the merged whole and demands the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import yaml
from pydantic import BaseModel

from etl.cdm.shapes import Shape, events, shapes
from etl.files import packaged
from etl.mapping.compile.fields import fields_of
from etl.mapping.expression import columns_of
from etl.mapping.language.entries import Entry, entry_model
from etl.mapping.language.hospital import Hospital
from etl.mapping.language.mapping import Declarations
from etl.mapping.read.documents import ABSENT

Json: TypeAlias = dict[str, Any]
DIALECT = "http://json-schema.org/draft-07/schema#"
_REF = "#/$defs/"


@cache
def texts() -> dict[str, dict[str, str]]:
    """What `reference.yaml` says: of `kinds`, and the path of each of `models`."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(packaged(__name__, "reference.yaml"))
    return loaded


def columns_of_field(shape: Shape, name: str) -> list[str]:
    """Columns of the shape's table that its field `name` takes part in."""
    mine = {c for c in fields_of(shape) if c == name or c.startswith(f"{name}_")} - (set(shape.kinds) - {name})
    mine |= {f"{name}_id"} if shape.kinds[name] == "parent" else set()
    found = [column for column, sql in shape.columns.items() if mine & set(columns_of(sql, mine))]
    beside = [field for field, other in shape.mirror.items() if other == name]
    return found or [column for field in beside for column in columns_of_field(shape, field)]


def model_schema(model: type[BaseModel]) -> tuple[Json, dict[str, Json]]:
    """The JSON Schema of a model, without pydantic's titles, and those of the models it refers to."""
    written = _untitled(model.model_json_schema(by_alias=True, ref_template=f"{_REF}{{model}}"))
    refers: dict[str, Json] = written.pop("$defs", {})
    # a model that holds itself is written as a reference to its own definition
    return (dict(refers[written["$ref"].removeprefix(_REF)]) if "$ref" in written else written), refers


def _untitled(node: Json) -> Json:
    kept = {k: v for k, v in node.items() if k != "title" and not (k == "default" and v is None)}
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: _untitled(value) for name, value in kept[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _untitled(kept[key])
    for key in ("anyOf", "oneOf"):
        if key in kept:
            kept[key] = [_untitled(part) for part in kept[key]]
    return kept


def entry_schema(shape: Shape) -> tuple[Json, dict[str, Json]]:
    """The schema of the entries that fill a shape's table, whichever word they use."""
    written, refers = model_schema(entry_model("table", shape.table))
    properties: Json = written["properties"] | {"table": {"const": shape.table}}
    if shape.event:
        properties["event"] = {"const": shape.event}
    for name, kind in shape.kinds.items():
        said = f"{kind}: {texts()['kinds'][kind]}"
        filled = columns_of_field(shape, name)
        properties[name] = properties[name] | {"description": f"{said} → {', '.join(filled)}" if filled else said}
    return written | {"description": f"Rows of {shape.table}.", "properties": properties}, refers


def _nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _nodes(part)


def _takes_any_text(node: Json) -> bool:
    parts = node.get("anyOf", [node])
    return any(p.get("type") == "string" and not {"enum", "pattern", "maxLength"} & set(p) and p.get("format") != "date"
               for p in parts)  # fmt: skip


def _or_absent(node: Json) -> Json:
    if _takes_any_text(node):
        return node
    about = {k: node[k] for k in ("description",) if k in node}
    return about | {"anyOf": [node, {"$ref": f"{_REF}{ABSENT}"}]}


def _part(node: Json) -> Json:
    """A mapping of which a file may write a part only: nothing is demanded, everything may be `absent`."""
    kept = {k: v for k, v in node.items() if k != "required"}
    if "properties" in kept:
        kept["properties"] = {n: _or_absent(_part(p)) for n, p in kept["properties"].items()}
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = _or_absent(_part(kept["additionalProperties"]))
    if "anyOf" in kept:
        kept["anyOf"] = [_part(p) for p in kept["anyOf"]]
    return kept


def _any_entry(entries: dict[str, Json]) -> Json:
    """An entry by its name alone: it changes one of an earlier file, whose table this file does not say."""
    said: dict[str, list[Json]] = {}
    for entry in entries.values():
        for name, node in entry["properties"].items():
            if name not in ("event", "table"):
                plain = {k: v for k, v in node.items() if k != "description"}
                known = said.setdefault(name, [])
                if plain not in known:
                    known.append(plain)
    properties = {name: nodes[0] if len(nodes) == 1 else {"anyOf": nodes} for name, nodes in said.items()}
    return {
        "type": "object",
        "description": "Changes the entry of that name in an earlier file.",
        "additionalProperties": False,
        "properties": properties,
    }


def _choice(key: str, word: str, table: str) -> Json:
    return {
        "if": {"properties": {key: {"const": word}}, "required": [key]},
        "then": {"$ref": f"{_REF}entry.{table}"},
    }


def _entry_choice() -> Json:
    """An entry: by its `event` or `table` word what else it may say."""
    neither = {"not": {"anyOf": [{"required": ["event"]}, {"required": ["table"]}]}}
    return {
        "type": "object",
        "description": (Entry.__doc__ or "").strip(),
        "anyOf": [{"required": ["from", "event"]}, {"required": ["from", "table"]}, {"required": ["name"]}],
        "properties": {"event": {"enum": list(events())}, "table": {"enum": list(shapes())}},
        "allOf": [
            *(_choice("event", word, shape.table) for word, shape in events().items()),
            *(_choice("table", table, table) for table in shapes()),
            {"if": neither, "then": {"$ref": f"{_REF}entry.any"}},
        ],
    }


def schema() -> Json:
    """The JSON Schema of every YAML file below `mappings/<hospital>` and `mappings/shared`."""
    defs: dict[str, Json] = {}
    keys: Json = {}
    for model in (Hospital, Declarations):
        written, refers = model_schema(model)
        keys |= written["properties"]
        defs |= refers
    entries: dict[str, Json] = {}
    for table, shape in shapes().items():
        entries[f"entry.{table}"], refers = entry_schema(shape)
        entries[f"entry.{table}"]["properties"][ABSENT] = {"const": True, "description": "removes the entry"}
        defs |= refers
    items = (n["items"] for n in _nodes([defs, keys]) if isinstance(n.get("items"), dict))
    listed = {item["$ref"].removeprefix(_REF) for item in items if "$ref" in item}
    defs |= entries | {"entry.any": _any_entry(entries)}
    return {
        "$schema": DIALECT,
        "title": "Mapping of a hospital's export to the OMOP CDM v5.4",
        "description": "Keys of a hospital, or a list of entries. What is written with `absent` is removed.",
        "type": ["object", "array", "null"],
        "additionalProperties": False,
        "properties": {
            **_part({"properties": keys})["properties"],
            "entries": {"type": "array", "items": {"$ref": f"{_REF}entry"}},
        },
        "items": {"$ref": f"{_REF}entry"},
        "$defs": {
            ABSENT: {"const": ABSENT, "description": "removes what an earlier file says here"},
            "entry": _entry_choice(),
            **{name: node if name in listed else _part(node) for name, node in sorted(defs.items())},
        },
    }
