"""What a share of few rows says of the true one."""

from __future__ import annotations

from itertools import pairwise

import pytest

from etl.night.check.interval import at_most, interval


def test_few_rows_say_little_and_many_say_much() -> None:
    wide = [high - low for low, high in (interval(n // 2, n) for n in (2, 20, 200, 20_000))]
    assert all(more > less for more, less in pairwise(wide))
    assert wide[-1] < 0.02


@pytest.mark.parametrize(("counted", "total"), [(0, 9), (9, 9), (5, 9), (0, 1), (1, 1)])
def test_a_share_lies_in_its_interval(counted: int, total: int) -> None:
    low, high = interval(counted, total)
    assert 0 <= low <= counted / total <= high <= 1


def test_of_no_rows_everything_may_be_true() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    assert at_most(0, 3) > 0.5, "three records without a concept are no collapse"
