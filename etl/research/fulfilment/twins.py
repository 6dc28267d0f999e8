"""The dummy twin of a request, from its submission on: to write queries on before anything is approved.

Until it is approved it is drawn of persons whom the request does not choose, then of those of its cohort.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from etl.errors import InputError, UsageError
from etl.research.fulfilment.extract import definition_of, published_nights
from etl.research.requests.case import Case
from etl.research.requests.engine import Forbidden
from etl.research.spaces.build import Tell, build_twin
from etl.settings import Settings

_FOLDER = ".twins"
#: States in which a request has a twin.
WITH_TWIN = ("submitted", "irb_done", "in_review", "approved", "built", "adequate", "open", "outputs_checked")


def twin_file(settings: Settings, case: Case) -> Path:
    """Where the twin of the newest version of a request is, or would be."""
    kind = ".approved" if case.conditions else ""
    return settings.spaces / _FOLDER / f"{case.number}.v{case.steps[-1].version}{kind}.duckdb"


def make_twin(settings: Settings, case: Case, tell: Tell) -> int | None:
    """Make the twin of a request as it is asked for now, of the nights that are published.

    Returns how many of its persons the cohort's query finds; None where that reads tables that are not asked for.
    """
    definition = definition_of(case, published_nights(settings, case.hospitals))
    found = build_twin(settings, definition, twin_file(settings, case), tell, is_approved=bool(case.conditions))
    remove_twins(settings, case.number, but=twin_file(settings, case))
    return found


def take_twin(settings: Settings, case: Case, actor: str, target: Path) -> None:
    """Copy the twin to a new file, for somebody whom the request names."""
    if actor not in case.people:
        raise Forbidden(f"request {case.number} does not name {actor}", hint=f"etl request show {case.number}")
    if case.state not in WITH_TWIN:
        raise UsageError(f"request {case.number} is {case.state}: there is no twin of it",
                         hint="a request has one from its submission to its end")  # fmt: skip
    file = twin_file(settings, case)
    if not file.exists():
        raise InputError(f"the twin of request {case.number} is not made yet", hint="etl request work makes it")
    try:
        with file.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="choose another name") from None


def remove_twins(settings: Settings, number: int, but: Path | None = None) -> None:
    """Remove the twins of a request, or those of its earlier versions."""
    for file in (settings.spaces / _FOLDER).glob(f"{number}.v*.duckdb"):
        if file != but:
            file.unlink(missing_ok=True)
