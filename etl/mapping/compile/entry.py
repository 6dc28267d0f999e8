"""Compiles an entry to the SQL of its staged rows: `staged."<entry>"(_row, _status, _n, _target, <fields>)`.

`_status` is NULL for a row that becomes a CDM row, `f:<rule>` for one a named rule filters, `q:<reason>` for one that
is quarantined (see `status`). Fields carry the names of the target's shape, typed; `_n` numbers the several rows of one
source row.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from etl.cdm.shapes import ENTITIES, Kind
from etl.mapping.compile.duplicates import VERSION, chooses, chosen_rows, content, doubled
from etl.mapping.compile.fields import (
    BESIDE_AMBIGUOUS,
    BESIDE_UNKNOWN,
    OPEN,
    UNKNOWN,
    VALUED,
    columns_of_kind,
    unread,
    unread_fields,
)
from etl.mapping.compile.lookup import LookupTable, forms_of_code
from etl.mapping.compile.relation import source_relation, with_visits
from etl.mapping.compile.status import filtered, first_reason
from etl.mapping.compile.texts import NUMBERS, moment, partial, result_number
from etl.mapping.compile.units import conversion_join, converted
from etl.mapping.expression import render
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.reading import Reading
from etl.mapping.language.references import Relations
from etl.sql import literal, quote


class EntryCompiler:
    """Writes one entry's SQL. The look-ups it needs have been built and are given by field."""

    def __init__(
        self, mapping: HospitalMapping, entry: Entry, lookups: dict[str, LookupTable], references: Relations
    ) -> None:
        """`references`: by field, what resolves its keys in turn, and the keys. A field without finds nothing."""
        self.hospital = mapping.hospital
        self.entry = entry
        self.shape = entry.shape
        self.lookups = lookups
        self.references = references
        self.source = mapping.sources[entry.from_]
        self.is_delta = mapping.is_delta
        self.keyed = mapping.delivers(entry.from_) == "delta"  # its state has every key once
        self.owner = next((n for n, col in self.source.declared.items() if col.identifier == "person"), None)
        self.rows = with_visits(source_relation(mapping, entry), entry)
        self.said = entry.said()
        self.converts = mapping.hospital.units.convert
        self.texts: dict[str, str] = {}  # what long expressions of `parsed` read, written once: planning them is dear
        self.parsed: dict[str, str] = {}
        self.joins: list[str] = []
        self.final: dict[str, str] = {}

    def _sql(self, value: Any) -> str:
        return f"{self.rows.write(str(value))}::varchar"

    def query(self) -> str:
        """The whole statement."""
        for name, kind in self.shape.kinds.items():
            value = self.said.get(name)
            if value is not None:
                self._field(name, kind, value)
        if self.converts and self.shape.kinds.get("value") == "result" and {"value", "unit"} <= self.said.keys():
            self.joins.append(conversion_join("u", self.final["concept"], self.final["unit"]))
            self.final |= converted(self.final, "u")
        if self.shape.lasting:
            self.final = (
                {"end": "null::timestamp", unread("end"): "false"} | self.final | {OPEN: "false", UNKNOWN: "false"}
            )
        if self.entry.with_:
            self.parsed |= {name: name for name in (BESIDE_UNKNOWN, BESIDE_AMBIGUOUS)}
            self.final |= {name: f"p.{name}" for name in (BESIDE_UNKNOWN, BESIDE_AMBIGUOUS)}
        if self.entry.unpivot:
            self.parsed["_item"] = quote(self.entry.unpivot.name)
        self.parsed["_filtered"] = filtered(self.hospital, self.entry, self.rows)
        self.parsed |= {name: self._plain(column) for name, column in zip(self._keys, self.source.key, strict=True)}
        if "person" in self.shape.kinds and self.entry.target != "person":
            self.joins.insert(0, "left join person_birth b on b.person = p.person")
        final = ", ".join(f"{sql} as {quote(n)}" for n, sql in self.final.items())
        if self.source.version and not self.keyed:
            self.parsed[VERSION] = render(self.source.version, self.rows.known)
        code = f"p.{self._said('concept')}" if self.shape.event and "concept" in self.lookups else None
        status = first_reason(self.entry, self._keys, self.final, code=code, versioned=VERSION in self.parsed)
        given = ""
        if chooses(self.entry):
            chosen = [*map(self.rows.text, self.entry.per), *map(self.rows.write, self.entry.prefer)]
            given = f", ({', '.join(f'p.{c}' for c in content(self.parsed, self._keys))}, null) as _content"
            self.parsed |= {f"_choice{i}": sql for i, sql in enumerate(chosen)}
            given += "".join(f", p.{c}" for c in [*(f"_choice{i}" for i, _ in enumerate(chosen)), *self._keys])
        rows = (
            f"select p._row, coalesce(p._person, 0) as _person, {status} as _status, "
            f"{self._fan('n', '1')} as _n, {self._fan('target', literal(self.entry.target))} as _target, "
            f"{final}{given} from ({self._rows()}) p {' '.join(self.joins)}"
        )
        return chosen_rows(self.entry, rows, self._keys) if chooses(self.entry) else rows

    @property
    def _keys(self) -> list[str]:
        """Names of the parsed columns of the contract's key."""
        return [f"_key{i}" for i, _ in enumerate(self.source.key)]

    def _rows(self, only: Container[str] | None = None) -> str:
        """SQL of the source's rows with everything that the entry reads of them, or `only` some of it."""
        inner = ", ".join(f"{sql} as {quote(n)}" for n, sql in self.parsed.items() if only is None or n in only)
        owner = quote(self.said["person"]) if "person" in self.said else quote(self.owner) if self.owner else "null"
        texts = "".join(f", {sql} as {quote(n)}" for n, sql in self.texts.items())
        rows = f"(select *{texts} from {self.rows.sql})" if texts else self.rows.sql
        return f"select _row, {owner}::bigint as _person, _given_up, {inner} from {rows}"

    def _plain(self, column: str) -> str:
        """A key column; one that names an entity and does not land itself is there as its id."""
        landed = column if column in self.rows.known else f"{column}__id"
        return f"omop_blank({quote(landed)}::varchar)"

    def _fan(self, column: str, otherwise: str) -> str:
        """Number or target table of a fanned-out row; only an event's concept fans out."""
        if self.shape.event and "concept" in self.lookups:
            return f"coalesce(l_concept.{column}, {otherwise})"
        return otherwise

    def _field(self, name: str, kind: Kind, value: Any) -> None:
        if kind == "concept":
            self._concept(name, value)
        elif kind == "result":
            self._result(name, value)
        elif kind == "partial":
            text = f"_{name}_text"
            self.texts[text] = self._read(value, partial)
            self.parsed |= {name: f"omop_partial({text})", f"{name}_known": f"omop_known({text})"}
            self.final |= {name: f"p.{quote(name)}", f"{name}_known": f"p.{quote(f'{name}_known')}"}
        elif kind in ("visit", "visit_detail", "ref"):
            self._reference(name, kind)
        else:
            self.parsed[name] = self._scalar(name, kind, value)
            self.final[name] = f"p.{quote(name)}"
        if kind in ("timestamp", "partial") and name in self.shape.required:
            self.parsed[f"_{name}_given"] = f"omop_blank({self._sql(value)}) is not null"
        if name in unread_fields(self.shape):
            self._unread(name, kind, value)

    def _unread(self, name: str, kind: Kind, value: Any) -> None:
        """Whether a field was given and could not be read: told of what was read, so that no text is read twice."""
        read = name
        if kind == "timestamp" and name == "end":  # an open end was read
            read = "_end_read"
            self.parsed[read] = self._moment(value)
            del self.parsed[name]
            self.final[name] = f"omop_closed(p.{read})"
        self.parsed[f"_{name}_given"] = f"omop_blank({self._sql(value)}) is not null"
        self.final[unread(name)] = f"(p.{quote(f'_{name}_given')} and p.{quote(read)} is null)"

    def _reference(self, name: str, kind: Kind) -> None:
        steps = {f"r_{name}_{i}": step for i, step in enumerate(self.references.get(name, ()))}
        for alias, (target, key) in steps.items():
            self.parsed[f"_{alias}"] = quote(key) if target.is_person else self.rows.text(key)
            same = "" if target.is_person else f"{alias}.person = p.person and "
            self.joins.append(f"left join {target.relation} {alias} on {same}{alias}.key = p._{alias}")
        for column, sql_type in columns_of_kind(name, kind).items():
            part = column.removeprefix(f"{name}_") if column != name else "id"
            found = " ".join(f"when {alias}.id is not null then {alias}.{part}" for alias in steps)
            self.final[column] = f"case {found} end" if found else f"null::{sql_type}"

    def _scalar(self, name: str, kind: Kind, value: Any) -> str:
        if kind == "person":
            return quote(str(value))
        if kind == "parent":
            return self.rows.text(value.key if isinstance(value, Ref) else str(value))
        if kind in ENTITIES:
            column = quote(f"{value}__id")
            if self.is_delta and name != self.shape.unique:
                # the night's rows may name somebody whose own row never came
                return (
                    f"case when {column} in (select id from entity where namespace = {literal(kind)}) then {column} end"
                )
            return f"nullif({column}, 0)"
        if kind == "timestamp":
            return f"omop_closed({self._moment(value)})" if name == "end" else self._moment(value)
        read = NUMBERS.get(kind)
        return self._read(value, read) if read else f"omop_blank({self._sql(value)})"

    def _moment(self, value: Any) -> str:
        """SQL of the timestamp that a value says."""
        return self._read(value, moment)

    def _read(self, value: Any, read: Callable[[str, Reading], str]) -> str:
        """SQL of what a value says; the parts of a `coalesce` are read each as it is written."""
        parts = self.rows.parts(str(value))
        says = [read(self._sql(part), self.rows.reading(part)) for part in parts]
        if len(parts) == 1:
            return says[0]
        cases = (f"when {self.rows.text(part)} is not null then {said}" for part, said in zip(parts, says, strict=True))
        return f"case {' '.join(cases)} end"

    def _day(self) -> str | None:
        return "p.start::date" if "start" in self.said else None

    def _join(self, name: str) -> None:
        lookup = self.lookups[name]
        keys = [f"_{name}_k{i}" for i in range(len(lookup.keys))]
        self.parsed |= dict(zip(keys, lookup.keys, strict=True))
        self.joins.append(lookup.join(f"l_{name}", [f"p.{k}" for k in keys], self._day()))

    def _join_words(self, name: str, value: Lookup) -> None:
        """Join the look-up of a result: a number is none of its words, and is told apart already."""
        lookup = self.lookups[name]
        joined = []
        for i, (key, of_code) in enumerate(zip(value.keys, forms_of_code(value, self.rows), strict=True)):
            self.parsed[f"_{name}_k{i}"] = self.rows.code(key)
            column = f"p._{name}_k{i}"
            joined.append(f"case when p._{name}_number is null then {column} end" if of_code else column)
        self.joins.append(lookup.join(f"l_{name}", joined, self._day()))

    def _said(self, name: str) -> str:
        """The parsed column of the code that stands for a row: the first that it gives."""
        given = [f"_{name}_k{i}" for i in range(len(self.lookups[name].keys))]
        if len(given) == 1:
            return given[0]
        self.parsed[f"_{name}_code"] = f"coalesce({', '.join(self.parsed[k] for k in given)})"
        return f"_{name}_code"

    def _concept(self, name: str, value: Any) -> None:
        alias = f"l_{name}"
        if isinstance(value, int):
            self.final |= {
                name: f"{value}::bigint",
                f"{name}_source": "null::varchar",
                f"{name}_source_id": "null::bigint",
            }
            return
        self._join(name)
        # several targets fan out for the concept of an event only; elsewhere the first one counts
        if not (self.shape.event and name == "concept"):
            self.joins[-1] += f" and {alias}.n = 1"
        self.final |= {
            name: f"{alias}.concept_id",
            f"{name}_source": f"p.{self._said(name)}",
            f"{name}_source_id": f"{alias}.source_id",
        }
        if self.shape.event and name == "concept":
            self.final[f"concept_{VALUED}"] = f"{alias}.value_id"

    def _result(self, name: str, value: Any) -> None:
        alias = f"l_{name}"
        if isinstance(value, Lookup):
            self._join_words(name, value)
            self.joins[-1] += f" and {alias}.n = 1"
            concept = f"{alias}.concept_id"
            said = list(dict.fromkeys(key.code for key in value.keys))
        else:
            concept, said = "null::bigint", [str(value)]
        text = f"_{name}_text"
        # the result itself, and where it is empty what else is looked up for it
        self.parsed[text] = f"coalesce({', '.join(self.rows.text(sql) for sql in said)})"
        numeric = f"_{name}_number"
        self.parsed[numeric] = self._read(said[0], result_number)
        self.final |= {
            f"{name}_number": f"p.{numeric}",
            f"{name}_operator": f"case when p.{numeric} is not null then omop_operator(p.{text}) end",
            f"{name}_concept": concept,
            f"{name}_source": f"p.{text}",
        }

    @property
    def _key_is_unique(self) -> bool:
        """Whether the contract's key is what the table allows once, so that to look at one of them is enough."""
        own = self.shape.unique == "person" and self.source.key == (self.said.get("person"),)
        return own and not chooses(self.entry)

    def doubled(self) -> str:
        """SQL of the rows behind another one with the same key (see `duplicates`). Valid after `query`."""
        return doubled(self.entry, self._rows, self.parsed, self._keys, keyed=self.keyed or self._key_is_unique)
