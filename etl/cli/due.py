"""Which nights `etl run --all` has to run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from etl.errors import EtlError, InputError
from etl.mapping.load import load_mappings
from etl.mapping.read.documents import hospital_folders
from etl.night.folder import holds_a_day, named_after
from etl.night.missed import due_nights, nights_in
from etl.operations.grown import Grown, changed, first_night, grown_nights
from etl.operations.plan import load_scheduling
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to run."""

    hospital: str
    folder: Path
    night: date | None = None
    refused: EtlError | None = None  # why it cannot even be said which nights are due

    def of_night(self) -> date | None:
        """The night that was asked for; None where the folder's name tells it."""
        if self.refused is not None:
            raise self.refused
        return self.night


def nights_due(settings: Settings, exports: Path) -> list[Due]:
    """The nights to run below `exports/<hospital>/` of every hospital that has a mapping.

    Of one that delivers whole nights the newest; of one that brings changes every night since the one published, in
    their order, and that one too if more of it has come.
    """
    found: list[Due] = []
    for name in (folder.name for folder in hospital_folders(settings.mappings)):
        if nights := nights_in(exports / name):
            found += _due(settings, name, nights)
        elif unclear := _unclear(exports / name):
            found.append(Due(name, unclear[-1]))  # which says why it cannot be run
    if not found:
        raise InputError(
            f"no delivery of a known hospital below {exports}", hint=f"expected {exports}/<hospital>/<YYYY-MM-DD>/"
        )
    return found


def _due(settings: Settings, hospital: str, nights: dict[date, Path]) -> list[Due]:
    newest = nights[max(nights)]
    try:
        mapping = load_mappings(settings.mappings, [hospital])[hospital]
        if not mapping.is_delta:
            return [Due(hospital, newest)]
        found = changed(settings, nights, first_night(load_scheduling()))
        again = {each.night for each in grown_nights(settings, mapping, nights, found) if not each.late}
        due = due_nights(Ledger(settings.ledger_url), hospital, nights, again)
    except EtlError as error:
        return [Due(hospital, newest, refused=error)]
    return [Due(hospital, each.folder) for each in due] or [Due(hospital, newest)]


def late_nights(settings: Settings, exports: Path) -> list[Grown]:
    """Nights of changes below `exports` of which more has come, that are older than what is published: nobody guesses.

    What cannot be looked at is left to the nights themselves to tell.
    """
    since, late = first_night(load_scheduling()), []
    for name in (folder.name for folder in hospital_folders(settings.mappings)):
        nights = nights_in(exports / name)
        if found := changed(settings, nights, since):
            with suppress(EtlError):
                mapping = load_mappings(settings.mappings, [name])[name]
                late += [each for each in grown_nights(settings, mapping, nights, found) if each.late]
    return late


def not_nights(settings: Settings, exports: Path) -> list[Path]:
    """Folders of known hospitals that hold a day in their names but are not named after it alone: nobody guesses."""
    return [f for hospital in hospital_folders(settings.mappings) for f in _unclear(exports / hospital.name)]


def _unclear(drops: Path) -> list[Path]:
    return [f for f in sorted(drops.glob("[!.]*")) if f.is_dir() and holds_a_day(f) and not named_after(f)]
