"""Which days a space shows: the same of everybody, after days were moved.

Were rows chosen by their true days and moved then, the first and the last of a person's days would tell by how much.
So a space shows the approved period less what a person can be moved by at either end; of every person all that comes
to lie in it. What lasts is cut to it, too: the day on which data end would tell as much.
"""

from __future__ import annotations

from datetime import date, timedelta

from etl.errors import ConfigError
from etl.research.spaces.definition import Definition
from etl.research.spaces.policy import Policy, offered
from etl.sql import literal, quote


def shown(definition: Definition, policy: Policy) -> tuple[date, date]:
    """The first and the last day that the space shows; ConfigError where none would be left of the period."""
    most = timedelta(days=policy.dates.shift)
    reached = min(definition.last, *definition.hospitals.values())  # data end there, of everybody
    first, last = definition.first + most, reached - most
    if last <= first:
        raise ConfigError(
            f"the period is too short: days are moved by up to {policy.dates.shift}, which both its ends lose",
            hint="ask for a longer `period:`, or for another policy",
        )
    return first, last


def day(value: date) -> str:
    """SQL of a day."""
    return f"date {literal(str(value))}"


def within(definition: Definition, policy: Policy, table: str) -> str:
    """SQL condition: the row `t` of the person `p` comes to lie in the days that are shown."""
    said = offered()[table]
    if "day" not in said:
        return "true"
    first, last = map(day, shown(definition, policy))
    begins = f"t.{quote(str(said['day']))} + p.shift"
    if said.get("clipped"):
        return f"{begins} <= {last} and t.{quote(str(said['end']))} + p.shift >= {first}"
    return f"{begins} between {first} and {last}"


def cut(definition: Definition, policy: Policy, table: str, column: str, moved: str) -> str:
    """SQL of a moved day or moment, cut to the days that are shown."""
    first, last = shown(definition, policy)
    if moved.endswith("::date"):
        begins = offered()[table].get("clipped") and column == offered()[table]["day"]
        return f"greatest({moved}, {day(first)})" if begins else f"least({moved}, {day(last)})"
    return f"least({moved}, timestamp {literal(f'{last} 23:59:59')})"
