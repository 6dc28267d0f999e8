"""Code maps: source code to concept ids, written in YAML or in a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from etl.mapping.language.words import ConceptId, Strict


class CodeMap(Strict):
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


@dataclass(frozen=True)
class MapRows:
    """What a code map says, row by row, and where.

    `rows(file, line, code, concept_id, kind, source_id, valid_from, valid_to)`: `kind` is MAPS_TO or MAPS_TO_VALUE,
    concept 0 stands for "deliberately unmapped", `valid_to` is exclusive, a missing date means no limit. `left_out`
    counts the rows of a file that do not count, by why; `digest` is that of the file, empty when there is none.
    """

    rows: pa.Table
    left_out: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""

    @property
    def dated(self) -> bool:
        """Whether the day of the event matters."""
        return any(self.rows[name].null_count < len(self.rows) for name in ("valid_from", "valid_to"))

    @property
    def codes(self) -> list[str]:
        """The codes it knows."""
        return list(dict.fromkeys(map(str, self.rows["code"].to_pylist())))
