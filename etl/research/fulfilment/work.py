"""The work of a request's steps: build, test, open and destroy its space, each written down with what it found.

Who may not, or may not yet, is refused before anything is done. What was done for a request that changed meanwhile
does not count: its space is taken away again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.engine import URL

from etl.errors import ConfigError
from etl.research.concepts.usage import strictest_small_cell
from etl.research.fulfilment.access import settle
from etl.research.fulfilment.extract import definition_of, published_nights, space_of
from etl.research.requests.actions import Evidence, Overtaken, carry_out
from etl.research.requests.case import Case, Step
from etl.research.requests.read import show_request
from etl.research.spaces import kept, on_postgres
from etl.research.spaces.build import Built, NotAdequate, Tell
from etl.research.spaces.build import build as build_space
from etl.research.spaces.certificate import Certificate
from etl.research.spaces.check_again import check_again
from etl.research.spaces.destroy import certificate_of, pending
from etl.research.spaces.destroy import destroy as destroy_space
from etl.research.spaces.page import measures_told
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

CHANGED = "the request changed while its data were built"
ANEW = "the data are built anew"


@dataclass(frozen=True, slots=True)
class Worker:
    """Who does the work, where: `by` is the account, `entered_by` who sits at the machine, `admin` makes schemas."""

    settings: Settings
    ledger: Ledger
    by: str
    entered_by: str
    admin: URL | None = None
    tell: Tell = lambda _what, _more: None


def do(worker: Worker, number: int, work: str) -> Step:
    """Do the work of a step by its name in `chain.yaml`, and return the step.

    A build or a test that fails is a step, too: what it measured is in what the step says. Two at once would take each
    other's space away between its building and its step: TransientError for the second.
    """
    with kept.at_work(worker.settings, space_of(number), "step"):
        step = _WORK[work](worker, number)
    settle(worker.settings, show_request(worker.ledger, number))
    return step


def build(worker: Worker, number: int) -> Step:
    """Build the space of what was approved, of the nights that are published now."""
    try:
        return _carry_out(worker, number, "build", lambda case: _build(worker, case))
    except Overtaken:
        _take_away(worker, number, CHANGED)
        raise


def test(worker: Worker, number: int) -> Step:
    """Measure the space that stands again, by somebody else than who built it; what was changed since does not pass."""
    return _carry_out(worker, number, "test", lambda case: _test(worker, case))


def open_for_use(worker: Worker, number: int) -> Step:
    """Open the space to the approved recipients."""
    return _carry_out(worker, number, "open", lambda case: _open(worker, case))


def destroy(worker: Worker, number: int) -> Step:
    """Destroy the space with its keys; the certificate is kept with the step."""
    return _carry_out(worker, number, "destroy", lambda case: _destroy(worker, case))


def _carry_out(worker: Worker, number: int, work: str, does: Callable[[Case], Evidence]) -> Step:
    return carry_out(worker.ledger, number, work, does, actor=worker.by, entered_by=worker.entered_by)


def _build(worker: Worker, case: Case) -> Evidence:
    settings = worker.settings
    nights = published_nights(settings, case.hospitals)
    definition = definition_of(case, nights)
    replaced = _take_away(worker, case.number, ANEW)
    more: dict[str, Any] = {"nights": nights, "definition": definition.digest}
    if replaced:
        more["replaced"] = _digest(replaced)
    try:
        built = build_space(settings, definition, worker.by, worker.tell, worker.admin)
    except NotAdequate as error:
        said = _measures(settings, error.built)
        return Evidence({"result": "failed", "digest": definition.digest, **said, **more, "why": error.message})
    about = kept.about(settings, definition.name)
    return Evidence({"result": "built", "digest": about.digests[kept.FILE], **_measures(settings, built), **more})


def _measures(settings: Settings, built: Built) -> dict[str, Any]:
    told = measures_told(built.measured, strictest_small_cell(settings))
    return {"measures": told, "fails": built.failures, "in_twin": built.in_twin}


def _test(worker: Worker, case: Case) -> Evidence:
    built = _of_build(case)
    definition = definition_of(case, built["nights"])
    if definition.digest != built["definition"]:
        raise ConfigError("the request says something else than when its data were built", hint="build them anew")
    measured, failures = check_again(
        worker.settings, definition, built["digest"], built["measures"]["risks"]["journalist"], worker.admin
    )
    told = measures_told(measured, strictest_small_cell(worker.settings)) if measured else {}
    return Evidence({"result": "failed" if failures else "passed", "measures": told, "fails": failures})


def _open(worker: Worker, case: Case) -> Evidence:
    name, recipients = space_of(case.number), list(case.conditions["recipients"])
    kept.about(worker.settings, name)
    if worker.settings.warehouse.get_backend_name() != "postgresql":
        return Evidence({"recipients": recipients})
    let = on_postgres.let_in(worker.admin or worker.settings.warehouse, name, recipients)
    return Evidence({"recipients": recipients, "logins": let})


def _destroy(worker: Worker, case: Case) -> Evidence:
    ordered = case.ordered or case.steps[-1]
    why = ordered.reason or f"request {case.number} has ended"
    _take_away(worker, case.number, why)
    # what the request has may be gone already: replaced by a build that came to nothing
    certificate = certificate_of(worker.settings, space_of(case.number), _of_build(case)["digest"])
    if certificate is None:
        raise ConfigError(f"what was built last of request {case.number} is not here, nor a certificate of it",
                          hint="set ETL_HOME to where it was built")  # fmt: skip
    return Evidence({
        "certificate": f"{certificate.name} {certificate.destroyed_at}", "digest": _digest(certificate),
        "said": asdict(certificate),
    })  # fmt: skip


def _take_away(worker: Worker, number: int, why: str) -> Certificate | None:
    name, settings = space_of(number), worker.settings
    if name not in {*kept.spaces(settings), *pending(settings)}:
        return None
    return destroy_space(settings, name, worker.by, why, worker.admin)[0]


def _of_build(case: Case) -> Any:
    step = case.newest("build")
    assert step is not None  # the chain lets nobody test what was not built
    return step.said


def _digest(certificate: Certificate) -> str:
    return sha256(json.dumps(asdict(certificate), sort_keys=True).encode()).hexdigest()


_WORK: dict[str, Callable[[Worker, int], Step]] = {
    "build": build, "test": test, "open": open_for_use, "destroy": destroy,
}  # fmt: skip
