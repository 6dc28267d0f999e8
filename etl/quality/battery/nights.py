"""Measures what is published of each hospital, as on its own night, and keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.faults import as_etl_error
from etl.mapping.read.documents import hospital_folders, read_head
from etl.quality.battery.battery import DASHBOARD, load_battery, states_of
from etl.quality.battery.changed import Change, DoesNotAddUp, changes_of, measure_changed
from etl.quality.battery.checks import Check
from etl.quality.battery.kept import Published, is_kept, keep, keep_failure
from etl.quality.battery.lake import read_from_lake
from etl.quality.battery.measure import Measured, measure
from etl.quality.battery.parted import basis
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse


def checks_folder(settings: Settings) -> Path:
    """Where the checks are written down; where it is missing, no battery is asked."""
    return settings.expectations / DASHBOARD


def checks_by_id(settings: Settings) -> Mapping[str, Check]:
    """All checks by their ids, read again when their files change; ConfigError as `load_battery`."""
    return _read(settings.expectations, states_of(settings.expectations))


@lru_cache(maxsize=2)
def _read(expectations: Path, _changed: tuple[tuple[str, int], ...]) -> Mapping[str, Check]:
    return {check.id: check for check in load_battery(expectations)}


def hospital_numbers(settings: Settings) -> dict[str, int]:
    """The numbers of the hospitals whose `hospital.yaml` says one."""
    said = {folder.name: read_head(folder).data.get("number") for folder in hospital_folders(settings.mappings)}
    return {hospital: number for hospital, number in said.items() if isinstance(number, int)}


def published(ledger: Ledger, hospital: str, number: int) -> Published | None:
    """What is published of a hospital, as the ledger says; None: nothing."""
    last = ledger.last_published(hospital)
    return Published(hospital, number, last["night"], last["run_id"], last["number"]) if last else None


def unmeasured(settings: Settings, ledger: Ledger, *, again: bool = False) -> list[Published]:
    """The published nights that are not kept, or with `again` all newest ones; by night."""
    newest = [published(ledger, hospital, number) for hospital, number in hospital_numbers(settings).items()]
    return sorted((p for p in newest if p and (again or not is_kept(ledger, p))), key=lambda p: (p.night, p.hospital))


def measure_nights(settings: Settings, ledger: Ledger, *, again: bool = False) -> list[str]:
    """Measure and keep what is published and not kept yet; a line for each hospital of which it failed.

    Hospitals of the same night are measured in the same passes, and after nights of changes by what changed. What
    cannot be measured now is noted, and tried again the next time; `again` everything is measured.
    """
    if not checks_folder(settings).is_dir():
        return []
    due = unmeasured(settings, ledger, again=again)
    checks = list(checks_by_id(settings).values()) if due else []
    return [line for _, group in groupby(due, key=lambda p: p.night)
            for line in _measure(settings, ledger, list(group), checks, again=again)]  # fmt: skip


def _measure(
    settings: Settings, ledger: Ledger, due: Sequence[Published], checks: Sequence[Check], *, again: bool
) -> Iterator[str]:  # fmt: skip
    warehouse = open_warehouse(settings)
    try:
        asked = basis(checks, warehouse.vocabulary())
        changes = None if again else changes_of(settings, ledger, warehouse, due, asked)
        with warehouse.reader() as con:
            read_from_lake(settings, warehouse, con)
            measured = _look(settings, ledger, con, checks, due[0].night, changes)
    except Exception as raised:  # the nights are published: nothing that is wrong here may disturb them
        error = as_etl_error(raised)
        yield from (_not_kept(ledger, each, error.message) for each in due)
        return
    for each in due:
        held = warehouse.published(each.hospital)
        if published(ledger, each.hospital, each.number) != each or held is None or held.run_id != each.run_id:
            yield f"{each.hospital}: another night was published meanwhile; it is measured the next time"
        elif each.number not in measured.hospitals:
            yield _not_kept(ledger, each, "the warehouse has no person of the hospital")
        else:
            keep(ledger, measured, each, checks, asked)


def _look(
    settings: Settings, ledger: Ledger, con: DuckDBPyConnection, checks: Sequence[Check], night: date,
    changes: Sequence[Change] | None,
) -> Measured:  # fmt: skip
    """A measurement of all rows, or of those that changed where that tells the same."""
    if changes:
        try:
            return measure_changed(settings, ledger, con, checks, changes)
        except DoesNotAddUp:
            pass
    return measure(con, checks, night)


def _not_kept(ledger: Ledger, each: Published, error: str) -> str:
    keep_failure(ledger, each, error)
    return f"{each.hospital}: the night {each.night} could not be measured: {error}"
