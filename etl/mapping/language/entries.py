"""Entries: how rows of one source become rows of the CDM. Their fields are those of the CDM shapes."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, create_model

from etl.cdm.shapes import Kind, Shape, events, shapes
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.words import ConceptId, Sql, Strict


class Ref(Strict):
    """Another row of the same person: the table or the entry it comes from, and its `key` there."""

    table: Annotated[str | None, Field(description="a CDM table; its entries that say a `key` are searched")] = None
    entry: Annotated[str | None, Field(description="the name of one entry that says a `key`")] = None
    key: Annotated[Sql, Field(description="what names the row in its source, as `key` does there")]
    fallback: Annotated[tuple[Ref, ...], Field(description="tried in turn while nothing is found")] = ()


class Unpivot(Strict):
    """Turns one wide row into one row per filled column."""

    columns: Annotated[tuple[str, ...], Field(min_length=1, description="columns that become rows, when filled")]
    name: Annotated[str, Field(description="new column: which column it was")] = "item"
    value: Annotated[str, Field(description="new column: what stood there")] = "value"


class Beside(Strict):
    """Another source of the hospital that an entry looks into: at most one row of it per row, of the same patient."""

    source: Annotated[str, Field(description="a source of this hospital")]
    on: Annotated[
        dict[str, Sql],
        Field(
            min_length=1,
            description="by column of that source, what its row must say there: SQL over the columns of this row",
        ),
    ]
    prefer: Annotated[
        tuple[Sql, ...],
        Field(
            description="SQL over that source: of several rows the one with the greatest counts. Without it, rows that "
            "differ give nothing, and that is counted"
        ),
    ] = ()


class Entry(Strict):
    """How rows of one source become rows of the CDM."""

    name: Annotated[str | None, Field(description="unique name; default: <from>_<event or table>")] = None
    from_: Annotated[str, Field(alias="from", description="a source of this hospital")]
    where: Annotated[
        dict[str, Sql] | Sql | None,
        Field(description="named rules; a row that does not satisfy one is filtered and counted under its name"),
    ] = None
    with_: Annotated[
        dict[str, Beside],
        Field(
            alias="with", description="other sources that are looked into, by a word; `word.COLUMN` is a column of one"
        ),
    ] = {}
    per: Annotated[
        tuple[Sql, ...],
        Field(description="one row for all of a patient that say the same here; the others are filtered as `per`"),
    ] = ()
    prefer: Annotated[
        tuple[Sql, ...],
        Field(
            description="which of several rows counts, of those with one key, of what a patient has only once, or of "
            "`per`: the one with the greatest values, in turn; the others are filtered as `prefer`, but melt into it "
            "where they describe staff or a place"
        ),
    ] = ()
    unpivot: Annotated[Unpivot | None, Field(description="make one row per filled column first")] = None
    note: Annotated[str | None, Field(description="for the reader")] = None

    @property
    def target(self) -> str:
        """The CDM table of the entry (for an event: the one it takes without a standard concept)."""
        event = getattr(self, "event", None)
        return events()[event].table if event else str(getattr(self, "table"))  # noqa: B009

    @property
    def shape(self) -> Shape:
        """The shape of the target table."""
        return shapes()[self.target]

    @property
    def label(self) -> str:
        """The entry's name."""
        return self.name or f"{self.from_}_{getattr(self, 'event', None) or self.target}"

    @property
    def rules(self) -> dict[str, str]:
        """The `where` rules by name."""
        return {"where": self.where} if isinstance(self.where, str) else dict(self.where or {})

    def expressions(self) -> list[str]:
        """All SQL over the columns of its rows."""
        found = [*self.rules.values(), *self.per, *self.prefer]
        for other in self.with_.values():
            found += other.on.values()
        for value in self.said().values():
            if isinstance(value, Lookup):
                found += value.expressions()
            elif isinstance(value, Ref):
                found += [value.key, *(ref.key for ref in value.fallback)]
            elif isinstance(value, str):
                found.append(value)
        return found

    def said(self) -> dict[str, Any]:
        """The shape's fields that the entry fills, by name."""
        values = {name: getattr(self, name) for name in self.shape.kinds}
        return {name: value for name, value in values.items() if value is not None}


def _form(value: Any) -> str:
    return "lookup" if isinstance(value, dict | Lookup) else "plain"


def _or_lookup(plain: Any) -> Any:
    return Annotated[Annotated[plain, Tag("plain")] | Annotated[Lookup, Tag("lookup")], Discriminator(_form)]


_TYPES: dict[Kind, Any] = {
    "concept": _or_lookup(ConceptId),
    "result": _or_lookup(Sql),
    "ref": Ref,
    "parent": Sql | Ref,
    "number": int | float | Sql,
    "bound": int | float | Sql,
    "integer": int | Sql,
}


@cache
def entry_model(kind: Literal["event", "table"], word: str) -> type[Entry]:
    """The model of the entries `event: word` or `table: word`; KeyError when there is no such word."""
    shape = events()[word] if kind == "event" else shapes()[word]
    fields: dict[str, Any] = {kind: (Literal[word], ...)}
    for name, field_kind in shape.kinds.items():
        type_ = _TYPES.get(field_kind, Sql)
        info = Field(description=field_kind)
        required = name in shape.required
        fields[name] = (
            Annotated[type_ if required else type_ | None, info],
            ... if required else None,
        )
    return create_model(f"{word.title().replace('_', '')}Entry", __base__=Entry, **fields)
