"""What the pipeline asks of a warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table
from etl.engine import rows_in
from etl.errors import ConfigError
from etl.vocabulary.release import Release


def in_range(table: Table, number: int) -> str:
    """SQL condition: the rows of a table that belong to the hospital of that number."""
    return f"({table.owner}) >= {number << 24} and ({table.owner}) < {(number + 1) << 24}"


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

    def replaced(self, table: Table) -> str:
        """SQL condition: the rows of a table that this publication replaces."""
        if not self.touched or not table.personal:
            return self.mine(table)
        files = [*self.touched, *(self.extended if table.name == "observation_period" else ())]
        return f"{self.mine(table)} and ({table.owner}) in (select person from {rows_in(*files)})"

    def mine(self, table: Table) -> str:
        """SQL condition: the rows of a table that belong to the hospital."""
        return in_range(table, self.number)


@dataclass(frozen=True, slots=True)
class Night:
    """A night that the warehouse holds or can go back to; `published_at` in UTC."""

    run_id: str
    night: date | None
    published_at: datetime | None


def compare(counts: Mapping[str, int], expected: Mapping[str, int] | None) -> None:
    """Raise ConfigError, which ends the publication, unless every table has the rows it should have."""
    if expected is None:
        return
    wrong = [
        f"table {t}: {counts.get(t, 0):,} rows would be there, {expected.get(t, 0):,} were produced"
        for t in sorted({*counts, *expected})
        if counts.get(t, 0) != expected.get(t, 0)
    ]
    if wrong:
        raise ConfigError(
            "the warehouse would not hold what was mapped; nothing was published:\n" + "\n".join(wrong),
            hint="map everybody again: etl run HOSPITAL DELIVERY --force",
        )


class Warehouse(Protocol):
    """Holds the published CDM of all hospitals."""

    def initialise(self) -> None:
        """Make whatever is missing of the schema."""

    def publish_vocabulary(self, release: Release) -> bool:
        """Make a release the warehouse's vocabulary, in one transaction; False when it is already."""

    def publish(
        self, publication: Publication, source: Mapping[str, object], progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """Replace the rows of one hospital in one transaction; returns the rows it now has by table.

        `source` is the warehouse's row of cdm_source; `progress` is told each point that is reached. Readers see the
        old night or the new one, never both. Raises ConfigError, and changes nothing, when the hospital would not have
        the rows that the publication says.
        """

    def published(self, hospital: str) -> str | None:
        """The run that a hospital's rows are of, or None."""

    def nights(self, hospital: str) -> list[Night]:
        """The nights of a hospital that are kept, the newest first: what is published, and what can be gone back to."""

    def rollback(
        self, hospital: str, number: int, run_id: str, progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """Publish a kept night of a hospital again, in one transaction; returns its rows by table.

        `run_id` is one of `nights`; those after it are not kept any more.
        """

    def reader(self) -> AbstractContextManager[DuckDBPyConnection]:
        """A connection that reads the published tables by their plain names and cannot write."""

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """Write everything into one plain DuckDB file with primary keys."""
