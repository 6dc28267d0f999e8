"""What requests need done without anybody waiting for it: one look at all of them, as often as one likes.

Requests whose last day has passed are written down as expired, spaces are opened and shut as their requests stand, what
was ordered is done in the name of who ordered it, twins are made, and what no request has any more is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from etl.errors import EtlError
from etl.faults import as_etl_error
from etl.research.fulfilment.access import settle
from etl.research.fulfilment.extract import space_of
from etl.research.fulfilment.twins import WITH_TWIN, make_twin, remove_twins, twin_file
from etl.research.fulfilment.work import Worker, do
from etl.research.requests.actions import write_expiry
from etl.research.requests.case import ITSELF, Case
from etl.research.requests.chain import chain
from etl.research.requests.read import IN_USE, list_requests, show_request
from etl.research.spaces import kept
from etl.research.spaces.destroy import destroy, pending
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger, now

#: How long a space may stand before its request says so: who builds it is writing that down.
_GRACE = timedelta(hours=1)
LEFT_OVER = "no request has it"


@dataclass(frozen=True, slots=True)
class Swept:
    """What was done for a request, or why it could not be."""

    request: int
    text: str
    error: EtlError | None = None


def sweep(worker: Worker) -> Iterator[Swept]:
    """Do what there is to be done for each request; one that fails, in whatever way, stops no other.

    All that has ended is shut first: that waits for nobody's build.
    """
    numbers = [listed.number for listed in list_requests(worker.ledger)]
    for does in (_settled, _worked):
        for number in numbers:
            try:
                for text in does(worker, number):
                    yield Swept(number, text)
            except Exception as raised:  # whatever it is, it is told, and the others have their turn
                error = as_etl_error(raised)
                yield Swept(number, error.message, error)


def _settled(worker: Worker, number: int) -> Iterator[str]:
    """Write down that a request has expired, and open or shut its space."""
    if write_expiry(worker.ledger, number):
        yield "its last day has passed: expired"
    if settle(worker.settings, show_request(worker.ledger, number)):
        yield f"its space was {'opened' if kept.is_open(worker.settings, space_of(number)) else 'shut'}"


def _worked(worker: Worker, number: int) -> Iterator[str]:
    """Do what takes time: what was broken off or ordered, and the twin."""
    settings, case = worker.settings, show_request(worker.ledger, number)
    if space_of(number) in pending(settings):
        destroy(settings, space_of(number), ITSELF, LEFT_OVER, worker.admin)
        yield "the destruction of its space, which was broken off, is done"
    if _is_left_over(worker, case):
        destroy(settings, space_of(number), ITSELF, LEFT_OVER, worker.admin)
        yield "its space was destroyed: " + LEFT_OVER
    if order := case.ordered:
        work = chain().moves[order.move].orders or ""
        step = do(replace(worker, by=order.actor), number, work)
        yield f"{work}: {chain().states[step.after].title.en}"
        case = show_request(worker.ledger, number)
    if case.state not in WITH_TWIN:
        remove_twins(settings, number)
    elif not twin_file(settings, case).exists():
        found = make_twin(settings, case, worker.tell)
        yield "its dummy twin was made" + ("" if found else "; the cohort's query finds nobody in it")


def _is_left_over(worker: Worker, case: Case) -> bool:
    """Whether a space stands that the request does not know of, for longer than it takes to write it down."""
    name = space_of(case.number)
    if case.has_data or name not in kept.spaces(worker.settings):
        return False
    built = datetime.fromisoformat(kept.about(worker.settings, name).built_at).replace(tzinfo=None)
    return now() - built > _GRACE


def waiting(ledger: Ledger, longer_than: timedelta) -> list[int]:
    """Requests of which somebody ordered work that is not done for longer than that: nobody looks at requests."""
    with_orders = {state for move in chain().moves.values() if move.orders for state in move.from_}
    found = []
    for listed in list_requests(ledger, sorted(with_orders)):
        order = show_request(ledger, listed.number).ordered
        if order and now() - order.at > longer_than:
            found.append(listed.number)
    return found


def open_by_mistake(settings: Settings, ledger: Ledger) -> list[int]:
    """Requests whose space can be used though they are not in use: nobody has shut it."""
    in_use = {space_of(listed.number) for listed in list_requests(ledger, IN_USE)}
    left = [name for name in kept.spaces(settings) if kept.is_open(settings, name) and name not in in_use]
    return [int(number) for name in left if (number := name.removeprefix("request_")).isdecimal()]
