"""All checks of the battery: those of the dashboard, and ours."""

from __future__ import annotations

from pathlib import Path

from etl.errors import ConfigError
from etl.quality.battery.checks import CHECKS, TYPES, Check, load_checks
from etl.quality.battery.own.load import load_own

#: Folders below the expectations: the dashboard's checks, with what hospitals have otherwise; and ours.
DASHBOARD, OWN = "dqd", "checks"


def load_battery(expectations: Path) -> list[Check]:
    """The checks of both; ConfigError for what is wrong with their files."""
    theirs, ours = load_checks(expectations / DASHBOARD), load_own(expectations / OWN)
    taken = {check.id for check in theirs}
    twice = [
        f"{check.own.place}: the dashboard has a check '{check.id}'"
        for check in ours
        if check.own and check.id in taken
    ]
    if twice:
        raise ConfigError("\n".join(twice), hint="give it another name")
    return [*theirs, *ours]


def states_of(expectations: Path) -> tuple[tuple[str, int], ...]:
    """The files that the checks are written in and when each was changed last: what else is read of them stays."""
    files = [expectations / DASHBOARD / name for name in (TYPES, CHECKS)]
    files += sorted(file for ending in ("yaml", "sql", "csv") for file in (expectations / OWN).glob(f"*.{ending}"))
    return tuple((file.name, file.stat().st_mtime_ns) for file in files if file.exists())
