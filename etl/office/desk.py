"""What every request needs: settings, the ledger, the names of hospitals, who vouches for accounts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import cached_property
from threading import Lock

from etl.errors import EtlError
from etl.night.remember import again
from etl.office.oidc import Issuer, issuer_of
from etl.quality.battery.checks import Check
from etl.quality.battery.newest import Judged, Known, judged, newest_looks
from etl.quality.battery.nights import checks_by_id, checks_folder
from etl.quality.findings.told import small_cells
from etl.quality.names import HospitalName, hospital_names
from etl.settings import Settings
from etl.store.ledger.engines import wait_at_most
from etl.store.ledger.ledger import Ledger

#: Seconds that a page waits for who else writes the ledger, before it says that it is not there now.
PATIENCE = 3.0


class Desk:
    """Opened when the office opens; the ledger when it is first needed, so that one that is away can come back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger: Ledger | None = None
        self._opening = Lock()
        self._judged: Known = {}

    @property
    def ledger(self) -> Ledger:
        """The ledger; TransientError while it is away."""
        with self._opening:
            if self._ledger is None:
                opened = Ledger(self.settings.ledger_url)
                wait_at_most(opened.engine, PATIENCE)
                self._ledger = opened
            return self._ledger

    @cached_property
    def names(self) -> dict[str, HospitalName]:
        """Hospitals' names."""
        return hospital_names(self.settings)

    @cached_property
    def small_cells(self) -> Mapping[str, int]:
        """Below how many persons a number is not told, by hospital."""
        return small_cells(self.settings)

    @property
    def checks(self) -> Mapping[str, Check]:
        """The battery's checks by id; none where there is no battery, or what is written of it is wrong."""
        with suppress(EtlError):
            return checks_by_id(self.settings)
        return {}

    def measured(self, until: date | None = None) -> list[Judged]:
        """Every hospital's newest measured night, or the newest up to a day, judged by the thresholds of today."""
        looks = newest_looks(self.ledger, until) if self.checks else []
        return judged(self.ledger, looks, self.checks, checks_folder(self.settings), self._judged)

    @cached_property
    def issuer(self) -> Issuer | None:
        """Who vouches for accounts in the place of passwords, where somebody does."""
        return issuer_of(self.settings.office_oidc) if self.settings.office_oidc else None

    def again(self, run_id: str) -> str | None:
        """The command by which a run is run again; None where it cannot be told here."""
        with suppress(EtlError):
            return again(self.settings, run_id)
        return None
