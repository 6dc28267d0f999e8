"""What the pipeline asks of a warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table
from etl.engine import rows_in
from etl.vocabulary.release import Release


@dataclass(frozen=True, slots=True)
class Publication:
    """One hospital's candidate: its rows are all rows of these files, in the id range of the hospital's number.

    With `touched` (files of persons) it holds these persons only: theirs are replaced, and all rows that are nobody's;
    `extended` persons only have other observation periods. `rows` is what the hospital has afterwards, by table.
    """

    hospital: str
    number: int
    run_id: str
    night: date
    files: Mapping[str, Path]
    rows: Mapping[str, int] | None = None
    touched: tuple[Path, ...] = ()
    extended: tuple[Path, ...] = ()

    @property
    def persons(self) -> tuple[int, int]:
        """Ids of the hospital's persons, staff and places: first, and first beyond."""
        return self.number << 24, (self.number + 1) << 24

    def replaced(self, table: Table) -> str:
        """SQL condition: the rows of a table that this publication replaces."""
        if not self.touched or not table.personal:
            return self.mine(table)
        files = [*self.touched, *(self.extended if table.name == "observation_period" else ())]
        return f"{self.mine(table)} and ({table.owner}) in (select person from {rows_in(*files)})"

    def mine(self, table: Table) -> str:
        """SQL condition: the rows of a table that belong to the hospital."""
        first, beyond = self.persons
        return f"({table.owner}) >= {first} and ({table.owner}) < {beyond}"


class Warehouse(Protocol):
    """Holds the published CDM of all hospitals."""

    def initialise(self) -> None:
        """Make whatever is missing of the schema."""

    def publish_vocabulary(self, release: Release) -> bool:
        """Make a release the warehouse's vocabulary, in one transaction; False when it is already."""

    def publish(self, publication: Publication, source: Mapping[str, object]) -> dict[str, int]:
        """Replace the rows of one hospital in one transaction; returns the rows it now has by table.

        `source` is the warehouse's row of cdm_source. Readers see the old night or the new one, never both. Raises
        ConfigError, and changes nothing, when the hospital would not have the rows that the publication says.
        """

    def published(self, hospital: str) -> str | None:
        """The run that a hospital's rows are of, or None."""

    def reader(self) -> AbstractContextManager[DuckDBPyConnection]:
        """A connection that reads the published tables by their plain names and cannot write."""

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """Write everything into one plain DuckDB file with primary keys."""
