"""How `etl dataset` shows what it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from etl.cli.console import out
from etl.research.datasets import kept
from etl.research.datasets.explain import Explained
from etl.research.datasets.kept import Made, Manifest
from etl.settings import Settings

_NOT_TOLD = "·"


def said_list(settings: Settings, found: Mapping[str, Sequence[int]]) -> Table:
    """A line a data set."""
    table = Table("data set", "versions", "newest", "persons", "nights", box=None, header_style="bold")
    for name, versions in found.items():
        if not versions:
            table.add_row(name, "0", "–", "–", "–")
            continue
        newest = kept.manifest(settings, name, versions[-1])
        nights = ", ".join(f"{h} {s.night}" for h, s in newest.snapshot.hospitals.items())
        table.add_row(name, str(len(versions)), str(versions[-1]), _told(newest.sizes["persons"]), nights)
    return table


def said_version(manifest: Manifest, made: Made) -> None:
    """A version: what it is of, attrition, variables, checks."""
    out.print(f"{manifest.name} {manifest.version}, built {made.at} by {made.by} in {made.seconds} s", soft_wrap=True)
    for hospital, state in manifest.snapshot.hospitals.items():
        out.print(f"  {hospital} {state.night} ({state.run})", soft_wrap=True)
    out.print(f"  vocabulary {manifest.snapshot.vocabulary}, program {manifest.snapshot.program}", soft_wrap=True)
    hospitals = list(manifest.snapshot.hospitals)
    table = Table("left by rule", "persons", *hospitals, box=None, header_style="bold")
    for step in manifest.attrition:
        table.add_row(step["rule"], _told(step["persons"]), *(_told(step["hospitals"][h]) for h in hospitals))
    out.print(table)
    table = Table("variable", "type", *(f"has a value, {h}" for h in hospitals), box=None, header_style="bold")
    for name, column in manifest.columns.items():
        table.add_row(name, str(column["type"]), *(_told(manifest.completeness[name][h]) for h in hospitals))
    out.print(table)
    out.print(f"{_NOT_TOLD} is not told: it, or what is left, is of fewer than {manifest.small_cell} persons")
    for check in manifest.checks:
        out.print(f"  {check['verdict']}: {check['name']} {check.get('about', '')}", soft_wrap=True)


def said_changes(name: str, old: int, new: int, said: Mapping[str, Any]) -> None:
    """What is otherwise in one version than in another."""
    out.print(f"{name} {old} → {new}")
    for reason, hospitals in said["why"].items():
        out.print(f"  {reason} {', '.join(hospitals)}".rstrip(), soft_wrap=True)
    lines = {"persons in": said["in"], "persons out": said["out"], **said["values"]}
    for what, each in lines.items():
        because = "; ".join(f"{reason}: {_told(n)}" for reason, n in each["because"].items())
        out.print(f"  {what}: {_told(each['number'])}{f' ({because})' if because else ''}", soft_wrap=True)


def said_explained(manifest: Manifest, person: int, found: Explained) -> None:
    """A person's rows in a version, and the rows of the warehouse behind them."""
    if not found.episodes:
        out.print(f"{person} is not in {manifest.name} {manifest.version}, nor would be today")
    for each in found.episodes:
        row = each.was or each.would_be or {}
        where = (
            "" if each.was and each.would_be else " (would be there today)" if each.would_be else " (is there no more)"
        )
        out.print(f"episode {row['episode']}, {row['index_date']} to {row['end_date']}{where}", soft_wrap=True)
        for name in manifest.columns:
            old, new = ((side or {}).get(name) for side in (each.was, each.would_be))
            today = f", today {new}" if each.was and each.would_be and old != new else ""
            out.print(f"  {name}: {row.get(name)}{today}", soft_wrap=True)
            for behind in each.behind.get(name, ()):
                out.print(f"    {behind.table} {behind.key}, {behind.day}, day {behind.days:+d}", soft_wrap=True)
    moved = {h: how for h, how in found.standing.items() if how != "current"}
    for hospital, how in moved.items():
        out.print(f"{hospital}: the night of this version is {how}", soft_wrap=True)


def _told(number: Any) -> str:
    return _NOT_TOLD if number is None else f"{number:,}" if isinstance(number, int) else str(number)
