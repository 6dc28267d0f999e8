"""The warehouse that the consortium shares: PostgreSQL behind the Warehouse protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection
from psycopg import Connection
from sqlalchemy.engine import URL

from etl.at_rest import writes_encrypted
from etl.cdm.spec import hospital_tables
from etl.engine import load_cipher
from etl.errors import ConfigError
from etl.settings import Settings
from etl.store.marks import Mark, Marks
from etl.store.postgres.connect import attach, connect
from etl.store.postgres.revision import require_newest
from etl.store.warehouse.export import export
from etl.store.warehouse.postgres import changes
from etl.store.warehouse.postgres.analyze import analyze_parents
from etl.store.warehouse.postgres.clearance import register
from etl.store.warehouse.postgres.ddl import READ
from etl.store.warehouse.postgres.forget import forget
from etl.store.warehouse.postgres.load import Tell, load_parts
from etl.store.warehouse.postgres.results import replace_results
from etl.store.warehouse.postgres.steps import (
    Step,
    keep_marks,
    keep_names,
    make_published,
    part_of,
    read_marks,
    read_published,
    read_steps,
    tables_of,
    write_step,
)
from etl.store.warehouse.postgres.swap import swap, transaction, wait_for_old_readers
from etl.store.warehouse.postgres.turns import hospital_turn, turn
from etl.store.warehouse.postgres.vocabulary import current_release, publish_vocabulary
from etl.store.warehouse.protocol import Night, Publication, compare, in_range
from etl.vocabulary.release import Release


class Postgres:
    """A warehouse in a PostgreSQL database that `etl warehouse init` has prepared."""

    def __init__(self, url: URL, *, keep: int, patience: float, encrypts: bool = False) -> None:
        """`keep` nights of a hospital can be gone back to; publishing waits `patience` seconds for readers.

        Where it `encrypts`, what readers spill to this machine's disk is encrypted.
        """
        self.url = url
        self.keep = keep
        self.patience = patience
        self.encrypts = encrypts

    @classmethod
    def of(cls, settings: Settings) -> Postgres:
        """The warehouse that the settings name."""
        return cls(
            settings.warehouse, keep=settings.keep_nights, patience=settings.publish_patience,
            encrypts=writes_encrypted(settings),
        )  # fmt: skip

    def initialise(self) -> None:
        """See Warehouse.initialise: the schema is made by `etl warehouse init`, here it is only looked at."""
        with connect(self.url) as con:
            require_newest(con)

    def publish_vocabulary(self, release: Release) -> bool:
        """See Warehouse.publish_vocabulary."""
        return publish_vocabulary(self.url, release, self.patience)

    @contextmanager
    def _publishing(self, number: int) -> Iterator[Connection]:
        busy = "another publisher of this hospital is at work"
        with turn(self.url, hospital_turn(number), 0, busy), connect(self.url) as con:
            yield con

    def vocabulary(self) -> str | None:
        """See Warehouse.vocabulary."""
        with connect(self.url) as con:
            return current_release(con)

    def publish(
        self, publication: Publication, source: Mapping[str, object], progress: Tell | None = None
    ) -> dict[str, int]:
        """See Warehouse.publish."""
        tell = progress or (lambda _: None)
        with self._publishing(publication.number) as con:
            register(con, publication.hospital, publication.number, self.patience)
            forget(con, publication.hospital, publication.number, self.keep)
            steps = read_steps(con, publication.hospital)
            step = 1 + max([*(s.number for s in steps), *tables_of(con, publication.number).values()], default=0)
            made = (self._full, self._changes)[bool(publication.touched)]
            rows = made(con, publication, steps, step, source, tell)
            tell("published")
            forget(con, publication.hospital, publication.number, self.keep)
            tell("older nights forgotten")
            analyze_parents(con, () if publication.touched else hospital_tables(), self.patience, tell)
            return rows

    def _full(
        self, con: Connection, publication: Publication, steps: list[Step], step: int,
        source: Mapping[str, object], tell: Tell,
    ) -> dict[str, int]:  # fmt: skip
        old = steps[-1].parts if steps else {}
        parts = {name: part_of(name, publication.number, step) for name in hospital_tables()}
        rows = load_parts(self.url, parts, publication, tell)
        compare(rows, publication.rows)
        new = Step(
            publication.hospital, step, publication.run_id, publication.night, "full", parts, rows=rows,
            mappings=publication.mappings,
        )  # fmt: skip
        wait_for_old_readers(con, self.patience)
        tell("no reader looks at an older state")

        def record() -> None:  # before readers are held: they feel the swap alone
            write_step(con, new)
            keep_names(con, publication)
            keep_marks(con, publication)
            _replace_source(con, source)

        def work() -> None:
            swap(con, old, parts, publication.number)
            tell("swapped, not yet committed")

        held = transaction(con, parts, work, self.patience, before=record)
        tell(f"swapped in {held * 1000:.0f} ms")
        return rows

    def _changes(
        self, con: Connection, publication: Publication, steps: list[Step], step: int,
        source: Mapping[str, object], tell: Tell,
    ) -> dict[str, int]:  # fmt: skip
        if not steps:
            raise ConfigError(
                f"{publication.hospital} has no published night that changes could be made to",
                hint="map everybody again: etl run HOSPITAL DELIVERY --force",
            )
        current = steps[-1]
        found = changes.find_difference(self.url, publication, current, step, tell)
        compare(found.rows, publication.rows)
        new = Step(
            publication.hospital, step, publication.run_id, publication.night, "changes", current.parts,
            found.removed, found.added, found.rows, mappings=publication.mappings,
        )  # fmt: skip

        def work() -> None:
            changes.apply(con, current.parts, found.removed, found.added)
            write_step(con, new)
            keep_names(con, publication)
            keep_marks(con, publication)
            _replace_source(con, source)
            tell("changed, not yet committed")

        transaction(con, (), work, self.patience)
        return dict(found.rows)

    def published(self, hospital: str) -> Night | None:
        """See Warehouse.published."""
        with connect(self.url) as con:
            return read_published(con, hospital)

    def key_marks(self, hospital: str, number: int) -> Marks | None:
        """See Warehouse.key_marks."""
        with connect(self.url) as con:
            known = read_marks(con, hospital)
            if known is None and read_published(con, hospital):
                mine = in_range(hospital_tables()["person"], number)
                query = f"select coalesce(max(person_id) - {number << 24}, 0) from cdm.person where {mine}"
                row = con.execute(query).fetchone()
                known = Marks("", {"person": Mark(int(row[0]) if row else 0, "")})
        return known

    def nights(self, hospital: str) -> list[Night]:
        """See Warehouse.nights."""
        with connect(self.url) as con:
            steps = read_steps(con, hospital)[-self.keep :]
        return [s.as_night() for s in reversed(steps)]

    def clear(self, hospital: str, number: int, progress: Tell | None = None) -> dict[str, int]:
        """See Warehouse.clear."""
        tell = progress or (lambda _: None)
        with self._publishing(number) as con:
            steps = read_steps(con, hospital)
            parts = steps[-1].parts if steps else {}
            wait_for_old_readers(con, self.patience)

            def record() -> None:
                for table in ("published", "publication_step", "key_mark"):
                    con.execute(f"delete from admin.{table} where hospital = %s", [hospital])
                _date_source(con)

            def work() -> None:
                swap(con, parts, {}, number)
                tell("taken away, not yet committed")

            transaction(con, parts, work, self.patience, before=record)
            tell("taken away")
            forget(con, hospital, number, self.keep)
            return dict(steps[-1].rows) if steps else {}

    def rollback(self, hospital: str, number: int, step: int, progress: Tell | None = None) -> dict[str, int]:
        """See Warehouse.rollback."""
        tell = progress or (lambda _: None)
        with self._publishing(number) as con:
            steps = read_steps(con, hospital)
            at = next((i for i, s in enumerate(steps) if s.number == step), None)
            if at is None:
                raise ConfigError(
                    f"the publication {step} of {hospital} is not kept",
                    hint=f"the nights that are: etl rollback {hospital} --list",
                )
            target, current = steps[at], steps[-1]
            full = next((i for i in range(at + 1, len(steps)) if steps[i].kind == "full"), len(steps))
            changed = [] if full == len(steps) else list(target.parts)
            wait_for_old_readers(con, self.patience)

            def undo() -> None:
                changes.undo(con, target.parts, reversed(steps[at + 1 : full]))
                con.execute(
                    "delete from admin.publication_step where hospital = %s and step > %s", [hospital, target.number]
                )
                make_published(con, target)
                _date_source(con)

            def work() -> None:
                if changed:
                    swap(con, current.parts, target.parts, number)
                tell("gone back, not yet committed")

            transaction(con, changed, work, self.patience, before=undo)
            tell("gone back")
            forget(con, hospital, number, self.keep)
            return dict(target.rows)

    @contextmanager
    def reader(self) -> Iterator[DuckDBPyConnection]:
        """See Warehouse.reader: sees what the login of the URL is cleared for."""
        with closing(duckdb.connect(config={"threads": 2})) as con:
            if self.encrypts:
                load_cipher(con)
            attach(con, self.url, "warehouse", read_only=True)
            con.execute(f"use warehouse.{READ}")
            yield con

    def publish_results(self, file: Path) -> None:
        """See Warehouse.publish_results."""
        replace_results(self.url, file)

    def export(self, target: Path, progress: Callable[[str], None] | None = None) -> None:
        """See Warehouse.export."""
        with self.reader() as con:
            export(con, target, progress)


def _date_source(con: Connection) -> None:
    """What is published reaches as far as its oldest night everywhere, and was changed last by its newest."""
    con.execute(
        "update cdm.cdm_source set source_release_date = oldest, cdm_release_date = newest from (select "
        "min(night) as oldest, max(night) as newest from admin.published) p where oldest is not null"
    )


def _replace_source(con: Connection, source: Mapping[str, object]) -> None:
    """The one row of cdm_source, dated by what is published."""
    con.execute("lock table cdm.cdm_source in share row exclusive mode")  # keeps out other publishers, not readers
    con.execute("delete from cdm.cdm_source")
    names, marks = ", ".join(source), ", ".join(["%s"] * len(source))
    con.execute(f"insert into cdm.cdm_source ({names}) values ({marks})", list(source.values()))
    _date_source(con)
