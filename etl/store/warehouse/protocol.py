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
from etl.store.marks import Marks
from etl.vocabulary.release import Release

#: Lets a connection read what is encrypted at rest.
Unlock = Callable[[DuckDBPyConnection], None]


def in_range(table: Table, number: int) -> str:
    """SQL condition: the rows of a table that belong to the hospital of that number."""
    return f"({table.owner}) >= {number << 24} and ({table.owner}) < {(number + 1) << 24}"


@dataclass(frozen=True, slots=True)
class Publication:
    """One hospital's candidate: its rows are all rows of these files, in the id range of the hospital's number.

    With `touched` (files of persons) it holds these persons only: theirs are replaced, and all rows that are nobody's;
    `extended` persons only have other observation periods. `rows` is what the hospital has afterwards, by table.
    `mappings` is the fingerprint of what it was mapped with, `names` what the hospital is called in Korean and in
    English, `marks` how far the key store of its ids had come;
    `check_keys` raises ConfigError where that store does not fit the marks of the rows that are there; `unlock` lets a
    connection read the files, where they are encrypted.
    """

    hospital: str
    number: int
    run_id: str
    night: date
    files: Mapping[str, Path]
    rows: Mapping[str, int] | None = None
    touched: tuple[Path, ...] = ()
    extended: tuple[Path, ...] = ()
    mappings: str | None = None
    names: tuple[str, str] | None = None
    marks: Marks | None = None
    check_keys: Callable[[Marks], None] | None = None
    unlock: Unlock | None = None

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
    """A night that the warehouse holds or can go back to; `published_at` in UTC.

    `step` counts the hospital's publications, of which two may be of one run; `mappings` as in `Publication`.
    """

    run_id: str
    night: date | None
    published_at: datetime | None = None
    step: int = 0
    mappings: str | None = None


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

    def vocabulary(self) -> str | None:
        """The name of the release that is the warehouse's vocabulary, or None."""

    def publish(
        self, publication: Publication, source: Mapping[str, object], progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """Replace the rows of one hospital in one transaction; returns the rows it now has by table.

        `source` is the warehouse's row of cdm_source; `progress` is told each point that is reached. Readers see the
        old night or the new one, never both. Raises ConfigError, and changes nothing, when the hospital would not have
        the rows that the publication says.
        """

    def published(self, hospital: str) -> Night | None:
        """The night that a hospital's rows are of, or None."""

    def key_marks(self, hospital: str, number: int) -> Marks | None:
        """How far the key store of a hospital's ids had come; None while it has no rows.

        Of rows that an earlier program published only the highest number of a person is known.
        """

    def nights(self, hospital: str) -> list[Night]:
        """The nights of a hospital that are kept, the newest first: what is published, and what can be gone back to."""

    def rollback(
        self, hospital: str, number: int, step: int, progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """Publish a kept night of a hospital again, in one transaction; returns its rows by table.

        `step` is of one of `nights`; those after it are not kept any more.
        """

    def clear(self, hospital: str, number: int, progress: Callable[[str], None] | None = None) -> dict[str, int]:
        """Take all rows of a hospital away, and what is known of its key store; returns the rows it had by table.

        No night is kept. Readers see the hospital's rows or none of them.
        """

    def reader(self) -> AbstractContextManager[DuckDBPyConnection]:
        """A connection that reads the published tables by their plain names and cannot write.

        Where Achilles was computed, `results.achilles_…` are what it found.
        """

    def publish_results(self, file: Path) -> None:
        """Put what OHDSI's tools read (`results.py`), from a DuckDB file, in the place of what is there, at once."""

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """Write everything into one plain DuckDB file with primary keys."""
