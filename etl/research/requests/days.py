"""Working days in Korea: all but Saturdays, Sundays and public holidays."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, lru_cache

from holidays import HolidayBase, country_holidays


@cache
def _holidays() -> HolidayBase:
    return country_holidays("KR")


def is_working_day(day: date) -> bool:
    """Whether offices are open on a day."""
    return day.weekday() < 5 and day not in _holidays()


@lru_cache(maxsize=4096)  # lists ask it of the same days again and again
def after(day: date, working_days: int) -> date:
    """The day that lies a number of working days after another one; that one itself is not counted."""
    left = working_days
    while left > 0:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return day


@lru_cache(maxsize=4096)
def days_late(due: date, today: date) -> int:
    """Working days that have passed since a day that something was due on, today included; 0: it is not late."""
    return sum(is_working_day(due + timedelta(days=n)) for n in range(1, (today - due).days + 1))
