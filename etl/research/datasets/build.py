"""Builds a version of a data set: of one published moment, there wholly or not at all, with what tells what it is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.at_rest import writes_encrypted
from etl.engine import copy_to, scratch_folder
from etl.errors import GateClosed, TransientError
from etl.research.concepts.usage import strictest_small_cell
from etl.research.datasets import changes, checks, kept, told
from etl.research.datasets.columns import WIDE, long_rows, type_of
from etl.research.datasets.definition import Dataset, titles
from etl.research.datasets.find import find, prepare
from etl.research.datasets.kept import Before, File, Made, Manifest
from etl.research.datasets.series import MEMBERS, Asked
from etl.research.datasets.snapshot import Snapshot, taken
from etl.research.datasets.units import conversions
from etl.research.datasets.words import Variable
from etl.settings import Settings
from etl.store.ledger.ledger import now
from etl.store.recorded import tell as tell_log
from etl.store.warehouse.open import open_warehouse

Tell = Callable[[str], None]
_COHORT = (
    f"select 1 as cohort_definition_id, person_id as subject_id, index_date as cohort_start_date, "
    f"end_date as cohort_end_date from {MEMBERS} order by number"
)


@dataclass(frozen=True, slots=True)
class Built:
    """A version; `anew`: it was built now, and did not stand already. `removed` are versions that are kept no more."""

    manifest: Manifest
    anew: bool
    removed: tuple[int, ...] = ()


def build(settings: Settings, dataset: Dataset, by: str, tell: Tell, *, again: bool = False) -> Built:
    """Build the next version, or give the newest where it is of the same definition, nights, vocabulary and program.

    Raises GateClosed, and nothing stands, where a check fails; TransientError where a night is published meanwhile.
    """
    with kept.at_work(settings, dataset.name) as folder:
        began, warehouse = time.monotonic(), open_warehouse(settings)
        before, snapshot = _newest(settings, dataset.name), taken(warehouse)
        if before and not again and (before.digest, before.snapshot) == (dataset.digest, snapshot):
            return Built(before, anew=False)
        with scratch_folder(settings) as scratch, warehouse.reader() as con:
            prepare(con, settings, scratch)
            con.execute("begin")  # every table is of one moment
            made = _work(con, settings, folder, dataset, snapshot, before, tell)
            con.execute("rollback")
        if taken(warehouse) != snapshot:
            raise TransientError("a night was published while the data set was built", hint="run again")
        if wrong := checks.failed(made.checks):
            raise GateClosed(
                f"{dataset.name}: nothing was built, for this does not hold: {'; '.join(wrong)}",
                hint=f"correct the cohort: {settings.datasets / dataset.name}",
            )
        _stand(settings, folder, made, by, time.monotonic() - began)
        return Built(made, anew=True, removed=tuple(kept.remove_old(settings, dataset.name, dataset.said.keep)))


def _newest(settings: Settings, name: str) -> Manifest | None:
    there = kept.versions(settings, name)
    return kept.manifest(settings, name, there[-1]) if there else None


def _work(
    con: DuckDBPyConnection, settings: Settings, folder: Path, dataset: Dataset, snapshot: Snapshot,
    before: Manifest | None, tell: Tell,
) -> Manifest:  # fmt: skip
    """Find the rows, write the files, and say what they are."""
    cell = strictest_small_cell(settings)
    wanted = find(con, dataset, conversions(settings), tell)
    tell("files")
    files = _write(con, settings, folder, dataset, wanted)
    tell("measuring")
    made = _measured(con, dataset, wanted, snapshot, files, cell)
    if before is None:
        return made
    said = Before(before.version, kept.digest_of_manifest(settings, before.name, before.version))
    return replace(
        made, version=before.version + 1, before=said, changes=_changes(con, settings, dataset, made, before, cell)
    )


def _measured(
    con: DuckDBPyConnection, dataset: Dataset, wanted: Asked, snapshot: Snapshot, files: Mapping[str, File], cell: int
) -> Manifest:
    """A first version's manifest."""
    hospitals = {name: state.number for name, state in snapshot.hospitals.items()}
    units = told.units(con, dataset, wanted, cell)
    return Manifest(
        name=dataset.name, version=1, definition=dataset.files, digest=dataset.digest, snapshot=snapshot,
        small_cell=cell, sizes=told.sizes(con, hospitals, cell), attrition=told.attrition(con, hospitals, cell),
        columns={each.name: _described(each) for each in dataset.said.variables},
        completeness=told.completeness(con, dataset, hospitals, cell),
        distributions=told.distributions(con, dataset, cell), units=units,
        checks=checks.made(con, dataset, wanted, units), files=files,
    )  # fmt: skip


def _described(variable: Variable) -> dict[str, Any]:
    """A variable for the dictionary: its titles and type, and what it is taken of."""
    said = variable.model_dump(by_alias=True, exclude_none=True, exclude={"name", "title"})
    return {"title": titles(variable).model_dump(), "type": type_of(variable), **said}


def _write(
    con: DuckDBPyConnection, settings: Settings, folder: Path, dataset: Dataset, wanted: Asked
) -> dict[str, File]:
    """Write the tables of a version; returns the files by name."""
    queries = {kept.DATA: f"from {WIDE}", kept.COHORT: _COHORT}
    queries |= {kept.file_of_long(each.name): long_rows(each, wanted) for each in dataset.said.long}
    found = {}
    for name, query in queries.items():
        copy_to(con, query, folder / name, encrypted=writes_encrypted(settings))
        (folder / name).chmod(0o600)
        found[name] = File(kept.digest(folder / name), told.rows_digest(con, query))
    return found


def _changes(
    con: DuckDBPyConnection, settings: Settings, dataset: Dataset, made: Manifest, before: Manifest, cell: int
) -> dict[str, Any]:
    why = changes.causes((before.digest, before.snapshot), (made.digest, made.snapshot))
    nights = {s.number: s.night for s in before.snapshot.hospitals.values() if s.night}
    both = {each.name: each for each in dataset.said.variables if each.name in before.columns}
    old = f"from {kept.rows_of(settings, dataset.name, before.version)}"
    return changes.compare(con, old, f"from {WIDE}", both, why, nights, max(cell, before.small_cell))


def _stand(settings: Settings, folder: Path, made: Manifest, by: str, seconds: float) -> None:
    """Write what tells what the version is, and give its folder the name by which it is found, as the last step."""
    text = json.dumps(asdict(made), ensure_ascii=False, indent=1, sort_keys=True, default=str)
    (folder / kept.MANIFEST).write_text(text, encoding="utf-8")
    said = Made(now().isoformat(timespec="seconds"), by, round(seconds, 1), kept.digest(folder / kept.MANIFEST))
    (folder / kept.MADE).write_text(json.dumps(asdict(said), ensure_ascii=False), encoding="utf-8")
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    tell_log(settings, "data set built", f"{made.name} {made.version}", actor=by, details={"manifest": said.manifest})
    folder.replace(kept.folder_of(settings, made.name, made.version))
