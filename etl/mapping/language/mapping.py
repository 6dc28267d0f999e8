"""Everything that one hospital's files say, together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from etl.mapping.language.codemaps import CodeMap
from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Entry
from etl.mapping.language.hospital import Delivers, Hospital
from etl.mapping.language.lookups import MasterStep
from etl.mapping.language.places import Path_, Place
from etl.mapping.language.units import Conversion
from etl.mapping.language.words import Sql, Strict

if TYPE_CHECKING:
    from etl.mapping.language.codemaps import MapRows


class Declarations(Strict):
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
