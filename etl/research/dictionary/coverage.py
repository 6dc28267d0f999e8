"""The page that tells what fills every field of the CDM v5.4: which hospital's column, which rule, or why nothing does.

It is written from the mappings, the CDM shapes and the derivations; `etl/cdm/unfilled.yaml` says why fields stay empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from etl.cdm import spec
from etl.cdm.shapes import shapes
from etl.files import packaged
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.reference.schema import columns_of_field
from etl.night.derive.derive import derivations

COVERAGE = "coverage.md"
UNEXPLAINED = "no reason is given"
SOURCE_TABLE = "cdm_source"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `rule` is what makes it, `cells` from which columns of each group, `why` the reason of none."""

    name: str
    required: bool
    rule: str
    cells: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its fields; `groups` names the columns of their cells, `hospitals` says whose entries fill it."""

    name: str
    made_by: str
    groups: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def filled(self) -> int:
        """How many of its fields something fills."""
        return sum(not field.why for field in self.fields)


@cache
def reasons() -> dict[str, dict[str, str]]:
    """Why fields stay empty, by table (or `*`) and field."""
    text = packaged("etl.cdm.spec", "unfilled.yaml")
    loaded: dict[str, dict[str, str]] = yaml.safe_load(text)
    return loaded


def _written(value: Any) -> str:
    """What an entry says of a field, in one line."""
    if isinstance(value, Lookup):
        steps = [step.vocabulary or step.map or "" for step in (value, *value.fallback)]
        return f"{_line(value.code)} → {', '.join(dict.fromkeys(steps))}"
    if isinstance(value, Ref):
        return " or ".join(f"{ref.table or ref.entry}: {_line(ref.key)}" for ref in (value, *value.fallback))
    return _line(str(value))


def _line(text: str) -> str:
    return " ".join(text.split())


def _entries(mapping: HospitalMapping, table: str) -> list[Entry]:
    """Entries that fill a table; none where the hospital's settings keep its rows out."""
    shape = shapes().get(table)
    if shape is None or (shape.setting and not getattr(mapping.hospital, shape.setting)):
        return []
    return [entry for entry in mapping.entries if entry.target == table]


def _sayings(entry: Entry, column: str) -> list[str]:
    """What an entry says of the fields that a column is made of."""
    said = entry.said()
    return [
        f"{entry.from_}: {_written(value)}"
        for name, value in said.items()
        if column in columns_of_field(entry.shape, name)
    ]


def groups_of(mappings: Mapping[str, HospitalMapping]) -> dict[str, list[HospitalMapping]]:
    """Hospitals by what they share: the layout, or their own name."""
    found: dict[str, list[HospitalMapping]] = {}
    for mapping in mappings.values():
        found.setdefault(mapping.hospital.layout or mapping.hospital.hospital, []).append(mapping)
    return dict(sorted(found.items()))


def _cell(members: list[HospitalMapping], table: str, column: str) -> str:
    """What fills a column in a group of hospitals; what not all of them say carries their names."""
    who: dict[str, list[str]] = {}
    for mapping in members:
        for text in dict.fromkeys(text for entry in _entries(mapping, table) for text in _sayings(entry, column)):
            who.setdefault(text, []).append(mapping.hospital.hospital)
    return "\n".join(text if len(by) == len(members) else f"{text} ({', '.join(by)})" for text, by in who.items())


def _rule(table: str, field: spec.Field) -> str:
    """What makes a field besides columns of sources: SQL of the shape, a derivation, or a constant."""
    shape = shapes().get(table)
    if table in derivations():
        return f"etl/night/derive/{table}.sql"
    if table == SOURCE_TABLE:
        return "mappings/consortium.yaml, the vocabulary release and the night"
    if shape is None:
        return ""
    if field.name == shape.id:
        return "the person's id and the place of the row among the person's rows"
    sql = shape.columns.get(field.name)
    if sql is None:
        return "0" if field.required and field.fk_table == "concept" else ""
    return "" if re.fullmatch(r'"?\w+"?', sql) else " ".join(sql.split())


def _constant(rule: str) -> bool:
    """Whether a rule gives a value when no source says anything."""
    made = rule.startswith(("etl/night/derive", "mappings/", "the person"))
    return made or rule == "0" or "omop_night()" in rule or rule.endswith(", 0)")


def _field(table: str, field: spec.Field, groups: Mapping[str, list[HospitalMapping]]) -> Field:
    rule = _rule(table, field)
    cells = tuple(_cell(members, table, field.name) for members in groups.values())
    why = reasons().get(table, {}).get(field.name, "")
    if table not in derivations():  # of those only their SQL knows which fields it leaves empty
        everywhere = reasons()["*"]
        filled = any(cells) or _constant(rule)
        why = "" if filled else why or everywhere.get(field.name) or everywhere.get(table, UNEXPLAINED)
    return Field(field.name, field.required, rule, cells, why)


def _made_by(table: str, groups: Mapping[str, list[HospitalMapping]]) -> str:
    if table in derivations():
        return f"derived: `etl/night/derive/{table}.sql`"
    if table == SOURCE_TABLE:
        return "one row for the warehouse, written when a night is published"
    by = [mapping.hospital.hospital for members in groups.values() for mapping in members if _entries(mapping, table)]
    return f"filled by {', '.join(by)}" if by else reasons()["*"].get(table, UNEXPLAINED)


def coverage(mappings: Mapping[str, HospitalMapping]) -> list[Table]:
    """Every table of the CDM besides the vocabularies, with what fills its fields in the hospitals given."""
    groups = groups_of(mappings)
    found = []
    for name, table in spec.tables().items():
        if table.schema == "vocab":
            continue
        mine = {
            group: members for group, members in groups.items() if any(_entries(mapping, name) for mapping in members)
        }
        fields = tuple(_field(name, field, mine) for field in table.fields)
        found.append(Table(name, _made_by(name, groups), tuple(mine), fields))
    return found


def coverage_page(mappings: Mapping[str, HospitalMapping]) -> str:
    """The Markdown page."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["cell"] = _markdown
    template = environment.from_string(packaged(__name__, "coverage.md.j2"))
    groups = {name: [m.hospital.hospital for m in members] for name, members in groups_of(mappings).items()}
    return template.render(tables=coverage(mappings), groups=groups)


def write_coverage(folder: Path, mappings: Mapping[str, HospitalMapping]) -> Path:
    """Write the page into a folder; returns its file."""
    file = folder / COVERAGE
    file.write_text(coverage_page(mappings), encoding="utf-8")
    return file


def _markdown(text: str) -> str:
    """A text of one or more lines in a cell of a table, each line as code."""
    lines = (f"`{line.replace('|', chr(92) + '|')}`" for line in text.splitlines())
    return "<br>".join(lines)
