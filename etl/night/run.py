"""One run: a delivery of one hospital with all that its stages need, and the folders where they leave their work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import etl
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import Delivery
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Warehouse
from etl.vocabulary.release import Release

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A delivery on its way; every stage is a function of this."""

    settings: Settings
    mapping: HospitalMapping
    delivery: Delivery
    release: Release
    force: bool = False  # do the work of every stage again, even where it lies finished
    reason: str | None = None  # why, in a person's words

    @property
    def run_id(self) -> str:
        """Its name in the ledger."""
        return self.delivery.run_id

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.settings.ledger_url)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, opened once: to attach its catalogue takes half a second."""
        return open_warehouse(self.settings)

    def folder(self, stage: str) -> Path:
        """Where a stage that writes Parquet leaves its work."""
        place = self.settings.stage_folder(stage, self.delivery.hospital)
        return place / f"delivery={self.delivery.night:%Y%m%d}-{self.delivery.sha256[:12]}"

    @property
    def fingerprint(self) -> str:
        """What a run's result depends on besides the delivery: program, mappings, vocabulary release."""
        text = "\0".join((etl.__version__, self.mapping.digest, self.release.name))
        return hashlib.sha256(text.encode()).hexdigest()
