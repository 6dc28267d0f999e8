"""The register of pseudonymised processing: a line for every data set that was built, told by its request's steps.

Nothing is entered for it and nothing of it is kept: it says what the steps say, those of the version that was built.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from etl.errors import UsageError
from etl.research.oversight.definition import definition
from etl.research.requests.case import Case, Step
from etl.research.requests.forms import Form
from etl.research.requests.kept import step_of
from etl.research.requests.read import day_of
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.requests import REQUEST_STEP, REQUEST_VERSION


@dataclass(frozen=True, slots=True)
class Happened:
    """A step of the use, on a day in Korea; `said` is its result or digest, where it has one."""

    day: date
    move: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Processing:
    """A data set of a request: `number` is the request's with that of the data set among its own.

    Days are those in Korea. `recipients` are people of the form. `built_anew`: it was destroyed as the request's data
    were built anew, without a certificate of its own. `kept_until` is None while it is not destroyed.
    """

    number: str
    request: int
    title: str
    purpose: str
    legal_ground: str
    items: Sequence[str]
    hospitals: Sequence[str]
    level: str
    processed: date
    adequacy: Happened | None
    recipients: Sequence[Mapping[str, str]]
    place: str
    use_from: date | None
    use_until: date
    history: Sequence[Happened]
    released: Sequence[Happened]
    destroyed: date | None
    built_anew: bool
    certificate: str | None
    kept_until: date | None


def register(ledger: Ledger) -> list[Processing]:
    """All lines, in the order in which requests were made and data sets built."""
    built = sa.select(REQUEST_STEP.c.request).where(REQUEST_STEP.c.move == "build")
    steps = sa.select(REQUEST_STEP).where(REQUEST_STEP.c.request.in_(built))
    ordered = ledger.read(steps.order_by(REQUEST_STEP.c.request, REQUEST_STEP.c.number))
    columns = (REQUEST_VERSION.c.request, REQUEST_VERSION.c.version, REQUEST_VERSION.c.form)
    versions = ledger.read(sa.select(*columns).where(REQUEST_VERSION.c.request.in_(built)))
    forms = {(row["request"], row["version"]): row["form"] for row in versions}
    found = []
    for request, rows in groupby(ordered, key=lambda row: int(row["request"])):
        found += _of_request(request, [step_of(dict(row)) for row in rows], forms)
    return found


def of_request(ledger: Ledger, request: int) -> list[Processing]:
    """The lines of one request; UsageError where no data were built for it."""
    if found := [each for each in register(ledger) if each.request == request]:
        return found
    raise UsageError(f"no data were built for a request {request}", hint="etl register show")


def _of_request(request: int, steps: Sequence[Step], forms: Mapping[tuple[int, int], str]) -> list[Processing]:
    places = [place for place, step in enumerate(steps) if _made(step)]
    found = []
    for n, place in enumerate(places, start=1):
        form = json.loads(forms[request, steps[place].version])
        case = Case(request, steps[: place + 1], form)
        after = steps[place + 1 :]
        end = next((k for k, step in enumerate(after) if step.move in ("build", "destroy")), len(after))
        found.append(_line(f"{request}-{n}", case, after[:end], after[end] if end < len(after) else None))
    return found


def _made(step: Step) -> bool:
    """Whether a step made data; a build that failed made none, and took those of before away."""
    return step.move == "build" and step.said.get("result") != "failed"


def _line(number: str, case: Case, after: Sequence[Step], gone: Step | None) -> Processing:
    form, terms = case.form, case.conditions
    opened = [step for step in after if step.move == "open"]
    out = [s for s in after if s.move in definition().released_by and s.said.get("result") != "failed"]
    tests = [step for step in after if step.move == "test"]
    destroyed = day_of(gone.at) if gone else None
    return Processing(
        number=number, request=case.number, title=form["title"], purpose=form["purpose"],
        legal_ground=form["legal_ground"], items=terms["variables"], hospitals=case.hospitals, level=form["level"],
        processed=day_of(case.steps[-1].at), adequacy=_happened(tests[-1]) if tests else None,
        recipients=_recipients(form, terms["recipients"]), place=terms["place"],
        use_from=day_of(opened[0].at) if opened else None, use_until=date.fromisoformat(terms["until"]),
        history=[_happened(s) for s in after if s.after != s.before and s.move != "test"],
        released=[_happened(step) for step in out], destroyed=destroyed,
        built_anew=gone is not None and gone.move == "build",
        certificate=str(gone.said["certificate"]) if gone and "certificate" in gone.said else None,
        kept_until=_years_after(destroyed, definition().years) if destroyed else None,
    )  # fmt: skip


def _happened(step: Step) -> Happened:
    return Happened(day_of(step.at), step.move, {k: v for k, v in step.said.items() if k in ("result", "digest")})


def _recipients(form: Form, accounts: Sequence[str]) -> list[Mapping[str, str]]:
    return [person for person in form["people"] if person["account"] in accounts]


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February
        return date(day.year + years, 3, 1)
