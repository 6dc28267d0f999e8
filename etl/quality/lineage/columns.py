"""From which columns of a source, and by which rules, an entry fills the columns of a CDM table; read off the YAML."""

from __future__ import annotations

from dataclasses import dataclass

from etl.cdm.shapes import Shape, shapes
from etl.mapping.compile.relation import source_relation
from etl.mapping.expression import columns_of
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.lookups import Lookup, Step
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_
from etl.mapping.language.references import VISIT_COLUMNS
from etl.mapping.reference.schema import columns_of_field

_WORDS = {"through": "master", "prefix": "or its longest known prefix, letters at least"}
ID_RULE = "person's id, then the position among the person's rows of the table"


@dataclass(frozen=True, slots=True)
class Search:
    """One step of a look-up, as a look-up of its own without any fallback."""

    lookup: Lookup

    @property
    def text(self) -> str:
        """The step in words, without the code: what is done to it, and where it is looked up."""
        said = {name: getattr(self.lookup, name) for name in Step.model_fields if name != "code"}
        order = {**dict.fromkeys(("clean", "through")), **said}
        parts = [f"{_WORDS.get(name, name)} {said[name]}" for name in order if said[name] is not None]
        return " → ".join(parts)


@dataclass(frozen=True, slots=True)
class Input:
    """A column of a source that a value depends on; `looked_up`: through a code master, not by its own text."""

    source: str
    column: str
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says of one field: an expression or a fixed concept, and how its code is looked up."""

    field: str
    kind: str
    expression: str
    searches: tuple[Search, ...]
    inputs: tuple[Input, ...]
    path: Path_

    @property
    def fixed(self) -> bool:
        """Whether every row gets the same value."""
        return not self.inputs


@dataclass(frozen=True, slots=True)
class Filled:
    """One column of a CDM table with the fields it is made of; `rule` is SQL over them, None for the field alone."""

    column: str
    rule: str | None
    fields: tuple[Said, ...]


def searches(lookup: Lookup) -> tuple[Search, ...]:
    """The steps of a look-up in their order."""
    own = [name for name in Step.model_fields if name != "code"]
    rest = [
        lookup.model_copy(update={n: getattr(step, n) for n in own} | {"code": step.code or lookup.code})
        for step in lookup.fallback
    ]
    return tuple(Search(one.model_copy(update={"fallback": ()})) for one in (lookup, *rest))


def sayings(mapping: HospitalMapping, entry: Entry) -> dict[str, Said]:
    """What the entry says, by field."""
    return {name: _said(mapping, entry, name, value) for name, value in entry.said().items()}


def _said(mapping: HospitalMapping, entry: Entry, name: str, value: object) -> Said:
    found = searches(value) if isinstance(value, Lookup) else ()
    key = value.key if isinstance(value, Ref) else value
    texts = list(dict.fromkeys(s.lookup.code for s in found)) or [str(key)]
    kind = entry.shape.kinds[name]
    fixed = isinstance(value, int | float)
    direct = [] if fixed else [i for text in texts for i in inputs(mapping, entry, text)]
    masters = [i for s in found if s.lookup.through for i in _of_master(mapping, s.lookup.through)]
    return Said(
        name, kind, " or ".join(texts), found, tuple(dict.fromkeys([*direct, *masters])),
        ("entries", entry.label, name),
    )  # fmt: skip


def inputs(mapping: HospitalMapping, entry: Entry, sql: str) -> list[Input]:
    """Columns that an expression of the entry reads; an unpivoted row's stand for all it was made of.

    The columns of another source are those of the rows that it looks into.
    """
    rows = source_relation(mapping, entry)
    named = columns_of(sql, {*rows.known, *rows.source.declared, *VISIT_COLUMNS})
    found = []
    for name in named:
        word, _, column = name.partition(".")
        if column and word in rows.beside:
            found.append(Input(entry.with_[word].source, column, looked_up=True))
        elif name in VISIT_COLUMNS:
            found += inputs(mapping, entry, str(entry.said()["visit"]))
        elif entry.unpivot and name in (entry.unpivot.name, entry.unpivot.value):
            found += [Input(entry.from_, c) for c in entry.unpivot.columns]
        else:
            found.append(Input(entry.from_, name))
    return found


def _of_master(mapping: HospitalMapping, name: str) -> list[Input]:
    found = []
    for step in mapping.masters[name]:
        known = set(mapping.sources[step.source].declared)
        texts = [t for t in (step.code, step.to, step.valid_from, step.valid_to, step.where) if t]
        found += [Input(step.source, c, looked_up=True) for t in texts for c in columns_of(t, known)]
    return found


def filled(mapping: HospitalMapping, entry: Entry, table: str) -> list[Filled]:
    """The columns of `table` that the entry's rows fill, in the order of the table's shape.

    `table` differs from the entry's own when the domain of a standard concept takes an event elsewhere.
    """
    shape = shapes()[table]
    said = {n: s for n, s in sayings(mapping, entry).items() if n in shape.kinds}
    of = _fields_by_column(shape)
    rows = [Filled(shape.id, ID_RULE, (said["person"],))] if shape.id else []
    for column, rule in shape.columns.items():
        fields = tuple(said[n] for n in of[column] if n in said)
        if fields:
            alone = rule == fields[0].field
            rows.append(Filled(column, None if alone else " ".join(rule.split()), fields))
    return rows


def _fields_by_column(shape: Shape) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {column: [] for column in shape.columns}
    for name in shape.kinds:
        for column in columns_of_field(shape, name):
            found[column].append(name)
    return found
