"""How a delivery came: nights left out before it, and files that came before under another date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby, takewhile

from etl.night.check.drift.rules import read_rules
from etl.night.lake.layers import LAYER, read_layer
from etl.night.missed import left_out
from etl.night.run import Run
from etl.store.ledger.records import Finding

SUITE = "delivery"
_TOLD = 5  # nights that are named; the others are counted


def arrival_findings(run: Run) -> list[Finding]:
    """A warning if nights of changes before this one stopped unpublished, and one if it brought what another did."""
    return [*_of_nights_left_out(run), *_of_same_files(run)]


def _of_nights_left_out(run: Run) -> list[Finding]:
    nights = [each.night for each in left_out(run)]
    if not nights:
        return []
    return [_warning("expect_no_night_to_be_left_out",
                     "No night of changes lies before this one that was not published", nights)]  # fmt: skip


def _of_same_files(run: Run) -> list[Finding]:
    """A full export under a second date is usually one that is stuck. Without a row, nights may well be the same."""
    own = read_layer(run.folder("land"))
    if not any(file["rows"] for file in run.ledger.accounts(run.run_id).files):
        return []
    landed = [read_layer(file.parent) for file in own.folder.parent.glob(f"delivery=*/{LAYER}")]
    same = sorted({x.night for x in landed if x.sources == own.sources and x.night != own.night})
    rules = read_rules(run.settings.expectations)
    earlier = [(x.night, x.sources) for x in landed if x.night < own.night]
    if not same or stood_as_long([*earlier, (own.night, own.sources)], rules.works if rules else lambda _: True):
        return []
    return [_warning("expect_files_to_be_new", "The files did not come before under another date", same)]


def stood_as_long(nights: Iterable[tuple[date, object]], works: Callable[[date], bool]) -> bool:
    """Whether what came has been the same for no more workdays up to the last night than it once was before.

    A small hospital has workdays without anything new, and none has much where clinics are closed. What came before and
    is there again, after something else, did not stand still.
    """
    (last, what), *before = sorted(nights, key=lambda night: night[0], reverse=True)
    still = list(takewhile(lambda night: night[1] == what, before))
    if any(came == what for _, came in before[len(still) :]):
        return False
    stretches = [[day for day, _ in group] for _, group in groupby(before[len(still) :], key=lambda night: night[1])]
    longest = max((sum(map(works, days[:-1])) for days in stretches), default=0)
    return sum(map(works, [last, *(day for day, _ in still[:-1])])) <= longest if still else True


def _warning(expectation: str, description: str, nights: Sequence[date]) -> Finding:
    more = f" and {len(nights) - _TOLD} more" if len(nights) > _TOLD else ""
    return Finding(
        SUITE, "delivery", expectation, description, "warn", False,
        observed=", ".join(map(str, nights[-_TOLD:])) + more,
    )  # fmt: skip
