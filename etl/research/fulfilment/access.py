"""Whether a request's space can be used, kept in step with how the request stands; and who opens it."""

from __future__ import annotations

from etl.errors import UsageError
from etl.research.fulfilment.extract import space_of
from etl.research.requests.case import Case
from etl.research.requests.engine import Forbidden
from etl.research.requests.read import IN_USE
from etl.research.spaces import kept
from etl.settings import Settings


def settle(settings: Settings, case: Case) -> bool:
    """Open or shut the file of a request's space as the request stands; whether that changed anything.

    On PostgreSQL the server asks the record itself: there is nothing to be done there.
    """
    name = space_of(case.number)
    if name not in kept.spaces(settings):
        return False
    return kept.set_open(settings, name, opened=case.state in IN_USE and case.has_data)


def must_use(case: Case, actor: str) -> str:
    """The name of the space that somebody may use now; Forbidden for whom it was not approved, UsageError while it
    is shut."""
    if actor not in case.conditions.get("recipients", ()):
        raise Forbidden(f"{actor} is no approved recipient of request {case.number}",
                        hint=f"who is: etl request show {case.number}")  # fmt: skip
    if case.state not in IN_USE:
        raise UsageError(f"request {case.number} is {case.state}: its data are not open for use",
                         hint=f"etl request show {case.number}")  # fmt: skip
    return space_of(case.number)
