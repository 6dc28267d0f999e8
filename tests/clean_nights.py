"""Chains of clean nights (`data/clean_nights.yaml`), and what is told of each that was not told of the night before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import yaml
from fault_nights import Alarms, Nights
from long_runs import Notes
from pydantic import BaseModel, ConfigDict

CHAINS = Path(__file__).parent / "data" / "clean_nights.yaml"


class Chain(BaseModel):
    """Nights of one hospital one after the other, with invented patients of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hospital: str
    seed: int
    first: date
    nights: int
    over: str
    patients: int | None = None
    changes: bool = False

    @property
    def name(self) -> str:
        """Tells it apart from the others."""
        return f"{self.hospital}-{self.first}{'-changes' if self.changes else ''}"


class _Chains(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    patients: int
    chains: tuple[Chain, ...]


def chains() -> tuple[Chain, ...]:
    """All chains of the file."""
    return _read().chains


def patients() -> int:
    """How many patients each hospital has."""
    return _read().patients


def nights_of(chain: Chain, folder: Path, size: int | None = None) -> Nights:
    """The chain's hospital below `folder`, after its first night."""
    return Nights(folder, chain.hospital, patients=size or chain.patients or patients(), seed=chain.seed,
                  night=chain.first + timedelta(days=1), before=1, month=False, changes=chain.changes)  # fmt: skip


def go_on(notes: Notes) -> None:
    """Run what is left of the chain that the notes are of."""
    (chain,) = (c for c in chains() if c.name == notes.piece)
    done = len(notes.lines())
    if not done:
        shutil.rmtree(notes.place, ignore_errors=True)
    for night, alarms in _alarms(nights_of(chain, notes.place), chain.nights, done):
        notes.add(night=night.isoformat(), state=alarms.state, told=alarms.told, seconds=alarms.seconds)


def _alarms(nights: Nights, count: int, done: int) -> Iterator[tuple[date, Alarms]]:
    for days in range(done, count):
        yield nights.night + timedelta(days=days), nights.alarms_of(days)


def _read() -> _Chains:
    return _Chains.model_validate(yaml.safe_load(CHAINS.read_text(encoding="utf-8")))
