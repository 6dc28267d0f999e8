"""The embedded warehouse as the pipeline asks for it.

Publishing registers the candidate's Parquet files (hard links, so nothing is copied) and deletes the hospital's old
rows in one catalog transaction. Readers keep the snapshot they began with.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection

from etl.at_rest import is_encrypted
from etl.cdm.spec import hospital_tables, vocabulary_tables
from etl.engine import one_number
from etl.errors import ConfigError
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.marks import Mark, Marks
from etl.store.warehouse.ducklake.expire import expire, expired, files_of, remove_expired
from etl.store.warehouse.ducklake.move import adopt
from etl.store.warehouse.ducklake.nights import go_back, kept_nights, take_away
from etl.store.warehouse.ducklake.publishing import insert, link, read_marks, register, replace_rows, replace_source
from etl.store.warehouse.ducklake.sealed import SealedCatalog, catalog_of, name_release, sealed
from etl.store.warehouse.export import export
from etl.store.warehouse.protocol import Night, Publication, in_range
from etl.vocabulary.release import Release


class DuckLake:
    """A warehouse in one folder: `catalog.sqlite`, `data/`, and `results.duckdb` where Achilles was computed."""

    def __init__(self, folder: Path, *, keep: int = 1, settings: Settings | None = None) -> None:
        """Open the warehouse in `folder`; nothing is made before `initialise`. `keep` nights can be gone back to.

        Whether it is encrypted, and with which key, the `settings` of its home say; without them it is not.
        """
        self.keep = keep
        self.folder = folder
        self.data = folder / "data"
        self.results = folder / "results.duckdb"
        self._settings = settings
        self._catalog = catalog_of(folder, settings)

    @classmethod
    def of(cls, settings: Settings) -> DuckLake:
        """The warehouse that the settings name."""
        return cls(Path(str(settings.warehouse.database)), keep=settings.keep_nights, settings=settings)

    def exists(self) -> bool:
        """Whether it has been made."""
        return self._catalog.file.exists()

    def move(self) -> int:
        """Take over a folder that was made under another path; returns how many files readers need of it.

        Raises ConfigError, and nothing has changed, when there is no warehouse or a file of it is missing.
        """
        if not self.exists():
            raise ConfigError(f"there is no warehouse at {self.folder}", hint="set ETL_HOME to the folder that has it")
        return adopt(self._catalog, self.data)

    def initialise(self) -> None:
        """See Warehouse.initialise; where encryption was set since the last time, it begins here."""
        self._catalog = sealed(self._catalog, self._settings)
        self._catalog.initialise()

    def publish_vocabulary(self, release: Release) -> bool:
        """Replace the vocabulary tables by a release's; False when that release is published already."""
        if self.vocabulary() == release.name:
            return False
        files = {t: release.table(t) for t in vocabulary_tables()}
        copies = isinstance(self._catalog, SealedCatalog)
        if not copies:
            # a folder of its own: when a release comes back, the files of the first time may be about to be removed
            folder = self.data / "vocabulary" / release.name / uuid4().hex[:8]
            folder.mkdir(parents=True)
            files = {t: link(f, folder / f"{t}.parquet") for t, f in files.items()}

        def replace(con: DuckDBPyConnection) -> None:
            for table, file in files.items():
                con.execute(f"delete from {quote(table)}")
                (insert if copies else register)(con, table, file)
            if copies:
                name_release(con, release.name)

        self._catalog.transaction(replace)
        return True

    def vocabulary(self) -> str | None:
        """See Warehouse.vocabulary."""
        if not self._catalog.brought_up_to_date():
            return None
        return self._catalog.vocabulary()

    def publish(
        self, publication: Publication, source: Mapping[str, object], progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """See Warehouse.publish."""
        tell = progress or (lambda _: None)
        self._catalog.remove_leftovers(self.data / publication.hospital)
        folder = self.data / publication.hospital / f"{publication.run_id}-{uuid4().hex[:8]}"
        copies, files = self._copies(publication), dict(publication.files)
        if not copies:
            folder.mkdir(parents=True)
            files = {t: link(f, folder / f"{t}.parquet") for t, f in files.items()}
            tell("linked")
        counts: dict[str, int] = {}
        filled = [t for t, n in self._catalog.file_counts().items() if n]

        def replace(con: DuckDBPyConnection) -> None:
            counts.clear()
            if publication.unlock:
                publication.unlock(con)
            counts.update(replace_rows(con, publication, files, filled, copy=copies))
            replace_source(con, source)
            tell("replaced, not yet committed")

        try:
            self._catalog.transaction(replace)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        tell("published")
        return counts

    def _copies(self, publication: Publication) -> bool:
        """Whether rows have to be written anew: the engine takes over files only that are in the clear, as they are."""
        is_sealed = isinstance(self._catalog, SealedCatalog)
        return is_sealed or any(map(is_encrypted, publication.files.values()))

    def nights(self, hospital: str) -> list[Night]:
        """See Warehouse.nights."""
        if not self._catalog.brought_up_to_date():
            return []
        return [night for night, _ in self._kept(hospital)]

    def _kept(self, hospital: str) -> list[tuple[Night, int]]:
        with self._catalog.asking() as con:
            return kept_nights(con, hospital, self.keep)

    def rollback(
        self, hospital: str, number: int, step: int, progress: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """See Warehouse.rollback."""
        tell = progress or (lambda _: None)
        found = next((kept for kept in self._kept(hospital) if kept[0].step == step), None)
        if found is None:
            raise ConfigError(
                f"the publication {step} of {hospital} is not kept",
                hint=f"the nights that are: etl rollback {hospital} --list",
            )
        counts: dict[str, int] = {}

        def back(con: DuckDBPyConnection) -> None:
            counts.update(go_back(con, hospital, number, *found))
            tell("gone back, not yet committed")

        self._catalog.transaction(back)
        tell("gone back")
        return counts

    def clear(self, hospital: str, number: int, progress: Callable[[str], None] | None = None) -> dict[str, int]:
        """See Warehouse.clear."""
        tell = progress or (lambda _: None)
        counts: dict[str, int] = {}
        filled = [t for t, n in self._catalog.file_counts().items() if n]

        def take(con: DuckDBPyConnection) -> None:
            counts.update(take_away(con, hospital, number, filled))
            tell("taken away, not yet committed")

        self._catalog.transaction(take)
        tell("taken away")
        return counts

    def published(self, hospital: str) -> Night | None:
        """See Warehouse.published."""
        if not self._catalog.brought_up_to_date():
            return None
        with self._catalog.asking() as con:
            query = "select run_id, night, step, mappings from admin.published where hospital = ?"
            row = con.execute(query, [hospital]).fetchone()
        return Night(row[0], row[1], step=row[2] or 0, mappings=row[3]) if row else None

    def key_marks(self, hospital: str, number: int) -> Marks | None:
        """See Warehouse.key_marks."""
        if not self._catalog.brought_up_to_date():
            return None
        with self._catalog.asking() as con:
            known = read_marks(con, hospital)
            if known is None and con.execute("select 1 from admin.published where hospital = ?", [hospital]).fetchone():
                mine = in_range(hospital_tables()["person"], number)
                query = f"select coalesce(max(person_id) - {number << 24}, 0) from person where {mine}"
                known = Marks("", {"person": Mark(one_number(con, query), "")})
        return known

    def expire(self, before: datetime, *, dry_run: bool = False) -> dict[Path, int]:
        """Forget snapshots that were replaced before that moment and are of no night that can be gone back to.

        Removes the files that nothing else names, or only tells which these are, with their bytes.
        """
        if not self._catalog.file.exists():
            return {}
        with self._catalog.asking() as con:
            hospitals = [h for (h,) in con.execute("select distinct hospital from admin.published").fetchall()]
            kept = {snapshot for hospital in hospitals for _, snapshot in self._kept(hospital)}
            gone = expired(con, kept, before)
            files = files_of(con, self.data, gone)
        if dry_run:
            return files
        if gone:
            self._catalog.transaction(lambda con: expire(con, gone))
        self._catalog.transaction(remove_expired)  # and what an earlier time was broken off before
        for folder in {file.parent for file in files}:
            with contextlib.suppress(OSError):  # others of its files are still named
                folder.rmdir()
        return files

    @contextmanager
    def reader(self) -> Iterator[DuckDBPyConnection]:
        """See Warehouse.reader."""
        if not self._catalog.file.exists():
            raise ConfigError(f"there is no warehouse at {self.folder}", hint="run a night first: etl run --help")
        with closing(self._catalog.attach(read_only=True)) as con:
            if self.results.exists():
                con.execute(f"attach {literal(str(self.results))} as results (read_only)")
            yield con

    def publish_results(self, file: Path) -> None:
        """See Warehouse.publish_results: whoever reads keeps the file that was there."""
        partial = self.results.with_name(f".{self.results.name}.{uuid4().hex[:8]}")
        try:
            shutil.copyfile(file, partial)
            partial.replace(self.results)
        finally:
            partial.unlink(missing_ok=True)

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """See Warehouse.export."""
        with self.reader() as con:
            export(con, target, progress)
