"""Removes what no published night needs any more, hospital by hospital and then in the warehouse.

Every part goes as a whole: a folder is renamed first, and what a broken-off removal left goes with the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.errors import EtlError
from etl.mapping.load import load_mappings
from etl.mapping.read.documents import hospital_folders
from etl.night.lake.layers import ROWS_REMOVED
from etl.night.lake.names import MARKER
from etl.night.lock import hospital_lock
from etl.operations.retention.keep import what_is_kept
from etl.operations.retention.plan import REMOVED, Removal, old_notes, removals
from etl.settings import Settings
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.open import open_warehouse

WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True)
class Rules:
    """How long things stay.

    keep: published nights of a hospital whose files stay (never fewer than the warehouse can go back to).
    hours: nothing younger goes, so that whoever reads it can end.
    page_days: pages of nights of so many days stay, and notes on folders that were written since.
    """

    keep: int
    hours: float = 24
    page_days: int = 400

    @property
    def before(self) -> datetime:
        """What was written after this moment stays."""
        return datetime.now(UTC) - timedelta(hours=self.hours)


def clean_hospital(settings: Settings, hospital: str, rules: Rules, *, dry_run: bool = False) -> list[Removal]:
    """Remove what a hospital does not need any more, or only tell what that is.

    Raises TransientError while a run of the hospital is at work.
    """
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    before = rules.before
    with hospital_lock(settings, hospital):
        kept = what_is_kept(settings, mapping, open_warehouse(settings), rules.keep, before)
        if kept is None:
            return []
        pages_from = (datetime.now(UTC) - timedelta(days=rules.page_days)).date()
        found = removals(settings, hospital, kept, before, pages_from)
        for removal in () if dry_run else found:
            _remove(removal)
    return found


def clean_warehouse(settings: Settings, rules: Rules, *, dry_run: bool = False) -> list[Removal]:
    """Let the embedded warehouse forget the snapshots that nobody can go back to, and remove their files.

    One on PostgreSQL keeps its older nights itself and drops them when it publishes.
    """
    warehouse = open_warehouse(settings)
    if not isinstance(warehouse, DuckLake):
        return []
    found = warehouse.expire(rules.before, dry_run=dry_run)
    return [Removal("", WAREHOUSE, file, size) for file, size in found.items()]


def clean_notes(settings: Settings, rules: Rules, *, dry_run: bool = False) -> list[Removal]:
    """Remove the notes on drop folders that are older than pages may be."""
    found = old_notes(settings, datetime.now(UTC) - timedelta(days=rules.page_days))
    for removal in () if dry_run else found:
        _remove(removal)
    return found


def clean(
    settings: Settings, hospitals: Sequence[str], rules: Rules, *, dry_run: bool = False,
    failed: Callable[[str, EtlError], None],
) -> list[Removal]:  # fmt: skip
    """Clean hospitals (none: all that have mappings) and the warehouse.

    `failed` is told of a hospital that could not be cleaned, and why; the others are.
    """
    found: list[Removal] = []
    for hospital in hospitals or [f.name for f in hospital_folders(settings.mappings)]:
        try:
            found += clean_hospital(settings, hospital, rules, dry_run=dry_run)
        except EtlError as error:
            failed(hospital, error)
    found += clean_notes(settings, rules, dry_run=dry_run)
    found += clean_warehouse(settings, rules, dry_run=dry_run)
    return found


def _remove(removal: Removal) -> None:
    path = removal.path
    if removal.stripped:
        _strip(path)
    elif path.is_dir():
        _remove_folder(path)
    else:
        path.unlink(missing_ok=True)


def _strip(folder: Path) -> None:
    """Remove the rows of a landed folder; first of all it says so, so that nobody takes it for whole."""
    if (folder / MARKER).exists():
        (folder / MARKER).replace(folder / ROWS_REMOVED)
    for rows in [f for f in folder.iterdir() if f.is_dir()]:
        shutil.rmtree(rows)


def _remove_folder(folder: Path) -> None:
    gone = folder if folder.name.startswith(REMOVED) else folder.with_name(f"{REMOVED}{folder.name}")
    if gone is not folder:
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
    shutil.rmtree(gone)
