"""`etl battery --explain`: what one check asks, in words and as SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from rich.text import Text

from etl.cli.console import out, print_json
from etl.errors import ConfigError, UsageError, nearest
from etl.mapping.read.documents import hospital_folders
from etl.quality.battery.battery import DASHBOARD, load_battery
from etl.quality.battery.checks import CHECKS, Check
from etl.quality.battery.explain import explained
from etl.quality.battery.overrides import Override, read_overrides
from etl.settings import Settings


def overrides_of(settings: Settings, hospital: str, checks: Iterable[Check]) -> dict[str, Override]:
    """What a hospital has otherwise, of the dashboard's checks and of ours; ConfigError for one that is none."""
    known = [f.name for f in hospital_folders(settings.mappings)]
    if hospital not in known:
        raise ConfigError(
            f"there is no hospital '{hospital}'{nearest(hospital, known)}",
            hint=f"a hospital is a folder of {settings.mappings}",
        )
    return read_overrides(settings.expectations / DASHBOARD, hospital, {c.id for c in checks})


def show_explained(settings: Settings, hospital: str | None, name: str, night: date, *, as_json: bool) -> None:
    """Print what a check asks, as on a night; UsageError where there is none of this name."""
    checks = load_battery(settings.expectations)
    overrides = overrides_of(settings, hospital, checks) if hospital is not None else {}
    check = next((c for c in checks if c.id == name), None)
    if check is None:
        hint = "etl battery --json tells the names of all"
        raise UsageError(f"there is no check '{name}'{nearest(name, (c.id for c in checks))}", hint=hint)
    told = explained(check, CHECKS, night.isoformat(), overrides.get(name))
    if as_json:
        print_json(told)
        return
    for key, value in told.items():
        out.print(Text(key, style="bold"))
        out.print(Text(value), soft_wrap=True)
        out.print()
