"""The same files under another date are told, unless a hospital often has nothing new for so long."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from etl.night.check.arrival import stood_as_long

MONDAY = date(2026, 6, 1)


def as_long(came: str) -> bool:
    """Nights from a Monday on, a letter for what each brought; weekends are closed."""
    nights = [(MONDAY + timedelta(days=n), what) for n, what in enumerate(came)]
    return stood_as_long(nights, lambda day: day.weekday() < 5)


@pytest.mark.parametrize(
    ("came", "usual"),
    [
        ("ab", True),  # nothing came twice
        ("abb", False),  # a workday without anything new, for the first time
        ("abcdeee", True),  # a Saturday and a Sunday
        ("abcdeeee", False),  # and a Monday
        ("aabcc", True),  # as long as once before
        ("aabbb", False),  # longer
        ("aba", False),  # an old file: it did not stand still
        ("aaabcaa", False),
    ],
)
def test_files_stand_still_as_long_as_once_before(came: str, usual: bool) -> None:
    assert as_long(came) is usual
