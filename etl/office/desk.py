"""What every request needs: settings, the ledger, the names of hospitals, who vouches for accounts."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from threading import Lock

from etl.errors import EtlError
from etl.night.remember import again
from etl.office.oidc import Issuer, issuer_of
from etl.quality.report.names import HospitalName, hospital_names
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


class Desk:
    """Opened when the office opens; the ledger when it is first needed, so that one that is away can come back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger: Ledger | None = None
        self._opening = Lock()

    @property
    def ledger(self) -> Ledger:
        """The ledger; TransientError while it is away."""
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger(self.settings.ledger_url)
            return self._ledger

    @cached_property
    def names(self) -> dict[str, HospitalName]:
        """Hospitals' names."""
        return hospital_names(self.settings)

    @cached_property
    def issuer(self) -> Issuer | None:
        """Who vouches for accounts in the place of passwords, where somebody does."""
        return issuer_of(self.settings.office_oidc) if self.settings.office_oidc else None

    def again(self, run_id: str) -> str | None:
        """The command by which a run is run again; None where it cannot be told here."""
        with suppress(EtlError):
            return again(self.settings, run_id)
        return None
