"""Says what is wrong in a hospital's YAML: pydantic's errors as problems with file, line, key and the nearest name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from etl.cdm.shapes import events, shapes
from etl.errors import Problem, nearest
from etl.mapping.language.codemaps import CodeMap
from etl.mapping.language.contract import Column, Computed, Files, Source
from etl.mapping.language.entries import Entry, Ref, Unpivot, entry_model
from etl.mapping.language.hospital import Name, ObservationPeriods, Visits
from etl.mapping.language.lookups import Lookup, MasterStep, Step
from etl.mapping.language.places import Path_
from etl.mapping.language.reading import Reading
from etl.mapping.read.documents import Document

#: The model that reads what stands at a path; None stands for any key.
_READERS: tuple[tuple[tuple[str | None, ...], type[BaseModel]], ...] = (
    (("name",), Name),
    (("visits",), Visits),
    (("observation_period",), ObservationPeriods),
    (("sources", None), Source),
    (("sources", None, "files"), Files),
    (("sources", None, "reads"), Reading),
    (("sources", None, "columns", None), Column),
    (("sources", None, "columns", None, "reads"), Reading),
    (("sources", None, "computed", None), Computed),
    (("masters", None, None), MasterStep),
    (("maps", None), CodeMap),
    (("entries", None, "unpivot"), Unpivot),
    (("entries", None, None, "fallback", None), Step),
)


def _models(path: Path_, document: Document) -> type[BaseModel] | None:
    """The model that reads the mapping at `path`, to name the keys it may have."""
    for pattern, model in _READERS:
        if len(pattern) == len(path) and all(p in (None, key) for p, key in zip(pattern, path, strict=True)):
            return model
    if path[:1] != ("entries",) or len(path) not in (2, 3):
        return None
    entry = model_of_entry(document.data["entries"][path[1]])
    if len(path) == 2:
        return entry
    field = entry.model_fields.get(path[2]) if entry and isinstance(path[2], str) else None
    return Ref if field is not None and field.description == "ref" else Lookup


def model_of_entry(raw: Any) -> type[Entry] | None:
    """The model that reads a raw entry, or None when its `event` or `table` is not known."""
    kind: Literal["event", "table"] = "event" if isinstance(raw, dict) and "event" in raw else "table"
    words = events() if kind == "event" else shapes()
    if not isinstance(raw, dict) or not isinstance(raw.get(kind), str) or raw[kind] not in words:
        return None
    return entry_model(kind, raw[kind])


def keys_of(model: type[BaseModel]) -> list[str]:
    """Keys of a model as they are written in YAML."""
    return [f.alias or n for n, f in model.model_fields.items()]


# What was expected, by pydantic's type of error; it speaks of Python's types, which a writer of YAML need not know.
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2026-07-01",
    "date_from_datetime_parsing": "a date such as 2026-07-01",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "dataclass_type": "keys with values",
}


def problems_of(
    error: ValidationError, prefix: Path_, document: Document, model: type[BaseModel] | None = None
) -> list[Problem]:
    """The problems that pydantic found in what stands at `prefix`; `model` reads it, unless the path tells which."""
    found = []
    for item in error.errors():
        path: Path_ = prefix
        rest: list[Any] = []
        for part in item["loc"]:
            # union tags stand in `loc` but not in the YAML; what is missing stands in the message
            if (*path, part) in document.places:
                path = (*path, part)
            else:
                rest.append(part)
        expected = _EXPECTED.get(item["type"])
        message = f"expected {expected}" if expected else item["msg"]
        if item["type"] == "string_type" and (text := document.place(path).text):
            message += f'; write it in quotes: "{text}"'
        if item["type"] == "extra_forbidden":
            reader = model if path[:-1] == prefix and model else _models(path[:-1], document)
            message = f"unknown key{nearest(str(path[-1]), keys_of(reader) if reader else [])}"
        elif item["type"] == "missing":
            message = f"'{rest[-1]}' is missing"
        found.append(document.problem(path, message))
    return found
