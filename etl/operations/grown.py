"""Deliveries of which more has come since a run took them: which are run again by themselves, which are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.load import load_mappings
from etl.night.missed import due_nights, newest_published, nights_in
from etl.night.taken import grown
from etl.operations.arrived import lacking
from etl.operations.plan import TIME_ZONE, Plan, Scheduling, delivery_folder, drop_folder
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Grown:
    """A night whose folder holds what no run took of it; `contents` is a digest of all that lies there.

    `late`: a newer night of changes is published, so that a person decides whether it is run. `lacks` is what the
    delivery still waits for; None where it is complete again.
    """

    hospital: str
    night: date
    folder: Path
    contents: str
    late: bool = False
    lacks: str | None = None

    @property
    def told(self) -> str:
        """What is known of it, for a log."""
        what = "a newer night is published, so it is not run by itself" if self.late else self.lacks
        return f"the night {self.night} of {self.hospital} grew after it was run: {what or 'it is run again'}"


def first_night(scheduling: Scheduling, now: datetime | None = None) -> date:
    """The oldest night that is looked at; `now` has a zone."""
    here = (now or datetime.now(UTC)).astimezone(ZoneInfo(TIME_ZONE))
    return here.date() - timedelta(days=scheduling.grown_days)


def grown_deliveries(settings: Settings, plan: Plan, since: date, *, settle_seconds: float) -> list[Grown]:
    """The nights since a day in a hospital's drop folder that have grown, the oldest first; see `grown_nights`.

    Without a manifest one is complete when it has been found the same for `settle_seconds` (0: it need not).
    """
    drops = drop_folder(settings, plan.hospital, plan.drops)
    nights = {night: delivery_folder(settings, plan.hospital, plan.drops, night) for night in nights_in(drops)}
    found = changed(settings, nights, since)
    if not found:  # as nearly always: no mapping is read
        return []
    mapping = load_mappings(settings.mappings, [plan.hospital])[plan.hospital]
    return [
        each if each.late else replace(each, lacks=lacking(settings, mapping, each.folder, settle_seconds))
        for each in grown_nights(settings, mapping, nights, found)
    ]


def changed(settings: Settings, nights: Mapping[date, Path], since: date) -> dict[date, str]:
    """Of the nights since a day those whose folders grew, each with a digest of what lies there."""
    recent = {night: folder for night, folder in nights.items() if night >= since}
    return {night: contents for night, folder in recent.items() if (contents := grown(settings, folder))}


def grown_nights(
    settings: Settings, mapping: HospitalMapping, nights: Mapping[date, Path], found: Mapping[date, str]
) -> list[Grown]:
    """Of nights that lie beside each other those `found` to have grown (see `changed`) that matter, the oldest first.

    Where nights are whole only the newest one does: it holds all of those before. Where they bring changes every one
    does, but those before the last whole one; one that is older than the published night is `late`.
    """
    if not found:
        return []
    hospital, ledger = mapping.hospital.hospital, Ledger(settings.ledger_url)
    published = newest_published(ledger, hospital)
    timely = {night for night in found if published is None or night >= published}
    if mapping.is_delta:
        due = {each.night for each in due_nights(ledger, hospital, nights, timely)}
        late = set(found) - timely
    else:
        due, late = {max(nights)}, set()
    return [
        Grown(hospital, night, nights[night], contents, late=night in late)
        for night, contents in sorted(found.items())
        if night in late or night in timely & due
    ]
