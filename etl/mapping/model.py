"""The mapping language as pydantic models: what a hospital's YAML files may say.

`docs/mapping-language.md` and `docs/mapping.schema.json` are generated from these models and from the CDM shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model, model_validator

from etl.cdm.shapes import Kind, Shape, events, shapes
from etl.mapping.load import Path_, Place

if TYPE_CHECKING:
    from etl.mapping.codemaps import MapRows

Sql = Annotated[
    str,
    Field(
        min_length=1,
        description="a column name, or a SQL expression over the source's columns",
        json_schema_extra={"format": "sql"},
    ),
]
ConceptId = Annotated[int, Field(ge=0, description="a concept id that holds for every row")]


Delivers = Literal["full", "delta"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Name(_Strict):
    """A hospital's name in both languages."""

    ko: Annotated[str, Field(description="in Korean, as reports head it")]
    en: Annotated[str, Field(description="in English")]


class Units(_Strict):
    """What happens to units of measured values."""

    convert: Annotated[
        bool,
        Field(description="values become the preferred unit of their concept (`conversions`); the source fields stay"),
    ] = False


class Visits(_Strict):
    """How encounters of one person become visits."""

    roll_up: Annotated[
        bool,
        Field(
            description="stays that overlap, and an emergency visit with the stay it led to, are one visit; its "
            "encounters are its visit_detail rows. Without it every encounter is a visit of its own"
        ),
    ] = True
    outpatient_end: Annotated[
        Literal["start", "given"],
        Field(description="an outpatient visit ends on the day it starts, or when the source says if it does"),
    ] = "start"


class ObservationPeriods(_Strict):
    """How long a person's care is taken to be recorded."""

    gap_days: Annotated[int, Field(ge=2, description="so many days without a record split a period")] = 548
    tail_days: Annotated[
        int, Field(ge=0, description="a period lasts so many days beyond the last record, but not longer beyond death")
    ] = 60

    @model_validator(mode="after")
    def _apart(self) -> ObservationPeriods:
        if self.gap_days <= self.tail_days + 1:
            raise ValueError("gap_days must exceed tail_days by two or more, else periods of one person would touch")
        return self


class Hospital(_Strict):
    """`hospital.yaml`: who delivers, and the settings that hold for all of its mappings."""

    hospital: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,29}$", description="short name = name of the folder")]
    number: Annotated[int, Field(ge=1, le=63, description="fixed for life: it is part of every id of this hospital")]
    name: Annotated[Name, Field(description="the hospital's name in both languages")]
    layout: Annotated[
        str | None, Field(description="folder under mappings/shared/layouts/ whose files are read first")
    ] = None
    schedule: Annotated[str, Field(description="cron expression of the nightly run, Asia/Seoul")] = "0 2 * * *"
    live_since: Annotated[
        date, Field(description="day the records system went live; no observation period starts before")
    ] = date(1900, 1, 1)
    visits: Annotated[Visits, Field(description="how encounters become visits")] = Visits()
    observation_period: Annotated[
        ObservationPeriods, Field(description="how long a person's care is taken to be recorded")
    ] = ObservationPeriods()
    drug_default_days: Annotated[
        int, Field(ge=1, le=365, description="days of a prescription that says neither end, days of supply nor dose")
    ] = 30
    era_gap_days: Annotated[
        int, Field(ge=30, le=365, description="so many days without record or drug at most lie inside an era")
    ] = 30
    negative_values: Annotated[
        tuple[int, ...],
        Field(description="measurement concepts whose values may be negative, besides etl/cdm/negative_values.csv"),
    ] = ()
    notes: Annotated[
        bool, Field(description="load free text (note, note_nlp); else its rows are filtered under `notes_off`")
    ] = False
    drops: Annotated[
        str | None,
        Field(description="folder of the deliveries, one sub-folder per night; default <home>/exports/<hospital>"),
    ] = None
    connection: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9_]*$",
            description="name of the connection to the hospital's own database, for sources that say `query`; its URL "
            "is not written here. With it the nightly DAG extracts (docs/source-database.md)",
        ),
    ] = None
    keep_extracted: Annotated[
        int, Field(ge=1, description="so many nights keep the files that `etl extract` wrote, once they have landed")
    ] = 14
    delivery: Annotated[
        Delivers,
        Field(
            description="`full`: every night holds all rows; `delta`: new and changed rows, and which ones are deleted "
            "(a file named _FULL beside the others says that a night is whole). A source may say otherwise"
        ),
    ] = "full"
    whole_every: Annotated[
        int,
        Field(ge=1, description="after so many nights of which only the touched persons were mapped, all are again"),
    ] = 30
    fold_every: Annotated[
        int | None,
        Field(
            ge=1,
            description="of a hospital that delivers changes: so many nights at a time are folded into one, but for "
            "the last seven; default: as whole_every",
        ),
    ] = None
    units: Annotated[Units, Field(description="units of measured values")] = Units()
    small_cell: Annotated[
        int,
        Field(
            ge=1,
            description="of fewer patients than this the worklist of unmapped codes tells neither days nor their "
            "number, and the data dictionary counts nothing; it takes the largest of all hospitals",
        ),
    ] = 5


class Column(_Strict):
    """A column of a source. `{}` (or nothing) is a plain text column."""

    identifier: Annotated[
        Literal["person", "name", "rrn", "phone", "address", "other"] | None,
        Field(description="a direct identifier: `person` becomes our id while landing, the others never land"),
    ] = None
    entity: Annotated[
        Literal["provider", "care_site", "location"] | None,
        Field(description="names one of these; its id is handed out by the key store"),
    ] = None
    registers: Annotated[
        bool, Field(description="values seen here get an id; elsewhere an unknown value gets none")
    ] = False
    scrub: Annotated[
        bool,
        Field(description="free text: names, resident registration, phone and record numbers are blanked out"),
    ] = False
    aliases: Annotated[tuple[str, ...], Field(description="other names this column has in some exports")] = ()
    optional: Annotated[bool, Field(description="may be missing from the file; it is then empty")] = False
    note: Annotated[str | None, Field(description="for the reader")] = None


class Computed(Column):
    """A column made while landing, over raw columns (identifiers included); only its result lands."""

    sql: Sql


class Merges(_Strict):
    """Which columns of a source say that two record numbers are one patient."""

    from_: Annotated[str, Field(alias="from", description="record number that is given up")]
    into: Annotated[str, Field(description="record number that goes on")]


class Source(_Strict):
    """One table of the delivery: where it is, how it is written, and the columns the mapping may use."""

    file: Annotated[
        str, Field(description="file name or glob inside the delivery; several files are read as one. Or say `query`")
    ] = ""
    query: Annotated[
        str | None,
        Field(
            description="instead of `file`: SQL over the hospital's own database, or a .sql file beside this file; "
            "`etl extract` writes its rows into the delivery"
        ),
    ] = None
    connection: Annotated[
        str | None,
        Field(pattern=r"^[a-z][a-z0-9_]*$", description="of `query`; default: what hospital.yaml says"),
    ] = None
    since: Annotated[
        str | None,
        Field(
            description="a column of `query`, such as the time of the last change: a night extracts the rows that are "
            "not below its highest value of the last night that came in. Needs `delivery: delta`"
        ),
    ] = None
    overlap: Annotated[
        float,
        Field(ge=0, description="a night reaches so far back behind that value: hours of a time, units of a number"),
    ] = 0
    format: Annotated[Literal["csv", "parquet"], Field(description="how the file is written")] = "csv"
    encoding: Annotated[str, Field(description="utf-8, cp949, euc-kr, …")] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1, description="between two fields of a CSV line")] = ","
    quote: Annotated[
        str, Field(min_length=1, max_length=1, description="around a field that holds delimiters; doubled inside it")
    ] = '"'
    optional: Annotated[bool, Field(description="a delivery without this file is complete")] = False
    final_newline: Annotated[
        bool, Field(description="the export ends its last line; a file that does not was cut in the middle")
    ] = True
    max_rejected: Annotated[
        float, Field(ge=0, le=1, description="share of unreadable rows above which the file is refused")
    ] = 0.01
    key: Annotated[
        tuple[str, ...],
        Field(description="columns that identify a row; empty or doubled keys are quarantined"),
    ] = ()
    delivery: Annotated[Delivers | None, Field(description="default: what hospital.yaml says; `delta` needs a key")] = (
        None
    )
    version: Annotated[
        Sql | None,
        Field(description="of several rows of a night with one key the greatest counts; default: the last in the file"),
    ] = None
    deleted: Annotated[Sql | None, Field(description="holds for a row that only says: this key is deleted")] = None
    deletions: Annotated[
        str | None, Field(description="file name or glob of files with the keys of deleted rows, if there are any")
    ] = None
    deletions_query: Annotated[
        str | None,
        Field(
            description="instead of `deletions`: SQL, or a .sql file, for the keys of deleted rows out of a log; "
            "with `since` it has that column too"
        ),
    ] = None
    merges: Annotated[Merges | None, Field(description="every row says that two record numbers are one patient")] = None
    columns: Annotated[dict[str, Column | None], Field(description="what lands; other columns of the file do not")]
    computed: Annotated[dict[str, Computed], Field(description="columns made while landing")] = {}
    unused: Annotated[
        str | None, Field(description="why no entry reads this source; its rows are accounted as filtered")
    ] = None

    @property
    def declared(self) -> dict[str, Column]:
        """All columns of the contract by name, computed ones included."""
        return {n: c or Column() for n, c in self.columns.items()} | dict(self.computed)


def deletions_of(source: str) -> str:
    """Name of the source that holds the keys of a source's deleted rows."""
    return f"{source}__deleted"


class MasterStep(_Strict):
    """One look-up in a code master: `code` to `to`, inside a window of validity when there is one."""

    source: Annotated[str, Field(description="the source that holds this step of the master")]
    code: Annotated[Sql, Field(description="the code that is looked up")]
    to: Annotated[Sql, Field(description="what it stands for")]
    valid_from: Annotated[Sql | None, Field(description="first day of the row's validity; nothing: always")] = None
    valid_to: Annotated[Sql | None, Field(description="last day of it; nothing, or the year 2900 and later: open")] = (
        None
    )
    where: Annotated[Sql | None, Field(description="rows of the master that count")] = None


class Step(_Strict):
    """One way to look a code up; the first that finds a standard concept wins."""

    code: Annotated[Sql | None, Field(description="another column than the one of the look-up")] = None
    clean: Annotated[str | None, Field(description="a cleaning rule, applied to the code first")] = None
    through: Annotated[str | None, Field(description="a code master: the code is replaced by what it stands for")] = (
        None
    )
    vocabulary: Annotated[str | None, Field(description="vocabulary_id whose `Maps to` is followed")] = None
    map: Annotated[str | None, Field(description="a code map of this hospital or of mappings/shared/maps")] = None
    prefix: Annotated[
        int | None,
        Field(ge=3, description="when the code is unknown, its longest known prefix of at least so many letters"),
    ] = None


class Lookup(Step):
    """A code and where to look it up."""

    code: Annotated[Sql, Field(description="column, or SQL over columns, that holds the code")]
    fallback: Annotated[tuple[Step, ...], Field(description="tried in turn")] = ()
    description: Annotated[Sql | None, Field(description="text of the code, for the worklist of unmapped codes")] = None


class Ref(_Strict):
    """Another row of the same person: the table or the entry it comes from, and its `key` there."""

    table: Annotated[str | None, Field(description="a CDM table; its entries that say a `key` are searched")] = None
    entry: Annotated[str | None, Field(description="the name of one entry that says a `key`")] = None
    key: Annotated[Sql, Field(description="what names the row in its source, as `key` does there")]
    fallback: Annotated[tuple[Ref, ...], Field(description="tried in turn while nothing is found")] = ()


class Unpivot(_Strict):
    """Turns one wide row into one row per filled column."""

    columns: Annotated[tuple[str, ...], Field(min_length=1, description="columns that become rows, when filled")]
    name: Annotated[str, Field(description="new column: which column it was")] = "item"
    value: Annotated[str, Field(description="new column: what stood there")] = "value"


class Entry(_Strict):
    """How rows of one source become rows of the CDM."""

    name: Annotated[str | None, Field(description="unique name; default: <from>_<event or table>")] = None
    from_: Annotated[str, Field(alias="from", description="a source of this hospital")]
    where: Annotated[
        dict[str, Sql] | Sql | None,
        Field(description="named rules; a row that does not satisfy one is filtered and counted under its name"),
    ] = None
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
    "number": int | float | Sql,
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


class CodeMap(_Strict):
    """A code map: source code to concept id, or to a list of them. It stands in `codes`, in a CSV file, or in both."""

    vocabulary: Annotated[
        str | None,
        Field(
            description="source vocabulary of the codes, for the source concept; of a `source_to_concept_map` file "
            "the `source_vocabulary_id` whose rows count"
        ),
    ] = None
    codes: Annotated[
        dict[str, ConceptId | tuple[ConceptId, ...]],
        Field(description="what each code, as text, becomes, whatever a file says; 0: deliberately unmapped"),
    ] = {}
    usagi: Annotated[
        str | None,
        Field(description="CSV file that Usagi saved, seen from this YAML file; rows with status APPROVED count"),
    ] = None
    source_to_concept_map: Annotated[
        str | None,
        Field(description="CSV file with that CDM table's columns, seen from this YAML file; rows count while valid"),
    ] = None
    encoding: Annotated[str, Field(description="of the CSV file: utf-8, cp949, …")] = "utf-8"


class Affine(_Strict):
    """A conversion that does more than multiply: value × factor + offset."""

    factor: Annotated[float, Field(gt=0, allow_inf_nan=False, description="what the value is multiplied by")]
    offset: Annotated[float, Field(allow_inf_nan=False, description="what is added then")]


Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Conversion(_Strict):
    """How values of some measurements become their preferred unit."""

    concepts: Annotated[tuple[ConceptId, ...], Field(min_length=1, description="measurement concepts it holds for")]
    to: Annotated[ConceptId, Field(description="unit concept that the values get")]
    from_: Annotated[
        dict[int, Factor | Affine],
        Field(alias="from", min_length=1, description="unit concept that comes: factor, or factor and offset"),
    ]
    source: Annotated[str, Field(description="where the factors come from")]


class Declarations(_Strict):
    """What the files of a hospital and of mappings/shared hold besides hospital.yaml's keys and `entries`."""

    sources: Annotated[dict[str, Source], Field(description="the contract: tables of the delivery by name")] = {}
    masters: Annotated[
        dict[str, tuple[MasterStep, ...]],
        Field(description="code masters by name, each of one or more look-ups, one after the other"),
    ] = {}
    maps: Annotated[dict[str, CodeMap], Field(description="code maps by name")] = {}
    clean: Annotated[dict[str, Sql], Field(description="cleaning rules: SQL over `code`")] = {}
    conversions: Annotated[
        dict[str, Conversion], Field(description="conversions to preferred units, where `units` asks for them")
    ] = {}


@dataclass(frozen=True)
class HospitalMapping:
    """Everything one hospital's YAML says, checked; `digest` changes when any of it changes.

    `map_rows` are the rows of its `maps`, those of CSV files included; `places`: where each key is written.
    """

    hospital: Hospital
    sources: dict[str, Source]
    masters: dict[str, tuple[MasterStep, ...]]
    maps: dict[str, CodeMap]
    clean: dict[str, str]
    entries: tuple[Entry, ...]
    digest: str
    conversions: dict[str, Conversion] = field(default_factory=dict)
    map_rows: Mapping[str, MapRows] = field(default_factory=dict)
    places: Mapping[Path_, Place] = field(default_factory=dict)

    def delivers(self, source: str) -> Delivers:
        """Whether a source comes whole every night or as changes."""
        return self.sources[source].delivery or self.hospital.delivery

    @property
    def is_delta(self) -> bool:
        """Whether any source comes as changes."""
        return any(self.delivers(name) == "delta" for name in self.sources)
