"""Whether a share changed, or only looks different because it was counted on other rows.

A share of rows has an interval in which the true one lies with 99 % certainty (Wilson's, which holds for few rows and
for none, too). Where the intervals of two nights overlap, chance explains the difference; and what moves by less than a
tenth is not told even of so many rows that every interval is narrow. So a table that grows as it always did makes no
noise.
"""

from __future__ import annotations

from dataclasses import dataclass

from etl.night.check.interval import interval

_LEAST = 0.1  # of the larger share


@dataclass(frozen=True, slots=True)
class Share:
    """So many rows of how many; more are possible than there are where a check counts joined rows."""

    violated: int
    total: int

    @property
    def value(self) -> float:
        """0 to 1."""
        return min(1.0, self.violated / self.total)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies."""
        return interval(self.violated, self.total)


def share_of(violated: int | None, total: int | None) -> Share | None:
    """A share where one was counted."""
    return Share(violated, total) if violated is not None and total else None


def compare(before: Share | None, now: Share | None) -> int:
    """1 where a share grew beyond what chance explains, -1 where it fell, else 0; of what was not counted 0."""
    if before is None or now is None:
        return 0
    (low, high), (least, most) = before.interval, now.interval
    if abs(now.value - before.value) < _LEAST * max(now.value, before.value):
        return 0
    return 1 if least > high else -1 if most < low else 0


def grew_times(before: Share | None, now: Share | None, times: float) -> bool:
    """Whether a share is at least so many times what it was, and chance does not explain it."""
    return compare(before, now) > 0 and before is not None and now is not None and now.value >= times * before.value
