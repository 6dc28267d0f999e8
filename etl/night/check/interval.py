"""What a share of few rows says of the share there is in truth: Wilson's interval, which holds for few rows, too."""

from __future__ import annotations

from math import sqrt

_Z = 2.5758  # 99 % of a normal distribution lie within so many standard deviations


def interval(counted: int, total: int) -> tuple[float, float]:
    """Between which shares (0-1) the true one lies with 99 % certainty; of no rows anywhere."""
    if total <= 0:
        return 0.0, 1.0
    share, z = min(1.0, counted / total), _Z * _Z
    middle, wide = share + z / (2 * total), _Z * sqrt(share * (1 - share) / total + z / (4 * total * total))
    return max(0.0, (middle - wide) / (1 + z / total)), min(1.0, (middle + wide) / (1 + z / total))


def at_most(counted: int, total: int) -> float:
    """The greatest share that it may be in truth."""
    return interval(counted, total)[1]
