"""What one hospital's CDM gate judges otherwise than `expectations/cdm`, and why.

`expectations/cdm/overrides/<hospital>.yaml` lists expectations, named by their table and description, with another
severity, other limits, the reason, and until which night that holds. Beyond that night the suites count again as they
stand, so that what was meant for a while does not stay for good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from etl import yamls
from etl.errors import Problem
from etl.files import read_bytes
from etl.night.check.lines import LineFinder
from etl.night.check.suites import COLUMN_ARGUMENTS, Expectation, Severity, Suite, SuiteError, reread

FOLDER = "overrides"


class _Said(BaseModel):
    """One item of the file."""

    model_config = ConfigDict(extra="forbid")

    table: str
    expectation: str
    severity: Severity | None = None
    approve_above: float | None = None
    limits: dict[str, Any] = {}
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """An expectation as one hospital has it, up to the night `until` (None: for good)."""

    table: str
    instead_of: str  # the description of the suite's expectation
    expectation: Expectation
    reason: str
    until: date | None

    def holds(self, night: date) -> bool:
        """Whether it counts for a night."""
        return self.until is None or night <= self.until


def file_of(cdm: Path, hospital: str) -> Path:
    """The hospital's overrides, below the folder of the CDM suites."""
    return cdm / FOLDER / f"{hospital}.yaml"


def read_overrides(cdm: Path, hospital: str, suites: Sequence[Suite]) -> list[Override]:
    """The overrides of a hospital, none where it has no file; SuiteError with everything that is wrong with them."""
    file = file_of(cdm, hospital)
    if not file.exists():
        return []
    try:
        text = read_bytes(file).decode("utf-8")
    except UnicodeDecodeError:
        raise SuiteError([Problem(str(file), 1, "yaml", "is not UTF-8 text")]) from None
    found, problems = _read(file, text, hospital, {s.table: s for s in suites})
    if problems:
        raise SuiteError(problems)
    return found


def check_names(cdm: Path, hospitals: Collection[str]) -> None:
    """SuiteError where a file is of no hospital."""
    strange = [f for f in sorted((cdm / FOLDER).glob("*")) if f.suffix != ".yaml" or f.stem not in hospitals]
    if strange:
        raise SuiteError(
            [Problem(str(f), 1, "file", f"there is no hospital {f.stem}{_near(f.stem, dict.fromkeys(hospitals))}")
             for f in strange]
        )  # fmt: skip


def overridden(suites: Sequence[Suite], overrides: Sequence[Override], night: date) -> list[Suite]:
    """The suites of one hospital's night. An expectation that is another there says so in its description."""
    here = {(o.table, o.instead_of): o.expectation for o in overrides if o.holds(night)}
    return [
        replace(s, expectations=tuple(here.get((s.table, e.description), e) for e in s.expectations)) for s in suites
    ]


def told(overrides: Sequence[Override], today: date) -> Iterator[str]:
    """A line per override, for `etl check`."""
    for o in overrides:
        over = "" if o.holds(today) else "  (over)"
        yield f"  {o.table}: {o.expectation.description}{over}"


def _read(file: Path, text: str, hospital: str, suites: Mapping[str, Suite]) -> tuple[list[Override], list[Problem]]:
    try:
        content = yamls.load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [], [Problem(str(file), mark.line + 1 if mark else 1, "yaml", getattr(error, "problem", None) or "?")]
    if not isinstance(content, list):
        return [], [Problem(str(file), 1, "overrides", "expected a list of items with table, expectation and reason")]
    lines = LineFinder(text)
    found: dict[tuple[str, str], Override] = {}
    problems: list[Problem] = []
    for i, item in enumerate(content):
        try:
            said = _Said.model_validate(item)
        except ValidationError as error:
            places = [tuple(part for part in e["loc"] if isinstance(part, str | int)) for e in error.errors()]
            problems += [
                Problem(str(file), lines.line((i, *place)), str(place[0]) if place else "item", e["msg"])
                for place, e in zip(places, error.errors(), strict=True)
            ]
            continue
        before, wrong = _meant(said, suites)
        if before is None:
            problems.append(Problem(str(file), lines.line((i, wrong[0])), *wrong))
            continue
        made, bad = reread(file, text, i, _changed(before, said, hospital))
        problems += [replace(p, line=lines.line((i, "limits", p.key))) if p.key in said.limits else p for p in bad]
        if (said.table, said.expectation) in found:
            problems.append(Problem(str(file), lines.line((i,)), "expectation", "is overridden twice"))
        if made is not None:
            found[said.table, said.expectation] = Override(
                said.table, said.expectation, made, said.reason, said.until
            )  # fmt: skip
    return list(found.values()), problems


def _meant(said: _Said, suites: Mapping[str, Suite]) -> tuple[Expectation | None, tuple[str, str]]:
    """The expectation that an item names, or the key that names none and what is wrong with it."""
    if said.table not in suites:
        return None, ("table", f"there is no suite of {said.table}{_near(said.table, suites)}")
    by_text = {e.description: e for e in suites[said.table].expectations}
    if said.expectation not in by_text:
        near = _near(said.expectation, by_text)
        return None, ("expectation", f"no expectation of {said.table} is described so{near}")
    if said.severity is None and said.approve_above is None and not said.limits:
        return None, ("expectation", "changes nothing: give severity, limits or approve_above")
    fixed = sorted({*said.limits} & {*COLUMN_ARGUMENTS})
    if fixed:
        return None, ("limits", f"{fixed[0]} says what the expectation is about, which is no limit")
    return by_text[said.expectation], ("", "")


def _near(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean: {close[0]}" if close else ""


def _changed(before: Expectation, said: _Said, hospital: str) -> dict[str, Any]:
    """The expectation as a suite would say it."""
    severity = said.severity or before.severity
    meta: dict[str, Any] = {"severity": severity}
    limit = said.approve_above if said.approve_above is not None else before.approve_above
    if limit is not None and (severity == "warn" or said.approve_above is not None):
        meta["approve_above"] = limit
    if before.column:
        meta["column"] = before.column
    words = [
        *([said.severity] if said.severity else []),
        *(f"{name} {value}" for name, value in said.limits.items() if name != "unexpected_rows_query"),
        *([f"approve above {said.approve_above}"] if said.approve_above is not None else []),
    ]
    until = f" until {said.until}" if said.until else ""
    changed = f"at {hospital} {', '.join(words) or 'another query'}{until}: {said.reason}"
    return {
        "type": before.type,
        "kwargs": {**before.kwargs, **said.limits},
        "meta": meta,
        "description": f"{before.description} ({changed})",
    }
