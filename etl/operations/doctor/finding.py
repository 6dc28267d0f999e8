"""What a check finds, and what checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import make_url

from etl.errors import EtlError
from etl.operations.plan import Plan, Scheduling
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

State = Literal["ok", "warn", "fail"]
Code = Literal[4, 5]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is like and, unless it is well, the next step. Never a value or a secret.

    `code` is the exit code of a `fail`: 4 a person has to correct something, 5 it may pass (`etl.errors`).
    """

    subject: str
    what: str
    state: State
    text: str
    step: str | None = None
    code: Code = 4


@dataclass(frozen=True)
class Look:
    """What checks look at: the settings, the hospitals asked for, the environment, the time (with a zone)."""

    settings: Settings
    scheduling: Scheduling
    plans: tuple[Plan, ...]
    environment: Mapping[str, str]
    now: datetime

    @property
    def hospitals(self) -> list[str]:
        """Short names of the hospitals asked for."""
        return [plan.hospital for plan in self.plans]

    @cached_property
    def ledger(self) -> Ledger | None:
        """The ledger, or None where no run has made one: looking must not make it."""
        url = make_url(self.settings.ledger_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return None
        return Ledger(self.settings.ledger_url)


def from_error(subject: str, what: str, error: EtlError) -> Finding:
    """An error of the pipeline as a finding that fails."""
    code: Code = 5 if error.exit_code == 5 else 4
    return Finding(subject, what, "fail", error.message, error.hint, code)


def gigabytes(size: float) -> str:
    """A size in bytes as people say it."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
