"""The reference of the mapping language, written from the code: models, CDM shapes, engine functions, reason codes.

What cannot be read from the code stands in `reference.md.j2` (the page) and `reference.yaml` (kinds, paths).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from etl.cdm import spec
from etl.cdm.shapes import FALLBACK_TABLE, Shape, domains, events, shapes
from etl.files import packaged
from etl.mapping import reasons
from etl.mapping.compile.entry import EntryCompiler
from etl.mapping.compile.lookup import LookupTable
from etl.mapping.functions import families
from etl.mapping.language.codemaps import CodeMap
from etl.mapping.language.contract import Column, Computed, Files, Merges, Source
from etl.mapping.language.entries import Beside, Entry, Ref, Unpivot, entry_model
from etl.mapping.language.hospital import Hospital, Name, ObservationPeriods, Units, Visits
from etl.mapping.language.lookups import Lookup, MasterStep, Step
from etl.mapping.language.mapping import Declarations, HospitalMapping
from etl.mapping.language.reading import Reading
from etl.mapping.language.references import Target
from etl.mapping.language.units import Affine, Conversion
from etl.mapping.reference.schema import Json, columns_of_field, model_schema, schema, texts

PAGE = "mapping-language.md"
SCHEMA = "mapping.schema.json"
_MODELS = {
    model.__name__: model
    for model in (
        Hospital, Name, Visits, ObservationPeriods, Units, Declarations, Source, Files, Column, Reading, Computed,
        Merges, MasterStep, CodeMap, Conversion, Affine, Entry, Beside, Unpivot, Lookup, Ref, Step,
    )
}  # fmt: skip
_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "nothing"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a model, as the page shows it."""

    name: str
    type: str
    required: bool
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Section:
    """A model with its keys; `path` is where a file holds it."""

    name: str
    path: str
    text: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of `engine.sql`."""

    call: str
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is quarantined, in the order in which it is asked, and by the entries of which tables."""

    code: str
    text: str
    tables: str


def type_text(node: Json) -> str:
    """A JSON Schema type in words; models by their name."""
    text = ""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        text = f"[{name}](#{name.lower()})"
    elif "anyOf" in node or "oneOf" in node:
        parts = [type_text(part) for part in node.get("anyOf") or node["oneOf"] if part.get("type") != "null"]
        text = " or ".join(dict.fromkeys(parts))
    elif "enum" in node or "const" in node:
        text = ", ".join(f"`{word}`" for word in node.get("enum", [node.get("const")]))
    elif node.get("type") == "array":
        text = f"list of {type_text(node['items'])}"
    elif node.get("type") == "object":
        text = f"{type_text(node['additionalProperties'])}, by name"
    elif node.get("format") in ("sql", "date"):
        text = {"sql": "SQL", "date": "day"}[node["format"]]
    else:
        text = _TYPES[node["type"]]
    return text


def _default(node: Json) -> str:
    value = node.get("default")
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def sections() -> list[Section]:
    """The models of the language in the order of `reference.yaml`."""
    found = []
    for name, path in texts()["models"].items():
        written, _ = model_schema(_MODELS[name])
        required = written.get("required", ())
        keys = tuple(
            Key(key, type_text(node), key in required, _default(node), node.get("description", ""))
            for key, node in written["properties"].items()
        )
        found.append(Section(name, path, written["description"], keys))
    return found


def functions() -> list[Function]:
    """Functions of `engine.sql` with the comment above each."""
    text = packaged("etl.engine", "engine.sql")
    found = re.findall(r"((?:^--.*\n)+)create or replace macro (\w+\([^)]*\))", text, flags=re.MULTILINE)
    return [Function(call, " ".join(line.lstrip("- ") for line in said.splitlines())) for said, call in found]


def _complete(shape: Shape) -> tuple[HospitalMapping, Entry]:
    """A mapping whose one entry says everything that the shape knows."""
    columns = {"person": Column(identifier="person"), "code": Column()}
    entities = {name: kind for name, kind in shape.kinds.items() if kind in ("provider", "care_site", "location")}
    columns |= {name: Column.model_validate({"entity": kind}) for name, kind in entities.items()}
    said: dict[str, Any] = {}
    for name, kind in shape.kinds.items():
        plain = "person" if kind == "person" else name if name in entities else "code"
        if kind == "concept":
            said[name] = Lookup(code="code", vocabulary="any")
        elif kind == "ref":
            said[name] = Ref(table="person", key="code")
        else:
            said[name] = plain
    source = Source(file="any", columns=dict(columns), key=("code",))
    entry = entry_model("table", shape.table).model_validate({"from": "any", "table": shape.table, **said})
    hospital = Hospital(hospital="any", number=1, name=Name(ko="any", en="any"))
    return HospitalMapping(hospital, {"any": source}, {}, {}, {}, (entry,), ""), entry


def quarantines(shape: Shape) -> list[str]:
    """Reason codes that the compiled entries of a shape give, in the order in which they are asked."""
    mapping, entry = _complete(shape)
    lookups = {name: LookupTable("any", ("code",), False) for name, kind in shape.kinds.items() if kind == "concept"}
    references = {
        n: [(Target("any", None), "code")]
        for n, kind in shape.kinds.items()
        if kind in ("visit", "visit_detail", "ref")
    }
    sql = EntryCompiler(mapping, entry, lookups, references).query()
    return list(dict.fromkeys(re.findall(r"'q:(\w+)'", sql)))


def reason_rows() -> list[Reason]:
    """All reason codes of quarantined rows."""
    by_code: dict[str, list[str]] = {}
    order: list[str] = []
    for table, shape in shapes().items():
        codes = quarantines(shape)
        for i, code in enumerate(codes):
            if code not in by_code:
                # after the code that is asked before it, so that the list keeps every table's order
                order.insert(order.index(codes[i - 1]) + 1 if i else 0, code)
            by_code.setdefault(code, []).append(table)
    known = reasons.texts()["quarantined"]
    return [Reason(code, known[code]["text"], _tables(by_code[code])) for code in order]


def _tables(names: list[str]) -> str:
    every = list(shapes())
    left = [name for name in every if name not in names]
    if not left:
        return "all"
    return f"all but {', '.join(left)}" if len(left) < len(names) else ", ".join(names)


def _ruled(shape: Shape) -> dict[str, str]:
    """Columns that are more than a field of the entry."""
    return {c: " ".join(sql.split()) for c, sql in shape.columns.items() if not re.fullmatch(r"\w+", sql)}


def _empty(shape: Shape) -> list[str]:
    return [c for c in spec.tables()[shape.table].columns if c not in shape.columns and c != shape.id]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def page() -> str:
    """The Markdown page."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    environment.filters |= {"cell": _cell, "ruled": _ruled, "empty": _empty}
    template = environment.from_string(packaged(__name__, "reference.md.j2"))
    return template.render(
        sections=sections(), functions=functions(), engine_functions=families(), reasons=reason_rows(),
        rejected=reasons.texts()["rejected"],
        filtered=reasons.texts()["filtered"],
        events=list(events().values()), tables=[s for s in shapes().values() if not s.event], kinds=texts()["kinds"],
        domains=domains(), otherwise=FALLBACK_TABLE, columns_of_field=columns_of_field, schema=SCHEMA,
    )  # fmt: skip


def documents() -> dict[str, str]:
    """Both documents by file name."""
    return {PAGE: page(), SCHEMA: json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"}


def write_documents(folder: Path) -> list[Path]:
    """Write both documents into a folder; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written
