"""What happens to a tracked finding by itself: it is gone, comes back, its waiver ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from etl.quality.findings.course import Step
from etl.quality.findings.share import grew_times, share_of
from etl.quality.findings.states import states


@dataclass(frozen=True, slots=True)
class Standing:
    """How a finding stands: its state, the newest look when it came into it, the last day of a waiver."""

    state: str
    entered: int = 0
    until: date | None = None


def due_by_itself(steps: Sequence[Step], standing: Standing, today: date) -> str | None:
    """The action that is due by itself, if any, after the nights of `steps`; `today` is a day in Korea."""
    last = steps[-1] if steps else None
    is_new = last is not None and last.look > standing.entered
    due = None
    if last and is_new:
        due = "came_back" if last.seen else "gone"
    if standing.state == "waived" and due != "gone":
        due = _end_of_waiver(steps, standing, today)
    return due if due and states().actions[due].is_allowed(standing.state) else None


def _end_of_waiver(steps: Sequence[Step], standing: Standing, today: date) -> str | None:
    if standing.until is None or today > standing.until:
        return "waiver_over"
    seen = [step for step in steps if step.seen]
    then = [step for step in seen if step.look <= standing.entered]
    if not then:
        return None
    before, now = (share_of(step.violated, step.total) for step in (then[-1], seen[-1]))
    return "much_worse" if grew_times(before, now, states().much_worse_from) else None
