"""Whether the key stores are well: readable, as far as what is published, and backed up."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from etl.operations.keys.backup import BACKED_UP
from etl.settings import Settings
from etl.store.keys.fitting import file_of, look_into, marks_in, misfit
from etl.store.keys.keystore import secret_fits
from etl.store.warehouse.open import open_warehouse


@dataclass(frozen=True, slots=True)
class State:
    """A hospital's store: how many persons it knows, what is wrong (None: nothing), and when it was backed up."""

    hospital: str
    persons: int | None
    wrong: str | None
    backed_up_at: datetime | None


def states(settings: Settings, numbers: Mapping[str, int]) -> list[State]:
    """Look at the store of each hospital that has one, or should."""
    warehouse = open_warehouse(settings)
    noted = settings.keys / BACKED_UP
    made = datetime.fromtimestamp(noted.stat().st_mtime, UTC).replace(tzinfo=None) if noted.exists() else None
    found = []
    for hospital, number in numbers.items():
        known, file = warehouse.key_marks(hospital, number), file_of(settings, hospital)
        if known is None and not file.exists():
            continue
        persons, wrong = None, None
        try:
            if file.exists():
                with closing(look_into(file)) as con:
                    (fine,) = con.execute("pragma quick_check").fetchone()
                wrong = None if fine == "ok" else "is damaged"
                mark = marks_in(file).by_namespace.get("person")
                persons = mark.highest if mark else 0
            wrong = wrong or (misfit(file, known) if known else None) or _of_secret(settings, hospital)
        except sqlite3.Error as error:
            wrong = f"cannot be read ({type(error).__name__})"
        found.append(State(hospital, persons, wrong, made))
    return found


def _of_secret(settings: Settings, hospital: str) -> str | None:
    if settings.key_secret is None:
        return "cannot be opened: ETL_KEY_SECRET is not set"
    fits = secret_fits(file_of(settings, hospital), hospital, settings.key_secret.get_secret_value())
    return "was made with another ETL_KEY_SECRET" if fits is False else None
