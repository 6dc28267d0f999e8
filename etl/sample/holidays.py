"""The days that clinics are open: no Saturdays, Sundays and public holidays of Korea (`lists/holidays.csv`)."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np

from etl.sample.catalogue import HERE, read_rows
from etl.sample.frame import Ints

_FRIDAY = 4
_EPOCH = date(1970, 1, 1)


def open_days(days: Ints) -> Ints:
    """Of days since 1970 (a Thursday) each if clinics are open, else the next on which they are."""
    first, opens = _calendar()
    return opens[np.clip(days - first, 0, len(opens) - 1)]


@cache
def _calendar() -> tuple[int, Ints]:
    """The first day told of, and of each from then on the day that clinics are open, then or next."""
    closed = {(date.fromisoformat(row["day"]) - _EPOCH).days for row in read_rows(HERE / "lists" / "holidays.csv")}
    first, last = min(closed) - 366, max(closed) + 366
    opens = np.arange(first, last + 1, dtype=np.int64)
    for place in range(len(opens) - 2, -1, -1):
        day = first + place
        if (day + 3) % 7 > _FRIDAY or day in closed:
            opens[place] = opens[place + 1]
    return first, opens
