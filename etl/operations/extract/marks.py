"""How far the nights of a hospital have come: the highest value of each `since` column, by extracted night.

Kept in `ETL_HOME/extracted/<hospital>.json`, beside the lake. A night goes on from the newest earlier one whose
delivery came in: one that a gate kept out is extracted again as part of the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl.errors import ConfigError
from etl.files import read_json, write_atomically
from etl.night.lake.folds import read_folds
from etl.night.lake.state import STATE, read_said
from etl.settings import Settings

_KEPT = 1000  # records of a hospital
_READ: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat, "date": date.fromisoformat, "int": int, "Decimal": Decimal, "float": float,
    "str": str,
}  # fmt: skip
_WRITTEN_TIMES = {8: "%Y%m%d", 10: "%Y-%m-%d", 14: "%Y%m%d%H%M%S", 19: "%Y-%m-%d %H:%M:%S"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A value of a `since` column, as text with the name of its class."""

    kind: str
    value: str

    @classmethod
    def of(cls, value: Any) -> Mark:
        """The mark of a driver's value; ConfigError when it is nothing that goes on from night to night."""
        kind = type(value).__name__
        if kind not in _READ:
            raise ConfigError(
                f"a `since` column has values of class {kind}", hint="expected a time, a date, a number or a text"
            )
        return cls(kind, value.isoformat() if isinstance(value, date) else str(value))

    def low(self, overlap: float) -> Any:
        """The value that a night begins with: this one, or `overlap` (hours, or units of a number) below it."""
        value = _READ[self.kind](self.value)
        if not overlap:
            return value
        if isinstance(value, datetime):
            return value - timedelta(hours=overlap)
        if isinstance(value, date):
            return value - timedelta(days=-(-overlap // 24))
        if isinstance(value, str):
            return _earlier(value, overlap)
        return value - type(value)(overlap)


def _earlier(value: str, hours: float) -> str:
    """A time that is written as text, some hours earlier."""
    form = _WRITTEN_TIMES.get(len(value)) if re.fullmatch(r"[\d :-]+", value) else None
    try:
        return (datetime.strptime(value, form or "") - timedelta(hours=hours)).strftime(form or "")
    except ValueError:
        raise ConfigError(
            "`overlap` cannot reach back in a `since` column whose text is no time",
            hint="name a column with a time or a number, or leave `overlap` out",
        ) from None


@dataclass(frozen=True, slots=True)
class Record:
    """One extracted night: its delivery, the files that extraction wrote into `folder`, and how far it came."""

    night: date
    sha256: str
    folder: str
    files: tuple[str, ...]
    marks: dict[str, tuple[str, Mark]]  # by source: the column and its highest value

    @property
    def delivery(self) -> str:
        """Name of the delivery's folders in the lake."""
        return f"delivery={self.night:%Y%m%d}-{self.sha256[:12]}"


def state_file(settings: Settings, hospital: str) -> Path:
    """Where the records of a hospital are kept."""
    return settings.home / "extracted" / f"{hospital}.json"


def read_records(settings: Settings, hospital: str) -> list[Record]:
    """All extracted nights, in the order in which they were extracted."""
    file = state_file(settings, hospital)
    if not file.exists():
        return []
    return read_json(file, list[Record])


def add_record(settings: Settings, hospital: str, record: Record) -> None:
    """Remember a night whose delivery is complete; one with the same content replaces the older record."""
    known = [r for r in read_records(settings, hospital) if r.delivery != record.delivery]
    file = state_file(settings, hospital)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = [{**asdict(r), "night": r.night.isoformat()} for r in [*known, record][-_KEPT:]]
    write_atomically(file, json.dumps(rows, ensure_ascii=False, indent=1))


def came_in(settings: Settings, hospital: str) -> set[str]:
    """Names of the deliveries that have passed the source gate and count from then on."""
    merged, landed = settings.stage_folder("merge", hospital), settings.stage_folder("land", hospital)
    found = {layer.name for fold in read_folds(merged, landed) for layer in fold.layers}
    for state in merged.glob(f"delivery=*/{STATE}"):
        found |= {state.parent.name, *read_said(state).layers}
    return found


def last_marks(settings: Settings, hospital: str, night: date) -> dict[str, tuple[str, Mark]]:
    """The marks of the newest night before this one that came in; none when there is no such night."""
    came = came_in(settings, hospital)
    records = [r for r in read_records(settings, hospital) if r.night < night and r.delivery in came]
    return max(enumerate(records), key=lambda x: (x[1].night, x[0]))[1].marks if records else {}
